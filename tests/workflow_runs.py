"""A tiny study, run by Snakemake itself in a folder of its own."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]

TINY = """\
study: tiny
dataset:
  source: synthetic
  synthetic: {seed: 1, subtypes: 4, per_subtype: {train: 6, validation: 3}, image_size: 48}
models:
  - {name: lite0, backbone: efficientnet_lite0, weights: imagenet}
tfrecords: {image_size: 32, margin: 4, shards: {train: 2, validation: 1}}
head: {units: [32, 16], dropout: 0.1}
train_head: {views: 1, epochs: 2, batch_size: 8}
finetune: {epochs: 2, batch_size: 8, holdout_fraction: 0.25}
precision: float32
procrustes: {permutations: 99, bootstraps: 99}
"""


class Workplace:
    """A folder with the project's configuration in it, where the workflow runs."""

    def __init__(self, folder: Path, config: str = TINY) -> None:
        self.folder = folder
        shutil.copytree(ROOT / "config", folder / "config")
        (folder / "tiny.yaml").write_text(config)
        self.environment = {key: value for key, value in os.environ.items() if key != "TQDM_DISABLE"}

    def command(self, *arguments: str) -> list[str]:
        snakemake = [
            sys.executable,
            "-m",
            "snakemake",
            "--snakefile",
            str(ROOT / "Snakefile"),
            "--cores",
            "2",
        ]
        return [
            *snakemake,
            *arguments,
            *([] if "--configfile" in arguments else ["--configfile", "tiny.yaml"]),
        ]

    def snakemake(self, *arguments: str, timeout: float = 1800) -> subprocess.CompletedProcess:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def planned(self, *arguments: str) -> Counter:
        """How many jobs of each rule a dry run would do; without the rule that only collects."""
        result = self.snakemake("--dry-run", *arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", result.stdout + result.stderr, re.MULTILINE | re.DOTALL)
        jobs = Counter(
            {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table[1], re.MULTILINE)} if table else {}
        )
        del jobs["all"]
        return jobs
