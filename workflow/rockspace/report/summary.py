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
    "coordinates_mean_r": ("r coordinates head", "{:.3f}"),
    "coordinates_disparity": ("disparity coordinates head", "{:.3f}"),
}
NOTHING = (np.nan, np.nan)


def summary_row(
    model: str, seed: int | str, layer: str, metrics: dict[str, Any], alignment: dict[str, Any]
) -> dict[str, Any]:
    """Collect the figures of one model, seed and layer from its ``metrics.json`` and ``alignment/{layer}.json``.

    Args:
        model: Name of the model, or of an ensemble.
        seed: Seed, or the seeds of an ensemble in words.
        layer: Name of the layer.
        metrics: ``metrics.json``; figures that need a softmax are None where there is none.
        alignment: ``alignment/{layer}.json``; of an ensemble, its ``held_out`` alone.
    """
    validation, held_out = metrics["validation"], alignment["held_out"]
    in_sample, permutation = alignment.get("in_sample", {}), alignment.get("permutation", {})
    over_subtypes = held_out.get("mean_r_ci_subtypes") or NOTHING
    over_images = validation["top1_ci"] or NOTHING
    row = {
        "model": model,
        "seed": seed,
        "layer": layer,
        "train_top1": metrics["train"]["top1"],
        "validation_top1": validation["top1"],
        "validation_top1_low": over_images[0],
        "validation_top1_high": over_images[1],
        "validation_top3": validation["top3"],
        "validation_loss": validation["loss"],
        "in_sample_mean_r": in_sample.get("mean_r", np.nan),
        "in_sample_disparity": in_sample.get("disparity", np.nan),
        "held_out_mean_r": held_out["mean_r"],
        "held_out_mean_r_low": held_out["mean_r_ci"][0],
        "held_out_mean_r_high": held_out["mean_r_ci"][1],
        "held_out_mean_r_low_subtypes": over_subtypes[0],
        "held_out_mean_r_high_subtypes": over_subtypes[1],
        "held_out_disparity": held_out["disparity"],
        "null_mean_r": permutation.get("null_mean_r", np.nan),
        "p_value": permutation.get("p_value", np.nan),
    }
    for units in ("images", "subtypes"):
        row[f"held_out_p_{units}"] = permutation[units]["held_out"]["p_mean_r"] if permutation.get(units) else np.nan
    return row | _of_coordinates(metrics)


def ensemble_rows(name: str, metrics: dict[str, Any], alignment: dict[str, Any]) -> list[dict[str, Any]]:
    """Collect the figures of an ensemble from its ``metrics.json`` and ``alignment.json``: one row for each layer."""
    seeds = " ".join(map(str, metrics["members"]["seeds"]))
    none = {"": {"held_out": {"mean_r": np.nan, "mean_r_ci": NOTHING, "disparity": np.nan}}}
    layers = alignment["layers"] or none
    return [summary_row(name, seeds, layer, metrics, figures) for layer, figures in layers.items()]


def _of_coordinates(metrics: dict[str, Any]) -> dict[str, float]:
    """The figures of a head that predicts coordinates itself, if there is one."""
    if "coordinates" not in metrics:
        return {}
    scores = metrics["coordinates"]["validation"]
    low, high = scores["mean_r_ci"] or NOTHING
    return {
        "coordinates_mean_r": scores["mean_r"],
        "coordinates_mean_r_low": low,
        "coordinates_mean_r_high": high,
        "coordinates_disparity": scores["disparity"],
    }


def with_leading(table: pd.DataFrame) -> pd.DataFrame:
    """Add the held-out interval and p that lead: over subtypes, or over images where there are too few subtypes.

    Images of one subtype are not independent, so figures over images make too much of what there is.

    Args:
        table: As ``summary.csv`` has it.

    Returns:
        The table with `held_out_low`, `held_out_high` and `held_out_p`.
    """
    ends = {
        f"held_out_{end}": table[f"held_out_mean_r_{end}_subtypes"].fillna(table[f"held_out_mean_r_{end}"])
        for end in ("low", "high")
    }
    return table.assign(**ends, held_out_p=table["held_out_p_subtypes"].fillna(table["held_out_p_images"]))


def as_markdown(table: pd.DataFrame, study: str) -> str:
    """Write the summary for readers, with what each column means below it."""
    table = with_leading(table)
    shown = table[["model", "seed", "layer"]].copy()
    intervals = {
        "validation_top1": (table["validation_top1_low"], table["validation_top1_high"]),
        "held_out_mean_r": (table["held_out_low"], table["held_out_high"]),
    }
    if "coordinates_mean_r" in table:
        intervals["coordinates_mean_r"] = (table["coordinates_mean_r_low"], table["coordinates_mean_r_high"])
    for column, (heading, form) in COLUMNS.items():
        if column in table:
            shown[heading] = _cells(table[column], intervals.get(column), form)
    heads = (
        "*Coordinates head*: what a head that was trained on the training images' coordinates predicts; its disparity is "
        "after the best translation, scale and rotation, as published figures are.\n"
        if "coordinates_mean_r" in table
        else ""
    )
    return (
        f"# {study}\n\n{shown.to_markdown(index=False, disable_numparse=True)}\n\n"
        "In parentheses: 95 % intervals, of r over subtypes (over images where there are too few). r: mean over "
        "dimensions of the correlation between the rotated embedding and the human coordinates of the validation images. *In-sample*: the rotation was fitted to the very images it is judged "
        "on. *Held-out*: it was learnt on the training images. *Shuffled*: in-sample with images paired at random, what "
        "chance alone gives. p: share of random pairings that do as well, in-sample by disparity with images paired at "
        "random, held-out by r with subtypes paired at random (images where none can change places).\n" + heads
    )


def _cells(values: pd.Series, interval: tuple[pd.Series, pd.Series] | None, form: str) -> list[str]:
    """Write figures, with their intervals behind them; nothing where there is no figure."""
    cells = ["" if pd.isna(value) else form.format(value) for value in values]
    if interval is None:
        return cells
    ends = [f" ({form.format(low)} to {form.format(high)})" for low, high in zip(*interval, strict=True)]
    return [cell and cell + end for cell, end in zip(cells, ends, strict=True)]
