"""Download a backbone's pretrained weights; the only stage besides the download that may need a network."""

from pathlib import Path

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, outputs=snakemake.output, tensorflow=True):
    from rockspace.networks.weights import fetch

    fetch(snakemake.wildcards.backbone, Path(snakemake.output.weights))
