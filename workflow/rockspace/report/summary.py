"""The summary: one row for each model, seed and layer."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from rockspace.report.columns import ALIGNMENT, METRICS, NAMES, SUMMARY, cells


def summary_row(
    model: str, seed: int | str, layer: str, metrics: dict[str, Any], alignment: dict[str, Any]
) -> dict[str, Any]:
    """Collect the figures of one model, seed and layer.

    Args:
        model: Name of the model, or of an ensemble.
        seed: Seed, or the seeds of an ensemble in words.
        layer: Name of the layer.
        metrics: ``metrics.json``; figures that need a softmax are None where there is none.
        alignment: ``alignment/{layer}.json``; of an ensemble, its ``held_out`` alone.

    Returns:
        The value of each column of `rockspace.report.columns.SUMMARY`.
    """
    documents = {METRICS: metrics, ALIGNMENT: alignment, NAMES: {}}
    names = {"model": model, "seed": seed, "layer": layer}
    return {column.name: names.get(column.name, column.value(documents)) for column in SUMMARY}


def ensemble_rows(name: str, metrics: dict[str, Any], alignment: dict[str, Any]) -> list[dict[str, Any]]:
    """Collect the figures of an ensemble from its ``metrics.json`` and ``alignment.json``: one row for each layer."""
    seeds = " ".join(map(str, metrics["members"]["seeds"]))
    layers = alignment["layers"] or {"": {}}
    return [summary_row(name, seeds, layer, metrics, figures) for layer, figures in layers.items()]


def notes_of(runs: Sequence[tuple[str, int | str, str]], alignments: Sequence[dict[str, Any]]) -> list[str]:
    """Return what the reports of the layers say that a reader must know, each note once.

    Args:
        runs: Model, seed and layer of each report.
        alignments: ``alignment/{layer}.json`` of each.

    Returns:
        The notes; those that do not hold for all layers with the names of these before them.
    """
    said: dict[str, list[str]] = {}
    for (model, seed, layer), figures in zip(runs, alignments, strict=True):
        for note in figures["notes"]:
            said.setdefault(note, []).append(f"{model}, seed {seed}, {layer}")
    return [
        note if len(where) == len(runs) else f"{'; '.join(where[:5])}{' and others' if len(where) > 5 else ''}: {note}"
        for note, where in said.items()
    ]


def as_markdown(table: pd.DataFrame, study: str, notes: Sequence[str] = ()) -> str:
    """Write the summary for readers, with what each column means below it.

    Args:
        table: As ``summary.csv`` has it.
        study: Name of the study.
        notes: What a reader must know before believing a figure.
    """
    columns = cells(table.to_dict("records"), SUMMARY)
    shown = pd.DataFrame(dict(enumerate(texts for _, _, texts in columns)))
    shown.columns = [heading for heading, _, _ in columns]
    warnings = "".join(f"\n> {note}\n" for note in notes)
    legend = "".join(f"- *{heading}*: {about}\n" for heading, about, _ in columns[3:])
    return (
        f"# {study}\n\n{shown.to_markdown(index=False, disable_numparse=True)}\n{warnings}\n"
        f"In parentheses: 95 % intervals, and of chance the middle 95 % of the random pairings.\n\n{legend}"
    )
