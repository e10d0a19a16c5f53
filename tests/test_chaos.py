"""A small study survives kills, corruption and a full disk; `make chaos` does it for longer, see chaos.py."""

import random
import subprocess
from itertools import count

import pytest

from chaos import (
    Study,
    assert_same_results,
    can_mount,
    heal_corruption,
    notice_corruption,
    survive_full_disk,
    survive_kills,
    survive_the_archives_absence,
)
from standin_osf import StandIn


@pytest.fixture(scope="module")
def reference(finished) -> Study:
    """A study that nothing disturbed."""
    return Study(finished.folder)


@pytest.fixture
def study(reference, tmp_path) -> Study:
    """A copy of it, to be disturbed."""
    return reference.copy(tmp_path / "study")


@pytest.mark.slow
def test_a_study_that_was_killed_again_and_again_ends_with_the_same_results(reference, tmp_path):
    numbers = count(1)
    with StandIn(reference.workplace.archive(tmp_path / "archive")) as osf:
        survive_kills(lambda: Study(tmp_path / f"{next(numbers)}", osf.api), reference, 4, random.Random(0))


@pytest.mark.parametrize(
    "artifact",
    [
        "models/lite0/seed-0/metrics.json",
        "models/lite0/seed-0/alignment/penultimate.aligned.csv",
        "models/lite0/seed-0/embeddings/penultimate.npz",
        "models/lite0/seed-0/head.keras",
        "tfrecords/train-00000*",
        "../weights/*.h5",
        "images/train/*/*_01.jpg",
    ],
)
def test_a_corrupted_artifact_is_noticed_in_one_line(study, artifact):
    notice_corruption(study, artifact, random.Random(artifact))


def test_what_the_line_says_heals_the_study(study, reference):
    heal_corruption(study, "models/lite0/seed-0/alignment/penultimate.json", random.Random(0))
    assert_same_results(study, reference)


def test_a_full_disk_is_one_line_and_once_there_is_space_the_study_goes_on(reference, tmp_path):
    if reason := can_mount():
        pytest.skip(reason)
    with StandIn(reference.workplace.archive(tmp_path / "archive")) as osf:
        study = Study(tmp_path / "study", osf.api)
        said = survive_full_disk(study, reference, [60, 120], "restructure")
    assert len(said) == 2


def test_a_full_directory_for_temporary_files_is_in_nobodys_way(tmp_path):
    if reason := can_mount():
        pytest.skip(reason)
    full, study = tmp_path / "full", Study(tmp_path / "study")
    full.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(full)], check=True)
    try:
        (full / "file").write_bytes(bytes(4096))
        study.workplace.environment["TMPDIR"] = str(full)
        assert study.run("--until", "restructure") == 0, study.said()
        assert [path.name for path in full.iterdir()] == ["file"]
    finally:
        subprocess.run(["umount", "--lazy", str(full)], check=True)


def test_an_archive_that_goes_away_mid_download_is_one_line_and_once_it_is_back_the_study_goes_on(reference, tmp_path):
    said = survive_the_archives_absence(tmp_path / "study", reference.workplace.archive(tmp_path / "archive"), 5)
    assert "run again later" in said
