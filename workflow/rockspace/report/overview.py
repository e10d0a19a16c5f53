"""The front page: alignment and accuracy of each model, with chance and published figures."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from rockspace.alignment.intervals import proportion_interval
from rockspace.alignment.statistics import UNITS
from rockspace.artifacts import read_json
from rockspace.data.catalog import read_catalog
from rockspace.data.manifest import read_manifest
from rockspace.inference.evaluation import read_predictions
from rockspace.report.columns import BY_NAME, SUMMARY, cells, estimate_of, read_table
from rockspace.report.pages import write_page
from rockspace.report.provenance import configuration
from rockspace.report.runtimes import clock, stage_runtimes
from rockspace.report.summary import notes_of

# Rows of the table of run times; the rest is added up.
LONGEST = 5
# Level at which a figure counts as more than chance.
LEVEL = 0.05
R, TOP1 = "held_out_mean_r", "validation_top1"
ACCURACY = (TOP1, "validation_top3", "train_top1")
ALIGNMENT = (
    R, f"{R}_null", f"{R}_p", "new_subtypes_mean_r", "in_sample_mean_r", "in_sample_mean_r_null", "held_out_disparity",
    "in_sample_disparity",
)  # fmt: skip
# What has a mark on a row's scale.
ON_SCALE = (TOP1, R, "in_sample_mean_r")
# Held-out r by other maps than the rotation that leads, each a row of its own.
OTHER_MAPS = {
    "zero_pad_held_out_mean_r": "rotation with zero-padding",
    "pca_held_out_mean_r": "rotation of principal components",
    "ridge_held_out_mean_r": "ridge regression",
    "coordinates_mean_r": "head trained on coordinates",
}


@dataclass(frozen=True)
class Row:
    """One line of a table of the overview.

    Attributes:
        name: Model, reference, or chance.
        kind: ``model``, ``other`` (map of the same model), ``reference`` or ``chance``.
        figures: By name of a column of the summary, what the row holds.
        marks: Marks on the row's scale: kind, and both ends (0 to 1), which are equal for a point.
        note: More about the row, below its name.
    """

    name: str
    kind: str
    figures: Mapping[str, Any]
    marks: Sequence[tuple[str, float, float]]
    note: str = ""


@dataclass(frozen=True)
class Study:
    """The results of a study.

    Attributes:
        config: The whole configuration, defaults filled in.
        catalog: As from `rockspace.data.catalog.read_catalog`.
        manifests: The manifests of the photographs and of people's files.
        summary: ``summary.csv``, with seeds as text: a row for each model, seed and layer.
        entries: ``comparison.entries.csv``: held-out mean r of each model and layer over its seeds.
        layers: The layer to show of each model.
        baselines: Of each model the names of its baselines, by kind; see `rockspace.baselines`.
        metrics: By model and seed (text), ``metrics.json`` of those that are trained.
        alignments: By model and seed, ``alignment/{layer}.json`` of the layer to show.
        predictions: By model and seed, the validation images of ``predictions.csv`` of those that are trained.
    """

    config: dict[str, Any]
    catalog: pd.DataFrame
    manifests: Sequence[Path]
    summary: pd.DataFrame
    entries: pd.DataFrame
    layers: Mapping[str, str]
    baselines: Mapping[str, Mapping[str, str]]
    metrics: Mapping[tuple[str, str], dict[str, Any]]
    alignments: Mapping[tuple[str, str], dict[str, Any]]
    predictions: Mapping[tuple[str, str], pd.DataFrame]

    @classmethod
    def read(
        cls,
        config: dict[str, Any],
        layers: Mapping[str, str],
        baselines: Mapping[str, Mapping[str, str]],
        runs: Mapping[str, Sequence[tuple[str, str]]],
        files: Mapping[str, Any],
    ) -> Self:
        """Read the artifacts of a study.

        Args:
            config: The whole configuration, defaults filled in.
            layers: The layer to show of each model.
            baselines: Of each model the names of its baselines, by kind.
            runs: Model and seed (text) of all `networks`, and of those that are trained (`trainings`).
            files: Path of `catalog`, `summary` and `entries`; paths of `manifests`; of `alignments` in the order of the
                networks; and of `metrics` and `predictions` in the order of the trainings.
        """

        def by_run(kind: str, name: str, read: Callable[[str], Any]) -> dict[tuple[str, str], Any]:
            return dict(zip(runs[kind], map(read, files[name]), strict=True))

        return cls(
            config=config,
            catalog=read_catalog(files["catalog"]),
            manifests=[Path(path) for path in files["manifests"]],
            summary=read_table(files["summary"]),
            entries=read_table(files["entries"]),
            layers=layers,
            baselines=baselines,
            metrics=by_run("trainings", "metrics", read_json),
            alignments=by_run("networks", "alignments", read_json),
            predictions=by_run(
                "trainings", "predictions", lambda path: read_predictions(path).query("split == 'validation'")
            ),
        )

    def models(self) -> list[dict[str, Any]]:
        """Return a record for each model and ensemble: the layer shown, over all its seeds; see `over_seeds`."""
        shown = self.summary["layer"] == self.summary["model"].map(self.layers).fillna(self.summary["layer"])
        return [
            over_seeds(runs, self.entries, [table for (name, _), table in self.predictions.items() if name == model])
            for (model, _), runs in self.summary[shown].groupby(["model", "layer"], sort=False)
        ]

    def _compared(self) -> list[dict[str, Any]]:
        """The models with a held-out r, the closest first."""
        found = [model for model in self.models() if not pd.isna(model[R])]
        return sorted(found, key=lambda model: model[R], reverse=True)

    def answer(self) -> str:
        """Say in one sentence how close the closest model comes to people, and what chance gives."""
        models = self._compared()
        best = models[0]
        found, first = estimate_of(best, R), next(iter(self.alignments.values()))
        labels = self.catalog.loc[self.catalog["split"] == "validation", "label"]
        count = {"subtypes": labels.nunique(), "images": len(labels)}
        where = f"on {count['images']} images that it was not trained on"
        start = (
            f"Of {len(models)} models, {best['model']} comes closest to people: {where}, its"
            if len(models) > 1
            else f"{where.capitalize()}, {best['model']}'s"
        )
        interval = ""
        if found.has_interval:
            interval = f" ({found.low:.2f} to {found.high:.2f} over {count[found.interval_over]} {found.interval_over})"
        chance = f"; chance is {found.null:.2f}" if found.has_null else ""
        doubt = ""
        if found.p > LEVEL or found.low <= found.null:
            doubt = f", so this is not clearly more than chance (p = {found.p:.2g} over {found.null_over})"
        return (
            f"{start} layer {best['layer']} follows people's "
            f"{_count(first['n_dimensions'], 'dimension')} with a mean correlation of r = {found.value:.2f}"
            f"{interval}{chance}{doubt}."
        )

    def dimensions_in_words(self) -> str:
        """Say which dimension the model of `answer` follows best and which least, over its seeds, held-out."""
        closest = self._compared()[0]["model"]
        runs = [found for (model, _), found in self.alignments.items() if model == closest]
        if not runs or runs[0]["n_dimensions"] < 2:
            return ""
        table = pd.DataFrame([found["held_out"]["r"] for found in runs], columns=runs[0]["dimensions"], dtype=float)
        r = table.mean().dropna().sort_values()
        if r.empty:
            return ""
        return f"It follows {r.index[-1]} best (r = {r.iloc[-1]:.2f}) and {r.index[0]} least (r = {r.iloc[0]:.2f})."

    def in_words(self) -> str:
        """Describe models, seeds and images in one sentence."""
        counts, labels = self.catalog["split"].value_counts(), self.catalog["label"].nunique()
        trained = f"{_count(len(self.layers), 'model')}, {_count(len(self.config['seeds']), 'seed')}"
        drawn = "; the photographs are drawn" if self.config["dataset"]["source"] == "synthetic" else ""
        return f"{trained}; {counts['train']} training and {counts['validation']} validation images of {labels} labels{drawn}."

    def warnings(self) -> list[str]:
        """Return notes on the limits of the figures."""
        runs = [(model, seed, self.layers[model]) for model, seed in self.alignments]
        notes = notes_of(runs, list(self.alignments.values()))
        if any(figures["selection"] == "validation" for figures in self.metrics.values()):
            notes.append(
                "The validation images decided when to stop training, so their accuracy is too good to report."
            )
        return notes


def over_seeds(runs: pd.DataFrame, entries: pd.DataFrame, predictions: Sequence[pd.DataFrame] = ()) -> dict[str, Any]:
    """Average the seeds of one model and layer.

    Args:
        runs: Rows of the summary, one for each seed.
        entries: ``comparison.entries.csv``.
        predictions: ``predictions.csv`` of each seed, of the same images.

    Returns:
        A row like the summary's. Values and chance are means over seeds; intervals of held-out r and top-1 are those
        of the mean, the band of chance holds those of all seeds, and p is the largest. The intervals of other means
        cannot be computed from those of single seeds and are left out. Beside these `seeds`: how many, and `each`: the rows.
    """
    rows = runs.to_dict("records")
    if len(rows) == 1:
        return rows[0] | {"seeds": 1, "each": rows}
    low, high, largest = (runs.filter(regex=ends) for ends in ("_null_low$", "_null_high$", "_p$"))
    merged = rows[0] | runs.drop(columns="seed").mean(numeric_only=True).to_dict()
    merged |= low.min().to_dict() | high.max().to_dict() | largest.max().to_dict()
    merged |= dict.fromkeys(runs.filter(regex="(?<!null)_(low|high|interval_over)$"), np.nan)
    entry = entries[(entries["model"] == merged["model"]) & (entries["layer"] == merged["layer"])]
    for units in ("images", "subtypes"):
        ends = entry[[f"low_{units}", f"high_{units}"]].to_numpy()
        if len(ends) and not np.isnan(ends).any():
            merged |= {f"{R}_low": ends[0, 0], f"{R}_high": ends[0, 1], f"{R}_interval_over": units}
    if predictions and all("correct" in table for table in predictions):
        hits = np.mean([table["correct"].to_numpy(dtype=float) for table in predictions], axis=0)
        if ends := proportion_interval(hits, predictions[0]["label"].to_numpy()):
            merged |= {f"{TOP1}_low": ends[0], f"{TOP1}_high": ends[1], f"{TOP1}_interval_over": UNITS[0]}
    return merged | {"seeds": len(rows), "each": rows}


def applicable(
    references: Sequence[dict[str, Any]], manifests: Sequence[Path], dataset: dict[str, Any]
) -> list[dict[str, Any]]:
    """Keep the references that hold for this study's images.

    Args:
        references: The ``references`` of the configuration.
        manifests: The manifests of the photographs and of people's files.
        dataset: The ``dataset`` of the configuration.

    Returns:
        Those without a checksum of the coordinates, or with that of this study's.
    """
    validation = dataset["splits"]["validation"]
    # No published result has validation images that were drawn from the training images.
    coordinates = None if validation.get("fraction") else validation["coordinates"]
    ours = {None} | {
        entry.sha256 for manifest in manifests for entry in read_manifest(manifest) if entry.path == coordinates
    }
    return [reference for reference in references if reference["coordinates_sha256"] in ours]


def accuracy_rows(models: Sequence[Mapping[str, Any]], references: Sequence[dict[str, Any]]) -> list[Row]:
    """Tabulate top-1 accuracy on the validation images: models, references, and two kinds of chance.

    Args:
        models: As from `Study.models`.
        references: Results of others; see `applicable`.
    """
    rows = [*(_model_row(model, TOP1) for model in models), *_reference_rows(references, ACCURACY)]
    for column in (column for column in SUMMARY if column.name.startswith("validation_chance")):
        chance = pd.Series([model[column.name] for model in models]).max()
        rows.append(Row(column.heading, "chance", {TOP1: chance}, _drawn([("chance", chance, chance)])))
    return rows


def alignment_rows(models: Sequence[Mapping[str, Any]], references: Sequence[dict[str, Any]]) -> list[Row]:
    """Tabulate how closely a layer of each model matches people.

    Args:
        models: As from `Study.models`.
        references: Results of others; see `applicable`.
    """
    rows = []
    for model in models:
        rows.append(_model_row(model, R))
        rows += [
            _other_row(model, name, by)
            for name, by in OTHER_MAPS.items()
            # What leads has the first row.
            if not pd.isna(model[name]) and not name.startswith(f"{model['reduction']}_")
        ]
    return [*rows, *_reference_rows(references, ALIGNMENT)]


def _model_row(model: Mapping[str, Any], name: str) -> Row:
    marks = _marks(model, name)
    notes = []
    if name == R:
        marks[-1:-1] = [("within", model["in_sample_mean_r"], model["in_sample_mean_r"])]
        # An ensemble averages rotations and has no reduction of its own.
        notes = [f"layer {model['layer']}", *filter(None, [OTHER_MAPS.get(f"{model['reduction']}_{R}")])]
    return Row(str(model["model"]), "model", model, _drawn(marks), ", ".join([*notes, *_spread(model, name)]))


def _other_row(model: Mapping[str, Any], name: str, by: str) -> Row:
    """What another map reaches held-out, in the columns of the one that leads."""
    figures = {f"{R}{key.removeprefix(name)}": value for key, value in model.items() if key.startswith(name)}
    if name == "coordinates_mean_r":
        figures["held_out_disparity"] = model["coordinates_disparity"]
    return Row(
        str(model["model"]), "other", figures, _drawn(_marks(model, name)), ", ".join([by, *_spread(model, name)])
    )


def _marks(model: Mapping[str, Any], name: str) -> list[tuple[str, float, float]]:
    """Chance and its band, the interval, and a dot for each seed."""
    found = estimate_of(model, name)
    marks = [("band", found.null_low, found.null_high), ("interval", found.low, found.high)]
    marks += [("shuffled", found.null, found.null)]
    return marks + [("dot", row[name], row[name]) for row in model["each"]]


def _reference_rows(references: Sequence[dict[str, Any]], names: Sequence[str]) -> Iterator[Row]:
    """One row for each label that has a figure in these columns, with the source of the first."""
    for label in dict.fromkeys(each["label"] for each in references if each["metric"] in names):
        entries = [each for each in references if each["label"] == label and each["metric"] in names]
        figures = {each["metric"]: each["value"] for each in entries}
        drawn = [("published", value, value) for name, value in figures.items() if name in ON_SCALE]
        yield Row(label, "reference", figures, drawn, entries[0]["source"])


def table(rows: Sequence[Row], names: Sequence[str]) -> dict[str, Any]:
    """Write rows for the page.

    Returns:
        `headings`: of each column its heading and meaning; `rows`: each row and its cells.
    """
    written = cells([row.figures for row in rows], [BY_NAME[name] for name in names])
    return {
        "headings": [(heading, about) for heading, about, _ in written],
        "rows": [(row, [texts[i] for _, _, texts in written]) for i, row in enumerate(rows)],
    }


def write_overview(output: Path, study: Study, provenance: Mapping[str, str]) -> None:
    """Write the page.

    Args:
        output: File to write, in the folder of the study.
        study: The results.
        provenance: As from `rockspace.report.provenance.provenance`.
    """
    references = applicable(study.config["references"], study.manifests, study.config["dataset"])
    models = study.models()
    stages = stage_runtimes(output.parent / "benchmarks")
    memory, rest = stages["memory_mb"].max(), stages.iloc[LONGEST:]
    shown = [(row.stage, row.jobs, clock(row.seconds)) for row in stages.head(LONGEST).itertuples()]
    if len(rest):
        shown.append((f"{len(rest)} more stages", int(rest["jobs"].sum()), clock(rest["seconds"].sum())))
    write_page(
        output,
        "overview.html.jinja",
        study=study.config["study"],
        answer=f"{study.answer()} {study.dimensions_in_words()}".strip(),
        about=study.in_words(),
        warnings=study.warnings(),
        alignment=table(alignment_rows(models, references), ALIGNMENT),
        accuracy=table(accuracy_rows(models, references), ACCURACY),
        stages=shown,
        total=clock(stages["seconds"].sum()),
        memory="" if np.isnan(memory) else f"{memory / 1024:.1f} GB",
        provenance=provenance,
        config=configuration(study.config),
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _drawn(marks: Sequence[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    """The marks that have a place, cut to the scale."""
    return [
        (kind, *np.clip([low, high], 0, 1).tolist()) for kind, low, high in marks if not np.isnan([low, high]).any()
    ]


def _spread(model: Mapping[str, Any], name: str) -> list[str]:
    """How many seeds there are, and the lowest and the highest of them."""
    if model["seeds"] == 1:
        return []
    column, values = BY_NAME[name], [row[name] for row in model["each"]]
    return [f"{model['seeds']} seeds, {column.written(min(values))} to {column.written(max(values))}"]
