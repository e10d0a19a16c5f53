localrules:
    predicted_coordinates,
    summary,


rule evaluate:
    input:
        model=rules.finetune.output.model,
        history=rules.finetune.output.history,
        train=tfrecords("train"),
        validation=tfrecords("validation"),
        catalog=rules.restructure.output.catalog,
        coordinates=coordinates_learnt(*SPLITS),
    output:
        metrics=f"{RUN}/metrics.json",
        predictions=f"{RUN}/predictions.csv",
        outputs=f"{RUN}/outputs.npz",
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
    conda:
        "../envs/rockspace.yaml"
    threads: 8
    resources:
        mem_mb=memory(of_images=500),
    params:
        geometry=geometry,
        backbone=lambda wildcards: MODELS[wildcards.model]["backbone"],
        views=lambda wildcards: recipe("evaluate")(wildcards)["views"],
        augmentation=augmentation_of_tests,
        bootstraps=lambda wildcards: REGRESSES[wildcards.model] and config["procrustes"]["bootstraps"],
        selection=config["finetune"]["selection"],
        precision=config["precision"],
    message:
        "{wildcards.model}, seed {wildcards.seed}: counting how often it is right"
    script:
        "../scripts/evaluate.py"


rule predicted_coordinates:
    input:
        outputs=rules.evaluate.output.outputs,
    output:
        coordinates=f"{RUN}/coordinates.csv",
    log:
        f"{STUDY}/logs/predicted_coordinates/{{model}}-{{seed}}.log",
    benchmark:
        f"{STUDY}/benchmarks/predicted_coordinates/{{model}}-{{seed}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.model}, seed {wildcards.seed}: predicted and observed coordinates of the validation images"
    script:
        "../scripts/predicted_coordinates.py"


rule activations:
    input:
        model=rules.finetune.output.model,
        shard=f"{STUDY}/tfrecords/{{split}}-{{shard}}-of-{{shards}}.tfrecord",
    output:
        layers=f"{RUN}/activations/{{split}}-{{shard}}-of-{{shards}}.npz",
    log:
        f"{STUDY}/logs/activations/{{model}}-{{seed}}-{{split}}-{{shard}}-of-{{shards}}.log",
    benchmark:
        f"{STUDY}/benchmarks/activations/{{model}}-{{seed}}-{{split}}-{{shard}}-of-{{shards}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 8
    resources:
        mem_mb=memory(of_images=500),
    params:
        geometry=geometry,
        backbone=lambda wildcards: MODELS[wildcards.model]["backbone"],
        views=lambda wildcards: recipe("evaluate")(wildcards)["views"],
        augmentation=augmentation_of_tests,
        layers=lambda wildcards: LAYERS[wildcards.model],
        pooling=config["embeddings"]["pooling"],
        precision=config["precision"],
    message:
        "{wildcards.model}, seed {wildcards.seed}: layers of the {wildcards.split} images, shard {wildcards.shard} of {wildcards.shards}"
    script:
        "../scripts/activations.py"


rule extract_embeddings:
    input:
        train=shards("train", rules.activations.output.layers),
        validation=shards("validation", rules.activations.output.layers),
        catalog=rules.restructure.output.catalog,
    output:
        embeddings=f"{RUN}/embeddings/{{layer}}.npz",
        csv=f"{RUN}/embeddings/{{layer}}.csv",
    log:
        f"{STUDY}/logs/extract_embeddings/{{model}}-{{seed}}-{{layer}}.log",
    benchmark:
        f"{STUDY}/benchmarks/extract_embeddings/{{model}}-{{seed}}-{{layer}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "{wildcards.model}, seed {wildcards.seed}: the embedding in layer {wildcards.layer}"
    script:
        "../scripts/extract_embeddings.py"


rule summary:
    input:
        metrics=expand(f"{RUN}/metrics.json", model=MODELS, seed=SEEDS),
        alignments=[f"{RUN}/alignment/{{layer}}.json".format(model=m, seed=s, layer=l) for m, s, l in RUNS],
        ensembles=expand(f"{STUDY}/ensembles/{{ensemble}}/metrics.json", ensemble=ENSEMBLES),
        ensemble_alignments=expand(f"{STUDY}/ensembles/{{ensemble}}/alignment.json", ensemble=ENSEMBLES),
    output:
        csv=f"{STUDY}/summary.csv",
        markdown=f"{STUDY}/summary.md",
    log:
        f"{STUDY}/logs/summary.log",
    benchmark:
        f"{STUDY}/benchmarks/summary.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        study=config["study"],
        runs=RUNS,
        ensembles=list(ENSEMBLES),
    message:
        "Collecting the figures of all models, seeds and layers"
    script:
        "../scripts/summary.py"
