"""The workflow as its users run it: whole, by stage, again, interrupted, and with a wrong configuration."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from chaos import is_whole
from standin_osf import StandIn
from tools.stage_graph import stage_graph
from workflow_runs import ROOT, TINY, Workplace, heed_interrupts, wait_until

RUN = "results/tiny/models/lite0/seed-0"


def test_every_artifact_of_the_design_is_there_and_says_what_it_should(finished):
    results = finished.folder / "results/tiny"
    catalog = pd.read_csv(results / "catalog.csv")
    assert list(catalog.columns) == ["image_id", "split", "label", "superclass", "path", "file"]
    assert len(catalog) == 4 * (6 + 3)
    assert all((results / path).is_file() for path in catalog["path"])
    for folder in (results / "raw", results / "people"):
        manifest = json.loads((results / f"{folder.name}.manifest.json").read_text())
        assert {"path", "size", "md5", "sha256", "url"} <= set(manifest[0])
        stored = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert stored == {entry["path"] for entry in manifest}
    run = finished.folder / RUN
    metrics = json.loads((run / "metrics.json").read_text())
    assert {"n", "top1", "top3", "loss"} <= set(metrics["train"])
    assert len(metrics["validation"]["top1_ci"]) == 2
    assert metrics["validation"]["n"] == 12
    assert metrics["precision"] == {"train": "float32", "embed": "float32"}
    with np.load(run / "embeddings/penultimate.npz", allow_pickle=False) as file:
        assert file["embedding"].shape == (36, 16)
        assert file["image_id"].tolist() == catalog["image_id"].tolist()
        assert file["split"].tolist() == catalog["split"].tolist()
        assert file["label"].tolist() == catalog["label"].tolist()
    alignment = json.loads((run / "alignment/penultimate.json").read_text())
    assert alignment["n_dimensions"] == 8
    assert {"reduction", "in_sample", "held_out", "permutation", "rsa"} <= set(alignment)
    assert len(alignment["held_out"]["r"]) == 8
    assert len(alignment["held_out"]["mean_r_ci"]) == 2
    assert alignment["permutation"]["n"] == 99
    history = pd.read_csv(run / "finetune.history.csv")
    assert set(history["phase"]) == {"select", "refit"}
    for name in ("curves.png", "curves.svg", "confusion.png", "predictions.csv", "head.keras", "finetuned.keras",
                 "head.history.csv", "alignment/penultimate.png", "alignment/penultimate.dimensions.csv", "mistakes.jpg"):  # fmt: skip
        assert is_whole(run / name), name
    summary = pd.read_csv(results / "summary.csv").iloc[0]
    assert summary["validation_top1"] == metrics["validation"]["top1"]
    assert summary["held_out_mean_r"] == alignment["held_out"]["mean_r"]
    assert "lite0" in (results / "summary.md").read_text()
    for name in ("overview.html", "tables/summary.html", "gallery/train.jpg", "gallery/learning_curves.svg",
                 "models/lite0/augmentation.jpg"):  # fmt: skip
        assert is_whole(results / name), name


def test_a_run_ends_with_the_summary_as_a_table_and_a_dry_run_does_not(finished, finished_once, said_at_the_end):
    summary = pd.read_csv(finished.folder / "results/tiny/summary.csv").iloc[0]
    lines = said_at_the_end.splitlines()
    assert max(len(line) for line in lines if "results/tiny" not in line) <= 80
    row = next(line for line in lines if line.startswith("lite0"))
    assert f"{100 * summary['validation_top1']:.1f} %" in row
    assert f"{summary['held_out_mean_r']:.3f}" in row
    answer = (finished.folder / "results/tiny/answer.txt").read_text().split()
    assert " ".join(answer) in " ".join(said_at_the_end.split())
    assert f"make report CONFIG={finished_once.folder}/results/tiny/config.yaml" in said_at_the_end
    assert lines[-1].split() == ["open", f"{finished_once.folder}/results/tiny/overview.html"]
    planned = finished.dry_run("--forcerun", "summary")
    assert "held-out" not in planned.stdout + planned.stderr


@pytest.mark.parametrize("name", ["none", "default", "seed-0"])
def test_a_model_has_any_name(name, tmp_path):
    """Also one by which another wildcard of the rules might be meant."""
    workplace = Workplace(tmp_path / "here", TINY.replace("lite0", name, 1))
    assert workplace.planned()["extract_embeddings"] == 1


def test_a_failed_stage_is_named_with_its_log(finished):
    table = finished.folder / RUN / "alignment/penultimate.aligned.csv"
    whole, times = table.read_bytes(), table.stat()
    table.write_bytes(whole + b"x")
    try:
        result = finished.snakemake("results/tiny/comparison.csv", "--forcerun", "comparison")
    finally:
        table.write_bytes(whole)
        os.utime(table, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert result.returncode != 0
    log = "results/tiny/logs/comparison.log"
    error, stage, where = result.stderr.splitlines()[-3:]
    assert error.startswith("error: ")
    assert "penultimate.aligned.csv: it has changed" in error
    assert (stage.split(), where.split()) == (["stage", "comparison"], ["log", log])
    assert error.removeprefix("error: ") in (finished.folder / log).read_text()
    assert result.stdout == ""
    assert finished.snakemake("results/tiny/comparison.csv").returncode == 0


def test_models_and_seeds_fan_out(finished):
    for weights, features in (
        ("imagenet", 2),
        ("none", 6),
    ):  # both have the same features; random weights are drawn for each seed
        models = [{"name": name, "backbone": "efficientnet_lite0", "weights": weights} for name in "ab"]
        (finished.folder / "change.yaml").write_text(yaml.safe_dump({"models": models, "seeds": [0, 1, 2]}))
        planned = finished.planned("--configfile", "tiny.yaml", "change.yaml")
        stages = ("features", "finetune", "procrustes", "summary")
        assert [planned[stage] for stage in stages] == [features, 6, 6, 1]


STAGES = ["download", "restructure", "coordinates", "tfrecords", "features", "train_head", "finetune", "curves",
          "evaluate", "extract_embeddings", "procrustes", "alignment_pictures", "summary", "explorer", "overview"]  # fmt: skip


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_asked_for_and_forced_by_its_name(finished, stage):
    # What the trained networks say of the images is kept only until it has been read.
    before = {"infer"} if stage in ("evaluate", "extract_embeddings") else set()
    assert finished.planned("--until", stage) == {}
    assert set(finished.planned("--until", stage, "--forcerun", stage)) == {stage} | before
    assert stage in finished.planned("--forcerun", stage)


@pytest.mark.parametrize("target", ["trained", "embedded", "aligned"])
def test_several_stages_are_asked_for_by_what_they_make(finished, target):
    assert not set(finished.planned(target)) - {target}


def test_models_that_have_the_same_features_share_them(finished):
    models = [
        {"name": name, "backbone": "efficientnet_lite0", "weights": "imagenet", "recipe": {"head": {"units": [units]}}}
        for name, units in (("a", 8), ("b", 4))
    ]
    (finished.folder / "change.yaml").write_text(yaml.safe_dump({"models": models}))
    planned = finished.planned("--configfile", "tiny.yaml", "change.yaml")
    assert (planned["features"], planned["train_head"], planned["infer"]) == (2, 2, 6)


def test_which_arithmetic_is_fastest_is_decided_once_for_a_backbone(finished):
    models = [
        {"name": name, "backbone": "efficientnet_lite0", "output_layer": layer}
        for name, layer in (("a", None), ("b", "top_activation"))
    ]
    (finished.folder / "change.yaml").write_text(yaml.safe_dump({"models": models, "precision": "auto"}))
    planned = finished.planned("--configfile", "tiny.yaml", "change.yaml")
    assert (planned["precision"], planned["finetune"]) == (1, 2)


def test_every_configuration_of_the_project_gives_a_graph(finished):
    (finished.folder / "choices-120").mkdir()
    (finished.folder / "choices-120/1.txt").touch()
    for path in sorted((ROOT / "config").glob("*.yaml")):
        assert finished.planned("--configfile", str(path))["summary"] == 1


def test_all_blocks_embeds_the_end_of_every_block(finished):
    whole = [{"name": "lite0", "backbone": "efficientnet_lite0", "weights": "imagenet"}]
    change = {"models": whole, "embeddings": {"layers": "all-blocks"}}
    (finished.folder / "change.yaml").write_text(yaml.safe_dump(change))
    planned = finished.planned("--configfile", "tiny.yaml", "change.yaml")
    assert planned["infer"] == 3
    assert planned["procrustes"] > 10


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("finetune: {epoch: 3}", "config: finetune.epoch: unknown key; did you mean 'epochs'?"),
        ("seeds: [a]", 'config: seeds[0]: found "a"; allowed: integer'),
        ("models: [{name: x, backbone: resnet50, weights: none.h5}]", "no file 'none.h5'"),
        ("models: [{name: x, backbone: resnet50, weights: 'w{x}.weights.h5'}]", "a path without braces"),
        ("models: [{name: x, backbone: resnet5O, weights: none}]", "resnet5O"),
    ],
)
def test_a_wrong_configuration_stops_before_any_job_with_one_line(finished, change, expected):
    (finished.folder / "change.yaml").write_text(change)
    result = finished.snakemake("--configfile", "tiny.yaml", "change.yaml")
    assert result.returncode != 0
    assert result.stderr.splitlines()[-1].startswith("error: ")
    assert expected in result.stderr.splitlines()[-1]
    assert "Job stats" not in result.stdout + result.stderr


def test_where_the_configuration_below_is_in_another_folder_an_error_says_so(tmp_path):
    workplace = Workplace(tmp_path / "here")
    (workplace.folder / "elsewhere").mkdir()
    planned = workplace.dry_run("--directory", "elsewhere")
    said = f"(there is no config/config.yaml in {workplace.folder}/elsewhere, over which config files are laid)"
    assert planned.returncode == 1
    assert said in planned.stdout + planned.stderr
    assert said not in workplace.dry_run("--config", "seeds=x").stdout


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (os.mkfifo, "photos/a.png is no regular file but a pipe, socket or device"),
        (lambda path: path.symlink_to("/dev/zero"), "photos/a.png is no regular file but a pipe, socket or device"),
        (
            lambda path: path.touch() or os.truncate(path, 10**10),
            "photos/a.png: longer than 5,000,000,000 bytes; narrow",
        ),
        (lambda path: path.symlink_to("a.png"), "photos/a.png cannot be read: Too many levels of symbolic links"),
        (lambda path: path.symlink_to("none"), "photos/a.png cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_no_stage_could_read_to_its_end_is_one_line_before_any_job(make, expected, tmp_path):
    dataset = {
        "source": "directory",
        "directory": "photos",
        "labels": "none",
        "splits": {"train": {"images": "*.png", "coordinates": "mds.csv"}, "validation": {"fraction": 0.5}},
    }
    study = {"study": "x", "dataset": dataset, "models": "resnet50"}
    workplace = Workplace(tmp_path / "here", yaml.safe_dump(study))
    (workplace.folder / "photos").mkdir()
    make(workplace.folder / "photos/a.png")
    (workplace.folder / "photos/mds.csv").write_text("image,x,y\na,1,2\n")
    result = workplace.dry_run()
    assert result.returncode == 1
    assert expected in result.stdout + result.stderr
    assert "Building DAG" not in result.stdout + result.stderr


def test_an_archive_out_of_reach_is_one_line_that_says_what_to_do(tmp_path):
    workplace = Workplace(tmp_path / "here", "study: far\ndataset: {osf: {api: 'http://127.0.0.1:9/v2'}}\n")
    result = workplace.snakemake("--until", "download")
    assert result.returncode != 0
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(set(lines)) == 1
    assert "127.0.0.1:9" in lines[0]
    assert "directory" in lines[0]
    assert "config/demo.yaml" in lines[0]


def test_what_a_killed_run_was_at_is_done_again_without_being_asked_to(finished):
    """Snakemake's marks of outputs under way have the names of its metadata."""
    name = base64.b64encode(b"results/tiny/summary.md").decode()
    assert (finished.folder / ".snakemake/metadata" / name).exists()
    mark = finished.folder / ".snakemake/incomplete" / name
    mark.parent.mkdir(exist_ok=True)
    mark.touch()
    try:
        assert set(finished.planned()) == {"summary", "overview"}
    finally:
        mark.unlink()


def test_a_study_fetched_from_the_archive_interrupted_and_continued_is_the_same_to_the_last_digit(finished, tmp_path):
    """As the study of the drawn images, of which the archive is one, and which nothing disturbed."""
    results = Path("results/tiny")
    with StandIn(finished.archive(tmp_path / "archive")) as osf:
        dataset = {"source": "osf", "osf": {"api": osf.api}}
        workplace = Workplace(tmp_path / "here", yaml.safe_dump(yaml.safe_load(TINY) | {"dataset": dataset}))
        with open(tmp_path / "output", "w") as output:
            process = subprocess.Popen(
                workplace.command("--until", "extract_embeddings"),
                cwd=workplace.folder,
                env=workplace.environment | {"NO_PROXY": "*"},
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=heed_interrupts,
            )
            begun = workplace.folder / results / "logs/features"
            wait_until(lambda: begun.exists() or process.poll() is not None, 300)
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(timeout=120) != 0, (tmp_path / "output").read_text()
    shard = workplace.folder / results / "tfrecords/train-00000-of-00002.tfrecord"
    before = shard.stat().st_mtime_ns
    assert not {"download", "restructure", "tfrecords"} & set(workplace.planned("--until", "extract_embeddings"))
    result = workplace.snakemake("--until", "extract_embeddings")
    assert result.returncode == 0, result.stderr
    assert shard.stat().st_mtime_ns == before
    assert not list((workplace.folder / "results").rglob(".partial-*"))
    first, second = finished.folder, workplace.folder
    for name in (results / "catalog.csv", f"{RUN}/head.history.csv", f"{RUN}/finetune.history.csv"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    with (
        np.load(first / RUN / "embeddings/penultimate.npz") as a,
        np.load(second / RUN / "embeddings/penultimate.npz") as b,
    ):
        np.testing.assert_array_equal(a["embedding"], b["embedding"])


@pytest.mark.slow
def test_the_recipe_as_first_published_runs_on_a_local_copy_of_an_archive(finished, tmp_path):
    """Pixels in [0, 1], batch norm trained, watched on the validation images, and `source: directory`."""
    original = yaml.safe_load((ROOT / "config/original.yaml").read_text())
    tiny = yaml.safe_load(TINY)
    archive = finished.archive(tmp_path / "archive")
    config = tiny | {
        "study": "original",
        "dataset": {"source": "directory", "directory": str(archive)},
        "models": [
            {
                "name": "lite0",
                "backbone": "efficientnet_lite0",
                "weights": "imagenet",
                "output_layer": "block2b_add",
                "preprocessing": "unit",
            }
        ],
        "finetune": original["finetune"] | {"epochs": 2, "batch_size": 8},
    }
    (finished.folder / "original.yaml").write_text(yaml.safe_dump(config))
    result = finished.snakemake("embedded", "trained", "--configfile", "original.yaml")
    assert result.returncode == 0, result.stderr
    run = finished.folder / "results/original/models/lite0/seed-0"
    assert json.loads((run / "metrics.json").read_text())["selection"] == "validation"
    history = pd.read_csv(run / "finetune.history.csv")
    assert history["val_loss"].notna().all()
    assert not (run / "head.refit.keras").exists()
    assert len(list(archive.rglob("*.jpg"))) == 36


@pytest.mark.slow
def test_the_best_study_runs_whole_on_small_images(finished):
    """Two of its networks and their average: several layers, pooled over the foreground, under exact heads for both objectives."""
    best = yaml.safe_load((ROOT / "config/best.yaml").read_text())
    models = {model["backbone"]: model | {"image_size": 32} for model in best["models"]}
    del models["efficientnet_lite1"]
    models["resnet50"]["weights"] = "none"
    config = yaml.safe_load(TINY) | best | {"study": "best", "models": list(models.values())}
    config["tfrecords"] = {"image_size": 32, "margin": 4}
    (finished.folder / "best.yaml").write_text(yaml.safe_dump(config))
    result = finished.snakemake("--configfile", "best.yaml")
    assert result.returncode == 0, result.stdout + result.stderr
    summary = pd.read_csv(finished.folder / "results/best/summary.csv").set_index("model")
    assert summary.index.tolist() == [*(model["name"] for model in models.values()), "all"]
    assert summary[["validation_top1", "coordinates_mean_r", "held_out_mean_r"]].notna().all().all()


def test_the_stages_are_drawn_each_once_with_their_jobs_without_graphviz(finished):
    graph = stage_graph(finished.snakemake("all", "--dag", "dot").stdout)
    command = [Path(sys.executable).with_name("graphviz-pure"), "-Tsvg"]
    svg = subprocess.run(command, input=graph, text=True, check=True, capture_output=True).stdout
    drawn = re.findall(r">(\w+)</text>\n<text[^>]*>(\d+) jobs?</text>", svg)
    assert len(drawn) == len(dict(drawn))
    assert {stage: int(count) for stage, count in drawn} == finished.planned("--forceall")


def test_a_drawn_stage_names_its_models_where_they_are_others_than_those_of_the_stage_before():
    def job(number: int, rule: str, *wildcards: str) -> str:
        label = r"\n".join([rule, *wildcards])
        return f'\t{number}[label = "{label}", color = "0 0 0", style="rounded"];'

    jobs = [job(0, "restructure"), job(1, "summary")]
    edges = []
    for i, model in enumerate("abcdef"):
        jobs += [job(10 + i, "infer", f"model: {model}", "seed: 0"), job(20 + i, "measure")]
        edges += [(0, 10 + i), (10 + i, 20 + i), (20 + i, 1), (0, 1)]
        if model != "f":
            jobs += [job(30 + i, "evaluate"), job(40 + i, "mistakes")]
            edges += [(10 + i, 30 + i), (30 + i, 40 + i), (40 + i, 1)]
    graph = stage_graph("\n".join([*jobs, *(f"\t{a} -> {b}" for a, b in edges)]))
    labels = dict(re.findall(r'(\w+) \[label="([^"]+)"', graph))
    assert labels == {
        "restructure": r"restructure\n1 job",
        "summary": r"summary\n1 job",
        "infer": r"infer\n6 jobs",
        "measure": r"measure\n6 jobs",
        "evaluate": r"evaluate\n5 jobs\na\nb\nc\nand 2 more",
        "mistakes": r"mistakes\n5 jobs",
    }
    arrows = {("restructure", "infer"), ("infer", "measure"), ("infer", "evaluate"), ("evaluate", "mistakes")}
    assert set(re.findall(r"(\w+) -> (\w+);", graph)) == arrows | {("measure", "summary"), ("mistakes", "summary")}
