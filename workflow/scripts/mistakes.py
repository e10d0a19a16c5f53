"""The confusion matrix of a network, and its most confident errors with their photographs."""

from pathlib import Path

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    from rockspace.data.catalog import read_catalog
    from rockspace.inference.evaluation import read_predictions
    from rockspace.report.confusion import confusion_of_predictions
    from rockspace.report.mistakes import mistakes_figure

    out, wildcards, path = snakemake.output, snakemake.wildcards, Path(snakemake.input.catalog)
    catalog = read_catalog(path)
    photographs = {name: path.parent / file for name, file in zip(catalog["image_id"], catalog["path"], strict=True)}
    predictions = read_predictions(snakemake.input.predictions)
    confusion_of_predictions(predictions, catalog, out.confusion)
    title, background = f"{wildcards.model}, seed {wildcards.seed}", tuple(snakemake.params.background)
    mistakes_figure(predictions, photographs, title, out.jpg, background)
