"""From a layer's embeddings and people's coordinates to the figures and pictures of their alignment."""

from pathlib import Path

from rockspace.artifacts import write_csv, write_json
from rockspace.checksums import verified
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from rockspace.alignment.layer_report import layer_report
    from rockspace.alignment.rotation_report import Settings
    from rockspace.alignment.spaces import read_dimensions, read_individuals, read_spaces
    from rockspace.data.catalog import read_catalog
    from rockspace.report.alignment import displacement_maps, predicted_against_observed

    files, out, wildcards = snakemake.input, snakemake.output, snakemake.wildcards
    names = read_dimensions(files.train)
    train = read_spaces(files.embeddings, files.train, "train")
    validation = read_spaces(files.embeddings, files.validation, "validation")
    people = {split: files[f"{split}_individuals"] for split in snakemake.params.individuals}
    individuals = read_individuals(files.embeddings, people)
    settings, one_solution = Settings(**snakemake.params.settings), snakemake.params.one_solution
    report = layer_report(train, validation, names, settings, individuals, one_solution=one_solution)
    write_json(out.figures, report.figures)
    for table, path in ((report.dimensions, out.dimensions), (report.aligned, out.aligned)):
        write_csv(path, table)
    paths = read_catalog(Path(files.catalog)).set_index("image_id")["path"]
    photographs = [verified(Path(files.catalog).parent / paths[image]) for image in report.aligned["image_id"]]
    leading = report.dimensions[report.dimensions["reduction"] == report.figures["reduction"]]
    title = f"{wildcards.model}, {wildcards.layer}, seed {wildcards.seed}"
    predicted_against_observed(report.aligned, leading, photographs, title, [Path(out.png), Path(out.svg)])
    displacement_maps(report.aligned, names, photographs, title, [Path(out.map_png), Path(out.map_svg)])
    log.info(report.in_words())
