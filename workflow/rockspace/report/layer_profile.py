"""Picture of the alignment of a model's layers against their depth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from rockspace.alignment.statistics import BY_KEY
from rockspace.report.figures import BLUE, COLUMN, GREEN, GREY, PURPLE, VERMILION, column_style, save

HELD_OUT, IN_SAMPLE, READOUT = BLUE, VERMILION, GREEN


def profile_figure(profile: pd.DataFrame, title: str, outputs: Sequence[str | Path]) -> None:
    """Draw the statistics over the layers.

    Above, mean r held-out and in-sample, each with its chance band; below, RSA and CKA. Lines are means over seeds, with a thin line for each seed where there are several; intervals and bands
    are averaged over seeds, and are over subtypes where there are enough of them: images of one subtype are not
    independent.

    Args:
        profile: As from `rockspace.alignment.layer_profile.layer_profile`.
        title: What was compared.
        outputs: Files to write; the suffix says the format.
    """
    layers = profile.drop_duplicates("depth").sort_values("depth")["layer"].tolist()
    with column_style():
        figure, axes = plt.subplots(
            2, 1, figsize=(COLUMN, 4.4), sharex=True, height_ratios=(3, 2), layout="constrained"
        )
        _rotation_panel(axes[0], profile)
        _similarity_panel(axes[1], profile)
        figure.suptitle(title, fontsize=7, x=0.02, ha="left")
        axes[0].set_ylabel("mean r over dimensions")
        axes[1].set_ylabel("similarity of distances")
        axes[1].set_xlabel("layer, from image to output")
        axes[1].set_xticks(range(1, len(layers) + 1), layers, rotation=45, ha="right", rotation_mode="anchor")
        axes[1].set_xlim(0.6, len(layers) + 0.4)
        for axis in axes:
            axis.axhline(0, color="0.8", lw=0.6, zorder=0)
        save(figure, outputs)


def _rotation_panel(axis: Axes, profile: pd.DataFrame) -> None:
    _band(axis, profile, "in_sample_mean_r_null", IN_SAMPLE, "///", "in-sample by chance")
    _band(axis, profile, "held_out_mean_r_null", GREY, None, "held-out by chance")
    _line(axis, profile, "in_sample_mean_r", IN_SAMPLE, "--", "s", "in-sample")
    _line(axis, profile, "ridge_held_out_mean_r", READOUT, ":", "^", "linear read-out, held-out")
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
    axis.legend(loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=2)


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
    label = f"{label}, over {_units(profile, figure)}"
    axis.fill_between(depth, *edges, facecolor=color, alpha=0.25, hatch=hatch, edgecolor=color, lw=0, label=label)
