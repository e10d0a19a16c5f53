"""One pass of the trained network over a shard: the activations of all layers that are asked for."""

from pathlib import Path

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output, tensorflow=True):
    from rockspace.analysis.activations import embedding_model, extract
    from rockspace.analysis.embeddings import save_activations
    from rockspace.data.tfrecords import Geometry
    from rockspace.training.device import repeatable
    from rockspace.training.networks import for_inference, load_classifier
    from rockspace.training.pipeline import ImageSet

    repeatable(0)
    params = snakemake.params
    classifier = load_classifier(snakemake.input.model)
    images = ImageSet.open([snakemake.input.shard], Geometry.from_config(params.geometry), classifier.output.shape[-1])
    network = embedding_model(classifier, params.layers, params.pooling)
    layers = extract(for_inference(network, params.precision, params.backbone)[0], images, batch_size=32)
    save_activations(Path(snakemake.output.layers), images.image_ids, layers)
