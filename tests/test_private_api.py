"""Nothing private of Snakemake or Keras is used, and no configuration is changed in place."""

import ast
import re

import pytest

from workflow_runs import ROOT

RULES = sorted([*ROOT.glob("Snakefile"), *ROOT.glob("workflow/Snakefile"), *ROOT.glob("workflow/rules/*.smk")])
MODULES = sorted(path for part in ("rockspace", "scripts") for path in (ROOT / "workflow" / part).rglob("*.py"))
THEIRS = ("snakemake", "workflow", "rules", "keras", "tf")
FORBIDDEN = {
    "internals of Snakemake": r"__class__|\bdag\b|\bscheduler\b|persistence",
    "attributes of the workflow that are no public interface": r"(?<!/)\bworkflow\.(?!source_path\b|is_main_process\b)\w",
    "a configuration changed in place": r"\bconfig\[[^]]+\]\s*=[^=]|\bconfig\.(update|pop|setdefault|clear)\b|\bdel config\b",
    "the place where Python looks for modules": r"PYTHONPATH|sys\.path",
}


def private_names(text: str) -> set[str]:
    """Attributes with a leading underscore of what belongs to Snakemake or Keras."""
    return set(re.findall(rf"\b(?:{'|'.join(THEIRS)})(?:\.\w+)*\._[a-z]\w*", text))


@pytest.mark.parametrize("what", FORBIDDEN)
@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_rules_keep_to_what_snakemake_documents(path, what):
    assert not re.search(FORBIDDEN[what], path.read_text(encoding="utf-8"))
    assert not private_names(path.read_text(encoding="utf-8"))


def test_the_makefile_leads_python_nowhere():
    assert not re.search(FORBIDDEN["the place where Python looks for modules"], (ROOT / "Makefile").read_text())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT / "workflow").as_posix())
def test_modules_use_nothing_private_of_keras(path):
    text = path.read_text(encoding="utf-8")
    assert "keras.src" not in text
    assert not private_names(text)
    imported = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    assert not [
        alias.name
        for node in imported
        if (node.module or "").split(".")[0] in ("keras", "tensorflow", "snakemake")
        for alias in node.names
        if alias.name.startswith("_")
    ]


def test_the_check_finds_what_it_looks_for():
    assert private_names("workflow._persistence; keras.ops._x; keras.src") == {"workflow._persistence", "keras.ops._x"}
    undocumented = FORBIDDEN["attributes of the workflow that are no public interface"]
    assert re.search(undocumented, "workflow.current_basedir")
    assert not re.search(undocumented, 'workflow.source_path("x"); report: "report/workflow.rst"')
    assert re.search(FORBIDDEN["a configuration changed in place"], 'config["dataset"] = 1')
    assert not re.search(FORBIDDEN["a configuration changed in place"], 'config["dataset"] == 1')
