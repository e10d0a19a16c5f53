"""Embeddings that another tool computed, in the catalog's order."""

from pathlib import Path

from rockspace.artifacts import write_csv
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    from rockspace.data.catalog import read_catalog
    from rockspace.data.row_names import read_matrix
    from rockspace.inference.embeddings import Embeddings

    catalog = read_catalog(snakemake.input.catalog)
    names = snakemake.input.get("names")
    matrix = read_matrix(
        Path(snakemake.input.embeddings),
        catalog["file"].tolist(),
        names=Path(names) if names else None,
        variable=snakemake.params.array,
    )
    embeddings = Embeddings.of(catalog, matrix.astype("float32"))
    embeddings.save(Path(snakemake.output.embeddings))
    write_csv(snakemake.output.csv, embeddings.table())
