"""The photographs of a split on one sheet."""

from pathlib import Path

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    from rockspace.artifacts import write_text
    from rockspace.data.catalog import read_catalog
    from rockspace.report.dataset_sheet import dataset_sheet

    catalog, output = Path(snakemake.input.catalog), Path(snakemake.output.sheet)
    background = tuple(snakemake.params.background)
    caption = dataset_sheet(read_catalog(catalog), catalog.parent, snakemake.wildcards.split, output, background)
    write_text(snakemake.output.caption, f"{caption}\n")
