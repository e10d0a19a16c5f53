"""What the front page says: models beside chance and published figures, run times, provenance."""

import hashlib
import json
import subprocess

import numpy as np
import pandas as pd
import pytest

from rockspace.report.overview import accuracy_rows, alignment_rows, applicable
from rockspace.report.provenance import git_commit, provenance
from rockspace.report.runtimes import clock, stage_runtimes
from rockspace.report.summary import with_leading
from rockspace.report.tables import write_table_page

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
            "validation_top3": 0.8,
            "held_out_mean_r": [0.5, 0.6, 0.4],
            "held_out_mean_r_low": 0.3,
            "held_out_mean_r_high": 0.8,
            "held_out_mean_r_low_subtypes": [0.2, np.nan, 0.2],
            "held_out_mean_r_high_subtypes": [0.9, np.nan, 0.9],
            "held_out_p_images": 0.01,
            "held_out_p_subtypes": [0.02, np.nan, 0.03],
            "in_sample_mean_r": 0.7,
            "null_mean_r": 0.2,
            "held_out_disparity": 0.6,
            "in_sample_disparity": 0.5,
        }
    )
    return with_leading(table.assign(**changes))


def figures() -> dict:
    one = {"permutation": {"null_disparity": 0.9}}
    return {("a", "0"): one, ("a", "1"): one, ("b", "0"): one}


def test_figures_over_subtypes_lead_and_those_over_images_stand_in_for_them():
    table = summary()
    assert table["held_out_low"].tolist() == [0.2, 0.3, 0.2]
    assert table["held_out_high"].tolist() == [0.9, 0.8, 0.9]
    assert table["held_out_p"].tolist() == [0.02, 0.01, 0.03]


def test_accuracy_stands_beside_what_others_found_and_chance():
    rows = accuracy_rows(summary(), OTHERS, n_labels=30)
    assert [(row.kind, row.name) for row in rows] == [
        ("model", "a"),
        ("model", "b"),
        ("reference", "others"),
        ("chance", "chance"),
    ]
    assert rows[0].cells == ("50.0 % (40.0 to 60.0)", "80.0 %", "90.0 %")
    assert rows[0].note == "2 seeds, 40.0 % to 60.0 %"
    assert rows[1].note == ""
    assert (rows[2].cells[0], rows[2].note) == ("29.46 %", "a paper")
    assert rows[3].cells[0] == "3.3 %"


def test_alignment_is_given_held_out_in_sample_and_shuffled_and_a_reference_is_one_row():
    rows = alignment_rows(summary(), figures(), OTHERS)
    assert rows[1].cells == ("0.400 (0.200 to 0.900)", "0.700", "0.200", "0.600 / 0.500 / 0.900", "0.030")
    assert rows[0].note == "layer penultimate, 2 seeds, 0.500 to 0.600"
    assert [row.name for row in rows] == ["a", "b", "others"]
    assert rows[2].cells == ("0.676", "", "", "0.400", "")


def test_a_head_that_learnt_coordinates_has_a_row_of_its_own():
    heads = {"coordinates_mean_r": [np.nan, np.nan, 0.65], "coordinates_disparity": [np.nan, np.nan, 0.45]}
    table = summary(**heads, coordinates_mean_r_low=0.6, coordinates_mean_r_high=0.7)
    rows = alignment_rows(table, figures(), OTHERS)
    assert [(row.name, row.note) for row in rows[1:3]] == [("b", "layer penultimate"), ("b", "coordinates head")]
    assert rows[2].cells == ("0.650 (0.600 to 0.700)", "", "", "0.450", "")


def test_a_model_without_an_accuracy_has_none_and_nothing_is_drawn_for_it():
    table = summary(validation_top1=np.nan, validation_top1_low=np.nan, validation_top1_high=np.nan)
    row = accuracy_rows(table, [], n_labels=30)[0]
    assert row.cells[0] == "-"
    assert list(row.marks) == []


def test_a_reference_holds_only_for_the_coordinates_it_was_measured_with(tmp_path):
    manifest = tmp_path / "raw.manifest.json"
    files = {"mds_120.txt": "a" * 64, "mds_360.txt": "b" * 64}
    entries = [{"path": p, "size": 1, "md5": "c" * 32, "sha256": sha, "url": None} for p, sha in files.items()]
    manifest.write_text(json.dumps(entries))
    references = [{"label": str(sha), "coordinates_sha256": sha} for sha in (None, "a" * 64, "b" * 64)]

    def kept(validation):
        return [
            r["coordinates_sha256"] for r in applicable(references, manifest, {"splits": {"validation": validation}})
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
    found = provenance(config, ["config.yaml"], manifest)
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


def test_what_a_table_holds_is_text_on_its_page_and_never_markup(tmp_path):
    table = tmp_path / "table.csv"
    pd.DataFrame({"a_name": ["<b>x</b>"], "value": [0.12345], "tiny": [2e-5]}).to_csv(table, index=False)
    write_table_page(table, tmp_path / "page.html", "a & b")
    page = (tmp_path / "page.html").read_text()
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "<b>x" not in page
    assert "a &amp; b" in page
    for text in (">a name<", ">0.1235<", ">2e-05<"):
        assert text in page
