"""Fetch the archive's files; from the web, a folder or the generator."""

from pathlib import Path

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, outputs=snakemake.output):
    from rockspace.data.archive import fetch

    raw, manifest = Path(snakemake.output.raw), Path(snakemake.output.manifest)
    fetch(snakemake.params.dataset, raw, manifest, workers=snakemake.threads)
