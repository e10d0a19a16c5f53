"""From the files of people's coordinates to a table for each split, in the catalog's order."""

from pathlib import Path

from rockspace.artifacts import write_csv
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from rockspace.data.catalog import read_catalog
    from rockspace.people.coordinates import people_coordinates

    tables = people_coordinates(
        Path(snakemake.input.raw), snakemake.params.dataset, read_catalog(snakemake.input.catalog)
    )
    for split, table in tables.items():
        write_csv(snakemake.output[split], table, index=True)
    log.info("%d dimensions", len(tables["train"].columns))
