"""Train one recipe without one fold of the training images, and predict that fold."""

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output, tensorflow=True) as log:
    from rockspace.data.catalog import read_catalog
    from rockspace.data.tfrecords import Geometry
    from rockspace.networks.loading import precision_of, starting_backbone
    from rockspace.people.coordinates import read_coordinates_tables
    from rockspace.search.cross_validation import predict_fold
    from rockspace.search.search import left_out_of
    from rockspace.training.features import Features
    from rockspace.training.pipeline import ImageSet

    params, inputs, wildcards = snakemake.params, snakemake.input, snakemake.wildcards
    model, geometry, seed = params.model, Geometry.from_config(params.geometry), int(wildcards.seed)
    known = read_catalog(inputs.catalog), read_coordinates_tables(inputs.coordinates)
    features = Features.load(inputs.features, *known)
    images = ImageSet.open(inputs.train, geometry, *known) if inputs.train else None
    fold = predict_fold(
        model,
        features,
        images,
        left_out_of(features.label, params.folds, int(wildcards.fold)),
        backbone=lambda: starting_backbone(model, geometry.image_size, inputs.weights, seed),
        precisions={phase: precision_of(phase, params.precision, inputs.precision) for phase in ("train", "embed")},
        seed=seed,
    )
    fold.save(snakemake.output.left_out)
    log.info("%d images left out, %.0f s", len(fold.label), fold.seconds)
