"""What the project needs is pinned once, and the same everywhere."""

import re
import tomllib

import yaml
from packaging.requirements import Requirement

from workflow_runs import ROOT

LOCK = (ROOT / "requirements.lock").read_text()


def pins() -> dict[str, str]:
    """Name and version of every locked package that this Python takes."""
    requirements = [Requirement(line.rstrip("\\ ")) for line in LOCK.splitlines() if re.match(r"[a-z]", line)]
    taken = [each for each in requirements if each.marker is None or each.marker.evaluate()]
    return {each.name: str(each.specifier).removeprefix("==") for each in taken}


def test_every_locked_package_has_a_hash_and_no_address():
    packages = re.split(r"\n(?=[a-z])", LOCK.strip())
    assert len(packages) > 50
    assert all("--hash=sha256:" in package for package in packages)
    assert "://" not in LOCK
    assert "--index" not in LOCK


def test_everything_the_project_asks_for_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = {re.match(r"[\w.-]+", requirement)[0] for requirement in asked}
    assert names <= set(pins())


def test_the_conda_environment_has_the_locked_versions():
    environment = yaml.safe_load((ROOT / "workflow/envs/rockspace.yaml").read_text())
    wanted = dict(line.split("==") for line in environment["dependencies"][-1]["pip"])
    assert wanted == {name: pins()[name] for name in wanted}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {re.match(r"[\w.-]+", requirement)[0] for requirement in project["dependencies"]} == set(wanted)
