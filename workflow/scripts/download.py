"""Fetch photographs, or people's files: from the web, a folder or the generator."""

from pathlib import Path

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, outputs=snakemake.output):
    from rockspace.data.archive import fetch

    manifest = Path(snakemake.output.manifest)
    folder = manifest.with_name(snakemake.wildcards.files)
    fetch(snakemake.params.dataset, folder, manifest, workers=snakemake.threads)
