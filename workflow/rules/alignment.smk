# Splits for which the study gives the coordinates of single people, or of halves of them.
INDIVIDUALS = [split for split in SPLITS if config["dataset"]["splits"][split].get("individual")]


localrules:
    individuals,
    layer_profile,


rule individuals:
    input:
        raw=rules.download.output.raw,
        catalog=rules.restructure.output.catalog,
    output:
        individuals=f"{STUDY}/coordinates/{{split}}.individuals.csv",
    log:
        f"{STUDY}/logs/individuals/{{split}}.log",
    benchmark:
        f"{STUDY}/benchmarks/individuals/{{split}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        dataset=people("individual", "fraction"),
    message:
        "Reading the {wildcards.split} coordinates of single people"
    script:
        "../scripts/individuals.py"


rule procrustes:
    input:
        **{f"{split}_individuals": f"{STUDY}/coordinates/{split}.individuals.csv" for split in INDIVIDUALS},
        embeddings=f"{RUN}/embeddings/{{layer}}.npz",
        catalog=rules.restructure.output.catalog,
        images=rules.restructure.output.images,
        train=f"{STUDY}/coordinates/train.csv",
        validation=f"{STUDY}/coordinates/validation.csv",
    output:
        figures=f"{RUN}/alignment/{{layer}}.json",
        dimensions=f"{RUN}/alignment/{{layer}}.dimensions.csv",
        aligned=f"{RUN}/alignment/{{layer}}.aligned.csv",
        png=report(
            f"{RUN}/alignment/{{layer}}.png",
            caption="../report/alignment.rst",
            category="Alignment",
            labels={
                "model": "{model}",
                "seed": "{seed}",
                "layer": "{layer}",
                "picture": "predicted and observed",
            },
        ),
        svg=f"{RUN}/alignment/{{layer}}.svg",
        map_png=report(
            f"{RUN}/alignment/maps/{{layer}}.png",
            caption="../report/maps.rst",
            category="Alignment",
            labels={"model": "{model}", "seed": "{seed}", "layer": "{layer}", "picture": "both spaces"},
        ),
        map_svg=f"{RUN}/alignment/maps/{{layer}}.svg",
    log:
        f"{STUDY}/logs/procrustes/{{model}}-{{seed}}-{{layer}}.log",
    benchmark:
        f"{STUDY}/benchmarks/procrustes/{{model}}-{{seed}}-{{layer}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        settings=lambda wildcards: config["procrustes"] | {"seed": int(wildcards.seed)},
        individuals=INDIVIDUALS,
        one_solution=is_one_solution(config["dataset"], "individual"),
    message:
        "{wildcards.model}, seed {wildcards.seed}, {wildcards.layer}: comparing its space with people's"
    script:
        "../scripts/procrustes.py"


rule layer_profile:
    input:
        figures=lambda wildcards: expand(
            rules.procrustes.output.figures,
            model=wildcards.model,
            seed=SEEDS,
            layer=LAYERS[wildcards.model],
        ),
    output:
        table=f"{STUDY}/models/{{model}}/layer_profile.csv",
        png=report(
            f"{STUDY}/models/{{model}}/layer_profile.png",
            caption="../report/layer_profile.rst",
            category="Alignment",
            labels={"model": "{model}", "seed": "all", "layer": "all", "picture": "alignment against depth"},
        ),
        svg=f"{STUDY}/models/{{model}}/layer_profile.svg",
    log:
        f"{STUDY}/logs/layer_profile/{{model}}.log",
    benchmark:
        f"{STUDY}/benchmarks/layer_profile/{{model}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        seeds=SEEDS,
        layers=lambda wildcards: LAYERS[wildcards.model],
    message:
        "{wildcards.model}: drawing the alignment of its layers against their depth"
    script:
        "../scripts/layer_profile.py"


rule comparison:
    input:
        aligned=[rules.procrustes.output.aligned.format(model=m, seed=s, layer=l) for m, s, l in RUNS],
    output:
        table=f"{STUDY}/comparison.csv",
        entries=f"{STUDY}/comparison.entries.csv",
        png=report(
            f"{STUDY}/comparison.png",
            caption="../report/comparison.rst",
            category="Comparison",
            labels={"item": "picture: comparison"},
        ),
        svg=f"{STUDY}/comparison.svg",
    log:
        f"{STUDY}/logs/comparison.log",
    benchmark:
        f"{STUDY}/benchmarks/comparison.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        runs=RUNS,
        settings={key: config["procrustes"][key] for key in ("permutations", "bootstraps")},
    message:
        "Comparing models, seeds and layers on the same images"
    script:
        "../scripts/comparison.py"
