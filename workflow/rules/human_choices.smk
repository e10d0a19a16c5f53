rule choices:
    input:
        files=CHOICE_FILES,
        tables=list(STUDIED.values()),
        catalog=rules.restructure.output.catalog,
    output:
        responses=f"{STUDY}/choices/responses.csv",
        studied=f"{STUDY}/choices/studied.csv",
        reading=f"{STUDY}/choices/reading.json",
        ceilings=f"{STUDY}/choices/ceilings.json",
    log:
        f"{STUDY}/logs/choices.log",
    benchmark:
        f"{STUDY}/benchmarks/choices.tsv"
    conda:
        "../envs/rockspace.yaml"
    params:
        choices={key: value for key, value in CHOICES.items() if key not in ("files", "variants", "spaces")},
        filename=settings["dataset"]["filename"],
        digest=digest("choices", lambda wildcards: {str(file): file for file in (*CHOICE_FILES, *STUDIED.values())}),
        code=code("choices"),
    message:
        "Reading people's choices"
    script:
        "../scripts/choices.py"


rule further_coordinates:
    input:
        tables=list(TABLES.values()),
        catalog=rules.restructure.output.catalog,
    output:
        coordinates=f"{STUDY}/choices/spaces.csv",
    log:
        f"{STUDY}/logs/further_coordinates.log",
    benchmark:
        f"{STUDY}/benchmarks/further_coordinates.tsv"
    conda:
        "../envs/rockspace.yaml"
    params:
        names=[each["name"] for each in CHOICES["spaces"]],
        digest=digest("choices-spaces", lambda wildcards: TABLES),
        code=code("further_coordinates"),
    message:
        "Reading further coordinates of the images"
    script:
        "../scripts/further_coordinates.py"


rule exemplar:
    input:
        **COORDINATES,
        responses=rules.choices.output.responses,
        studied=rules.choices.output.studied,
        reading=rules.choices.output.reading,
        embeddings=f"{RUN}/embeddings/{{layer}}.npz",
        catalog=rules.restructure.output.catalog,
    output:
        figures=f"{RUN}/choices/{{layer}}.json",
        images=f"{RUN}/choices/{{layer}}.csv",
        png=report(
            f"{RUN}/choices/{{layer}}.png",
            caption="../report/caption.rst",
            category="Human choices",
            labels={"model": "{model}", "seed": "{seed}", "layer": "{layer}", "picture": "confusion matrices"},
        ),
        svg=f"{RUN}/choices/{{layer}}.svg",
        caption=f"{RUN}/choices/{{layer}}.caption.txt",
    log:
        f"{STUDY}/logs/exemplar/{{model}}-{{seed}}-{{layer}}.log",
    benchmark:
        f"{STUDY}/benchmarks/exemplar/{{model}}-{{seed}}-{{layer}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    resources:
        mem_mb=2000,
    params:
        split=CHOICES["split"],
        variants=CHOICES["variants"],
        title=lambda wildcards: f"{wildcards.model}, {wildcards.layer}, seed {wildcards.seed}",
        space={key: settings["procrustes"][key] for key in ("reduction", "reflection")},
        resampling=lambda wildcards: {"resamples": settings["procrustes"]["bootstraps"], "seed": int(wildcards.seed)},
        code=code("exemplar"),
    message:
        "{wildcards.model}, seed {wildcards.seed}, {wildcards.layer}: predicting people's choices by the context model"
    script:
        "../scripts/exemplar.py"


use rule exemplar as exemplar_outputs with:
    input:
        responses=rules.choices.output.responses,
        studied=rules.choices.output.studied,
        reading=rules.choices.output.reading,
        outputs=rules.evaluate.output.outputs,
        catalog=rules.restructure.output.catalog,
    output:
        figures=f"{RUN}/choices/outputs/figures.json",
        images=f"{RUN}/choices/outputs/images.csv",
        png=report(
            f"{RUN}/choices/outputs/confusion.png",
            caption="../report/caption.rst",
            category="Human choices",
            labels={"model": "{model}", "seed": "{seed}", "layer": "outputs", "picture": "confusion matrices"},
        ),
        svg=f"{RUN}/choices/outputs/confusion.svg",
        caption=f"{RUN}/choices/outputs/confusion.caption.txt",
    log:
        f"{STUDY}/logs/exemplar_outputs/{{model}}-{{seed}}.log",
    benchmark:
        f"{STUDY}/benchmarks/exemplar_outputs/{{model}}-{{seed}}.tsv"
    params:
        split=CHOICES["split"],
        variants=CHOICES["variants"],
        title=lambda wildcards: f"{wildcards.model}, seed {wildcards.seed}",
        resampling=lambda wildcards: {"resamples": settings["procrustes"]["bootstraps"], "seed": int(wildcards.seed)},
        code=code("exemplar"),
    message:
        "{wildcards.model}, seed {wildcards.seed}: predicting people's choices from the coordinates that it learnt"


use rule exemplar_outputs as exemplar_ensemble with:
    input:
        responses=rules.choices.output.responses,
        studied=rules.choices.output.studied,
        reading=rules.choices.output.reading,
        outputs=rules.ensemble.output.outputs,
        catalog=rules.restructure.output.catalog,
    output:
        figures=f"{ENSEMBLE_DIR}/choices/figures.json",
        images=f"{ENSEMBLE_DIR}/choices/images.csv",
        png=report(
            f"{ENSEMBLE_DIR}/choices/confusion.png",
            caption="../report/caption.rst",
            category="Human choices",
            labels={"model": "{ensemble}", "seed": "several", "layer": "outputs", "picture": "confusion matrices"},
        ),
        svg=f"{ENSEMBLE_DIR}/choices/confusion.svg",
        caption=f"{ENSEMBLE_DIR}/choices/confusion.caption.txt",
    log:
        f"{STUDY}/logs/exemplar_ensemble/{{ensemble}}.log",
    benchmark:
        f"{STUDY}/benchmarks/exemplar_ensemble/{{ensemble}}.tsv"
    params:
        split=CHOICES["split"],
        variants=CHOICES["variants"],
        title=lambda wildcards: f"ensemble {wildcards.ensemble}",
        resampling={"resamples": settings["procrustes"]["bootstraps"], "seed": 0},
        code=code("exemplar"),
    message:
        "{wildcards.ensemble}: predicting people's choices from the coordinates that the ensemble learnt"


use rule exemplar as exemplar_people with:
    input:
        **COORDINATES,
        responses=rules.choices.output.responses,
        studied=rules.choices.output.studied,
        reading=rules.choices.output.reading,
        spaces=rules.further_coordinates.output.coordinates if TABLES else [],
        catalog=rules.restructure.output.catalog,
    output:
        figures=f"{STUDY}/choices/people.json",
        images=f"{STUDY}/choices/people.csv",
        png=report(
            f"{STUDY}/choices/people.png",
            caption="../report/caption.rst",
            category="Human choices",
            labels={"model": "people", "picture": "confusion matrices"},
        ),
        svg=f"{STUDY}/choices/people.svg",
        caption=f"{STUDY}/choices/people.caption.txt",
    log:
        f"{STUDY}/logs/exemplar_people.log",
    benchmark:
        f"{STUDY}/benchmarks/exemplar_people.tsv"
    params:
        split=CHOICES["split"],
        variants=CHOICES["variants"],
        title="people's own coordinates",
        one_solution=is_one_solution(settings["dataset"], "coordinates"),
        resampling={"resamples": settings["procrustes"]["bootstraps"], "seed": 0},
        code=code("exemplar"),
    message:
        "Predicting people's choices by the context model in their own coordinates"


rule human_choices:
    input:
        figures=of_explained("figures"),
        images=of_explained("images"),
        responses=rules.choices.output.responses,
        studied=rules.choices.output.studied,
        reading=rules.choices.output.reading,
        ceilings=rules.choices.output.ceilings,
        catalog=rules.restructure.output.catalog,
        photographs=rules.restructure.output.images,
    output:
        table=report(f"{STUDY}/human_choices.csv", caption="../report/human_choices.rst", category="Human choices"),
        conditions=f"{STUDY}/human_choices.conditions.csv",
        subtypes=f"{STUDY}/human_choices.subtypes.csv",
        png=report(f"{STUDY}/human_choices.png", caption="../report/caption.rst", category="Human choices"),
        svg=f"{STUDY}/human_choices.svg",
        caption=f"{STUDY}/human_choices.caption.txt",
        subtypes_png=report(
            f"{STUDY}/human_choices.subtypes.png", caption="../report/caption.rst", category="Human choices"
        ),
        subtypes_svg=f"{STUDY}/human_choices.subtypes.svg",
        subtypes_caption=f"{STUDY}/human_choices.subtypes.caption.txt",
        images_png=report(
            f"{STUDY}/human_choices.images.png", caption="../report/caption.rst", category="Human choices"
        ),
        images_svg=f"{STUDY}/human_choices.images.svg",
        images_caption=f"{STUDY}/human_choices.images.caption.txt",
    log:
        f"{STUDY}/logs/human_choices.log",
    benchmark:
        f"{STUDY}/benchmarks/human_choices.tsv"
    conda:
        "../envs/rockspace.yaml"
    params:
        runs=EXPLAINED,
        layers=LAST_LAYERS,
        split=CHOICES["split"],
        code=code("human_choices"),
    message:
        "Comparing all spaces by how well they predict people's choices"
    script:
        "../scripts/human_choices.py"
