from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rockspace.alignment.intervals import (
    confidence_interval,
    correlation_intervals,
    correlation_moments,
    correlations_from_moments,
    unit_sums,
)
from rockspace.alignment.multiplicity import holm
from rockspace.alignment.permutation import BATCH, image_pairings, permutation_nulls, subtype_pairings
from rockspace.alignment.rotation_scores import Figures, RotationScorer
from rockspace.alignment.spaces import correlations


def related(n=80, d=10, k=3, seed=0, noise=1.0):
    rng = np.random.default_rng(seed)
    coordinates = rng.normal(size=(n, k))
    features = coordinates @ rng.normal(size=(k, d)) + noise * rng.normal(size=(n, d))
    return features, coordinates


def orders_of(pairings):
    return [np.concatenate(batches) for batches in zip(*pairings, strict=True)]


def test_random_pairings_are_orders_and_repeat_with_the_seed():
    first, second = orders_of(image_pairings([7, 5], 300, seed=1))
    assert first.shape == (300, 7)
    assert second.shape == (300, 5)
    np.testing.assert_array_equal(np.sort(first, axis=1), np.tile(np.arange(7), (300, 1)))
    again, _ = orders_of(image_pairings([7, 5], 300, seed=1))
    np.testing.assert_array_equal(first, again)
    other, _ = orders_of(image_pairings([7, 5], 300, seed=2))
    assert (first != other).any()


def test_every_order_is_as_likely_as_any_other():
    (orders,) = orders_of(image_pairings([5], 120 * 200, seed=0))
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    assert len(counts) == 120
    assert stats.chisquare(counts).pvalue > 0.001


def test_subtypes_change_places_as_wholes_and_alike_in_both_splits():
    train = np.repeat(list("abcde"), 3)
    validation = np.array(list("edcba") * 2)
    for over_train, over_validation in zip(*orders_of(subtype_pairings([train, validation], 200, 0)), strict=True):
        assert sorted(over_train) == list(range(15))
        partners = {label: set(train[over_train][train == label]) for label in "abcde"}
        assert all(len(partner) == 1 for partner in partners.values())
        for label, partner in partners.items():
            assert set(validation[over_validation][validation == label]) == partner


def test_subtypes_of_unequal_size_change_places_too_and_no_image_is_left_out_before_another_comes_twice():
    labels = np.repeat(list("abcdef"), [1, 2, 2, 3, 5, 8])
    (orders,) = orders_of(subtype_pairings([labels], 400, 0))
    size = {label: np.sum(labels == label) for label in "abcdef"}
    partners = {label: set() for label in "abcdef"}
    for order in orders:
        assert len(set(labels[order])) == 6
        for label in "abcdef":
            taken = order[labels == label]
            (partner,) = set(labels[taken])
            partners[label].add(partner)
            times = np.bincount(taken, minlength=len(labels))[labels == partner]
            assert np.ptp(times) <= 1
            assert times.sum() == size[label]
    assert all(others == set("abcdef") for others in partners.values())


def test_subtypes_of_one_split_alone_change_places_among_themselves():
    train, validation = np.repeat(list("abcdefxy"), 2), np.repeat(list("abcdef"), 3)
    over_train, over_validation = orders_of(subtype_pairings([train, validation], 100, 0))
    assert all(set(train[order][12:]) == {"x", "y"} for order in over_train)
    assert {tuple(train[order][:12:2]) for order in over_train} == {
        tuple(validation[order][::3]) for order in over_validation
    }


@pytest.mark.parametrize("labels", [["a"] * 9, np.repeat(list("abcd"), 4), np.repeat(list("abcd"), [1, 2, 3, 9])])
def test_there_is_no_test_over_a_handful_of_exchanges(labels):
    assert subtype_pairings([np.array(labels)], 10, 0) is None


def test_exchanges_of_what_is_not_scored_are_no_test():
    train, validation = np.repeat(list("abcuvwxyz"), 4), np.repeat(list("abc"), 5)
    assert subtype_pairings([train, validation], 10, 0) is None
    assert subtype_pairings([validation, train], 10, 0) is not None
    assert image_pairings([50, 4], 10, 0) is None


def test_p_values_count_the_observed_pairing_and_are_never_zero():
    features, coordinates = related(noise=0.01)
    scorer = RotationScorer(features, features)
    null = permutation_nulls({"s": lambda y: scorer(y, y)}, [coordinates], image_pairings([80], 99, 0))["s"]
    assert null.n == 99
    assert null.p_disparity == null.p_mean_r == 1 / 100
    np.testing.assert_allclose(null.p_r, 1 / 100)


def test_the_null_equals_a_plain_loop_over_the_same_orders():
    features, coordinates = related(seed=3, noise=6)
    scorer = RotationScorer(features, features)
    count = BATCH + 37
    null = permutation_nulls({"s": lambda y: scorer(y, y)}, [coordinates], image_pairings([80], count, 5))["s"]
    observed = scorer(coordinates, coordinates)
    (orders,) = orders_of(image_pairings([80], count, 5))
    one_by_one = [scorer(coordinates[order], coordinates[order]) for order in orders]
    mean_r = np.array([figures.mean_r for figures in one_by_one])
    np.testing.assert_allclose(null.mean_r, mean_r, atol=1e-12)
    assert null.p_mean_r == (1 + np.sum(mean_r >= observed.mean_r)) / (count + 1)
    r = np.array([figures.r for figures in one_by_one])
    np.testing.assert_allclose(null.p_r, (1 + np.sum(r >= observed.r, axis=0)) / (count + 1))
    np.testing.assert_allclose(null.r, r.mean(axis=0))


def test_p_values_are_uniform_where_nothing_is_shared():
    p = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        features, coordinates = rng.normal(size=(40, 20)), rng.normal(size=(40, 2))
        within = RotationScorer(features[30:], features[30:])
        across = RotationScorer(features[:30], features[30:])
        nulls = permutation_nulls(
            {"within": lambda a, b, s=within: s(b, b), "across": across},
            [coordinates[:30], coordinates[30:]],
            image_pairings([30, 10], 99, seed),
        )
        p.append([nulls["within"].p_disparity, nulls["across"].p_mean_r])
    for column in np.array(p).T:
        assert stats.kstest(column, stats.uniform.cdf).pvalue > 0.001


def test_shuffling_subtypes_is_not_fooled_by_clusters_that_image_shuffling_is():
    by_images, by_subtypes = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        labels = np.repeat(np.arange(10), 6)
        # Both spaces hold the subtypes apart, but place them independently of each other.
        features = rng.normal(size=(10, 5))[labels] + 0.2 * rng.normal(size=(60, 5))
        coordinates = rng.normal(size=(10, 2))[labels] + 0.2 * rng.normal(size=(60, 2))
        scorer = RotationScorer(features, features)
        for p, pairings in (
            (by_images, image_pairings([60], 99, seed)),
            (by_subtypes, subtype_pairings([labels], 99, seed)),
        ):
            p.append(permutation_nulls({"s": lambda y, s=scorer: s(y, y)}, [coordinates], pairings)["s"].p_mean_r)
    assert np.mean(np.array(by_images) <= 0.05) > 0.8
    assert np.mean(np.array(by_subtypes) <= 0.05) < 0.15


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_closure_of_bonferroni(p):
    # By definition: a hypothesis falls once every group of hypotheses that holds it falls by Bonferroni.
    groups = [group for size in range(1, len(p) + 1) for group in combinations(range(len(p)), size)]
    expected = [
        max(min(1, len(group) * min(p[j] for j in group)) for group in groups if i in group) for i in range(len(p))
    ]
    np.testing.assert_allclose(holm(np.array(p)), expected, atol=1e-12)


def test_holm_on_numbers_worked_out_by_hand():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])


def test_correlations_equal_scipy():
    predicted, observed = np.random.default_rng(0).normal(size=(2, 25, 4))
    expected = [stats.pearsonr(predicted[:, i], observed[:, i]).statistic for i in range(4)]
    np.testing.assert_allclose(correlations(predicted, observed), expected, atol=1e-12)
    totals = correlation_moments(predicted, observed).sum(axis=0)
    np.testing.assert_allclose(correlations_from_moments(totals), expected, atol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9, -3.3])
def test_a_constant_dimension_has_no_correlation(value):
    space = np.random.default_rng(0).normal(size=(10, 2))
    constant = space.copy()
    constant[:, 0] = value
    assert correlations(constant, space)[0] == 0
    assert correlations(space, constant)[0] == 0
    assert correlations_from_moments(correlation_moments(constant, space).sum(axis=0))[0] == 0


def test_interval_over_images_equals_scipys_own_for_correlations():
    features, coordinates = related(n=50, d=3, k=3)
    ours = correlation_intervals(features, coordinates, resamples=500, seed=4)
    theirs = stats.bootstrap(
        (features[:, 0], coordinates[:, 0]),
        lambda x, y, axis: stats.pearsonr(x, y, axis=axis).statistic,
        paired=True,
        n_resamples=500,
        batch=100,
        rng=np.random.default_rng(4),
    ).confidence_interval
    np.testing.assert_allclose(ours[:, 0], theirs, atol=1e-9)


def test_interval_over_subtypes_resamples_them_as_wholes():
    labels = np.repeat(np.arange(12), 5)
    rng = np.random.default_rng(0)
    observed = rng.normal(size=(12, 1))[labels] + 0.05 * rng.normal(size=(60, 1))
    predicted = observed + rng.normal(size=(12, 1))[labels]
    images = correlation_intervals(predicted, observed, resamples=500, seed=0)
    subtypes = correlation_intervals(predicted, observed, labels, resamples=500, seed=0)
    assert np.ptp(subtypes[:, 0]) > 1.5 * np.ptp(images[:, 0])


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    truth, hits = 0.6, 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(60, 1))
        y = truth * x + np.sqrt(1 - truth**2) * rng.normal(size=(60, 1))
        low, high = correlation_intervals(x, y, resamples=199, seed=seed)[:, 0]
        hits += low <= truth <= high
    assert 0.88 <= hits / 200 <= 0.99


def test_intervals_repeat_with_the_seed():
    features, coordinates = related(d=3)
    first = correlation_intervals(features, coordinates, resamples=199, seed=1)
    np.testing.assert_array_equal(first, correlation_intervals(features, coordinates, resamples=199, seed=1))
    assert (first != correlation_intervals(features, coordinates, resamples=199, seed=2)).any()


def test_a_figure_that_no_resample_moves_has_an_interval_of_one_point():
    space = np.random.default_rng(0).normal(size=(20, 2))
    np.testing.assert_allclose(correlation_intervals(space, space, resamples=199, seed=0), 1)


def test_two_units_are_too_few_for_an_interval():
    space = np.random.default_rng(0).normal(size=(20, 2))
    assert correlation_intervals(space, space, np.repeat([0, 1], 10), resamples=199, seed=0) is None


def test_sums_over_subtypes_add_up_to_the_sum_over_images():
    values = np.random.default_rng(0).normal(size=(9, 2, 3))
    sums = unit_sums(values, np.array(list("abcabcaab")))
    assert sums.shape == (3, 2, 3)
    np.testing.assert_allclose(sums.sum(axis=0), values.sum(axis=0))


def test_interval_of_a_mean_is_close_to_the_textbooks():
    values = np.random.default_rng(0).normal(size=(400, 1))
    with_count = np.hstack([values, np.ones((400, 1))])
    interval = confidence_interval(with_count, lambda s: s[..., :1] / s[..., 1:], resamples=2000, seed=0)
    expected = stats.t.interval(0.95, 399, values.mean(), stats.sem(values[:, 0]))
    np.testing.assert_allclose(interval[:, 0], expected, atol=0.02)


def test_mean_r_is_the_mean_over_dimensions():
    assert Figures(np.array([0.2, 0.4]), np.array(0.5)).mean_r == pytest.approx(0.3)
