"""What the trained network says of every image of either split, and how good that is."""

from pathlib import Path

import pandas as pd

from rockspace.artifacts import write_csv, write_json
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output, tensorflow=True) as log:
    from rockspace.data.catalog import SPLITS, label_names, read_catalog
    from rockspace.data.tfrecords import Geometry
    from rockspace.inference.evaluation import evaluation, in_words, joined, predictions
    from rockspace.inference.prediction import Views, answers, outputs_of
    from rockspace.networks.classifier import named_outputs
    from rockspace.networks.device import repeatable
    from rockspace.networks.loading import for_inference, load_classifier
    from rockspace.people.coordinates import read_coordinates_tables
    from rockspace.report.confusion import confusion_matrix_figure
    from rockspace.training.augmentation import Augmentation
    from rockspace.training.pipeline import ImageSet

    repeatable(0)
    params, catalog, seed = snakemake.params, read_catalog(snakemake.input.catalog), int(snakemake.wildcards.seed)
    names, geometry = label_names(catalog), Geometry.from_config(params.geometry)
    classifier = named_outputs(load_classifier(snakemake.input.model))
    network, precision = for_inference(classifier, params.precision, params.backbone)
    views = Views(params.views, Augmentation.from_config(params.augmentation), seed)
    coordinates, parts = read_coordinates_tables(snakemake.input.coordinates), []
    dimensions = [] if coordinates is None else list(coordinates.columns)
    for split in SPLITS:
        images = ImageSet.open(snakemake.input[split], geometry, catalog, coordinates)
        parts.append(outputs_of(answers(network, images, 32, views), images, split, names, dimensions))
    outputs = joined(parts)
    outputs.save(snakemake.output.outputs)
    figures = evaluation(outputs, resamples=params.bootstraps, seed=seed)
    for split in SPLITS:
        log.info(in_words(figures, split))
    table = predictions(outputs)
    write_csv(snakemake.output.predictions, table)
    shown = table[table["split"] == "validation"]
    superclass = dict(zip(catalog["label"], catalog["superclass"], strict=True))
    confusion_matrix_figure(shown["label"], shown.get("predicted"), superclass, Path(snakemake.output.confusion))
    history = pd.read_csv(snakemake.input.history)["precision"]
    precisions = {"train": history.iloc[-1] if len(history) else None, "embed": precision}
    write_json(snakemake.output.metrics, {**figures, "selection": params.selection, "precision": precisions})
