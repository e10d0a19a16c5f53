"""One layer's embedding of every image of both splits."""

from pathlib import Path

from rockspace.artifacts import write_csv
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    from rockspace.data.catalog import read_catalog
    from rockspace.inference.embeddings import Embeddings
    from rockspace.inference.one_pass import load_layer

    files, layer = snakemake.input, snakemake.wildcards.layer
    catalog = read_catalog(files.catalog)
    activations = load_layer([*files.train, *files.validation], catalog["image_id"].tolist(), layer)
    embeddings = Embeddings.of(catalog, activations)
    embeddings.save(Path(snakemake.output.embeddings))
    write_csv(snakemake.output.csv, embeddings.table())
