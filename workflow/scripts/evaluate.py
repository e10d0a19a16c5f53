"""How good a trained network's outputs are."""

import pandas as pd

from rockspace.artifacts import write_csv, write_json
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from rockspace.data.catalog import SPLITS, read_catalog
    from rockspace.inference.evaluation import evaluation, in_words, outputs_of, predictions
    from rockspace.inference.one_pass import load_outputs
    from rockspace.people.coordinates import read_coordinates_tables

    files, out, params = snakemake.input, snakemake.output, snakemake.params.settings
    catalog, coordinates = read_catalog(files.catalog), read_coordinates_tables(files.coordinates)
    found, precision = load_outputs([*files.train, *files.validation], catalog["image_id"].tolist())
    outputs = outputs_of(found, catalog, coordinates)
    outputs.save(out.outputs)
    write_csv(out.predictions, predictions(outputs))
    figures = evaluation(outputs, resamples=params["bootstraps"], seed=int(snakemake.wildcards.seed))
    for split in SPLITS:
        log.info(in_words(figures, split))
    history = pd.read_csv(files.history)["precision"]
    precisions = {"train": history.iloc[-1] if len(history) else None, "embed": precision}
    write_json(out.metrics, {**figures, "selection": params["selection"], "precision": precisions})
