"""From the alignment of a model's layers to the table and picture of alignment against depth."""

from rockspace.artifacts import read_json, write_csv
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from rockspace.alignment.layer_profile import layer_profile
    from rockspace.data.catalog import read_catalog
    from rockspace.report.captions import titled
    from rockspace.report.layer_profile import profile_figure

    params, out = snakemake.params, snakemake.output
    runs = [(seed, layer) for seed in params.seeds for layer in params.layers]
    figures = map(read_json, snakemake.input.figures)
    profile = layer_profile(((*run, figure) for run, figure in zip(runs, figures, strict=True)), params.layers)
    write_csv(out.table, profile)
    labels = read_catalog(snakemake.input.catalog).query("split == 'validation'")["label"].tolist()
    title = titled(params.model, seeds=params.seeds)
    profile_figure(profile, labels, title, [out.png, out.svg, out.caption], params.drawn)
    log.info("%d layers, %d seeds", len(params.layers), len(params.seeds))
