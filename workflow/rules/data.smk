localrules:
    download,
    restructure,
    coordinates,
    pretrained_weights,


rule download:
    input:
        nothing_but_a_look,
    output:
        manifest=f"{STUDY}/raw.manifest.json",
        raw=directory(f"{STUDY}/raw"),
    log:
        f"{STUDY}/logs/download.log",
    benchmark:
        f"{STUDY}/benchmarks/download.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 4
    resources:
        mem_mb=1000,
    params:
        dataset={key: config["dataset"].get(key) for key in ("source", config["dataset"]["source"], "splits")},
    message:
        "Fetching the photographs and coordinates of {config[study]}"
    script:
        "../scripts/download.py"


rule restructure:
    input:
        manifest=rules.download.output.manifest,
        raw=rules.download.output.raw,
    output:
        images=directory(f"{STUDY}/images"),
        catalog=f"{STUDY}/catalog.csv",
    log:
        f"{STUDY}/logs/restructure.log",
    benchmark:
        f"{STUDY}/benchmarks/restructure.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        dataset=IMAGES,
    message:
        "Checking images, and filing them by label"
    script:
        "../scripts/restructure.py"


rule coordinates:
    input:
        raw=rules.download.output.raw,
        catalog=rules.restructure.output.catalog,
    output:
        **{split: f"{STUDY}/coordinates/{split}.csv" for split in SPLITS},
        reading=f"{STUDY}/coordinates/reading.json",
    log:
        f"{STUDY}/logs/coordinates.log",
    benchmark:
        f"{STUDY}/benchmarks/coordinates.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        dataset=people("coordinates"),
    message:
        "Giving each image its row of people's coordinates"
    script:
        "../scripts/coordinates.py"


rule tfrecords:
    input:
        images=rules.restructure.output.images,
        catalog=rules.restructure.output.catalog,
    output:
        shard=f"{STUDY}/tfrecords/{{split}}-{{shard}}-of-{{shards}}.tfrecord",
    log:
        f"{STUDY}/logs/tfrecords/{{split}}-{{shard}}-of-{{shards}}.log",
    benchmark:
        f"{STUDY}/benchmarks/tfrecords/{{split}}-{{shard}}-of-{{shards}}.tsv"
    conda:
        "../envs/rockspace.yaml"
    threads: 1
    resources:
        mem_mb=1500,
    params:
        geometry={key: config["tfrecords"][key] for key in ("image_size", "margin", "fit", "background")},
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
    conda:
        "../envs/rockspace.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "Getting the pretrained weights of {wildcards.backbone}"
    script:
        "../scripts/pretrained_weights.py"
