"""Every command, script and config that the pages show works; every link leads somewhere."""

import re
from pathlib import Path

import pytest

from pages import NOT_RUN, ROOT, Desk, blocks, pages

HOW_TO_MARK = "how a block can be marked: tests/pages.py"


# Pages that run whole studies of their own; README does so in every run of the tests.
SLOW = ("docs/tutorial.md", "docs/module.md", "docs/own-backbone.md")


def each_on_any_worker() -> list:
    """Pages, whose tests share nothing, so that no worker has to go through all of them."""
    names = {str(page.relative_to(ROOT)): page for page in pages()}
    assert names.keys() >= set(SLOW)
    return [
        pytest.param(page, id=name, marks=[pytest.mark.xdist_group(name), *[pytest.mark.slow] * (name in SLOW)])
        for name, page in names.items()
    ]


@pytest.mark.parametrize("page", each_on_any_worker())
def test_what_a_page_says_to_type_works_from_top_to_bottom(page, tmp_path):
    todo = list(blocks(page))
    desk = Desk(tmp_path) if todo else None
    for block in todo:
        fault = desk.do(block)
        assert fault is None, f"{block.place}: {fault}\n--- {HOW_TO_MARK}\n{block.text}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_and_picture_of_a_page_is_there(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, heading = target.partition("#")
        if "://" in path or path.startswith("mailto:"):
            continue
        goal = page.parent / path if path else page
        assert goal.exists(), f"{page}: no {target}"
        if heading:
            assert heading in headings(goal), f"{page}: no heading for {target}"


def headings(page: Path) -> set[str]:
    """The anchors that forges make of a page's headings."""
    titles = re.findall(r"^#+ +(.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_page_of_docs_is_reached_from_the_index():
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    missing = [page.name for page in (ROOT / "docs").glob("*.md") if f"({page.name})" not in index]
    assert missing == ["index.md"], "link a new page in docs/index.md"


@pytest.fixture
def trial(tmp_path, monkeypatch):
    """A page with the given text, gone through; returns what went wrong with each block."""

    def gone_through(text: str) -> list[str | None]:
        page = tmp_path / "page.md"
        page.write_text(text)
        monkeypatch.setattr("pages.shutil.copytree", lambda source, target, **_: target.mkdir(parents=True))
        desk = Desk(tmp_path / "desk")
        return [desk.do(block) for block in blocks(page)]

    return gone_through


def test_a_command_that_fails_is_a_fault_and_one_that_works_is_none(trial):
    good, bad, late = trial("```sh\ntrue\n```\n\n```sh\nfalse\ntrue\n```\n\n```sh\nfalse | true\n```\n")
    assert good is None
    assert "status 1" in bad
    assert "status 1" in late


def test_a_block_without_a_known_language_or_a_reason_is_a_fault(trial):
    faults = trial(
        "```\nls\n```\n\n<!-- test: not run: no network -->\n```sh\nfalse\n```\n\n"
        "<!-- test: not run -->\n```sh\ntrue\n```\n\n<!-- test: maybe -->\n```sh\ntrue\n```\n\n```text\nfalse\n```\n"
    )
    assert "block of ''" in faults[0]
    assert faults[1] is None
    assert "say why" in faults[2]
    assert "unknown treatment 'maybe'" in faults[3]
    assert faults[4] is None


def test_scripts_and_configs_are_tried_and_files_are_written_for_what_follows(trial):
    faults = trial(
        "<!-- test: before: python\nx = 1\n-->\n```python\nassert x == 1\n```\n\n```python\nassert x == 2\n```\n\n"
        "```yaml\nseeds: [0, 1]\n```\n\n```yaml\nseeds: [a]\n```\n\n"
        "<!-- test: write: deep/file.txt -->\n```text\nhello\n```\n\n```sh\ngrep hello deep/file.txt\n```\n"
    )
    assert faults[:2] == [None, None]
    assert "AssertionError" in faults[2]
    assert faults[3] is None
    assert "seeds[0]" in faults[4]
    assert faults[5:] == [None, None]


def test_a_diff_that_the_project_does_not_have_is_a_fault(trial):
    of_page = "```diff\n--- a/new.txt\n+++ b/new.txt\n@@ -1 +1,2 @@\n one\n+two\n```\n"
    missing, there = trial(f"{of_page}\n<!-- test: write: new.txt -->\n```text\none\ntwo\n```\n\n{of_page}")[::2]
    assert "new.txt" in missing
    assert there is None


def test_commands_in_sentences_are_found_and_placeholders_left_alone(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "| `make report CONFIG=x`, `make dag` | y |\n\nSay `snakemake -n` or `make new-study NAME=...`; `true`.\n"
    )
    assert [block.text for block in blocks(page)] == ["make report CONFIG=x", "make dag", "snakemake -n"]


def test_what_is_never_run_are_targets_that_there_are():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(f"\n{command.split()[1]}:" in makefile for command in NOT_RUN)


def outputs() -> set[str]:
    """What the rules write, below the folder of a study."""
    folders = {"STUDY": "", "MODEL": "models/{model}/", "RUN": "RUN/", "ENSEMBLE_DIR": "ensembles/{ensemble}/"}
    rules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflow/rules").glob("*.smk"))
    blocks = re.findall(r"^    output:\n((?: {8}.*\n|\n)+)", rules, re.MULTILINE)
    written = [file for block in blocks for file in re.findall(r'f"\{([A-Z_]+)\}/([^"]+)"', block)]
    assert len(blocks) > 25
    assert {folder for folder, _ in written} == set(folders)
    return {folders[folder] + file.replace("{{", "{").replace("}}", "}") for folder, file in written}


def test_every_artifact_of_a_rule_has_a_line_with_its_stage_and_none_else_has():
    rules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflow/rules").glob("*.smk"))
    listed, temporary = set(), {"RUN/infer/{split}-{shard}-of-{shards}.npz"}
    for line in (ROOT / "docs/artifacts.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            artifact, _, stage = line.strip("| ").split(" | ")
            names = re.findall(r"`([^`]+)`", artifact)
            listed |= {
                names[0].rpartition(".")[0] + name if re.fullmatch(r"\.[a-z.]+", name) else name for name in names
            }
            assert stage == "`make report`" or re.search(rf"rule (\w+ as )?{stage.strip('`')}( with)?:", rules), line
    not_of_a_study = {
        "raw/",
        "people/",
        "images/",
        "coordinates/{split}.csv",
        "report.html",
        "../weights/{backbone}.weights.h5",
    }
    assert outputs() - listed - temporary - {"images"} == set()
    assert listed - outputs() - not_of_a_study == set()
