"""The reference of the library comes from its docstrings, so they are there."""

import ast
import subprocess
import sys

import pytest

from workflow_runs import ROOT

LIBRARY = ROOT / "workflow/rockspace"
MODULES = sorted(LIBRARY.rglob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(LIBRARY)))
def test_a_module_and_everything_public_in_it_has_a_docstring(module):
    tree = ast.parse(module.read_text(encoding="utf-8"))
    public = [
        node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    assert ast.get_docstring(tree), "the module"
    assert [node.name for node in public if not ast.get_docstring(node)] == []


def test_the_reference_is_built_with_a_page_for_every_module(tmp_path):
    shown = ["make", "--dry-run", "--assume-old", ".venv/complete", "docs"]
    recipe = subprocess.run(shown, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    command = next(line for line in recipe.splitlines() if "pdoc" in line).replace("docs/reference", str(tmp_path))
    arguments = [sys.executable, *command.split()[1:]]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for module in MODULES:
        name = module.relative_to(LIBRARY.parent).with_suffix("")
        page = name.parent if name.name == "__init__" else name
        assert (tmp_path / f"{page}.html").is_file(), page
    assert "disparity_" in (tmp_path / "rockspace/alignment/procrustes.html").read_text(encoding="utf-8")
