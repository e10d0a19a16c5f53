# Splits for which the study gives the coordinates of single people, or of halves of them.
INDIVIDUALS = [split for split in SPLITS if config["dataset"]["splits"][split].get("individual")]


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
    threads: 2
    resources:
        mem_mb=2000,
    params:
        settings=lambda wildcards: config["procrustes"] | {"seed": int(wildcards.seed)},
        individuals=INDIVIDUALS,
    message:
        "{wildcards.model}, seed {wildcards.seed}, {wildcards.layer}: comparing its space with people's"
    script:
        "../scripts/procrustes.py"
