"""From the aligned coordinates of all models, seeds and layers to their comparison."""

from pathlib import Path

from rockspace.artifacts import read_json, write_csv
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from rockspace.alignment.aligned import dimensions_of, read_aligned
    from rockspace.alignment.comparison import (
        PUBLISHED,
        Baselines,
        Prediction,
        Resampling,
        comparison_table,
        dimensions_table,
        entries_table,
        scored,
    )
    from rockspace.alignment.spaces import subtypes_of
    from rockspace.people.reading import read_coordinates
    from rockspace.report.comparison import chances, comparison_figure
    from rockspace.report.tables import write_table_page

    out, params, settings = snakemake.output, snakemake.params, snakemake.params.settings
    tables = [read_aligned(path) for path in snakemake.input.aligned]
    images, observed, _ = tables[0]
    names, last_layers = dimensions_of(images), params.baselines["last_layers"]
    own = [Prediction(*run, predicted) for run, (_, _, predicted) in zip(params.runs, tables, strict=True)]
    published = [
        Prediction(
            label,
            "",
            PUBLISHED,
            read_coordinates(Path(file), list(images["image_id"]), dimensions=names).table.to_numpy(),
        )
        for label, file in zip(params.published, snakemake.input.published, strict=True)
    ]
    baselines = Baselines(params.baselines["of_models"], last_layers | dict.fromkeys(params.published, PUBLISHED))
    subtypes = subtypes_of(images["label"], images["image_id"])
    resampling = Resampling(settings["permutations"], settings["bootstraps"])
    given = scored([*own, *published], observed), subtypes, resampling
    shown = scored([each for each in own if each.layer == last_layers[each.model]], observed)
    entries, comparisons = entries_table(*given), comparison_table(*given, baselines)
    write_csv(out.entries, entries)
    write_csv(out.dimensions, dimensions_table(shown, names, subtypes, resampling))
    write_csv(out.table, comparisons)
    write_table_page(Path(out.table), Path(out.page), f"{snakemake.params.study}: comparison")
    chance = chances(snakemake.params.runs, [read_json(path) for path in snakemake.input.figures])
    files = [out.png, out.svg, out.caption]
    comparison_figure(entries, comparisons, images["label"].tolist(), files, chance, snakemake.params.drawn)
    log.info("%d comparisons of %d predictions", len(comparisons), len(own) + len(published))
