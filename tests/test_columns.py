"""One table of columns: what the CSV files have, what the pages head, and what the docs say is the same."""

import math
from pathlib import Path

import pandas as pd
import pytest

from rockspace.alignment.comparison import comparison_table, dimensions_table, entries_table, scored
from rockspace.alignment.layer_profile import layer_profile
from rockspace.alignment.layer_report import layer_report
from rockspace.alignment.statistics import STATISTICS
from rockspace.report.columns import BY_NAME, COMPARISON, DIMENSIONS, ENTRIES, SUMMARY, Column, cells, read_table
from rockspace.report.summary import MAIN, as_markdown, ensemble_rows, summary_row
from test_comparison import LABELS, observed, prediction
from test_comparison import QUICK as RESAMPLING
from test_layer_report import NAMES, QUICK, study
from tools.columns_reference import reference

METRICS = {
    "train": {"top1": 1.0},
    "validation": {
        "top1": 0.75,
        "top3": 1.0,
        "loss": 0.5,
        "top1_ci": [0.5, 0.9],
        "top1_ci_subtypes": [0.4, 0.95],
        "chance": {"uniform": 0.25, "largest_label": 0.5},
    },
}


@pytest.fixture(scope="module")
def figures():
    return layer_report(*study(), NAMES, QUICK).figures


def test_the_page_of_columns_is_the_one_that_the_tables_give():
    page = Path(__file__).parents[1] / "docs/columns.md"
    assert page.read_text(encoding="utf-8") == reference(), "python -m tools.columns_reference > docs/columns.md"


def test_every_column_of_the_summary_is_filled_from_where_the_table_says(figures):
    row = summary_row("a", 0, "penultimate", METRICS, figures)
    assert list(row) == [column.name for column in SUMMARY]
    empty = {name for name, value in row.items() if isinstance(value, float) and math.isnan(value)}
    assert empty == {column.name for column in SUMMARY if column.name.startswith("coordinates_")}
    assert row["held_out_mean_r_null"] == figures["permutation"]["subtypes"]["held_out"]["null_mean_r"]
    assert row["held_out_mean_r_p"] == figures["permutation"]["subtypes"]["held_out"]["p_mean_r"]
    assert row["in_sample_mean_r_null"] == figures["permutation"]["subtypes"]["in_sample"]["null_mean_r"]
    assert row["in_sample_disparity_p_images"] == figures["permutation"]["images"]["in_sample"]["p_disparity"]
    assert (row["validation_top1_low"], row["validation_top1_interval_over"]) == (0.4, "subtypes")


def test_the_figures_over_images_stand_in_by_name_where_none_are_over_subtypes():
    figures = layer_report(*study(subtypes=1, per_validation=9, per_train=18), NAMES, QUICK).figures
    row = summary_row("a", 0, "penultimate", METRICS, figures)
    assert row["held_out_mean_r_low"] == figures["held_out"]["mean_r_ci"][0]
    assert row["held_out_mean_r_p"] == figures["permutation"]["images"]["held_out"]["p_mean_r"]
    assert (row["held_out_mean_r_interval_over"], row["held_out_mean_r_null_over"]) == ("images", "images")


def test_an_ensemble_has_a_row_with_what_is_known_of_it():
    held_out = {"mean_r": 0.6, "mean_r_ci": [0.5, 0.7], "mean_r_ci_subtypes": None, "disparity": 0.4}
    metrics = METRICS | {"members": {"seeds": [0, 1]}}
    (row,) = ensemble_rows("both", metrics, {"layers": {"penultimate": {"held_out": held_out}}})
    assert (row["model"], row["seed"], row["held_out_mean_r_high"]) == ("both", "0 1", 0.7)
    assert math.isnan(row["held_out_mean_r_null"])
    assert ensemble_rows("both", metrics, {"layers": {}})[0]["layer"] == ""


@pytest.mark.parametrize("seeds", [[0], [0, 1]])
def test_the_summary_for_readers_has_the_main_columns_their_legend_and_the_notes(figures, seeds):
    rows = [summary_row("a", seed, "penultimate", METRICS, figures) for seed in seeds]
    text = as_markdown(pd.DataFrame(rows), "rocks", ["12 are few"])
    assert "| r held-out (95 % over subtypes) |" in " ".join(text.split())
    assert "| 75.0 % (40.0 to 95.0) |" in " ".join(text.split())
    assert "\n> 12 are few\n" in text
    # One seed tells nothing apart.
    names = [name for name in MAIN if name != "seed" or len(seeds) > 1]
    shown = cells(rows, [BY_NAME[name] for name in names])
    assert [words.strip() for words in text.splitlines()[2].strip("|").split("|")] == [heading for heading, *_ in shown]
    for heading, about, _ in shown[len(names) - len(MAIN) + 3 :]:
        assert f"- *{heading}*: {about}\n" in text


def test_names_that_are_numbers_or_look_like_nothing_are_read_back_as_text(tmp_path, figures):
    names = [("007", 1, "NA"), ("1e5", 1, "penultimate")]
    pd.DataFrame([summary_row(*name, METRICS, figures) for name in names]).to_csv(tmp_path / "summary.csv", index=False)
    table = read_table(tmp_path / "summary.csv")
    assert table[["model", "seed", "layer"]].to_numpy().tolist() == [[m, str(s), layer] for m, s, layer in names]
    assert table["held_out_mean_r"].dtype == float
    assert table["coordinates_mean_r_interval_over"].isna().all()


def test_tables_have_the_columns_that_their_tables_say_and_the_profile_every_statistic(figures):
    given = scored([prediction(0.3, "better"), prediction(2.0, "worse", draw=2)], observed()), LABELS, RESAMPLING
    entries, comparisons = entries_table(*given), comparison_table(*given)
    assert list(entries.columns) == [column.name for column in ENTRIES]
    assert list(dimensions_table(given[0], NAMES, *given[1:]).columns) == [column.name for column in DIMENSIONS]
    assert sorted(comparisons.columns) == sorted(column.name for column in COMPARISON)
    assert {statistic.name for statistic in STATISTICS} <= {column.name for column in SUMMARY}
    profile = layer_profile([(0, "penultimate", figures)], ["penultimate"])
    assert {statistic.name for statistic in STATISTICS} <= set(profile.columns)


@pytest.mark.parametrize(
    ("value", "text"), [(-0.0003, "0.000"), (0.0003, "0.000"), (-0.0006, "-0.001"), (0.5, "+0.500")]
)
def test_a_difference_that_rounds_to_0_has_no_sign(value, text):
    assert Column("difference", "difference", "", "{:+.3f}").written(value) == text
