"""From people's choices and a space (of a layer, of what a network learnt, or of people) to how well the context model predicts them."""

from rockspace.artifacts import read_arrays, read_json, write_csv, write_json
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from rockspace.alignment.spaces import read_dimensions, read_people, read_spaces
    from rockspace.choices.choice_tables import explain, in_words
    from rockspace.choices.experiment import read_experiment, splits_of
    from rockspace.choices.human_choices import ChoiceSpace, Variant, further_spaces, space_of_people, spaces_of_layer
    from rockspace.data.catalog import SPLITS, read_catalog
    from rockspace.report.choices import choices_figure

    files, out, params = snakemake.input, snakemake.output, snakemake.params
    catalog = read_catalog(files.catalog)
    experiment = read_experiment(files.responses, files.studied, files.reading, catalog, params.split)
    if files.get("embeddings"):
        train, validation = (read_spaces(files.embeddings, files[split], split) for split in SPLITS)
        spaces = spaces_of_layer(train, validation, read_dimensions(files.train), **params.space)
    elif files.get("outputs"):
        arrays = read_arrays(files.outputs)
        names = arrays["dimensions"].tolist()
        spaces = [ChoiceSpace("outputs", names, arrays["image_id"], arrays["coordinates"])]
    else:
        label_of = catalog.set_index("image_id")["label"].to_dict()
        train, validation = (read_people(files[split], label_of) for split in SPLITS)
        moved = not params.one_solution and len(splits_of(experiment, catalog)) > 1
        spaces = [space_of_people(train, validation, read_dimensions(files.train), moved=moved)]
        spaces += further_spaces(files.spaces) if files.spaces else []
    variants = [Variant.of(values) for values in params.variants]
    figures, table = explain(spaces, experiment, variants, **params.resampling)
    notes = read_json(files.reading)["notes"]
    write_json(out.figures, {"spaces": figures})
    write_csv(out.images, table)
    superclass_of = catalog.set_index("label")["superclass"].to_dict()
    choices_figure(table, figures, superclass_of, params.title, notes, [out.png, out.svg, out.caption])
    for line in in_words(figures):
        log.info(line)
