"""Some training images as the input pipeline hands them to the network."""

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output, tensorflow=True):
    from itertools import compress

    from rockspace.data.catalog import read_catalog
    from rockspace.data.tfrecords import Geometry
    from rockspace.report.augmentation_preview import augmentation_figure, pipeline_views, preview_members
    from rockspace.training.augmentation import Augmentation
    from rockspace.training.pipeline import ImageSet

    params, catalog = snakemake.params, read_catalog(snakemake.input.catalog)
    images = ImageSet.open(snakemake.input.train, Geometry.from_config(params.geometry), catalog)
    shown = preview_members(images.labels)
    views = pipeline_views(images.subset(shown), Augmentation.from_config(params.augmentation), params.seed)
    label_of = dict(zip(catalog["image_id"], catalog["label"], strict=True))
    labels = [label_of[image] or image for image in compress(images.image_ids, shown)]
    title = f"what {snakemake.wildcards.model}, seed {params.seed}, sees in training"
    pictures = [snakemake.output.jpg, snakemake.output.caption]
    augmentation_figure(views, labels, title, params.augmentation, pictures)
