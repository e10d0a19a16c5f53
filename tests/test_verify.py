"""`make verify` says of every artifact whether it is what its stage wrote, and which stage that was."""

import subprocess
import sys
from pathlib import Path

import pytest

from workflow_runs import ROOT, Workplace

STUDY = Path("results/tiny")


def verify(study: Workplace) -> subprocess.CompletedProcess:
    """What `make verify` does."""
    summary = study.snakemake("--summary")
    command = [sys.executable, "-P", "-m", "rockspace.verify"]
    return subprocess.run(command, cwd=study.folder, input=summary.stdout, capture_output=True, text=True)


@pytest.fixture
def study(finished, tmp_path) -> Workplace:
    return finished.copy(tmp_path / "study")


def test_every_artifact_of_a_finished_study_is_as_recorded(study):
    result = verify(study)
    assert (result.returncode, result.stderr) == (0, "")
    kind = result.stdout.removeprefix("artifacts: ").strip()
    assert kind.endswith(" as recorded")
    assert int(kind.split()[0]) > 60


def test_damage_is_told_with_the_stage_that_made_it_and_what_to_do(study):
    folder = study.folder / STUDY
    (folder / "summary.csv").write_text("edited")
    (folder / "answer.txt").unlink()
    picture = next((folder / "images").rglob("*.jpg")).relative_to(study.folder)
    (study.folder / picture).unlink()
    photograph = next((folder / "raw").rglob("*.jpg")).relative_to(study.folder)
    content = (study.folder / photograph).read_bytes()
    (study.folder / photograph).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    # On purpose, as its record is deleted too; and never made.
    (folder / "results.md").write_text("edited")
    (folder / ".checksums/results.md").unlink()
    (folder / "results.tex").unlink()
    (folder / ".checksums/results.tex").unlink()
    result = verify(study)
    assert result.returncode == 1
    lines = result.stderr.splitlines()
    assert dict(zip(lines[::3], lines[1::3], strict=True)) == {
        f"error: {photograph} is not the file that raw.manifest.json lists: download the archive again with `--forcerun download`": "  stage  download",
        f"error: {picture}: it is gone from {STUDY}/images: delete {STUDY}/images and run again, or, to keep a change made on "
        f"purpose, delete {STUDY}/.checksums/images": "  stage  restructure",
        f"error: {STUDY}/summary.csv: it has changed since its stage wrote it: delete {STUDY}/summary.csv and run again, or, to "
        f"keep a change made on purpose, delete {STUDY}/.checksums/summary.csv": "  stage  summary",
        f"error: {STUDY}/answer.txt: it is gone: run again, which makes it again": "  stage  overview",
    }
    assert f"  log    {STUDY}/logs/summary.log" in lines
    assert result.stdout.endswith(" as recorded, 4 damaged or gone, 1 without a record, 1 not made yet\n")


@pytest.mark.parametrize("summary", ["", "Building DAG of jobs...\nNothing to be done.\n"])
def test_a_summary_of_nothing_is_an_error_and_modules_of_the_folder_are_not_run(summary, tmp_path):
    for name in ("types.py", "json.py", "yaml.py"):
        (tmp_path / name).write_text("1 / 0")
    command = [sys.executable, "-P", "-m", "rockspace.verify"]
    result = subprocess.run(command, cwd=tmp_path, input=summary, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "error: no artifacts to verify: `snakemake --summary` lists none\n"


def test_make_verify_is_this_command():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert '$(SNAKEMAKE) --configfile "$$@" --summary | $(BIN)/python -P -m rockspace.verify\n' in makefile
