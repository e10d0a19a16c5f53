"""Train one recipe without one fold of the training images, and predict that fold."""

from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output, tensorflow=True) as log:
    from rockspace.data.catalog import read_catalog
    from rockspace.data.tfrecords import Geometry
    from rockspace.networks.loading import precision_setting, starting_backbone
    from rockspace.people.coordinates import read_coordinates_tables
    from rockspace.search.cross_validation import Candidate, predict_fold
    from rockspace.search.search import left_out_of
    from rockspace.training.features import Features
    from rockspace.training.pipeline import ImageSet

    params, inputs, wildcards = snakemake.params, snakemake.input, snakemake.wildcards
    model, geometry = params.model, Geometry.from_config(params.geometry)
    known = read_catalog(inputs.catalog), read_coordinates_tables(inputs.coordinates)
    features = Features.load(inputs.features, *known)
    images = ImageSet.open(inputs.train, geometry, *known) if inputs.train else None
    candidate = Candidate(
        model,
        precision_setting(params.precision, inputs.precision),
        int(wildcards.seed),
        backbone=lambda: starting_backbone(model, geometry.image_size, inputs.weights, int(wildcards.seed)),
    )
    left_out = left_out_of(features.label, params.folds, int(wildcards.fold))
    left_out_fold = predict_fold(candidate, features, images, left_out)
    left_out_fold.save(snakemake.output.left_out)
    log.info("%d images left out, %.0f s", left_out.sum(), left_out_fold.seconds)
