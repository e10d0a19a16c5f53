import os
import re
import shlex
import sys
import time
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

# Nothing that is written depends on it, and NumPy stops at one that is no number, here and in jobs.
os.environ.pop("SOURCE_DATE_EPOCH", None)

try:
    from rockspace.code_fingerprint import code_fingerprint
    from rockspace.config import (
        VALIDATION_RULES,
        has_folder,
        is_one_solution,
        needs_pixels,
        validated,
        validation_rule,
    )
    from rockspace.data.archive import check_source, source_files
    from rockspace.data.manifest import lost_files
    from rockspace.errors import RockspaceError
    from rockspace.baselines import as_they_are, baselines, classifies
    from rockspace.network_kinds import (
        RANDOM,
        check_braces,
        check_files,
        fetched_weights,
        file_name,
        files_of,
        files_of_preset,
        has_seed,
        is_ready,
        is_trained,
        kind_of,
        named_files,
    )
    from rockspace.networks.layer_names import embedded_layers
    from rockspace.people.conditions import check_conditions, choice_files
    from rockspace.report.provenance import without_folders
    from rockspace.sources import digest_of
except ModuleNotFoundError as error:
    raise WorkflowError(
        f"the library of these rules, or a package that it needs, is not installed where Snakemake runs, {sys.executable} ({error}): run `make env` in "
        "their clone, or `pip install git+ADDRESS` of their repository (docs/module.md)"
    ) from None

try:
    given = dict(config)
    if has_folder(config):
        from rockspace.people.proposal import with_proposed_dataset

        given = with_proposed_dataset(config, Path("config/config.yaml"))
        if given["dataset"].get("labels") == "none":
            given["models"] = as_they_are(config.get("models"))
            if workflow.is_main_process and given["models"] != config.get("models"):
                print(
                    "The study has no labels, so a model is taken as it is unless its config key objective is given: "
                    "`coordinates` trains it on people's coordinates.",
                    file=sys.stderr,
                )
    settings = validated(given)
    models_without_training, BASELINES = baselines(settings)
    models = [*settings["models"], *models_without_training]
    check_files(settings["models"])
    LAYERS = embedded_layers(settings | {"models": models}, [name for name, kinds in BASELINES.items() if kinds])
except RockspaceError as error:
    below = Path("config/config.yaml")
    lacks = "" if below.exists() else f" (there is no {below} in {os.getcwd()}, over which config files are laid)"
    raise WorkflowError(f"{error}{lacks}") from None

STARTED = time.time()
# Whether the program drew the images, so that their coordinates are no person's.
DRAWN = settings["dataset"]["source"] == "synthetic"
STUDY = f"results/{settings['study']}"
MODEL = f"{STUDY}/models/{{model}}"
RUN = f"{MODEL}/seed-{{seed}}"
# All models, baselines last, and the names of those that are trained.
MODELS = {model["name"]: model for model in models}
TRAINED = [name for name, model in MODELS.items() if is_trained(model)]
CLASSIFIERS = [name for name, model in MODELS.items() if classifies(model)]
READY_MODELS = [name for name, model in MODELS.items() if is_ready(model)]
REGRESSES = {name: model["objective"] in ("coordinates", "joint") for name, model in MODELS.items()}
SEEDS = settings["seeds"]
# A pretrained network is the same for every seed, unless it is trained.
SEEDS_OF = {name: SEEDS if has_seed(model) else SEEDS[:1] for name, model in MODELS.items()}
# What the titles of pictures and pages depend on; a report of Snakemake's shows these parameters.
ORIGINS = {
    name: without_folders({key: model[key] for key in ("name", "objective", "backbone", "weights", "embeddings")})
    for name, model in MODELS.items()
}
SPLITS = list(settings["dataset"]["splits"])
COORDINATES = {split: f"{STUDY}/coordinates/{split}.csv" for split in SPLITS}
STORED = {key: settings["tfrecords"][key] for key in ("image_size", "margin", "fit", "background")}
ENSEMBLES = {
    each["name"]: each | {"models": each["models"] or TRAINED, "seeds": each["seeds"] or SEEDS}
    for each in settings["ensembles"]
}
CLASSIFYING_ENSEMBLES = [
    name for name, each in ENSEMBLES.items() if any(model in CLASSIFIERS for model in each["models"])
]
# All networks with their seeds, those that are trained, all their layers, and the last of each, which the overview shows.
NETWORKS = [(model, seed) for model in MODELS for seed in SEEDS_OF[model]]
TRAININGS = [(model, seed) for model in TRAINED for seed in SEEDS]
RUNS = [(model, seed, layer) for model, seed in NETWORKS for layer in LAYERS[model]]
LAST_LAYERS = {model: layers[-1] for model, layers in LAYERS.items()}
WATCHES_VALIDATION = settings["finetune"]["selection"] == "validation"
REFITS = settings["finetune"]["refit"] and settings["finetune"]["selection"] == "holdout"


def any_of(names):
    """A pattern of a wildcard for these values alone, and for nothing where there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


def keys_of_splits(*keys):
    """The values of some keys of the splits."""
    splits = settings["dataset"]["splits"].items()
    return {split: {key: files[key] for key in keys if files.get(key) is not None} for split, files in splits}


# The keys of the files that determine the images: with labels or splits in a table, also the tables.
IN_TABLE = settings["dataset"]["labels"] == "table" or validation_rule(settings["dataset"]) == "column"
IMAGE_FILES = ("images", "list", *(("labels", "coordinates", "names") if IN_TABLE else ()))
# Splits with coordinates of individuals.
INDIVIDUALS = [split for split, files in keys_of_splits("individual").items() if files]


def people(*files):
    """The settings for reading human data: these files of each split, and the roles of columns."""
    return {
        **{key: settings["dataset"][key] for key in ("dimensions", "columns", "order")},
        "splits": keys_of_splits(*files),
    }


wildcard_constraints:
    model=any_of(MODELS),
    seed=r"\d+",
    draw=r"(seed-\d+/)?",
    split="|".join(SPLITS),
    shard=r"\d{5}",
    shards=r"\d{5}",
    layer=r"[^/]+",
    fold=r"\d+",
    files="raw|people",
    ensemble=any_of(ENSEMBLES),


CHOICES = settings["choices"]
try:
    CHOICE_FILES = choice_files(CHOICES["files"])
    for path in CHOICE_FILES:
        check_braces(path, "config: choices.files")
    check_conditions(CHOICES["conditions"])
except RockspaceError as error:
    raise WorkflowError(str(error)) from None
# Tables of the user's that choices need beside them, by config key.
TABLES = {f"choices.spaces[{i}].file": Path(each["file"]) for i, each in enumerate(CHOICES["spaces"])}
STUDIED = {"choices.studied.file": Path(CHOICES["studied"]["file"])} if CHOICES["studied"]["file"] else {}

# Published predictions, by the name of the result.
PUBLISHED = {each["label"]: Path(each["predictions"]) for each in settings["references"] if each["predictions"]}

for key, path in (
    TABLES | STUDIED | {f"references: {label}: predictions": path for label, path in PUBLISHED.items()}
).items():
    try:
        check_braces(path, f"config: {key}")
    except RockspaceError as error:
        raise WorkflowError(str(error)) from None
    if not os.path.isfile(path):
        raise WorkflowError(f"config: {key}: no file '{path}'; give the path of a table")


def shards(split, pattern):
    """The files of all shards of a split."""
    n = settings["tfrecords"]["shards"][split]
    return expand(pattern, split=split, shard=[f"{i:05d}" for i in range(n)], shards=f"{n:05d}", allow_missing=True)


def tfrecords(split):
    return shards(split, f"{STUDY}/tfrecords/{{split}}-{{shard}}-of-{{shards}}.tfrecord")


def features_of(split, model, seed):
    """The features of a split for a run: those of the first model with the same features.

    Random weights are drawn for each seed, pretrained ones are the same for all.
    """
    first = SHARES_FEATURES_OF[model]
    draw = f"seed-{seed}/" if MODELS[first]["weights"] == RANDOM else ""
    return expand(shards(split, rules.features.output.features), model=first, draw=draw)


def features(split):
    return lambda wildcards: features_of(split, wildcards.model, wildcards.seed)


def weights(wildcards):
    """The file with the weights of a model, if it has any."""
    model = MODELS[wildcards.model]
    if model["weights"] == RANDOM and not kind_of(model["backbone"]).described:
        return []
    files = named_files(model)
    return str(files.get("weights") or files.get("backbone") or fetched_weights(model["backbone"]))


def digest(record, files_of):
    """The digest of files that belong to the user, since their modification times are not reliable.

    ``files_of`` gives them for the wildcards of a job; ``record`` names the file that remembers what was read.
    """

    def of_job(wildcards):
        path = folder_of("people").with_name(f".{record.format(wildcards=wildcards)}.source.json")
        try:
            return digest_of(files_of(wildcards), path, keep=workflow.is_main_process)
        except RockspaceError as error:
            raise WorkflowError(str(error)) from None

    return of_job


digest_of_weights = digest("weights-{wildcards.model}", lambda wildcards: files_of(MODELS[wildcards.model]))


def backbone(wildcards):
    """The settings that features depend on, except the weights, which are an input."""
    model = MODELS[wildcards.model]
    keys = ("backbone", "output_layer", "preprocessing", "feature_layers", "pooling")
    random = model["weights"] == RANDOM and kind_of(model["backbone"]).described
    return {key: model[key] for key in (*keys, *(["weights"] if random else []))}


def objective(wildcards):
    """The objective of a model; the weight of the coordinates matters only for joint training."""
    model = MODELS[wildcards.model]
    keys = ("objective", "coordinates_weight") if model["objective"] == "joint" else ("objective",)
    return {key: model[key] for key in keys}


def coordinates_learnt(*splits):
    """The human coordinates of these splits, for a model that learns them."""

    def of_model(wildcards):
        return [COORDINATES[split] for split in splits if REGRESSES[wildcards.model]]

    return of_model


def trained_network(wildcards):
    """The file of a network that is trained."""
    return expand(rules.finetune.output.model, **wildcards)[0] if wildcards.model in TRAINED else []


def without_training(value):
    """What only networks without training depend on: a function of a job's wildcards."""
    return lambda wildcards: [] if wildcards.model in TRAINED else value(wildcards)


def recipe(section, *keys):
    """A section of a model's recipe, or some keys of it."""

    def of_model(wildcards):
        values = MODELS[wildcards.model]["recipe"][section]
        return {key: values[key] for key in keys} if keys else values

    return of_model


def geometry(wildcards):
    """How images are stored, and the input size of a model."""
    seen = MODELS[wildcards.model]["image_size"] or STORED["image_size"]
    return STORED | {"image_size": seen, "margin": STORED["image_size"] + STORED["margin"] - seen}


def memory(of_images):
    """Memory (MB) of a stage that runs a network on batches of images, with ``of_images`` for them at 224 pixels."""

    def of_model(wildcards):
        area = (geometry(wildcards)["image_size"] / 224) ** 2
        return round(3500 + of_images * max(1, area))

    return of_model


def memory_of_training(wildcards):
    """Memory (MB) of fine-tuning, if there is any."""
    epochs = recipe("finetune")(wildcards)["epochs"]
    # A vision transformer keeps more for its gradients: 10 GB for 32 images and DINOv2-Base.
    of_images = 10000 if kind_of(MODELS[wildcards.model]["backbone"]).described else 2500
    return memory(of_images if epochs else 0)(wildcards)


def memory_of_fold(wildcards):
    """Memory (MB) of a candidate's training in a search: that of its exact head, or of fine-tuning."""
    return max(8000, memory_of_training(wildcards))


def augmentation_of_tests(wildcards):
    """The augmentation range of a model's test-time augmentation; empty without augmented views."""
    several = MODELS[wildcards.model]["recipe"]["evaluate"]["views"] > 1
    return MODELS[wildcards.model]["recipe"]["augmentation"] if several else {}


def of_members(pattern, **wanted):
    """The files of all members of an ensemble."""

    def files(wildcards):
        members = ENSEMBLES[wildcards.ensemble]
        return expand(pattern, model=members["models"], seed=members["seeds"], **wanted)

    return files


def shared_layers(ensemble):
    """The layers that all members of an ensemble embed."""
    first, *others = (LAYERS[model] for model in ENSEMBLES[ensemble]["models"])
    return [layer for layer in first if all(layer in layers for layers in others)]


def images_searched(wildcards):
    """Training images, for recipes that need pixels; never images of the validation split."""
    if WATCHES_VALIDATION:
        raise WorkflowError(
            'config: finetune.selection: found "validation"; a search compares recipes on training images alone, '
            "so it allows holdout or none"
        )
    return tfrecords("train") if needs_pixels(MODELS[wildcards.model]["recipe"]) else []


def decides_features(name):
    """All settings that the features of a model depend on."""
    model = MODELS[name]
    keys = ("backbone", "weights", "image_size", "output_layer", "preprocessing", "feature_layers", "pooling")
    return {key: model[key] for key in keys} | {
        "augmentation": model["recipe"]["augmentation"],
        "views": model["recipe"]["train_head"]["views"],
    }


# Models with the same features share the artifact of the first of them.
SHARES_FEATURES_OF = {
    name: next(other for other in TRAINED if decides_features(other) == decides_features(name)) for name in TRAINED
}


def code(stage):
    """The fingerprint of the code that a stage runs, computed only for jobs that need it."""
    script = Path(workflow.source_path(f"../scripts/{stage}.py"))
    return lambda wildcards: code_fingerprint(script)


# Backbones that Keras runs, by the names in their files' paths.
BACKBONES = {}
for model in models:
    if kind_of(model["backbone"]).in_keras:
        other = BACKBONES.setdefault(file_name(model["backbone"]), model["backbone"])
        if other != model["backbone"]:
            raise WorkflowError(
                f"config: models: backbone: {other!r} and {model['backbone']!r} have the same name, after which their files are "
                "called; rename one of them"
            )


def precision(wildcards):
    """The file with the precision of a backbone, if it depends on the hardware."""
    backbone = MODELS[wildcards.model]["backbone"]
    decided = settings["precision"] == "auto" and kind_of(backbone).in_keras
    return f"{STUDY}/precision/{file_name(backbone)}.json" if decided else []


def source_of(files):
    """The source of the photographs (``raw``) or of the human data (``people``)."""
    dataset = settings["dataset"]
    return {
        "source": dataset["source"],
        dataset["source"]: dataset.get(dataset["source"]),
        "splits": keys_of_splits(*{"raw": IMAGE_FILES, "people": ("coordinates", "names", "individual")}[files]),
    }


def folder_of(files):
    """The folder of the photographs (``raw``) or human data (``people``), which a module may prefix."""
    return Path(expand(rules.download.output.manifest, files=files)[0]).with_name(files)


def last_embeddings(wildcards):
    """The embedding of a network in its last layer."""
    pattern, layer = rules.extract_embeddings.output.embeddings, LAST_LAYERS[wildcards.model]
    return expand(pattern, model=wildcards.model, seed=wildcards.seed, layer=layer)[0]


def aligned_members(wildcards):
    """The rotated embeddings of an ensemble's members, by layer."""
    return {
        layer: of_members(rules.procrustes.output.aligned, layer=layer)(wildcards)
        for layer in shared_layers(wildcards.ensemble)
    }


# Networks and ensembles that learn coordinates.
REGRESSING = [(model, seed) for model, seed in TRAININGS if REGRESSES[model]]
REGRESSING_ENSEMBLES = [name for name, each in ENSEMBLES.items() if any(map(REGRESSES.get, each["models"]))]
EXPLAINED = [
    ("people", "", ""),
    *RUNS,
    *[(model, seed, "") for model, seed in REGRESSING],
    *[(name, "", "") for name in REGRESSING_ENSEMBLES],
]


def of_explained(rule_output):
    """The artifacts of people, of each model, seed and layer, and of what learns coordinates, in the order of EXPLAINED."""
    return [
        getattr(rules.exemplar_people.output, rule_output),
        *of_runs(getattr(rules.exemplar.output, rule_output)),
        *[
            file
            for model, seed in REGRESSING
            for file in expand(getattr(rules.exemplar_outputs.output, rule_output), model=model, seed=seed)
        ],
        *expand(getattr(rules.exemplar_ensemble.output, rule_output), ensemble=REGRESSING_ENSEMBLES),
    ]


def of_runs(pattern):
    """The files of each model, seed and layer, in the order of RUNS."""
    models, seeds, layers = zip(*RUNS)
    return expand(pattern, zip, model=models, seed=seeds, layer=layers)


def of_trainings(*patterns, models=TRAINED):
    """The files of each trained model, or of some of them, and seed, in the order of TRAININGS."""
    runs = [(model, seed) for model, seed in TRAININGS if model in models]
    return [file for model, seed in runs for file in expand(patterns, model=model, seed=seed)]


def of_classifiers(*patterns):
    """The files of each model that learns labels and seed, in the order of TRAININGS."""
    return of_trainings(*patterns, models=CLASSIFIERS)


def every(*patterns):
    """The files of all models, seeds and layers."""
    return sorted({file for pattern in patterns for file in of_runs(pattern)})
