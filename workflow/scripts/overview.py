"""The answers of the study on one page."""

import json
from pathlib import Path

import pandas as pd

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    from rockspace.data.catalog import read_catalog
    from rockspace.report.overview import Study, write_overview
    from rockspace.report.provenance import provenance

    files, params, config = snakemake.input, snakemake.params, snakemake.params.config
    manifest, page = Path(files.manifest), Path(snakemake.output.page)

    def by_run(paths):
        return {run: json.loads(Path(path).read_text()) for run, path in zip(params.runs, paths, strict=True)}

    study = Study(
        config=config,
        catalog=read_catalog(files.catalog),
        manifest=manifest,
        summary=pd.read_csv(files.summary, dtype={"model": str, "seed": str, "layer": str}),
        layers=params.layers,
        metrics=by_run(files.metrics),
        alignments=by_run(files.alignments),
    )
    made_with = provenance(config, params.configfiles, manifest)
    write_overview(page, study, benchmarks=page.parent / "benchmarks", provenance=made_with)
