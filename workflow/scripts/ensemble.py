"""Average what several networks say of the images, and score it as a single network's answers are."""

from pathlib import Path

from rockspace.artifacts import write_csv, write_json
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from rockspace.data.catalog import SPLITS, read_catalog
    from rockspace.inference.ensembles import ensemble
    from rockspace.inference.evaluation import Outputs, evaluation, in_words, predictions
    from rockspace.report.confusion import confusion_matrix_figure

    params, out, catalog = snakemake.params, snakemake.output, read_catalog(snakemake.input.catalog)
    outputs = ensemble([Outputs.load(path) for path in snakemake.input.outputs])
    outputs.save(out.outputs)
    figures = evaluation(outputs, resamples=params.bootstraps, seed=0)
    for split in SPLITS:
        log.info(in_words(figures, split))
    table = predictions(outputs)
    write_csv(out.predictions, table)
    shown = table[table["split"] == "validation"]
    superclass = dict(zip(catalog["label"], catalog["superclass"], strict=True))
    confusion_matrix_figure(shown["label"], shown.get("predicted"), superclass, Path(out.confusion))
    members = {key: params.members[key] for key in ("models", "seeds")}
    write_json(out.metrics, {**figures, "selection": params.selection, "members": members})
