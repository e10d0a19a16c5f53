"""What others' tools read about the project: citation, licence, catalog entry, layout."""

import re
import tomllib

import yaml

import rockspace
from workflow_runs import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_citation_has_what_its_format_asks_for_and_the_projects_version_and_licence():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "title", "message", "authors", "version", "license"} <= set(citation)
    assert str(citation["version"]) == rockspace.__version__
    assert citation["license"] == PROJECT["license"] == "MIT"
    assert "MIT License" in (ROOT / "LICENSE").read_text()


def test_the_changelog_starts_with_the_projects_version():
    assert re.search(r"^## (\S+?),? ", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1] == rockspace.__version__


def test_the_layout_is_the_one_that_the_workflow_catalog_looks_for():
    entry = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert set(entry) <= {"mandatory-flags", "software-stack-deployment", "report"}
    assert entry["software-stack-deployment"]["conda"] is True
    for path in ("workflow/Snakefile", "workflow/rules", "workflow/envs", "config/config.yaml", "config/README.md"):
        assert (ROOT / path).exists(), path
