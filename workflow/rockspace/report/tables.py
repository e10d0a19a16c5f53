"""Tables as pages: to sort, filter and read in a browser, with the CSV to take along."""

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from rockspace.report.columns import P_VALUE, TABLES, TEXT, Column, read_table, written_columns
from rockspace.report.dimensions import LEVEL, difference_of, is_clear
from rockspace.report.pages import write_page

ABOUT = {
    "summary": "A row is one layer of one network, from one seed. In parentheses are 95 % intervals, and of chance the middle 95 % of the random pairings.",
    "comparison": "A row compares two layers, networks or seeds on the same validation images: by how much does the first follow people's dimensions more closely than the second? "
    "In parentheses are 95 % intervals of the difference.",
}
NONE = {
    "summary": "There are no results.",
    "comparison": "There is one layer of one network from one seed, so there is nothing to compare. Name more models, layers or seeds in the configuration.",
}
# The columns of a comparison for readers; those of its CSV keep both units.
PAIRS = (
    Column("pair", "first and second", "The two that are compared, on the same images.", TEXT),
    Column("differs_in", "differ in", "What the two differ in.", TEXT),
    Column("verdict", "which is closer", f"The one that is clearly closer to people: the interval of the difference excludes 0, and p is at most {LEVEL}. 'not clear' does not mean that they are equal.", TEXT),
    Column("difference", "difference", "Held-out mean r of the first minus that of the second, with its paired interval: both lose the same images or subtypes.", "{:+.3f}", ends=("low", "high"), over="over"),
    Column("p", "p", "Share of random exchanges of the two predictions with a difference at least as large, adjusted by Holm's method over all comparisons of one kind.", P_VALUE, over="p_over"),
    Column("mean_r_a", "r of the first", "Held-out mean r of the first, averaged over its seeds."),
    Column("mean_r_b", "r of the second", "Held-out mean r of the second, averaged over its seeds."),
)  # fmt: skip


def pair_rows(comparisons: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of ``comparison.csv`` with the values of `PAIRS`, over subtypes, or over images where there are none.

    Args:
        comparisons: As from `rockspace.report.columns.read_table`.
    """
    sides = pd.concat(
        [comparisons[[f"model_{side}", f"layer_{side}"]].set_axis(["model", "layer"], axis=1) for side in ("a", "b")]
    )
    # The only layer of a model needs no saying.
    layers = bool(sides.groupby("model")["layer"].nunique().gt(1).any())
    return [_pair(row, layers) for row in comparisons.to_dict("records")]


def _pair(row: Mapping[str, Any], layers: bool) -> dict[str, Any]:
    first, second = (_side(row, layers, side) for side in ("a", "b"))
    found = difference_of(row)
    closer = first if found.value > 0 else second
    verdict = "too few images" if not found.has_interval else closer if is_clear(found) else "not clear"
    pair = {"pair": f"{first} vs. {second}", "verdict": verdict}
    return {
        **row,
        **pair,
        "low": found.low,
        "high": found.high,
        "over": found.interval_over,
        "p": found.p,
        "p_over": found.null_over,
    }


def _side(row: Mapping[str, Any], layers: bool, side: str) -> str:
    rest = [row[f"layer_{side}"]] if layers else []
    rest += [f"seed {row[f'seed_{side}']}"] if row["differs_in"] == "seed" else []
    return f"{row[f'model_{side}']} ({', '.join(rest)})" if rest else row[f"model_{side}"]


def write_table_page(table: Path, output: Path, title: str) -> None:
    """Write a table of results as an HTML page that holds the CSV too.

    Args:
        table: CSV file, named for one of `rockspace.report.columns.TABLES`.
        output: File to write.
        title: Heading of the page.
    """
    found = read_table(table)
    pairs = table.stem == "comparison"
    rows = pair_rows(found) if pairs else found.to_dict("records")
    columns = written_columns(rows, PAIRS if pairs else TABLES[table.stem])
    write_page(
        output,
        "table.html.jinja",
        title=title,
        about=ABOUT[table.stem] if rows else NONE[table.stem],
        headings=[(heading, column.about, column.form == TEXT) for column, heading, _ in columns],
        rows=[[(texts[i], _sorted_by(row[column.name])) for column, _, texts in columns] for i, row in enumerate(rows)],
        models=sorted({row[name] for row in rows for name in (["model_a", "model_b"] if pairs else ["model"])}),
        models_of=[(row["model_a"], row["model_b"]) if pairs else (row["model"],) for row in rows],
        clear=[row["verdict"] not in ("not clear", "too few images") for row in rows] if pairs else [],
        name=table.name,
        data=b64encode(table.read_bytes()).decode(),
    )


def _sorted_by(value: Any) -> str:
    """What a cell is sorted by: a number with all its digits, or its text; empty cells come last."""
    return "" if pd.isna(value) else str(value)
