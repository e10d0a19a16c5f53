# Everything that the workflow needs, the library included. From the repository:
#
#     docker build --tag rockspace .
#     docker run --rm --volume "$PWD/results:/study/results" rockspace --cores 4
#
# `container: "docker://..."` in another workflow, or Apptainer with `--sdm apptainer`, takes the same image.
# Pinned by its digest in a release; see CONTRIBUTING.md.
ARG BASE=python:3.11-slim
FROM $BASE

RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/*
COPY requirements.lock /tmp/
RUN pip install --no-cache-dir --require-hashes --requirement /tmp/requirements.lock
COPY . /rockspace
RUN pip install --no-cache-dir --no-deps --no-build-isolation /rockspace

WORKDIR /study
RUN cp --recursive /rockspace/config .
ENTRYPOINT ["snakemake", "--snakefile", "/rockspace/Snakefile"]
