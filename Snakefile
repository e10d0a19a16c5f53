from snakemake.utils import min_version

min_version("9.0")


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/locks.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/analysis.smk"
include: "workflow/rules/alignment.smk"
include: "workflow/rules/ensembles.smk"
include: "workflow/rules/search.smk"
include: "workflow/rules/explorer.smk"
include: "workflow/rules/gallery.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/human_choices.smk"
include: "workflow/rules/targets.smk"
include: "workflow/rules/endings.smk"


rule all:
    default_target: True
    input:
        *[file for files in STAGES.values() for file in files],
