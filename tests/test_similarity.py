import json
import runpy
from itertools import combinations, permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import minimize
from scipy.spatial.distance import pdist, squareform

from rockspace.alignment.permutation import image_pairings, subtype_pairings
from rockspace.alignment.rsa import compare, dissimilarities, kendall_tau_a, rsa, rsa_intervals, rsa_null
from rockspace.alignment.similarity import (
    cka_interval,
    cka_null,
    debiased_cka,
    linear_cka,
    shape_distance,
    unbiased_kernel,
)
from rockspace.alignment.whitened_rsa import whitened_correlation
from rockspace.errors import RockspaceError

REFERENCE = Path(__file__).parent / "reference"


def related(n=30, d=10, k=3, seed=0, noise=1.0):
    rng = np.random.default_rng(seed)
    coordinates = rng.normal(size=(n, k))
    return coordinates @ rng.normal(size=(k, d)) + noise * rng.normal(size=(n, d)), coordinates


@pytest.fixture(scope="module", params=["recorded", "live"])
def rsatoolbox_cases(request):
    if request.param == "recorded":
        return json.loads((REFERENCE / "rsatoolbox.json").read_text())
    pytest.importorskip("rsatoolbox")
    module = runpy.run_path(str(REFERENCE / "rsatoolbox_numbers.py"))
    return [module["case"](*shape) for shape in [(12, 5, 3, 6, 0), (15, 40, 2, 6, 1), (10, 2, 2, 0, 2)]]


@pytest.mark.parametrize("name", ["spearman", "kendall_tau_a", "cosine"])
def test_rsa_equals_rsatoolbox_with_and_without_ties(rsatoolbox_cases, name):
    for case in rsatoolbox_cases:
        assert rsa(case["features"], case["coordinates"])[name] == pytest.approx(case[name], abs=1e-10)


def test_whitened_rsa_equals_rsatoolboxs(rsatoolbox_cases):
    for case in rsatoolbox_cases:
        both = (squareform(dissimilarities(np.array(case[side]))) for side in ("features", "coordinates"))
        assert whitened_correlation(*both) == pytest.approx(case["whitened_correlation"], abs=1e-10)
    equal, other = 0.3 * (1 - np.eye(7)), squareform(pdist(related(7)[0]))
    assert whitened_correlation(equal, other) == whitened_correlation(equal, equal) == 0


def test_linear_cka_equals_rsatoolboxs_whitened_cosine(rsatoolbox_cases):
    for case in rsatoolbox_cases:
        assert linear_cka(case["features"], case["coordinates"]) == pytest.approx(case["linear_cka"], abs=1e-9)


@pytest.fixture(scope="module", params=["recorded", "live"])
def netrep_cases(request):
    if request.param == "recorded":
        return json.loads((REFERENCE / "netrep.json").read_text())
    pytest.importorskip("netrep")
    module = runpy.run_path(str(REFERENCE / "netrep_numbers.py"))
    return [module["case"](*shape) for shape in [(12, 4, 4, 0), (15, 40, 3, 1), (20, 2, 6, 2), (30, 12, 8, 3)]]


@pytest.mark.parametrize("metric", ["angular", "euclidean"])
def test_shape_distance_equals_netreps_for_narrower_equal_and_wider_features(netrep_cases, metric):
    for case in netrep_cases:
        found = shape_distance(case["features"], case["coordinates"], metric)
        assert found == pytest.approx(case[metric], abs=1e-10)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=3, max_size=9))
def test_kendall_tau_a_counts_pairs(points):
    x, y = np.array(points, dtype=float).T
    signs = [np.sign(x[i] - x[j]) * np.sign(y[i] - y[j]) for i, j in combinations(range(len(x)), 2)]
    assert kendall_tau_a(x, y) == pytest.approx(np.mean(signs), abs=1e-12)


def test_rsa_takes_other_distances_between_features():
    features, coordinates = related()
    ours = rsa(features, coordinates, metric="correlation")["spearman"]
    assert ours == pytest.approx(stats.spearmanr(pdist(features, "correlation"), pdist(coordinates)).statistic)


def test_rsa_null_equals_a_plain_loop():
    features, coordinates = related(n=14, noise=4)
    ours = rsa_null(features, coordinates, image_pairings([14], 60, 3))
    orders = np.concatenate([batch for (batch,) in image_pairings([14], 60, 3)])
    observed = rsa(features, coordinates)
    shuffled = [rsa(features, coordinates[order]) for order in orders]
    for name, null in ours.items():
        values = np.array([figures[name] for figures in shuffled])
        assert null["p_value"] == pytest.approx((1 + np.sum(values >= observed[name])) / 61)
        assert null["null"] == pytest.approx(values.mean(), abs=1e-12)


def test_rsa_null_of_few_images_nears_the_exact_test():
    features, coordinates = related(n=5, noise=3, seed=2)
    observed = rsa(features, coordinates)["spearman"]
    every = [rsa(features, coordinates[list(order)])["spearman"] for order in permutations(range(5))]
    exact = np.mean(np.array(every) >= observed - 1e-9)
    ours = rsa_null(features, coordinates, image_pairings([5], 2000, 0))["spearman"]["p_value"]
    assert ours == pytest.approx(exact, abs=0.04)


def test_rsa_intervals_leave_out_an_image_paired_with_its_own_copy():
    rng = np.random.default_rng(0)
    features, coordinates = rng.normal(size=(25, 6)), rng.normal(size=(25, 2))
    low, high = rsa_intervals(features, coordinates, resamples=300, seed=0)["spearman"]
    # With copies kept, pairs of distance 0 on both sides would lift the whole interval above 0.
    assert low < rsa(features, coordinates)["spearman"] < high
    assert low < 0 < high


def test_rsa_intervals_over_subtypes_do_not_count_pairs_within_a_subtype_twice():
    # Subtypes hold together in both spaces but lie independently of one another, so pairs within them make the figure.
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(20), 3)
    features, coordinates = (3 * rng.normal(size=(20, d))[groups] + rng.normal(size=(60, d)) for d in (6, 2))
    figure = rsa(features, coordinates)["spearman"]
    low, high = rsa_intervals(features, coordinates, groups, resamples=300, seed=0)["spearman"]
    assert low < figure < high
    assert abs((low + high) / 2 - figure) < 0.25 * (high - low)


def test_rsa_intervals_over_subtypes_need_enough_of_them():
    features, coordinates = related(n=20)
    assert rsa_intervals(features, coordinates, np.repeat([0, 1, 2, 3], 5), resamples=99, seed=0) is None
    wide = rsa_intervals(features, coordinates, np.repeat(np.arange(10), 2), resamples=99, seed=0)
    assert wide["cosine"][0] < wide["cosine"][1]


def song_hsic(k, m):
    """Equation 5 of Song et al. (2012), term by term."""
    n = len(k)
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    ones = np.ones(n)
    return (
        np.trace(k @ m)
        + (ones @ k @ ones) * (ones @ m @ ones) / ((n - 1) * (n - 2))
        - 2 / (n - 2) * (ones @ k @ m @ ones)
    ) / (n * (n - 3))


def test_debiased_cka_is_made_of_songs_unbiased_estimates():
    features, coordinates = related()
    k, m = features @ features.T, coordinates @ coordinates.T
    expected = song_hsic(k, m) / np.sqrt(song_hsic(k, k) * song_hsic(m, m))
    assert debiased_cka(features, coordinates) == pytest.approx(expected, abs=1e-10)


def test_linear_cka_equals_its_definition_with_centring_matrices():
    features, coordinates = related()
    h = np.eye(30) - 1 / 30
    k, m = h @ features @ features.T @ h, h @ coordinates @ coordinates.T @ h
    expected = np.trace(k @ m) / np.sqrt(np.trace(k @ k) * np.trace(m @ m))
    assert linear_cka(features, coordinates) == pytest.approx(expected, abs=1e-12)


def test_many_features_inflate_linear_cka_but_not_the_debiased_one():
    rng = np.random.default_rng(0)
    pairs = [(rng.normal(size=(30, 500)), rng.normal(size=(30, 8))) for _ in range(20)]
    assert np.mean([linear_cka(*pair) for pair in pairs]) > 0.4
    assert abs(np.mean([debiased_cka(*pair) for pair in pairs])) < 0.05


def test_cka_null_equals_a_plain_loop():
    features, coordinates = related(n=12, noise=5)
    ours = cka_null(features, coordinates, image_pairings([12], 80, 1))
    orders = np.concatenate([batch for (batch,) in image_pairings([12], 80, 1)])
    values = np.array([debiased_cka(features, coordinates[order]) for order in orders])
    assert ours["null"] == pytest.approx(values.mean())
    assert ours["p_value"] == pytest.approx((1 + np.sum(values >= debiased_cka(features, coordinates))) / 81)


def test_cka_intervals_leave_out_an_image_paired_with_its_own_copy():
    rng = np.random.default_rng(1)
    features, coordinates = rng.normal(size=(40, 60)), rng.normal(size=(40, 2))
    low, high = cka_interval(features, coordinates, resamples=300, seed=0)
    assert low < debiased_cka(features, coordinates) < high
    assert low < 0 < high


def test_cka_interval_equals_a_plain_loop_over_resampled_pairs():
    features, coordinates = related(n=12, noise=3)
    ours, theirs = unbiased_kernel(features), unbiased_kernel(coordinates)
    draws = []
    for counts in np.random.default_rng(5).multinomial(12, np.full(12, 1 / 12), size=100):
        drawn = np.repeat(np.arange(12), counts)
        pairs = [(i, j) for i in drawn for j in drawn if i != j]
        a, b = (np.array([kernel[pair] for pair in pairs]) for kernel in (ours, theirs))
        draws.append(a @ b / np.sqrt((a @ a) * (b @ b)))
    found = cka_interval(features, coordinates, resamples=100, seed=5)
    assert found == pytest.approx(np.percentile(draws, [2.5, 97.5]), abs=1e-10)


def test_intervals_over_subtypes_are_the_jackknife_of_leaving_each_out():
    features, coordinates = related(n=24, noise=3)
    groups = np.repeat(np.arange(8), [1, 1, 2, 2, 3, 4, 5, 6])
    ours, theirs = unbiased_kernel(features), unbiased_kernel(coordinates)
    for found, statistic in (
        (rsa_intervals(features, coordinates, groups, resamples=9, seed=0)["spearman"],
         lambda kept: rsa(features[kept], coordinates[kept])["spearman"]),
        (rsa_intervals(features, coordinates, groups, resamples=9, seed=0)["cosine"],
         lambda kept: rsa(features[kept], coordinates[kept])["cosine"]),
        (cka_interval(features, coordinates, groups, resamples=9, seed=0),
         lambda kept: np.sum((ours * theirs)[np.ix_(kept, kept)])
         / np.linalg.norm(ours[np.ix_(kept, kept)]) / np.linalg.norm(theirs[np.ix_(kept, kept)])),
    ):  # fmt: skip
        without = np.arctanh([statistic(np.flatnonzero(groups != group)) for group in range(8)])
        error = np.sqrt(7 / 8 * np.sum((without - without.mean()) ** 2))
        reach = stats.t.ppf(0.975, 7) * error
        middle = np.arctanh(statistic(np.arange(24)))
        assert found == pytest.approx(np.tanh([middle - reach, middle + reach]), abs=1e-9)
    assert cka_interval(features, coordinates, np.repeat(np.arange(4), 6), resamples=9, seed=0) is None


def test_an_interval_of_rsa_over_images_is_that_of_ranking_each_resample_anew():
    features, coordinates = related(n=15, noise=3)
    features[3] = features[4]
    ours, theirs = (squareform(pdist(space)) for space in (features, coordinates))
    draws = []
    for drawn in np.random.default_rng(2).integers(15, size=(80, 15)):
        pairs = [(i, j) for a, i in enumerate(drawn) for j in drawn[a + 1 :] if i != j]
        found = compare(*(np.array([distances[pair] for pair in pairs]) for distances in (ours, theirs)))
        draws.append([found["spearman"], found["cosine"]])
    found = rsa_intervals(features, coordinates, resamples=80, seed=2)
    low, high = np.percentile(draws, [2.5, 97.5], axis=0)
    assert found["spearman"] == pytest.approx([low[0], high[0]], abs=1e-10)
    assert found["cosine"] == pytest.approx([low[1], high[1]], abs=1e-10)


@pytest.mark.parametrize("metric", ["cosine", "correlation"])
def test_images_without_a_direction_are_at_right_angles_to_all_others(metric):
    features, coordinates = related(n=12)
    features[[2, 7]] = 0
    distances = squareform(dissimilarities(features, metric))
    others = np.delete(np.arange(12), [2, 7])
    assert (distances[np.ix_([2, 7], others)] == 1).all()
    assert distances[2, 7] == 0
    np.testing.assert_allclose(distances[np.ix_(others, others)], squareform(pdist(features[others], metric)))
    assert all(np.isfinite(list(rsa(features, coordinates, metric).values())))
    assert np.isfinite(rsa_intervals(features, coordinates, resamples=49, seed=0, metric=metric)["spearman"]).all()
    pairings = image_pairings([12], 19, 0)
    assert np.isfinite(rsa_null(features, coordinates, pairings, metric)["spearman"]["p_value"])


def test_cka_null_over_subtypes_is_lifted_by_what_subtypes_share():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(8), 5)
    features = rng.normal(size=(8, 10))[labels] + 0.1 * rng.normal(size=(40, 10))
    coordinates = rng.normal(size=(8, 3))[labels] + 0.1 * rng.normal(size=(40, 3))
    images = cka_null(features, coordinates, image_pairings([40], 99, 0))["null"]
    subtypes = cka_null(features, coordinates, subtype_pairings([labels], 99, 0))["null"]
    assert subtypes > images + 0.1


def test_shape_distance_is_the_smallest_angle_over_rotations():
    # By its definition: search the plane's rotations and mirrorings, with no singular values.
    features, coordinates = related(n=15, d=2, k=2, noise=2)
    x, y = (space - space.mean(axis=0) for space in (features, coordinates))
    x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)

    def turned(angle, mirror):
        cosine, sine = np.cos(angle), np.sin(angle)
        return x @ np.array([[cosine, -sine], [sine, cosine]]) * [1, mirror]

    for metric, distance in (
        ("angular", lambda z: np.arccos(np.sum(z * y))),
        ("euclidean", lambda z: np.linalg.norm(z - y)),
    ):
        found = [
            minimize(lambda a, m=mirror, d=distance: d(turned(a[0], m)), [start], method="Nelder-Mead", tol=1e-10).fun
            for mirror in (1, -1)
            for start in (0, 2, 4)
        ]
        assert shape_distance(features, coordinates, metric) == pytest.approx(min(found), abs=1e-6)


def test_angular_shape_distance_equals_netreps_formula_from_the_nuclear_norm():
    # Williams et al. 2021, proposition 1 with full whitening off: the nuclear norm of the cross-covariance,
    # here from matrix square roots instead of a singular value decomposition.
    from scipy.linalg import sqrtm

    features, coordinates = related(n=20, d=6, k=4)
    x, y = (space - space.mean(axis=0) for space in (features, coordinates))
    cross = y.T @ x
    nuclear = np.trace(sqrtm(cross @ cross.T)).real
    expected = np.arccos(nuclear / (np.linalg.norm(x) * np.linalg.norm(y)))
    assert shape_distance(features, coordinates) == pytest.approx(expected, abs=1e-8)


@settings(max_examples=40, deadline=None)
@given(st.integers(4, 20), st.integers(1, 8), st.integers(0, 1000))
def test_shape_distance_is_a_metric(n, d, seed):
    rng = np.random.default_rng(seed)
    a, b, c = (rng.normal(size=(n, rng.integers(1, d + 1))) for _ in range(3))
    for metric in ("angular", "euclidean"):
        assert shape_distance(a, a * 3 + 1, metric) == pytest.approx(0, abs=1e-6)
        assert shape_distance(a, b, metric) == pytest.approx(shape_distance(b, a, metric), abs=1e-9)
        assert shape_distance(a, c, metric) <= shape_distance(a, b, metric) + shape_distance(b, c, metric) + 1e-9


@settings(max_examples=40, deadline=None)
@given(st.integers(5, 20), st.integers(1, 12), st.integers(0, 1000))
def test_no_similarity_cares_where_the_spaces_lie(n, d, seed):
    features, coordinates = related(n, d, 3, seed)
    turned = features @ np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d))).Q * 2 + 7
    for statistic in (linear_cka, debiased_cka, shape_distance):
        assert statistic(turned, coordinates) == pytest.approx(statistic(features, coordinates), abs=1e-6)
    for name, value in rsa(turned, coordinates).items():
        assert value == pytest.approx(rsa(features, coordinates)[name], abs=1e-3)


def test_equal_distances_carry_no_similarity():
    triangle = np.eye(3)
    assert rsa(triangle, related(n=3)[1])["spearman"] == 0
    assert compare(np.ones(6), np.arange(6.0))["kendall_tau_a"] == 0


@pytest.mark.parametrize("statistic", [linear_cka, debiased_cka, shape_distance, rsa])
def test_every_similarity_refuses_spaces_that_cannot_be_compared(statistic):
    features, coordinates = related()
    features[3, 1] = np.nan
    with pytest.raises(RockspaceError, match="row 4, column 2"):
        statistic(features, coordinates)
    with pytest.raises(RockspaceError, match="30 rows and coordinates 29"):
        statistic(related()[0], coordinates[1:])


def test_an_unknown_shape_metric_is_named():
    with pytest.raises(RockspaceError, match="'geodesic'; allowed: angular, euclidean"):
        shape_distance(*related(), "geodesic")
