"""The front page: which model, how accurate, how human-like, beside chance and what others found."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from rockspace.data.manifest import read_manifest
from rockspace.report.pages import write_page
from rockspace.report.runtimes import clock, stage_runtimes
from rockspace.report.summary import with_leading

NOTHING = "-"
# Rows of the table of run times; the rest is added up.
LONGEST = 5


@dataclass(frozen=True)
class Row:
    """One line of a table of the overview.

    Attributes:
        name: Model, reference, or chance.
        kind: ``model``, ``reference`` or ``chance``.
        cells: Texts of the columns after the name.
        marks: What is drawn on the row's scale: kind of mark, and where (0 to 1), or from where to where.
        note: More about the row, below its name.
    """

    name: str
    kind: str
    cells: Sequence[str]
    marks: Sequence[tuple[str, float, float]]
    note: str = ""


@dataclass(frozen=True)
class Study:
    """What came out of a study.

    Attributes:
        config: The whole configuration, defaults filled in.
        catalog: As from `rockspace.data.catalog.read_catalog`.
        manifest: The archive's manifest.
        summary: ``summary.csv``, with seeds as text: a row for each model, seed and layer.
        layers: The layer to show of each model.
        metrics: By model and seed (text), ``metrics.json``.
        alignments: By model and seed, ``alignment/{layer}.json`` of that layer.
    """

    config: dict[str, Any]
    catalog: pd.DataFrame
    manifest: Path
    summary: pd.DataFrame
    layers: Mapping[str, str]
    metrics: Mapping[tuple[str, str], dict[str, Any]]
    alignments: Mapping[tuple[str, str], dict[str, Any]]

    def in_words(self) -> str:
        """Say what the study was made of."""
        counts, labels = self.catalog["split"].value_counts(), self.catalog["label"].nunique()
        seeds = self.config["seeds"]
        dimensions = next(iter(self.alignments.values()))["n_dimensions"]
        trained = f"{_count(len(self.layers), 'model')}, {_count(len(seeds), 'seed')}"
        return (
            f"{trained}; trained on {counts['train']} photographs of {labels} labels, judged on {counts['validation']} others, "
            f"compared with people on {_count(dimensions, 'dimension')}."
        )

    def warning(self) -> str:
        """Return what a reader must know before believing the accuracy; empty where it is as it seems."""
        if all(figures["selection"] != "validation" for figures in self.metrics.values()):
            return ""
        return "The validation images decided when to stop training, so their accuracy is too good to report."

    def notes(self) -> list[str]:
        """Collect the notes of the alignments, one line for each model and seed that has any."""
        return [
            f"{model}, seed {seed}: {'; '.join(figures['notes'])}."
            for (model, seed), figures in self.alignments.items()
            if figures["notes"]
        ]


def applicable(references: Sequence[dict[str, Any]], manifest: Path, dataset: dict[str, Any]) -> list[dict[str, Any]]:
    """Keep the references that hold for this study's images.

    Args:
        references: The ``references`` of the configuration.
        manifest: The archive's manifest.
        dataset: The ``dataset`` of the configuration.

    Returns:
        Those without a checksum of the coordinates, or with that of this study's.
    """
    validation = dataset["splits"]["validation"]
    # Validation images that were drawn from the training images are nobody else's.
    coordinates = None if validation.get("fraction") else validation["coordinates"]
    ours = {None} | {entry.sha256 for entry in read_manifest(manifest) if entry.path == coordinates}
    return [reference for reference in references if reference["coordinates_sha256"] in ours]


def accuracy_rows(summary: pd.DataFrame, references: Sequence[dict[str, Any]], n_labels: int) -> list[Row]:
    """Tabulate top-1 accuracy on the validation images: models, references, chance.

    Args:
        summary: Of one layer of each model; a row for each seed.
        references: Results of others; see `applicable`.
        n_labels: Number of labels, which decides chance.
    """
    rows = []
    for model, runs in summary.groupby("model", sort=False):
        mean, low, high = (runs[f"validation_top1{end}"].mean() for end in ("", "_low", "_high"))
        cells = (
            _with_interval(mean, low, high, _percent),
            _percent(runs["validation_top3"].mean()),
            _percent(runs["train_top1"].mean()),
        )
        dots = [("dot", value, value) for value in runs["validation_top1"]]
        note = _seeds(runs, "validation_top1", _percent)
        rows.append(Row(str(model), "model", cells, _drawn([("interval", low, high), *dots]), note))
    for reference in (r for r in references if r["metric"] == "validation_top1"):
        value = reference["value"]
        cells = (f"{100 * value:.4g} %", "", "")  # as many digits as were published
        rows.append(Row(reference["label"], "reference", cells, [("published", value, value)], reference["source"]))
    chance = 1 / n_labels
    rows.append(Row("chance", "chance", (_percent(chance), "", ""), [("chance", chance, chance)]))
    return rows


def alignment_rows(
    summary: pd.DataFrame, figures: Mapping[tuple[str, str], dict[str, Any]], references: Sequence[dict[str, Any]]
) -> list[Row]:
    """Tabulate how closely a layer of each model matches people: held-out, in-sample and shuffled.

    Args:
        summary: Of one layer of each model; a row for each seed.
        figures: By model and seed, the layer's ``alignment/{layer}.json``.
        references: Results of others; see `applicable`.
    """
    rows = []
    for model, runs in summary.groupby("model", sort=False):
        mean, low, high, within, null = (
            runs[column].mean()
            for column in ("held_out_mean_r", "held_out_low", "held_out_high", "in_sample_mean_r", "null_mean_r")
        )  # fmt: skip
        shuffled = [
            figures[run]["permutation"]["null_disparity"] for seed in runs["seed"] if (run := (model, seed)) in figures
        ]
        disparity = [runs["held_out_disparity"].mean(), runs["in_sample_disparity"].mean(), _mean(shuffled)]
        cells = (
            _with_interval(mean, low, high, _correlation),
            _correlation(within),
            _correlation(null),
            " / ".join(map(_correlation, disparity)),
            _p(runs["held_out_p"].max()),
        )
        marks = [("interval", low, high), ("shuffled", null, null), ("within", within, within)]
        marks += [("dot", value, value) for value in runs["held_out_mean_r"]]
        note = ", ".join(
            filter(None, [f"layer {runs['layer'].iloc[0]}", _seeds(runs, "held_out_mean_r", _correlation)])
        )
        rows.append(Row(str(model), "model", cells, _drawn(marks), note))
        if "coordinates_mean_r" in runs and runs["coordinates_mean_r"].notna().any():
            rows.append(_coordinates_row(str(model), runs))
    return rows + _reference_rows(references)


def _coordinates_row(model: str, runs: pd.DataFrame) -> Row:
    """What a head predicts that was itself trained on coordinates: there is no rotation to fit in-sample."""
    mean, low, high = (runs[f"coordinates_mean_r{end}"].mean() for end in ("", "_low", "_high"))
    cells = (
        _with_interval(mean, low, high, _correlation),
        "",
        "",
        _correlation(runs["coordinates_disparity"].mean()),
        "",
    )
    marks = [("interval", low, high), *(("dot", value, value) for value in runs["coordinates_mean_r"])]
    note = ", ".join(filter(None, ["coordinates head", _seeds(runs, "coordinates_mean_r", _correlation)]))
    return Row(model, "model", cells, _drawn(marks), note)


def _reference_rows(references: Sequence[dict[str, Any]]) -> list[Row]:
    """One row for each label; what it has of correlation and disparity stands in the models' columns."""
    rows = []
    by_label: dict[str, dict[str, Any]] = {}
    for reference in references:
        by_label.setdefault(reference["label"], {"source": reference["source"]})[reference["metric"]] = reference[
            "value"
        ]
    for label, found in by_label.items():
        r, within = found.get("held_out_mean_r"), found.get("in_sample_mean_r")
        disparities = [found.get(f"{part}_disparity") for part in ("held_out", "in_sample")]
        if r is None and within is None and disparities == [None, None]:
            continue
        disparity = " / ".join(map(_correlation, disparities)) if disparities[1] else _correlation(disparities[0])
        marks = [("published", value, value) for value in (r, within) if value is not None]
        figures = ["" if value is None else _correlation(value) for value in (r, within)]
        cells = (*figures, "", "" if disparities == [None, None] else disparity, "")
        rows.append(Row(label, "reference", cells, marks, found["source"]))
    return rows


def write_overview(output: Path, study: Study, *, benchmarks: Path, provenance: Mapping[str, str]) -> None:
    """Write the page.

    Args:
        output: File to write.
        study: What came out.
        benchmarks: The study's folder of benchmark files.
        provenance: As from `rockspace.report.provenance.provenance`.
    """
    references = applicable(study.config["references"], study.manifest, study.config["dataset"])
    shown = study.summary["layer"] == study.summary["model"].map(study.layers).fillna(study.summary["layer"])
    summary = with_leading(study.summary[shown])
    stages = stage_runtimes(benchmarks)
    memory, rest = stages["memory_mb"].max(), stages.iloc[LONGEST:]
    shown = [(row.stage, row.jobs, clock(row.seconds)) for row in stages.head(LONGEST).itertuples()]
    if len(rest):
        shown.append((f"{len(rest)} more stages", int(rest["jobs"].sum()), clock(rest["seconds"].sum())))
    write_page(
        output,
        "overview.html.jinja",
        study=study.config["study"],
        about=study.in_words(),
        accuracy=accuracy_rows(summary, references, study.catalog["label"].nunique()),
        alignment=alignment_rows(summary, study.alignments, references),
        warning=study.warning(),
        notes=study.notes(),
        stages=shown,
        total=clock(stages["seconds"].sum()),
        memory="" if np.isnan(memory) else f"{memory / 1024:.1f} GB",
        provenance=provenance,
        # Through JSON, since YAML would write lists that two sections share as an anchor and an alias.
        config=yaml.safe_dump(json.loads(json.dumps(study.config)), sort_keys=False, allow_unicode=True, width=100),
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else np.nan


def _drawn(marks: Sequence[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    """The marks that have a place, cut to the scale."""
    return [
        (kind, *np.clip([low, high], 0, 1).tolist()) for kind, low, high in marks if not np.isnan([low, high]).any()
    ]


def _seeds(runs: pd.DataFrame, column: str, form: Any) -> str:
    if len(runs) == 1:
        return ""
    return f"{len(runs)} seeds, {form(runs[column].min())} to {form(runs[column].max())}"


def _with_interval(value: float, low: float, high: float, form: Any) -> str:
    if value is None or np.isnan(value) or np.isnan([low, high]).any():
        return form(value)
    return f"{form(value)} ({form(low).removesuffix(' %')} to {form(high).removesuffix(' %')})"


def _percent(share: float | None) -> str:
    return NOTHING if share is None or np.isnan(share) else f"{100 * share:.1f} %"


def _correlation(value: float | None) -> str:
    return NOTHING if value is None or np.isnan(value) else f"{value:.3f}"


def _p(value: float | None) -> str:
    if value is None or np.isnan(value):
        return NOTHING
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1g}"
