"""Picture of the alignment of a model's layers against their depth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from rockspace.alignment.statistics import BY_KEY
from rockspace.report.captions import METHODS, caption, count, counted, whose
from rockspace.report.figures import (
    BLUE,
    COLUMN,
    GREEN,
    GREY,
    LETTER,
    PURPLE,
    TWO_COLUMNS,
    VERMILION,
    column_style,
    letters,
    one_line,
    save,
    wrapped,
)

HELD_OUT, IN_SAMPLE, READOUT = BLUE, VERMILION, GREEN
# Layers that are named side by side in one column, and in two; of more, every second, and so on.
MAX_NAMED = {COLUMN: 20, TWO_COLUMNS: 50}


def profile_figure(
    profile: pd.DataFrame, labels: Sequence[str], title: str, outputs: Sequence[str | Path], drawn: bool = False
) -> None:
    """Draw the statistics over the layers.

    Above, mean r held-out and in-sample, each with its chance band; below, RSA and CKA. Lines are means over seeds, with a thin line for each seed where there are several; intervals and bands
    are averaged over seeds, and are over subtypes where there are enough of them: images of one subtype are not
    independent.

    Args:
        profile: As from `rockspace.alignment.layer_profile.layer_profile`.
        labels: Label of each validation image.
        title: What the layers are of.
        outputs: Files to write, the suffix says the format; the caption goes to those that end in ``.txt``.
        drawn: Whether the images were drawn, and the coordinates are those they were drawn with.
    """
    layers = profile.drop_duplicates("depth").sort_values("depth")["layer"].tolist()
    width = COLUMN if len(layers) <= MAX_NAMED[COLUMN] else TWO_COLUMNS
    named = range(0, len(layers), -(-len(layers) // MAX_NAMED[width]))
    seeds = profile["seed"].nunique()
    with column_style():
        figure, axes = plt.subplots(2, 1, figsize=(width, 4.6), sharex=True, height_ratios=(3, 2), layout="constrained")
        _rotation_panel(axes[0], profile)
        _similarity_panel(axes[1], profile)
        bands = f"bands: middle 95 % of random pairings of {_units(profile, 'held_out_mean_r_null')}"
        figure.suptitle(wrapped(f"{title}; {bands}", width), x=0.02, ha="left")
        axes[0].set_ylabel("mean r over dimensions")
        axes[1].set_ylabel("similarity of distances")
        axes[1].set_xlabel("layer, from image to output")
        names = [one_line(layers[i], 24) for i in named]
        fit = sum(map(letters, names)) * LETTER < 0.7 * width
        slanted = {} if fit else {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        axes[1].set_xticks([i + 1 for i in named], names, **slanted)
        axes[1].set_xlim(0.6, len(layers) + 0.4)
        for axis in axes:
            axis.axhline(0, color="0.8", lw=0.6, zorder=0)
        save(figure, outputs, whose(_caption(profile, labels, title, seeds), drawn))


def _caption(profile: pd.DataFrame, labels: Sequence[str], title: str, seeds: int) -> str:
    units = _units(profile, "held_out_mean_r")
    tests = _units(profile, "held_out_mean_r_null")
    return caption(
        f"Alignment of {count(profile['layer'].nunique(), 'layer')} of a network ({title}) with the human space against depth, on "
        f"{counted(labels, 'validation')}.",
        "Top: mean over the human dimensions of the correlation (Pearson's r) between people's coordinates and those predicted from the "
        "layer: held-out, by a rotation learnt on the training images; ridge, held-out, by a linear read-out (ridge regression) "
        "learnt on them; in-sample, by a rotation fitted to the validation images themselves, which is always too good.",
        f"Bands: middle 95 % of mean r by chance, with {tests} paired with coordinates at random and the analysis repeated for each "
        "pairing (grey: held-out; hatched: in-sample).",
        f"Bottom: {BY_KEY['rsa.spearman'].label}, rank correlation of the distances between images in the two spaces, and "
        f"{BY_KEY['cka.debiased'].label}, linear centred kernel alignment.",
        f"Error bars: 95 % confidence intervals over {units} ({METHODS[units]}{'' if units == 'subtypes' else '; below, a percentile bootstrap'})."
        if profile[f"held_out_mean_r_low_{units}"].notna().any()
        else "There are too few images for intervals.",
        f"Lines are means over {seeds} seeds, thin lines the seeds; intervals and bands are averaged over seeds."
        if seeds > 1
        else "",
    )


def _rotation_panel(axis: Axes, profile: pd.DataFrame) -> None:
    _band(axis, profile, "in_sample_mean_r_null", IN_SAMPLE, "///", "in-sample by chance")
    _band(axis, profile, "held_out_mean_r_null", GREY, None, "held-out by chance")
    _line(axis, profile, "in_sample_mean_r", IN_SAMPLE, "--", "s", "in-sample")
    _line(axis, profile, "ridge_held_out_mean_r", READOUT, ":", "^", "ridge, held-out")
    _line(axis, profile, "held_out_mean_r", HELD_OUT, "-", "o", "held-out")
    _whiskers(axis, profile, "held_out_mean_r", HELD_OUT)
    axis.set_ylim(top=1)
    _legend(axis)


def _similarity_panel(axis: Axes, profile: pd.DataFrame) -> None:
    for key, color, style, marker in (("rsa.spearman", PURPLE, "-", "D"), ("cka.debiased", GREEN, "--", "^")):
        name, label = BY_KEY[key].name, BY_KEY[key].label
        _line(axis, profile, name, color, style, marker, label)
        _whiskers(axis, profile, name, color)
    _legend(axis)


def _legend(axis: Axes) -> None:
    axis.legend(loc="lower left", bbox_to_anchor=(-0.12, 1.0), ncols=2, columnspacing=1, borderaxespad=0.2)


def _line(axis: Axes, profile: pd.DataFrame, column: str, color: str, style: str, marker: str, label: str) -> None:
    if len(profile["seed"].unique()) > 1:
        for _, seed in profile.groupby("seed"):
            axis.plot(seed["depth"], seed[column], color=color, lw=0.4, alpha=0.5)
    mean = profile.groupby("depth")[column].mean()
    axis.plot(mean.index, mean, color=color, ls=style, marker=marker, ms=3, label=label)


def _units(profile: pd.DataFrame, figure: str) -> str:
    """What an interval or band is over: subtypes, unless some layer has none."""
    return "images" if profile[f"{figure}_low_subtypes"].isna().any() else "subtypes"


def _ends(profile: pd.DataFrame, figure: str) -> tuple[pd.Series, pd.Series]:
    """The ends of an interval or band by depth, averaged over seeds."""
    mean, units = profile.groupby("depth"), _units(profile, figure)
    return mean[f"{figure}_low_{units}"].mean(), mean[f"{figure}_high_{units}"].mean()


def _whiskers(axis: Axes, profile: pd.DataFrame, figure: str, color: str) -> None:
    low, high = _ends(profile, figure)
    middle = profile.groupby("depth")[figure].mean()
    gaps = [np.clip(gap, 0, None) for gap in (middle - low, high - middle)]
    axis.errorbar(middle.index, middle, yerr=gaps, fmt="none", ecolor=color, elinewidth=0.8, capsize=1.5)


def _band(axis: Axes, profile: pd.DataFrame, figure: str, color: str, hatch: str | None, label: str) -> None:
    low, high = _ends(profile, figure)
    # A single layer would give a band of no width.
    depth = np.concatenate([[low.index[0] - 0.25], low.index, [low.index[-1] + 0.25]])
    edges = [np.pad(end, 1, mode="edge") for end in (low, high)]
    axis.fill_between(depth, *edges, facecolor=color, alpha=0.25, hatch=hatch, edgecolor=color, lw=0, label=label)
