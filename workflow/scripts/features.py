"""Features of one shard: each image as it is, and its augmented views."""

from pathlib import Path

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output, tensorflow=True):
    from rockspace.data.tfrecords import Geometry
    from rockspace.networks.classifier import pooled_backbone
    from rockspace.networks.device import repeatable
    from rockspace.networks.loading import for_inference, precision_setting, starting_backbone
    from rockspace.training.augmentation import Augmentation
    from rockspace.training.features import compute_features
    from rockspace.training.pipeline import ImageSet

    repeatable(0)
    params, geometry = snakemake.params, Geometry.from_config(snakemake.params.geometry)
    images = ImageSet.open([snakemake.input.shard], geometry)
    # Random weights are drawn for each seed.
    seed = int(snakemake.wildcards.draw.removeprefix("seed-").removesuffix("/") or 0)
    backbone = starting_backbone(params.backbone, geometry.image_size, snakemake.input.weights, seed)
    pooled = pooled_backbone(backbone, params.backbone["feature_layers"], params.backbone["pooling"])
    setting = precision_setting(params.precision, snakemake.input.precision)
    network, _ = for_inference(pooled, setting, params.backbone["backbone"])
    augmentation = Augmentation.from_config(params.augmentation)
    features = compute_features(network, images, augmentation, **params.views, batch_size=32)
    features.save(Path(snakemake.output.features))
