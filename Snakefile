# Entry point of `snakemake` in this folder; snakedeploy, the workflow catalog and modules expect workflow/Snakefile.
include: "workflow/Snakefile"


# Snakemake ignores the default target of an included file.
rule default:
    default_target: True
    input:
        rules.all.input,
    message:
        "The study is complete"
