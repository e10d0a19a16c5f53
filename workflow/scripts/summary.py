"""Collect the figures of every model, seed and layer."""

import json
from pathlib import Path

import pandas as pd

from rockspace.artifacts import replacing, write_csv
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from rockspace.report.summary import as_markdown, ensemble_rows, summary_row

    scores = {Path(path).parent: json.loads(Path(path).read_text()) for path in snakemake.input.metrics}
    rows = []
    for path in map(Path, snakemake.input.alignments):
        run = path.parents[1]
        seed = int(run.name.removeprefix("seed-"))
        rows.append(summary_row(run.parent.name, seed, path.stem, scores[run], json.loads(path.read_text())))
    for paths in zip(snakemake.input.ensembles, snakemake.input.ensemble_alignments, strict=True):
        rows += ensemble_rows(Path(paths[0]).parent.name, *(json.loads(Path(path).read_text()) for path in paths))
    table = pd.DataFrame(rows)
    write_csv(snakemake.output.csv, table)
    with replacing(snakemake.output.markdown) as partial:
        partial.write_text(as_markdown(table, snakemake.params.study), encoding="utf-8")
    log.info("\n%s", Path(snakemake.output.markdown).read_text(encoding="utf-8"))
