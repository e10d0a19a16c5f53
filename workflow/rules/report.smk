localrules:
    table_page,
    overview,


rule table_page:
    input:
        table=f"{STUDY}/{{table}}.csv",
    output:
        page=report(
            f"{STUDY}/tables/{{table}}.html",
            caption="../report/table.rst",
            category=lambda wildcards: {"summary": "Overview", "comparison": "Comparison"}[wildcards.table],
            labels={"item": "table: {table}"},
        ),
    log:
        f"{STUDY}/logs/table_page/{{table}}.log",
    benchmark:
        f"{STUDY}/benchmarks/table_page/{{table}}.tsv"
    wildcard_constraints:
        table="summary|comparison",
    conda:
        "../envs/rockspace.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        title=lambda wildcards: f"{config['study']}: {wildcards.table}",
    message:
        "Writing the table of the {wildcards.table} as a page"
    script:
        "../scripts/table_page.py"


# What makes the very same run again, as a config file, whatever it was given by.
RESOLVED_CONFIG = f"{STUDY}/config.yaml"
# The layer of each model that the overview shows: the one nearest to the output.
LAST_LAYERS = {model: layers[-1] for model, layers in LAYERS.items()}


rule overview:
    input:
        expand(rules.table_page.output.page, table=["summary", "comparison"]),
        expand(rules.contact_sheet.output.sheet, split=SPLITS),
        expand(rules.augmentation_preview.output.jpg, model=MODELS),
        expand(rules.layer_profile.output.png, model=MODELS),
        expand([rules.curves.output.png, rules.mistakes.output.jpg], model=MODELS, seed=SEEDS),
        rules.learning_curves.output.png,
        rules.comparison.output.png,
        manifest=rules.download.output.manifest,
        catalog=rules.restructure.output.catalog,
        summary=rules.summary.output.csv,
        entries=rules.comparison.output.entries,
        metrics=expand(rules.evaluate.output.metrics, model=MODELS, seed=SEEDS),
        predictions=expand(rules.evaluate.output.predictions, model=MODELS, seed=SEEDS),
        alignments=[
            rules.procrustes.output.figures.format(model=model, seed=seed, layer=LAST_LAYERS[model])
            for model in MODELS
            for seed in SEEDS
        ],
    output:
        page=report(
            f"{STUDY}/overview.html",
            caption="../report/overview.rst",
            category="Overview",
            labels={"item": "overview"},
        ),
        config=RESOLVED_CONFIG,
    log:
        f"{STUDY}/logs/overview.log",
    benchmark:
        f"{STUDY}/benchmarks/overview.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        config=RESOLVED,
        layers=LAST_LAYERS,
        runs=[(model, str(seed)) for model in MODELS for seed in SEEDS],
    message:
        "Putting the answers of the study on one page"
    script:
        "../scripts/overview.py"
