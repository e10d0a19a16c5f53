"""One layer's embedding of every image of both splits."""

from pathlib import Path

from rockspace.artifacts import write_csv
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    from rockspace.data.catalog import read_catalog
    from rockspace.inference.embeddings import Embeddings
    from rockspace.inference.one_pass import load_pass

    files, layer = snakemake.input, snakemake.wildcards.layer
    catalog = read_catalog(files.catalog)
    found = load_pass([*files.train, *files.validation], catalog["image_id"].tolist(), layers=[layer])
    embeddings = Embeddings.of(catalog, found.layers[layer])
    embeddings.save(Path(snakemake.output.embeddings))
    write_csv(snakemake.output.csv, embeddings.table())
