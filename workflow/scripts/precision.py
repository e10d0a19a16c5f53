"""Decide once for a study in which precision a backbone is fastest, so that all its jobs compute alike."""

from rockspace.artifacts import write_json
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, outputs=snakemake.output, tensorflow=True) as log:
    from rockspace.networks.precision import choose

    decided = {phase: choose(snakemake.wildcards.backbone, phase) for phase in ("train", "embed")}
    write_json(snakemake.output.precision, decided)
    log.info("training in %s, embedding in %s", decided["train"], decided["embed"])
