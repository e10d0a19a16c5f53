"""One pass of a network over a shard: its outputs if it is trained, and all layers to embed."""

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output, tensorflow=True):
    from rockspace.data.tfrecords import Geometry
    from rockspace.inference.one_pass import save_pass
    from rockspace.inference.prediction import evaluation_views, one_pass_model, one_pass_onnx, predict
    from rockspace.network_kinds import kind_of
    from rockspace.networks.device import repeatable
    from rockspace.networks.loading import load_classifier, precision_of, starting_backbone
    from rockspace.networks.precision import fast_inference
    from rockspace.training.augmentation import Augmentation
    from rockspace.training.pipeline import ImageSet

    repeatable(0)
    params, inputs, seed = snakemake.params, snakemake.input, int(snakemake.wildcards.seed)
    geometry = Geometry.from_config(params.geometry)
    images = ImageSet.open([inputs.shard], geometry)
    if inputs.model or kind_of(params.backbone["backbone"]).in_keras:
        precision = precision_of("embed", params.precision, inputs.precision)
        if inputs.model:
            network = load_classifier(inputs.model)
        else:
            network = starting_backbone(params.backbone, geometry.image_size, inputs.weights, seed)
        network = fast_inference(one_pass_model(network, **params.embeddings), precision)
    else:
        precision, runs_in = "float32", {"image_size": geometry.image_size, "threads": snakemake.threads}
        network = one_pass_onnx(params.backbone, **params.embeddings, **runs_in)
    views = evaluation_views(params.evaluate["views"], Augmentation.from_config(params.augmentation), seed)
    save_pass(snakemake.output.activations, images.image_ids, predict(network, images, views), precision)
