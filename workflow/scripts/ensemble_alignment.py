"""Average the rotated embeddings of several networks, layer by layer, and score them."""

from rockspace.artifacts import write_json
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from rockspace.inference.ensembles import ensemble_alignment

    layers, figures = snakemake.params.layers, {}
    of_layer = len(snakemake.input.aligned) // max(len(layers), 1)
    for i, layer in enumerate(layers):
        paths = snakemake.input.aligned[i * of_layer : (i + 1) * of_layer]
        figures[layer] = ensemble_alignment(paths, resamples=snakemake.params.bootstraps, seed=0)
        log.info("%s: mean r %.3f held-out", layer, figures[layer]["held_out"]["mean_r"])
    write_json(snakemake.output.alignment, {"layers": figures})
