"""The confusion matrix of an ensemble."""

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    from rockspace.data.catalog import read_catalog
    from rockspace.inference.evaluation import read_predictions
    from rockspace.report.confusion import confusion_of_predictions

    predictions, catalog = read_predictions(snakemake.input.predictions), read_catalog(snakemake.input.catalog)
    confusion_of_predictions(predictions, catalog, f"ensemble {snakemake.wildcards.ensemble}", snakemake.output)
