"""Levels and coverage over subtypes, in a small version of what `make simulate` draws at length."""

import numpy as np
import pandas as pd
import pytest

from rockspace.alignment.intervals import correlation_intervals, proportion_interval
from rockspace.alignment.spaces import correlations
from tools.coverage import BEGIN, END, FOUND, INTERVAL, TEST, Cell, Design, Study, as_markdown, in_docs, simulate

SMALL = Design(subtypes=(12,), repeats=25, permutations=39)


@pytest.fixture(scope="module")
def rates():
    return simulate(SMALL)


def over_kinds(rates, what):
    """Rates by statistic over studies of every kind: equal and unequal subtypes, clustered and not."""
    chosen = rates[rates["what"] == what]
    return chosen.groupby("statistic")["rate"].mean()


def test_drawn_studies_are_what_the_design_says():
    rng = np.random.default_rng(0)
    for clustered in (True, False):
        study = Study(Cell(400, False, clustered), 0.6, rng)
        labels, y, features = study.labels[1], study.coordinates[1], study.features[1]
        np.testing.assert_allclose(correlations(features[:, :3], y), 0.6, atol=0.08)
        np.testing.assert_allclose(correlations(study.worse[1], y), 0.4, atol=0.1)
        sizes = np.bincount(labels)
        assert sizes.min() == 1
        assert sizes.max() > 10
        centres = pd.DataFrame(y).groupby(labels).transform("mean").to_numpy()
        within = ((y - centres) ** 2).sum() / (len(y) - 400) / 3
        assert within == pytest.approx(0.3 if clustered else 1, rel=0.1)


def test_intervals_over_subtypes_hold_the_true_value(rates):
    covered = over_kinds(rates, INTERVAL)
    assert set(covered.index) == {
        "mean r, held-out", "difference of two mean r", "accuracy", "RSA (Spearman)", "CKA (debiased)",
    }  # fmt: skip
    # Of 100 intervals at 95 %, fewer than 88 hold by chance twice in a thousand times.
    assert (covered >= 0.88).all()


def test_tests_over_subtypes_keep_their_level_and_find_what_is_there(rates):
    # Of 100 tests at 5 %, more than 12 claim by chance twice in a thousand times.
    assert (over_kinds(rates, TEST) <= 0.12).all()
    found = rates[(rates["what"] == FOUND) & (rates["statistic"] == "mean r, held-out")].set_index("equal")["rate"]
    # Alignment is found in subtypes of unequal size too, where a few large ones count for most.
    assert found[False].mean() > found[True].mean() - 0.2
    assert found.min() > 0.4


def test_an_interval_over_subtypes_is_wider_than_one_over_images_that_are_alike():
    rng, widths = np.random.default_rng(0), []
    for _ in range(20):
        study = Study(Cell(6, True, True), 0.6, rng)
        pair = study.features[1][:, :3], study.coordinates[1]
        over_images = correlation_intervals(*pair, resamples=199, seed=0)[:, -1]
        over_subtypes = correlation_intervals(*pair, study.labels[1], resamples=199, seed=0)[:, -1]
        widths.append([np.ptp(over_images), np.ptp(over_subtypes)])
    over_images, over_subtypes = np.mean(widths, axis=0)
    assert over_subtypes > 1.5 * over_images


def test_a_proportion_of_single_images_has_the_exact_interval():
    # One image a subtype, 8 of 10 right: Clopper and Pearson's, but for rounding of the degrees of freedom.
    hits, alone = np.arange(10) < 8, np.arange(10)
    assert proportion_interval(hits, alone) == pytest.approx([0.4439, 0.9748], abs=1e-4)
    # Ten copies of each say no more than the ten images do.
    copied = proportion_interval(np.repeat(hits, 10), np.repeat(alone, 10))
    assert copied[0] < 0.46
    assert copied[1] > 0.96


@pytest.mark.parametrize("right", [True, False])
def test_all_images_right_leave_room_for_errors(right):
    low, high = proportion_interval(np.full(40, right), np.repeat(np.arange(10), 4))
    assert high - low > 0.2
    assert (high if right else low) == float(right)
    assert proportion_interval(np.full(8, right), np.repeat([0, 1], 4)) is None


def test_the_table_goes_between_its_marks(rates):
    page = in_docs(f"before\n{BEGIN}\nold\n{END}\nafter\n", as_markdown(rates))
    assert page.startswith("before\n")
    assert page.endswith(f"{END}\nafter\n")
    assert "\nold\n" not in page
    assert "| accuracy | " in page


def test_the_result_depends_on_the_seed_and_not_on_the_number_of_processes():
    tiny = Design(subtypes=(5,), repeats=2, permutations=9)
    pd.testing.assert_frame_equal(simulate(tiny), simulate(tiny, processes=2))
