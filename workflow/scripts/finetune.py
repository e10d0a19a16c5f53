"""Second phase: train the whole network."""

from rockspace.artifacts import replacing, write_csv
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output, tensorflow=True):
    from rockspace.data.catalog import label_names, read_catalog
    from rockspace.data.tfrecords import Geometry
    from rockspace.training.augmentation import Augmentation
    from rockspace.training.device import all_gpus, repeatable
    from rockspace.training.finetune import Recipe, select_and_refit, until_best
    from rockspace.training.networks import load_classifier, precision_for
    from rockspace.training.pipeline import ImageSet
    from rockspace.training.selection import stratified_holdout

    params, inputs, seed = snakemake.params, snakemake.input, int(snakemake.wildcards.seed)
    repeatable(seed)
    precision = precision_for(params.precision, params.backbone, "train")
    recipe = Recipe(params.finetune, Augmentation.from_config(params.augmentation), precision, seed)
    geometry, n_labels = Geometry.from_config(params.geometry), len(label_names(read_catalog(inputs.catalog)))
    images = ImageSet.open(inputs.train, geometry, n_labels)
    with all_gpus():
        network = load_classifier(inputs.model)
        if inputs.validation:
            watched = ImageSet.open(inputs.validation, geometry, n_labels)
            network, history = until_best(network, images, watched, recipe)
        else:
            held_out = stratified_holdout(images.labels, params.finetune["holdout_fraction"], seed)
            refit = load_classifier(inputs.refit) if inputs.refit else None
            network, history = select_and_refit(network, refit, images, held_out, recipe)
    with replacing(snakemake.output.model) as partial:
        network.save(partial)
    write_csv(snakemake.output.history, history)
