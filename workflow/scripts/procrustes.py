"""From a layer's embeddings and people's coordinates to the figures of their alignment."""

from rockspace.artifacts import write_csv, write_json
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from rockspace.alignment.layer_report import layer_report
    from rockspace.alignment.rotation_report import Settings
    from rockspace.alignment.spaces import read_dimensions, read_individuals, read_spaces

    files, out = snakemake.input, snakemake.output
    names = read_dimensions(files.train)
    train = read_spaces(files.embeddings, files.train, "train")
    validation = read_spaces(files.embeddings, files.validation, "validation")
    people = {split: files[f"{split}_individuals"] for split in snakemake.params.individuals}
    individuals = read_individuals(files.embeddings, people)
    settings = Settings(**snakemake.params.settings)
    report = layer_report(train, validation, names, settings, individuals, **snakemake.params.solution)
    write_json(out.figures, report.figures)
    write_csv(out.dimensions, report.dimensions)
    write_csv(out.aligned, report.aligned)
    log.info(report.in_words())
