"""What a run says in the end: a table that fits a terminal, and after a failure where to look."""

import numpy as np
import pandas as pd
import pytest

from rockspace.report.terminal import HEADINGS, closing_words
from test_overview import summary

FILES = {"overview": "results/rocks/overview.html", "report": "make report"}


def test_the_table_has_the_figures_of_the_summary_and_names_the_files():
    table = summary().drop(index=1)
    lines = closing_words(table, "rocks", FILES).splitlines()
    assert lines[0].split("  ")[0].strip() == "rocks"
    assert all(heading in lines[0] for heading in HEADINGS)
    assert lines[2].split() == ["a", "40.0", "%", "(30-50)", "0.500", "[0.30,", "0.70]", "0.100", "0.010"]
    assert lines[3].split()[0] == "b"
    assert "chance, p: of this r, subtypes paired" in "\n".join(lines)
    assert "95 %: over subtypes, of top-1 over images" in "\n".join(lines)
    said = closing_words(table, "rocks", FILES, "It follows people's dimensions. " * 9).splitlines()
    assert " ".join(said[-7:-3]).strip() == ("It follows people's dimensions. " * 9).strip()
    assert max(map(len, said)) <= 80
    assert lines[-2:] == ["overview  results/rocks/overview.html", "report    make report"]


def test_the_legend_of_a_study_too_small_for_intervals_and_nulls_is_whole():
    table = summary()
    words = closing_words(table.assign(**{name: np.nan for name in table if name.endswith("_over")}), "rocks", FILES)
    assert "of this r, images paired" in words
    assert "95 %: over images, of top-1 over images" in words


@pytest.mark.parametrize("models", [1, 30])
@pytest.mark.parametrize("length", [1, 60])
def test_no_line_is_wider_than_a_terminal_whatever_there_is_to_say(models, length):
    table = pd.concat(
        [summary().assign(model=f"{'x' * length}{i}", layer=layer) for i in range(models) for layer in ("conv", "last")]
    )
    words = closing_words(table, "a-study", FILES)
    assert max(map(len, words.splitlines())) <= 80
    assert words.count("seed") + words.count("x0") > 0
    assert len(words.splitlines()) <= 2 + 12 + 1 + 1 + 3 + 1 + 2


def test_only_the_last_layer_of_each_network_is_shown_and_the_rest_counted():
    table = pd.concat([summary().assign(layer=layer) for layer in ("conv", "penultimate")])
    words = closing_words(table, "rocks", FILES)
    assert "... 3 more rows in the summary" in words
    assert "conv" not in words


def test_names_that_begin_alike_stay_apart():
    table = summary(seed=0).assign(model=["a-very-long-name-of-a-network-" + end for end in ("one", "two", "six")])
    words = closing_words(table, "rocks", FILES)
    assert all(end in words for end in ("one", "two", "six"))
    names = ["efficientnet_lite0-pretrained", "efficientnet_lite0-untrained", "efficientnet_lite0"]
    words = closing_words(summary(seed=0).assign(model=names), "rocks", FILES)
    assert all(f"\n{name}  " in words for name in names)
    seeds = pd.concat([summary().assign(model=name) for name in names])
    first = [line.split("  ")[0] for line in closing_words(seeds, "rocks", FILES).splitlines()[2:8]]
    assert len(set(first)) == 6


def test_a_baseline_has_a_row_without_an_accuracy():
    nothing = {name: np.nan for name in summary() if name.startswith(("validation_", "train_"))}
    table = pd.concat([summary().iloc[:1], summary().iloc[2:].assign(model="a-pretrained", layer="pooled", **nothing)])
    lines = closing_words(table, "rocks", FILES).splitlines()
    assert lines[3].split() == ["a-pretrained", "-", "0.400", "[0.20,", "0.90]", "0.300", "0.030"]
