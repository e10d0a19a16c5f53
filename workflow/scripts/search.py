"""Compare recipes, and ensembles of them, by cross-validation on the training images."""

from rockspace.artifacts import write_csv
from rockspace.runlog import NOTE, recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from rockspace.people.coordinates import read_coordinates_tables
    from rockspace.report.search import search_figure
    from rockspace.search.search import LeftOut, search_table

    params, out = snakemake.params, snakemake.output
    left_out = {tuple(run): LeftOut.load(path) for run, path in zip(params.runs, snakemake.input.left_out, strict=True)}
    coordinates = read_coordinates_tables(snakemake.input.coordinates)
    names = [] if coordinates is None else list(coordinates.columns)
    table = search_table(left_out, params.models, params.ensembles, names, **params.settings)
    write_csv(out.table, table)
    search_figure(table, [out.png, out.svg, out.caption])
    shown = [column for column in ("model", "top1", "mean_r", "disparity") if column in table]
    for line in table[shown].to_string(index=False).splitlines():
        log.log(NOTE, "%s", line)
