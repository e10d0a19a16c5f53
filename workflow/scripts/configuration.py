"""The whole configuration, with all defaults, as a config file that reproduces the run."""

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, outputs=snakemake.output):
    from rockspace.artifacts import write_text
    from rockspace.report.provenance import configuration

    write_text(snakemake.output.file, configuration(snakemake.params.config))
