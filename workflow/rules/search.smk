localrules:
    search,


# Folds are numbered consecutively over the repeats.
FOLDS = range(settings["search"]["folds"] * settings["search"]["repeats"])


rule cross_validate:
    input:
        features=features("train"),
        train=images_searched,
        catalog=rules.restructure.output.catalog,
        coordinates=coordinates_learnt("train"),
        weights=weights,
        precision=precision,
    output:
        left_out=f"{STUDY}/search/{{model}}/seed-{{seed}}/fold-{{fold}}.npz",
    log:
        f"{STUDY}/logs/cross_validate/{{model}}-{{seed}}-{{fold}}.log",
    benchmark:
        f"{STUDY}/benchmarks/cross_validate/{{model}}-{{seed}}-{{fold}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    # Jobs that need only features run best on one core each, several in parallel.
    threads: lambda wildcards: 8 if needs_pixels(MODELS[wildcards.model]["recipe"]) else 1
    resources:
        mem_mb=memory_of_fold,
        runtime=480,
    params:
        model=lambda wildcards: {
            key: value for key, value in MODELS[wildcards.model].items() if key not in ("name", "layers")
        },
        geometry=geometry,
        precision=settings["precision"],
        folds=settings["search"]["folds"],
        digest=digest_of_weights,
        code=code("cross_validate"),
    message:
        "{wildcards.model}, seed {wildcards.seed}: training without fold {wildcards.fold}, and evaluating on it"
    script:
        "../scripts/cross_validate.py"


rule search:
    input:
        left_out=expand(rules.cross_validate.output.left_out, model=TRAINED, seed=SEEDS, fold=FOLDS),
        coordinates=[COORDINATES["train"]] if any(REGRESSES.values()) else [],
    output:
        table=report(f"{STUDY}/search.csv", caption="../report/search.rst", category="Search"),
        png=report(f"{STUDY}/search.png", caption="../report/caption.rst", category="Search"),
        svg=f"{STUDY}/search.svg",
        caption=f"{STUDY}/search.caption.txt",
    log:
        f"{STUDY}/logs/search.log",
    benchmark:
        f"{STUDY}/benchmarks/search.tsv"
    conda:
        "../envs/rockspace.yaml"
    params:
        runs=[(model, seed, fold) for model, seed in TRAININGS for fold in FOLDS],
        models={name: MODELS[name]["objective"] for name in TRAINED},
        ensembles=list(ENSEMBLES.values()),
        settings={"folds": settings["search"]["folds"], "resamples": settings["procrustes"]["bootstraps"]},
        code=code("search"),
    message:
        "Comparing recipes by cross-validation"
    script:
        "../scripts/search.py"
