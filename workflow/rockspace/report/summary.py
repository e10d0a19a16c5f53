"""The summary: one row for each model, seed and layer."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from rockspace.report.columns import ALIGNMENT, BY_NAME, METRICS, NAMES, SUMMARY, cells

# Columns of `summary.md`, which leaves out those that are empty in all rows; CSV and page have all columns.
MAIN = (
    "model", "seed", "layer", "validation_top1", "held_out_mean_r", "held_out_mean_r_null", "held_out_mean_r_p",
    "new_subtypes_mean_r", "in_sample_mean_r", "in_sample_mean_r_null", "coordinates_mean_r",
)  # fmt: skip
NAMES_OF_ROWS = ["model", "seed", "layer"]


def summary_table(
    runs: Sequence[tuple[str, int | str, str]],
    metrics: Mapping[tuple[str, int | str], dict[str, Any]],
    alignments: Iterable[dict[str, Any]],
    ensembles: Iterable[tuple[str, dict[str, Any], dict[str, Any]]],
) -> pd.DataFrame:
    """Collect the figures of a study.

    Args:
        runs: Model, seed and layer of each of `alignments`.
        metrics: ``metrics.json`` of each model and seed that is trained.
        alignments: ``alignment/{layer}.json`` of each model, seed and layer.
        ensembles: Name, ``metrics.json`` and ``alignment.json`` of each ensemble.

    Returns:
        ``summary.csv``: a row for each model, seed and layer, and for each ensemble and layer.
    """
    rows = [summary_row(*run, metrics.get(run[:2], {}), found) for run, found in zip(runs, alignments, strict=True)]
    return pd.DataFrame([*rows, *(row for ensemble in ensembles for row in ensemble_rows(*ensemble))])


def summary_row(
    model: str, seed: int | str, layer: str, metrics: dict[str, Any], alignment: dict[str, Any]
) -> dict[str, Any]:
    """Collect the figures of one model, seed and layer.

    Args:
        model: Name of the model, or of an ensemble.
        seed: Seed, or the seeds of an ensemble in words.
        layer: Name of the layer.
        metrics: ``metrics.json``, empty without training; figures that need a softmax are None where there is none.
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


def notes_of(
    runs: Sequence[tuple[str, int | str, str]], alignments: Sequence[dict[str, Any]], kind: str = "notes"
) -> list[str]:
    """Return the notes in the reports of the layers, each once.

    Args:
        runs: Model, seed and layer of each report.
        alignments: ``alignment/{layer}.json`` of each.
        kind: `notes` or `technical_notes`.

    Returns:
        The notes; those that do not hold for all layers with the names of these before them. Seeds and layers are named
        where a model has several.
    """
    said: dict[str, list[str]] = {}
    each = pd.DataFrame(runs, columns=NAMES_OF_ROWS).groupby("model").nunique()
    for (model, seed, layer), figures in zip(runs, alignments, strict=True):
        seeds, layers = each.loc[model] > 1
        name = ", ".join([str(model), *([f"seed {seed}"] if seeds else []), *([layer] if layers else [])])
        for note in figures.get(kind, ()):
            said.setdefault(note, []).append(name)
    return [
        note if len(where) == len(runs) else f"{'; '.join(where[:5])}{' and others' if len(where) > 5 else ''}: {note}"
        for note, where in said.items()
    ]


def as_markdown(table: pd.DataFrame, study: str, notes: Sequence[str] = ()) -> str:
    """Write the main columns of the summary for readers, with what each means below the table.

    Seeds are named where a model has several.

    Args:
        table: As ``summary.csv`` has it.
        study: Name of the study.
        notes: On the limits of the figures.
    """
    several = table.groupby("model")["seed"].nunique().gt(1).any()
    names = [name for name in MAIN if several or name != "seed"]
    columns = cells(table.to_dict("records"), [BY_NAME[name] for name in names])
    shown = pd.DataFrame(dict(enumerate(texts for _, _, texts in columns)))
    shown.columns = [heading for heading, _, _ in columns]
    warnings = "".join(f"\n> {note}\n" for note in notes)
    legend = "".join(f"- *{heading}*: {about}\n" for heading, about, _ in columns if heading not in NAMES_OF_ROWS)
    return (
        f"# {study}\n\n{shown.to_markdown(index=False, disable_numparse=True)}\n{warnings}\n"
        "In parentheses: 95 % intervals, and of chance the middle 95 % of the random pairings. "
        f"`summary.csv` and `tables/summary.html` have all columns.\n\n{legend}"
    )
