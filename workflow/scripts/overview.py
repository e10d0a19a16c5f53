"""The main results of the study on one page, and the whole configuration that it was made with."""

import json
from pathlib import Path

from rockspace.artifacts import replacing
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    from rockspace.data.catalog import read_catalog
    from rockspace.inference.evaluation import read_predictions
    from rockspace.report.columns import read_table
    from rockspace.report.overview import Study, write_overview
    from rockspace.report.provenance import configuration, provenance

    files, params, out = snakemake.input, snakemake.params, snakemake.output
    manifests, page = [Path(path) for path in files.manifests], Path(out.page)

    def by_run(paths, read):
        return {run: read(Path(path)) for run, path in zip(params.runs, paths, strict=True)}

    def figures(path):
        return json.loads(path.read_text(encoding="utf-8"))

    def guesses(path):
        table = read_predictions(path)
        return table[table["split"] == "validation"]

    study = Study(
        config=params.config,
        catalog=read_catalog(files.catalog),
        manifests=manifests,
        summary=read_table(files.summary),
        entries=read_table(files.entries),
        layers=params.layers,
        metrics=by_run(files.metrics, figures),
        alignments=by_run(files.alignments, figures),
        predictions=by_run(files.predictions, guesses),
    )
    with replacing(out.config) as partial:
        partial.write_text(configuration(params.config), encoding="utf-8")
    write_overview(
        page,
        study,
        benchmarks=page.parent / "benchmarks",
        provenance=provenance(params.config, out.config, manifests, Path(files.reading)),
        configuration=configuration(params.config),
    )
