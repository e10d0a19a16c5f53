"""One pass of the trained network over a shard: its outputs, and all layers to embed."""

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output, tensorflow=True):
    from rockspace.data.tfrecords import Geometry
    from rockspace.inference.one_pass import save_pass
    from rockspace.inference.prediction import evaluation_views, one_pass_model, predict
    from rockspace.networks.device import repeatable
    from rockspace.networks.loading import load_classifier, precision_of
    from rockspace.networks.precision import fast_inference
    from rockspace.training.augmentation import Augmentation
    from rockspace.training.pipeline import ImageSet

    repeatable(0)
    params, inputs, seed = snakemake.params, snakemake.input, int(snakemake.wildcards.seed)
    images = ImageSet.open([inputs.shard], Geometry.from_config(params.geometry))
    precision = precision_of("embed", params.precision, inputs.precision)
    network = fast_inference(one_pass_model(load_classifier(inputs.model), **params.embeddings), precision)
    views = evaluation_views(params.evaluate["views"], Augmentation.from_config(params.augmentation), seed)
    save_pass(snakemake.output.activations, images.image_ids, predict(network, images, views), precision)
