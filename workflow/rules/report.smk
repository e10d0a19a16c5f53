localrules:
    learning_curves,
    overview,


rule curves:
    input:
        head=rules.train_head.output.history,
        finetune=rules.finetune.output.history,
        catalog=rules.restructure.output.catalog,
    output:
        png=report(
            f"{RUN}/curves.png",
            caption="../report/caption.rst",
            category="Training",
            labels={"model": "{model}", "seed": "{seed}", "picture": "learning curves"},
        ),
        svg=f"{RUN}/curves.svg",
        caption=f"{RUN}/curves.caption.txt",
    log:
        f"{STUDY}/logs/curves/{{model}}-{{seed}}.log",
    benchmark:
        f"{STUDY}/benchmarks/curves/{{model}}-{{seed}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    params:
        selection=settings["finetune"]["selection"],
        code=code("curves"),
    message:
        "{wildcards.model}, seed {wildcards.seed}: drawing the learning curves"
    script:
        "../scripts/curves.py"


rule learning_curves:
    input:
        head=of_trainings(rules.train_head.output.history),
        finetune=of_trainings(rules.finetune.output.history),
        catalog=rules.restructure.output.catalog,
    output:
        png=report(
            f"{STUDY}/gallery/learning_curves.png",
            caption="../report/caption.rst",
            category="Training",
            labels={"model": "all", "seed": "all", "picture": "learning curves"},
        ),
        svg=f"{STUDY}/gallery/learning_curves.svg",
        caption=f"{STUDY}/gallery/learning_curves.caption.txt",
    log:
        f"{STUDY}/logs/learning_curves.log",
    benchmark:
        f"{STUDY}/benchmarks/learning_curves.tsv"
    conda:
        "../envs/rockspace.yaml"
    params:
        trainings=TRAININGS,
        selection=settings["finetune"]["selection"],
        code=code("learning_curves"),
    message:
        "Drawing the learning curves of all models and seeds"
    script:
        "../scripts/learning_curves.py"


rule contact_sheet:
    input:
        catalog=rules.restructure.output.catalog,
    output:
        sheet=report(
            f"{STUDY}/gallery/{{split}}.jpg",
            caption="../report/caption.rst",
            category="Data",
            labels={"picture": "contact sheet, {split}"},
        ),
        caption=f"{STUDY}/gallery/{{split}}.caption.txt",
    log:
        f"{STUDY}/logs/contact_sheet/{{split}}.log",
    benchmark:
        f"{STUDY}/benchmarks/contact_sheet/{{split}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    params:
        background=settings["tfrecords"]["background"],
        code=code("contact_sheet"),
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
            caption="../report/caption.rst",
            category="Data",
            labels={"picture": "what {model} sees"},
        ),
        caption=f"{STUDY}/models/{{model}}/augmentation.caption.txt",
    log:
        f"{STUDY}/logs/augmentation_preview/{{model}}.log",
    benchmark:
        f"{STUDY}/benchmarks/augmentation_preview/{{model}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    resources:
        mem_mb=2000,
    params:
        geometry=geometry,
        augmentation=recipe("augmentation"),
        seed=SEEDS[0],
        code=code("augmentation_preview"),
    message:
        "{wildcards.model}: drawing augmented training images"
    script:
        "../scripts/augmentation_preview.py"


rule mistakes:
    input:
        predictions=rules.evaluate.output.predictions,
        embeddings=last_embeddings,
        catalog=rules.restructure.output.catalog,
    output:
        confusion=report(
            f"{RUN}/confusion.png",
            caption="../report/confusion_caption.rst",
            category="Training",
            labels={"model": "{model}", "seed": "{seed}", "picture": "confusion matrix"},
        ),
        confusion_svg=f"{RUN}/confusion.svg",
        confusion_caption=f"{RUN}/confusion.caption.txt",
        jpg=report(
            f"{RUN}/mistakes.jpg",
            caption="../report/caption.rst",
            category="Training",
            labels={"model": "{model}", "seed": "{seed}", "picture": "most confident errors"},
        ),
        svg=f"{RUN}/mistakes.svg",
        caption=f"{RUN}/mistakes.caption.txt",
    log:
        f"{STUDY}/logs/mistakes/{{model}}-{{seed}}.log",
    benchmark:
        f"{STUDY}/benchmarks/mistakes/{{model}}-{{seed}}.tsv"
    wildcard_constraints:
        model=any_of(CLASSIFIERS),
    conda:
        "../envs/rockspace.yaml"
    params:
        background=settings["tfrecords"]["background"],
        layer=lambda wildcards: LAST_LAYERS[wildcards.model],
        code=code("mistakes"),
    message:
        "{wildcards.model}, seed {wildcards.seed}: drawing its confusions and its most confident errors"
    script:
        "../scripts/mistakes.py"


rule explorer:
    input:
        **COORDINATES,
        figures=of_runs(rules.procrustes.output.figures),
        aligned=of_runs(rules.procrustes.output.aligned),
        embeddings=of_runs(rules.extract_embeddings.output.embeddings),
        predictions=of_trainings(rules.evaluate.output.predictions),
        catalog=rules.restructure.output.catalog,
    output:
        page=f"{STUDY}/explorer.html",
    log:
        f"{STUDY}/logs/explorer.log",
    benchmark:
        f"{STUDY}/benchmarks/explorer.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 2
    resources:
        mem_mb=4000,
    params:
        study=settings["study"],
        trainings=TRAININGS,
        runs=RUNS,
        models=ORIGINS,
        baselines=BASELINES,
        settings={key: settings["procrustes"][key] for key in ("reflection", "distance")},
        drawn=DRAWN,
        code=code("explorer"),
    message:
        "Drawing both spaces as interactive maps of photographs"
    script:
        "../scripts/explorer.py"


# A stage of its own, since a report of Snakemake's shows the parameters of stages whose artifacts are in it.
rule configuration:
    output:
        file=f"{STUDY}/config.yaml",
    log:
        f"{STUDY}/logs/configuration.log",
    benchmark:
        f"{STUDY}/benchmarks/configuration.tsv"
    conda:
        "../envs/rockspace.yaml"
    params:
        config=settings,
        code=code("configuration"),
    message:
        "Writing the whole configuration"
    script:
        "../scripts/configuration.py"


rule overview:
    input:
        rules.summary.output.page,
        rules.comparison.output.page,
        expand(rules.contact_sheet.output.sheet, split=SPLITS),
        expand(rules.augmentation_preview.output.jpg, model=TRAINED),
        expand(rules.layer_profile.output.png, model=MODELS),
        of_trainings(rules.curves.output.png),
        of_classifiers(rules.mistakes.output.jpg),
        rules.learning_curves.output if TRAINED else [],
        rules.comparison.output.png,
        config=rules.configuration.output.file,
        manifests=expand(rules.download.output.manifest, files=["raw", "people"]),
        catalog=rules.restructure.output.catalog,
        reading=rules.coordinates.output.reading,
        choices=[f"{STUDY}/human_choices{part}.csv" for part in ("", ".conditions")] if CHOICE_FILES else [],
        choices_reading=[f"{STUDY}/choices/reading.json"] if CHOICE_FILES else [],
        summary=rules.summary.output.csv,
        entries=rules.comparison.output.entries,
        metrics=of_trainings(rules.evaluate.output.metrics),
        predictions=of_trainings(rules.evaluate.output.predictions),
        histories=of_trainings(rules.finetune.output.history),
        comparison=rules.comparison.output.table,
        dimensions=rules.comparison.output.dimensions,
        alignments=[
            file
            for model, seed in NETWORKS
            for file in expand(rules.procrustes.output.figures, model=model, seed=seed, layer=LAST_LAYERS[model])
        ],
        nulls=[
            file
            for model, seed in NETWORKS
            for file in expand(rules.procrustes.output.dimensions, model=model, seed=seed, layer=LAST_LAYERS[model])
        ],
    output:
        page=report(
            f"{STUDY}/overview.html",
            caption="../report/overview.rst",
            category="Overview",
            labels={"item": "overview"},
        ),
        dimensions_png=report(
            f"{STUDY}/gallery/dimensions.png",
            caption="../report/caption.rst",
            category="Overview",
            labels={"item": "r of each dimension"},
        ),
        dimensions_svg=f"{STUDY}/gallery/dimensions.svg",
        caption=f"{STUDY}/gallery/dimensions.caption.txt",
        answer=f"{STUDY}/answer.txt",
        # The results in words for a paper.
        results=f"{STUDY}/results.md",
        results_tex=f"{STUDY}/results.tex",
        results_page=f"{STUDY}/results.html",
    log:
        f"{STUDY}/logs/overview.log",
    benchmark:
        f"{STUDY}/benchmarks/overview.tsv"
    conda:
        "../envs/rockspace.yaml"
    params:
        layers=LAST_LAYERS,
        trainings=[(model, str(seed)) for model, seed in TRAININGS],
        networks=[(model, str(seed)) for model, seed in NETWORKS],
        baselines=BASELINES,
        code=code("overview"),
    message:
        "Collecting the main results on one page"
    script:
        "../scripts/overview.py"
