"""Picture of the simulation: values for unrelated spaces, false positives and false negatives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

from rockspace.report.figures import GREY, TWO_COLUMNS, column_style, save
from tools.simulation import FACE_VALUE, IMAGES, SUBTYPES

VALUES = ("in-sample, zero-padding", "in-sample, PCA", "held-out, zero-padding", "held-out, PCA")
STATISTICS = ("in-sample, zero-padding", "held-out, zero-padding", "RSA (Spearman)", "CKA (debiased)")
ROWS = (
    ("in-sample, zero-padding", FACE_VALUE),
    *((name, test) for test in (IMAGES, SUBTYPES) for name in STATISTICS),
)
MARKERS = "osD^vP"


def simulation_figure(rates: pd.DataFrame, outputs: Sequence[Path]) -> None:
    """Draw the result of the simulation.

    Above, the mean r that each way of rotating gives where nothing is shared. Below, for each statistic and
    test, how often it claims alignment that is not there, with independent images and with images in
    subtypes, and how often it misses the smallest overlap that was simulated.

    Args:
        rates: As from `tools.simulation.simulate`.
        outputs: Files to write; the suffix says the format.
    """
    with column_style():
        figure = plt.figure(figsize=(TWO_COLUMNS, 1.75 + 0.66 * len(ROWS) + 0.6), layout="constrained")
        above, below = figure.subfigures(2, 1, height_ratios=(1.75, 0.66 * len(ROWS) + 0.6))
        _values(above, rates[(rates["overlap"] == 0) & ~rates["subtypes"]])
        _claims(below, rates)
        save(figure, outputs)


def _values(figure: SubFigure, rates: pd.DataFrame) -> None:
    axes = figure.subplots(1, len(VALUES), sharey=True)
    sizes = sorted(rates["n"].unique())
    colors = mpl.colormaps["viridis"](np.linspace(0, 0.85, len(sizes)))
    for axis, name in zip(axes, VALUES, strict=True):
        rows = rates[(rates["statistic"] == name) & (rates["test"] == IMAGES)]
        for n, color, marker in zip(sizes, colors, MARKERS, strict=False):
            line = rows[rows["n"] == n].sort_values("d")
            axis.plot(line["d"], line["mean_value"], color=color, marker=marker, ms=2.5, label=f"{n} images")
        axis.axhline(0, color=GREY, lw=0.5, zorder=0)
        axis.set_xscale("log", base=2)
        axis.set_xticks(sorted(rates["d"].unique()), sorted(rates["d"].unique()))
        axis.set_title(name, loc="left")
        axis.set_xlabel("features")
    axes[0].set_ylabel("mean r, nothing shared")
    axes[0].set_ylim(-0.1, 1)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(sizes))


def _claims(figure: SubFigure, rates: pd.DataFrame) -> None:
    overlap = rates.loc[rates["overlap"] > 0, "overlap"].min()
    axes = figure.subplots(len(ROWS), 3, sharex=True, sharey=True)
    titles = (
        "claims, nothing shared,\nindependent images (%)",
        "claims, nothing shared,\nimages in subtypes (%)",
        f"misses, {overlap:.0%} of the variance\nshared (%)",
    )
    for row, (name, test) in zip(axes, ROWS, strict=True):
        chosen = rates[(rates["statistic"] == name) & (rates["test"] == test)]
        none, some = chosen[chosen["overlap"] == 0], chosen[chosen["overlap"] == overlap]
        _map(row[0], none[~none["subtypes"]], "rate", "Oranges")
        _map(row[1], none[none["subtypes"]], "rate", "Oranges")
        in_subtypes = test == SUBTYPES
        _map(
            row[2],
            some[some["subtypes"] == in_subtypes].assign(miss=lambda t: 1 - t["rate"]),
            "miss",
            "Blues",
        )
        words = f"{name}\n{test}".replace(", ", ",\n").replace(" (", "\n(")
        row[0].set_ylabel(words, rotation=0, ha="right", va="center", fontsize=6.5, labelpad=8)
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, loc="left")
    for axis in axes[-1]:
        axis.set_xlabel("features (rows: images)")


def _map(axis: Axes, rates: pd.DataFrame, column: str, colors: str) -> None:
    """Draw percentages over numbers of images and features; empty where the test does not apply."""
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    if rates.empty:
        axis.text(0.5, 0.5, "no subtypes to permute", ha="center", va="center", transform=axis.transAxes, color=GREY)
        return
    table = rates.pivot_table(index="n", columns="d", values=column)
    axis.imshow(100 * table, cmap=colors, vmin=0, vmax=100, aspect="auto", interpolation="none")
    for (i, j), value in np.ndenumerate(table.to_numpy()):
        color = "white" if value > 0.6 else "black"
        axis.text(j, i, f"{100 * value:.0f}", ha="center", va="center", fontsize=5.5, color=color)
    axis.set_xticks(range(table.shape[1]), table.columns)
    axis.set_yticks(range(table.shape[0]), table.index, fontsize=5)
