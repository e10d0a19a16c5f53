"""The activations of the named layers, for every image of both splits."""

from pathlib import Path

import numpy as np

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, tensorflow=True):
    from rockspace.analysis.embeddings import Embeddings, embedding_model, extract
    from rockspace.data.catalog import SPLITS, label_names, read_catalog
    from rockspace.data.tfrecords import Geometry
    from rockspace.training.device import repeatable
    from rockspace.training.networks import for_inference, load_classifier
    from rockspace.training.pipeline import ImageSet

    repeatable(0)
    params, catalog = snakemake.params, read_catalog(snakemake.input.catalog)
    geometry, n_labels = Geometry.from_config(params.geometry), len(label_names(catalog))
    network, _ = for_inference(load_classifier(snakemake.input.model), params.precision, params.backbone)
    network = embedding_model(network, params.layers, params.pooling)
    sets = [ImageSet.open(snakemake.input[split], geometry, n_labels) for split in SPLITS]
    parts = [extract(network, images, batch_size=32) for images in sets]
    rows = catalog.set_index("image_id").loc[[name for images in sets for name in images.image_ids]].reset_index()
    for layer, path in zip(params.layers, snakemake.output, strict=True):
        values = np.concatenate([part[layer] for part in parts])
        columns = (rows[name].to_numpy(str) for name in ("image_id", "split", "label"))
        Embeddings(*columns, values).save(Path(path))
