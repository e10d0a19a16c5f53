"""Alignment against depth: the figures of all layers of one model in one table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from rockspace.alignment.multiplicity import holm
from rockspace.alignment.statistics import STATISTICS, UNITS, Statistic, number


def layer_profile(reports: Iterable[tuple[int, str, dict[str, Any]]], layers: Sequence[str]) -> pd.DataFrame:
    """Collect what each layer's JSON says.

    Args:
        reports: Seed, layer and content of each `alignment/{layer}.json` of one model.
        layers: Names of the layers from the image to the output.

    Returns:
        One row for each seed and layer, by depth: every statistic with the ends of its intervals and its nulls, see
        `columns`. `held_out_mean_r_p_..._holm` is adjusted after Holm over the layers of a seed.
    """
    depth = {layer: i + 1 for i, layer in enumerate(layers)}
    rows = [{"seed": seed, "layer": layer, "depth": depth[layer]} | _row(figures) for seed, layer, figures in reports]
    profile = pd.DataFrame(rows).sort_values(["seed", "depth"], ignore_index=True)
    for units in UNITS:
        p = profile.groupby("seed")[f"held_out_mean_r_p_{units}"]
        profile[f"held_out_mean_r_p_{units}_holm"] = p.transform(lambda p: p if p.isna().any() else holm(p.to_numpy()))
    return profile


def columns(statistic: Statistic) -> dict[str, str]:
    """Return where each column of a statistic stands in a layer's JSON: its value, and by units interval and null."""
    return {statistic.name: statistic.key} | {
        f"{statistic.name}_{part}_{units}": path for units in UNITS for part, path in statistic.paths(units).items()
    }


def _row(figures: dict[str, Any]) -> dict[str, Any]:
    paths = {name: path for statistic in STATISTICS for name, path in columns(statistic).items()}
    start = {"n_features": figures["n_features"], "reduction": figures["reduction"]}
    return start | {name: number(figures, path) for name, path in paths.items()}
