"""Pictures of one layer's alignment: predicted against observed, and both spaces on one map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from rockspace.alignment.aligned import OBSERVED, PREDICTED
from rockspace.alignment.statistics import BY_KEY, Estimate, interval_in
from rockspace.report.captions import caption, chance, counted, interval, intervals, whose
from rockspace.report.figures import (
    BLUE,
    COLUMN,
    GREY,
    LINE,
    TWO_COLUMNS,
    VERMILION,
    column_style,
    one_line,
    save,
    wrapped,
)
from rockspace.report.thumbnails import scatter_photographs, thumbnails

# Sides of the photographs (inches), beside a line and on a map that lines cross.
PHOTOGRAPH, SMALL_PHOTOGRAPH = 0.13, 0.095
SPARE = 0.08  # room around the points, as a share of their range


MAX_COLUMNS = 4  # panels in a row
NAME = 24  # letters of a dimension's name that fit above a panel
REDUCTIONS = {
    "zero_pad": "all features rotated onto the coordinates, which were padded with zeros",
    "pca": "as many principal components of the features as there are dimensions rotated onto the coordinates",
}


def predicted_against_observed(
    aligned: pd.DataFrame,
    dimensions: pd.DataFrame,
    figures: Mapping[str, Any],
    photographs: Sequence[Path],
    title: str,
    outputs: Sequence[str | Path],
    drawn: bool = False,
) -> None:
    """Draw each dimension's held-out prediction against people's coordinate, with the images as markers.

    Args:
        aligned: A row for each image, with the columns of `rockspace.alignment.aligned.aligned_table`.
        dimensions: A row for each dimension: `dimension`, `r_held_out` and its intervals over images and subtypes; the
            latter are shown where there are any.
        figures: ``alignment/{layer}.json`` of the same layer.
        photographs: Image files, in the order of `aligned`.
        title: What was compared.
        outputs: Files to write, the suffix says the format; the caption goes to those that end in ``.txt``.
        drawn: Whether the images were drawn, and the coordinates are those they were drawn with.
    """
    pictures = thumbnails(photographs, PHOTOGRAPH)
    rows, columns, width = _grid(len(dimensions))
    found, each = BY_KEY["held_out.mean_r"].estimate(figures), [_estimate(row) for row in dimensions.to_dict("records")]
    units = found.interval_over or each[0].interval_over
    brackets = f"; brackets: 95 % intervals over {units}" if units else ""
    heading = wrapped(f"{title}: held-out mean r = {found.value:z.2f}{interval(found)}{brackets}", width)
    with column_style():
        # Panels are about square; above each there are two lines.
        height = rows * ((width - 0.3) / columns - 0.25 + 3 * LINE) + (4 + heading.count("\n")) * LINE
        figure, axes = plt.subplots(rows, columns, figsize=(width, height), squeeze=False, layout="constrained")
        for axis, name, estimate in zip(axes.flat, dimensions["dimension"], each, strict=False):
            _panel(axis, aligned[OBSERVED.format(name)], aligned[PREDICTED.format(name)], pictures)
            axis.set_title(f"{one_line(str(name), NAME)}\nr = {estimate.value:z.2f}{interval(estimate)}", pad=2)
        for axis in axes.flat[len(dimensions) :]:
            axis.set_visible(False)
        figure.supxlabel(whose("people's coordinate", drawn))
        figure.supylabel("predicted from the network (same unit)")
        figure.suptitle(heading, x=0.01, ha="left")
        save(figure, outputs, whose(_caption_of_predictions(aligned, figures, found, units, title), drawn))


def _grid(panels: int) -> tuple[int, int, float]:
    """Return rows, columns and width (inches) of a picture of so many panels, its rows of nearly equal length."""
    rows = -(-panels // MAX_COLUMNS)
    columns = -(-panels // rows)
    return rows, columns, COLUMN if columns <= 2 else TWO_COLUMNS


def _estimate(dimension: Mapping[str, Any]) -> Estimate:
    """The held-out r of a dimension with its interval."""
    return Estimate(dimension["r_held_out"], **interval_in(dimension, "r_held_out_{end}_{units}"))


def _caption_of_predictions(
    aligned: pd.DataFrame, figures: Mapping[str, Any], found: Estimate, units: str, title: str
) -> str:
    return caption(
        f"Held-out prediction of people's coordinates from a network ({title}), one panel for each of the "
        f"{figures['n_dimensions']} dimensions of the human space.",
        f"Each photograph is one of {counted(aligned['label'], 'validation')}, at its human coordinate (horizontal) and at "
        "the coordinate predicted from the network (vertical); on the dashed line both are equal.",
        f"The prediction is an orthogonal Procrustes rotation of the layer's {figures['n_features']} features learnt on "
        f"{figures['n_images']['train']} training images ({REDUCTIONS[figures['reduction']]}), scaled as suits these; it has the "
        "centre and the unit of the validation images' coordinates, and how well both agree plays no part in that.",
        "r: Pearson correlation over the validation images, of each dimension above its panel.",
        f"Their mean is {found.value:z.2f}{interval(found)}.",
        intervals("Brackets", units),
        chance(found),
    )


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
    drawn: bool = False,
) -> None:
    """Draw both spaces on the same plane, two dimensions a map, each image joined to itself.

    Args:
        aligned: As for `predicted_against_observed`.
        names: Human dimensions in order; they are taken two by two, and the last of an odd number with the first. A
            single dimension is drawn from left to right, the images below each other in people's order.
        photographs: Image files, in the order of `aligned`; drawn where people put the image.
        title: What was compared.
        outputs: As for `predicted_against_observed`.
        drawn: As for `predicted_against_observed`.
    """
    pictures = thumbnails(photographs, SMALL_PHOTOGRAPH)
    pairs = [(names[i], [*names[i + 1 :], *names][0]) for i in range(0, len(names), 2)]
    columns = min(2, len(pairs))
    rows = -(-len(pairs) // columns)
    with column_style():
        size = (COLUMN, (1.75 if columns == 2 else 3.3) * rows + 0.55)
        figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
        for axis, pair in zip(axes.flat, pairs, strict=False):
            _map(axis, aligned, pair, pictures, drawn)
        for axis in axes.flat[len(pairs) :]:
            axis.set_visible(False)
        figure.suptitle(wrapped(title, COLUMN), x=0.01, ha="left")
        handles = [
            plt.Line2D([], [], color=BLUE, lw=0.8, label=whose("from people's place (photograph)", drawn)),
            plt.Line2D([], [], color=VERMILION, marker="o", ms=2.5, lw=0, label="to the network's"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=2, columnspacing=1, handletextpad=0.4)
        save(figure, outputs, whose(_caption_of_maps(aligned, names, title), drawn))


def _caption_of_maps(aligned: pd.DataFrame, names: Sequence[str], title: str) -> str:
    how = f"The {len(names)} dimensions of the human space are shown two at a time"
    return caption(
        f"{counted(aligned['label'], 'validation').capitalize()} in the human space and in that of a network ({title}).",
        "The only dimension of the human space runs from left to right; the images are in people's order from bottom to top."
        if len(names) == 1
        else f"{how}, the last again with the first."
        if len(names) % 2
        else f"{how}.",
        "A photograph is at the human coordinates of its image; the line from it ends, in a dot, at the coordinates predicted "
        "from the network by the rotation learnt on the training images, so a long line is a great disagreement.",
        "The network's coordinates are scaled as suits the training images, and have the centre and the unit of the validation images' coordinates.",
    )


def _map(axis: Axes, aligned: pd.DataFrame, pair: tuple[str, str], pictures: Sequence[np.ndarray], drawn: bool) -> None:
    observed = aligned[[OBSERVED.format(name) for name in pair]].to_numpy(copy=True)
    predicted = aligned[[PREDICTED.format(name) for name in pair]].to_numpy(copy=True)
    alone = pair[0] == pair[1]
    if alone:
        observed[:, 1] = predicted[:, 1] = np.argsort(np.argsort(observed[:, 0], kind="stable"))
        axis.set_yticks([])
    lines = LineCollection(np.stack([observed, predicted], axis=1), colors=BLUE, linewidths=0.45, alpha=0.6, zorder=4)
    axis.add_collection(lines)
    scatter_photographs(axis, observed[:, 0], observed[:, 1], pictures)
    axis.plot(predicted[:, 0], predicted[:, 1], "o", color=VERMILION, ms=1.8, mew=0, zorder=5)
    both = np.concatenate([observed, predicted])
    axis.set(xlim=_limits(both[:, 0]), ylim=_limits(both[:, 1]), xlabel=one_line(pair[0], NAME))
    axis.set_ylabel(whose("images, in people's order", drawn) if alone else one_line(pair[1], NAME))


def _limits(values: np.ndarray | pd.Series) -> tuple[float, float]:
    low, high = np.min(values), np.max(values)
    spare = SPARE * (high - low) or 1.0
    return low - spare, high + spare
