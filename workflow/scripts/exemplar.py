"""From people's choices and a layer, or people's own coordinates, to how well the exemplar model predicts them."""

from pathlib import Path

from rockspace.artifacts import write_csv, write_json
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from rockspace.alignment.spaces import read_dimensions, read_people, read_spaces
    from rockspace.choices.choice_tables import explain, in_words
    from rockspace.choices.human_choices import space_of_people, spaces_of_layer
    from rockspace.data.catalog import read_catalog
    from rockspace.people.responses import read_all_responses
    from rockspace.report.choices import choices_figure

    files, out, params = snakemake.input, snakemake.output, snakemake.params
    names, catalog = read_dimensions(files.train), read_catalog(files.catalog)
    paths = {split: Path(files[f"{split}_responses"]) for split in params.splits}
    responses, category_of = read_all_responses(paths, catalog)
    if params.space:
        train, validation = (read_spaces(files.embeddings, files[split], split) for split in ("train", "validation"))
        spaces = spaces_of_layer(train, validation, names, **params.space)
    else:
        label_of = catalog.set_index("image_id")["label"].to_dict()
        train, validation = (read_people(files[split], label_of) for split in ("train", "validation"))
        spaces = [space_of_people(train, validation, names, **params.solution)]
    figures, table = explain(spaces, train, validation, responses, category_of, **params.resampling)
    superclass_of = catalog.set_index("label")["superclass"].to_dict()
    superclasses = {category: superclass_of.get(category, "") for category in responses[params.splits[0]]}
    write_json(out.figures, {"categories": list(superclasses), "spaces": figures})
    write_csv(out.images, table)
    shown = table[table["split"] == params.splits[-1]]
    choices_figure(shown, figures, superclasses, params.title, [out.png, out.svg, out.caption])
    for line in in_words(figures, params.splits[-1]):
        log.info(line)
