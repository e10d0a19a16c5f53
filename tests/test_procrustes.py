import doctest
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import procrustes as scipy_procrustes
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from pages import has_vegan
from rockspace.alignment.procrustes import Procrustes
from rockspace.alignment.reduction import reduced_procrustes
from rockspace.alignment.rotation_scores import RotationScorer
from rockspace.alignment.spaces import UnusableSpaces, centred, correlations
from rockspace.errors import RockspaceError

REFERENCE = Path(__file__).parent / "reference"
CLOSE = {"rtol": 0, "atol": 1e-10}


def spaces(n=40, d=12, k=4, seed=0, noise=1.0):
    rng = np.random.default_rng(seed)
    coordinates = rng.normal(size=(n, k)) * 2 + 1
    features = coordinates @ rng.normal(size=(k, d)) + noise * rng.normal(size=(n, d)) + 3
    return features, coordinates


def padded(space, width):
    return np.pad(space, ((0, 0), (0, max(0, width - space.shape[1]))))


def random_rotation(d, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d))).Q


@pytest.fixture(scope="module", params=["recorded", "live"])
def vegan_cases(request):
    if request.param == "recorded":
        text = (REFERENCE / "vegan.json").read_text()
    elif not has_vegan():
        pytest.skip("R with vegan is not installed")
    else:
        run = subprocess.run(["Rscript", REFERENCE / "vegan.R"], capture_output=True, text=True, check=True)
        text = run.stdout
    cases = json.loads(text)["cases"]
    for case in cases:
        n, d, k = (int(size) for size in case["shape"])
        case |= {key: np.array(value) for key, value in case.items()}
        case["features"] = case["features"].reshape(n, d)
        for key in ("coordinates", "plain_moved", "unscaled_moved", "symmetric_moved"):
            case[key] = case[key].reshape(n, k)
        case["protest_orders"] = case["protest_orders"].reshape(-1, n).astype(int) - 1
    return cases


@pytest.mark.parametrize(("d", "k"), [(4, 4), (12, 4), (200, 4), (3, 8), (1, 1)])
def test_symmetric_fit_equals_scipy(d, k):
    features, coordinates = spaces(d=d, k=k)
    wide = max(d, k)
    _, moved, disparity = scipy_procrustes(padded(coordinates, wide), padded(features, wide))
    fitted = Procrustes(symmetric=True).fit(features, coordinates)
    assert fitted.disparity_ == pytest.approx(disparity, abs=1e-12)
    assert fitted.residual_ == pytest.approx(disparity, abs=1e-12)
    np.testing.assert_allclose(fitted.transform(features), moved[:, :k], **CLOSE)


def test_every_figure_equals_vegan(vegan_cases):
    for case in vegan_cases:
        features, coordinates = case["features"], case["coordinates"]
        for name, options in (
            ("plain", {}),
            ("unscaled", {"scale": False}),
            ("symmetric", {"symmetric": True}),
        ):
            fitted = Procrustes(**options).fit(features, coordinates)
            np.testing.assert_allclose(fitted.residual_, case[f"{name}_residual"], rtol=1e-12, atol=1e-10)
            np.testing.assert_allclose(fitted.transform(features), case[f"{name}_moved"], **CLOSE)
        assert Procrustes().fit(features, coordinates).scale_ == pytest.approx(case["plain_scale"][0], abs=1e-12)


def test_permuted_disparities_and_p_value_equal_protest(vegan_cases):
    from rockspace.alignment.permutation import permutation_nulls

    for case in vegan_cases:
        within = RotationScorer(case["features"], case["features"])
        # vegan permutes the rows of the rotated space, we those of the target.
        inverse = np.argsort(case["protest_orders"], axis=1)
        null = permutation_nulls(
            {"protest": lambda y, scorer=within: scorer(y, y)}, [case["coordinates"]], iter([(inverse,)])
        )["protest"]
        np.testing.assert_allclose(np.sqrt(1 - null.disparity), case["protest_permuted"], **CLOSE)
        assert null.p_disparity == pytest.approx(case["protest_p"][0], abs=1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_the_estimator_has_scikit_learns_manners():
    check_estimator(Procrustes())


def test_the_example_in_the_docstring_runs():
    from rockspace.alignment import procrustes

    results = doctest.testmod(procrustes)
    assert results.attempted == 6
    assert results.failed == 0


def test_a_moved_copy_is_found_again_exactly():
    rng = np.random.default_rng(1)
    coordinates = rng.normal(size=(30, 5))
    features = (coordinates - coordinates.mean(0)) @ random_rotation(5) / 3.7 + rng.normal(size=5)
    fitted = Procrustes().fit(features, coordinates)
    np.testing.assert_allclose(fitted.transform(features), coordinates, atol=1e-12)
    assert fitted.scale_ == pytest.approx(3.7)
    assert fitted.disparity_ == pytest.approx(0, abs=1e-12)
    assert fitted.score(features, coordinates) == pytest.approx(1)


def test_the_rotation_is_kept_and_carries_new_images():
    rotation, shift = random_rotation(6)[:, :3], np.arange(6.0)
    coordinates = np.random.default_rng(2).normal(size=(50, 3))
    features = 0.5 * coordinates @ rotation.T + shift
    fitted = Procrustes().fit(features[:30], coordinates[:30])
    np.testing.assert_allclose(fitted.transform(features[30:]), coordinates[30:], atol=1e-12)
    assert fitted.disparity(features[30:], coordinates[30:]) == pytest.approx(0, abs=1e-12)


def test_new_images_are_scored_whatever_unit_their_coordinates_have():
    features, coordinates = spaces(n=60)
    fitted = Procrustes().fit(features[:40], coordinates[:40])
    other_unit = 0.1 * coordinates[40:] - 7
    assert fitted.score(features[40:], other_unit) == pytest.approx(fitted.score(features[40:], coordinates[40:]))
    assert fitted.disparity(features[40:], other_unit) == pytest.approx(
        fitted.disparity(features[40:], coordinates[40:])
    )


def test_disparity_of_the_fitted_images_is_the_learnt_one():
    features, coordinates = spaces()
    fitted = Procrustes().fit(features, coordinates)
    assert fitted.disparity(features, coordinates) == pytest.approx(fitted.disparity_, abs=1e-12)


def test_residual_is_the_sum_of_squares_left_where_no_feature_is_padded_away():
    for options in ({}, {"scale": False}, {"reflection": False}):
        features, coordinates = spaces(d=4, k=4)
        fitted = Procrustes(**options).fit(features, coordinates)
        left = np.sum((fitted.transform(features) - coordinates) ** 2)
        assert fitted.residual_ == pytest.approx(left)


def test_a_mirrored_space_is_matched_only_where_reflection_is_allowed():
    coordinates = np.random.default_rng(3).normal(size=(20, 3))
    mirrored = coordinates * [1, 1, -1]
    assert Procrustes().fit(mirrored, coordinates).disparity_ == pytest.approx(0, abs=1e-12)
    fitted = Procrustes(reflection=False).fit(mirrored, coordinates)
    assert fitted.disparity_ > 0.1
    assert np.linalg.det(fitted.rotation_) == pytest.approx(1)


def test_the_rotation_without_reflection_is_the_best_one():
    # SciPy solves the same problem from vectors, on its own.
    from scipy.spatial.transform import Rotation

    features, coordinates = (centred(space) for space in spaces(d=3, k=3, seed=5, noise=8))
    best, _ = Rotation.align_vectors(coordinates, features)
    ours = Procrustes(reflection=False).fit(features, coordinates).rotation_
    np.testing.assert_allclose(ours, best.as_matrix().T, atol=1e-6)


def test_pca_before_the_rotation_is_fitted_on_the_learning_images_only():
    features, coordinates = spaces(n=60, d=20)
    ours = reduced_procrustes("pca", features[:40], 4, reflection=True).fit(features[:40], coordinates[:40])
    by_hand = make_pipeline(PCA(4), Procrustes()).fit(features[:40], coordinates[:40])
    np.testing.assert_allclose(ours.transform(features[40:]), by_hand.transform(features[40:]), atol=1e-9)
    np.testing.assert_allclose(ours[0].mean_, features[:40].mean(axis=0))


@pytest.mark.parametrize("d", [4, 12, 300])
def test_scoring_many_pairings_at_once_equals_fitting_each(d):
    features, coordinates = spaces(n=60, d=d)
    learn, score = features[:40], features[40:]
    orders = np.random.default_rng(0).permuted(np.tile(np.arange(40), (5, 1)), axis=1)
    figures = RotationScorer(learn, score)(coordinates[:40][orders], np.stack([coordinates[40:]] * 5))
    for i, order in enumerate(orders):
        fitted = Procrustes().fit(learn, coordinates[:40][order])
        assert figures.mean_r[i] == pytest.approx(fitted.score(score, coordinates[40:]), abs=1e-9)
        assert figures.disparity[i] == pytest.approx(fitted.disparity(score, coordinates[40:]), abs=1e-9)


shapes = st.tuples(st.integers(4, 30), st.integers(1, 40), st.integers(1, 6), st.integers(0, 10_000))


@settings(max_examples=60, deadline=None)
@given(shapes)
def test_disparity_is_a_share_and_does_not_care_where_the_spaces_lie(shape):
    n, d, k, seed = shape
    features, coordinates = spaces(n, d, k, seed)
    fitted = Procrustes().fit(features, coordinates)
    moved = 0.3 * features @ random_rotation(d, seed) + 100
    assert 0 <= fitted.disparity_ <= 1
    assert Procrustes().fit(moved, coordinates).disparity_ == pytest.approx(fitted.disparity_, abs=1e-8)
    assert Procrustes().fit(features, 5 * coordinates - 2).disparity_ == pytest.approx(fitted.disparity_, abs=1e-8)
    assert -1 <= fitted.score(features, coordinates) <= 1


@settings(max_examples=60, deadline=None)
@given(shapes)
def test_the_learnt_rotation_keeps_lengths(shape):
    n, d, k, seed = shape
    rotation = Procrustes().fit(*spaces(n, d, k, seed)).rotation_
    small = rotation.T @ rotation if d >= k else rotation @ rotation.T
    np.testing.assert_allclose(small, np.eye(min(d, k)), atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(shapes, st.sampled_from([np.nan, np.inf, -np.inf]), st.booleans())
def test_a_value_that_is_not_finite_is_named_by_row_and_column(shape, value, in_features):
    n, d, k, seed = shape
    features, coordinates = spaces(n, d, k, seed)
    spoilt = features if in_features else coordinates
    spoilt[n // 2, -1] = value
    with pytest.raises(RockspaceError, match=rf"row {n // 2 + 1}, column {spoilt.shape[1]}\b"):
        Procrustes().fit(features, coordinates)


@settings(max_examples=40, deadline=None)
@given(shapes)
def test_constant_columns_and_lost_rank_change_nothing_but_what_they_must(shape):
    n, d, k, seed = shape
    features, coordinates = spaces(n, d, k, seed)
    doubled = np.hstack([features, np.full((n, 2), 4.2), features[:, :1] * 0])
    fitted = Procrustes().fit(doubled, coordinates)
    if d >= k:
        assert fitted.disparity_ == pytest.approx(Procrustes().fit(features, coordinates).disparity_, abs=1e-8)
    coordinates[:, 0] = 1.5
    if k > 1:
        constant = Procrustes().fit(features, coordinates)
        assert correlations(constant.transform(features), coordinates)[0] == 0
        assert np.isfinite(constant.score(features, coordinates))


@pytest.mark.parametrize(
    ("features", "coordinates", "words"),
    [
        (np.ones((5, 2)), np.eye(5), "one point"),
        (np.eye(5), np.ones((5, 2)), "one point"),
        (np.eye(5), np.eye(4), "5 rows and coordinates 4"),
        (np.eye(2), np.eye(2), "at least 3"),
        (np.eye(5), np.empty((5, 0)), "one column per dimension"),
        (np.eye(5), np.array([["a"]] * 5), "not a matrix of numbers"),
    ],
)
def test_spaces_that_cannot_be_compared_are_refused_in_one_line(features, coordinates, words):
    with pytest.raises(UnusableSpaces, match=words) as caught:
        Procrustes().fit(features, coordinates)
    assert "\n" not in str(caught.value)
