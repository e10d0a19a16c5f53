"""Collect the figures of every model, seed and layer."""

from pathlib import Path

from rockspace.artifacts import read_json, write_csv, write_text
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from rockspace.report.summary import as_markdown, notes_of, summary_table
    from rockspace.report.tables import write_table_page

    files, out, params = snakemake.input, snakemake.output, snakemake.params.settings
    metrics, alignments, *of_ensembles = (
        list(map(read_json, paths))
        for paths in (files.metrics, files.alignments, files.ensembles, files.ensemble_alignments)
    )
    ensembles = zip(params["ensembles"], *of_ensembles, strict=True)
    metrics_of = dict(zip(map(tuple, params["trainings"]), metrics, strict=True))
    table = summary_table(params["runs"], metrics_of, alignments, ensembles)
    write_csv(out.csv, table)
    # Of many layers, what limits the last one, as in the overview.
    last = {run[:2]: (run, figures) for run, figures in zip(map(tuple, params["runs"]), alignments, strict=True)}
    notes = notes_of(*zip(*last.values(), strict=True))
    write_text(out.markdown, as_markdown(table, params["study"], notes))
    write_table_page(Path(out.csv), Path(out.page), f"{params['study']}: summary")
    log.info("%d rows", len(table))
