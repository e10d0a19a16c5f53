localrules:
    summary,


ACTIVATIONS = f"{RUN}/infer/{{split}}-{{shard}}-of-{{shards}}.npz"


rule infer:
    input:
        model=trained_network,
        weights=without_training(weights),
        shard=f"{STUDY}/tfrecords/{{split}}-{{shard}}-of-{{shards}}.tfrecord",
        precision=precision,
    output:
        activations=temp(ACTIVATIONS),
    log:
        f"{STUDY}/logs/infer/{{model}}-{{seed}}-{{split}}-{{shard}}-of-{{shards}}.log",
    benchmark:
        f"{STUDY}/benchmarks/infer/{{model}}-{{seed}}-{{split}}-{{shard}}-of-{{shards}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 8
    resources:
        mem_mb=memory(of_images=500),
    params:
        geometry=geometry,
        evaluate=recipe("evaluate"),
        augmentation=augmentation_of_tests,
        embeddings=lambda wildcards: {
            "layers": LAYERS[wildcards.model],
            "pooling": settings["embeddings"]["pooling"],
        },
        precision=settings["precision"],
        backbone=without_training(backbone),
        digest=without_training(digest_of_weights),
        code=code("infer"),
    message:
        "{wildcards.model}, seed {wildcards.seed}: outputs and layers of the {wildcards.split} images, shard {wildcards.shard} of {wildcards.shards}"
    script:
        "../scripts/infer.py"


rule evaluate:
    input:
        train=shards("train", ACTIVATIONS),
        validation=shards("validation", ACTIVATIONS),
        catalog=rules.restructure.output.catalog,
        history=rules.finetune.output.history,
        coordinates=coordinates_learnt(*SPLITS),
    output:
        metrics=f"{RUN}/metrics.json",
        predictions=f"{RUN}/predictions.csv",
        outputs=f"{RUN}/outputs.npz",
    log:
        f"{STUDY}/logs/evaluate/{{model}}-{{seed}}.log",
    benchmark:
        f"{STUDY}/benchmarks/evaluate/{{model}}-{{seed}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    params:
        settings=lambda wildcards: {
            "bootstraps": settings["procrustes"]["bootstraps"] if REGRESSES[wildcards.model] else 0,
            "selection": settings["finetune"]["selection"],
        },
        code=code("evaluate"),
    message:
        "{wildcards.model}, seed {wildcards.seed}: scoring its outputs"
    script:
        "../scripts/evaluate.py"


rule extract_embeddings:
    input:
        train=shards("train", ACTIVATIONS),
        validation=shards("validation", ACTIVATIONS),
        catalog=rules.restructure.output.catalog,
    output:
        embeddings=f"{RUN}/embeddings/{{layer}}.npz",
        csv=f"{RUN}/embeddings/{{layer}}.csv",
    log:
        f"{STUDY}/logs/extract_embeddings/{{model}}-{{seed}}-{{layer}}.log",
    benchmark:
        f"{STUDY}/benchmarks/extract_embeddings/{{model}}-{{seed}}-{{layer}}.tsv"
    wildcard_constraints:
        model=any_of(name for name in MODELS if name not in READY_MODELS),
    conda:
        "../envs/rockspace.yaml"
    params:
        code=code("extract_embeddings"),
    message:
        "{wildcards.model}, seed {wildcards.seed}: the embedding in layer {wildcards.layer}"
    script:
        "../scripts/extract_embeddings.py"


rule ready_embeddings:
    input:
        unpack(lambda wildcards: files_of(MODELS[wildcards.model])),
        catalog=rules.restructure.output.catalog,
    output:
        embeddings=f"{RUN}/embeddings/{{layer}}.npz",
        csv=f"{RUN}/embeddings/{{layer}}.csv",
    log:
        f"{STUDY}/logs/ready_embeddings/{{model}}-{{seed}}-{{layer}}.log",
    benchmark:
        f"{STUDY}/benchmarks/ready_embeddings/{{model}}-{{seed}}-{{layer}}.tsv"
    wildcard_constraints:
        model=any_of(READY_MODELS),
    # Errors in the file should be reported before a network is trained.
    priority: 1
    conda:
        "../envs/rockspace.yaml"
    params:
        array=lambda wildcards: MODELS[wildcards.model]["output_layer"],
        digest=digest_of_weights,
        code=code("ready_embeddings"),
    message:
        "{wildcards.model}: matching its ready embeddings to images"
    script:
        "../scripts/ready_embeddings.py"


rule summary:
    input:
        metrics=of_trainings(rules.evaluate.output.metrics),
        alignments=of_runs(f"{RUN}/alignment/{{layer}}.json"),
        ensembles=expand(f"{STUDY}/ensembles/{{ensemble}}/metrics.json", ensemble=ENSEMBLES),
        ensemble_alignments=expand(f"{STUDY}/ensembles/{{ensemble}}/alignment.json", ensemble=ENSEMBLES),
    output:
        csv=f"{STUDY}/summary.csv",
        markdown=f"{STUDY}/summary.md",
        page=report(
            f"{STUDY}/tables/summary.html",
            caption="../report/summary.rst",
            category="Overview",
            labels={"item": "table: summary"},
        ),
    log:
        f"{STUDY}/logs/summary.log",
    benchmark:
        f"{STUDY}/benchmarks/summary.tsv"
    conda:
        "../envs/rockspace.yaml"
    params:
        settings={"study": settings["study"], "trainings": TRAININGS, "runs": RUNS, "ensembles": list(ENSEMBLES)},
        code=code("summary"),
    message:
        "Collecting the figures of all models, seeds and layers"
    script:
        "../scripts/summary.py"
