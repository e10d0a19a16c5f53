"""From drawn spaces with a known overlap to the rates of false claims and misses of each statistic."""

from dataclasses import replace
from pathlib import Path

from rockspace.artifacts import write_csv
from rockspace.runlog import recorded

with recorded(snakemake.log[0], 1, outputs=snakemake.output) as log:
    from rockspace.analysis.simulation import Design, simulate
    from rockspace.report.simulation import simulation_figure

    out, design = snakemake.output, replace(Design(), **snakemake.params.design)
    rates = simulate(design, snakemake.threads)
    write_csv(out.table, rates)
    simulation_figure(rates, [Path(out.png), Path(out.svg)])
    log.info("%d pairs of spaces for each combination", design.repeats)
