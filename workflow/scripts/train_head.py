"""First phase: train the head on the features of the frozen base."""

from pathlib import Path

from rockspace.artifacts import replacing, write_csv
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output, tensorflow=True) as log:
    import numpy as np

    from rockspace.data.catalog import label_names, read_catalog
    from rockspace.training.classifier import attach_head
    from rockspace.training.device import repeatable
    from rockspace.training.features import Features
    from rockspace.training.head import train_head
    from rockspace.training.networks import starting_backbone
    from rockspace.training.selection import training_members

    params, seed = snakemake.params, int(snakemake.wildcards.seed)
    repeatable(seed)
    n_labels = len(label_names(read_catalog(snakemake.input.catalog)))
    train = Features.load(snakemake.input.train)
    validation = Features.load(snakemake.input.validation) if snakemake.input.validation else None
    members, watched, rows = training_members(train, validation, params.holdout_fraction, seed)
    recipe = {"n_labels": n_labels, "head": params.head, "training": params.train_head, "seed": seed}
    weights = Path(snakemake.input.weights) if snakemake.input.get("weights") else None
    backbone = starting_backbone(params.backbone, params.image_size, weights, params.batch_norm)

    head, history = train_head(train, members, watched, rows, **recipe)
    log.info("after %d epochs: %s", len(history), history.iloc[-1].to_dict())
    with replacing(snakemake.output.model) as partial:
        attach_head(backbone, head).save(partial)
    if snakemake.output.get("refit"):
        head, _ = train_head(train, np.ones_like(members), watched, rows, **recipe)
        with replacing(snakemake.output.refit) as partial:
            attach_head(backbone, head).save(partial)
    write_csv(snakemake.output.history, history)
