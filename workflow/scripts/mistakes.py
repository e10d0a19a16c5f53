"""The mistakes that the network is surest of, with their photographs."""

from pathlib import Path

import pandas as pd

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    from rockspace.data.catalog import read_catalog
    from rockspace.report.mistakes import mistakes_figure

    catalog, wildcards = Path(snakemake.input.catalog), snakemake.wildcards
    table = read_catalog(catalog)
    photographs = {name: catalog.parent / path for name, path in zip(table["image_id"], table["path"], strict=True)}
    predictions = pd.read_csv(snakemake.input.predictions, keep_default_na=False)
    title = f"{wildcards.model}, seed {wildcards.seed}"
    mistakes_figure(predictions, photographs, title, Path(snakemake.output.jpg), tuple(snakemake.params.background))
