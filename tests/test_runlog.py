"""What a stage says: to its log, to the terminal, and in one line where the user can help."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rockspace.artifacts import write_text
from rockspace.errors import RockspaceError
from rockspace.machine_faults import fault_of_the_machine
from rockspace.runlog import LOG_ALONE, recorded
from workflow_runs import wait_until


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
from rockspace.runlog import LOG_ALONE, recorded
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
        env={},
    )
    assert result.stderr == "1 threads\n"
    (line,) = (tmp_path / "stage.log").read_text().splitlines()
    assert line.endswith(" INFO 1 threads")


def test_a_full_disk_is_one_line_also_where_a_library_tells_it_in_words_alone(tmp_path, capsys):
    with pytest.raises(SystemExit), recorded(tmp_path / "stage.log"):
        raise RuntimeError("Unable to flush file") from OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(SystemExit), recorded(tmp_path / "stage.log"):
        raise RuntimeError("ResourceExhausted: No space left on device")
    first, second = capsys.readouterr().err.splitlines()
    assert (
        first == second == f"error: no space is left for what belongs to {tmp_path}/stage.log: free some and run again"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_log_that_cannot_be_written_does_not_hide_what_happened(capsys):
    with pytest.raises(SystemExit), recorded("/dev/full"):
        raise RockspaceError("mds.txt: row 3: found 'x'")
    assert capsys.readouterr().err.splitlines() == ["error: mds.txt: row 3: found 'x'"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EDQUOT, "quota"), "no space is left for what belongs to {log}: free some and run again"),
        (ValueError("HDF5: errno = 28, error message = 'No space left on device'"), "no space is left for what belongs to {log}"),
        (ValueError("errno = 27, error message = 'file too large'"), "a file would be larger than `ulimit -f` or the file system allows at what belongs to {log}: raise"),
        (OSError(errno.EIO, "x"), "the disk failed in reading or writing what belongs to {log} (input/output error): check it"),
        (OSError(errno.EROFS, "x"), "the disk of what belongs to {log} is read-only: make it writable and run again"),
        (MemoryError(), "no memory is left for what belongs to {log}: run again with fewer jobs at once (a smaller --cores)"),
        (ImportError("libx.so: failed to map segment from shared object"), "no memory is left for what belongs to {log}: run"),
        (RuntimeError("can't start new thread"), "no memory is left for what belongs to {log}: run"),
        (OSError(errno.EMFILE, "x", "raw/a.jpg"), "more files than `ulimit -n` allows are open at raw/a.jpg: raise the limit"),
        (OSError(errno.ESTALE, "x"), "the file system of what belongs to {log} is gone: mount it again and run again"),
        (PermissionError(errno.EACCES, "x", "a\n.h5"), "no permission for a\\n.h5: its owner can give it (to a group: `chmod"),
    ],
)  # fmt: skip
def test_what_the_machine_lacks_is_one_line_even_where_another_error_came_of_it(tmp_path, capsys, error, said):
    log = tmp_path / "stage.log"
    with pytest.raises(SystemExit), recorded(log):
        raise RuntimeError("as it came out") from error
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: " + said.format(log=log))


@pytest.mark.parametrize("error", [ValueError("permission denied in label"), OSError(errno.ENOTCONN, "of a socket")])
def test_what_sounds_like_the_machine_and_is_another_fault_stays_one(error):
    assert fault_of_the_machine(error, "x") is None


@pytest.mark.parametrize(
    ("taken", "make", "why"),
    [
        ("a.csv", Path.mkdir, "is a directory"),
        (".checksums/a.csv", Path.mkdir, "is a directory"),
        (".checksums", Path.touch, "file exists"),
    ],
)
def test_what_is_in_the_way_of_an_artifact_is_one_line_with_its_place(tmp_path, capsys, taken, make, why):
    place = tmp_path / "results" / taken
    place.parent.mkdir(parents=True)
    make(place)
    with pytest.raises(SystemExit), recorded(tmp_path / "log", outputs=[tmp_path / "results/a.csv"]):
        write_text(tmp_path / "results/a.csv", "x")
    assert capsys.readouterr().err == f"error: {place} cannot be used ({why}): mend that and run again\n"


def test_modules_in_the_working_folder_do_not_come_before_those_of_python(tmp_path):
    """In the stage and in the processes that it starts."""
    for name in ("types", "json", "numpy", "rockspace"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError")
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/stage.py").write_text("""if True:
        from rockspace.runlog import recorded
        with recorded("stage.log", 2):
            from joblib import Parallel, delayed
            print(Parallel(n_jobs=2)(delayed(abs)(i) for i in (-1, -2)))
        """)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    command = [sys.executable, "scripts/stage.py"]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "[1, 2]\n"), result.stderr


def test_a_log_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "logs").touch()
    with (
        pytest.raises(
            SystemExit, match=r"^error: .*stage\.log cannot be written \((File exists|Not a directory)\): mend"
        ),
        recorded(tmp_path / "logs/stage.log"),
    ):
        pytest.fail("it began")


def test_a_stage_ends_when_the_workflow_that_began_it_is_killed(tmp_path):
    stage = f"""
import os, time
from rockspace.runlog import LOG_ALONE, recorded
with recorded({str(tmp_path / "stage.log")!r}):
    open({str(tmp_path / "began")!r}, "w").write(str(os.getpid()))
    time.sleep(60)
"""
    starter = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {stage!r}])"
    workflow = subprocess.Popen([sys.executable, "-c", starter], env={})
    wait_until(lambda: (tmp_path / "began").exists() and (tmp_path / "began").read_text())
    pid = int((tmp_path / "began").read_text())
    workflow.kill()
    workflow.wait()
    wait_until(lambda: not Path(f"/proc/{pid}").exists() or "Z (zombie)" in Path(f"/proc/{pid}/status").read_text())


def test_settings_of_the_user_for_keras_and_matplotlib_change_nothing_that_is_computed(tmp_path):
    """``~/.keras/keras.json``, ``matplotlibrc`` and the environment, against a home folder without any."""
    script = f"""if True:
        from rockspace.runlog import recorded
        with recorded({str(tmp_path / "stage.log")!r}, 1, tensorflow=True):
            import hashlib
            import os
            import keras
            import matplotlib.pyplot as plt
            from rockspace.report.figures import column_style, save
            layer = keras.layers.Conv2D(2, 3)
            print(keras.config.backend(), keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format())
            print(keras.config.dtype_policy().name, layer(keras.ops.ones((1, 8, 9, 3))).shape, keras.config.max_epochs())
            with column_style():
                figure, axis = plt.subplots()
                axis.plot([1, 2], label="$x$")
                axis.legend()
                save(figure, [{str(tmp_path / "figure.svg")!r}])
            print(hashlib.sha256(open({str(tmp_path / "figure.svg")!r}, "rb").read()).hexdigest())
    """
    settings = {
        ".keras/keras.json": '{"backend": "jax", "floatx": "float16", "epsilon": 1.0, "image_data_format": "channels_first"}',
        ".config/matplotlib/matplotlibrc": "text.usetex: True\naxes.facecolor: red\nfont.size: 30\nsavefig.bbox: tight\n",
    }
    said = []
    for home, variables in (
        ("plain", {}),
        ("odd", {"KERAS_BACKEND": "torch", "KERAS_MAX_EPOCHS": "1", "MPLBACKEND": "none of them"}),
    ):
        for name, text in settings.items() if variables else ():
            (tmp_path / home / name).parent.mkdir(parents=True)
            (tmp_path / home / name).write_text(text)
        ours = {name: value for name, value in os.environ.items() if name not in ("MPLCONFIGDIR", "XDG_CONFIG_HOME")}
        environment = ours | {"HOME": str(tmp_path / home)} | variables
        result = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        said.append(result.stdout)
    assert said[0].startswith("tensorflow float32 1e-07 channels_last\nfloat32 (1, 6, 7, 2) None\n")
    assert said[1] == said[0]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_where_the_log_alone_is_shown_all_goes_there_but_what_it_cannot_take(tmp_path):
    """Which is the case in a workflow with this project's logger."""
    stage = """
import sys
from rockspace.artifacts import write_text
from rockspace.errors import RockspaceError
from rockspace.runlog import LOG_ALONE, recorded
with recorded(sys.argv[1]):
    print("a library's words", file=sys.stderr, flush=True)
    raise RockspaceError("mds.txt: row 3")
"""
    command, environment = [sys.executable, "-c", stage], os.environ | {LOG_ALONE: "1"}
    full = "error: no space is left for what belongs to /dev/full: free some and run again\n"
    for log, said in ((str(tmp_path / "stage.log"), ""), ("/dev/full", full)):
        result = subprocess.run([*command, log], capture_output=True, text=True, env=environment)
        assert (result.returncode, result.stderr) == (1, said)
    words, error = (tmp_path / "stage.log").read_text().splitlines()
    assert words == "a library's words"
    assert error.endswith(" ERROR error: mds.txt: row 3")
