"""Features of one shard: each image as it is, and its augmented views."""

from pathlib import Path

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output, tensorflow=True):
    from rockspace.data.tfrecords import Geometry
    from rockspace.networks.device import repeatable
    from rockspace.networks.loading import precision_of, starting_backbone
    from rockspace.networks.precision import fast_inference
    from rockspace.training.augmentation import Augmentation
    from rockspace.training.features import compute_features
    from rockspace.training.pipeline import ImageSet

    repeatable(0)
    params, inputs = snakemake.params, snakemake.input
    geometry, augmentation = Geometry.from_config(params.geometry), Augmentation.from_config(params.augmentation)
    # Random weights are drawn for each seed.
    seed = int(snakemake.wildcards.draw.removeprefix("seed-").removesuffix("/") or 0)
    backbone = starting_backbone(params.backbone, geometry.image_size, inputs.weights, seed)
    network = fast_inference(backbone, precision_of("embed", params.precision, inputs.precision))
    features = compute_features(network, ImageSet.open([inputs.shard], geometry), augmentation, **params.views)
    features.save(Path(snakemake.output.features))
