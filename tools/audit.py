"""What is installed is what is locked: `python -m tools.audit`, a part of `make lint`.

All but the last check need no network; known vulnerabilities are asked for at OSV (https://osv.dev) where it can be reached.
"""

import json
import re
import sys
import tomllib
import urllib.error
import urllib.request
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import Requirement

from tools.conda_environment import ROOT, pins

OSV = "https://api.osv.dev/v1/querybatch"
TIMEOUT_S = 10
MAX_BYTES = 10_000_000  # of its answer
# A package of the lock with its hashes, on lines that a backslash joins.
_LOCKED = re.compile(r"[a-z0-9][a-z0-9.-]*==[^\s;]+(?: ; [^\\]+?)?(?: --hash=sha256:[0-9a-f]{64})+")


def loose_lines(lock: str) -> list[str]:
    """Return what is in a lock beside packages of one version with hashes: an address, an option, a file."""
    lines = re.sub(r"\s*\\\n\s*", " ", lock).splitlines()
    return [line for line in lines if not _LOCKED.fullmatch(line)]


def unlocked(project: Path, lock: str) -> list[str]:
    """Return the requirements of a ``pyproject.toml``, building and extras included, that a lock does not satisfy."""
    content = tomllib.loads(project.read_text(encoding="utf-8"))
    own, extras = content["project"]["name"], content["project"]["optional-dependencies"]
    groups = [content["build-system"]["requires"], content["project"]["dependencies"], *extras.values()]
    wanted = [
        each for group in groups for each in map(Requirement, group) if each.name != own
    ]  # one extra may name others
    locked = pins(lock)
    return [str(each) for each in wanted if locked.get(each.name) is None or locked[each.name] not in each.specifier]


def differing(lock: str) -> list[str]:
    """Return the packages that are installed here in another version than a lock has, or not at all."""
    found = []
    for name, locked in pins(lock).items():
        try:
            installed = version(name)
        except PackageNotFoundError:
            installed = "not installed"
        if installed != locked:
            found.append(f"{name}: {installed}, locked is {locked}")
    return found


def advisories(locked: dict[str, str], service: str = OSV) -> list[str]:
    """Ask OSV which versions have known vulnerabilities.

    Raises:
        OSError: It cannot be reached, or does not answer as it should.
    """
    queries = [
        {"package": {"name": name, "ecosystem": "PyPI"}, "version": number} for name, number in sorted(locked.items())
    ]
    request = urllib.request.Request(
        service, json.dumps({"queries": queries}).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            results = json.loads(response.read(MAX_BYTES))["results"]
        return [
            f"{query['package']['name']} {query['version']}: {ascii(each['id'])[1:-1]}"
            for query, result in zip(queries, results, strict=True)
            for each in result.get("vulns", [])
        ]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise OSError("not the answer of OSV") from error


def audit(service: str = OSV) -> int:
    """Print what is not as it is locked; return how much that is."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    checks = {
        "requirements.lock: not a version with hashes": loose_lines(lock),
        "pyproject.toml: not satisfied by requirements.lock (make lock)": unlocked(ROOT / "pyproject.toml", lock),
        "installed: not as requirements.lock has it (make env)": differing(lock),
    }
    try:
        checks["known vulnerability (https://osv.dev)"] = advisories(pins(lock), service)
    except OSError as error:
        print(f"known vulnerabilities: skipped, since OSV cannot be reached ({getattr(error, 'reason', error)})")
    for what, found in checks.items():
        for each in found:
            print(f"{what}: {each}")
    return sum(map(len, checks.values()))


if __name__ == "__main__":
    sys.exit(audit() > 0)
