localrules:
    summary,


rule evaluate:
    input:
        model=rules.finetune.output.model,
        train=tfrecords("train"),
        validation=tfrecords("validation"),
        catalog=rules.restructure.output.catalog,
    output:
        metrics=f"{RUN}/metrics.json",
        predictions=f"{RUN}/predictions.csv",
        confusion=report(
            f"{RUN}/confusion.png",
            caption="../report/confusion.rst",
            category="Training",
            labels={"model": "{model}", "seed": "{seed}", "picture": "confusion matrix"},
        ),
    log:
        f"{STUDY}/logs/evaluate/{{model}}-{{seed}}.log",
    benchmark:
        f"{STUDY}/benchmarks/evaluate/{{model}}-{{seed}}.tsv"
    params:
        geometry=rules.tfrecords.params.geometry,
        backbone=lambda wildcards: MODELS[wildcards.model]["backbone"],
        selection=config["finetune"]["selection"],
        precision=config["precision"],
    threads: 8
    resources:
        mem_mb=6000,
    message:
        "{wildcards.model}, seed {wildcards.seed}: counting how often it is right"
    script:
        "../scripts/evaluate.py"


rule extract_embeddings:
    input:
        model=rules.finetune.output.model,
        train=tfrecords("train"),
        validation=tfrecords("validation"),
        catalog=rules.restructure.output.catalog,
    output:
        expand(f"{RUN}/embeddings/{{layer}}.npz", layer=embedded_layers(None), allow_missing=True),
    log:
        f"{STUDY}/logs/extract_embeddings/{{model}}-{{seed}}.log",
    benchmark:
        f"{STUDY}/benchmarks/extract_embeddings/{{model}}-{{seed}}.tsv"
    params:
        geometry=rules.tfrecords.params.geometry,
        backbone=lambda wildcards: MODELS[wildcards.model]["backbone"],
        layers=embedded_layers(None),
        pooling=config["embeddings"]["pooling"],
        precision=config["precision"],
    threads: 8
    resources:
        mem_mb=6000,
    message:
        "{wildcards.model}, seed {wildcards.seed}: taking out the embeddings"
    script:
        "../scripts/extract_embeddings.py"


rule summary:
    input:
        metrics=expand(f"{RUN}/metrics.json", model=MODELS, seed=SEEDS),
        alignments=expand(f"{RUN}/alignment/{{layer}}.json", model=MODELS, seed=SEEDS, layer=embedded_layers(None)),
    output:
        csv=report(f"{STUDY}/summary.csv", caption="../report/summary.rst", category="Summary"),
        markdown=f"{STUDY}/summary.md",
    log:
        f"{STUDY}/logs/summary.log",
    benchmark:
        f"{STUDY}/benchmarks/summary.tsv"
    params:
        study=config["study"],
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "Collecting the figures of all models, seeds and layers"
    script:
        "../scripts/summary.py"
