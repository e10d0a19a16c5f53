"""Picture of the comparison of models and layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from rockspace.alignment.statistics import BY_KEY, LEVEL, UNITS, Estimate
from rockspace.report.captions import caption, count, counted, intervals, whose
from rockspace.report.dimensions import difference_of, is_clear
from rockspace.report.figures import (
    BLUE,
    COLUMN,
    GREY,
    LINE,
    TWO_COLUMNS,
    column_style,
    letters,
    save,
    shortened,
    wrapped,
)

# Entries that fit on a page, those whose names may take two lines, and those whose cells have room for a number.
MAX_ENTRIES, MAX_TWO_LINES, MAX_NUMBERS = 40, 20, 9
# The difference that is darkest, unless there is a greater one: so that a tiny one looks tiny.
DARKEST = 0.1
ROW = 1.2 * LINE  # height of an entry (inches)
# Letters of a line of a name: in a picture of one column, or of a name in two lines; and of two columns.
NAME, LONG_NAME = 34, 48
# Differences from 0 on: the palest is no white, which stands for what is no clear difference.
COLOURS = ListedColormap(plt.get_cmap("Blues")(np.linspace(0.2, 1, 256)))
NOT_COMPARED = {"facecolor": "0.93", "edgecolor": "0.7", "hatch": "//////", "linewidth": 0}


def shown_entries(entries: pd.DataFrame, most: int = MAX_ENTRIES) -> pd.DataFrame:
    """Choose the entries to draw: the closest layer of each model, then the closest of the other layers.

    Args:
        entries: As from `rockspace.alignment.comparison.entries_table`.
        most: How many at most.

    Returns:
        The rows chosen, the highest mean r first.
    """
    order = entries.sort_values("mean_r", ascending=False)
    later = order.duplicated("model").to_numpy()
    chosen = pd.concat([order[~later], order[later]]).head(most)
    return chosen.sort_values("mean_r", ascending=False, ignore_index=True)


Entry = tuple[str, str]  # names of a model and of its layer


def chances(
    runs: Sequence[tuple[str, Any, str]], figures: Sequence[Mapping[str, Any]]
) -> dict[Entry, tuple[float, float, float]]:
    """Return what random pairings give for the held-out mean r of each entry, those without a null left out.

    Args:
        runs: Model, seed and layer of each prediction.
        figures: ``alignment/{layer}.json`` of each.

    Returns:
        Mean over seeds, and the ends of a band that holds the middle 95 % of each seed.
    """
    found: dict[Entry, list[Estimate]] = {}
    for (model, _, layer), each in zip(runs, figures, strict=True):
        found.setdefault((model, layer), []).append(BY_KEY["held_out.mean_r"].estimate(each))
    return {
        entry: (
            float(np.mean([seed.null for seed in seeds])),
            min(seed.null_low for seed in seeds),
            max(seed.null_high for seed in seeds),
        )
        for entry, seeds in found.items()
        if all(seed.has_null for seed in seeds)
    }


def comparison_figure(
    entries: pd.DataFrame,
    comparisons: pd.DataFrame,
    labels: Sequence[str],
    outputs: Sequence[str | Path],
    chance: Mapping[Entry, tuple[float, float, float]],
    drawn: bool = False,
) -> None:
    """Draw each entry with its intervals and chance and, on the same line, how much it exceeds those below it.

    Args:
        entries: As from `rockspace.alignment.comparison.entries_table`.
        comparisons: As from `rockspace.alignment.comparison.comparison_table`, of the same predictions.
        labels: Label of each image.
        outputs: Files to write, the suffix says the format; the caption goes to those that end in ``.txt``.
        chance: See `chances`.
        drawn: Whether the images were drawn, and the coordinates are those they were drawn with.
    """
    shown = shown_entries(entries)
    difference, clear = difference_matrix(shown, comparisons)
    compared = bool(np.isfinite(difference).any())
    names = _names(shown, LONG_NAME if compared else NAME)
    averaged = ", mean over seeds" if (shown["seed"] == "all").any() else ""
    title = f"{len(shown)} of {len(entries)} models and layers" if len(shown) < len(entries) else _what(entries)
    title = f"{title}{averaged}, {len(labels)} validation images"
    with column_style():
        row = ROW * (1.7 if any("\n" in name for name in names) else 1)
        height = row * len(shown) + (9 if chance else 8) * LINE
        if compared:
            size, ratios = (TWO_COLUMNS, height), {"width_ratios": (1, 1.05)}
            figure, axes = plt.subplots(1, 2, figsize=size, sharey=True, gridspec_kw=ratios, layout="constrained")
            _forest(axes[0], shown, names, chance)
            _matrix(axes[1], difference, clear, row)
        else:
            figure, axis = plt.subplots(figsize=(COLUMN, height + 1.5 * LINE), layout="constrained")
            _forest(axis, shown, names, chance)
            title = f"{title}. {_nothing_compared(entries)}"
        figure.suptitle(wrapped(title, figure.get_figwidth()), x=0.01, ha="left")
        save(figure, outputs, whose(_caption(entries, shown, labels, compared, bool(chance)), drawn))


def _what(entries: pd.DataFrame) -> str:
    parts = [count(entries[part].nunique(), part) for part in ("model", "layer")]
    return f"held-out mean r of {' and '.join(parts)}"


def _nothing_compared(entries: pd.DataFrame) -> str:
    if len(entries) == 1:
        return "One model and one layer: there is nothing to compare it with."
    return "No two differ in the model or the layer alone, so none are compared."


def _names(entries: pd.DataFrame, longest: int) -> list[str]:
    """What tells the entries apart; long ones have the layer on a line of its own."""
    parts = [column for column in ("model", "layer") if entries[column].nunique() > 1] or ["model"]
    names = [[str(entry[part]) for part in parts] for _, entry in entries.iterrows()]
    if len(names) <= MAX_TWO_LINES and max(letters(" ".join(name)) for name in names) > NAME:
        return ["\n".join(shortened(part, NAME) for part in name) for name in names]
    return [shortened(" ".join(name), longest) for name in names]


def _forest(
    axis: Axes, entries: pd.DataFrame, names: Sequence[str], chance: Mapping[Entry, tuple[float, float, float]]
) -> None:
    y = np.arange(len(entries))
    for units, style in (("subtypes", {"lw": 0.8}), ("images", {"lw": 2.6, "alpha": 0.55})):
        if entries[f"low_{units}"].notna().any():
            ends = (entries[f"{end}_{units}"] for end in ("low", "high"))
            axis.hlines(y, *ends, color=BLUE, label=f"over {units}", **style)
    axis.plot(entries["mean_r"], y, "o", color=BLUE, mfc="white", ms=4, label="mean r")
    if (entries["seeds_high"] > entries["seeds_low"]).any():
        for column, label in (("seeds_low", "lowest and highest seed"), ("seeds_high", None)):
            axis.plot(entries[column], y, "|", color=GREY, ms=6, label=label)
    if chance:
        nothing = (np.nan, np.nan, np.nan)
        named = zip(entries["model"], entries["layer"], strict=True)
        mean, low, high = np.array([chance.get(entry, nothing) for entry in named]).T
        axis.plot(mean, y, "D", color=GREY, ms=2.5, lw=0, label="chance", zorder=1.5)
        axis.barh(y, high - low, left=low, height=0.55, color="0.86", label="middle 95 % of chance", zorder=1)
        axis.use_sticky_edges = False  # the bands keep away from the frame
    axis.set_yticks(y, names)
    axis.set_ylim(len(entries) - 0.5, -0.5)
    axis.grid(axis="y", color="0.92", lw=0.5)
    axis.set_axisbelow(True)
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel("held-out mean r, 95 % intervals")
    axis.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.01), ncols=2, columnspacing=1, borderaxespad=0)


def difference_matrix(entries: pd.DataFrame, comparisons: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Arrange the comparisons of entries as matrices.

    Args:
        entries: Rows in order, at least `model` and `layer`.
        comparisons: As from `rockspace.alignment.comparison.comparison_table`.

    Returns:
        Shapes (n, n): mean r of the row less that of the column, NaN where two entries were not compared; and whether it is
        a clear difference (`rockspace.report.dimensions.is_clear`).
    """
    place = {(entry["model"], entry["layer"]): i for i, (_, entry) in enumerate(entries.iterrows())}
    difference = np.full((len(entries), len(entries)), np.nan)
    clear = np.zeros(difference.shape, bool)
    for pair in comparisons[comparisons["differs_in"] != "seed"].to_dict("records"):
        a, b = (place.get((pair[f"model_{side}"], pair[f"layer_{side}"])) for side in "ab")
        if a is not None and b is not None:
            found = difference_of(pair)
            difference[a, b], difference[b, a] = found.value, -found.value
            clear[a, b] = clear[b, a] = is_clear(found)
    return difference, clear


def _matrix(axis: Axes, difference: np.ndarray, clear: np.ndarray, row: float) -> None:
    """Draw the pairs above the diagonal; ``row`` is the height of one (inches). What is not clear has no colour."""
    n = len(difference)
    above = np.triu(np.ones((n, n), bool), k=1)
    largest = max(difference[above & clear], default=0.0)
    largest = max(largest, DARKEST)
    shown = np.where(above & clear, difference, np.nan)
    picture = axis.imshow(shown, cmap=COLOURS, vmin=0, vmax=largest, aspect="auto")
    for i, j in np.argwhere(above):
        if np.isnan(difference[i, j]):
            axis.add_patch(plt.Rectangle((j - 0.5, i - 0.5), 1, 1, **NOT_COMPARED))
            continue
        axis.add_patch(plt.Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, edgecolor="0.7", lw=0.4))
        star = "*" if clear[i, j] else ""
        text = f"{difference[i, j]:.2f}{star}" if n <= MAX_NUMBERS else star
        color = "0.35" if not clear[i, j] else "white" if difference[i, j] > 0.6 * largest else "black"
        axis.text(j, i, text, ha="center", va="center" if n <= MAX_NUMBERS else "center_baseline", color=color)
    # The number of a column stands where it meets its own row.
    for i in range(n):
        axis.text(i, i, str(i + 1), ha="center", va="center", color="0.35")
    axis.set_xticks([])
    axis.set_xlim(-0.5, n - 0.5)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0, labelleft=False)
    axis.set_xlabel("mean r of row less column")
    if (above & clear).any():
        # The bar of colours stands below, so that the rows stay beside those of the intervals.
        inches = row * n
        place = axis.inset_axes((0.2, -0.18 / inches, 0.6, 0.07 / inches))
        bar = axis.figure.colorbar(picture, cax=place, orientation="horizontal", ticks=MaxNLocator(4))
        bar.set_label(axis.get_xlabel())
        bar.outline.set_linewidth(0.4)
        axis.set_xlabel("")
    handles = [
        Patch(facecolor=COLOURS(0.3), edgecolor="0.7", lw=0.4, label="* clear difference"),
        Patch(facecolor="white", edgecolor="0.7", lw=0.4, label="no clear difference"),
        Patch(**NOT_COMPARED, label="not compared"),
    ]
    axis.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1.01), ncols=2, columnspacing=1, borderaxespad=0)


def _caption(
    entries: pd.DataFrame, shown: pd.DataFrame, labels: Sequence[str], compared: bool, has_chance: bool
) -> str:
    units = next((each for each in UNITS if shown[f"low_{each}"].notna().all()), "")
    exchanged = (
        "random subtypes (of random images where intervals are over images), adjusted by Holm's method; with too few subtypes for a test the interval decides"
        if units == "subtypes"
        else "random images, adjusted by Holm's method"
    )
    chosen = (
        f"The closest layer of each model and the closest of the other layers, {len(shown)} of {len(entries)}; comparison.csv has all."
        if len(shown) < len(entries)
        else ""
    )
    both = (
        "Thin lines are over subtypes, thick ones over images as if they were independent."
        if units == "subtypes"
        else ""
    )
    averaged = ", averaged over seeds," if (shown["seed"] == "all").any() else ""
    return caption(
        f"Held-out mean r of {count(shown['model'].nunique(), 'model')} and {count(shown['layer'].nunique(), 'layer')}{averaged} on "
        f"{counted(labels, 'validation')}: mean over the human dimensions of the correlation between people's coordinates and "
        "those predicted by a rotation learnt on the training images.",
        chosen,
        intervals("Lines", units),
        both,
        "Grey bands and diamonds: middle 95 % and mean of r by chance, with "
        f"{'images or subtypes' if units == 'subtypes' else 'images'} paired with coordinates at random and the analysis repeated for each pairing."
        if has_chance
        else "",
        "Grey ticks are the lowest and the highest seed." if (shown["seeds_high"] > shown["seeds_low"]).any() else "",
        "Right: how much the model or layer of a row exceeds that of a column, for pairs that differ in the model or the layer alone, for the last layers of models, and for models and their baselines; "
        "the numbers on the diagonal number rows and columns. Hatched: not compared. "
        f"Blue with a star: a clear difference, of which the paired 95 % interval excludes 0 and p ≤ {LEVEL} by a two-sided test that exchanges the two "
        f"predictions of {exchanged}. White: compared, and no clear difference."
        if compared
        else _nothing_compared(entries),
    )
