"""From files of people's choices to who took what for what, what they had studied, and how well that can be predicted at all."""

from rockspace.artifacts import write_csv, write_json
from rockspace.runlog import NOTE, recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output) as log:
    from pathlib import Path

    from rockspace.choices.ceilings import ceilings
    from rockspace.choices.experiment import read_experiment
    from rockspace.data.catalog import read_catalog
    from rockspace.people.choices import read_choices

    files, out, params = snakemake.input, snakemake.output, snakemake.params
    catalog = read_catalog(files.catalog)
    choices = read_choices([Path(path) for path in files.files], catalog, params.choices, params.filename)
    conditions = {name: vars(condition) for name, condition in choices.conditions.items()}
    write_csv(out.responses, choices.responses)
    write_csv(out.studied, choices.studied)
    write_json(out.reading, {"conditions": conditions, "notes": choices.notes})
    experiment = read_experiment(out.responses, out.studied, out.reading, catalog, params.choices["split"])
    write_json(out.ceilings, ceilings(experiment))
    for line in choices.notes:
        log.log(NOTE, "%s", line)
