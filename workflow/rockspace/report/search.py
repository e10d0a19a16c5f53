"""Picture of a search: recipes against each other on training images left out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rockspace.report.captions import caption, count
from rockspace.report.figures import BLUE, COLUMN, GREY, LINE, TWO_COLUMNS, VERMILION, column_style, one_line, save

CRITERIA = {"top1": (100, "top-1 (%)"), "mean_r": (1, "mean r of coordinates")}


def search_figure(table: pd.DataFrame, outputs: Sequence[str | Path]) -> None:
    """Draw accuracy and correlation of each recipe and ensemble, with 95 % intervals; winners are filled.

    Args:
        table: As from `rockspace.search.search.search_table`, in the order to draw.
        outputs: Files to write, the suffix says the format; the caption goes to those that end in ``.txt``.
    """
    shown = [criterion for criterion in CRITERIA if table[criterion].notna().any()]
    with column_style():
        size = COLUMN if len(shown) == 1 else TWO_COLUMNS, 6 * LINE + 1.15 * LINE * len(table)
        figure, axes = plt.subplots(1, len(shown), figsize=size, sharey=True, squeeze=False, layout="constrained")
        for axis, criterion in zip(axes[0], shown, strict=True):
            _dots(axis, table, criterion)
        axes[0, 0].set_yticks(range(len(table)), [one_line(str(name), 30) for name in table["model"]])
        axes[0, 0].set_ylim(len(table) - 0.4, -0.6)
        kinds = [("one network", BLUE, "white")]
        if (table["kind"] == "ensemble").any():
            kinds.append(("ensemble", VERMILION, "white"))
        for label, color, fill in [*kinds, ("best of its kind", GREY, GREY)]:
            axes[0, 0].plot([], [], "o", ms=4, color=color, mfc=fill, label=label)
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=3)
        about = (
            f"{count(int((table['kind'] == 'model').sum()), 'recipe')} and {count(int((table['kind'] == 'ensemble').sum()), 'ensemble')} "
            "compared by cross-validation within the training images; no validation image was used.",
            f"Dots: {' and '.join(CRITERIA[criterion][1].removesuffix(' (%)') for criterion in shown)} on folds that a network was not trained on.",
            "Lines: 95 % confidence intervals over images. Filled: the best of its kind.",
        )
        save(figure, outputs, caption(*about))


def _dots(axis: Axes, table: pd.DataFrame, criterion: str) -> None:
    scale, label = CRITERIA[criterion]
    y = np.arange(len(table))
    for kind, color in (("model", BLUE), ("ensemble", VERMILION)):
        for best in (False, True):
            rows = (
                (table["kind"] == kind) & (table[f"best_{criterion}"] == best) & table[criterion].notna()
            ).to_numpy()
            part = table[rows]
            axis.hlines(
                y[rows], scale * part[f"{criterion}_low"], scale * part[f"{criterion}_high"], color=color, lw=1.2
            )
            axis.plot(scale * part[criterion], y[rows], "o", ms=4, color=color, mfc=color if best else "white")
    axis.grid(axis="y", color="0.92", lw=0.5)
    axis.set_axisbelow(True)
    axis.tick_params(axis="y", length=0)
    axis.xaxis.set_major_locator(MaxNLocator(5))
    axis.set_xlabel(f"{label},\n95 % interval")
