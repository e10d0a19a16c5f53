"""Pictures of one layer's alignment: predicted against observed, and both spaces on one map."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from rockspace.alignment.aligned import OBSERVED, PREDICTED
from rockspace.report.figures import BLUE, COLUMN, GREY, VERMILION, column_style, one_line, save
from rockspace.report.thumbnails import scatter_photographs, thumbnails

# Sides of the photographs (inches), beside a line and on a map that lines cross.
PHOTOGRAPH, SMALL_PHOTOGRAPH = 0.13, 0.095
SPARE = 0.08  # room around the points, as a share of their range


def predicted_against_observed(
    aligned: pd.DataFrame,
    dimensions: pd.DataFrame,
    photographs: Sequence[Path],
    title: str,
    outputs: Sequence[str | Path],
) -> None:
    """Draw each dimension's held-out prediction against people's coordinate, with the images as markers.

    Args:
        aligned: A row for each image, with the columns of `rockspace.alignment.aligned.aligned_table`.
        dimensions: A row for each dimension: `dimension`, `r_held_out` and its intervals over images and subtypes; the
            latter are shown where there are any.
        photographs: Image files, in the order of `aligned`.
        title: What was compared.
        outputs: Files to write; the suffix says the format.
    """
    pictures = thumbnails(photographs, PHOTOGRAPH)
    rows = -(-len(dimensions) // 2)
    with column_style():
        figure, axes = plt.subplots(rows, 2, figsize=(COLUMN, 1.8 * rows + 0.35), squeeze=False, layout="constrained")
        for axis, dimension in zip(axes.flat, dimensions.itertuples(), strict=False):
            name = dimension.dimension
            _panel(axis, aligned[OBSERVED.format(name)], aligned[PREDICTED.format(name)], pictures)
            axis.set_title(f"{one_line(str(name), 30)}\n{_r(dimension)}", pad=2)
        for axis in axes.flat[len(dimensions) :]:
            axis.set_visible(False)
        figure.supxlabel("people's coordinate (unit of the scaling solution)", fontsize=7)
        figure.supylabel("coordinate predicted from the network (same unit)", fontsize=7)
        figure.suptitle(title, fontsize=7, x=0.02, ha="left")
        save(figure, outputs)


def _r(dimension: Any) -> str:
    low, high = dimension.r_held_out_low_subtypes, dimension.r_held_out_high_subtypes
    if np.isnan(low):
        low, high = dimension.r_held_out_low_images, dimension.r_held_out_high_images
    interval = "" if np.isnan(low) else f" [{low:.2f}, {high:.2f}]"
    return f"r = {dimension.r_held_out:.2f}{interval}"


def _panel(axis: Axes, observed: pd.Series, predicted: pd.Series, pictures: Sequence[np.ndarray]) -> None:
    ends = _limits(pd.concat([observed, predicted]))
    axis.plot(ends, ends, color=GREY, lw=0.6, ls=(0, (4, 3)), zorder=0)
    axis.set(xlim=ends, ylim=ends, aspect="equal")
    scatter_photographs(axis, observed.to_numpy(), predicted.to_numpy(), pictures)


def displacement_maps(
    aligned: pd.DataFrame,
    names: Sequence[str],
    photographs: Sequence[Path],
    title: str,
    outputs: Sequence[str | Path],
) -> None:
    """Draw both spaces on the same plane, two dimensions a map, each image joined to itself.

    Args:
        aligned: As for `predicted_against_observed`.
        names: Human dimensions in order; they are taken two by two (one alone goes with the first).
        photographs: Image files, in the order of `aligned`; drawn where people put the image.
        title: What was compared.
        outputs: Files to write; the suffix says the format.
    """
    pictures = thumbnails(photographs, SMALL_PHOTOGRAPH)
    pairs = [(names[i], names[i + 1] if i + 1 < len(names) else names[0]) for i in range(0, len(names), 2)]
    rows = -(-len(pairs) // 2)
    columns = min(2, len(pairs))
    with column_style():
        size = (COLUMN, (1.75 if columns == 2 else 3.3) * rows + 0.45)
        figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
        for axis, pair in zip(axes.flat, pairs, strict=False):
            _map(axis, aligned, pair, pictures)
        for axis in axes.flat[len(pairs) :]:
            axis.set_visible(False)
        figure.suptitle(title, fontsize=7, x=0.02, ha="left")
        handles = [
            plt.Line2D([], [], color=BLUE, lw=0.8, label="from people's place (photograph)"),
            plt.Line2D([], [], color=VERMILION, marker="o", ms=2.5, lw=0, label="to the network's"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=2, columnspacing=1, handletextpad=0.4)
        save(figure, outputs)


def _map(axis: Axes, aligned: pd.DataFrame, pair: tuple[str, str], pictures: Sequence[np.ndarray]) -> None:
    observed = aligned[[OBSERVED.format(name) for name in pair]].to_numpy()
    predicted = aligned[[PREDICTED.format(name) for name in pair]].to_numpy()
    lines = LineCollection(np.stack([observed, predicted], axis=1), colors=BLUE, linewidths=0.45, alpha=0.6, zorder=4)
    axis.add_collection(lines)
    scatter_photographs(axis, observed[:, 0], observed[:, 1], pictures)
    axis.plot(predicted[:, 0], predicted[:, 1], "o", color=VERMILION, ms=1.8, mew=0, zorder=5)
    both = np.concatenate([observed, predicted])
    axis.set(
        xlim=_limits(both[:, 0]), ylim=_limits(both[:, 1]), xlabel=one_line(pair[0], 30), ylabel=one_line(pair[1], 30)
    )
    axis.tick_params(labelsize=5)


def _limits(values: np.ndarray | pd.Series) -> tuple[float, float]:
    low, high = np.min(values), np.max(values)
    spare = SPARE * (high - low) or 1.0
    return low - spare, high + spare
