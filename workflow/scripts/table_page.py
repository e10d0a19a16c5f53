"""A table as a page."""

from pathlib import Path

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    from rockspace.report.tables import write_table_page

    write_table_page(Path(snakemake.input.table), Path(snakemake.output.page), snakemake.params.title)
