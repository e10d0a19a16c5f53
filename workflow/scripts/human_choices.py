"""From people's choices explained in each space to all spaces side by side."""

from rockspace.artifacts import read_json, write_csv
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from rockspace.choices.choice_tables import Explained, read_image_table, spaces_table
    from rockspace.report.choices import spaces_figure

    out, params = snakemake.output, snakemake.params
    explained = [
        Explained(*run, read_json(figures)["spaces"], read_image_table(images))
        for run, figures, images in zip(params.runs, snakemake.input.figures, snakemake.input.images, strict=True)
    ]
    table = spaces_table(explained, resamples=params.bootstraps)
    write_csv(out.table, table)
    spaces_figure(table, [out.png, out.svg, out.caption])
    log.info("%d spaces", len(table))
