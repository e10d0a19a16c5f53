"""From the files of people's coordinates to a table for each split, in the catalog's order."""

from pathlib import Path

from rockspace.artifacts import write_csv, write_json
from rockspace.runlog import NOTE, recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from rockspace.data.catalog import read_catalog
    from rockspace.data.manifest import verify
    from rockspace.people.reading import people_coordinates

    manifest, catalog = Path(snakemake.input.manifest), read_catalog(snakemake.input.catalog)
    people = manifest.with_name("people")
    verify(people, manifest)
    tables, readings = people_coordinates(people, snakemake.params.dataset, catalog)
    for split, table in tables.items():
        write_csv(snakemake.output[split], table, index=True)
    write_json(snakemake.output.reading, [reading.in_words(whole=True) for reading in readings])
    for reading in readings:
        for line in reading.in_words():
            log.log(NOTE, "%s", line)
