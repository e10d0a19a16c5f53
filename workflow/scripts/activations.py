"""One pass of the trained network over a shard: the activations of all layers that are asked for."""

from pathlib import Path

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output, tensorflow=True):
    from rockspace.data.tfrecords import Geometry
    from rockspace.inference.activations import embedding_model
    from rockspace.inference.embeddings import save_activations
    from rockspace.inference.prediction import Views, answers
    from rockspace.networks.device import repeatable
    from rockspace.networks.loading import for_inference, load_classifier
    from rockspace.training.augmentation import Augmentation
    from rockspace.training.pipeline import ImageSet

    repeatable(0)
    params = snakemake.params
    images = ImageSet.open([snakemake.input.shard], Geometry.from_config(params.geometry))
    network = embedding_model(load_classifier(snakemake.input.model), params.layers, params.pooling)
    views = Views(params.views, Augmentation.from_config(params.augmentation), int(snakemake.wildcards.seed))
    layers = answers(for_inference(network, params.precision, params.backbone)[0], images, 32, views, "embedding")
    save_activations(Path(snakemake.output.layers), images.image_ids, layers)
