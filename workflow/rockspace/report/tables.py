"""Tables as pages: to sort, filter and read in a browser, with the CSV to take along."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from rockspace.alignment.statistics import LEVEL
from rockspace.report.columns import P_VALUE, SUMMARY, TEXT, Column, R, read_table, written_columns
from rockspace.report.dimensions import difference_of, is_clear
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
# The columns of a row of the summary for readers: what tells the rows apart, and r, which the study is about, come first.
NETWORK = Column(
    "network", "network", "Name of the network, with its layer, and with its seed where it has several.", TEXT
)
NETWORKS = (
    NETWORK,
    *sorted(
        (replace(column, shown=column.shown and column.name not in ("model", "seed")) for column in SUMMARY),
        key=lambda column: not column.name.startswith(R),
    ),
)
# The columns of a comparison for readers; those of its CSV keep both units.
PAIRS = (
    Column("pair", "first and second", "The two that are compared, on the same images.", TEXT),
    Column("difference", "difference", "Held-out mean r of the first minus that of the second, with its paired interval: the same images are left out of both.", "{:+.3f}", ends=("low", "high"), over="over"),
    Column("verdict", "which is closer", f"The one that is clearly closer to people: the interval of the difference excludes 0, and p, where there is one, is at most {LEVEL}. 'not clear' does not mean that they are equal.", TEXT),
    Column("p", "p", "Share of random exchanges of the two predictions with a difference at least as large, adjusted by Holm's method over all comparisons of one kind (two-sided).", P_VALUE, over="p_over"),
    Column("mean_r_a", "r of the first", "Held-out mean r of the first, averaged over its seeds."),
    Column("mean_r_b", "r of the second", "Held-out mean r of the second, averaged over its seeds."),
    Column("differs_in", "differ in", "What the two differ in.", TEXT),
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
        "p": "too few subtypes for a test" if found.interval_over == "subtypes" and pd.isna(found.p) else found.p,
        "p_over": found.null_over,
    }


def _side(row: Mapping[str, Any], layers: bool, side: str) -> str:
    rest = [row[f"layer_{side}"]] if layers else []
    rest += [f"seed {row[f'seed_{side}']}"] if row["differs_in"] == "seed" else []
    return _told_apart(row[f"model_{side}"], rest)


def network_rows(summary: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of ``summary.csv`` with the value of `NETWORK`.

    Args:
        summary: As from `rockspace.report.columns.read_table`.
    """
    each = summary.groupby("model", sort=False)
    layers, seeds = each["layer"].nunique().gt(1).any(), each["seed"].nunique().gt(1)

    def named(row: Mapping[str, Any]) -> str:
        rest = [row["layer"]] if layers else []
        return _told_apart(row["model"], [*rest, f"seed {row['seed']}"] if seeds[row["model"]] else rest)

    return [{**row, "network": named(row)} for row in summary.to_dict("records")]


def _told_apart(model: str, rest: Sequence[str]) -> str:
    return f"{model} ({', '.join(rest)})" if rest else model


def write_table_page(table: Path, output: Path, title: str) -> None:
    """Write a table of results as an HTML page that holds the CSV too.

    Args:
        table: CSV file, `summary.csv` or `comparison.csv`.
        output: File to write.
        title: Heading of the page.
    """
    found = read_table(table)
    pairs = table.stem == "comparison"
    rows = pair_rows(found) if pairs else network_rows(found)
    columns = written_columns(rows, PAIRS if pairs else NETWORKS)
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
