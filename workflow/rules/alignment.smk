localrules:
    layer_profile,


rule procrustes:
    input:
        **{f"{split}_individuals": f"{STUDY}/coordinates/{split}.individuals.csv" for split in INDIVIDUALS},
        **COORDINATES,
        embeddings=rules.extract_embeddings.output.embeddings,
    output:
        figures=f"{RUN}/alignment/{{layer}}.json",
        dimensions=f"{RUN}/alignment/{{layer}}.dimensions.csv",
        aligned=f"{RUN}/alignment/{{layer}}.aligned.csv",
    log:
        f"{STUDY}/logs/procrustes/{{model}}-{{seed}}-{{layer}}.log",
    benchmark:
        f"{STUDY}/benchmarks/procrustes/{{model}}-{{seed}}-{{layer}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    params:
        settings=lambda wildcards: settings["procrustes"] | {"seed": int(wildcards.seed)},
        individuals=INDIVIDUALS,
        solution={"one_solution": is_one_solution(settings["dataset"], "individual")},
        code=code("procrustes"),
    message:
        "{wildcards.model}, seed {wildcards.seed}, {wildcards.layer}: comparing its space with the human one"
    script:
        "../scripts/procrustes.py"


rule alignment_pictures:
    input:
        figures=rules.procrustes.output.figures,
        dimensions=rules.procrustes.output.dimensions,
        aligned=rules.procrustes.output.aligned,
        catalog=rules.restructure.output.catalog,
    output:
        png=report(
            f"{RUN}/alignment/{{layer}}.png",
            caption="../report/caption.rst",
            category="Alignment",
            labels={"model": "{model}", "seed": "{seed}", "layer": "{layer}", "picture": "predicted and observed"},
        ),
        svg=f"{RUN}/alignment/{{layer}}.svg",
        caption=f"{RUN}/alignment/{{layer}}.caption.txt",
        map_png=report(
            f"{RUN}/alignment/maps/{{layer}}.png",
            caption="../report/map_caption.rst",
            category="Alignment",
            labels={"model": "{model}", "seed": "{seed}", "layer": "{layer}", "picture": "both spaces"},
        ),
        map_svg=f"{RUN}/alignment/maps/{{layer}}.svg",
        map_caption=f"{RUN}/alignment/maps/{{layer}}.caption.txt",
    log:
        f"{STUDY}/logs/alignment_pictures/{{model}}-{{seed}}-{{layer}}.log",
    benchmark:
        f"{STUDY}/benchmarks/alignment_pictures/{{model}}-{{seed}}-{{layer}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    params:
        model=lambda wildcards: ORIGINS[wildcards.model],
        drawn=DRAWN,
        code=code("alignment_pictures"),
    message:
        "{wildcards.model}, seed {wildcards.seed}, {wildcards.layer}: drawing its space and the human one"
    script:
        "../scripts/alignment_pictures.py"


rule layer_profile:
    input:
        figures=lambda wildcards: expand(
            rules.procrustes.output.figures,
            model=wildcards.model,
            seed=SEEDS_OF[wildcards.model],
            layer=LAYERS[wildcards.model],
        ),
        catalog=rules.restructure.output.catalog,
    output:
        table=f"{STUDY}/models/{{model}}/layer_profile.csv",
        png=report(
            f"{STUDY}/models/{{model}}/layer_profile.png",
            caption="../report/caption.rst",
            category="Alignment",
            labels={"model": "{model}", "seed": "all", "layer": "all", "picture": "alignment against depth"},
        ),
        svg=f"{STUDY}/models/{{model}}/layer_profile.svg",
        caption=f"{STUDY}/models/{{model}}/layer_profile.caption.txt",
    log:
        f"{STUDY}/logs/layer_profile/{{model}}.log",
    benchmark:
        f"{STUDY}/benchmarks/layer_profile/{{model}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    params:
        model=lambda wildcards: ORIGINS[wildcards.model],
        seeds=lambda wildcards: SEEDS_OF[wildcards.model],
        layers=lambda wildcards: LAYERS[wildcards.model],
        drawn=DRAWN,
        code=code("layer_profile"),
    message:
        "{wildcards.model}: drawing the alignment of its layers against their depth"
    script:
        "../scripts/layer_profile.py"


rule comparison:
    input:
        aligned=of_runs(rules.procrustes.output.aligned),
        figures=of_runs(rules.procrustes.output.figures),
        published=list(PUBLISHED.values()),
    output:
        table=f"{STUDY}/comparison.csv",
        entries=f"{STUDY}/comparison.entries.csv",
        dimensions=f"{STUDY}/comparison.dimensions.csv",
        png=report(
            f"{STUDY}/comparison.png",
            caption="../report/caption.rst",
            category="Comparison",
            labels={"item": "picture: comparison"},
        ),
        svg=f"{STUDY}/comparison.svg",
        caption=f"{STUDY}/comparison.caption.txt",
        page=report(
            f"{STUDY}/tables/comparison.html",
            caption="../report/comparison.rst",
            category="Comparison",
            labels={"item": "table: comparison"},
        ),
    log:
        f"{STUDY}/logs/comparison.log",
    benchmark:
        f"{STUDY}/benchmarks/comparison.tsv"
    conda:
        "../envs/rockspace.yaml"
    params:
        runs=RUNS,
        baselines={
            "of_models": {model: list(names.values()) for model, names in BASELINES.items()},
            "last_layers": LAST_LAYERS,
        },
        study=settings["study"],
        settings={key: settings["procrustes"][key] for key in ("permutations", "bootstraps")},
        drawn=DRAWN,
        published=list(PUBLISHED),
        digest=digest("published-predictions", lambda wildcards: PUBLISHED),
        code=code("comparison"),
    message:
        "Comparing models, seeds and layers on the same images"
    script:
        "../scripts/comparison.py"


ENSEMBLE_DIR = f"{STUDY}/ensembles/{{ensemble}}"


rule ensemble:
    input:
        unpack(aligned_members),
        outputs=of_members(rules.evaluate.output.outputs),
    output:
        metrics=f"{ENSEMBLE_DIR}/metrics.json",
        predictions=f"{ENSEMBLE_DIR}/predictions.csv",
        outputs=f"{ENSEMBLE_DIR}/outputs.npz",
        alignment=f"{ENSEMBLE_DIR}/alignment.json",
    log:
        f"{STUDY}/logs/ensemble/{{ensemble}}.log",
    benchmark:
        f"{STUDY}/benchmarks/ensemble/{{ensemble}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    params:
        settings=lambda wildcards: {
            "members": ENSEMBLES[wildcards.ensemble],
            "layers": shared_layers(wildcards.ensemble),
            "bootstraps": settings["procrustes"]["bootstraps"],
            "selection": settings["finetune"]["selection"],
        },
        code=code("ensemble"),
    message:
        "{wildcards.ensemble}: averaging outputs and aligned embeddings"
    script:
        "../scripts/ensemble.py"


rule ensemble_confusion:
    input:
        predictions=rules.ensemble.output.predictions,
        catalog=rules.restructure.output.catalog,
    output:
        png=report(
            f"{ENSEMBLE_DIR}/confusion.png",
            caption="../report/confusion_caption.rst",
            category="Training",
            labels={"model": "{ensemble}", "seed": "several", "picture": "confusion matrix"},
        ),
        svg=f"{ENSEMBLE_DIR}/confusion.svg",
        caption=f"{ENSEMBLE_DIR}/confusion.caption.txt",
    log:
        f"{STUDY}/logs/ensemble_confusion/{{ensemble}}.log",
    benchmark:
        f"{STUDY}/benchmarks/ensemble_confusion/{{ensemble}}.tsv"
    wildcard_constraints:
        ensemble=any_of(CLASSIFYING_ENSEMBLES),
    conda:
        "../envs/rockspace.yaml"
    params:
        code=code("ensemble_confusion"),
    message:
        "{wildcards.ensemble}: drawing its confusions"
    script:
        "../scripts/ensemble_confusion.py"
