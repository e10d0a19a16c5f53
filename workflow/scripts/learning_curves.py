"""The learning curves of all models and seeds in one picture."""

import pandas as pd

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    from rockspace.data.catalog import read_catalog
    from rockspace.report.curves import WATCHED_WORDS, all_learning_curves

    files, params, out = snakemake.input, snakemake.params, snakemake.output
    names = [f"{model}, seed {seed}" for model, seed in params.trainings]
    phases = zip(map(pd.read_csv, files.head), map(pd.read_csv, files.finetune), strict=True)
    catalog, watched = read_catalog(files.catalog), WATCHED_WORDS[params.selection]
    labels = catalog.loc[catalog["split"] == "train", "label"].tolist()
    all_learning_curves(dict(zip(names, phases, strict=True)), labels, watched, [out.png, out.svg, out.caption])
