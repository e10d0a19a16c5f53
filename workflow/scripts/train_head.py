"""First phase: train the head on the features of the frozen base."""

from pathlib import Path

from rockspace.artifacts import replacing, write_csv
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output, tensorflow=True) as log:
    from rockspace.data.catalog import label_names, read_catalog
    from rockspace.networks.classifier import attach_head
    from rockspace.networks.device import repeatable
    from rockspace.networks.loading import starting_backbone
    from rockspace.networks.objectives import Objective
    from rockspace.people.coordinates import read_coordinates_tables
    from rockspace.training.checkpoint import discard
    from rockspace.training.features import Features
    from rockspace.training.head import train_head
    from rockspace.training.stopping_set import training_members

    params, seed, model = snakemake.params, int(snakemake.wildcards.seed), snakemake.params.backbone
    checkpoints = Path(snakemake.output.model).with_name("checkpoints") / "train_head"
    repeatable(seed)
    catalog = read_catalog(snakemake.input.catalog)
    known = catalog, read_coordinates_tables(snakemake.input.coordinates)
    train = Features.load(snakemake.input.train, *known)
    validation = Features.load(snakemake.input.validation, *known) if snakemake.input.validation else None
    learning, watched = training_members(train, validation, train.label, params.selection, seed)
    objective = Objective.of(params.objective, train.coordinates)
    recipe = {"n_labels": len(label_names(catalog)), "head": params.head, "training": params.train_head, "seed": seed}
    recipe |= {"objective": objective}
    backbone = starting_backbone(model, params.geometry["image_size"], snakemake.input.weights, seed)

    head, history = train_head(learning, watched, **recipe, checkpoints=checkpoints / "select")
    log.info("after %d epochs: %s", len(history), history.iloc[-1].to_dict())
    network = attach_head(backbone, head, model["feature_layers"], model["pooling"])
    with replacing(snakemake.output.model) as partial:
        network.save(partial)
    if snakemake.output.get("refit"):
        head, _ = train_head(train, None, **recipe, checkpoints=checkpoints / "refit", phase="head refit")
        with replacing(snakemake.output.refit) as partial:
            attach_head(backbone, head, model["feature_layers"], model["pooling"]).save(partial)
    write_csv(snakemake.output.history, history)
    discard(checkpoints)
