localrules:
    curves,


rule features:
    input:
        shard=f"{STUDY}/tfrecords/{{split}}-{{shard}}-of-{{shards}}.tfrecord",
        weights=weights,
    output:
        features=f"{MODEL}/features/{{split}}-{{shard}}-of-{{shards}}.npz",
    log:
        f"{STUDY}/logs/features/{{model}}/{{split}}-{{shard}}-of-{{shards}}.log",
    benchmark:
        f"{STUDY}/benchmarks/features/{{model}}/{{split}}-{{shard}}-of-{{shards}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 8
    resources:
        mem_mb=memory(of_images=500),
    params:
        backbone=backbone,
        geometry=geometry,
        augmentation=recipe("augmentation"),
        views=lambda wildcards: recipe("train_head")(wildcards)["views"] if wildcards.split == "train" else 0,
        precision=config["precision"],
    message:
        "{wildcards.model}: features of the {wildcards.split} images, shard {wildcards.shard} of {wildcards.shards}"
    script:
        "../scripts/features.py"


use rule features as features_of_random_weights with:
    output:
        features=f"{RUN}/features/{{split}}-{{shard}}-of-{{shards}}.npz",
    log:
        f"{STUDY}/logs/features/{{model}}-{{seed}}/{{split}}-{{shard}}-of-{{shards}}.log",
    benchmark:
        f"{STUDY}/benchmarks/features/{{model}}-{{seed}}/{{split}}-{{shard}}-of-{{shards}}.tsv"
    message:
        "{wildcards.model}, seed {wildcards.seed}: features of the {wildcards.split} images, shard {wildcards.shard} of {wildcards.shards}"


rule train_head:
    input:
        train=features("train"),
        validation=features("validation") if WATCHES_VALIDATION else [],
        catalog=rules.restructure.output.catalog,
        coordinates=coordinates_learnt(*LEARNT_FROM),
        weights=weights,
    output:
        **({"refit": f"{RUN}/head.refit.keras"} if REFITS else {}),
        model=f"{RUN}/head.keras",
        history=f"{RUN}/head.history.csv",
    log:
        f"{STUDY}/logs/train_head/{{model}}-{{seed}}.log",
    benchmark:
        f"{STUDY}/benchmarks/train_head/{{model}}-{{seed}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 8
    resources:
        mem_mb=2500,
    params:
        backbone=backbone,
        image_size=lambda wildcards: geometry(wildcards)["image_size"],
        objective=objective,
        head=recipe("head"),
        train_head=recipe("train_head"),
        selection=recipe("finetune", "selection", "holdout_fraction"),
        checkpoints=f"{STUDY}/checkpoints/train_head/{{model}}-{{seed}}",
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
        coordinates=coordinates_learnt(*LEARNT_FROM),
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
        backbone=lambda wildcards: MODELS[wildcards.model]["backbone"],
        geometry=geometry,
        objective=objective,
        augmentation=recipe("augmentation"),
        finetune=recipe("finetune"),
        precision=config["precision"],
        checkpoints=f"{STUDY}/checkpoints/finetune/{{model}}-{{seed}}",
    message:
        "{wildcards.model}, seed {wildcards.seed}: fine-tuning the whole network"
    script:
        "../scripts/finetune.py"


rule curves:
    input:
        head=rules.train_head.output.history,
        finetune=rules.finetune.output.history,
    output:
        png=report(
            f"{RUN}/curves.png",
            caption="../report/curves.rst",
            category="Training",
            labels={"model": "{model}", "seed": "{seed}", "picture": "learning curves"},
        ),
        svg=f"{RUN}/curves.svg",
    log:
        f"{STUDY}/logs/curves/{{model}}-{{seed}}.log",
    benchmark:
        f"{STUDY}/benchmarks/curves/{{model}}-{{seed}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        selection=config["finetune"]["selection"],
    message:
        "{wildcards.model}, seed {wildcards.seed}: drawing the learning curves"
    script:
        "../scripts/curves.py"
