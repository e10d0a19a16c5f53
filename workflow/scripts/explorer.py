"""From a study's images, coordinates, layers and guesses to one page on which to walk through both spaces."""

from pathlib import Path

from rockspace.artifacts import write_text
from rockspace.checksums import verified
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from rockspace.data.catalog import SPLITS, read_catalog
    from rockspace.report.captions import origin
    from rockspace.report.explorer.page import explorer_page
    from rockspace.report.explorer.photographs import embed_photographs
    from rockspace.report.explorer.study import Run, describe_study

    files, params = snakemake.input, snakemake.params
    catalog, folder = read_catalog(files.catalog), Path(files.catalog).parent
    predictions = dict(zip(map(tuple, params.trainings), map(Path, files.predictions), strict=True))
    artifacts = zip(params.runs, files.figures, files.aligned, files.embeddings, strict=True)
    origins = {name: origin(model) for name, model in params.models.items()}
    runs = [Run(*run, *map(Path, paths), predictions.get(tuple(run[:2])), origins[run[0]]) for run, *paths in artifacts]
    coordinates = {split: Path(files[split]) for split in SPLITS}
    study = describe_study(
        catalog,
        coordinates,
        runs,
        reflection=params.settings["reflection"],
        metric=params.settings["distance"],
        baselines=[name for each in params.baselines.values() for name in each.values()],
        drawn=params.drawn,
    )
    study |= embed_photographs([verified(folder / path) for path in catalog["path"]], snakemake.threads)
    page = Path(snakemake.output.page)
    write_text(page, explorer_page(params.study, study))
    log.info("%d images, %d layer(s), %.1f MB", len(catalog), len(runs), page.stat().st_size / 1e6)
