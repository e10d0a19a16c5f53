"""One pass of the trained network over a shard: its outputs, and all layers to embed."""

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output, tensorflow=True):
    from rockspace.data.tfrecords import Geometry
    from rockspace.inference.one_pass import save_pass
    from rockspace.inference.prediction import Views, one_pass_model, predict
    from rockspace.networks.device import repeatable
    from rockspace.networks.loading import for_inference, load_classifier, precision_setting
    from rockspace.training.augmentation import Augmentation
    from rockspace.training.pipeline import ImageSet

    repeatable(0)
    params, inputs, seed = snakemake.params, snakemake.input, int(snakemake.wildcards.seed)
    images = ImageSet.open([inputs.shard], Geometry.from_config(params.geometry))
    network = one_pass_model(load_classifier(inputs.model), **params.embeddings)
    setting = precision_setting(params.precision, inputs.precision)
    network, precision = for_inference(network, setting, params.model["backbone"])
    views = Views(params.evaluate["views"], Augmentation.from_config(params.augmentation), seed)
    save_pass(snakemake.output.activations, images.image_ids, predict(network, images, 32, views), precision)
