"""From people's choices explained in each space to all spaces side by side."""

from pathlib import Path

from rockspace.artifacts import read_json, write_csv
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from rockspace.choices.choice_tables import (
        Explained,
        conditions_table,
        read_image_table,
        spaces_table,
        subtypes_table,
    )
    from rockspace.choices.experiment import read_experiment
    from rockspace.data.catalog import read_catalog
    from rockspace.report.choices import images_figure, spaces_figure, subtypes_figure
    from rockspace.report.predicted_choices import networks_of, predicted_choices, read_choices

    files, out, params = snakemake.input, snakemake.output, snakemake.params
    catalog = read_catalog(files.catalog)
    experiment = read_experiment(files.responses, files.studied, files.reading, catalog, params.split)
    explained = [
        Explained(*map(str, run), read_json(figures)["spaces"], read_image_table(images))
        for run, figures, images in zip(params.runs, files.figures, files.images, strict=True)
    ]
    table = spaces_table(explained, experiment, read_json(files.ceilings))
    write_csv(out.table, table)
    write_csv(out.conditions, conditions_table(explained))
    subtypes = subtypes_table(explained)
    write_csv(out.subtypes, subtypes)
    choices, conditions = read_choices(out.table), read_choices(out.conditions)
    best, *_ = networks_of(predicted_choices(choices, conditions, params.layers))
    subtypes_figure(subtypes, choices, best, [out.subtypes_png, out.subtypes_svg, out.subtypes_caption])
    spaces_figure(table, [out.png, out.svg, out.caption])
    study = Path(files.catalog).parent
    photographs = dict(zip(catalog["image_id"], catalog["path"].map(study.joinpath), strict=True))
    images_figure(explained, choices, best, photographs, [out.images_png, out.images_svg, out.images_caption])
    log.info("%d spaces and variants", len(table))
