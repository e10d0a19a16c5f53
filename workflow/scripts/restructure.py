"""From the archive's files to images filed by label, if they have labels, and their catalog."""

from pathlib import Path

from rockspace.artifacts import write_csv
from rockspace.runlog import NOTE, recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from rockspace.data.catalog import label_names, left_out_of_accuracy
    from rockspace.data.manifest import verify
    from rockspace.data.restructuring import build_catalog, restructure

    manifest, dataset = Path(snakemake.input.manifest), snakemake.params.dataset
    raw = manifest.with_name("raw")
    verify(raw, manifest)
    catalog = build_catalog(raw, dataset)
    restructure(raw, catalog, Path(snakemake.output.images))
    write_csv(snakemake.output.catalog, catalog)
    log.info("%d images, %d labels", len(catalog), len(label_names(catalog)))
    without, unseen = left_out_of_accuracy(catalog)
    if label_names(catalog) and (without or unseen):
        log.log(NOTE, "%d validation images have no label, %d one that no training image has", without, unseen)
