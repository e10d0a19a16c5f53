"""What the front page says: models beside chance and published figures, run times, provenance."""

import hashlib
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from rockspace.alignment.intervals import proportion_interval
from rockspace.config import laid_over, validated
from rockspace.report.columns import SUMMARY
from rockspace.report.overview import (
    ACCURACY,
    ALIGNMENT,
    Study,
    accuracy_rows,
    alignment_rows,
    applicable,
    over_seeds,
    table,
)
from rockspace.report.provenance import configuration, git_commit, provenance
from rockspace.report.runtimes import clock, stage_runtimes
from rockspace.report.summary import notes_of
from rockspace.report.tables import write_table_page

CONFIGS = Path(__file__).parents[1] / "config"
OTHERS = [
    {"label": "others", "metric": "validation_top1", "value": 0.2946, "source": "a paper"},
    {"label": "others", "metric": "held_out_mean_r", "value": 0.676, "source": "a paper"},
    {"label": "others", "metric": "held_out_disparity", "value": 0.4, "source": "a paper"},
]


def summary(**changes) -> pd.DataFrame:
    """Two models, the first with two seeds."""
    table = pd.DataFrame(
        {
            "model": ["a", "a", "b"],
            "seed": ["0", "1", "0"],
            "layer": "penultimate",
            "train_top1": 0.9,
            "validation_top1": [0.4, 0.6, 0.3],
            "validation_top1_low": [0.3, 0.5, 0.2],
            "validation_top1_high": [0.5, 0.7, 0.4],
            "validation_top1_interval_over": "images",
            "validation_chance_uniform": 0.25,
            "validation_chance_largest_label": 0.75,
            "validation_top3": 0.8,
            "held_out_mean_r": [0.5, 0.6, 0.4],
            "held_out_mean_r_low": [0.3, 0.4, 0.2],
            "held_out_mean_r_high": [0.7, 0.8, 0.9],
            "held_out_mean_r_interval_over": "subtypes",
            "held_out_mean_r_null": [0.1, 0.2, 0.3],
            "held_out_mean_r_null_low": [0.0, 0.1, 0.2],
            "held_out_mean_r_null_high": [0.2, 0.3, 0.4],
            "held_out_mean_r_p": [0.01, 0.02, 0.03],
            "held_out_mean_r_null_over": "subtypes",
            "new_subtypes_mean_r": 0.35,
            "in_sample_mean_r": 0.7,
            "held_out_disparity": 0.6,
            "in_sample_disparity": 0.5,
            "reduction": "pca",
        }
    )
    return table.reindex(columns=[column.name for column in SUMMARY]).assign(**changes)


ENTRIES = pd.DataFrame(
    {
        "model": ["a", "b"],
        "seed": ["all", "0"],
        "layer": "penultimate",
        "mean_r": [0.55, 0.4],
        "low_images": 0.44,
        "high_images": 0.56,
        "low_subtypes": 0.42,
        "high_subtypes": 0.58,
    }
)


def models(**changes) -> list[dict]:
    return [over_seeds(runs, ENTRIES) for _, runs in summary(**changes).groupby("model")]


def shown(rows, names) -> dict[str, list[str]]:
    """The cells of a table of the page, by heading."""
    content = table(rows, names)
    return {heading: [cells[i] for _, cells in content["rows"]] for i, (heading, _) in enumerate(content["headings"])}


def test_over_several_seeds_the_interval_is_that_of_their_mean_and_no_average_of_ends():
    a, b = models()
    assert (a["held_out_mean_r"], a["held_out_mean_r_low"], a["held_out_mean_r_high"]) == (0.55, 0.42, 0.58)
    assert np.isnan(a["validation_top1_low"])
    assert (a["held_out_mean_r_null_low"], a["held_out_mean_r_null_high"], a["held_out_mean_r_p"]) == (0.0, 0.3, 0.02)
    assert (b["held_out_mean_r_low"], b["held_out_mean_r_high"]) == (0.2, 0.9)


def test_over_several_seeds_the_interval_of_the_accuracy_is_that_of_the_mean_over_labels():
    label = np.repeat(list("vwxyz"), 4)
    each = [pd.DataFrame({"label": label, "correct": np.arange(20) % k == 0}) for k in (2, 3)]
    runs = summary().query("model == 'a'")
    a = over_seeds(runs, ENTRIES, each)
    expected = proportion_interval((each[0]["correct"] + each[1]["correct"] * 1.0) / 2, label)
    assert [a["validation_top1_low"], a["validation_top1_high"]] == expected
    assert a["validation_top1_interval_over"] == "subtypes"
    same = over_seeds(runs, ENTRIES, each[:1] * 2)
    assert [same["validation_top1_low"], same["validation_top1_high"]] == proportion_interval(each[0]["correct"], label)
    assert np.isnan(over_seeds(runs, ENTRIES, [table.assign(label="only") for table in each])["validation_top1_low"])


def test_accuracy_stands_beside_what_others_found_and_both_kinds_of_chance():
    rows = accuracy_rows(models(), OTHERS)
    assert [(row.kind, row.name) for row in rows] == [
        ("model", "a"),
        ("model", "b"),
        ("reference", "others"),
        ("chance", "chance: any label"),
        ("chance", "chance: the largest label"),
    ]
    cells = shown(rows, ACCURACY)
    assert cells["top-1 (95 % over images)"] == ["50.0 %", "30.0 % (20.0 to 40.0)", "29.5 %", "25.0 %", "75.0 %"]
    assert cells["top-3"] == ["80.0 %", "80.0 %", "-", "-", "-"]
    assert [row.note for row in rows[:3]] == ["2 seeds, 40.0 % to 60.0 %", "", "a paper"]


def test_beside_the_held_out_figure_stand_its_own_interval_chance_and_p_and_what_they_are_over():
    rows = alignment_rows(models(), OTHERS)
    cells = shown(rows, ALIGNMENT)
    assert [row.name for row in rows] == ["a", "b", "others"]
    assert cells["r held-out (95 % over subtypes)"] == ["0.550 (0.420 to 0.580)", "0.400 (0.200 to 0.900)", "0.676"]
    assert cells["chance of r held-out (95 % over subtypes)"][:2] == [
        "0.150 (0.000 to 0.300)",
        "0.300 (0.200 to 0.400)",
    ]
    assert cells["p of r held-out (over subtypes)"] == ["0.020", "0.030", "-"]
    assert cells["disparity held-out"] == ["0.600", "0.600", "0.400"]
    assert rows[0].note == "layer penultimate, rotation of principal components, 2 seeds, 0.500 to 0.600"


def test_rows_that_differ_in_what_they_are_over_say_it_each():
    over = ["subtypes", "subtypes", "images"]
    cells = shown(alignment_rows(models(held_out_mean_r_interval_over=over), []), ALIGNMENT)
    assert cells["r held-out (95 %)"] == [
        "0.550 (0.420 to 0.580) over subtypes",
        "0.400 (0.200 to 0.900) over images",
    ]


def test_a_head_that_learnt_coordinates_has_a_row_of_its_own():
    heads = {"coordinates_mean_r": [np.nan, np.nan, 0.65], "coordinates_disparity": [np.nan, np.nan, 0.45]}
    ends = {
        "coordinates_mean_r_low": 0.6,
        "coordinates_mean_r_high": 0.7,
        "coordinates_mean_r_interval_over": "subtypes",
    }
    rows = alignment_rows(models(**heads, **ends), OTHERS)
    assert [(row.name, row.note) for row in rows[1:3]] == [
        ("b", "layer penultimate, rotation of principal components"),
        ("b", "head trained on coordinates"),
    ]
    assert shown(rows, ALIGNMENT)["r held-out (95 % over subtypes)"][2] == "0.650 (0.600 to 0.700)"


def test_other_maps_have_rows_with_their_own_interval_and_chance():
    ridge = {
        "": 0.7,
        "_low": 0.6,
        "_high": 0.8,
        "_interval_over": "subtypes",
        "_null": 0.5,
        "_p": 0.04,
        "_null_over": "subtypes",
    }
    table = {f"ridge_held_out_mean_r{part}": value for part, value in ridge.items()} | {
        "zero_pad_held_out_mean_r": 0.65
    }
    rows = alignment_rows(models(**table)[1:], [])
    assert [row.note for row in rows[1:]] == ["rotation with zero-padding", "ridge regression"]
    cells = shown(rows, ALIGNMENT)
    assert cells["r held-out (95 % over subtypes)"][1:] == ["0.650", "0.700 (0.600 to 0.800)"]
    assert cells["chance of r held-out (95 % over subtypes)"][1:] == ["-", "0.500"]
    assert cells["p of r held-out (over subtypes)"][1:] == ["-", "0.040"]
    assert alignment_rows(models(reduction=np.nan), [])[1].note == "layer penultimate"
    leading = alignment_rows(models(**table, reduction="zero_pad")[1:], [])
    assert [row.note for row in leading] == ["layer penultimate, rotation with zero-padding", "ridge regression"]


def test_a_model_without_an_accuracy_has_none_and_nothing_is_drawn_for_it():
    changes = dict.fromkeys(("validation_top1", "validation_top1_low", "validation_top1_high"), np.nan)
    row = accuracy_rows(models(**changes), [])[0]
    assert list(row.marks) == []


def study(catalog, **changes) -> Study:
    runs = [("a", "0"), ("a", "1"), ("b", "0")]
    alignment = {"n_dimensions": 3, "n_images": {"validation": 12}, "notes": ["12 validation images are few"]}
    return Study(
        config={"seeds": [0, 1], "dataset": {"source": "directory"}},
        catalog=catalog,
        manifests=[],
        summary=summary(**changes),
        entries=ENTRIES,
        layers={"a": "penultimate", "b": "penultimate"},
        baselines={},
        metrics={run: {"selection": "holdout"} for run in runs},
        alignments=dict.fromkeys(runs, alignment),
        predictions={},
    )


def test_the_answer_is_one_sentence_with_its_interval_and_its_own_chance():
    catalog = pd.DataFrame({"split": ["train", "validation", "validation"], "label": ["x", "x", "y"]})
    assert study(catalog).answer() == (
        "Of 2 models, a comes closest to people: on 2 images that it was not trained on, its layer penultimate follows "
        "people's 3 dimensions with a mean correlation of r = 0.55 (0.42 to 0.58 over 2 subtypes); chance is 0.15."
    )
    weak = study(catalog, held_out_mean_r_p=0.4).answer()
    assert weak.endswith("chance is 0.15, so this is not clearly more than chance (p = 0.4 over subtypes).")
    wide = study(catalog.assign(label="x"), held_out_mean_r_null=0.5, held_out_mean_r_null_over="images").answer()
    assert wide.endswith("chance is 0.50, so this is not clearly more than chance (p = 0.02 over images).")


def test_the_answer_of_a_study_too_small_for_an_interval_and_a_null_has_neither():
    catalog = pd.DataFrame({"split": ["train", "validation", "validation"], "label": ["x", "x", "y"]})
    parts = [column for column in summary() if column.startswith(("held_out_mean_r_", "validation_top1_"))]
    small = replace(
        study(catalog, **dict.fromkeys(parts, np.nan)), entries=ENTRIES.assign(low_images=np.nan, low_subtypes=np.nan)
    )
    assert small.answer().endswith("with a mean correlation of r = 0.55.")


def test_the_dimensions_followed_best_and_least_are_named_for_the_closest_model_over_its_seeds():
    catalog = pd.DataFrame({"split": ["train", "validation"], "label": "x"})
    held_out = {("a", "0"): [0.9, 0.3, None], ("a", "1"): [0.7, 0.4, None], ("b", "0"): [0.1, 0.8, 0.5]}
    base = {"n_dimensions": 3, "dimensions": ["size", "hue", "shape"]}
    found = study(catalog)
    one = replace(found, alignments={run: base | {"held_out": {"r": r}} for run, r in held_out.items()})
    assert one.dimensions_in_words() == "It follows size best (r = 0.80) and hue least (r = 0.35)."
    assert replace(found, alignments={}).dimensions_in_words() == ""


def test_notes_of_all_layers_are_said_once_and_those_of_one_with_its_name():
    runs = [("a", 0, "x"), ("b", 0, "x")]
    said = notes_of(runs, [{"notes": ["small", "odd"]}, {"notes": ["small"]}])
    assert said == ["small", "a, seed 0, x: odd"]


def test_a_reference_holds_only_for_the_coordinates_it_was_measured_with(tmp_path):
    manifest = tmp_path / "raw.manifest.json"
    files = {"mds_120.txt": "a" * 64, "mds_360.txt": "b" * 64}
    entries = [{"path": p, "size": 1, "md5": "c" * 32, "sha256": sha, "url": None} for p, sha in files.items()]
    manifest.write_text(json.dumps(entries))
    references = [{"label": str(sha), "coordinates_sha256": sha} for sha in (None, "a" * 64, "b" * 64)]

    def kept(validation):
        return [
            r["coordinates_sha256"] for r in applicable(references, [manifest], {"splits": {"validation": validation}})
        ]

    assert kept({"coordinates": "mds_120.txt"}) == [None, "a" * 64]
    assert kept({"coordinates": "other.txt"}) == [None]
    assert kept({"coordinates": "mds_120.txt", "fraction": 0.2}) == [None]


def test_run_times_are_added_up_by_stage(tmp_path):
    header = "s\th:m:s\tmax_rss\n"
    (tmp_path / "finetune").mkdir()
    (tmp_path / "finetune/a-0.tsv").write_text(header + "10.5\t0:00:10\t2048\n")
    (tmp_path / "finetune/b-0.tsv").write_text(header + "20.0\t0:00:20\t1024\n")
    (tmp_path / "summary.tsv").write_text(header + "0.2\t0:00:00\t-\n")
    stages = stage_runtimes(tmp_path)
    assert stages["stage"].tolist() == ["finetune", "summary"]
    assert stages["jobs"].tolist() == [2, 1]
    assert stages["seconds"].tolist() == [30.5, 0.2]
    assert stages["memory_mb"].iloc[0] == 2048
    assert np.isnan(stages["memory_mb"].iloc[1])
    assert stage_runtimes(tmp_path / "nowhere").empty


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.23, "0.2 s"), (12.4, "12 s"), (59.7, "1 min 00 s"), (245, "4 min 05 s"), (7620, "2 h 07 min")],
)
def test_durations_are_written_as_people_say_them(seconds, text):
    assert clock(seconds) == text


def test_provenance_names_the_data_by_its_checksum_and_no_path_of_the_machine(tmp_path):
    manifest = tmp_path / "raw.manifest.json"
    manifest.write_text("[]")
    config = {"seeds": [0, 1], "dataset": {"source": "directory", "directory": str(tmp_path)}}
    reading = tmp_path / "reading.json"
    reading.write_text(
        '[["mds.csv: column \'id\' names the images", "dimensions: x, y", "ignored: n_raters (counts)"]]'
    )
    found = provenance(config, "results/a/config.yaml", [manifest], reading)
    assert found["coordinates"] == "mds.csv: column 'id' names the images. dimensions: x, y. ignored: n_raters (counts)"
    assert hashlib.sha256(b"[]").hexdigest()[:16] in found["data"]
    assert found["seeds"] == "0, 1"
    assert "keras 3." in found["packages"]
    assert str(tmp_path) not in " ".join(found.values())


def test_the_commit_is_named_where_there_is_one_with_a_word_about_changes(tmp_path):
    assert git_commit(tmp_path) is None
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    (tmp_path / "file").write_text("one")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *command], check=True)
    commit = git_commit(tmp_path)
    assert len(commit) == 12
    (tmp_path / "file").write_text("two")
    assert git_commit(tmp_path) == f"{commit} + changes"


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_configuration_as_written_makes_the_same_run_again(file):
    default = yaml.safe_load((CONFIGS / "config.yaml").read_text())
    config = validated(laid_over(default, yaml.safe_load(file.read_text())))
    config["dataset"]["splits"]["train"]["responses"] = "choices.csv"
    again = validated(laid_over(default, yaml.safe_load(configuration(config))))
    assert again == config


def test_what_a_table_holds_is_text_on_its_page_and_never_markup(tmp_path):
    path = tmp_path / "summary.csv"
    summary(model="<b>x</b>", held_out_mean_r=0.12345, held_out_mean_r_p=2e-5).to_csv(path, index=False)
    write_table_page(path, tmp_path / "page.html", "a & b")
    page = (tmp_path / "page.html").read_text()
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "<b>x" not in page
    assert "a &amp; b" in page
    for text in (">layer<", ">0.123 (0.300 to 0.700)<", ">2e-05<"):
        assert text in page
