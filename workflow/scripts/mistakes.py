"""The confusion matrix of a network, and its most confident errors with their photographs."""

from pathlib import Path

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    from rockspace.data.catalog import read_catalog
    from rockspace.inference.embeddings import Embeddings
    from rockspace.inference.evaluation import read_predictions
    from rockspace.report.confusion import confusion_of_predictions
    from rockspace.report.mistakes import mistakes_figure

    files, out, wildcards, params = snakemake.input, snakemake.output, snakemake.wildcards, snakemake.params
    catalog, folder = read_catalog(files.catalog), Path(files.catalog).parent
    photographs = {name: folder / file for name, file in zip(catalog["image_id"], catalog["path"], strict=True)}
    predictions, embeddings = read_predictions(files.predictions), Embeddings.load(files.embeddings)
    title, background = f"{wildcards.model}, seed {wildcards.seed}", tuple(params.background)
    confusion_of_predictions(predictions, catalog, title, [out.confusion, out.confusion_svg, out.confusion_caption])
    pictures = [out.jpg, out.svg, out.caption]
    mistakes_figure(predictions, embeddings, photographs, title, params.layer, pictures, background)
