"""The front page: the answer in words and in one figure, then models, layers, accuracy, and where to look further."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import numpy as np
import pandas as pd

from rockspace.alignment.comparison import PERMUTATIONS_PER_TEST
from rockspace.alignment.intervals import proportion_interval
from rockspace.alignment.statistics import LEVEL, UNITS, Estimate, interval_in
from rockspace.artifacts import read_json
from rockspace.choices.human_choices import COORDINATES
from rockspace.data.catalog import NO_LABEL, read_catalog
from rockspace.data.manifest import read_manifest
from rockspace.inference.evaluation import read_predictions
from rockspace.network_kinds import has_seed, is_ready, is_trained
from rockspace.report.answer import about, answer, notes, points
from rockspace.report.captions import METHODS, count, left_out_of_accuracy, origin, titled, whose
from rockspace.report.columns import (
    BY_NAME,
    SHARE,
    SUMMARY,
    TOP1,
    Column,
    R,
    cells,
    estimate_of,
    has_accuracy,
    read_table,
)
from rockspace.report.dimensions import (
    BASELINES,
    DimensionProfile,
    Profiled,
    ceiling_of,
    difference_of,
    dimension_estimates,
    lowest_tick,
    read_chance,
    rows_on_page,
    ticks,
)
from rockspace.report.pages import write_page
from rockspace.report.predicted_choices import (
    PredictedChoices,
    how_fitted,
    observed_accuracy,
    others_explained,
    predicted_choices,
    read_choices,
    right_only_explained,
)
from rockspace.report.provenance import configuration, without_folders
from rockspace.report.runtimes import clock, stage_runtimes

# How well people's choices are predicted, of a space.
CHOICES = (
    Column("explained", "explained", "Where the log-likelihood of people's choices lies between guessing (0) and the observed shares of the choices themselves (1), which no model of the same shares for everybody can exceed.", "{:.3f}", ends=("explained_low", "explained_high"), over="explained_interval_over"),
    Column("beyond_people", "beyond people's own", "Log-likelihood of a response minus that in people's own coordinates (nats); paired over the same responses.", "{:+.3f}", ends=("beyond_people_low", "beyond_people_high"), over="beyond_people_interval_over"),
    Column("log_likelihood", "log-likelihood", "Of all responses, by parameters fitted to these very responses (nats).", "{:,.1f}"),
    Column("new_subtypes_log_likelihood", "of new subtypes", "Log-likelihood of all responses, those to images of each subtype (of each tenth of more than 40) by parameters fitted to the others'.", "{:,.1f}"),
)  # fmt: skip
# Conditions whose accuracy has a column.
MOST_CONDITIONS = 4
# Rows of the table of run times; the rest is added up.
LONGEST = 5
# Rows of the table of layers that are shown without a click.
MOST_LAYERS = 15
ACCURACY = (TOP1, "validation_top3", "train_top1")
# r less its own chance: a column of this page alone, since both have columns in the CSV.
ABOVE = Column("held_out_mean_r_above", "above chance", "r held-out minus its own chance.", "{:+.3f}")
ALIGNMENT = (
    R, f"{R}_null", ABOVE.name, f"{R}_p", "new_subtypes_mean_r", "in_sample_mean_r", "in_sample_mean_r_null", "held_out_disparity",
)  # fmt: skip
MAPS, LAYERS = ALIGNMENT[:4], (*ALIGNMENT[:5], "in_sample_mean_r")
# What the words of the page mean.
WORDS = {
    "r": "Pearson's correlation, over the validation images, of the positions that people gave them on one dimension with those that the network gives them. 1: the same up to unit and origin; 0: unrelated.",
    "held-out": "The network's space is rotated onto people's dimensions with the training images alone; r is of the validation images, which neither the network nor the rotation saw.",
    "in-sample": "The rotation is fitted to the same images that are scored. It is always too good, and is shown because published figures often are of this kind.",
    "layer": "A stage of the network; its activations are the network's space. The later the layer, the closer to the network's answer.",
    "penultimate": "The last layer before the network's answer; its head learnt it in training.",
    "pooled": "What the head of a network gets: its last features, each one number an image. The last layer of a network that has no head.",
    "seed": "The number that random things start from, such as the order of images in training. Networks of several seeds show how much of a result is luck.",
    "zero-padding": "People's coordinates get as many dimensions of zeros as the network has features more, so that one can be rotated onto the other.",
    "95 % interval": "Where r would lie with other subtypes (or images) of the same kind. Images of one label resemble each other, so the unit is the subtype: "
    f"{METHODS['subtypes']}. Where there are too few subtypes: {METHODS['images']}.",
    "subtypes": "The labels of the images, such as kinds of rock.",
    "chance": "The same analysis with people's coordinates of whole subtypes exchanged at random (of single images where there are too few subtypes): the mean of these random pairings, and the middle 95 % of them as a grey band.",
    "clearly above chance": f"p is at most {LEVEL}, and the 95 % interval lies above the mean of chance. Otherwise it says 'not clearly above chance', and why.",
    "p": "Share of random pairings with at least as high an r (one-sided); for single dimensions adjusted for their number by Holm's method. With ≤ it is the smallest that so many random pairings allow. The p of differences is two-sided.",
    "above chance": "r less its own chance. What a space reaches by chance depends on the space, so each network has a chance of its own. Networks are compared by r itself, on the same images: r and chance do not simply add up, so the difference says how far r is from chance, and is no corrected r.",
    "new subtypes": "The rotation is learnt on other subtypes than those that are scored. Where this r is much lower than r held-out, the rotation has learnt where its own subtypes are rather than the dimensions in general.",
    "disparity": "Share of the variance of people's coordinates that remains when the network's places are put on top of them. It also counts size: a dimension on which people's coordinates vary more weighs more, and dimensions that come out too narrow or too wide count as error. r of each dimension counts the same and knows no size, so the two can order networks differently. This page goes by r.",
    "baseline": "The same network before any training on these images, or with random weights: what training has to beat.",
    "noise ceiling": "How well individual people agree with the others: no model can be expected to agree better with individual people.",
    "dimension": "One of the axes of people's psychological space, such as lightness; from their judgments of the images.",
}
# Words of other meaning where images were drawn, where they have no labels, and where no network was trained.
DRAWN = {
    "dimension": "One of the properties that images were drawn with, such as lightness; their coordinates are its values plus noise.",
}
WITHOUT_LABELS = {
    "95 % interval": f"Where r would lie with other images of the same kind: {METHODS['images']}.",
    "chance": "The same analysis with people's coordinates of the images exchanged at random: the mean of these random pairings, and the middle 95 % of them as a grey band.",
}
WITHOUT_TRAINING = {
    "held-out": "The network's space is rotated onto people's dimensions with the training images alone; r is of the validation images, which the rotation did not see.",
    "pooled": "The last features of a network, each one number an image.",
    "seed": "The number that random weights start from. Networks of several seeds show how much of a result is luck.",
    "baseline": "The same network with random weights: what pretraining has to beat.",
}
# Where these words stand in sentences, as regular expressions.
TERMS = {
    r"\br(?= = )": "r", "not clearly above chance": "clearly above chance", "95 % intervals?": "95 % interval", r"\bchance\b": "chance", r"\bsubtypes\b": "subtypes",
    r"\blayer\b": "layer", r"\bheld-out\b": "held-out", "[Bb]efore training|[Ww]ith random weights": "baseline", r"\bdimensions\b": "dimension",
}  # fmt: skip
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
        kind: ``model``, ``baseline``, ``other`` (map of the same model), ``reference`` or ``chance``.
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
        comparison: ``comparison.csv``: paired differences of held-out mean r.
        dimensions: ``comparison.dimensions.csv``: held-out r of each dimension, of the layer to show of each model.
        layers: The layer to show of each network, baselines included.
        baselines: Of each model the names of its baselines, by kind; see `rockspace.baselines`.
        metrics: By model and seed (text), ``metrics.json``; of trained networks.
        alignments: By model and seed, ``alignment/{layer}.json`` of that layer.
        nulls: By model and seed, ``alignment/{layer}.dimensions.csv`` of that layer.
        predictions: By model and seed, the validation images of ``predictions.csv``; of trained networks.
        histories: By model and seed, ``finetune.history.csv``; of trained networks.
        choices: ``human_choices.csv``: how well each space predicts people's choices; empty where the study has none.
        conditions: ``human_choices.conditions.csv``: right responses by condition; empty where the study has none.
    """

    config: dict[str, Any]
    catalog: pd.DataFrame
    manifests: Sequence[Path]
    summary: pd.DataFrame
    entries: pd.DataFrame
    comparison: pd.DataFrame
    dimensions: pd.DataFrame
    layers: Mapping[str, str]
    baselines: Mapping[str, Mapping[str, str]]
    metrics: Mapping[tuple[str, str], dict[str, Any]]
    alignments: Mapping[tuple[str, str], dict[str, Any]]
    nulls: Mapping[tuple[str, str], pd.DataFrame]
    predictions: Mapping[tuple[str, str], pd.DataFrame]
    histories: Mapping[tuple[str, str], pd.DataFrame] = field(default_factory=dict)
    choices: pd.DataFrame = field(default_factory=pd.DataFrame)
    conditions: pd.DataFrame = field(default_factory=pd.DataFrame)

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
            layers: The layer to show of each network.
            baselines: Of each model the names of its baselines, by kind.
            runs: Model and seed (text) of all `networks`, and of those that are trained (`trainings`).
            files: Path of `catalog`, `summary`, `entries`, `comparison` and `dimensions`; paths of `manifests`; of
                `alignments` and `nulls` in the order of the networks; of `metrics`, `predictions` and `histories` (of
                fine-tuning) in the order of the trainings; and of `choices` and `conditions`, both or none in a list.
        """

        def by_run(kind: str, name: str, read: Callable[[str], Any]) -> dict[tuple[str, str], Any]:
            return dict(zip(runs[kind], map(read, files[name]), strict=True))

        return cls(
            config=config,
            catalog=read_catalog(files["catalog"]),
            manifests=[Path(path) for path in files["manifests"]],
            summary=read_table(files["summary"]),
            entries=read_table(files["entries"]),
            comparison=read_table(files["comparison"]),
            dimensions=read_table(files["dimensions"]),
            layers=layers,
            baselines=baselines,
            metrics=by_run("trainings", "metrics", read_json),
            alignments=by_run("networks", "alignments", read_json),
            nulls=by_run("networks", "nulls", read_chance),
            predictions=by_run(
                "trainings", "predictions", lambda path: read_predictions(path).query("split == 'validation'")
            ),
            histories=by_run("trainings", "histories", pd.read_csv),
            **{
                name: read_choices(path)
                for name, path in zip(("choices", "conditions"), files["choices"], strict=False)
            },
        )

    @property
    def is_drawn(self) -> bool:
        """Whether the program drew the images."""
        return self.config["dataset"]["source"] == "synthetic"

    @property
    def has_labels(self) -> bool:
        """Whether images have labels, and so come in subtypes."""
        return bool((self.catalog["label"] != NO_LABEL).any())

    @property
    def subtypes(self) -> int:
        """Number of labels of the validation images."""
        return self.catalog.loc[
            (self.catalog["split"] == "validation") & (self.catalog["label"] != NO_LABEL), "label"
        ].nunique()

    @property
    def has_accuracy(self) -> bool:
        """Whether any model has an accuracy, so that words can speak of it."""
        return any(map(has_accuracy, self.models))

    @property
    def left_out_of_accuracy(self) -> str:
        """Which validation images accuracy is not of, in a sentence; empty where it is of all, or where there is none."""
        return next((left_out_of_accuracy(each) for each in self.predictions.values() if "correct" in each), "")

    def is_trained(self, model: str) -> bool:
        """Say whether a network was trained on these images."""
        return is_trained(self.settings(model))

    def is_ready(self, model: str) -> bool:
        """Say whether a model is a file of embeddings that are no layer of a network that was run here."""
        return is_ready(self.settings(model))

    def origin(self, model: str) -> str:
        """Say what a network is that was not trained on these images; nothing of one that was."""
        return origin(self.settings(model))

    def title(self, model: str) -> str:
        """Name a network with the layer to show, where it comes from, and its seeds, or that they are averaged."""
        name = titled(self.settings(model), f"layer {self.layers[model]}")
        return ", ".join(filter(None, [name, self.seeds_in_words(model)]))

    @property
    def space(self) -> str:
        """Whose space the networks are compared with."""
        return "the drawn space" if self.is_drawn else "people's space"

    @cached_property
    def predicted_choices(self) -> list[PredictedChoices]:
        """What each space says of people's choices, the best first; empty where the study has none."""
        return [] if self.choices.empty else predicted_choices(self.choices, self.conditions, self.layers)

    @property
    def own_choices(self) -> PredictedChoices:
        """What people's own coordinates say of people's choices."""
        return next(each for each in self.predicted_choices if each.is_of_people and each.space == COORDINATES)

    @cached_property
    def kinds(self) -> dict[str, str]:
        """The kind of each baseline, by its name."""
        return {name: kind for each in self.baselines.values() for kind, name in each.items()}

    @cached_property
    def every_layer(self) -> list[dict[str, Any]]:
        """A record for each layer of each network and ensemble, over all its seeds; see `over_seeds`."""
        return [
            over_seeds(runs, self.entries, [table for (name, _), table in self.predictions.items() if name == model])
            for (model, _), runs in self.summary.groupby(["model", "layer"], sort=False)
        ]

    @cached_property
    def models(self) -> list[dict[str, Any]]:
        """The records of the layer to show, the closest to people first, baselines last."""
        shown = [each for each in self.every_layer if each["layer"] == self.layers.get(each["model"], each["layer"])]

        def place(record: Mapping[str, Any]) -> tuple[bool, bool, float]:
            return record["model"] in self.kinds, bool(pd.isna(record[R])), -record[R]

        return sorted(shown, key=place)

    @cached_property
    def networks(self) -> list[dict[str, Any]]:
        """The records of single networks that are no baselines and have a held-out r, the closest first."""
        return [
            each
            for each in self.models
            if each["model"] in self.layers and each["model"] not in self.kinds and not pd.isna(each[R])
        ]

    @property
    def best(self) -> dict[str, Any]:
        """The record of the network that is closest to people."""
        return self.networks[0]

    def settings(self, model: str) -> dict[str, Any]:
        """Return the item of a model in the configuration."""
        return next(each for each in self.config["models"] if each["name"] == model)

    def record(self, model: str, layer: str | None = None) -> dict[str, Any]:
        """Return the record of a layer of a network, of the layer to show if none is named."""
        wanted = (model, layer or self.layers[model])
        return next(each for each in self.every_layer if (each["model"], each["layer"]) == wanted)

    def layer_in_words(self, model: str, layer: str) -> str:
        """Name a layer, with the number of its features where it is the layer to show."""
        n = self._of(model, self.alignments)[0].get("n_features") if layer == self.layers[model] else None
        return f"{layer}, {count(n, 'feature')}" if n else layer

    def profile(self, model: str) -> DimensionProfile:
        """Return the held-out r of the layer to show of a network, along each dimension."""
        records = {each["model"]: each for each in self.models}
        record = records[model]
        found = {name: self._dimensions(name) for name in (model, *self.baselines.get(model, {}).values())}
        baselines = self.baselines.get(model, {})
        mean = f"mean of {len(found[model])} dimensions"
        rows = [Profiled(mean, estimate_of(record, R), {kind: records[name][R] for kind, name in baselines.items()})]
        rows += [
            Profiled(name, estimate, {kind: found[other][name].value for kind, other in baselines.items()})
            for name, estimate in found[model].items()
        ]
        # With one dimension the mean is that dimension.
        rows = rows if len(rows) > 2 else [replace(rows[0], name=rows[-1].name)]
        return DimensionProfile(model, record["layer"], rows, ceiling_of(self._of(model, self.alignments)))

    def seeds_in_words(self, model: str) -> str:
        """Name the seed of a network, or count its seeds; nothing where nothing in it is random."""
        if not has_seed(self.settings(model)):
            return ""
        seeds = [seed for name, seed in self.alignments if name == model]
        return f"seed {seeds[0]}" if len(seeds) == 1 else f"mean of {len(seeds)} seeds"

    def _dimensions(self, model: str) -> dict[str, Estimate]:
        rows = self.dimensions[self.dimensions["model"] == model]
        # Holm's method multiplies the smallest p by the number of dimensions.
        smallest = len(rows) / (self.config["procrustes"]["permutations"] + 1)
        found = dimension_estimates(rows, self._of(model, self.nulls))
        return {name: replace(each, smallest_p=smallest) for name, each in found.items()}

    @staticmethod
    def _of(model: str, by_run: Mapping[tuple[str, str], Any]) -> list[Any]:
        return [found for (name, _), found in by_run.items() if name == model]

    def paired(self, a: tuple[str, str], b: tuple[str, str]) -> Estimate | None:
        """Return the difference of held-out mean r of two models and layers, a minus b; None if they were not compared."""
        for first, second in ((a, b), (b, a)):
            sides = dict(zip(("model_a", "layer_a", "model_b", "layer_b"), (*first, *second), strict=True))
            rows = self.comparison[(self.comparison[list(sides)] == pd.Series(sides)).all(axis=1)]
            if len(rows):
                found = replace(
                    difference_of(rows.to_dict("records")[0]), smallest_p=self._smallest_p(rows["differs_in"].iloc[0])
                )
                turned = replace(found, value=-found.value, low=-found.high, high=-found.low)
                return found if first == a else turned
        return None

    def _smallest_p(self, differs_in: str) -> float:
        """The smallest p, adjusted after Holm, of a comparison of one kind."""
        count = int((self.comparison["differs_in"] == differs_in).sum())
        return count / (max(self.config["procrustes"]["permutations"], PERMUTATIONS_PER_TEST * count) + 1)


def over_seeds(runs: pd.DataFrame, entries: pd.DataFrame, predictions: Sequence[pd.DataFrame] = ()) -> dict[str, Any]:
    """Average the seeds of one model and layer.

    Args:
        runs: Rows of the summary, one for each seed.
        entries: ``comparison.entries.csv``.
        predictions: ``predictions.csv`` of each seed, of the same images; those without a label of the network are left out.

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
    for row in entry.to_dict("records"):
        merged |= {f"{R}_{part}": value for part, value in interval_in(row, "{end}_{units}").items()}
    if predictions and all("correct" in table for table in predictions):
        scored = [table[table["correct"].notna()] for table in predictions]
        hits = np.mean([table["correct"].to_numpy(dtype=float) for table in scored], axis=0)
        if ends := proportion_interval(hits, scored[0]["label"].to_numpy()):
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
    # No published result has validation images that were picked from the training images.
    coordinates = validation.get("coordinates")
    ours = {None} | {
        entry.sha256 for manifest in manifests for entry in read_manifest(manifest) if entry.path == coordinates
    }
    return [reference for reference in references if reference["coordinates_sha256"] in ours]


def accuracy_rows(models: Sequence[Mapping[str, Any]], references: Sequence[dict[str, Any]]) -> list[Row]:
    """Tabulate top-1 accuracy on the validation images: models, the best first, references, and two kinds of chance.

    Args:
        models: As from `Study.models`; baselines have no accuracy.
        references: Results of others; see `applicable`.
    """
    models = sorted(filter(has_accuracy, models), key=lambda model: -model[TOP1])
    if not models:
        return []
    rows = [
        Row(str(model["model"]), "model", model, _drawn(_marks(model, TOP1)), ", ".join(_spread(model, TOP1)))
        for model in models
    ]
    rows += _reference_rows(references, ACCURACY)
    for column in (column for column in SUMMARY if column.name.startswith("validation_chance")):
        chance = pd.Series([model[column.name] for model in models]).max()
        rows.append(Row(column.heading, "chance", {TOP1: chance}, _drawn([("chance", chance, chance)])))
    return rows


def alignment_rows(
    models: Sequence[Mapping[str, Any]],
    kinds: Mapping[str, str],
    references: Sequence[dict[str, Any]],
    settings: Mapping[str, dict[str, Any]] | None = None,
) -> list[Row]:
    """Tabulate how closely a layer of each model matches people: models, their baselines, and references.

    Args:
        models: As from `Study.models`.
        kinds: The kind of each baseline, by its name.
        references: Results of others; see `applicable`.
        settings: As for `layer_rows`.
    """
    return [*layer_rows(models, kinds, settings), *_reference_rows(references, ALIGNMENT)]


def layer_rows(
    layers: Sequence[Mapping[str, Any]],
    kinds: Mapping[str, str],
    settings: Mapping[str, dict[str, Any]] | None = None,
) -> list[Row]:
    """Tabulate layers, in the order given.

    Args:
        layers: As from `Study.every_layer` or `Study.models`.
        kinds: The kind of each baseline, by its name.
        settings: The items of ``models`` of the configuration, by name; they say where a network comes from.
    """
    return [_layer_row(layer, kinds.get(layer["model"], ""), (settings or {}).get(layer["model"])) for layer in layers]


def map_rows(models: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Tabulate what each model reaches held-out by other maps than the rotation that leads.

    Args:
        models: As from `Study.models`.
    """
    return [
        _other_row(model, name, by)
        for model in models
        for name, by in OTHER_MAPS.items()
        if not pd.isna(model[name]) and not name.startswith(f"{model['reduction']}_")
    ]


def choice_rows(study: Study) -> list[Row]:
    """Tabulate how well each space predicts people's choices, the best first, and what to compare it with.

    Right responses to new images are columns named for their condition.
    """
    rows = []
    for space in study.predicted_choices:
        figures: dict[str, Any] = {
            "log_likelihood": space.log_likelihood,
            "new_subtypes_log_likelihood": space.new_subtypes,
            **{_of_condition(name): share for name, share in space.accuracy.items()},
        }
        for name, found in (("explained", space.explained), ("beyond_people", space.beyond_people)):
            figures |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
            figures[f"{name}_interval_over"] = found.interval_over
        found = space.explained
        dot = "published" if space.is_of_people else "dot"
        marks = [("interval", found.low, found.high), (dot, found.value, found.value)]
        kind = "reference" if space.is_of_people else "model"
        rows.append(
            Row(space.title, kind, figures, _drawn(marks), f"{len(space.seeds)} seeds" if len(space.seeds) > 1 else "")
        )
    observed: dict[str, Any] = {}
    for condition, found in observed_accuracy(study.conditions).items():
        name = _of_condition(condition)
        observed |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
    for name, value, figures in (
        ("the right answers alone", right_only_explained(study.choices), {}),
        ("people: each by all others, and as observed", others_explained(study.choices), observed),
    ):
        if figures or not np.isnan(value):
            rows.append(Row(name, "chance", {"explained": value, **figures}, _drawn([("chance", value, value)])))
    return rows


def choice_columns(study: Study) -> list[Column]:
    """Return the columns of `choice_rows`; those of right responses only where there are few conditions."""
    names = list(observed_accuracy(study.conditions))
    about = "Share of right responses to new images of this condition, predicted by the model, and as observed (95 % over people)."
    right = [
        Column(_of_condition(name), _of_condition(name), about, SHARE, ends=(f"{_of_condition(name)}_low", f"{_of_condition(name)}_high"))
        for name in names
    ]  # fmt: skip
    return [*CHOICES, *(right if len(right) <= MOST_CONDITIONS else [])]


def _of_condition(name: str) -> str:
    return f"right, new: {name}"


def _layer_row(layer: Mapping[str, Any], baseline: str, settings: dict[str, Any] | None) -> Row:
    """A layer of a network: a baseline of this kind, or a model with these settings; an ensemble is neither."""
    marks = _marks(layer, R)
    marks[-1:-1] = [("within", layer["in_sample_mean_r"], layer["in_sample_mean_r"])]
    notes = [
        f"baseline: the network {BASELINES[baseline]}" if baseline else origin(settings) if settings else "",
        # An ensemble averages rotations and has no reduction of its own.
        "ensemble" if layer["each"][0].get("reduction") is None or pd.isna(layer["reduction"]) else "",
        "" if settings and is_ready(settings) else f"layer {layer['layer']}",
        OTHER_MAPS.get(f"{layer['reduction']}_{R}", ""),
        *_spread(layer, R),
    ]
    kind = "baseline" if baseline else "model"
    return Row(str(layer["model"]), kind, layer, _drawn(marks), ", ".join(filter(None, notes)))


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
    above = [replace(row, figures={**row.figures, ABOVE.name: row.figures.get(R, np.nan) - row.figures.get(f"{R}_null", np.nan)}) for row in rows]  # fmt: skip
    return _table(above, [ABOVE if name == ABOVE.name else BY_NAME[name] for name in names])


def _table(rows: Sequence[Row], columns: Sequence[Column]) -> dict[str, Any]:
    written = cells([row.figures for row in rows], columns)
    return {
        "headings": [(heading, about) for heading, about, _ in written],
        "rows": [(row, [texts[i] for _, _, texts in written]) for i, row in enumerate(rows)],
    }


def meanings(drawn: bool = False, labels: bool = True, training: bool = True, baselines: bool = True) -> dict[str, str]:
    """Return what the words of the page mean.

    Args:
        drawn: Whether the coordinates are those that images were drawn with, and not people's.
        labels: Whether images have labels.
        training: Whether a network was trained on these images.
        baselines: Whether there are baselines.
    """
    said = (
        WORDS | (DRAWN if drawn else {}) | ({} if labels else WITHOUT_LABELS) | ({} if training else WITHOUT_TRAINING)
    )
    # All other words are used in every study.
    used = {
        "noise ceiling": not drawn, "subtypes": labels, "new subtypes": labels, "penultimate": training, "baseline": baselines,
    }  # fmt: skip
    return {word: whose(meaning, drawn) for word, meaning in said.items() if used.get(word, True)}


def explained(text: str, words: Mapping[str, str] = WORDS) -> list[tuple[str, str]]:
    """Cut a sentence into parts, each with its meaning if it is one of these words, where it stands first."""
    parts, end, said = [], 0, set()
    terms = {pattern: word for pattern, word in TERMS.items() if word in words}
    for found in re.finditer("|".join(f"({pattern})" for pattern in terms), text):
        word = list(terms.values())[(found.lastindex or 1) - 1]
        if word not in said:
            parts += [(text[end : found.start()], ""), (found[0], words[word])]
            end = found.end()
            said.add(word)
    return [*parts, (text[end:], "")]


def pictures(study: Study) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the pictures of a study by what they show: each group's heading, and text and address of each picture."""
    splits, layers = study.config["dataset"]["splits"], study.layers
    accurate = {each["model"] for each in study.models if has_accuracy(each)}
    of_classifiers = [(model, seed) for model, seed in study.metrics if model in accurate]
    of_runs = {
        "observed and predicted": ("alignment/{layer}.png", list(study.alignments)),
        "both spaces": ("alignment/maps/{layer}.png", list(study.alignments)),
        "learning curves": ("curves.png", list(study.metrics)),
        "confusion matrices": ("confusion.png", of_classifiers),
        "most confident errors": ("mistakes.jpg", of_classifiers),
    }
    groups = [
        ("people's choices", [
            ("all spaces", "human_choices.png"), ("right responses by subtype", "human_choices.subtypes.png"),
            ("images on which they part", "human_choices.images.png"),
            ("people's own coordinates", "choices/people.png"),
        ] if study.predicted_choices else []),
        ("whole study", [
            ("r of each dimension", "gallery/dimensions.png"), ("comparison of models", "comparison.png"),
            *([("all learning curves", "gallery/learning_curves.png")] if study.metrics else []),
            *((f"{'training' if split == 'train' else split} images", f"gallery/{split}.jpg") for split in splits),
        ]),
        # Of a single layer there is nothing to see over depth.
        ("alignment by layer", [
            (model, f"models/{quote(model)}/layer_profile.png")
            for model in layers
            if study.summary.loc[study.summary["model"] == model, "layer"].nunique() > 1
        ]),
    ]  # fmt: skip
    for heading, (file, runs) in of_runs.items():
        models = [model for model, _ in runs]
        groups.append((heading, [
            (f"{model}, seed {seed}" if models.count(model) > 1 else model,
             f"models/{quote(model)}/seed-{seed}/{file.format(layer=quote(layers[model]))}")
            for model, seed in runs
        ]))  # fmt: skip
    return groups


def write_overview(output: Path, study: Study, provenance: Mapping[str, str]) -> None:
    """Write the page.

    Args:
        output: File to write, in the folder of the study.
        study: The results.
        provenance: As from `rockspace.report.provenance.provenance`.
    """
    references = applicable(study.config["references"], study.manifests, study.config["dataset"])
    stages = stage_runtimes(output.parent / "benchmarks")
    memory, rest = stages["memory_mb"].max(), stages.iloc[LONGEST:]
    shown = [(row.stage, row.jobs, clock(row.seconds)) for row in stages.head(LONGEST).itertuples()]
    if len(rest):
        shown.append((f"{len(rest)} more stages", int(rest["jobs"].sum()), clock(rest["seconds"].sum())))
    limits, technical = notes(study)
    settings = {each["name"]: each for each in study.config["models"]}
    layers = layer_rows(study.every_layer, study.kinds, settings)
    kinds = set(study.kinds.values())
    words = meanings(study.is_drawn, study.has_labels, bool(study.metrics), bool(kinds))
    profiles = [study.profile(each["model"]) for each in study.models if each["model"] in study.layers]
    low = lowest_tick(profiles)
    write_page(
        output,
        "overview.html.jinja",
        study=study.config["study"],
        answer=explained(answer(study), words),
        points=points(study),
        about=about(study),
        limits=limits,
        technical=technical,
        profiles=[(profile, rows_on_page(profile, low)) for profile in profiles],
        ticks=ticks(low),
        drawn=study.is_drawn,
        alignment=table(alignment_rows(study.models, study.kinds, references, settings), ALIGNMENT),
        baselines="without training" if "pretrained" in kinds else "with random weights" if kinds else "",
        maps=table(map_rows(study.models), MAPS),
        layers=table(layers, LAYERS) if len(layers) > len(study.models) else None,
        layers_open=len(layers) <= MOST_LAYERS,
        accuracy=table(accuracy_rows(study.models, references), ACCURACY),
        left_out=study.left_out_of_accuracy,
        choices=_table(choice_rows(study), choice_columns(study)) if study.predicted_choices else None,
        fitted=how_fitted(study.choices) if study.predicted_choices else "",
        pictures=pictures(study),
        words=words,
        stages=shown,
        total=clock(stages["seconds"].sum()),
        memory="" if np.isnan(memory) else f"{memory / 1024:.1f} GB",
        provenance=provenance,
        config=configuration(without_folders(study.config)),
    )


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
