"""Confusion matrix, with the labels of one superclass side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from sklearn.metrics import confusion_matrix

from rockspace.data.catalog import label_names
from rockspace.report.captions import caption, count, counted, left_out_of_accuracy
from rockspace.report.figures import COLUMN, LETTER, LINE, TWO_COLUMNS, column_style, letters, one_line, save, wrapped

# Letters of a label that are shown, and the side of a cell (inches) from which on labels and counts are.
NAME, CELL = 24, 0.104


def confusion_of_predictions(
    predictions: pd.DataFrame, catalog: pd.DataFrame, title: str, outputs: Sequence[str | Path]
) -> None:
    """Draw how many validation images of each label were taken for each label; images without a label of the network are left out.

    Args:
        predictions: As ``predictions.csv`` has them.
        catalog: From `rockspace.data.catalog.read_catalog`.
        title: What was trained.
        outputs: As for `confusion_matrix_figure`.
    """
    names = label_names(catalog)
    shown = predictions[(predictions["split"] == "validation") & predictions["label"].isin(names)]
    superclass = catalog[catalog["label"].isin(names)].set_index("label")["superclass"].to_dict()
    left_out = left_out_of_accuracy(predictions)
    if shown.empty:
        figure_without_accuracy(title, left_out, outputs)
        return
    confusion_matrix_figure(shown["label"], shown["predicted"], superclass, title, outputs, left_out)


def confusion_matrix_figure(
    true_labels: Sequence[str],
    predicted_labels: Sequence[str],
    superclass_of_label: Mapping[str, str],
    title: str,
    outputs: Sequence[str | Path],
    left_out: str = "",
) -> None:
    """Draw how many images of each label were taken for each label.

    Args:
        true_labels: Label of each image.
        predicted_labels: What each image was taken for.
        superclass_of_label: Superclass of every label that can occur; labels are ordered by it, then by name.
        title: What was trained.
        outputs: Files to write, the suffix says the format; the caption goes to those that end in ``.txt``.
        left_out: What the caption says of images that are not among these.
    """
    order = sorted(superclass_of_label, key=lambda label: (str(superclass_of_label[label]), label))
    counts = confusion_matrix(list(true_labels), list(predicted_labels), labels=order)
    right, total = int(np.trace(counts)), int(counts.sum())
    names = name_width(order)
    fits = [width for width in (COLUMN, TWO_COLUMNS) if (width - names - 3 * LINE) / len(order) >= CELL]
    width, names = (fits[0], names) if fits else (TWO_COLUMNS, 0.0)
    # Beside the matrix stand the axis' name and, where there are no counts, the bar of colours.
    side = width - names - (3 * LINE if fits else 9 * LINE)
    words = wrapped(f"{title}: {right} of {total} right ({right / max(total, 1):.1%})", width)
    heading = words if fits else f"{words}\n{_too_many(len(order))}"
    superclasses = [str(superclass_of_label[label]) for label in order]
    with column_style():
        size = (width, side + names + (4.5 + heading.count("\n")) * LINE)
        figure, axis = plt.subplots(figsize=size, layout="constrained")
        picture = axis.imshow(counts, cmap="Blues", vmin=0, interpolation="none")
        name_labels(axis, order, superclasses, int(side / LETTER), named=bool(fits))
        axis.set_xlabel("predicted label")
        axis.set_ylabel("true label")
        figure.suptitle(heading, x=0.01, ha="left")
        if fits:
            _write_counts(axis, counts)
        else:
            bar = figure.colorbar(picture, ax=axis, shrink=0.6, aspect=30, label="images", pad=0.02)
            bar.locator = MaxNLocator(integer=True)
            bar.outline.set_linewidth(0.4)
        about = (
            f"Confusion matrix of {title}: {counted(true_labels, 'validation')}, by true label (rows) and by the most probable label "
            f"(columns), of {count(len(order), 'label')}"
            f"{' in the order of their superclasses (lines)' if any(superclasses) else ''}.",
            "Numbers are images; empty cells have none. Darker cells have more."
            if fits
            else f"Darker cells have more images. {_too_many(len(order))}",
            f"The diagonal has the {right} images that were classified correctly ({right / max(total, 1):.1%}).",
            left_out,
        )
        save(figure, outputs, caption(*about))


def _too_many(labels: int) -> str:
    return f"{labels} labels are too many for names and counts, which predictions.csv has."


def name_width(labels: Sequence[str]) -> float:
    """Return the room (inches) that the longest label takes, as far as it is shown."""
    return LETTER * max(letters(one_line(label, NAME)) for label in labels)


def _write_counts(axis: Axes, counts: np.ndarray) -> None:
    for row, column in np.argwhere(counts):
        color = "white" if counts[row, column] > 0.55 * counts.max() else "black"
        axis.text(column, row, str(counts[row, column]), ha="center", va="center_baseline", color=color)


def figure_without_accuracy(title: str, why: str, outputs: Sequence[str | Path]) -> None:
    """Write in place of a picture of guesses that no validation image has a label that the network learnt."""
    with column_style():
        figure, axis = plt.subplots(figsize=(COLUMN, 6 * LINE), layout="constrained")
        axis.set_axis_off()
        axis.text(0.5, 0.5, wrapped(f"{title}: no accuracy. {why}", COLUMN), ha="center", va="center")
        save(figure, outputs, caption(f"{title}: no accuracy.", why))


def name_labels(axis: Axes, labels: Sequence[str], superclasses: Sequence[str], room: int, *, named: bool) -> None:
    """Write the labels along both sides of a matrix, draw lines between superclasses, and name each above its labels.

    Args:
        axis: The matrix, a cell for each pair of labels.
        labels: In the order of rows and columns.
        superclasses: Superclass of each label.
        room: Letters that fit beside each other above the matrix.
        named: Whether there is room for the labels.
    """
    names = [one_line(label, NAME) for label in labels] if named else []
    axis.set_xticks(range(len(names)), names, rotation=90)
    axis.set_yticks(range(len(names)), names)
    axis.tick_params(length=0, pad=2)
    axis.spines[:].set_visible(True)
    start = 0
    for name, members in groupby(superclasses):
        size = len(list(members))
        end = start + size
        if start:
            axis.axvline(start - 0.5, color="black", lw=0.6)
            axis.axhline(start - 0.5, color="black", lw=0.6)
        axis.annotate(
            one_line(name, max(1, room * size // len(superclasses))), ((start + end - 1) / 2, 1), (0, 2), ("data", "axes fraction"),
            textcoords="offset points", ha="center", va="bottom",
        )  # fmt: skip
        start = end
