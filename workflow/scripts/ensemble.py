"""Average the outputs and rotated embeddings of several networks, and evaluate both like a single network's."""

from rockspace.artifacts import write_csv, write_json
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from rockspace.data.catalog import SPLITS
    from rockspace.inference.ensembles import ensemble, ensemble_alignment
    from rockspace.inference.evaluation import Outputs, evaluation, in_words, predictions

    params, files, out = snakemake.params.settings, snakemake.input, snakemake.output
    resampling = {"resamples": params["bootstraps"], "seed": 0}
    outputs = ensemble([Outputs.load(path) for path in files.outputs])
    outputs.save(out.outputs)
    figures = evaluation(outputs, **resampling)
    for split in SPLITS:
        log.info(in_words(figures, split))
    write_csv(out.predictions, predictions(outputs))
    members = {key: params["members"][key] for key in ("models", "seeds")}
    write_json(out.metrics, {**figures, "selection": params["selection"], "members": members})
    aligned = {layer: ensemble_alignment(files[layer], **resampling) for layer in params["layers"]}
    write_json(out.alignment, {"layers": aligned})
