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

from rockspace.report.figures import COLUMN, column_style, one_line, save

# Room that one label needs to be read (inches), and the size it is printed in (points).
LABEL, LABEL_SIZE = 0.074, 4.6
MARKS_LETTERS = 24  # that fit beside each other above the matrix


def confusion_of_predictions(predictions: pd.DataFrame, catalog: pd.DataFrame, output: str | Path) -> None:
    """Draw how many validation images of each label were taken for each label.

    Args:
        predictions: As ``predictions.csv`` has them.
        catalog: From `rockspace.data.catalog.read_catalog`.
        output: File to write; the suffix says the format.
    """
    shown = predictions[predictions["split"] == "validation"]
    superclass = dict(zip(catalog["label"], catalog["superclass"], strict=True))
    confusion_matrix_figure(shown["label"], shown.get("predicted"), superclass, output)


def confusion_matrix_figure(
    true_labels: Sequence[str],
    predicted_labels: Sequence[str] | None,
    superclass_of_label: Mapping[str, str],
    output: str | Path,
) -> None:
    """Draw how many images of each label were taken for each label.

    Args:
        true_labels: Label of each image.
        predicted_labels: What each image was taken for; None for a network without a softmax, which the picture says.
        superclass_of_label: Superclass of every label that can occur; labels are ordered by it, then by name.
        output: File to write; the suffix says the format.
    """
    if predicted_labels is None:
        no_labels_figure(output)
        return
    order = sorted(superclass_of_label, key=lambda label: (str(superclass_of_label[label]), label))
    counts = confusion_matrix(list(true_labels), list(predicted_labels), labels=order)
    with column_style():
        # The labels and the bar take about as much as eighteen labels' width.
        width = max(COLUMN, LABEL * (len(order) + 18))
        figure, axis = plt.subplots(figsize=(width, width * 1.02), layout="constrained")
        picture = axis.imshow(counts, cmap="Blues", vmin=0, interpolation="none")
        name_labels(axis, order, [str(superclass_of_label[label]) for label in order], LABEL_SIZE)
        axis.set_xlabel("predicted")
        axis.set_ylabel("true")
        right = int(np.trace(counts))
        axis.set_title(f"{right} of {counts.sum()} right ({right / max(counts.sum(), 1):.1%})", loc="left", pad=12)
        bar = figure.colorbar(picture, ax=axis, shrink=0.6, aspect=30, label="images", pad=0.02)
        bar.locator = MaxNLocator(integer=True)
        bar.outline.set_linewidth(0.4)
        save(figure, [output])


def no_labels_figure(output: str | Path) -> None:
    """Write in place of a confusion matrix that the model predicts no labels."""
    with column_style():
        figure, axis = plt.subplots(figsize=(COLUMN, 0.6), layout="constrained")
        axis.set_axis_off()
        axis.text(0.5, 0.5, "This network predicts coordinates, no labels.", ha="center", va="center")
        save(figure, [output])


def name_labels(axis: Axes, labels: Sequence[str], superclasses: Sequence[str], small: float) -> None:
    """Write the labels along both sides of a matrix, draw lines between superclasses, and name each above its labels.

    Args:
        axis: The matrix, a cell for each pair of labels.
        labels: In the order of rows and columns.
        superclasses: Superclass of each label.
        small: Size of more than twelve labels (points).
    """
    size, names = small if len(labels) > 12 else 6, [one_line(label) for label in labels]
    axis.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
    axis.set_yticks(range(len(names)), names, fontsize=size)
    axis.tick_params(length=0, pad=2)
    axis.spines[:].set_visible(True)
    start, letters = 0, max(1, MARKS_LETTERS // len(superclasses))
    for name, members in groupby(superclasses):
        end = start + len(list(members))
        if start:
            axis.axvline(start - 0.5, color="black", lw=0.6)
            axis.axhline(start - 0.5, color="black", lw=0.6)
        axis.text(
            (start + end - 1) / 2, -1, one_line(name, letters * (end - start)), ha="center", va="bottom", fontsize=6
        )
        start = end
