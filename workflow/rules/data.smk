from types import SimpleNamespace


localrules:
    download,
    restructure,
    coordinates,
    individuals,
    pretrained_weights,


digest_of_source = digest("{wildcards.files}", lambda wildcards: source_files(source_of(wildcards.files)))


# Separate jobs for photographs and human data, since either may change without the other.
rule download:
    output:
        manifest=f"{STUDY}/{{files}}.manifest.json",
    log:
        f"{STUDY}/logs/download/{{files}}.log",
    benchmark:
        f"{STUDY}/benchmarks/download/{{files}}.tsv"
    # Errors in human data should be reported before a network is trained.
    priority: 1
    conda:
        "../envs/rockspace.yaml"
    threads: 4
    params:
        dataset=lambda wildcards: source_of(wildcards.files),
        digest=digest_of_source,
        code=code("download"),
    message:
        f"Downloading the files of {settings['study']}: {{wildcards.files}}"
    script:
        "../scripts/download.py"


rule restructure:
    input:
        manifest=f"{STUDY}/raw.manifest.json",
    output:
        images=directory(f"{STUDY}/images"),
        catalog=f"{STUDY}/catalog.csv",
    log:
        f"{STUDY}/logs/restructure.log",
    benchmark:
        f"{STUDY}/benchmarks/restructure.tsv"
    conda:
        "../envs/rockspace.yaml"
    params:
        dataset={
            "filename": settings["dataset"]["filename"],
            "labels": settings["dataset"]["labels"],
            **({key: settings["dataset"][key] for key in ("columns", "order")} if IN_TABLE else {}),
            "splits": keys_of_splits(*IMAGE_FILES, *VALIDATION_RULES, "seed"),
        },
        code=code("restructure"),
    message:
        "Checking images and sorting them by label"
    script:
        "../scripts/restructure.py"


rule coordinates:
    input:
        manifest=f"{STUDY}/people.manifest.json",
        catalog=rules.restructure.output.catalog,
    output:
        **COORDINATES,
        reading=f"{STUDY}/coordinates/reading.json",
    log:
        f"{STUDY}/logs/coordinates.log",
    benchmark:
        f"{STUDY}/benchmarks/coordinates.tsv"
    priority: 1
    conda:
        "../envs/rockspace.yaml"
    params:
        dataset=people("coordinates", "names"),
        code=code("coordinates"),
    message:
        "Matching human coordinates to images"
    script:
        "../scripts/coordinates.py"


rule individuals:
    input:
        manifest=f"{STUDY}/people.manifest.json",
        catalog=rules.restructure.output.catalog,
        coordinates=f"{STUDY}/coordinates/{{split}}.csv",
    output:
        individuals=f"{STUDY}/coordinates/{{split}}.individuals.csv",
    log:
        f"{STUDY}/logs/individuals/{{split}}.log",
    benchmark:
        f"{STUDY}/benchmarks/individuals/{{split}}.tsv"
    priority: 1
    conda:
        "../envs/rockspace.yaml"
    params:
        dataset=people("individual", "coordinates", "names", *VALIDATION_RULES),
        code=code("individuals"),
    message:
        "Reading the {wildcards.split} coordinates of individuals"
    script:
        "../scripts/individuals.py"


rule tfrecords:
    input:
        catalog=rules.restructure.output.catalog,
    output:
        shard=f"{STUDY}/tfrecords/{{split}}-{{shard}}-of-{{shards}}.tfrecord",
    log:
        f"{STUDY}/logs/tfrecords/{{split}}-{{shard}}-of-{{shards}}.log",
    benchmark:
        f"{STUDY}/benchmarks/tfrecords/{{split}}-{{shard}}-of-{{shards}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    resources:
        mem_mb=1500,
    params:
        geometry=STORED,
        code=code("tfrecords"),
    message:
        "Storing the {wildcards.split} images, shard {wildcards.shard} of {wildcards.shards}"
    script:
        "../scripts/tfrecords.py"


rule pretrained_weights:
    output:
        weights="results/weights/{backbone}.weights.h5",
    log:
        "results/weights/{backbone}.log",
    benchmark:
        "results/weights/{backbone}.tsv"
    wildcard_constraints:
        backbone=any_of(BACKBONES),
    conda:
        "../envs/rockspace.yaml"
    resources:
        # A preset is loaded with its text tower, and run once as KerasHub has it and once as it is used here.
        mem_mb=lambda wildcards: 8000 if kind_of(BACKBONES[wildcards.backbone]).described else 2000,
    params:
        backbone=lambda wildcards: BACKBONES[wildcards.backbone],
        digest=digest("preset-{wildcards.backbone}", lambda wildcards: files_of_preset(BACKBONES[wildcards.backbone])),
        code=code("pretrained_weights"),
    message:
        "Getting the pretrained weights of {wildcards.backbone}"
    script:
        "../scripts/pretrained_weights.py"


try:
    for files in ("raw", "people"):
        folder = folder_of(files)
        check_source(settings["dataset"], folder)
        # Snakemake checks only the manifest, not the files that it lists, so an outdated manifest is deleted.
        manifest = folder.with_name(f"{files}.manifest.json")
        if workflow.is_main_process and (lost := lost_files(folder, manifest)):
            print(f"{folder / lost[0]} is missing or incomplete: it will be downloaded again", file=sys.stderr)
            manifest.unlink()
        if workflow.is_main_process:
            # A fault of the user's files is one line here, and a page where a parameter of a job meets it.
            digest_of_source(SimpleNamespace(files=files))
except (RockspaceError, WorkflowError, OSError) as error:
    raise WorkflowError(str(error)) from None

catalog = folder_of("raw").with_name("catalog.csv")
if workflow.is_main_process and catalog.exists() and not any(Path(".snakemake/metadata").glob("*")):
    print(
        f"{catalog.parent} has no .snakemake/ with the records of its jobs: only modification times decide what is "
        "rerun. Copy .snakemake/ too; or, if configuration and code have not changed: snakemake --touch",
        file=sys.stderr,
    )
