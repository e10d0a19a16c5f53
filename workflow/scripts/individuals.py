"""From one coordinates file for each person to a table in the catalog's order."""

from pathlib import Path

from rockspace.artifacts import replacing
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads) as log:
    from rockspace.data.catalog import read_catalog
    from rockspace.data.individuals import individual_coordinates

    catalog, split = read_catalog(Path(snakemake.input.catalog)), snakemake.wildcards.split
    table = individual_coordinates(Path(snakemake.input.raw), snakemake.params.dataset, catalog, split)
    with replacing(snakemake.output.individuals) as partial:
        table.to_csv(partial, index=False)
    log.info("%d individuals", table["individual"].nunique())
