"""The reference of the columns and statistics, made from their tables in the library.

Usage: ``python -m tools.columns_reference > docs/columns.md``
"""

from collections.abc import Iterable, Sequence

from rockspace.alignment.statistics import STATISTICS
from rockspace.report.columns import COMPARISON, DIMENSIONS, ENTRIES, SUMMARY, Column

INTRODUCTION = """\
# The columns of the tables

The meaning and source of each column. Keys are joined by dots, as in
`held_out.mean_r`; where two sources are given, the second is used if the first is empty. [Reading the statistics](statistics.md)
explains which figure to report. Shares and correlations are plain numbers; an empty cell means "not available".
"""
SUMMARY_ABOUT = """
## `summary.csv`

One row for each model, seed and layer, and for each ensemble and layer. A figure is followed by its own interval, chance and p,
and their unit (*over*): whole subtypes, or single images if there are too few subtypes.
`tables/summary.html` shows the same, `summary.md` the main columns.
"""
PROFILE_ABOUT = """
## `models/{model}/layer_profile.csv`

One row for each seed and layer, by `depth`: `n_features`, `reduction`, and a column for every statistic of the list below,
followed by its interval and null over both units, if it has them: `..._low_subtypes`, `..._high_subtypes`, `..._null_subtypes` (chance),
`..._null_low_subtypes`, `..._null_high_subtypes` (middle 95 % of the null distribution), `..._p_subtypes`, and the same with `..._images`.
`held_out_mean_r_p_..._holm` is adjusted by Holm's method over the layers of a seed.

## The statistics

The noise ceiling in `alignment/{layer}.json` uses the same names.
"""


def reference() -> str:
    """Return ``docs/columns.md``."""
    parts = [
        INTRODUCTION,
        SUMMARY_ABOUT,
        *_columns(SUMMARY),
        PROFILE_ABOUT,
        *_table(
            ("name", "in words", "range", "closer is", "key in `alignment/{layer}.json`", "meaning"), _statistics()
        ),
        "\n## `comparison.csv`\n\nOne row for each pair that differs in one of model, layer, seed and training; see [Layers and models](statistics.md#layers-and-models).\n",
        *_columns(COMPARISON),
        "\n## `comparison.entries.csv`\n\nOne row for each model and layer.\n",
        *_columns(ENTRIES),
        "\n## `comparison.dimensions.csv`\n\nOne row for each dimension of the last layer of each model.\n",
        *_columns(DIMENSIONS),
    ]
    return "".join(parts)


def _columns(columns: Sequence[Column]) -> Iterable[str]:
    files = any(column.source[1] for column in columns)
    names = ("column", "in words", *(("from",) if files else ()), "meaning")
    return _table(names, ([f"`{c.name}`", c.heading, *([_source(c)] if files else []), c.about] for c in columns))


def _source(column: Column) -> str:
    file, keys = column.source
    return f"`{file}`: {', or '.join(f'`{key}`' for key in keys.split(', or '))}" if keys else file


def _statistics() -> Iterable[Sequence[str]]:
    for each in STATISTICS:
        closer = "higher" if each.higher_is_closer else "lower"
        low, high = (f"{bound:.4g}" for bound in each.bounds)
        yield f"`{each.name}`", each.label, f"{low} to {high}", closer, f"`{each.key}`", each.about


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    yield f"\n| {' | '.join(headings)} |\n|{'---|' * len(headings)}\n"
    for row in rows:
        yield f"| {' | '.join(row)} |\n"


if __name__ == "__main__":
    print(reference(), end="")
