"""What a run shows on the terminal: a line for each finished job, and below them a bar and the stages at work.

A logger plugin of Snakemake, which ``logger: rockspace`` in the default profile selects. Snakemake's own log in
``.snakemake/log`` has everything as before. A stage's progress is the last line of its log file, so jobs on a cluster
show it too.
"""

import io
import os
import re
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import redirect_stderr, suppress
from dataclasses import dataclass, field
from logging import WARNING, Handler, LogRecord
from pathlib import Path
from signal import SIG_DFL, SIGHUP, SIGINT, default_int_handler, getsignal, signal
from types import FrameType
from typing import Any, TextIO, cast

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from snakemake.cli import parse_args
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from rockspace.config_files import check_config_file
from rockspace.errors import RockspaceError
from rockspace.machine_faults import fault_in_words, unusable

# Tells `rockspace.runlog` that what a stage says belongs into its log alone, from where it is shown here.
LOG_ALONE = "ROCKSPACE_LOG_ALONE"
# Seconds of a job in the default study on two cores, to weigh the stages until some of their jobs have run; others take 5.
TYPICAL_S = {"cross_validate": 430, "finetune": 430, "features": 33, "train_head": 25, "alignment_pictures": 25,
             "augmentation_preview": 20, "download": 20, "tfrecords": 15, "infer": 15, "explorer": 15, "procrustes": 12}  # fmt: skip
LEAST_S = 5
MIN_KNOWN = 5  # finished jobs from which the time left can be told
SILENCE_S = 60  # after which a run without a terminal says what it is at
LOG_END = 30_000  # bytes of a log in which its last lines are looked for
MOST_SHOWN = 8  # jobs at work
# What Snakemake says of every run.
USUAL = (
    "Using workflow specific profile",
    "Config file ",
    "Assuming unrestricted shared filesystem",
    "Building DAG of jobs",
    "Using shell",
    "Conda environments: ignored",
    "Singularity containers: ignored",
    "Group jobs: inactive",
    "Select jobs to execute",
    "Job ",  # has been submitted
    "Submitted job",
    "Waiting for more resources",
    "host: ",
    "Removing temporary output",
    "Removing output files of failed job",
    "Shutting down, this might take",
    "Exiting because a job execution failed",
    "Terminating processes on user request",
    "Loading script code for rule",
    "Complete log(s)",
    "Elapsed time",
)
# Around a message for the user, where in the rules it was raised.
_WHERE = re.compile(r'^WorkflowError in file .*, line \d+:\n(?P<message>.*)\n  File ".*", line \d+, in <module>')
# Of a stack trace of Snakemake's, what the system says and of which file.
_OF_SYSTEM = re.compile(r"^(\w+: )?\[Errno \d+\] (?P<why>[^:\n]+)(: '(?P<file>[^']*)'( -> '.*')?)?$", re.MULTILINE)
# Of one about the command line, what is wrong there.
_OF_ARGUMENT = re.compile(r"^ValueError: (?P<why>Invalid (?P<what>\S+).*)$", re.MULTILINE)
# Of a link that leads nowhere, too.
_OF_LINK = re.compile(
    r"^Unable to obtain modification time of file (?P<file>.+) although it existed before", re.MULTILINE
)
# What begins a line that says why a stage failed: words for the user, or the end of a stack trace.
_RAISED = re.compile(r"^\d{4}-\d\d-\d\d [\d:,]+ ERROR (error: )?|^(?=[A-Z_a-z.]+(Error|Exception|Interrupt)(:|$))")
_STAMP = re.compile(r"^\d{4}-\d\d-\d\d [\d:,]+ (?P<level>[A-Z]+) ")


@dataclass
class Job:
    """A job at work, with what its wildcards say of it."""

    rule: str
    about: str
    log: Path | None
    makes_files: bool
    began: float = field(default_factory=lambda: time.time())

    @property
    def seconds(self) -> float:
        """Return for how long it has been at work, or in the queue of a cluster."""
        return time.time() - self.began

    def last_lines(self) -> list[str]:
        """Return the end of its log, which is empty before it has begun one."""
        try:
            if self.log is None or self.log.stat().st_mtime < self.began - 1:
                return []
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - LOG_END))
                return re.split(r"[\r\n]+", file.read().decode(errors="replace").strip())
        except OSError:
            return []

    def progress(self) -> str:
        """Return the last line of its log, without time and level."""
        return _STAMP.sub("", "".join(self.last_lines()[-1:]))

    def notes(self) -> list[str]:
        """Return what its log has of levels between information and error: what the stage wants to be read."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log and self.log.exists() else []
        stamped = [(_STAMP.match(line), line) for line in lines]
        return [line[stamp.end() :] for stamp, line in stamped if stamp and stamp["level"] in ("NOTE", "WARNING")]

    def error(self) -> str:
        """Return why it failed, in one line."""
        lines = self.last_lines()
        raised = [i for i, line in enumerate(lines) if _RAISED.match(line)]
        if raised:
            error = lines[raised[-1]]
            # What the stage could not say itself, because it could not be loaded or its log had no space.
            fault = None if _STAMP.match(error) else fault_in_words("\n".join(lines[raised[-1] :]), str(self.log))
            return f"error: {fault or _RAISED.sub('', error)}"
        last = f", after: {progress}" if (progress := self.progress()) else ""
        return f"{self.rule} ended without an error in its log (killed, out of memory, or no space left?){last}"


class LogHandler(LogHandlerBase):
    """Shows a run; what is no run (a dry run, ``--lint``) or is to be verbose looks as Snakemake has it."""

    def __post_init__(self) -> None:
        """Choose between a terminal, on which lines can be drawn anew, and a file."""
        _open_standard_streams()
        Handler.__init__(self)  # left to plugins by the interface of Snakemake's first releases that have one
        settings = self.common_settings
        stream = _Stream(sys.stdout if settings.stdout else sys.stderr)
        self.as_snakemake_has_it = settings.dryrun or settings.verbose or settings.debug_dag or settings.printshellcmds
        self.on_terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
        self.console = Console(
            file=cast(TextIO, stream),
            force_terminal=self.on_terminal,
            no_color=settings.nocolor or None,
            markup=False,
            highlight=False,
            emoji=False,
        )
        self.waiting: Counter[str] = Counter()
        self.jobs: dict[int, Job] = {}
        self.failed: dict[int, tuple[Job, str]] = {}
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.errors: list[str] = []
        self.stopped = False
        self.total = self.done = 0
        self.live: Live | None = None
        self.ended = threading.Event()
        if not self.as_snakemake_has_it:
            os.environ[LOG_ALONE] = "1"
        self.previous_handlers: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            # `nohup`, and a shell for what runs in the background, have them ignored.
            heeded = [number for number in (SIGINT, SIGHUP) if getsignal(number) in (SIG_DFL, default_int_handler)]
            self.previous_handlers = {number: signal(number, self._stop) for number in heeded}
        # Loggers are made before configurations are read: nothing else of a workflow could refuse one that runs code.
        try:
            for file in _config_files():
                check_config_file(file)
        except RockspaceError as error:
            self._say(f"error: {error}", "red")
            raise SystemExit(1) from None

    writes_to_stream = True
    writes_to_file = has_filter = has_formatter = needs_rulegraph = False

    def emit(self, record: LogRecord) -> None:
        """Show what an event of Snakemake's means for a reader."""
        try:
            if self.as_snakemake_has_it:
                text = self.format(record)
                self._say(text if self.common_settings.verbose else _in_words(text))
            else:
                self._show(record, getattr(record, "event", None))
        except Exception:
            self.handleError(record)

    def _stop(self, number: int, _: FrameType | None) -> None:
        """End the run at Ctrl-C, or as its terminal is closed; more of them would interrupt what ends the jobs."""
        for each in self.previous_handlers:
            signal(each, _ignore)
        self.stopped = True
        raise SystemExit(128 + number)

    def close(self) -> None:
        """Take the bar away, and let the errors be the last thing on the screen."""
        self.ended.set()
        if self.live:
            self.live.stop()
            self.live = None
        for text in self.errors:
            self._say(text, "red")
        if self.stopped:
            self._say("stopped; the same command goes on from here")
        elif self.failed:
            self._say("")
            for job, why in self.failed.values():
                self._say(why, "bold red")
                self._say(f"  stage  {_named(job)}" + (f"\n  log    {job.log}" if job.log else ""))
        self.errors.clear()
        self.failed.clear()
        if not self.stopped:  # else the process is ending, which nothing should interrupt
            for number, handler in self.previous_handlers.items():
                signal(number, handler)
        self.previous_handlers.clear()
        self.stopped = False
        super().close()

    def _show(self, record: LogRecord, event: LogEvent | None) -> None:
        fields = vars(record)
        match event:
            case LogEvent.RUN_INFO:
                self._begin({rule: count for rule, count in fields["stats"].items() if rule != "total"})
            case LogEvent.JOB_INFO:
                log = Path(fields["log"][0]) if fields["log"] else None
                job = Job(fields["rule_name"], _about(fields["wildcards"]), log, bool(fields["output"]))
                self.jobs[fields["jobid"]] = job
                self.waiting[job.rule] -= 1
            case LogEvent.JOB_FINISHED:
                self.failed.pop(fields["job_id"], None)
                self._finish(self.jobs.pop(fields["job_id"], None))
            case LogEvent.JOB_ERROR:
                failed = self.jobs.pop(fields["jobid"], None)
                if failed and not self.stopped:
                    self.failed[fields["jobid"]] = failed, failed.error()
                    self._say(f"{self._line(failed)}  failed", "red")
                    self.waiting[failed.rule] += 1
            case LogEvent.ERROR:
                # Of a failed stage Snakemake knows its exit status alone.
                text = record.getMessage()
                if "CalledProcessError" not in text and "At least one job did not complete" not in text:
                    self.errors.append(_WHERE.sub(r"error: \g<message>", _in_words(text)))
            case None:
                text = record.getMessage()
                self.stopped |= text.startswith("Terminating processes on user request")
                if text != "None" and not text.startswith(USUAL):
                    self._say(text, "yellow" if record.levelno >= WARNING else "")

    def _begin(self, jobs: Mapping[str, int]) -> None:
        self.waiting, self.total, self.began = Counter(jobs), sum(jobs.values()), time.time()
        self.width = max(map(len, jobs), default=0)
        self.said = time.time()
        if self.on_terminal:
            self.live = Live(
                get_renderable=self._status,
                console=self.console,
                refresh_per_second=2,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self.live.start()
            # A run that is killed should not leave a terminal without a cursor.
            self.console.show_cursor(True)
        else:
            threading.Thread(target=self._break_silence, daemon=True).start()

    def _finish(self, job: Job | None) -> None:
        self.done += 1
        if job is None:
            return
        self.seconds[job.rule].append(job.seconds)
        # A rule that only collects has nothing to show.
        if job.makes_files:
            self._say("\n".join([self._line(job), *(f"    {note}" for note in job.notes())]))

    def _line(self, job: Job) -> str:
        count = "" if self.on_terminal else f"{self.done:>{len(str(self.total))}}/{self.total}  "
        return f"{count}{job.rule:<{self.width}}  {job.about:<32} {job.seconds:6.0f} s"

    def _say(self, text: str, style: str = "") -> None:
        self.said = time.time()
        self.console.print(Text(text, style), soft_wrap=True)

    def _progress(self) -> str:
        left = self._seconds_left()
        time_left = "" if left is None else f", about {_duration(left)} left"
        return f"{self.done} of {self.total} jobs{time_left}"

    def _seconds_left(self) -> float | None:
        """Estimate it from what jobs took, and for stages without a finished job from what they take elsewhere."""
        known = [(typical(rule), taken) for rule, all_taken in self.seconds.items() for taken in all_taken]
        jobs, elapsed = list(self.jobs.values()), time.time() - self.began
        worked = sum(taken for _, taken in known) + sum(job.seconds for job in jobs)
        if len(known) < MIN_KNOWN or self.done >= self.total:
            return None
        pace = sum(taken for _, taken in known) / sum(expected for expected, _ in known)

        def seconds(rule: str) -> float:
            taken = self.seconds.get(rule)
            return sum(taken) / len(taken) if taken else pace * typical(rule)

        left = sum(count * seconds(rule) for rule, count in list(self.waiting.items()))
        left += sum(max(0, seconds(job.rule) - job.seconds) for job in jobs)
        return left / max(1, worked / elapsed)

    def _status(self) -> Group:
        bar = Table.grid(padding=(0, 2))
        bar.add_row(ProgressBar(self.total, self.done, width=30), Text(self._progress()))
        jobs = list(self.jobs.values())
        lines = [Text(self._at_work(job), "dim", no_wrap=True, overflow="ellipsis") for job in jobs[:MOST_SHOWN]]
        more = [Text(f"and {len(jobs) - MOST_SHOWN} more", "dim")] if len(jobs) > MOST_SHOWN else []
        return Group(bar, *lines, *more)

    def _at_work(self, job: Job) -> str:
        return f"{_named(job)}, {job.seconds:.0f} s  {job.progress()}"

    def _break_silence(self) -> None:
        while not self.ended.wait(SILENCE_S / 4):
            if time.time() - self.said >= SILENCE_S:
                jobs = [self._at_work(job) for job in list(self.jobs.values())]
                more = [f"and {len(jobs) - 2} more"] if len(jobs) > 2 else []
                self._say(f"{self._progress()}: {'; '.join([*jobs[:2], *more])}")


def _ignore(*_: object) -> None:
    """Unlike SIG_IGN, it is not passed on to jobs."""


class _Stream(io.TextIOBase):
    """Standard output or error: what it cannot take, as its reader has gone or its disk is full, is lost, and the run goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
            self._stream.flush()
        return len(text)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


def _open_standard_streams() -> None:
    """Have standard streams that are closed lead nowhere; else the next files that are opened take their place, here and in jobs."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def _in_words(error: str) -> str:
    """Put an error of Snakemake's into one line if it is of the command line, of what the machine lacks, or of a file."""
    if error.startswith("Traceback ") and (argument := _OF_ARGUMENT.search(error)):
        example = " For example: --config study=mine 'finetune={epochs: 3}'" if argument["what"] == "config" else ""
        return f"error: {argument['why']}{example}"
    if link := _OF_LINK.search(error):
        return f"error: {link['file']} is a link that leads nowhere, or was deleted meanwhile: delete it and run again"
    found = _OF_SYSTEM.search(error)
    file = (found and found["file"]) or ".snakemake"
    if fault := fault_in_words(found[0] if found else error if error.startswith("Traceback ") else "", file):
        return f"error: {fault}"
    if found and found["file"]:
        return f"error: {unusable(file, found['why'])}"
    return error


def _config_files() -> list[Path]:
    """Return the config files that Snakemake is about to read: that of the working folder, and those of the command line."""
    with redirect_stderr(io.StringIO()), suppress(SystemExit, Exception):  # not the command line of Snakemake
        _, arguments = parse_args(None)
        own = Path(arguments.directory or ".", "config/config.yaml")
        return [*([own] if os.path.exists(own) else []), *(arguments.configfile or ())]
    return []


def typical(rule: str) -> float:
    """Return the seconds that a job of a rule usually takes; rules of a module have its name before theirs."""
    return next((taken for name, taken in TYPICAL_S.items() if rule.endswith(name)), LEAST_S)


def _about(wildcards: Mapping[str, str]) -> str:
    """Put wildcards in words: names as they are, numbers with what they count."""
    words = [f"{name} {value}" if value.isdecimal() else value.strip("/") for name, value in wildcards.items()]
    return re.sub(r"shard 0*(\d+), shards 0*(\d+)", _shard, ", ".join(filter(None, words)))


def _shard(match: re.Match[str]) -> str:
    return f"part {int(match[1]) + 1} of {match[2]}"


def _named(job: Job) -> str:
    return f"{job.rule}  {job.about}" if job.about else job.rule


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{max(5, 5 * round(seconds / 5))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
