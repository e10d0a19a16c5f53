"""How often the trained network is right, on either split."""

from pathlib import Path

import pandas as pd

from rockspace.artifacts import write_csv, write_json
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output, tensorflow=True) as log:
    from rockspace.analysis.evaluation import metrics, predict, prediction_table
    from rockspace.data.catalog import SPLITS, label_names, read_catalog
    from rockspace.data.tfrecords import Geometry
    from rockspace.report.confusion import confusion_matrix_figure
    from rockspace.training.device import repeatable
    from rockspace.training.networks import for_inference, load_classifier
    from rockspace.training.pipeline import ImageSet

    repeatable(0)
    params, catalog = snakemake.params, read_catalog(snakemake.input.catalog)
    names, geometry = label_names(catalog), Geometry.from_config(snakemake.params.geometry)
    network, precision = for_inference(load_classifier(snakemake.input.model), params.precision, params.backbone)
    scores, tables = {}, []
    for split in SPLITS:
        images = ImageSet.open(snakemake.input[split], geometry, len(names))
        probabilities = predict(network, images, batch_size=32)
        scores[split] = metrics(probabilities, images.labels)
        tables.append(prediction_table(images.image_ids, split, images.labels, probabilities, names))
        log.info("%s: %.1f %% of %d right", split, 100 * scores[split]["top1"], scores[split]["n"])
    predictions = pd.concat(tables, ignore_index=True)
    write_csv(snakemake.output.predictions, predictions)
    shown = predictions[predictions["split"] == "validation"]
    superclass = dict(zip(catalog["label"], catalog["superclass"], strict=True))
    confusion_matrix_figure(shown["label"], shown["predicted"], superclass, Path(snakemake.output.confusion))
    precisions = {"train": pd.read_csv(snakemake.input.history)["precision"].iloc[-1], "embed": precision}
    write_json(snakemake.output.metrics, {**scores, "selection": params.selection, "precision": precisions})
