"""Second phase: train the whole network."""

from pathlib import Path

from rockspace.artifacts import write_csv
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output, tensorflow=True):
    from rockspace.data.catalog import read_catalog
    from rockspace.data.tfrecords import Geometry
    from rockspace.networks.device import all_gpus, repeatable
    from rockspace.networks.loading import load_classifier, precision_of, save_classifier
    from rockspace.networks.objectives import Objective
    from rockspace.people.coordinates import read_coordinates_tables
    from rockspace.training.augmentation import Augmentation
    from rockspace.training.checkpoint import discard
    from rockspace.training.finetune import Recipe, finetune
    from rockspace.training.pipeline import ImageSet

    params, inputs, seed = snakemake.params, snakemake.input, int(snakemake.wildcards.seed)
    repeatable(seed)
    known = read_catalog(inputs.catalog), read_coordinates_tables(inputs.coordinates)
    geometry = Geometry.from_config(params.geometry)
    images = ImageSet.open(inputs.train, geometry, *known)
    validation = ImageSet.open(inputs.validation, geometry, *known) if inputs.validation else None
    checkpoints = Path(snakemake.output.model).with_name("checkpoints") / "finetune"
    augmentation = Augmentation.from_config(params.augmentation)
    objective = Objective.of(params.objective, images.coordinates)
    precision = precision_of("train", params.precision, inputs.precision)
    recipe = Recipe(params.finetune, augmentation, precision, seed, objective, checkpoints)
    with all_gpus():
        network = load_classifier(inputs.model)
        refit = load_classifier(inputs.refit) if inputs.refit else None
        network, history = finetune(network, refit, images, validation, recipe)
    save_classifier(network, snakemake.output.model)
    write_csv(snakemake.output.history, history)
    discard(checkpoints)
