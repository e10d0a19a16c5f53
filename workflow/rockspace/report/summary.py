"""The summary: one row for each model, seed and layer."""

from typing import Any

import numpy as np
import pandas as pd

COLUMNS = {
    "train_top1": ("training top-1", "{:.1%}"),
    "validation_top1": ("validation top-1", "{:.1%}"),
    "validation_top3": ("validation top-3", "{:.1%}"),
    "in_sample_mean_r": ("r in-sample", "{:.3f}"),
    "null_mean_r": ("r shuffled", "{:.3f}"),
    "held_out_mean_r": ("r held-out", "{:.3f}"),
    "held_out_disparity": ("disparity held-out", "{:.3f}"),
    "p_value": ("p in-sample", "{:.4f}"),
    "held_out_p": ("p held-out", "{:.4f}"),
}


def summary_row(
    model: str, seed: int, layer: str, metrics: dict[str, Any], alignment: dict[str, Any]
) -> dict[str, Any]:
    """Collect the figures of one model, seed and layer from its ``metrics.json`` and ``alignment/{layer}.json``."""
    validation, held_out, permutation = metrics["validation"], alignment["held_out"], alignment["permutation"]
    over_subtypes = held_out["mean_r_ci_subtypes"] or (np.nan, np.nan)
    return {
        "model": model,
        "seed": seed,
        "layer": layer,
        "train_top1": metrics["train"]["top1"],
        "validation_top1": validation["top1"],
        "validation_top1_low": validation["top1_ci"][0],
        "validation_top1_high": validation["top1_ci"][1],
        "validation_top3": validation["top3"],
        "validation_loss": validation["loss"],
        "in_sample_mean_r": alignment["in_sample"]["mean_r"],
        "in_sample_disparity": alignment["in_sample"]["disparity"],
        "held_out_mean_r": held_out["mean_r"],
        "held_out_mean_r_low": held_out["mean_r_ci"][0],
        "held_out_mean_r_high": held_out["mean_r_ci"][1],
        "held_out_mean_r_low_subtypes": over_subtypes[0],
        "held_out_mean_r_high_subtypes": over_subtypes[1],
        "held_out_disparity": held_out["disparity"],
        "null_mean_r": permutation["null_mean_r"],
        "p_value": permutation["p_value"],
    } | {
        f"held_out_p_{units}": permutation[units]["held_out"]["p_mean_r"] if permutation[units] else np.nan
        for units in ("images", "subtypes")
    }


def as_markdown(table: pd.DataFrame, study: str) -> str:
    """Write the summary for readers, with what each column means below it."""
    # Images of one subtype are not independent, so figures over subtypes lead wherever there are enough of them.
    low, high = (
        table[f"held_out_mean_r_{end}_subtypes"].fillna(table[f"held_out_mean_r_{end}"]) for end in ("low", "high")
    )
    table = table.assign(held_out_p=table["held_out_p_subtypes"].fillna(table["held_out_p_images"]))
    shown = table[["model", "seed", "layer"]].copy()
    for column, (heading, form) in COLUMNS.items():
        shown[heading] = table[column].map(form.format)
    shown["validation top-1"] += [
        f" ({low:.1%} to {high:.1%})"
        for low, high in zip(table["validation_top1_low"], table["validation_top1_high"], strict=True)
    ]
    shown["r held-out"] += [f" ({a:.3f} to {b:.3f})" for a, b in zip(low, high, strict=True)]
    return (
        f"# {study}\n\n{shown.to_markdown(index=False, disable_numparse=True)}\n\n"
        "In parentheses: 95 % intervals, of r over subtypes (over images where there are too few). r: mean over "
        "dimensions of the correlation between the rotated embedding and the human coordinates of the validation images. *In-sample*: the rotation was fitted to the very images it is judged "
        "on. *Held-out*: it was learnt on the training images. *Shuffled*: in-sample with images paired at random, what "
        "chance alone gives. p: share of random pairings that do as well, in-sample by disparity with images paired at "
        "random, held-out by r with subtypes paired at random (images where none can change places).\n"
    )
