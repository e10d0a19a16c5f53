"""Brings the conda environment's versions in line with the lock: `python -m tools.conda_environment`."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
ENVIRONMENT = ROOT / "workflow/envs/rockspace.yaml"


def pins(lock: str) -> dict[str, str]:
    """Name and version of every locked package that this Python takes."""
    requirements = [Requirement(line.rstrip("\\ ")) for line in lock.splitlines() if re.match(r"[a-z]", line)]
    taken = [each for each in requirements if each.marker is None or each.marker.evaluate()]
    return {each.name: str(each.specifier).removeprefix("==") for each in taken}


def environment() -> str:
    """Return the environment's file with the project's dependencies at their locked versions."""
    locked = pins((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [Requirement(each).name for each in project["dependencies"]]
    above, pip, _ = ENVIRONMENT.read_text(encoding="utf-8").partition("  - pip:\n")
    return above + pip + "".join(f"      - {name}=={locked[name]}\n" for name in names)


if __name__ == "__main__":
    ENVIRONMENT.write_text(environment(), encoding="utf-8")
