# Files of response counts, by split.
CHOICES = {f"{split}_responses": path for split, path in RESPONSES.items()}

digest_of_choices = digest("responses", lambda wildcards: RESPONSES)


rule exemplar:
    input:
        **CHOICES,
        **COORDINATES,
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
        splits=list(RESPONSES),
        title=lambda wildcards: f"{wildcards.model}, {wildcards.layer}, seed {wildcards.seed}",
        space={key: settings["procrustes"][key] for key in ("reduction", "reflection")},
        resampling=lambda wildcards: {"resamples": settings["procrustes"]["bootstraps"], "seed": int(wildcards.seed)},
        digest=digest_of_choices,
        code=code("exemplar"),
    message:
        "{wildcards.model}, seed {wildcards.seed}, {wildcards.layer}: predicting people's choices by the exemplar model"
    script:
        "../scripts/exemplar.py"


use rule exemplar as exemplar_people with:
    input:
        **CHOICES,
        **COORDINATES,
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
        splits=list(RESPONSES),
        title="people's own coordinates",
        space=None,
        solution={"one_solution": is_one_solution(settings["dataset"], "coordinates")},
        resampling={"resamples": settings["procrustes"]["bootstraps"], "seed": 0},
        digest=digest_of_choices,
        code=code("exemplar"),
    message:
        "Predicting people's choices by the exemplar model in their own coordinates"


rule human_choices:
    input:
        figures=[
            rules.exemplar_people.output.figures,
            *of_runs(rules.exemplar.output.figures),
        ],
        images=[
            rules.exemplar_people.output.images,
            *of_runs(rules.exemplar.output.images),
        ],
    output:
        table=report(f"{STUDY}/human_choices.csv", caption="../report/human_choices.rst", category="Human choices"),
        png=report(f"{STUDY}/human_choices.png", caption="../report/caption.rst", category="Human choices"),
        svg=f"{STUDY}/human_choices.svg",
        caption=f"{STUDY}/human_choices.caption.txt",
    log:
        f"{STUDY}/logs/human_choices.log",
    benchmark:
        f"{STUDY}/benchmarks/human_choices.tsv"
    conda:
        "../envs/rockspace.yaml"
    params:
        runs=[("people", "", ""), *RUNS],
        bootstraps=settings["procrustes"]["bootstraps"],
        code=code("human_choices"),
    message:
        "Comparing all spaces by how well they predict people's choices"
    script:
        "../scripts/human_choices.py"
