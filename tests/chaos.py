"""Faults at random moments of a whole small study, and reruns: the results never differ from an undisturbed run's.

Usage::

    python tests/chaos.py [--kills 25] [--seed 0] [--folder FOLDER]

It runs the study once undisturbed, then again and again with its processes killed, then with the disk filled,
artifacts corrupted, files of the archive changed, and the archive taken away. After each fault every artifact
that exists must be whole, and the run must have ended as told or with one line that says what to do. Then every single
call by which each stage, and Snakemake itself, writes is disturbed (disk_faults.py); ``--kills 0`` does that alone.
"""

import argparse
import csv
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from disk_faults import FAILS, POWER_GOES, Sweep, cannot_build, snakemake_for, stages
from standin_osf import StandIn
from workflow_runs import TINY, Workplace, heed_interrupts

RESULTS = Path("results/tiny")
RUN = RESULTS / "models/lite0/seed-0"
TO_A_JOB = "SIGKILL to a job"
SIGNALS = {"SIGKILL to all": 5, "SIGKILL to Snakemake": 2, TO_A_JOB: 2, "SIGTERM": 2, "SIGINT": 2}
FINISHED_JOBS = re.compile(r"^ *\d+/\d+  \w+", re.MULTILINE)
# Which stage reads an artifact next; every kind of artifact there is.
READERS = {
    "raw.manifest.json": "restructure",
    "people.manifest.json": "coordinates",
    "people/mds_120.txt": "coordinates",
    "catalog.csv": "tfrecords",
    "coordinates/train.csv": "procrustes",
    "images/train/*/*_01.jpg": "tfrecords",
    "../weights/*.h5": "features",
    "tfrecords/train-00000*": "features",
    "tfrecords/train-00001*": "finetune",
    "models/lite0/features/train-00001*": "train_head",
    "models/lite0/seed-0/head.keras": "finetune",
    "models/lite0/seed-0/head.refit.keras": "finetune",
    "models/lite0/seed-0/head.history.csv": "curves",
    "models/lite0/seed-0/finetuned.keras": "infer",
    "models/lite0/seed-0/finetune.history.csv": "evaluate",
    "models/lite0/seed-0/embeddings/penultimate.npz": "procrustes",
    "models/lite0/seed-0/alignment/penultimate.json": "layer_profile",
    "models/lite0/seed-0/alignment/penultimate.aligned.csv": "comparison",
    "models/lite0/seed-0/metrics.json": "summary",
}


class Study:
    """A small study in a folder of its own, its archive behind a stand-in for OSF where ``api`` is given."""

    def __init__(self, folder: Path, api: str | None = None) -> None:
        config = TINY if api is None else re.sub(r"  source: .*\n  synthetic: .*", f"  osf: {{api: '{api}'}}", TINY)
        self.workplace = Workplace(folder, config)
        self.folder = folder
        self.output = folder.parent / f"{folder.name}.txt"

    def copy(self, folder: Path) -> "Study":
        self.workplace.copy(folder)
        return Study(folder)

    def start(self, *arguments: str) -> subprocess.Popen:
        with self.output.open("w") as output:
            return subprocess.Popen(
                self.workplace.command(*arguments),
                cwd=self.folder,
                env=self.workplace.environment | {"NO_PROXY": "*"},
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=heed_interrupts,
            )

    def run(self, *arguments: str) -> int:
        """What a user does: where a run that was killed has left its lock, unlock as the docs say, and run again."""
        status = self.start(*arguments).wait(timeout=7200)
        if status == 0 or "Directory cannot be locked" not in self.said():
            return status
        assert self.start("--unlock").wait(timeout=600) == 0, self.said()
        return self.start(*arguments).wait(timeout=7200)

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def complaints(self) -> set[str]:
        """The lines that say what to do."""
        return {line for line in self.said().splitlines() if line.startswith("error: ")}

    def finish(self) -> None:
        """What a user does after a fault: the same command again."""
        status = self.run()
        assert status == 0, self.said()[-4000:]


def is_whole(file: Path) -> bool:
    """Whether a file can be read to its end as what its name says it is."""
    try:
        match file.suffix:
            case ".csv":
                with file.open(newline="", encoding="utf-8") as stream:
                    rows = list(csv.reader(stream))
                return len({len(row) for row in rows}) == 1 and file.read_bytes().endswith(b"\n")
            case ".json":
                return bool(json.loads(file.read_text(encoding="utf-8")))
            case ".npz":
                with np.load(file, allow_pickle=False) as arrays:
                    return all(arrays[name].size >= 0 for name in arrays.files)
            case ".keras":
                with zipfile.ZipFile(file) as archive:
                    return archive.testzip() is None
            case ".tfrecord":
                return _whole_records(file.read_bytes())
            case ".png" | ".jpg":
                with Image.open(file) as image:
                    image.load()
                return True
            case ".svg":
                return xml.etree.ElementTree.parse(file) is not None
        return file.stat().st_size > 0
    except (ValueError, OSError, EOFError, SyntaxError, zipfile.BadZipFile):
        return False


def _whole_records(content: bytes) -> bool:
    """Whether bytes end where a record does: length (8), its CRC (4), data, its CRC (4)."""
    at = 0
    while at < len(content):
        at += 16 + int.from_bytes(content[at : at + 8], "little")
    return at == len(content) > 0


def artifacts(study: Study) -> list[Path]:
    """Every file of the results that is not a log, a checksum, or under a temporary name."""
    results = study.folder / "results"
    # Unlike `Path.rglob`, `os.walk` does not stumble over a folder that a job removes meanwhile.
    files = (Path(folder, name) for folder, _, names in os.walk(results) for name in names)
    inside = ((file, file.relative_to(results).parts) for file in files)
    return [
        file
        for file, parts in inside
        if not any(part.startswith(".") or part in ("logs", "benchmarks") for part in parts)
        and file.suffix not in (".log", ".tsv")
    ]


def assert_nothing_is_partial(study: Study) -> None:
    """A job that outlived Snakemake may still be at work: what it removes meanwhile is not there, and not partial."""
    for file in artifacts(study):
        assert is_whole(file) or not file.exists(), f"{file} is partial"


def assert_same_results(study: Study, reference: Study, *, all_of_them: bool = True) -> None:
    """To the last digit: tables, figures and histories byte by byte, arrays number by number."""
    names = {file.relative_to(study.folder) for file in artifacts(study)}
    wanted = {file.relative_to(reference.folder) for file in artifacts(reference)}
    assert names == wanted if all_of_them else names < wanted
    exact = {".csv", ".json", ".md", ".tfrecord", ".jpg", ".txt"}
    # Words say where the images come from, drawn or an archive.
    same_source = (study.folder / "tiny.yaml").read_bytes() == (reference.folder / "tiny.yaml").read_bytes()
    for name in names:
        ours, theirs = study.folder / name, reference.folder / name
        if name.suffix == ".npz":
            with np.load(ours, allow_pickle=False) as a, np.load(theirs, allow_pickle=False) as b:
                assert a.files == b.files
                for array in a.files:
                    np.testing.assert_array_equal(a[array], b[array], err_msg=f"{name}: {array}")
        # A manifest has the addresses of its files.
        elif (
            name.suffix in exact
            and not name.name.endswith(".manifest.json")
            and (same_source or not (name.suffix == ".txt" or name.name == "results.md"))
        ):
            assert ours.read_bytes() == theirs.read_bytes(), f"{name} differs"
    assert not list(study.folder.rglob(".partial-*"))


def kill_at_random(study: Study, random_source: random.Random) -> str | None:
    """Start the study and kill it somewhere in its next few jobs.

    Returns:
        What was done, or None if the study ended before.
    """
    how = random_source.choices(list(SIGNALS), SIGNALS.values())[0]
    jobs, seconds = random_source.randint(0, 2), random_source.uniform(0.2, 8)
    process = study.start()
    while len(FINISHED_JOBS.findall(study.said())) < jobs and process.poll() is None:
        time.sleep(0.2)
    deadline = time.monotonic() + seconds
    while process.poll() is None and (time.monotonic() < deadline or (how == TO_A_JOB and not _jobs(process.pid))):
        time.sleep(0.05)
    if process.poll() is not None:
        assert process.returncode == 0, study.said()[-4000:]
        return None
    match how:
        case "SIGKILL to all":
            os.killpg(process.pid, signal.SIGKILL)
        case "SIGKILL to Snakemake":
            process.kill()
        case how if how == TO_A_JOB:
            for pid in _jobs(process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        case _:
            os.killpg(process.pid, getattr(signal, how))
    process.wait(timeout=600)
    return f"{how} after {jobs} finished jobs and {seconds:.1f} s"


def _jobs(group: int) -> list[int]:
    """The processes that run scripts, in a process group."""
    table = subprocess.run(["ps", "-eo", "pid=,pgid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in table.splitlines()]
    return [
        int(pid)
        for pid, pgid, arguments in rows
        if int(pgid) == group and ".snakemake/scripts/" in arguments and "bash" not in arguments.split()[0]
    ]


def survive_kills(make: Callable[[], Study], reference: Study, kills: int, random_source: random.Random) -> Study:
    """Kill studies until so many kills have hit, each study to its end; return the last."""
    done: list[str] = []
    study = make()
    while len(done) < kills:
        hit = kill_at_random(study, random_source)
        assert_nothing_is_partial(study)
        if hit is None:
            assert_same_results(study, reference)
            study = make()
        else:
            done.append(hit)
            print(f"kill {len(done):2d}: {hit}; {len(artifacts(study))} artifacts, all whole", flush=True)
    study.finish()
    assert_same_results(study, reference)
    return study


def corrupted(file: Path, random_source: random.Random) -> str:
    """Flip one bit of a file or cut its end off, and keep its time, as a failing disk does."""
    before = file.stat()
    at = random_source.randrange(before.st_size)
    cut = random_source.random() < 0.4
    with file.open("r+b") as stream:
        if cut:
            stream.truncate(at)
        else:
            stream.seek(at)
            byte = stream.read(1)[0]
            stream.seek(at)
            stream.write(bytes([byte ^ 1 << random_source.randrange(8)]))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    return f"cut to {at} bytes" if cut else f"bit flipped at {at}"


def notice_corruption(study: Study, pattern: str, random_source: random.Random) -> str:
    """Corrupt an artifact and run the stage that reads it, which must say so and stop, or have it made whole; put it back."""
    file = Path(os.path.normpath(sorted((study.folder / RESULTS).glob(pattern))[0]))
    backup = study.folder / "backup"
    shutil.copy2(file, backup)
    what, stage = corrupted(file, random_source), READERS[pattern]
    if study.run("--forcerun", stage, "--until", stage) == 0:
        # A file that lies in raw/ too, and is shorter than the archive's, comes again.
        assert file.read_bytes() == backup.read_bytes(), f"{file} {what}, and {stage} did not notice"
        backup.unlink()
        return f"{stage}, {what}: {file.relative_to(study.folder)} was fetched again"
    (complaint,) = study.complaints()
    assert complaint.startswith(f"error: {file.relative_to(study.folder)}"), complaint
    # In place: raw/ and images/ may hold one file by two names.
    shutil.copyfile(backup, file)
    shutil.copystat(backup, file)
    backup.unlink()
    return f"{stage}, {what}: {complaint.removeprefix('error: ')}"


def heal_corruption(study: Study, pattern: str, random_source: random.Random) -> str:
    """Corrupt an artifact, do what the one line says that the next stage stops with, and run again."""
    file = Path(os.path.normpath(sorted((study.folder / RESULTS).glob(pattern))[0]))
    corrupted(file, random_source)
    assert study.run("--forcerun", READERS[pattern]) != 0
    (complaint,) = study.complaints()
    if deleted := re.search(r"delete (.+?) and run again", complaint):
        path = study.folder / deleted[1]
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        study.finish()
    else:
        force = re.search(r"`--forcerun (\w+)`", complaint)
        assert force, complaint
        assert study.run("--forcerun", force[1]) == 0, study.said()[-4000:]
    return f"{file.relative_to(study.folder)} healed as told"


def survive_full_disk(study: Study, reference: Study, sizes_kib: list[int], target: str = "all") -> list[str]:
    """Run the study, or a stage of it, on file systems that are too small, each larger than the one before."""
    said, results = [], study.folder / "results"
    results.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={sizes_kib[0]}k", "tmpfs", str(results)], check=True)
    try:
        for size in sizes_kib:
            subprocess.run(["mount", "-o", f"remount,size={size}k", str(results)], check=True)
            assert study.run(target) != 0, f"{size} KiB were enough"
            assert_nothing_is_partial(study)
            complaints = study.complaints()
            assert len(complaints) == 1, study.said()[-4000:]
            said.append(f"{size} KiB: {complaints.pop().removeprefix('error: ')}")
        subprocess.run(["mount", "-o", "remount,size=1g", str(results)], check=True)
        assert study.run(target) == 0, study.said()[-4000:]
        assert_same_results(study, reference, all_of_them=target == "all")
    finally:
        subprocess.run(["umount", "--lazy", str(results)], check=True)
    return said


def can_mount() -> str | None:
    """Why a small disk cannot be made here, or None."""
    if os.geteuid() != 0:
        return "mounting a small disk needs root"
    with tempfile.TemporaryDirectory() as folder:
        mount = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True, text=True)
        if mount.returncode == 0:
            subprocess.run(["umount", folder], check=True)
            return None
        return f"mounting a small disk is not allowed here: {mount.stderr.strip()}"


def survive_the_archives_absence(folder: Path, archive: Path, files_before: int) -> str:
    """Kill the archive's server once so many files have come; run again once it is back; return what was said."""
    command = [sys.executable, str(Path(__file__).with_name("standin_osf.py")), str(archive), "--latency", "0.3"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    api = server.stdout.readline().strip()
    study = Study(folder, api)
    process = study.start("restructure")
    store = study.folder / RESULTS / ".raw.store"
    while process.poll() is None and sum(file.is_file() for file in store.rglob("*")) < files_before:
        time.sleep(0.01)
    server.kill()
    server.communicate()
    assert process.wait(timeout=600) != 0, "the archive was gone too late"
    (complaint,) = study.complaints()
    assert_nothing_is_partial(study)
    with StandIn(archive, port=int(api.rpartition(":")[2].partition("/")[0])):
        assert study.run("restructure") == 0, study.said()[-4000:]
    return complaint.removeprefix("error: ")


def disturb_every_call(root: Path) -> Iterator[str]:
    """Let every call fail, in each way, by which a stage or Snakemake writes, and let the power go at each."""
    if reason := cannot_build():
        yield f"single calls: skipped, {reason}"
        return
    study = Study(root / "single-calls")
    # The overview tells how long the other stages took, some of which may end after it: once more, after all of them.
    its_own_time = study.folder / RESULTS / "benchmarks/overview.tsv"
    for arguments in ([], ["--forcerun", "overview"]):
        assert study.run("--skip-script-cleanup", "--notemp", *arguments) == 0, study.said()[-4000:]
        its_own_time.unlink()
    wrong = []
    with Sweep(study.folder, root / "disturbed") as sweep:
        first_of_each = {stage.name: stage for stage in reversed(stages(sweep.folder))}
        for stage in (*first_of_each.values(), snakemake_for(first_of_each["summary"])):
            for how, faults in {"call fails": FAILS, "power goes": POWER_GOES}.items():
                results = [sweep.all_of(stage, faults, turn) for turn in range(len(faults))]
                calls = ", ".join(f"{number} {kind}" for kind, number in sorted(results[0].calls.items()))
                ends = sum((result.ends for result in results), Counter())
                yield f"{stage.name}, {how}: {calls}: " + ", ".join(f"{end} {number}" for end, number in ends.items())
                wrong += [text for result in results for text in result.wrong]
    assert not wrong, "\n\n".join(wrong)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=25, help="how many kills must hit")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and the damage")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder without it")
    parser.add_argument("--reference", type=Path, help="workplace of an undisturbed run of the tests' small study")
    options = parser.parse_args()
    random_source = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="rockspace-chaos-") as temporary:
        root = options.folder or Path(temporary)
        began = time.monotonic()

        def say(text: str) -> None:
            print(f"[{time.monotonic() - began:5.0f} s] {text}", flush=True)

        if options.reference:
            reference = Study(options.reference).copy(root / "undisturbed")
        else:
            reference = Study(root / "undisturbed")
            reference.finish()
        say("undisturbed run ended")
        if options.kills:
            for line in _all_faults(root, reference, options.kills, random_source):
                say(line)
        for line in disturb_every_call(root):
            say(line)
    print("Every study ended with the results of the undisturbed run, to the last digit.")


def _all_faults(root: Path, reference: Study, kills: int, random_source: random.Random):
    archive = reference.workplace.archive(root / "archive")
    for contents in (0, 5, 20):
        yield f"archive gone: {survive_the_archives_absence(root / f'absent-{contents}', archive, contents)}"
    with StandIn(archive) as osf:
        count = 0

        def make() -> Study:
            nonlocal count
            count += 1
            return Study(root / f"killed-{count}", osf.api)

        study = survive_kills(make, reference, kills, random_source)
        yield f"{kills} kills survived by {count} studies"
        # From the last stage to the first: Snakemake removes what a stage made before it begins the stage again.
        for pattern in reversed(READERS):
            yield f"corrupted: {notice_corruption(study, pattern, random_source)}"
        study.finish()
        assert_same_results(study, reference)
        for pattern in ("models/lite0/seed-0/embeddings/penultimate.npz", "people/mds_120.txt"):
            yield heal_corruption(study, pattern, random_source)
            assert_same_results(study, reference)
        if reason := can_mount():
            yield f"full disk: skipped, {reason}"
            return
        total_kib = sum(file.stat().st_size for file in artifacts(reference)) // 1024
        sizes = sorted(random_source.sample(range(60, total_kib), 6))
        for line in survive_full_disk(Study(root / "full", osf.api), reference, sizes):
            yield f"full disk: {line}"


if __name__ == "__main__":
    sys.exit(main())
