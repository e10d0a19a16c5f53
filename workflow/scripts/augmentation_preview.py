"""Some training images as the input pipeline hands them to the network."""

from pathlib import Path

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output, tensorflow=True):
    from rockspace.data.catalog import label_names, read_catalog
    from rockspace.data.tfrecords import Geometry
    from rockspace.report.augmentation_preview import augmentation_figure, mixed_views, pipeline_views, preview_members
    from rockspace.training.augmentation import Augmentation
    from rockspace.training.mixing import Mixing
    from rockspace.training.pipeline import ImageSet

    params, catalog = snakemake.params, read_catalog(snakemake.input.catalog)
    images = ImageSet.open(snakemake.input.train, Geometry.from_config(params.geometry), catalog)
    augmentation, mixing = Augmentation.from_config(params.augmentation), Mixing.from_config(params.finetune)
    shown = preview_members(images.labels)
    views = pipeline_views(images.subset(shown), augmentation, params.seed)
    mixtures = None
    if mixing and params.finetune["epochs"]:
        batch_size = params.finetune["batch_size"]
        mixtures = mixed_views(images, augmentation, mixing, seed=params.seed, batch_size=batch_size)
    labels = [label_names(catalog)[label] for label in images.labels[shown]]
    title = f"what {snakemake.wildcards.model} sees in training"
    augmentation_figure(views, labels, title, Path(snakemake.output.jpg), mixtures)
