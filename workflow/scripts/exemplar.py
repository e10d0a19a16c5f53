"""From people's choices and a layer, or people's own coordinates, to how well the exemplar model predicts them."""

from pathlib import Path

from rockspace.artifacts import write_csv, write_json
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from rockspace.alignment.spaces import read_dimensions, read_people, read_spaces
    from rockspace.choices.choice_tables import explain
    from rockspace.choices.human_choices import space_of_people, spaces_of_layer
    from rockspace.data.catalog import read_catalog
    from rockspace.people.responses import category_of_label, read_responses
    from rockspace.report.choices import choices_figure

    files, out, params = snakemake.input, snakemake.output, snakemake.params
    names, catalog = read_dimensions(files.train), read_catalog(files.catalog)
    paths = {split: Path(files[f"{split}_responses"]) for split in params.splits}
    responses = {split: read_responses(path, catalog, split) for split, path in paths.items()}
    categories = list(responses[params.splits[0]].columns)
    category_of = category_of_label(catalog, categories, paths[params.splits[0]])
    if params.space:
        train, validation = (read_spaces(files.embeddings, files[split], split) for split in ("train", "validation"))
        spaces = spaces_of_layer(train, validation, names, **params.space)
    else:
        label_of = dict(zip(catalog["image_id"], catalog["label"], strict=True))
        train, validation = (read_people(files[split], label_of) for split in ("train", "validation"))
        spaces = [space_of_people(train, validation, names, **params.solution)]
    figures, table = explain(spaces, train, validation, responses, category_of, **params.resampling)
    write_json(out.figures, {"categories": categories, "spaces": figures})
    write_csv(out.images, table)
    superclass_of = dict(zip(catalog["label"], catalog["superclass"], strict=True))
    superclasses = {category: superclass_of.get(category, "") for category in categories}
    shown = table[table["split"] == params.splits[-1]]
    choices_figure(shown, figures, superclasses, params.title, [out.png, out.svg])
    for space, part in figures.items():
        if part["validation_moved"]:
            log.info(
                "%s: two scaling solutions; validation images moved to the training images' centroid and spread", space
            )
        leading = part[params.splits[-1]]
        log.info("%s: r %.3f, %s", space, leading[leading["leading"]]["r"], leading["leading"])
