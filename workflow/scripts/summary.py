"""Collect the figures of every model, seed and layer."""

from pathlib import Path

import pandas as pd

from rockspace.artifacts import read_json, replacing, write_csv
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from rockspace.report.summary import as_markdown, ensemble_rows, notes_of, summary_row
    from rockspace.report.tables import write_table_page

    files, params = snakemake.input, snakemake.params.settings

    trained = [run[:2] for run in params["runs"]]
    metrics = dict(zip(dict.fromkeys(trained), map(read_json, files.metrics), strict=True))
    alignments = [read_json(path) for path in files.alignments]
    rows = [
        summary_row(*run, metrics[run[:2]], figures) for run, figures in zip(params["runs"], alignments, strict=True)
    ]
    together = zip(
        params["ensembles"], map(read_json, files.ensembles), map(read_json, files.ensemble_alignments), strict=True
    )
    rows += [row for ensemble in together for row in ensemble_rows(*ensemble)]
    table = pd.DataFrame(rows)
    write_csv(snakemake.output.csv, table)
    write_table_page(Path(snakemake.output.csv), Path(snakemake.output.page), f"{params['study']}: summary")
    with replacing(snakemake.output.markdown) as partial:
        partial.write_text(as_markdown(table, params["study"], notes_of(params["runs"], alignments)), encoding="utf-8")
    log.info("\n%s", Path(snakemake.output.markdown).read_text(encoding="utf-8"))
