"""The main results of the study on one page, and the whole configuration that it was made with."""

from pathlib import Path

import pandas as pd

from rockspace.artifacts import write_text
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    from rockspace.report.curves import WATCHED_WORDS, all_learning_curves
    from rockspace.report.overview import Study, write_overview
    from rockspace.report.provenance import configuration, provenance

    files, params, out = snakemake.input, snakemake.params, snakemake.output
    runs = {"trainings": params.trainings, "networks": params.networks}
    study = Study.read(params.config, params.layers, params.baselines, runs, files)
    names = [f"{model}, seed {seed}" for model, seed in params.trainings]
    phases = zip(map(pd.read_csv, files.head), map(pd.read_csv, files.finetune), strict=True)
    watched = WATCHED_WORDS[params.config["finetune"]["selection"]]
    all_learning_curves(dict(zip(names, phases, strict=True)), watched, [out.curves, out.curves_svg])
    write_text(out.config, configuration(params.config))
    origin = provenance(params.config, out.config, study.manifests, Path(files.reading))
    write_overview(Path(out.page), study, origin)
