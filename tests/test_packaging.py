"""What the project needs is pinned once, and the same everywhere."""

import re
import tomllib

import hatchling.build
import yaml
from packaging.requirements import Requirement

from tools.conda_environment import ENVIRONMENT, environment, pins
from workflow_runs import ROOT

LOCK = (ROOT / "requirements.lock").read_text()


def test_every_locked_package_has_a_hash_and_no_address():
    packages = re.split(r"\n(?=[a-z])", LOCK.strip())
    assert len(packages) > 50
    assert all("--hash=sha256:" in package for package in packages)
    assert "://" not in LOCK
    assert "--index" not in LOCK


def test_everything_the_project_asks_for_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [each for extra in project["optional-dependencies"].values() for each in extra]
    wanted = [Requirement(each) for each in project["dependencies"] + extras]
    wanted = [each for each in wanted if each.name != project["name"]]  # one extra may name others
    locked = pins(LOCK)
    assert {each.name for each in wanted} <= set(locked)
    assert [str(each) for each in wanted if locked[each.name] not in each.specifier] == []


def test_the_conda_environment_has_the_locked_versions():
    assert ENVIRONMENT.read_text() == environment(), "run `python -m tools.conda_environment`"
    assert set(yaml.safe_load(ENVIRONMENT.read_text())) == {"channels", "dependencies"}


def test_nothing_is_needed_to_install_the_library_but_what_is_locked(monkeypatch):
    monkeypatch.chdir(ROOT)
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    hooks = hatchling.build.get_requires_for_build_editable, hatchling.build.get_requires_for_build_wheel
    needed = {Requirement(each).name for each in [*build, *(each for hook in hooks for each in hook())]}
    assert needed <= set(pins(LOCK))
