"""The main results of the study on one page."""

from pathlib import Path

from rockspace.artifacts import write_text
from rockspace.runlog import recorded

with recorded(snakemake.log[0], snakemake.threads, snakemake.input, snakemake.output):
    from rockspace.report.answer import answer
    from rockspace.report.dimensions import dimensions_figure
    from rockspace.report.overview import Study, write_overview
    from rockspace.report.provenance import provenance, read_configuration
    from rockspace.report.results import results

    files, params, out = snakemake.input, snakemake.params, snakemake.output
    config = read_configuration(files.config)
    runs = {"trainings": params.trainings, "networks": params.networks}
    study = Study.read(config, params.layers, params.baselines, runs, files)
    closest = study.profile(study.best["model"])
    title = f"{config['study']}: {study.title(closest.model)}"
    dimensions_figure(closest, title, [out.dimensions_png, out.dimensions_svg, out.caption], study.is_drawn)
    write_text(out.answer, answer(study) + "\n")
    paper = results(study)
    write_text(out.results, paper.markdown())
    write_text(out.results_tex, paper.latex())
    paper.write_page(Path(out.results_page), config["study"])
    origin = provenance(config, files.config, study.manifests, Path(files.reading), *map(Path, files.choices_reading))
    write_overview(Path(out.page), study, origin)
