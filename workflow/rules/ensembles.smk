localrules:
    ensemble,
    ensemble_coordinates,
    ensemble_alignment,


TOGETHER = f"{STUDY}/ensembles/{{ensemble}}"


rule ensemble:
    input:
        outputs=of_members(rules.evaluate.output.outputs),
        catalog=rules.restructure.output.catalog,
    output:
        metrics=f"{TOGETHER}/metrics.json",
        predictions=f"{TOGETHER}/predictions.csv",
        outputs=f"{TOGETHER}/outputs.npz",
        confusion=report(
            f"{TOGETHER}/confusion.png",
            caption="../report/confusion.rst",
            category="Training",
            labels={"model": "{ensemble}", "seed": "several", "picture": "confusion matrix"},
        ),
    log:
        f"{STUDY}/logs/ensemble/{{ensemble}}.log",
    benchmark:
        f"{STUDY}/benchmarks/ensemble/{{ensemble}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        members=lambda wildcards: ENSEMBLES[wildcards.ensemble],
        bootstraps=config["procrustes"]["bootstraps"],
        selection=config["finetune"]["selection"],
    message:
        "{wildcards.ensemble}: averaging what its networks say"
    script:
        "../scripts/ensemble.py"


rule ensemble_coordinates:
    input:
        outputs=rules.ensemble.output.outputs,
    output:
        coordinates=f"{TOGETHER}/coordinates.csv",
    log:
        f"{STUDY}/logs/ensemble_coordinates/{{ensemble}}.log",
    benchmark:
        f"{STUDY}/benchmarks/ensemble_coordinates/{{ensemble}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.ensemble}: predicted and observed coordinates of the validation images"
    script:
        "../scripts/predicted_coordinates.py"


rule ensemble_alignment:
    input:
        aligned=aligned_members,
    output:
        alignment=f"{TOGETHER}/alignment.json",
    log:
        f"{STUDY}/logs/ensemble_alignment/{{ensemble}}.log",
    benchmark:
        f"{STUDY}/benchmarks/ensemble_alignment/{{ensemble}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        layers=lambda wildcards: shared_layers(wildcards.ensemble),
        bootstraps=config["procrustes"]["bootstraps"],
    message:
        "{wildcards.ensemble}: averaging the rotated embeddings of its networks"
    script:
        "../scripts/ensemble_alignment.py"
