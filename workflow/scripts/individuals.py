"""From one coordinates file for each person to a table in the catalog's order."""

from pathlib import Path

from rockspace.artifacts import write_csv
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from rockspace.data.catalog import read_catalog
    from rockspace.people.individuals import individual_coordinates

    catalog, split = read_catalog(Path(snakemake.input.catalog)), snakemake.wildcards.split
    table = individual_coordinates(Path(snakemake.input.raw), snakemake.params.dataset, catalog, split)
    write_csv(snakemake.output.individuals, table)
    log.info("%d individuals", table["individual"].nunique())
