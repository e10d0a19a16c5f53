"""From one coordinates file for each person to a table in the catalog's order."""

from pathlib import Path

from rockspace.artifacts import write_csv
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from rockspace.data.catalog import read_catalog
    from rockspace.data.manifest import verify
    from rockspace.people.coordinates import read_coordinates_tables
    from rockspace.people.individuals import individual_coordinates

    manifest, catalog = Path(snakemake.input.manifest), read_catalog(snakemake.input.catalog)
    people = manifest.with_name("people")
    verify(people, manifest)
    group = list(read_coordinates_tables([snakemake.input.coordinates]).columns)
    table = individual_coordinates(people, snakemake.params.dataset, catalog, snakemake.wildcards.split, group)
    write_csv(snakemake.output.individuals, table)
    log.info("%d individuals", table["individual"].nunique())
