"""Alignment against depth: the figures of all layers of one model in one table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from rockspace.alignment.multiplicity import holm


def layer_profile(reports: Iterable[tuple[int, str, dict[str, Any]]], layers: Sequence[str]) -> pd.DataFrame:
    """Collect what each layer's JSON says.

    Args:
        reports: Seed, layer and content of each `alignment/{layer}.json` of one model.
        layers: Names of the layers from the image to the output.

    Returns:
        One row for each seed and layer, by depth: in-sample and held-out mean r with the ends of their
        intervals and null bands under the leading reduction, the linear read-out, and similarities that need
        no rotation. `held_out_p_..._holm` is adjusted after Holm over the layers of a seed.
    """
    depth = {layer: i + 1 for i, layer in enumerate(layers)}
    rows = [{"seed": seed, "layer": layer, "depth": depth[layer]} | _row(figures) for seed, layer, figures in reports]
    profile = pd.DataFrame(rows).sort_values(["seed", "depth"], ignore_index=True)
    for units in ("images", "subtypes"):
        p = profile.groupby("seed")[f"held_out_p_{units}"]
        profile[f"held_out_p_{units}_holm"] = p.transform(lambda p: p if p.isna().any() else holm(p.to_numpy()))
    return profile


def _row(figures: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"n_features": figures["n_features"], "reduction": figures["reduction"]}
    for part in ("held_out", "in_sample"):
        row[f"{part}_mean_r"] = figures[part]["mean_r"]
        for units, key in (("images", "mean_r_ci"), ("subtypes", "mean_r_ci_subtypes")):
            row[f"{part}_low_{units}"], row[f"{part}_high_{units}"] = figures[part][key] or (np.nan, np.nan)
        for units in ("images", "subtypes"):
            nulls = figures["permutation"][units]
            null = nulls[part] if nulls else {}
            row[f"{part}_null_{units}"] = null.get("null_mean_r", np.nan)
            band = null.get("null_mean_r_band", (np.nan, np.nan))
            row[f"{part}_null_low_{units}"], row[f"{part}_null_high_{units}"] = band
            row[f"{part}_p_{units}"] = null.get("p_mean_r", np.nan)
    for part in ("train_cv", "new_subtypes"):
        row[f"{part}_mean_r"] = figures[part]["mean_r"] if figures[part] else np.nan
    row["ridge_held_out_mean_r"] = figures["ridge"]["held_out"]["mean_r"] if figures["ridge"] else np.nan
    row["rsa_spearman"] = figures["rsa"]["spearman"]
    row["cka_debiased"] = figures["cka"]["debiased"] if figures["cka"] else np.nan
    for suffix, key in (("", "ci"), ("_subtypes", "ci_subtypes")):
        ends = (figures["rsa"][key] or {}).get("spearman", (np.nan, np.nan))
        row[f"rsa_spearman_low{suffix}"], row[f"rsa_spearman_high{suffix}"] = ends
        ends = (figures["cka"] or {}).get(key) or (np.nan, np.nan)
        row[f"cka_debiased_low{suffix}"], row[f"cka_debiased_high{suffix}"] = ends
    return row
