"""From the user's further tables of coordinates to one table: space, image, dimension and coordinate."""

from pathlib import Path

from rockspace.artifacts import write_csv
from rockspace.runlog import NOTE, recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    import pandas as pd

    from rockspace.data.catalog import read_catalog
    from rockspace.people.reading import read_coordinates

    catalog = read_catalog(snakemake.input.catalog)
    id_of, tables = catalog.set_index("file")["image_id"], []
    for name, file in zip(snakemake.params.names, snakemake.input.tables, strict=True):
        reading = read_coordinates(Path(file), catalog["file"].tolist(), partial=True)
        table = reading.table.rename(index=id_of).rename_axis("image_id").reset_index()
        tables.append(table.melt("image_id", var_name="dimension", value_name="coordinate").assign(space=name))
        for line in reading.in_words():
            log.log(NOTE, "%s", line)
    write_csv(snakemake.output.coordinates, pd.concat(tables)[["space", "image_id", "dimension", "coordinate"]])
