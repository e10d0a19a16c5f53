"""A tiny study, run by Snakemake itself in a folder of its own."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

from dry_runs import dry_run

ROOT = Path(__file__).parents[1]

# The network is cut, since TensorFlow takes most of a tiny study's time to make the graph of a deep one.
TINY = """\
study: tiny
dataset:
  source: synthetic
  synthetic: {seed: 1, subtypes: 4, per_subtype: {train: 6, validation: 3}, image_size: 48}
models:
  - {name: lite0, backbone: efficientnet_lite0, weights: imagenet, output_layer: block2b_add}
tfrecords: {image_size: 32, margin: 4, shards: {train: 2, validation: 1}}
baselines: []
head: {units: [32, 16], dropout: 0.1}
train_head: {views: 1, epochs: 2, batch_size: 8}
finetune: {epochs: 2, batch_size: 8, holdout_fraction: 0.25}
precision: float32
procrustes: {permutations: 99, bootstraps: 99}
"""


class Workplace:
    """A folder with the project's configuration in it, where the workflow runs.

    Args:
        folder: Of it; one that is there already is taken as it is.
        config: The configuration of the study, laid over that of the project.
    """

    def __init__(self, folder: Path, config: str = TINY) -> None:
        self.folder, self.home = folder, folder.with_name(f"{folder.name}.home")
        if not (folder / "config").exists():
            shutil.copytree(ROOT / "config", folder / "config")
            (folder / "tiny.yaml").write_text(config)
        self.environment = {key: value for key, value in os.environ.items() if key != "TQDM_DISABLE"}

    def copy(self, folder: Path) -> "Workplace":
        """Copy the folder and all that was made in it, with the times of its files, by which Snakemake goes."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Workplace(folder)

    def archive(self, folder: Path) -> Path:
        """Make the archive that a drawn study is one of: its photographs and people's files in one folder."""
        for part in ("raw", "people"):
            shutil.copytree(self.folder / "results/tiny" / part, folder, dirs_exist_ok=True)
        return folder

    def arguments(self, *arguments: str) -> list[str]:
        """Complete the arguments of a command with what every run here has."""
        always = ["--snakefile", str(ROOT / "Snakefile"), "--cores", "2"]
        configuration = [] if "--configfile" in arguments else ["--configfile", "tiny.yaml"]
        return [*always, *arguments, *configuration]

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", *self.arguments(*arguments)]

    def snakemake(self, *arguments: str, timeout: float = 1800, confined: bool = False) -> subprocess.CompletedProcess:
        """Run it; if ``confined``, nothing can be written but ``results/``, ``.snakemake/`` and the home folder."""
        command = self.command(*arguments)
        if confined:
            (self.home / "tmp").mkdir(parents=True, exist_ok=True)
            self.environment |= {
                "HOME": str(self.home),
                "TMPDIR": str(self.home / "tmp"),
                "XDG_CACHE_HOME": str(self.home / ".cache"),
            }
            writable = [self.home, self.folder / "results", self.folder / ".snakemake"]
            command = read_only_but(writable, command)
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def dry_run(self, *arguments: str) -> subprocess.CompletedProcess:
        """Do what ``snakemake("--dry-run", ...)`` does, without Snakemake's start-up time."""
        return dry_run(self.folder, self.arguments(*arguments), self.environment)

    def planned(self, *arguments: str) -> Counter:
        """How many jobs of each rule a dry run would do; without the rule that only collects."""
        result = self.dry_run(*arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", result.stdout + result.stderr, re.MULTILINE | re.DOTALL)
        jobs = Counter(
            {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table[1], re.MULTILINE)} if table else {}
        )
        del jobs["default"], jobs["all"]
        return jobs


def wait_until(holds: Callable[[], object], seconds: float = 30) -> None:
    """Wait until something holds; an error if it does not within so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def heed_interrupts() -> None:
    """For a process that is about to start: what a shell starts in the background ignores SIGINT, and `nohup` has SIGHUP ignored."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def read_only_but(writable: list[Path], command: list[str]) -> list[str]:
    """A command with its own view of the file systems: read-only but for some folders, which are made."""
    for folder in writable:
        folder.mkdir(exist_ok=True)
    view = r"""
        while [ "$1" != -- ]; do mount --bind "$1" "$1"; shift; done; shift
        awk '$3 ~ /^(ext[234]|xfs|btrfs|zfs|overlay|tmpfs)$/ && $2 !~ /^\/dev/ {print $2}' /proc/mounts | sort -u > "$HOME/mounts"
        while read -r mounted; do case "$WRITABLE" in *":$mounted:"*) ;; *)
            mount -o remount,bind,ro "$mounted" || test "$mounted" != / ;; esac; done < "$HOME/mounts"
        rm "$HOME/mounts"
        exec "$@"
    """
    names = [str(folder.resolve()) for folder in writable]
    with_list = ["env", f"WRITABLE=:{':'.join(names)}:"]
    return [*with_list, "unshare", "--mount", "sh", "-ec", view, "sh", *names, "--", *command]


@cache
def cannot_confine() -> str | None:
    """Why a command cannot be given a read-only view of the file systems here, or None."""
    with tempfile.TemporaryDirectory() as folder:
        inside, outside = Path(folder, "inside"), Path(folder, "outside")
        outside.mkdir()
        attempt = read_only_but([inside], ["sh", "-c", f"touch '{inside}/x'; ! touch '{outside}/x' 2>/dev/null"])
        try:
            result = subprocess.run(attempt, env=os.environ | {"HOME": str(inside)}, capture_output=True, text=True)
        except OSError as error:
            return f"no mount namespaces here: {error}"
        if result.returncode == 0 and (inside / "x").exists() and not (outside / "x").exists():
            return None
        return f"no read-only view of the file systems here: {result.stderr.strip()[-200:]}"
