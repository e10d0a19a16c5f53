"""Dry runs in the tests say what Snakemake itself says, and know nothing of each other."""

import os
import re
from collections import Counter

import pytest

from dry_runs import dry_run
from workflow_runs import Workplace

# Date and random name of a run, its command, where Snakemake was loaded, and the times of jobs.
VARIABLE = re.compile(r"^(  (Date|Workflow ID|Command|Run directory): .*|\[.* \d{4}\])$", re.MULTILINE)


@pytest.fixture
def workplace(tmp_path) -> Workplace:
    return Workplace(tmp_path / "here")


def said(result) -> tuple[int, Counter, Counter]:
    """The words, counted: their order is that of Python's sets, another one in each process."""
    words = (Counter(re.findall(r"[\w./-]+", VARIABLE.sub("", text))) for text in (result.stdout, result.stderr))
    return result.returncode, *words


@pytest.mark.parametrize(
    "arguments", [["--config", "seeds=[0,1]"], ["--config", "seeds=[a]"], ["nowhere"]], ids=" ".join
)
def test_a_dry_run_says_word_for_word_what_snakemake_says(workplace, arguments):
    assert said(workplace.dry_run(*arguments)) == said(workplace.snakemake("--dry-run", *arguments))


def test_nothing_is_left_of_one_dry_run_in_the_next(workplace, tmp_path):
    first = workplace.planned()
    other = Workplace(tmp_path / "there", "study: other\nseeds: [0, 1, 2]\n")
    other.environment["PATH"] = ""
    assert other.planned()["finetune"] == 3
    assert workplace.planned("--config", "seeds=[0,1]")["finetune"] == 2
    assert workplace.planned() == first
    assert not (workplace.folder / "results").exists()


def test_a_profile_in_the_working_folder_counts(workplace):
    (workplace.folder / "profiles/default").mkdir(parents=True)
    (workplace.folder / "profiles/default/config.yaml").write_text("until: [restructure]\n")
    assert set(workplace.planned()) == {"download", "restructure"}


def test_a_crash_of_the_rules_is_told(workplace):
    (workplace.folder / "Snakefile").write_text("print('before')\nraise KeyError('why')\n")
    result = dry_run(workplace.folder, ["--cores", "1"], dict(os.environ))
    assert result.returncode == 1
    assert result.stdout.startswith("before\nKeyError")
    assert "why" in result.stdout
