"""Get a backbone's pretrained weights; the only stage besides the download that may need a network."""

from pathlib import Path

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, outputs=snakemake.output, tensorflow=True):
    from rockspace.networks.by_kind import fetch

    fetch(snakemake.params.backbone, Path(snakemake.output.weights))
