import os
import sys
from copy import deepcopy
from pathlib import Path

from snakemake.exceptions import WorkflowError

try:
    import rockspace
except ModuleNotFoundError as error:
    raise WorkflowError(
        f"the library of these rules is not installed where Snakemake runs, {sys.executable} ({error}): run `make env` in "
        "their clone, or `pip install git+ADDRESS` of their repository (docs/module.md)"
    ) from None

from rockspace.config import is_one_solution, looks_at_images, validated
from rockspace.data.archive import check_source
from rockspace.data.manifest import lost_files
from rockspace.errors import RockspaceError
from rockspace.networks.layer_names import embedded_layers

try:
    if isinstance(config.get("dataset"), str):
        from rockspace.people.proposal import propose_dataset

        config["dataset"] = propose_dataset(Path(config["dataset"]))
    config.update(validated(config))
    RESOLVED = deepcopy(dict(config))
    check_source(config["dataset"], Path(f"results/{config['study']}/raw"))
    LAYERS = embedded_layers(config)
except RockspaceError as error:
    raise WorkflowError(str(error)) from None

# Splits for which there are people's choices, and the files. No stage before those that read them depends on them.
RESPONSES = {
    split: files.pop("responses") for split, files in config["dataset"]["splits"].items() if files.get("responses")
}

STUDY = f"results/{config['study']}"
MODEL = f"{STUDY}/models/{{model}}"
RUN = f"{MODEL}/seed-{{seed}}"
MODELS = {model["name"]: model for model in config["models"]}
REGRESSES = {name: model["objective"] != "classification" for name, model in MODELS.items()}
SEEDS = config["seeds"]
SPLITS = list(config["dataset"]["splits"])
DATASET = config["dataset"]
# What decides which images there are, of which label, and which of them validate.
IMAGES = {
    "filename": DATASET["filename"],
    "columns": DATASET["columns"] if DATASET["columns"].get("label") else {},
    "splits": {
        split: {
            key: value
            for key, value in files.items()
            if key in ("images", "fraction", "seed")
            or (key in ("labels", "coordinates") and DATASET["columns"].get("label"))
        }
        for split, files in DATASET["splits"].items()
    },
}
ENSEMBLES = {
    each["name"]: each | {"models": each["models"] or list(MODELS), "seeds": each["seeds"] or SEEDS}
    for each in config["ensembles"]
}


wildcard_constraints:
    model="|".join(MODELS),
    seed=r"\d+",
    split="|".join(SPLITS),
    shard=r"\d{5}",
    shards=r"\d{5}",
    layer=r"[^/]+",
    fold=r"\d+",
    ensemble="|".join(ENSEMBLES) or "none",


for model in config["models"]:
    if model["weights"] not in ("imagenet", "none") and not Path(model["weights"]).is_file():
        raise WorkflowError(
            f"config: models: {model['name']}: weights: no file '{model['weights']}'; "
            "allowed: imagenet, none, or the path of a .weights.h5 file"
        )

for split, path in RESPONSES.items():
    if not Path(path).is_file():
        raise WorkflowError(f"config: dataset.splits.{split}.responses: no file '{path}'; give the path of a CSV")


def people(*files):
    """What decides how people's tables are read: these files of each split, and which column is what."""
    return {
        **{key: DATASET[key] for key in ("dimensions", "columns", "order")},
        "splits": {
            split: {key: value for key, value in given.items() if key in files}
            for split, given in DATASET["splits"].items()
        },
    }


def shards(split, pattern):
    """The files of all shards of a split."""
    n = config["tfrecords"]["shards"][split]
    return expand(pattern, split=split, shard=[f"{i:05d}" for i in range(n)], shards=f"{n:05d}", allow_missing=True)


def tfrecords(split):
    return shards(split, f"{STUDY}/tfrecords/{{split}}-{{shard}}-of-{{shards}}.tfrecord")


def features_of(split, model, seed):
    """The features of a split; random weights are drawn for each seed, pretrained ones are the same for all."""
    folder = (RUN if MODELS[model]["weights"] == "none" else MODEL).format(model=model, seed=seed)
    return shards(split, f"{folder}/features/{{split}}-{{shard}}-of-{{shards}}.npz")


def features(split):
    """The features of a split that a run trains on."""
    return lambda wildcards: features_of(split, wildcards.model, wildcards.seed)


def nothing_but_a_look(wildcards):
    """No input. Snakemake sees whether raw/ is there, not what is in it: a file lost from it is noticed here."""
    raw = rules.download.output.raw  # as a module, it may lie elsewhere
    if lost_files(Path(raw), Path(rules.download.output.manifest)):
        workflow.dag.forcefiles.add(raw)
    return []


def weights(wildcards):
    """The file with the pretrained weights of a model, if it has any."""
    model = MODELS[wildcards.model]
    match model["weights"]:
        case "none":
            return []
        case "imagenet":
            return f"results/weights/{model['backbone']}.weights.h5"
        case path:
            return path


def backbone(wildcards):
    """What decides which features a model has; the weights are an input."""
    model = MODELS[wildcards.model]
    return {key: model[key] for key in ("backbone", "output_layer", "preprocessing", "feature_layers", "pooling")}


def objective(wildcards):
    """What a model learns."""
    return {key: MODELS[wildcards.model][key] for key in ("objective", "coordinates_weight")}


def coordinates_learnt(*splits):
    """People's coordinates of these splits, for a model that learns them."""

    def of_model(wildcards):
        return [f"{STUDY}/coordinates/{split}.csv" for split in splits if REGRESSES[wildcards.model]]

    return of_model


def recipe(section, *keys):
    """A section of the configuration as a model's own recipe has it, or some keys of it."""

    def of_model(wildcards):
        values = MODELS[wildcards.model]["recipe"][section]
        return {key: values[key] for key in keys} if keys else values

    return of_model


def geometry(wildcards):
    """How images are stored, and how large a model sees them."""
    stored = {key: config["tfrecords"][key] for key in ("image_size", "margin", "fit", "background")}
    seen = MODELS[wildcards.model]["image_size"] or stored["image_size"]
    return stored | {"image_size": seen, "margin": stored["image_size"] + stored["margin"] - seen}


def memory(of_images):
    """Memory (MB) of a stage that runs a network over batches of images, which take ``of_images`` at 224 pixels."""

    def of_model(wildcards):
        area = (geometry(wildcards)["image_size"] / 224) ** 2
        return round(3500 + of_images * max(1, area))

    return of_model


def memory_of_training(wildcards):
    """Memory (MB) of fine-tuning, if there is any."""
    epochs = recipe("finetune")(wildcards)["epochs"]
    return memory(of_images=2500 if epochs else 0)(wildcards)


def memory_of_fold(wildcards):
    """Memory (MB) of a candidate's training in a search: that of its exact head, or of fine-tuning."""
    return max(8000, memory_of_training(wildcards))


def augmentation_of_tests(wildcards):
    """How far a model's views for testing stray; not at all where it sees images as they are alone."""
    several = MODELS[wildcards.model]["recipe"]["evaluate"]["views"] > 1
    return MODELS[wildcards.model]["recipe"]["augmentation"] if several else {}


def of_members(pattern, **wanted):
    """The files that a pattern names for all members of an ensemble."""

    def files(wildcards):
        members = ENSEMBLES[wildcards.ensemble]
        return expand(pattern, model=members["models"], seed=members["seeds"], **wanted)

    return files


def shared_layers(ensemble):
    """The layers that are embedded for all members of an ensemble."""
    first, *others = (LAYERS[model] for model in ENSEMBLES[ensemble]["models"])
    return [layer for layer in first if all(layer in layers for layers in others)]


def aligned_members(wildcards):
    """The rotated embeddings of an ensemble's members, layer by layer."""
    return [
        file
        for layer in shared_layers(wildcards.ensemble)
        for file in of_members(rules.procrustes.output.aligned, layer=layer)(wildcards)
    ]


def images_searched(wildcards):
    """Training images, for recipes that look at more than features of the frozen base; never any of the validation split."""
    if WATCHES_VALIDATION:
        raise WorkflowError(
            'config: finetune.selection: found "validation"; a search compares recipes on training images alone, '
            "so it allows holdout or none"
        )
    return tfrecords("train") if looks_at_images(MODELS[wildcards.model]["recipe"]) else []


# Every layer of every trained network.
RUNS = [(model, seed, layer) for model in MODELS for seed in SEEDS for layer in LAYERS[model]]

WATCHES_VALIDATION = config["finetune"]["selection"] == "validation"
LEARNT_FROM = SPLITS if WATCHES_VALIDATION else ["train"]
REFITS = config["finetune"]["refit"] and config["finetune"]["selection"] == "holdout"
