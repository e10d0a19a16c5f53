"""Decode the images of one shard once, and store their pixels."""

from pathlib import Path

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output, tensorflow=True):
    from rockspace.data.catalog import read_catalog
    from rockspace.data.tfrecords import Geometry, write_shard

    write_shard(
        Path(snakemake.output.shard),
        read_catalog(snakemake.input.catalog),
        Path(snakemake.input.catalog).parent,
        Geometry.from_config(snakemake.params.geometry),
        split=snakemake.wildcards.split,
        shard=int(snakemake.wildcards.shard),
        shards=int(snakemake.wildcards.shards),
    )
