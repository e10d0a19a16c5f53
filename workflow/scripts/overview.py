"""The main results of the study on one page, and the whole configuration that it was made with."""

from pathlib import Path

import pandas as pd

from rockspace.artifacts import read_json, write_text
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    from rockspace.data.catalog import read_catalog
    from rockspace.inference.evaluation import read_predictions
    from rockspace.report.columns import read_table
    from rockspace.report.curves import WATCHED_WORDS, all_learning_curves
    from rockspace.report.overview import Study, write_overview
    from rockspace.report.provenance import configuration, provenance

    files, params, out = snakemake.input, snakemake.params, snakemake.output
    manifests, page = [Path(path) for path in files.manifests], Path(out.page)

    def by_run(paths, read):
        return {run: read(path) for run, path in zip(params.runs, paths, strict=True)}

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
        metrics=by_run(files.metrics, read_json),
        alignments=by_run(files.alignments, read_json),
        predictions=by_run(files.predictions, guesses),
    )
    phases = by_run(files.head, pd.read_csv), by_run(files.finetune, pd.read_csv)
    histories = {f"{model}, seed {seed}": tuple(phase[model, seed] for phase in phases) for model, seed in params.runs}
    watched = WATCHED_WORDS[params.config["finetune"]["selection"]]
    all_learning_curves(histories, watched, [Path(out.curves), Path(out.curves_svg)])
    write_text(out.config, configuration(params.config))
    write_overview(
        page,
        study,
        benchmarks=page.parent / "benchmarks",
        provenance=provenance(params.config, out.config, manifests, Path(files.reading)),
        configuration=configuration(params.config),
    )
