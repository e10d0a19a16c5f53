"""What the Markdown pages tell a reader to type: found, and run in a workplace of its own.

A comment directly above a block (or table) says how it is treated; a page shows nothing of it:

    <!-- test: run -->                the commands run for real, every `snakemake` with small settings
    <!-- test: not run: REASON -->    left alone
    <!-- test: write: PATH -->        the block becomes a file of the workplace, for what follows
    <!-- test: over: CONFIG -->       a block of `yaml` is laid over this config too

Without one, a block of `sh` runs with every `snakemake` and `make` as a dry run, `python` runs, `r` runs where R and vegan are, `yaml` must be a valid config
over the default one, a `diff` must be one that the project has (it can be taken
back), and the languages in `SHOWN` are there to be read. Commands in tables and in sentences
(`snakemake ...`, `make ...`) are dry runs too; what has a placeholder (`...` or capitals) is left alone. What a reader
need not see, a page can have done before a block:

    <!-- test: before: python
    features = ...
    -->
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHOWN = {"text", "csv", "json", "snakemake", "mermaid"}  # output, and files that are only looked at
IGNORED = (".git", ".venv", ".snakemake", "results", "__pycache__", ".*_cache", ".hypothesis", "reference")

# Commands that no test should run, wherever they stand.
NOT_RUN = {
    "make test": "it would run this very test",
    "make test-slow": "takes minutes, and is run by itself",
    "make bench": "takes a quarter of an hour; tests/benchmarks",
    "make env": "installs, which running the tests has needed before",
    "make lock": "needs uv and the package index",
}

_BLOCK = re.compile(
    r"^(?:<!-- test: (?P<how>[^\n]*?) -->\n\n?)?```(?P<language>\w*)\n(?P<text>.*?)^```$"
    r"|^<!-- test: before: (?P<before>\w+)\n(?P<hidden>.*?)^-->$"
    r"|^<!-- test: not run: [^\n]* -->\n\n?(?:\|[^\n]*\n)+"
    r"|`(?P<code>(?:make|snakemake) [^`\n]+)`",
    re.MULTILINE | re.DOTALL,
)
_PLACEHOLDER = re.compile(r"\.\.\.|\b[A-Z]{4,}\b(?!=)")

# Laid over the config of every run that is meant for real. The graph of a deep network would take most of the time.
SMALL = """\
baselines: []
models: [{name: lite0, backbone: efficientnet_lite0, weights: imagenet, output_layer: block2b_add}]
dataset: {synthetic: {subtypes: 4, per_subtype: {train: 6, validation: 3}, image_size: 48}}
tfrecords: {image_size: 32, margin: 4}
head: {units: [64, 32], dropout: 0}
train_head: {views: 1, epochs: 2, batch_size: 8}
finetune: {epochs: 2, batch_size: 8, holdout_fraction: 0.25}
precision: float32
procrustes: {permutations: 99, bootstraps: 99}
"""

# Stands in for snakemake in a workplace.
SNAKEMAKE = """\
import os, sys
given, small = sys.argv[1:], os.path.join(os.environ["WORKPLACE"], "small.yaml")
if not {"--lint", "--d3dag", "--summary", "--help", "--version"} & set(given):
    if os.environ["HOW"] == "run":
        if "--configfile" not in given:
            given.insert(given.index("--") if "--" in given else len(given), "--configfile")
        at = given.index("--configfile") + 1
        while at < len(given) and not given[at].startswith("-"):
            at += 1
        given.insert(at, small)
    else:
        if "--report" in given:  # collects what is there; there is nothing after a dry run
            del given[given.index("--report") : given.index("--report") + 2]
        given.insert(0, "--dry-run")
os.execv(sys.executable, [sys.executable, "-m", "snakemake", *given])
"""


@cache
def has_vegan() -> bool:
    """Whether there is an R with the package vegan here."""
    return (
        bool(shutil.which("Rscript"))
        and not subprocess.run(["Rscript", "-e", "library(vegan)"], capture_output=True).returncode
    )


@dataclass(frozen=True)
class Block:
    """Something to do: ``language`` and ``text``, and how it is to be treated."""

    page: Path
    line: int
    language: str
    text: str
    how: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Every Markdown page of the project."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("config/*.md"), *ROOT.glob("docs/**/*.md")])


def blocks(page: Path) -> Iterator[Block]:
    """What a page tells a reader to type, in its order."""
    text = page.read_text(encoding="utf-8")
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match["before"]:
            yield Block(page, line, match["before"], match["hidden"], "run")
        elif match["code"]:
            if not _PLACEHOLDER.search(match["code"]):
                yield Block(page, line, "sh", match["code"], "dry run")
        elif match["language"] is not None:
            yield Block(page, line, match["language"], match["text"], match["how"] or "")


class Desk:
    """A copy of the project in which a page is worked through."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "rockspace"
        shutil.copytree(ROOT, self.folder, ignore=shutil.ignore_patterns(*IGNORED), symlinks=True)
        tools = self.folder / ".venv" / "bin"
        tools.mkdir(parents=True)
        (self.folder / "small.yaml").write_text(SMALL)
        (tools / "small-snakemake.py").write_text(SNAKEMAKE)
        commands = {"snakemake": f"{tools}/small-snakemake.py", "python": "", "python3": ""}
        commands |= {name: f"-m {name}" for name in ("pytest", "ruff", "snakefmt", "pdoc")}
        scripts = {name: f'exec {sys.executable} {what} "$@"' for name, what in commands.items()}
        scripts["make"] = f'[ "$HOW" = run ] || set -- --dry-run "$@"\nexec {shutil.which("make")} "$@"'
        for name, script in scripts.items():
            (tools / name).write_text(f"#!/bin/sh\n{script}\n")
            (tools / name).chmod(0o755)
        (tools / "activate").touch()
        (tools.parent / "complete").touch()
        self.environment = os.environ | {
            "WORKPLACE": str(self.folder),
            "PATH": f"{tools}:{os.environ['PATH']}",
            "CORES": "2",
        }
        self.python = self.r = ""

    def do(self, block: Block) -> str | None:
        """Do what a block says; return what went wrong, if anything did."""
        how, _, detail = block.how.partition(": ")
        if how == "not run":
            return None if detail else "say why it is not run"
        if how == "write":
            path = self.folder / detail
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
            return None
        if how not in ("", "run", "dry run", "over"):
            return f"unknown treatment '{block.how}'"
        match block.language:
            case "sh" | "bash":
                return self._shell(block.text, how or "dry run")
            case "python":
                self.python += block.text
                return self._run([sys.executable, "-c", self.python], "run")
            case "r":
                self.r += block.text
                (self.folder / "page.R").write_text(self.r)
                return self._run(["Rscript", "page.R"], "run") if has_vegan() else None
            case "yaml":
                return self._config(block.text, ["config/config.yaml", *filter(None, [detail])])
            case "diff":
                (self.folder / "shown.diff").write_text(block.text)
                return self._run(["git", "apply", "--check", "--reverse", "shown.diff"], "run")
            case language if language in SHOWN:
                return None
            case language:
                return (
                    f"what is a block of '{language}'? Name its language, or write above it: <!-- test: write: PATH -->"
                )

    def _shell(self, text: str, how: str) -> str | None:
        lines = [line for line in text.splitlines() if line.split("#")[0].strip() not in NOT_RUN]
        return self._run(["bash", "-euo", "pipefail", "-c", "\n".join(lines)], how)

    def _run(self, command: list[str], how: str) -> str | None:
        environment = self.environment | {"HOW": how}
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1800,
        )
        return None if done.returncode == 0 else f"status {done.returncode}\n{done.stdout[-3000:]}"

    def _config(self, text: str, below: list[str]) -> str | None:
        import yaml

        from rockspace.config import laid_over, validated
        from rockspace.errors import RockspaceError
        from rockspace.people.proposal import with_proposed_dataset

        config: dict = {}
        for layer in [*((ROOT / path).read_text(encoding="utf-8") for path in below), text]:
            config = laid_over(config, yaml.safe_load(layer))
        try:
            with contextlib.chdir(self.folder):  # a folder of images may be detected there
                validated(with_proposed_dataset(config, ROOT / "config/config.yaml"))
        except RockspaceError as error:
            return str(error)
        return None
