"""Provenance: versions, machine, configuration and data behind a result."""

import hashlib
import json
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

import rockspace
from rockspace.artifacts import read_json
from rockspace.network_kinds import HUB, HUB_PREFIX, ONNX_FILE, kind_of

PATHS = ("directory", "backbone", "weights", "embeddings", "names", "files", "file", "predictions")
"""Keys of the configuration whose values may be paths."""

_FOLDERS = re.compile(rf"^(?P<before>(?:{HUB_PREFIX})?)(?:/|~|[A-Za-z]:[\\/]).*[\\/](?=.)")
PACKAGES = ("snakemake", "tensorflow", "keras", "numpy", "scikit-learn")


def packages_of_networks(config: dict[str, Any]) -> dict[str, str]:
    """Return the packages that the networks of a study need beside Keras: what each is called, by its name on the index."""
    kinds = [kind_of(model["backbone"]) for model in config["models"]]
    packages = (("keras-hub", "KerasHub", HUB), ("onnxruntime", "ONNX Runtime", ONNX_FILE))
    return {package: name for package, name, kind in packages if kind in kinds}


def configuration(config: dict[str, Any]) -> str:
    """Write the whole configuration as a config file, which reproduces the run."""
    # Through JSON, since YAML would write lists that two sections share as an anchor and an alias.
    return yaml.safe_dump(json.loads(json.dumps(config)), sort_keys=False, allow_unicode=True, width=100)


def read_configuration(path: str | Path) -> dict[str, Any]:
    """Read what `configuration` wrote."""
    config: dict[str, Any] = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    return config


def without_folders(value: Any, key: str = "") -> Any:
    """Return a configuration for readers elsewhere: of a path of this machine, its last part alone."""
    if isinstance(value, dict):
        return {name: without_folders(part, name) for name, part in value.items()}
    if isinstance(value, list):
        return [without_folders(part, key) for part in value]
    return _FOLDERS.sub(r"\g<before>.../", value) if isinstance(value, str) and key in PATHS else value


def provenance(
    config: dict[str, Any], configfile: str, manifests: Sequence[Path], reading: Path, choices: Path | None = None
) -> dict[str, str]:
    """Collect what is needed to reproduce a result.

    Args:
        config: The whole configuration, defaults filled in.
        configfile: The file that it was written to.
        manifests: The manifests of the photographs and of people's files.
        reading: ``coordinates/reading.json``: what was taken from people's tables.
        choices: ``choices/reading.json``: what was taken from files of people's choices, and what was left out.

    Returns:
        Texts by name, in reading order. Versions are those at the time of the call.
    """
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
    packages = (*PACKAGES, *packages_of_networks(config))
    versions = [f"{name} {found}" for name in packages if (found := _version(name))]
    commit = git_commit(Path(rockspace.__file__).parent)
    return {
        "Rockspace": f"{rockspace.__version__}" + (f", commit {commit}" if commit else ""),
        "packages": ", ".join([f"Python {platform.python_version()}", *versions]),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "configuration": f"{configfile} (sha256 {digest[:16]})",
        "seeds": ", ".join(map(str, config["seeds"])),
        "data": f"{source(config['dataset'])} (manifests' sha256 {', '.join(_sha256(manifest)[:16] for manifest in manifests)})",
        "coordinates": "; ".join(". ".join(lines) for lines in read_json(reading)),
    } | ({"choices": "; ".join(read_json(choices)["notes"])} if choices else {})


def source(dataset: dict[str, Any]) -> str:
    """Say in a few words where the images come from; no path of this machine."""
    match dataset["source"]:
        case "osf":
            return f"OSF node {dataset['osf']['node']}"
        case "synthetic":
            return f"embedded dataset, seed {dataset['synthetic']['seed']}"
        case _:
            return "a local folder"


def git_commit(folder: Path) -> str | None:
    """Return the commit that ``folder`` is at, with ``+ changes`` where files differ; None outside git."""
    command = ["git", "-C", str(folder), "describe", "--always", "--exclude=*", "--abbrev=12", "--dirty= + changes"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
