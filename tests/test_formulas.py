"""A CSV that is opened in a spreadsheet shows names and numbers, and computes nothing."""

import pandas as pd
import pytest

from rockspace.artifacts import write_csv
from rockspace.errors import RockspaceError
from rockspace.formulas import is_formula

FORMULAS = [
    "=1+1",
    '=HYPERLINK("http://x","y")',
    "@SUM(A1)",
    "-2+3",
    "+cmd|' /C calc'!A0",
    "-A1",
    "\t=1",
    " =1",
    "a;=1+1",
    "a\n=b()",
    "\uff1dSUM(1)",
    "-log",
]
NAMES = [
    "-",
    "+",
    "--",
    "=",
    "+/-",
    "-1",
    "+1",
    "-1.5e-3",
    "-1,5",
    "-50 %",
    "a=b",
    "x-1",
    "1-2",
    "'=1",
    "a@b",
    "Ça",
    "",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_spreadsheet_would_compute_is_refused_wherever_it_stands_in_a_table(text, tmp_path):
    tables = {
        "a column": pd.DataFrame({text: [1.5]}),
        "column 'label'": pd.DataFrame({"label": ["a", text, None], "n": [1, 2, 3]}),
        "column 'image_id'": pd.DataFrame({"x": [1.0]}, index=pd.Index([text], name="image_id")),
    }
    for where, table in tables.items():
        with pytest.raises(RockspaceError) as refusal:
            write_csv(tmp_path / "table.csv", table, index=where == "column 'image_id'")
        assert str(refusal.value).startswith(f"table.csv: {where}: {text!r} would be computed as a formula")
        assert "\n" not in str(refusal.value)
        assert not (tmp_path / "table.csv").exists()


@pytest.mark.parametrize("text", NAMES)
def test_signs_alone_and_numbers_as_texts_are_names_like_others(text):
    assert not is_formula(text)


def test_numbers_stay_numbers(tmp_path):
    table = pd.DataFrame({"label": ["-1", "+1"], "x": [-0.25, 3.0], -2.5: [1, 2]})
    write_csv(tmp_path / "table.csv", table)
    assert (tmp_path / "table.csv").read_text() == "label,x,-2.5\n-1,-0.25,1\n+1,3.0,2\n"
