# `snakemake` at the top finds the workflow, which lies where snakedeploy, the workflow catalog and modules look for it.
include: "workflow/Snakefile"
