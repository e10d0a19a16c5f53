"""What the project needs is pinned once, and the same everywhere."""

import json
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer

import hatchling.build
import numpy as np
import pytest
import yaml
from packaging.requirements import Requirement

from tools.audit import advisories, audit, differing, loose_lines, unlocked
from tools.bill_of_materials import bill_of_materials
from tools.conda_environment import ENVIRONMENT, environment, pins
from workflow_runs import ROOT

LOCK = (ROOT / "requirements.lock").read_text()


LOCKED = f"a==1 \\\n    --hash=sha256:{'0' * 64} \\\n    --hash=sha256:{'1' * 64}\n"


def test_the_lock_has_versions_with_hashes_and_nothing_else():
    assert len(pins(LOCK)) > 50
    assert loose_lines(LOCK) == []
    assert "://" not in LOCK
    loose = ["b==1", "c>=1 --hash=sha256:" + "0" * 64, "d @ https://x/d.whl", "--index-url https://x/simple", "-e ."]
    marked = LOCKED.replace("a==1", "e==2.0 ; sys_platform == 'win32'")
    assert loose_lines(LOCKED + "\n".join(loose) + "\n" + marked) == loose


def test_everything_the_project_asks_for_is_locked(tmp_path):
    assert unlocked(ROOT / "pyproject.toml", LOCK) == []
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["b"]\n[project]\nname = "x"\ndependencies = ["a>=2", "a"]\n'
        '[project.optional-dependencies]\ny = ["x[z]", "c==1"]\n'
    )
    assert unlocked(tmp_path / "pyproject.toml", LOCKED) == ["b", "a>=2", "c==1"]


def test_what_is_installed_is_what_is_locked():
    assert differing(LOCK) == []
    assert differing(LOCKED.replace("a==1", "numpy==1")) == [f"numpy: {np.__version__}, locked is 1"]
    assert differing(LOCKED.replace("a==1", "no-such-package==1")) == ["no-such-package: not installed, locked is 1"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            b'{"results": [{}, {"vulns": [{"id": "PYSEC-1"}, {"id": "\\u001b[31m"}]}]}',
            ["b 2: PYSEC-1", "b 2: \\x1b[31m"],
        ),
        (b'{"results": [{}]}', None),
        (b"<html>Welcome to the airport's network</html>", None),
        (b"[" * 100_000, None),
    ],
)
def test_vulnerabilities_are_asked_for_by_package_and_version(answer, expected):
    asked = []

    class Osv(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Osv) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        service = f"http://127.0.0.1:{server.server_port}/"
        if expected is None:
            with pytest.raises(OSError, match="not the answer of OSV"):
                advisories({"b": "2", "a": "1"}, service)
        else:
            assert advisories({"b": "2", "a": "1"}, service) == expected
    assert asked == [
        {"package": {"name": name, "ecosystem": "PyPI"}, "version": version}
        for name, version in (("a", "1"), ("b", "2"))
    ]


def test_an_audit_without_network_passes_and_says_what_it_skipped(capsys):
    assert audit("http://127.0.0.1:9/") == 0
    assert "known vulnerabilities: skipped, since OSV cannot be reached" in capsys.readouterr().out


def test_the_bill_of_materials_has_every_locked_package_with_its_hashes_and_no_address_of_an_index():
    bill, locked = bill_of_materials(LOCK), pins(LOCK)
    assert {each["name"]: each["version"] for each in bill["components"]} == locked
    assert {f"--hash=sha256:{each['content']}" for part in bill["components"] for each in part["hashes"]} <= set(
        LOCK.split()
    )
    assert all(
        part["hashes"] and part["purl"] == f"pkg:pypi/{part['name']}@{part['version']}" for part in bill["components"]
    )
    assert len([part for part in bill["components"] if "licenses" in part]) > 0.9 * len(locked)
    refs = [part["bom-ref"] for part in [bill["metadata"]["component"], *bill["components"]]]
    assert [each["ref"] for each in bill["dependencies"]] == refs
    assert {ref for each in bill["dependencies"] for ref in each["dependsOn"]} <= set(refs)
    assert f"pkg:pypi/snakemake@{locked['snakemake']}" in bill["dependencies"][0]["dependsOn"]
    assert json.dumps(bill).count("://") == 1  # its schema
    assert bill == bill_of_materials(LOCK)


def test_the_conda_environment_has_the_locked_versions():
    assert ENVIRONMENT.read_text() == environment(), "run `python -m tools.conda_environment`"
    assert set(yaml.safe_load(ENVIRONMENT.read_text())) == {"channels", "dependencies"}


def test_nothing_is_needed_to_install_the_library_but_what_is_locked(monkeypatch):
    monkeypatch.chdir(ROOT)
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    hooks = hatchling.build.get_requires_for_build_editable, hatchling.build.get_requires_for_build_wheel
    needed = {Requirement(each).name for each in [*build, *(each for hook in hooks for each in hook())]}
    assert needed <= set(pins(LOCK))
