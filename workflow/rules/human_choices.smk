CHOICES = {f"{split}_responses": f"{STUDY}/responses/{split}.csv" for split in RESPONSES}


rule responses:
    input:
        responses=lambda wildcards: RESPONSES[wildcards.split],
        catalog=rules.restructure.output.catalog,
    output:
        responses=f"{STUDY}/responses/{{split}}.csv",
    log:
        f"{STUDY}/logs/responses/{{split}}.log",
    benchmark:
        f"{STUDY}/benchmarks/responses/{{split}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    message:
        "Reading people's choices for the {wildcards.split} images"
    script:
        "../scripts/responses.py"


rule exemplar:
    input:
        **CHOICES,
        embeddings=f"{RUN}/embeddings/{{layer}}.npz",
        catalog=rules.restructure.output.catalog,
        train=f"{STUDY}/coordinates/train.csv",
        validation=f"{STUDY}/coordinates/validation.csv",
    output:
        figures=f"{RUN}/choices/{{layer}}.json",
        images=f"{RUN}/choices/{{layer}}.csv",
        png=report(
            f"{RUN}/choices/{{layer}}.png",
            caption="../report/choices.rst",
            category="Human choices",
            labels={"model": "{model}", "seed": "{seed}", "layer": "{layer}", "picture": "confusion matrices"},
        ),
        svg=f"{RUN}/choices/{{layer}}.svg",
    log:
        f"{STUDY}/logs/exemplar/{{model}}-{{seed}}-{{layer}}.log",
    benchmark:
        f"{STUDY}/benchmarks/exemplar/{{model}}-{{seed}}-{{layer}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        splits=list(RESPONSES),
        layer=True,
        title=lambda wildcards: f"{wildcards.model}, {wildcards.layer}, seed {wildcards.seed}",
        bootstraps=config["procrustes"]["bootstraps"],
        reduction=config["procrustes"]["reduction"],
        reflection=config["procrustes"]["reflection"],
        seed=lambda wildcards: int(wildcards.seed),
    message:
        "{wildcards.model}, seed {wildcards.seed}, {wildcards.layer}: explaining people's choices by exemplars"
    script:
        "../scripts/exemplar.py"


rule exemplar_people:
    input:
        **CHOICES,
        catalog=rules.restructure.output.catalog,
        train=f"{STUDY}/coordinates/train.csv",
        validation=f"{STUDY}/coordinates/validation.csv",
    output:
        figures=f"{STUDY}/choices/people.json",
        images=f"{STUDY}/choices/people.csv",
        png=report(
            f"{STUDY}/choices/people.png",
            caption="../report/choices.rst",
            category="Human choices",
            labels={"model": "people", "picture": "confusion matrices"},
        ),
        svg=f"{STUDY}/choices/people.svg",
    log:
        f"{STUDY}/logs/exemplar_people.log",
    benchmark:
        f"{STUDY}/benchmarks/exemplar_people.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        splits=list(RESPONSES),
        layer=False,
        one_solution=is_one_solution(config["dataset"], "coordinates"),
        title="people's own coordinates",
        bootstraps=config["procrustes"]["bootstraps"],
        seed=0,
    message:
        "Explaining people's choices by exemplars in their own coordinates"
    script:
        "../scripts/exemplar.py"


rule human_choices:
    input:
        figures=[
            rules.exemplar_people.output.figures,
            *[rules.exemplar.output.figures.format(model=m, seed=s, layer=l) for m, s, l in RUNS],
        ],
        images=[
            rules.exemplar_people.output.images,
            *[rules.exemplar.output.images.format(model=m, seed=s, layer=l) for m, s, l in RUNS],
        ],
    output:
        table=report(f"{STUDY}/human_choices.csv", caption="../report/human_choices.rst", category="Human choices"),
        png=report(f"{STUDY}/human_choices.png", caption="../report/human_choices.rst", category="Human choices"),
        svg=f"{STUDY}/human_choices.svg",
    log:
        f"{STUDY}/logs/human_choices.log",
    benchmark:
        f"{STUDY}/benchmarks/human_choices.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        runs=[("people", "", ""), *RUNS],
        bootstraps=config["procrustes"]["bootstraps"],
    message:
        "Setting all spaces side by side by how well they predict people's choices"
    script:
        "../scripts/human_choices.py"
