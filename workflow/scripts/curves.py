"""Draw the learning curves of both phases."""

import pandas as pd

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    from rockspace.data.catalog import read_catalog
    from rockspace.report.curves import WATCHED_WORDS, learning_curves

    catalog = read_catalog(snakemake.input.catalog)
    learning_curves(
        pd.read_csv(snakemake.input.head),
        pd.read_csv(snakemake.input.finetune),
        catalog.loc[catalog["split"] == "train", "label"].tolist(),
        WATCHED_WORDS[snakemake.params.selection],
        f"{snakemake.wildcards.model}, seed {snakemake.wildcards.seed}",
        [snakemake.output.png, snakemake.output.svg, snakemake.output.caption],
    )
