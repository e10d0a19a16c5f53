"""One layer's embedding of every image of both splits."""

from pathlib import Path

from rockspace.artifacts import write_csv
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    from rockspace.data.catalog import read_catalog
    from rockspace.inference.embeddings import join_activations

    paths = [*snakemake.input.train, *snakemake.input.validation]
    embeddings = join_activations(paths, snakemake.wildcards.layer, read_catalog(snakemake.input.catalog))
    embeddings.save(Path(snakemake.output.embeddings))
    write_csv(snakemake.output.csv, embeddings.table())
