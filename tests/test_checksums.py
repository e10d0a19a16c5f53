"""What a stage wrote is recorded, and a later stage notices when it is no longer that."""

import ast
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from rockspace.artifacts import recording, replacing, write_text
from rockspace.checksums import record_of, verified, verify_artifact, verify_files
from rockspace.errors import RockspaceError
from rockspace.runlog import recorded

SCRIPTS = sorted((Path(__file__).parents[1] / "workflow/scripts").glob("*.py"))


@pytest.fixture
def study(tmp_path) -> Path:
    """A table and a folder of images, recorded."""
    folder = tmp_path / "study"
    with recording([folder / "catalog.csv", folder / "images"]):
        with replacing(folder / "images") as images:
            (images / "train/Rock Salt").mkdir(parents=True)
            (images / "train/Rock Salt/S_Rock Salt_01.jpg").write_bytes(bytes(range(256)))
            (images / "train/Rock Salt/S_Rock Salt_02.jpg").write_bytes(b"another")
        write_text(folder / "catalog.csv", "image_id,label\nS_Rock Salt_01,Rock Salt\n")
    return folder


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def mask(file: Path) -> None:
    file.unlink()
    file.mkdir()


def complaint(file: Path) -> str:
    with pytest.raises(RockspaceError) as error:
        verified(file)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("damage", [flip, cut, empty, mask])
@pytest.mark.parametrize(
    ("name", "artifact"),
    [("catalog.csv", "catalog.csv"), ("images/train/Rock Salt/S_Rock Salt_01.jpg", "images")],
)
def test_damage_is_one_line_with_the_file_and_what_to_delete(study, name, artifact, damage):
    verified(study / name)
    damage(study / name)
    text = complaint(study / name)
    assert text.startswith(f"{study / name}: ")
    assert f"delete {study / artifact} and run again" in text
    assert f"delete {study / '.checksums' / artifact}" in text


@pytest.mark.parametrize(
    ("name", "what_to_do"),
    [
        ("catalog.csv", "it is gone: run again"),
        (
            "images/train/Rock Salt/S_Rock Salt_01.jpg",
            "it is gone from {study}/images: delete {study}/images and run again",
        ),
    ],
)
def test_what_is_gone_is_one_line_with_what_to_do(study, name, what_to_do):
    (study / name).unlink()
    assert complaint(study / name).startswith(f"{study / name}: {what_to_do.format(study=study)}")


def test_an_edit_on_purpose_is_kept_by_deleting_its_checksum(study):
    (study / "catalog.csv").write_text("edited")
    complaint(study / "catalog.csv")
    (study / ".checksums/catalog.csv").unlink()
    assert verified(study / "catalog.csv") == study / "catalog.csv"


def test_damage_to_the_checksum_itself_is_not_a_bug(study):
    for damaged in (b"\xff\x00 cut", b""):
        (study / ".checksums/catalog.csv").write_bytes(damaged)
        assert "delete" in complaint(study / "catalog.csv")


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../images/x.jpg", "images/../../x", "images/a\0b", "catalog.csv", "", "\0" * 70]
)
def test_a_record_leads_to_no_file_outside_its_artifact(study, name):
    record = study / ".checksums/images"
    record.write_text(record.read_text() + f"{'0' * 64}  {name}\n")
    with pytest.raises(RockspaceError) as refusal:
        verify_artifact(study / "images")
    assert str(refusal.value).startswith(f"{record}: the record is damaged (it has a file ")


@pytest.mark.parametrize(
    "make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["folder", "pipe", "endless"]
)
def test_what_took_the_place_of_an_artifact_or_its_record_is_one_line(tmp_path, make):
    for taken, line in (("a.csv", "a.csv: it cannot be read"), (".checksums/a.csv", "the record cannot be read")):
        with recording([tmp_path / "a.csv"]):
            write_text(tmp_path / "a.csv", "x")
        (tmp_path / taken).unlink()
        make(tmp_path / taken)
        with pytest.raises(RockspaceError, match=line):
            verify_files([tmp_path / "a.csv"])
        shutil.rmtree(tmp_path / "a.csv") if (tmp_path / "a.csv").is_dir() else (tmp_path / "a.csv").unlink()


def test_a_file_that_appeared_in_a_folder_is_not_what_the_stage_wrote(study):
    (study / "images/train/intruder.jpg").write_bytes(b"x")
    assert "has changed" in complaint(study / "images/train/intruder.jpg")


def test_what_no_stage_wrote_passes(study):
    (study / "mine.weights.h5").write_bytes(b"x")
    assert verified(study / "mine.weights.h5") == study / "mine.weights.h5"


def test_results_can_be_moved(study, tmp_path):
    moved = tmp_path / "elsewhere/results"
    shutil.copytree(study, moved)
    shutil.rmtree(study)
    verify_files([moved / "catalog.csv", moved / "images"])
    flip(moved / "catalog.csv")
    complaint(moved / "catalog.csv")


def test_a_relative_path_is_the_same_file(study, monkeypatch):
    monkeypatch.chdir(study)
    verified("catalog.csv")
    flip(Path("catalog.csv"))
    complaint("catalog.csv")


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="coreutils are the reference")
def test_coreutils_check_them_too(study):
    command = ["sha256sum", "--check", "--strict", ".checksums/catalog.csv", ".checksums/images"]
    assert subprocess.run(command, cwd=study, capture_output=True, check=True).stdout.count(b": OK") == 3
    flip(study / "images/train/Rock Salt/S_Rock Salt_02.jpg")
    assert subprocess.run(command, cwd=study, capture_output=True).returncode == 1


def stage(study: Path, work) -> None:
    with recorded(study / "stage.log", None, [study / "catalog.csv", study / "images"], [study / "out.csv"]):
        work(study / "out.csv")


def test_a_stage_does_not_begin_on_damaged_input(study, capsys):
    flip(study / "catalog.csv")
    with pytest.raises(SystemExit):
        stage(study, lambda out: pytest.fail("it began"))
    assert "catalog.csv: it has changed since its stage wrote it" in capsys.readouterr().err
    assert "catalog.csv" in (study / "stage.log").read_text()


def test_a_record_is_of_what_its_stage_wrote_and_changes_only_with_it(study):
    stage(study, lambda out: write_text(out, "first"))
    (study / "out.csv").write_text("edited")
    complaint(study / "out.csv")
    stage(study, lambda out: write_text(out, "second"))
    verified(study / "out.csv")
    with pytest.raises(ZeroDivisionError):
        stage(study, lambda out: 1 / 0)
    verified(study / "out.csv")


def test_damage_between_a_stage_s_writing_and_its_end_is_not_recorded(study):
    def work(out):
        write_text(out, "whole")
        flip(out)

    stage(study, work)
    complaint(study / "out.csv")


def test_no_artifact_without_its_record_is_ever_there(study, monkeypatch):
    """Whichever of the two renames of a file is the last one that happens."""
    seen, rename = [], os.replace

    def renamed(source, target):
        rename(source, target)
        seen.append((record_of(study / "out.csv").exists(), (study / "out.csv").exists()))

    monkeypatch.setattr(os, "replace", renamed)
    stage(study, lambda out: write_text(out, "whole"))
    assert seen == [(True, False), (True, True)]


def test_only_what_a_stage_says_it_writes_is_recorded(study):
    def work(out):
        write_text(out, "x")
        write_text(study / "checkpoints/epoch.json", "x")

    stage(study, work)
    assert not (study / "checkpoints/.checksums").exists()


def test_a_stage_that_writes_past_the_writer_is_a_bug(study):
    with pytest.raises(RuntimeError, match=r"out\.csv was not written by rockspace\.artifacts"):
        stage(study, lambda out: out.write_text("x"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_script_verifies_what_it_reads_and_records_what_it_writes(script):
    tree = ast.parse(script.read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "recorded"]
    handed = {ast.unparse(argument) for argument in (*calls[0].args, *(k.value for k in calls[0].keywords))}
    read = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for attribute in ("snakemake.input", "snakemake.output"):
        assert (attribute in read) == (attribute in handed)
