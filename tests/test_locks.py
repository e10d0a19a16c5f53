"""The locks of a run that was killed go with the next run; those of one that is alive, or elsewhere, stay."""

import fcntl
import socket
from pathlib import Path

import pytest

SNAKEFILE = Path(__file__).parents[1] / "workflow/rules/locks.smk"


class Workflow:
    is_main_process = False


@pytest.fixture
def begin_run():
    """The function in the rules, which are Python but for Snakemake's own words."""
    import sys

    names = {"Path": Path, "sys": sys, "workflow": Workflow()}
    exec(SNAKEFILE.read_text(), names)
    return names["begin_run"]


@pytest.fixture
def lock(tmp_path) -> Path:
    path = tmp_path / "locks" / "0.output.lock"
    path.parent.mkdir()
    path.write_text("results/rocks/summary.csv\n")
    return path


def test_locks_of_a_killed_run_are_removed_and_people_are_told(begin_run, lock, tmp_path, capsys):
    begin_run(tmp_path).close()
    assert lock.exists(), "nothing was known about who made it"
    begin_run(tmp_path).close()
    assert not lock.exists()
    assert "its locks are removed" in capsys.readouterr().err


def test_locks_of_a_run_that_is_alive_stay(begin_run, lock, tmp_path):
    with begin_run(tmp_path), begin_run(tmp_path), begin_run(tmp_path):
        assert lock.exists()


def test_locks_stay_where_another_machine_has_run(begin_run, lock, tmp_path):
    (tmp_path / "rockspace.runs").write_text(f"{socket.gethostname()}\nnode-7\n")
    begin_run(tmp_path).close()
    assert lock.exists()


def test_a_run_holds_its_lock_as_long_as_it_lives_and_shares_it_with_other_runs(begin_run, tmp_path):
    with begin_run(tmp_path), open(tmp_path / "rockspace.runs") as other:
        fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
