"""First phase: train the head on the features of the frozen base."""

from pathlib import Path

from rockspace.artifacts import write_csv
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output, tensorflow=True) as log:
    from rockspace.data.catalog import read_catalog
    from rockspace.networks.classifier import attach_head
    from rockspace.networks.device import repeatable
    from rockspace.networks.loading import save_classifier, starting_backbone
    from rockspace.networks.objectives import Objective
    from rockspace.people.coordinates import read_coordinates_tables
    from rockspace.training.checkpoint import discard
    from rockspace.training.features import Features
    from rockspace.training.head import train_head
    from rockspace.training.stopping_set import training_members

    params, inputs, output, seed = snakemake.params, snakemake.input, snakemake.output, int(snakemake.wildcards.seed)
    checkpoints = Path(output.model).with_name("checkpoints") / "train_head"
    repeatable(seed)
    known = read_catalog(inputs.catalog), read_coordinates_tables(inputs.coordinates)
    train = Features.load(inputs.train, *known)
    validation = Features.load(inputs.validation, *known) if inputs.validation else None
    objective = Objective.of(params.objective, train.coordinates)
    learning, watched = training_members(train, validation, objective, params.selection, seed)
    recipe = {"head": params.head, "training": params.train_head, "seed": seed, "objective": objective}
    backbone = starting_backbone(params.backbone, params.geometry["image_size"], inputs.weights, seed)

    head, history = train_head(learning, watched, **recipe, checkpoints=checkpoints / "select")
    log.info("after %d epochs: %s", len(history), history.iloc[-1].to_dict())
    save_classifier(attach_head(backbone, head), output.model)
    if output.get("refit"):
        head, _ = train_head(train, None, **recipe, checkpoints=checkpoints / "refit", phase="head refit")
        save_classifier(attach_head(backbone, head), output.refit)
    write_csv(output.history, history)
    discard(checkpoints)
