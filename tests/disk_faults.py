"""Faults at every single write: the N-th call of a stage that writes fails, or the power goes, for N = 1, 2, ... to its end.

A small library in C (disk_faults.c), loaded before others, counts the calls and disturbs the N-th. What a loss of power takes is
what was not synced, in a pessimistic model: the content of a file since its last sync, and a name given, changed or taken in a
folder since the folder's last sync. A file system may have written some of it by itself, so there are several losses to try.

Stages run in forks of a server that has loaded their libraries.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import pkgutil
import random
import re
import runpy
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from errno import EDQUOT, EIO, ENOSPC
from functools import lru_cache
from itertools import count
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = Path(__file__).with_suffix(".c")
STATE = struct.Struct("QQiii200s4x")  # as in the library
POWER = 0
LONGEST_S = 900
END_OF_PREAMBLE = "######## snakemake preamble end #########"
PRELOADED = ("snakemake.cli", "matplotlib.pyplot", "scipy.stats")


def cannot_build() -> str | None:
    """Why there is no such library here, or None."""
    if not sys.platform.startswith("linux"):
        return "calls are disturbed by a library for Linux"
    return None if shutil.which("gcc") else "the library that disturbs calls needs gcc"


@dataclass(frozen=True)
class Fault:
    """What happens at the N-th call.

    Attributes:
        name: For people.
        error: What the call fails with; `POWER` if the power goes.
        stays: Whether later calls that need space fail, too, as on a full disk.
        loses: Of a loss of power, which of ``names`` and ``contents`` that were not synced are lost; each by a coin if ``mixed``.
        mixed: Whether some of it was written after all.
    """

    name: str
    error: int
    stays: bool = False
    loses: tuple[str, ...] = ()
    mixed: bool = False


FAILS = (Fault("EIO", EIO), Fault("ENOSPC", ENOSPC, stays=True), Fault("EDQUOT", EDQUOT, stays=True))
POWER_GOES = (
    Fault("names and contents lost", POWER, loses=("names", "contents")),
    Fault("contents lost", POWER, loses=("contents",)),
    Fault("some of both lost", POWER, loses=("names", "contents"), mixed=True),
)


class Disk:
    """A folder whose calls that write are counted and disturbed, in forks of a server.

    Args:
        folder: Of a study; calls on paths in it count.
        beside: Folder on the same file system, for the library, its state and its journal.

    Attributes:
        calls: How many calls the last run made.
    """

    def __init__(self, folder: Path, beside: Path) -> None:
        self.folder, self.journal, self._state, self.calls = folder, beside / "journal", beside / "state", 0
        self.journal.mkdir(parents=True)
        (self.journal / "log").touch()
        self._state.write_bytes(bytes(STATE.size))
        library = beside / "disk_faults.so"
        command = ["gcc", "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True)
        environment = {
            "LD_PRELOAD": str(library),
            "FAULTS_STATE": str(self._state),
            "FAULTS_ROOT": str(folder),
            "FAULTS_JOURNAL": str(self.journal),
        }
        self._server = subprocess.Popen(
            [sys.executable, "-P", __file__],
            cwd=folder,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        self._server.communicate()

    def run(self, request: dict, number: int = 0, fault: Fault = FAILS[0]) -> tuple[int, str, str]:
        """Run something with its N-th call disturbed; 0 for none.

        Returns:
            Its exit code, what it said, and the call that was disturbed ("" if there were fewer).
        """
        for left in self.journal.iterdir():
            left.unlink() if left.name != "log" else os.truncate(left, 0)
        self._state.write_bytes(STATE.pack(0, number, fault.error, fault.stays, 0, b""))
        with tempfile.NamedTemporaryFile("r", errors="replace") as said:
            print(json.dumps(request | {"said": said.name}), file=self._server.stdin, flush=True)
            status = int(self._server.stdout.readline())
            words = said.read()
        self.calls, *_, disturbed = STATE.unpack(self._state.read_bytes())
        call = disturbed.rstrip(b"\0").decode(errors="replace")
        self._state.write_bytes(bytes(STATE.size))
        if call and fault.error == POWER:
            lose(self.folder, self.journal, fault, random.Random(number))
        return status, words, call


def lose(folder: Path, journal: Path, fault: Fault, coin: random.Random) -> None:
    """Take from a folder what was not synced when the power went."""
    events = [line.split("\t") for line in (journal / "log").read_text().splitlines()]
    synced: dict[str, int] = {}  # when the content of a file, or the names in a folder, last were
    sizes: dict[str, int] = {}  # of files that have changed since: their length then
    for at, (kind, inode, *rest) in enumerate(events):
        if kind == "sync":
            synced[inode] = at
            sizes.pop(inode, None)
        elif kind == "write":
            sizes.setdefault(inode, int(rest[0]))

    def is_lost() -> bool:
        return not fault.mixed or coin.random() < 0.5

    if "contents" in fault.loses:
        paths = _paths(folder)
        for inode, size in sizes.items():
            if inode in paths and is_lost():
                _forget_content(paths[inode], size, zeros=coin.random() < 0.3)
    if "names" in fault.loses:
        again: dict[str, str] = {}
        # At the time of an event: a number may be that of another file later, once a folder that had it was removed.
        absent: set[str] = set()
        for at, event in reversed(list(enumerate(events))):
            if event[0] not in ("create", "remove", "rename"):
                continue
            parent = event[4 if event[0] == "rename" else 1]
            undone = parent not in absent and at > synced.get(parent, -1) and is_lost()
            if undone:
                _undo(event, folder, journal, again)
            if event[0] == "create" or (event[0] == "remove" and not undone):
                absent.add(event[3])
            elif event[0] == "remove":
                absent.discard(event[3])


def _paths(folder: Path) -> dict[str, Path]:
    """The folder and what is in it, by inode."""
    found = {str(folder.stat().st_ino): folder}
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            found[str(path.lstat().st_ino)] = path
    return found


def _forget_content(file: Path, size: int, *, zeros: bool) -> None:
    """Back to the length that was synced; where the new length is known to the disk and the content is not, zeros."""
    length = file.stat().st_size
    os.truncate(file, min(size, length))
    if zeros:
        os.truncate(file, length)


def _undo(event: list[str], folder: Path, journal: Path, again: dict[str, str]) -> None:
    """Take back that a name was given, changed or taken.

    Args:
        event: As it stands in the journal.
        folder: The study.
        journal: With second names of files that have lost theirs.
        again: Inodes of folders that are there again, by those that they had.
    """
    paths = _paths(folder)

    def place(parent: str, name: str) -> Path | None:
        at = paths.get(again.get(parent, parent))
        return at / name if at else None

    match event:
        case ["create", parent, name, inode]:
            path = place(parent, name)
            if path and os.path.lexists(path) and str(path.lstat().st_ino) == inode:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        case ["remove", parent, name, inode, copy]:
            path = place(parent, name)
            if path and not os.path.lexists(path):
                if copy != "0":
                    os.link(journal / copy, path)
                else:
                    path.mkdir()
                    again[inode] = str(path.stat().st_ino)
        case ["rename", parent, name, _, to_parent, to_name, copy]:
            old, new = place(parent, name), place(to_parent, to_name)
            if new and os.path.lexists(new):
                if old and not os.path.lexists(old):
                    new.rename(old)
                else:
                    shutil.rmtree(new) if new.is_dir() else new.unlink()
                if copy != "0":
                    os.link(journal / copy, new)


@dataclass
class Stage:
    """A job of a finished study, as Snakemake began it: its script, with all that Snakemake gave it.

    Attributes:
        script: As ``--skip-script-cleanup`` leaves it in ``.snakemake/scripts``.
        name: Of the rule.
        outputs: Its artifacts, relative to the study's folder.
    """

    script: Path
    name: str
    outputs: list[str]

    def run(self, disk: Disk, number: int = 0, fault: Fault = FAILS[0]) -> tuple[int, str, str]:
        """Remove its outputs and run it, as Snakemake does."""
        request = {"script": str(self.script.relative_to(disk.folder)), "outputs": self.outputs}
        return disk.run(request, number, fault)

    def run_again(self, disk: Disk) -> tuple[int, str, str]:
        return self.run(disk)


@dataclass
class Command:
    """A command line of Snakemake that makes files which are not there; its own calls in ``.snakemake/`` count, too.

    Attributes:
        name: For people.
        outputs: The files, relative to the study's folder.
        arguments: Of the command line.
    """

    name: str
    outputs: list[str]
    arguments: list[str]

    def run(self, disk: Disk, number: int = 0, fault: Fault = FAILS[0]) -> tuple[int, str, str]:
        for output in self.outputs:
            path = disk.folder / output
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        return self.run_again(disk, number, fault)

    def run_again(self, disk: Disk, number: int = 0, fault: Fault = FAILS[0]) -> tuple[int, str, str]:
        """What a user does: where a lock is left, unlock as the docs say, and run again."""
        status, said, call = disk.run({"arguments": self.arguments}, number, fault)
        if status and not call and "Directory cannot be locked" in said:
            disk.run({"arguments": [*self.arguments, "--unlock"]})
            status, said, call = disk.run({"arguments": self.arguments})
        return status, said, call


def snakemake_for(stage: Stage) -> Command:
    """The command line of Snakemake that does this job of the tests' small study, and nothing else."""
    always = ["--snakefile", str(ROOT / "Snakefile"), "--cores", "1", "--configfile", "tiny.yaml", "--notemp"]
    return Command(f"snakemake {stage.name}", stage.outputs, [*always, *stage.outputs])


def stages(folder: Path) -> list[Stage]:
    """The jobs of a study that was run with ``--skip-script-cleanup``, the first first."""
    scripts = sorted((folder / ".snakemake/scripts").glob("tmp*.py"), key=lambda script: script.stat().st_mtime_ns)
    # What Snakemake puts before a script brings the object with its inputs, outputs and parameters.
    preambles = [script.read_text(encoding="utf-8").partition(END_OF_PREAMBLE)[0] for script in scripts]
    print_outputs = "import json; print(json.dumps(list(map(str, snakemake.output))))"
    program = "\n".join(f"__file__ = ''\n{preamble}\n{print_outputs}" for preamble in preambles)
    said = subprocess.run([sys.executable, "-"], input=program, capture_output=True, text=True, check=True).stdout
    outputs = map(json.loads, said.splitlines())
    return [Stage(script, script.name.split(".")[1], each) for script, each in zip(scripts, outputs, strict=True)]


@dataclass
class Result:
    """What happened to a stage whose calls were disturbed one after another.

    Attributes:
        stage: Its name.
        calls: How many calls of each kind were disturbed.
        ends: How often it ended in each way.
        wrong: What should not have happened.
    """

    stage: str
    calls: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Sweep:
    """A finished study, whose stages are disturbed and run again.

    Args:
        study: Folder of the study, which was run with ``--skip-script-cleanup --notemp``; it is not changed.
        work: Folder to work in.
    """

    def __init__(self, study: Path, work: Path) -> None:
        self.study, self.folder = study, work / "study"
        shutil.copytree(study, self.folder, symlinks=True)
        self.wanted = digests(self.folder)
        self._recovered: set[tuple] = set()
        self.disk = Disk(self.folder, work / "beside")

    def __enter__(self) -> Sweep:
        return self

    def __exit__(self, *_: object) -> None:
        self.disk.close()

    def calls(self, stage: Stage | Command) -> int:
        """How many calls a stage makes that can be disturbed."""
        status, said, _ = stage.run(self.disk)
        assert status == 0, said
        return self.disk.calls

    def all_of(
        self, stage: Stage | Command, faults: Sequence[Fault], turn: int = 0, numbers: Iterable[int] | None = None
    ) -> Result:
        """Disturb the calls of a stage one after another, until a run passes untouched.

        Args:
            stage: What is run.
            faults: Taken in turns.
            turn: Which comes first; with each of them, every call has met every fault.
            numbers: Of the calls, where not all are disturbed.
        """
        result = Result(stage.name)
        for number in numbers or count(1):
            fault = faults[(number + turn) % len(faults)]
            try:
                call, end = self._disturbed(stage, number, fault)
            except AssertionError as error:
                call, end = str(error).partition("\n")[0], "wrong"
                result.wrong.append(f"{stage.name}, {fault.name}, call {number}: {error}")
                self._restore()
            if not call:
                break
            result.calls[call.partition(" ")[0]] += 1
            result.ends[end] += 1
        return result

    def _disturbed(self, stage: Stage | Command, number: int, fault: Fault) -> tuple[str, str]:
        status, said, call = stage.run(self.disk, number, fault)
        if not call:
            assert status == 0, f"\nundisturbed, it failed: {said[-2000:]}"
            self._assert_same(call)
            return call, "untouched"
        self._assert_true_or_refused(call, stage)
        if fault.error == POWER:
            end = "the power went"
        elif status == 0:
            self._assert_same(call)
            end = "it went on"
        else:
            lines = [line for line in said.splitlines() if line.startswith("error: ")]
            assert lines or isinstance(stage, Command), f"{call}\nno line says what to do: {said[-2000:]}"
            assert len(lines) < 2, f"{call}\n{len(lines)} lines say what to do: {said[-2000:]}"
            end = "one line" if lines else "words of Snakemake"
        self._recover(stage, call)
        return call, end

    def _recover(self, stage: Stage | Command, call: str) -> None:
        """Run the stage again, unless it has started from the same results before; Snakemake has files of its own, too."""
        state = (stage.name, *sorted(_everything(self.folder).items()))
        if state in self._recovered and isinstance(stage, Stage):
            self._restore()
            return
        status, said, _ = stage.run_again(self.disk)
        assert status == 0, f"{call}\nafter it, it failed: {said[-2000:]}"
        self._assert_same(call)
        left = [str(path.relative_to(self.folder)) for path in self.folder.rglob(".partial-*")]
        assert not left, f"{call}\nleft: {left}"
        self._recovered.add(state)

    def _assert_true_or_refused(self, call: str, stage: Stage | Command) -> None:
        """Whatever is there after a fault is what the stage makes, or is refused by the stage that reads it."""
        from rockspace.checksums import record_of, verify_artifact
        from rockspace.errors import RockspaceError

        found = digests(self.folder)
        for name in stage.outputs:
            artifact = self.folder / name
            if not artifact.exists():
                continue
            assert record_of(artifact).exists(), f"{call}\n{name} has no record"
            with suppress(RockspaceError):
                verify_artifact(artifact)
                wanted = {path: digest for path, digest in self.wanted.items() if f"{path}/".startswith(f"{name}/")}
                assert wanted == {path: found.get(path) for path in wanted}, f"{call}\n{name} differs and passes"
        others = {path for path in self.wanted if not any(f"{path}/".startswith(f"{name}/") for name in stage.outputs)}
        lost = sorted(path for path in others if found.get(path) != self.wanted[path] and path not in self._own(stage))
        assert not lost, f"{call}\nother artifacts differ: {lost[:5]}"

    def _own(self, stage: Stage | Command) -> set[str]:
        """Beside its outputs, what a stage makes: the files that a manifest describes."""
        folders = [name.removesuffix(".manifest.json") for name in stage.outputs if name.endswith(".manifest.json")]
        return {path for path in self.wanted for folder in folders if path.startswith(f"{folder}/")}

    def _assert_same(self, call: str) -> None:
        found = digests(self.folder)
        differ = sorted(path for path in found.keys() | self.wanted.keys() if found.get(path) != self.wanted.get(path))
        assert not differ, f"{call}\nthe results differ: {differ[:5]}"

    def _restore(self) -> None:
        """Bring back what differs from the finished study."""
        for folder in self.folder.rglob(".partial-*"):
            shutil.rmtree(folder)
        known, there = _everything(self.study), _everything(self.folder)
        for path in there.keys() - known.keys():
            (self.folder / path).unlink()
        for path, digest in known.items():
            if there.get(path) != digest:
                (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.study / path, self.folder / path)


def _everything(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of the results that is no log, by its path in the study's folder, without random names."""
    found = {}
    for parent, _, names in os.walk(folder / "results"):
        for file in (Path(parent, name) for name in names):
            path = file.relative_to(folder).as_posix()
            if "/logs/" not in path and "/benchmarks/" not in path and file.suffix not in (".log", ".tsv"):
                found[re.sub(r"(/\.partial-[^/]*-)[^/]{16}/", r"\1/", path)] = _sha256(file)
    return found


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of the artifacts, by their path in the study's folder."""
    return {
        path: digest for path, digest in _everything(folder).items() if "/." not in path and "/checkpoints/" not in path
    }


def _sha256(file: Path) -> str:
    status = file.stat()
    return _content_sha256(file, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@lru_cache(maxsize=10_000)
def _content_sha256(file: Path, *_state: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _serve() -> None:
    from rockspace.library_settings import standard_settings

    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["MPLBACKEND"] = "agg"
    with standard_settings():
        import keras  # noqa: F401
    for module in PRELOADED:
        __import__(module)
    library = importlib.import_module("rockspace")
    for module in pkgutil.walk_packages(library.__path__, "rockspace."):
        with suppress(ImportError):  # of what is not installed
            importlib.import_module(module.name)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(_run(**json.loads(line)))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _run(said: str, script: str = "", outputs: tuple[str, ...] = (), arguments: tuple[str, ...] = ()) -> int:
    """Run a stage, without what it made before, as Snakemake does; or a command line of Snakemake."""
    os.setsid()  # a loss of power ends this group of processes
    signal.alarm(LONGEST_S)
    for descriptor in (1, 2):
        os.dup2(os.open(said, os.O_WRONLY | os.O_APPEND), descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    try:
        if arguments:
            from snakemake.cli import main

            sys.argv = ["snakemake", *arguments]
            main(list(arguments))
        else:
            for output in map(Path, outputs):
                with suppress(OSError):
                    shutil.rmtree(output) if output.is_dir() else output.unlink()
            runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return 0 if end.code is None else end.code if isinstance(end.code, int) else 1
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    _serve()
