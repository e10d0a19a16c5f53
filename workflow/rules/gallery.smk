rule contact_sheet:
    input:
        catalog=rules.restructure.output.catalog,
        images=rules.restructure.output.images,
    output:
        sheet=report(
            f"{STUDY}/gallery/{{split}}.jpg",
            caption="../report/contact_sheet.rst",
            category="Data",
            labels={"picture": "contact sheet, {split}"},
        ),
    log:
        f"{STUDY}/logs/contact_sheet/{{split}}.log",
    benchmark:
        f"{STUDY}/benchmarks/contact_sheet/{{split}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        background=config["tfrecords"]["background"],
    message:
        "Laying out the {wildcards.split} photographs on one sheet"
    script:
        "../scripts/contact_sheet.py"


rule augmentation_preview:
    input:
        train=tfrecords("train"),
        catalog=rules.restructure.output.catalog,
    output:
        jpg=report(
            f"{STUDY}/models/{{model}}/augmentation.jpg",
            caption="../report/augmentation.rst",
            category="Data",
            labels={"picture": "what {model} sees"},
        ),
    log:
        f"{STUDY}/logs/augmentation_preview/{{model}}.log",
    benchmark:
        f"{STUDY}/benchmarks/augmentation_preview/{{model}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        geometry=geometry,
        augmentation=recipe("augmentation"),
        seed=SEEDS[0],
    message:
        "{wildcards.model}: drawing what it sees in training"
    script:
        "../scripts/augmentation_preview.py"


rule learning_curves:
    input:
        head=expand(rules.train_head.output.history, model=MODELS, seed=SEEDS),
        finetune=expand(rules.finetune.output.history, model=MODELS, seed=SEEDS),
    output:
        png=report(
            f"{STUDY}/gallery/learning_curves.png",
            caption="../report/learning_curves.rst",
            category="Training",
            labels={"model": "all", "seed": "all", "picture": "learning curves"},
        ),
        svg=f"{STUDY}/gallery/learning_curves.svg",
    log:
        f"{STUDY}/logs/learning_curves.log",
    benchmark:
        f"{STUDY}/benchmarks/learning_curves.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        runs=[f"{model}, seed {seed}" for model in MODELS for seed in SEEDS],
        selection=config["finetune"]["selection"],
    message:
        "Drawing the learning curves of all models on one page"
    script:
        "../scripts/learning_curves.py"


rule mistakes:
    input:
        predictions=rules.evaluate.output.predictions,
        catalog=rules.restructure.output.catalog,
        images=rules.restructure.output.images,
    output:
        jpg=report(
            f"{RUN}/mistakes.jpg",
            caption="../report/mistakes.rst",
            category="Training",
            labels={"model": "{model}", "seed": "{seed}", "picture": "surest mistakes"},
        ),
    log:
        f"{STUDY}/logs/mistakes/{{model}}-{{seed}}.log",
    benchmark:
        f"{STUDY}/benchmarks/mistakes/{{model}}-{{seed}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        background=config["tfrecords"]["background"],
    message:
        "{wildcards.model}, seed {wildcards.seed}: showing the mistakes that it is surest of"
    script:
        "../scripts/mistakes.py"
