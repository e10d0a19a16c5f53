# `snakemake` at the top finds the workflow, which lies where snakedeploy, the workflow catalog and modules look for it.
include: "workflow/Snakefile"


# The default target of a file that is included does not count.
rule default:
    default_target: True
    input:
        rules.all.input,
    message:
        "The study is complete"
