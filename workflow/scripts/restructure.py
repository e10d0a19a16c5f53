"""From the archive's files to images filed by label, and their catalog."""

from pathlib import Path

from rockspace.artifacts import write_csv
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from rockspace.data.manifest import verify
    from rockspace.data.restructuring import build_catalog, restructure

    manifest, dataset = Path(snakemake.input.manifest), snakemake.params.dataset
    raw = manifest.with_name("raw")
    verify(raw, manifest)
    catalog = build_catalog(raw, dataset)
    restructure(raw, catalog, Path(snakemake.output.images))
    write_csv(snakemake.output.catalog, catalog)
    log.info("%d images of %d labels", len(catalog), catalog["label"].nunique())
