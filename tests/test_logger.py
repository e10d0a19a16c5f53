"""What a run shows while it goes on: the plugin that the default profile gives Snakemake."""

import errno
import io
import logging
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.tests import MockOutputSettings

import snakemake_logger_plugin_rockspace as plugin
from rockspace import runlog
from snakemake_logger_plugin_rockspace import LogHandler
from workflow_runs import heed_interrupts, wait_until

SNAKEFILE = """
rule all:
    input: expand("made/{model}-{seed}", model=config["models"].split("+"), seed=[0, 1])
rule prepare:
    output: "made/prepared"
    log: "logs/prepare.log"
    script: "stage.py"
rule finetune:
    input: "made/prepared"
    output: "made/{model}-{seed}"
    log: "logs/{model}-{seed}.log"
    message: "{wildcards.model}: training"
    script: "stage.py"
onsuccess:
    from snakemake.logging import logger
    logger.info("\\nThe [bold]answer")
"""
STAGE = """
import atexit, os, signal, sys, time
from pathlib import Path
from rockspace.errors import RockspaceError
from rockspace.runlog import NOTE, recorded
with recorded(snakemake.log[0], 1) as log:
    log.info("refit epoch 1/1")
    log.log(NOTE, "ignored: nothing")
    print("a library's words", file=sys.stderr)
    for part in snakemake.output[0].split("/")[1].split("-"):
        match part:
            case "refused":
                raise RockspaceError("mds.txt: row 3: found 'x'")
            case "faulty":
                try:
                    1 / 0
                finally:
                    atexit.register(lambda: print("a library's last words", file=sys.stderr))
            case "full":  # and so was its log
                os.write(2, b"RuntimeError: not written\\n, errno = 28, error message = 'No space left on device'\\n")
                os._exit(1)
            case "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            case "slow":
                time.sleep(60)
    Path(snakemake.output[0]).touch()
"""


@pytest.fixture
def command(tmp_path):
    """A command that runs the stages of some models with the logger."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "stage.py").write_text(STAGE)

    def of_models(models: str, *arguments: str) -> list[str]:
        snakemake = [sys.executable, "-m", "snakemake", "--cores", "2", "--logger"]
        return [*snakemake, "rockspace", *arguments, "--config", f"models={models}"]

    return of_models


@pytest.fixture
def run(command, tmp_path, monkeypatch):
    """Run it without a terminal."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: subprocess.run(command(*arguments), capture_output=True, text=True, timeout=120)


def test_a_run_is_one_line_for_each_job_with_what_it_wants_to_be_read_and_ends_with_the_answer(run, tmp_path):
    result = run("a+b")
    assert (result.returncode, result.stdout) == (0, "")
    lines = [re.sub(r" +\d+ s$", "", line) for line in result.stderr.splitlines()]
    note = "    ignored: nothing"
    assert lines[:2] == ["1/6  prepare", note]
    assert sorted(line[5:] for line in lines[2:10] if line != note) == [
        f"finetune  {model}, seed {seed}" for model in "ab" for seed in (0, 1)
    ]
    assert lines[10:] == ["", "The [bold]answer"]
    assert "a library's words\n" in (tmp_path / "logs/prepare.log").read_text()


def test_the_errors_of_all_jobs_are_the_last_things_said_each_with_stage_and_log(run):
    result = run("refused+faulty+killed+full", "--keep-going")
    assert result.returncode != 0
    block = result.stderr.rpartition("\n\n")[2].splitlines()
    errors = dict(zip(block[1::3], block[::3], strict=True))
    assert errors == {
        f"  stage  finetune  {model}, seed {seed}": why.format(seed=seed)
        for model, why in {
            "refused": "error: mds.txt: row 3: found 'x'",
            "faulty": "error: ZeroDivisionError: division by zero",
            "full": "error: no space is left for logs/full-{seed}.log: free some and run again",
            "killed": "finetune ended without an error in its log (killed, out of memory, or no space left?), after: a library's words",
        }.items()
        for seed in (0, 1)
    }
    assert set(block[2::3]) == {
        f"  log    logs/{m}-{s}.log" for m in ("refused", "faulty", "killed", "full") for s in (0, 1)
    }
    assert result.stderr.count(" s  failed\n") == 8
    assert "Traceback" not in result.stderr
    assert "CalledProcessError" not in result.stderr


@pytest.mark.parametrize("entry", ["study", "finetune.epochs=3"])
def test_a_configuration_on_the_command_line_that_is_none_is_one_line_with_an_example(command, tmp_path, entry):
    result = subprocess.run([*command("a"), entry], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    (line,) = (result.stdout + result.stderr).splitlines()
    assert re.fullmatch(r"error: Invalid config definition: .* For example: --config study=mine .*", line)


@pytest.mark.parametrize("arguments", [(), ("--dry-run",)], ids=["run", "dry run"])
def test_where_snakemake_cannot_use_its_own_files_one_line_says_why(run, tmp_path, arguments):
    (tmp_path / ".snakemake").touch()
    result = run("a", *arguments)
    (line,) = [line for line in (result.stdout + result.stderr).splitlines() if "rror" in line or "  File" in line]
    assert line == f"error: {tmp_path}/.snakemake cannot be used (file exists): mend that and run again"


def test_a_link_that_leads_nowhere_in_the_place_of_an_artifact_is_one_line(run, tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made/prepared").symlink_to("nowhere")
    said = run("a").stderr
    assert (
        "error: made/prepared is a link that leads nowhere, or was deleted meanwhile: delete it and run again\n" in said
    )
    assert "WorkflowError" not in said


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "a/.snakemake/locks"), "no permission for a/.snakemake/locks: its "),
        (OSError(errno.ENOSPC, "No space left on device"), "no space is left for .snakemake: free some and run again"),
        (OSError(errno.EFBIG, "File too large"), "a file would be larger than `ulimit -f` or the file system allows at .snakemake"),
        (RuntimeError("can't start new thread"), "no memory is left for .snakemake: run again with fewer jobs"),
        (ValueError("[Errno 13]"), None),
        (ConnectionError(errno.ECONNREFUSED, "Connection refused"), None),
    ],
)  # fmt: skip
def test_so_it_does_of_what_the_machine_lacks(handler, raised, said):
    """The stack trace as `snakemake.exceptions.format_exception_to_string` writes it."""
    trace = f'Traceback (most recent call last):\n\n  File "a.py", line 1, in a\n\n{type(raised).__name__}: {raised}\n'
    tell(handler, LogEvent.ERROR, msg=trace)
    handler.close()
    said_all = handler.console.file.getvalue()
    assert said_all.startswith(f"error: {said}" if said else trace)
    assert said is None or said_all.count("\n") == 1


def test_a_dry_run_and_a_verbose_one_look_as_snakemake_has_them(run):
    planned = run("a", "--dry-run")
    assert re.search(r"^finetune +2$", planned.stdout, re.MULTILINE)
    assert "a: training" in planned.stdout
    told = run("a", "--printshellcmds")
    assert "Finished jobid" in told.stderr
    # Without the plugin, stages speak for themselves.
    assert "refit epoch 1/1" in told.stderr


def test_a_terminal_shows_a_bar_with_the_stages_at_work_and_is_left_clean_after_control_c(command, tmp_path):
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    process = subprocess.Popen(
        command("slow"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        cwd=tmp_path,
        start_new_session=True,
        preexec_fn=heed_interrupts,
    )
    os.close(theirs)
    said, deadline = "", time.monotonic() + 60
    while not re.search(r"1 of 4 jobs(?:.*?finetune  slow, seed \d, \d+ s  a library's words){2}", said, re.DOTALL):
        assert time.monotonic() < deadline, said
        said += os.read(ours, 4096).decode(errors="replace")
    os.killpg(process.pid, signal.SIGINT)
    end = ""
    try:
        while part := os.read(ours, 4096):
            end += part.decode(errors="replace")
    except OSError:  # how Linux says that the other end was closed
        pass
    assert process.wait(30) != 0
    assert end.replace("\r", "").splitlines()[-1].endswith("stopped; the same command goes on from here")
    assert "error" not in end
    assert "Traceback" not in end
    assert (said + end).rfind("\x1b[?25h") > (said + end).rfind("\x1b[?25l")


@pytest.mark.parametrize(
    "signals", [(signal.SIGINT, signal.SIGINT, signal.SIGINT), (signal.SIGHUP,)], ids=["control c thrice", "closed"]
)
def test_an_impatient_user_or_a_closed_terminal_ends_a_run_that_can_go_on(signals, command, tmp_path):
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(
            command("slow"), stdout=said, stderr=said, cwd=tmp_path, start_new_session=True, preexec_fn=heed_interrupts
        )
    wait_until(lambda: all((tmp_path / f"logs/slow-{seed}.log").exists() for seed in (0, 1)), 60)
    for number in signals:
        os.killpg(process.pid, number)
        time.sleep(0.05)
    assert process.wait(60) != 0
    text = (tmp_path / "said").read_text()
    assert text.splitlines()[-1] == "stopped; the same command goes on from here"
    assert "Traceback" not in text
    assert not list((tmp_path / ".snakemake/locks").glob("*"))


def test_control_c_during_planning_is_one_line(command, tmp_path):
    (tmp_path / "Snakefile").write_text(f"import time\nopen('planning', 'w').close()\ntime.sleep(60)\n{SNAKEFILE}")
    process = subprocess.Popen(
        command("good"),
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        text=True,
        start_new_session=True,
        preexec_fn=heed_interrupts,
    )
    wait_until((tmp_path / "planning").exists, 60)
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=60)[1].splitlines()[-1] == "stopped; the same command goes on from here"
    assert process.returncode == 128 + signal.SIGINT


@pytest.mark.parametrize("streams", ["closed", "without a reader"])
def test_what_nobody_reads_is_lost_and_the_run_goes_on(streams, command, tmp_path):
    def close() -> None:
        for descriptor in (0, 1, 2):
            os.close(descriptor)

    reading, writing = os.pipe()
    process = subprocess.Popen(
        command("good"), stderr=writing, cwd=tmp_path, preexec_fn=close if streams == "closed" else None
    )
    os.close(writing)
    os.close(reading)
    assert process.wait(60) == 0
    assert {path.name for path in (tmp_path / "made").iterdir()} == {"prepared", "good-0", "good-1"}
    assert "a library's words" in (tmp_path / "logs/good-0.log").read_text()


@pytest.fixture
def handler(monkeypatch):
    """The logger of a run without a terminal, for events of choice."""
    monkeypatch.setattr(plugin, "SILENCE_S", 0.02)
    settings = MockOutputSettings()
    settings.printshellcmds = False
    monkeypatch.setenv(plugin.LOG_ALONE, "")
    made = LogHandler(settings, None)
    made.console.file = io.StringIO()
    yield made
    made.close()


def tell(handler: LogHandler, event: LogEvent, **fields: object) -> None:
    handler.handle(logging.makeLogRecord({"event": event, "msg": "", **fields}))


def begin(handler: LogHandler, jobid: int, rule: str, log: Path) -> None:
    wildcards = {"model": "a", "seed": "0", "shard": "00001", "shards": "00004", "draw": ""}
    tell(handler, LogEvent.JOB_INFO, jobid=jobid, rule_name=rule, log=[str(log)], output=["x"], wildcards=wildcards)


def test_without_a_terminal_a_long_silence_is_broken_by_what_the_run_is_at(handler, tmp_path):
    log = tmp_path / "log"
    tell(handler, LogEvent.RUN_INFO, stats={"finetune": 2, "total": 2})
    begin(handler, 1, "finetune", log)
    log.write_text("2026-01-01 10:00:00,000 INFO refit epoch 2/7: loss 0.5\nstoring: 10%\rstoring: 20%")
    wanted = "0 of 2 jobs: finetune  a, seed 0, part 2 of 4, 0 s  storing: 20%"
    deadline = time.monotonic() + 10
    while wanted not in handler.console.file.getvalue():
        assert time.monotonic() < deadline, handler.console.file.getvalue()
        time.sleep(0.02)


def test_the_time_left_is_that_of_jobs_alike_or_else_what_they_take_elsewhere(handler, tmp_path, monkeypatch):
    now = time.time()
    monkeypatch.setattr(plugin.time, "time", lambda: now)
    monkeypatch.setattr(plugin, "MIN_KNOWN", 2)
    tell(handler, LogEvent.RUN_INFO, stats={"infer": 3, "finetune": 1, "total": 4})
    for job in (1, 2):
        begin(handler, job, "infer", tmp_path / "log")
    assert handler._seconds_left() is None
    now += 2 * plugin.TYPICAL_S["infer"]
    for job in (1, 2):
        tell(handler, LogEvent.JOB_FINISHED, job_id=job)
    # Two at a time, and each twice what it usually takes.
    infer, finetune = (2 * plugin.TYPICAL_S[rule] for rule in ("infer", "finetune"))
    assert handler._seconds_left() == pytest.approx((infer + finetune) / 2)
    begin(handler, 3, "finetune", tmp_path / "log")
    now += infer
    assert handler._seconds_left() == pytest.approx((infer + finetune - infer) / (3 * infer / (2 * infer)))


def test_the_logger_and_the_stages_mean_the_same_variable():
    assert plugin.LOG_ALONE == runlog.LOG_ALONE
