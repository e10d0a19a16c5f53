"""Picture of the comparison of models, layers and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm

from rockspace.report.figures import BLUE, COLUMN, GREY, column_style, save

LEVEL = 0.05
# Entries beyond which a cell is too small for a number.
MOST_NUMBERS = 9
# Entries beyond which only every second is numbered along the matrix, and so on.
MOST_TICKS = 20


def comparison_figure(entries: pd.DataFrame, comparisons: pd.DataFrame, outputs: Sequence[str | Path]) -> None:
    """Draw each entry with its intervals, and below it the matrix of differences between entries.

    Args:
        entries: As from `rockspace.alignment.comparison.entries_table`.
        comparisons: As from `rockspace.alignment.comparison.comparison_table`, of the same predictions.
        outputs: Files to write; the suffix says the format.
    """
    order = entries.sort_values("mean_r", ascending=False, ignore_index=True)
    n = len(order)
    differences = comparisons[comparisons["differs_in"] != "seed"]
    heights = [0.75 + 0.17 * n] + ([3.7] if len(differences) else [])
    with column_style():
        figure = plt.figure(figsize=(COLUMN, sum(heights)), layout="constrained")
        parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        _forest(parts[0].subplots(), order, _names(order))
        if len(differences):
            _matrix(parts[1].subplots(), order, differences)
        save(figure, outputs)


def _names(entries: pd.DataFrame) -> list[str]:
    """What tells the entries apart, and the number that stands for them in the matrix."""
    parts = [column for column in ("model", "layer") if len(entries[column].unique()) > 1] or ["model"]
    return [" ".join([*(str(entry[part]) for part in parts), f" {i + 1}"]) for i, entry in entries.iterrows()]


def _forest(axis: Axes, entries: pd.DataFrame, names: Sequence[str]) -> None:
    y = np.arange(len(entries))
    axis.hlines(y, entries["low_subtypes"], entries["high_subtypes"], color=BLUE, lw=0.8, label="over subtypes")
    axis.hlines(y, entries["low_images"], entries["high_images"], color=BLUE, lw=2.6, alpha=0.55, label="over images")
    axis.plot(entries["mean_r"], y, "o", color=BLUE, mfc="white", ms=4, label="held-out mean r")
    if (entries["seeds_high"] > entries["seeds_low"]).any():
        for column, label in (("seeds_low", "lowest and highest seed"), ("seeds_high", None)):
            axis.plot(entries[column], y, "|", color=GREY, ms=6, label=label)
    axis.set_yticks(y, names)
    axis.set_ylim(len(entries) - 0.4, -0.6)
    axis.set_xlabel("held-out mean r, 95 % intervals")
    axis.figure.legend(loc="outside upper left", ncols=2)


def _matrix(axis: Axes, entries: pd.DataFrame, comparisons: pd.DataFrame) -> None:
    place = {(entry["model"], entry["layer"]): i for i, entry in entries.iterrows()}
    n = len(entries)
    difference, p = np.full((n, n), np.nan), np.full((n, n), np.nan)
    for pair in comparisons.itertuples():
        a, b = place[pair.model_a, pair.layer_a], place[pair.model_b, pair.layer_b]
        difference[a, b], difference[b, a] = pair.difference, -pair.difference
        p[a, b] = p[b, a] = np.fmax(pair.p_images_holm, pair.p_subtypes_holm)
    largest = max(np.nanmax(np.abs(difference)), 1e-3)
    picture = axis.imshow(difference, cmap="PuOr_r", norm=TwoSlopeNorm(0, -largest, largest))
    for (i, j), value in np.ndenumerate(difference):
        if np.isnan(value):
            continue
        star = "*" if p[i, j] <= LEVEL else ""
        text = f"{value:+.2f}{star}" if n <= MOST_NUMBERS else star
        color = "white" if abs(value) > 0.65 * largest else "black"
        axis.text(j, i, text, ha="center", va="center", fontsize=5.5, color=color)
    shown = range(0, n, 1 + n // MOST_TICKS)
    axis.set_xticks(shown, [i + 1 for i in shown])
    axis.set_yticks(shown, [i + 1 for i in shown])
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    axis.set_title(f"row less column; * p ≤ {LEVEL} after Holm,\nover images and over subtypes", loc="left")
    bar = axis.figure.colorbar(picture, ax=axis, shrink=0.75, aspect=30, label="difference of held-out mean r")
    bar.outline.set_linewidth(0.4)
