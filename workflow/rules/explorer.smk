rule explorer:
    input:
        figures=[rules.procrustes.output.figures.format(model=m, seed=s, layer=l) for m, s, l in RUNS],
        aligned=[rules.procrustes.output.aligned.format(model=m, seed=s, layer=l) for m, s, l in RUNS],
        embeddings=[rules.extract_embeddings.output.embeddings.format(model=m, seed=s, layer=l) for m, s, l in RUNS],
        predictions=[rules.evaluate.output.predictions.format(model=m, seed=s, layer=l) for m, s, l in RUNS],
        catalog=rules.restructure.output.catalog,
        images=rules.restructure.output.images,
        train=f"{STUDY}/coordinates/train.csv",
        validation=f"{STUDY}/coordinates/validation.csv",
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
        study=config["study"],
        runs=RUNS,
        reflection=config["procrustes"]["reflection"],
        metric=config["procrustes"]["distance"],
    message:
        "Putting photographs, both spaces and the guesses on one page"
    script:
        "../scripts/explorer.py"
