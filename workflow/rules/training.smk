rule precision:
    output:
        precision=f"{STUDY}/precision/{{backbone}}.json",
    log:
        f"{STUDY}/logs/precision/{{backbone}}.log",
    benchmark:
        f"{STUDY}/benchmarks/precision/{{backbone}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    resources:
        mem_mb=1500,
    params:
        code=code("precision"),
    message:
        "Measuring in which precision {wildcards.backbone} is fastest"
    script:
        "../scripts/precision.py"


rule features:
    input:
        shard=f"{STUDY}/tfrecords/{{split}}-{{shard}}-of-{{shards}}.tfrecord",
        weights=weights,
        precision=precision,
    output:
        features=f"{MODEL}/features/{{draw}}{{split}}-{{shard}}-of-{{shards}}.npz",
    log:
        f"{STUDY}/logs/features/{{model}}/{{draw}}{{split}}-{{shard}}-of-{{shards}}.log",
    benchmark:
        f"{STUDY}/benchmarks/features/{{model}}/{{draw}}{{split}}-{{shard}}-of-{{shards}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 8
    resources:
        mem_mb=memory(of_images=500),
    params:
        backbone=backbone,
        geometry=geometry,
        augmentation=recipe("augmentation"),
        views=lambda wildcards: recipe("train_head", "views")(wildcards) if wildcards.split == "train" else {"views": 0},
        precision=settings["precision"],
        digest=digest_of_weights,
        code=code("features"),
    message:
        "{wildcards.model}: features of the {wildcards.split} images, shard {wildcards.shard} of {wildcards.shards}"
    script:
        "../scripts/features.py"


rule train_head:
    input:
        train=features("train"),
        validation=features("validation") if WATCHES_VALIDATION else [],
        catalog=rules.restructure.output.catalog,
        coordinates=coordinates_learnt(*(SPLITS if WATCHES_VALIDATION else ["train"])),
        weights=weights,
    output:
        **({"refit": f"{RUN}/head.refit.keras"} if REFITS else {}),
        model=f"{RUN}/head.keras",
        history=f"{RUN}/head.history.csv",
    log:
        f"{STUDY}/logs/train_head/{{model}}-{{seed}}.log",
    benchmark:
        f"{STUDY}/benchmarks/train_head/{{model}}-{{seed}}.tsv"
    wildcard_constraints:
        model=any_of(TRAINED),
    conda:
        "../envs/rockspace.yaml"
    threads: 8
    resources:
        mem_mb=2500,
    params:
        backbone=backbone,
        geometry=geometry,
        objective=objective,
        head=recipe("head"),
        train_head=recipe("train_head"),
        selection=recipe("finetune", "selection", "holdout_fraction"),
        digest=digest_of_weights,
        code=code("train_head"),
    message:
        "{wildcards.model}, seed {wildcards.seed}: training the head on the frozen base"
    script:
        "../scripts/train_head.py"


rule finetune:
    input:
        model=rules.train_head.output.model,
        refit=rules.train_head.output.refit if REFITS else [],
        train=tfrecords("train"),
        validation=tfrecords("validation") if WATCHES_VALIDATION else [],
        catalog=rules.restructure.output.catalog,
        coordinates=coordinates_learnt(*(SPLITS if WATCHES_VALIDATION else ["train"])),
        precision=precision,
    output:
        model=f"{RUN}/finetuned.keras",
        history=f"{RUN}/finetune.history.csv",
    log:
        f"{STUDY}/logs/finetune/{{model}}-{{seed}}.log",
    benchmark:
        f"{STUDY}/benchmarks/finetune/{{model}}-{{seed}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 8
    resources:
        mem_mb=memory_of_training,
        runtime=480,
    params:
        geometry=geometry,
        objective=objective,
        augmentation=recipe("augmentation"),
        finetune=recipe("finetune"),
        precision=settings["precision"],
        code=code("finetune"),
    message:
        "{wildcards.model}, seed {wildcards.seed}: fine-tuning the whole network"
    script:
        "../scripts/finetune.py"
