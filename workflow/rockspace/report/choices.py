"""Pictures of people's choices: predicted beside observed, and all spaces side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from rockspace.choices.choice_tables import PEOPLE, confusion
from rockspace.report.captions import caption, count, listed
from rockspace.report.confusion import name_labels, name_width
from rockspace.report.figures import (
    BLUE,
    COLUMN,
    GREY,
    LETTER,
    LINE,
    TWO_COLUMNS,
    VERMILION,
    column_style,
    one_line,
    save,
    wrapped,
)

# Side of a cell (inches) from which on categories are named: as high as their letters.
TIGHT = 0.092
# Shares named beside the colours.
TICKS = (0, 0.05, 0.2, 0.5, 1)
SPACES = {
    "coordinates": "people's coordinates",
    "embedding": "the embedding",
    "predicted": "predicted coordinates",
}
SPLITS = {"train": "training", "validation": "validation"}
FITTED_TO = {
    "in_sample": "fitted to these very choices",
    "cross_validated": "fitted to choices of other subtypes",
}


def choices_figure(
    table: pd.DataFrame,
    figures: Mapping[str, Any],
    superclass_of: Mapping[str, str],
    title: str,
    outputs: Sequence[str | Path],
) -> None:
    """Draw the observed confusion matrix and, beside it, the one predicted in each space.

    Args:
        table: As from `rockspace.choices.choice_tables.image_table`, of one split.
        figures: By space, as `rockspace.choices.human_choices.choice_report` gives them.
        superclass_of: Superclass of each category; categories are ordered by it, then by name.
        title: Whose spaces they are.
        outputs: Files to write, the suffix says the format; the caption goes to those that end in ``.txt``.
    """
    order = sorted(superclass_of, key=lambda name: (str(superclass_of[name]), name))
    superclasses = [str(superclass_of[name]) for name in order]
    split, panels = table["split"].iloc[0], []
    for space, by_split in figures.items():
        part = by_split[split]
        observed, predicted = confusion(table[table["space"] == space], order)
        panels.append((predicted, _heading(space, part[part["leading"]])))
    correct = part[part["leading"]]["correct"]
    panels.insert(0, (observed, f"observed{_right(correct, 'observed')}\n"))
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    names = name_width(order)
    # Beside the matrices stands the axis' name, and below them the bar of colours.
    side = (TWO_COLUMNS - 2.5 * LINE - names) / columns - 0.08
    named = side / len(order) >= TIGHT
    with column_style():
        size = (TWO_COLUMNS, rows * (side + 4.5 * LINE) + names + 6.5 * LINE)
        figure, axes = plt.subplots(
            rows, columns, figsize=size, sharex=True, sharey=True, squeeze=False, layout="constrained"
        )
        for axis, (shares, heading) in zip(axes.flat, panels, strict=False):
            picture = _matrix(axis, shares, order, superclasses, int(side / LETTER), named)
            axis.set_title(heading, loc="left", pad=12)
        for axis in axes.flat[len(panels) :]:
            axis.set_visible(False)
        for axis in axes[-1]:
            axis.set_xlabel("chosen category")
        figure.supylabel("right category")
        bar = figure.colorbar(picture, ax=axes, location="bottom", shrink=0.4, aspect=40, label="share of responses")
        bar.set_ticks(np.sqrt(TICKS), labels=[f"{tick:g}" for tick in TICKS])
        bar.outline.set_linewidth(0.4)
        figure.suptitle(
            wrapped(f"{title}, {SPLITS[split]} images; exemplar model {FITTED_TO[part['leading']]}", TWO_COLUMNS),
            x=0.01,
            ha="left",
        )
        shown = table.drop_duplicates("image_id")
        about = (
            f"People's choices of a category for {count(len(shown), f'{SPLITS[split]} image')} "
            f"({count(int(shown['responses'].sum()), 'response')}, {len(order)} categories), and those that the "
            f"exemplar model predicts ({title}).",
            "Rows: right category; columns: chosen category; colours: shares of the responses, averaged over the images of a row, on a "
            "square-root scale. Grey rows have no image.",
            f"The parameters of the exemplar model were {FITTED_TO[part['leading']]}.",
            "r: Pearson correlation of predicted with observed shares over all images and categories; among errors: without the right "
            "category of each image.",
            "" if named else f"{len(order)} categories are too many for names.",
            "There are no error bars; human_choices has intervals of the likelihood.",
        )
        save(figure, outputs, caption(*about))


def _heading(space: str, figures: Mapping[str, Any]) -> str:
    errors = "" if figures["r_errors"] is None else f", among errors {figures['r_errors']:.2f}"
    return f"by {SPACES[space]}{_right(figures['correct'], 'predicted')}\nr = {figures['r']:.2f}{errors}"


def _right(correct: Mapping[str, float] | None, side: str) -> str:
    return "" if correct is None else f": {correct[side]:.0%} right"


def _matrix(
    axis: Axes, shares: np.ndarray, order: Sequence[str], superclasses: Sequence[str], room: int, named: bool
) -> AxesImage:
    # Most shares are small and the errors are what is to be seen, so colours follow the square root.
    picture = axis.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1, interpolation="none")
    axis.set_facecolor("0.85")
    name_labels(axis, order, superclasses, room, named=named)
    return picture


def spaces_figure(spaces: pd.DataFrame, outputs: Sequence[str | Path]) -> None:
    """Draw how likely each space makes a response, between guessing and the observed shares themselves.

    Args:
        spaces: As from `rockspace.choices.choice_tables.spaces_table`.
        outputs: Files to write, the suffix says the format; the caption goes to those that end in ``.txt``.
    """
    splits = list(dict.fromkeys(spaces["split"]))
    heights = [0.75 + 0.17 * np.sum(spaces["split"] == split) for split in splits]
    with column_style():
        figure, axes = plt.subplots(
            len(splits), 1, figsize=(COLUMN, sum(heights) + 0.35), height_ratios=heights, squeeze=False,
            layout="constrained",
        )  # fmt: skip
        for axis, split in zip(axes[:, 0], splits, strict=True):
            rows = spaces[spaces["split"] == split].sort_values("log_likelihood_per_response", ascending=False)
            _forest(axis, rows.reset_index(drop=True), split)
        figure.supxlabel("log-likelihood of a response (nats), 95 % intervals")
        handles = [
            plt.Line2D([], [], color=VERMILION, marker="D", ms=4, mfc="white", label="people's own coordinates"),
            plt.Line2D([], [], color=BLUE, marker="o", ms=4, mfc="white", label="network"),
            plt.Line2D([], [], color=GREY, ls=":", label="guessing"),
            plt.Line2D([], [], color=GREY, ls="--", label="observed shares"),
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=2)
        save(figure, outputs, _caption_of_spaces(spaces, splits))


def _caption_of_spaces(spaces: pd.DataFrame, splits: Sequence[str]) -> str:
    return caption(
        "How well the exemplar model predicts people's choices of a category in the space of each network and layer and in people's "
        "own coordinates: mean log-likelihood of a response (nats; higher is closer) on "
        f"{listed([f'the {SPLITS[split]} images' for split in splits])}.",
        "Lines: 95 % confidence intervals over subtypes (thin) and over images as if they were independent (thick).",
        "Dotted: guessing. Dashed: the observed shares themselves, which no model can exceed.",
    )


def _forest(axis: Axes, rows: pd.DataFrame, split: str) -> None:
    for y, row in rows.iterrows():
        color, marker = (VERMILION, "D") if row["model"] == PEOPLE else (BLUE, "o")
        for units, style in (("subtypes", {"lw": 0.8}), ("images", {"lw": 2.6, "alpha": 0.55})):
            ends = (row[f"log_likelihood_per_response_{end}_{units}"] for end in ("low", "high"))
            axis.hlines(y, *ends, color=color, **style)
        axis.plot(row["log_likelihood_per_response"], y, marker, color=color, mfc="white", ms=4)
    axis.axvline(rows["chance_per_response"].iloc[0], color=GREY, ls=":")
    axis.axvline(rows["saturated_per_response"].iloc[0], color=GREY, ls="--")
    axis.set_yticks(range(len(rows)), _names(rows))
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_title(f"{SPLITS[split]} images", loc="left")


def _names(rows: pd.DataFrame) -> list[str]:
    parts = [name for name in ("model", "seed", "layer") if rows.loc[rows["model"] != PEOPLE, name].nunique() > 1]
    parts = ["model", *(part for part in parts if part != "model")]
    named = rows[parts].astype(str).assign(space=rows["space"].where(rows["model"] != PEOPLE, ""))
    return [one_line(" ".join(filter(None, cells))) for cells in named.itertuples(index=False, name=None)]
