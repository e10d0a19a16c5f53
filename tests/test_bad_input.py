"""Every bad input is put right as documented, or refused with the one line that the docs show."""

import re
from pathlib import Path

import pytest

from bad_inputs import TABLE, BadInput, Study, page
from rockspace.errors import RockspaceError

DOCS = Path(__file__).parents[1] / "docs" / "bad-input.md"


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.section}: {row.what}"[:80])
def test_a_bad_input_gets_what_the_docs_say(row: BadInput, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = Study()
    if row.is_refused:
        with pytest.raises(RockspaceError) as refusal:
            row.act(study)
        line = str(refusal.value)
        assert line.isprintable()
        parts = map(re.escape, row.gets.split("..."))
        assert re.fullmatch(".*".join(parts), line), line
        assert not list(tmp_path.rglob(".partial-*"))
    else:
        row.act(study)
    assert not Path("pwned").exists()


def test_the_table_is_long_and_names_each_input_once():
    assert len(TABLE) >= 40
    assert len({(row.section, row.what) for row in TABLE}) == len(TABLE)


def test_the_docs_show_the_table():
    assert DOCS.read_text() == page()
