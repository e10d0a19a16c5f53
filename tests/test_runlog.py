"""What a stage says: to its log, to the terminal, and in one line where the user can help."""

import subprocess
import sys

import pytest

from rockspace.errors import RockspaceError
from rockspace.runlog import recorded


def test_a_complaint_is_one_line_on_the_terminal_and_in_the_log_and_ends_the_stage(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop, recorded(tmp_path / "logs/stage.log"):
        raise RockspaceError("mds.txt: row 3: found 'x'")
    assert stop.value.code == 1
    assert capsys.readouterr().err.splitlines() == ["error: mds.txt: row 3: found 'x'"]
    assert "row 3" in (tmp_path / "logs/stage.log").read_text()


def test_a_bug_keeps_its_stack_trace_in_the_log_too(tmp_path):
    with pytest.raises(ZeroDivisionError), recorded(tmp_path / "stage.log"):
        1 / 0  # noqa: B018
    assert "ZeroDivisionError" in (tmp_path / "stage.log").read_text()


def test_tensorflow_starts_without_a_word_on_the_terminal_and_with_the_threads_it_was_given(tmp_path):
    script = f"""
from rockspace.runlog import recorded
with recorded({str(tmp_path / "stage.log")!r}, 1, tensorflow=True) as log:
    import tensorflow as tf
    tf.constant(1)
    import os
    log.info("%s threads", os.environ["TF_NUM_INTRAOP_THREADS"])
"""
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert result.stderr == "1 threads\n"
