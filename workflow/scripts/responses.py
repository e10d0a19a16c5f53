"""From the study's table of people's choices to one in the catalog's order."""

from pathlib import Path

from rockspace.artifacts import write_csv
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from rockspace.data.catalog import read_catalog
    from rockspace.people.responses import read_responses

    catalog = read_catalog(Path(snakemake.input.catalog))
    table = read_responses(Path(snakemake.input.responses), catalog, snakemake.wildcards.split)
    write_csv(snakemake.output.responses, table, index=True)
    log.info("%d responses to %d images, %d categories", table.to_numpy().sum(), *table.shape)
