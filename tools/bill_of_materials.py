"""The bill of materials of the locked packages, in CycloneDX: `make sbom` writes ``sbom.cdx.json``.

Versions and SHA-256 come from the lock; licences and who needs whom from the packages that are installed. The same lock and
installation give the same bytes.
"""

import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import rockspace
from tools.conda_environment import ROOT, pins


def bill_of_materials(lock: str) -> dict[str, Any]:
    """Return a CycloneDX document for the packages of a lock that this Python takes."""
    locked = pins(lock)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    hashes = {
        re.match(r"[a-z0-9.-]+", entry)[0]: re.findall(r"--hash=sha256:([0-9a-f]{64})", entry)
        for entry in re.split(r"\n(?=[a-z0-9])", lock.strip())
    }
    purls = {name: f"pkg:pypi/{name}@{version}" for name, version in locked.items()}
    own = f"pkg:pypi/rockspace@{rockspace.__version__}"
    components, needs = [], [{"ref": own, "dependsOn": _among(project["dependencies"], purls)}]
    for name, version in sorted(locked.items()):
        component = {
            "type": "library",
            "bom-ref": purls[name],
            "name": name,
            "version": version,
            "purl": purls[name],
            # One for each file that was published of the version.
            "hashes": [{"alg": "SHA-256", "content": content} for content in sorted(hashes[name])],
        }
        components.append(component | _licence(name))
        needs.append({"ref": purls[name], "dependsOn": _among(_requirements(name), purls)})
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, own + lock)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": "rockspace",
                "version": rockspace.__version__,
                "purl": own,
                "licenses": [{"license": {"id": "MIT"}}],
            }
        },
        "components": components,
        "dependencies": needs,
    }


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _requirements(name: str) -> list[str]:
    found = _installed(name)
    return (found.requires if found else None) or []


def _among(requirements: Iterable[str], purls: dict[str, str]) -> list[str]:
    """The packages of the lock that requirements name for this Python, optional ones left out."""
    wanted = [
        each for each in map(Requirement, requirements) if each.marker is None or each.marker.evaluate({"extra": ""})
    ]
    names = {canonicalize_name(each.name) for each in wanted}
    return sorted(purls[name] for name in names if name in purls)


def _licence(name: str) -> dict[str, Any]:
    """The licence as the package states it: an expression, a name, or the classifiers of the index."""
    found = _installed(name)
    metadata = found.metadata if found else {}
    if expression := metadata.get("License-Expression"):
        return {"licenses": [{"expression": expression}]}
    classifiers = (
        [each for each in (metadata.get_all("Classifier") or []) if each.startswith("License ::")] if found else []
    )
    names = [each.split(" :: ")[-1] for each in classifiers] or [(metadata.get("License") or "").split("\n")[0].strip()]
    return {"licenses": [{"license": {"name": each}} for each in names]} if any(names) else {}


if __name__ == "__main__":
    target = Path(sys.argv[1])
    document = bill_of_materials((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    target.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"{target}: {len(document['components'])} packages")
