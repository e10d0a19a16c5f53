"""The code of a stage counts, its comments and age do not."""

import os
import shutil
from pathlib import Path

import pytest

import rockspace.code_fingerprint as fingerprints
from workflow_runs import ROOT


@pytest.fixture
def copy(tmp_path, monkeypatch) -> Path:
    """A copy of scripts and library, whose code is fingerprinted anew each time."""
    for part in ("scripts", "rockspace"):
        shutil.copytree(ROOT / "workflow" / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(fingerprints, "LIBRARY", tmp_path / "rockspace")
    return tmp_path


def stages(copy: Path) -> dict[str, str]:
    for cached in (fingerprints.code_fingerprint, fingerprints._read):
        cached.cache_clear()
    return {script.stem: fingerprints.code_fingerprint(script) for script in sorted((copy / "scripts").glob("*.py"))}


def changed_by(copy: Path, file: str, old: str, new: str) -> set[str]:
    """The stages whose fingerprint another text in a file changes."""
    before, path = stages(copy), copy / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    after = stages(copy)
    return {stage for stage in before if after[stage] != before[stage]}


def test_age_and_place_of_the_files_change_nothing(copy):
    before = stages(copy)
    for file in copy.rglob("*.py"):
        os.utime(file)
    assert stages(copy) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import numpy as np\n", "import numpy as np  # for arrays\n\n\n"),
        ('"""Return the sum', '"""Give the sum'),
        ('"""', '"""More words. '),
    ],
)
def test_comments_docstrings_and_layout_change_nothing(copy, old, new):
    path = copy / "rockspace/alignment/procrustes.py"
    path.write_text(path.read_text() + '\n\ndef more():\n    """Return the sum."""\n    return 1 + 1\n')
    assert changed_by(copy, "rockspace/alignment/procrustes.py", old, new) == set()


def test_a_change_in_alignment_touches_what_compares_spaces_and_no_network(copy):
    touched = changed_by(
        copy, "rockspace/alignment/procrustes.py", "import numpy as np", "import numpy as np\nFOLDS = 5"
    )
    assert {"procrustes", "comparison"} <= touched
    assert not touched & {"download", "restructure", "coordinates", "tfrecords", "features", "train_head", "finetune"}


READS_TABLES = {
    "coordinates", "individuals", "restructure", "choices", "further_coordinates", "comparison", "ready_embeddings",
}  # fmt: skip


@pytest.mark.parametrize(
    ("module", "stages"),
    [
        ("people/reading", {"coordinates", "individuals", "further_coordinates", "comparison"}),
        ("people/responses", {"choices"}),
        ("data/pairing", READS_TABLES),
        ("data/tables", READS_TABLES),
    ],
)
def test_a_change_in_how_peoples_files_are_read_touches_no_network(copy, module, stages):
    assert changed_by(copy, f"rockspace/{module}.py", "import re\n", "import re\n\nMORE = 1\n") == stages


def test_a_change_in_training_touches_the_training_and_no_analysis(copy):
    touched = changed_by(copy, "rockspace/training/finetune.py", "import keras", "import keras\nMORE = 1")
    assert {"finetune", "cross_validate"} <= touched
    assert not touched & {"features", "train_head", "procrustes", "summary", "overview"}


@pytest.mark.parametrize(
    ("file", "old", "new", "stage", "others"),
    [
        ("rockspace/report/explorer/plot.js", "const", "let", "explorer", {"overview", "procrustes"}),
        ("rockspace/report/templates/overview.html.jinja", "<", "< ", "overview", {"explorer", "procrustes"}),
        ("rockspace/networks/published_weights.json", "{", "{ ", "pretrained_weights", {"procrustes", "tfrecords"}),
        ("rockspace/library_settings/keras.json", "{", "{ ", "finetune", set()),
    ],
)
def test_the_data_files_of_a_package_count_where_it_reads_them(copy, file, old, new, stage, others):
    touched = changed_by(copy, file, old, new)
    assert stage in touched
    assert not touched & others


def test_a_word_in_the_schema_of_configurations_trains_and_analyses_nothing_again(copy):
    touched = changed_by(copy, "rockspace/config.schema.yaml", "description", "description ")
    assert not touched & {"features", "train_head", "finetune", "infer", "procrustes", "comparison", "explorer"}


def test_imports_count_wherever_they_stand_and_however_they_are_written(copy):
    library, script = copy / "rockspace", copy / "scripts" / "probe.py"
    (library / "data/other.py").write_text("X = 1\n")
    (library / "data/inner.py").write_text("def f():\n    from .other import X\n    return X\n")
    for line in (
        "import rockspace.data.inner",
        "from rockspace.data import inner",
        "from rockspace.data.inner import f",
        "def g():\n    with open('x'):\n        from rockspace.data import inner as i",
    ):
        script.write_text(line)
        (library / "data/other.py").write_text("X = 1\n")
        assert changed_by(copy, "rockspace/data/other.py", "1", "2") == {"probe"}
