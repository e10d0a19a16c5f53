"""The generalized context model against a plain one, finite differences and choices whose parameters are known."""

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from rockspace.choices import exemplar_model
from rockspace.choices.exemplar_model import ExemplarModel, loss_and_gradient
from rockspace.errors import RockspaceError

WEIGHTS = np.array([0.6, 0.3, 0.1])


def study(k=3, categories=6, each=5, images=48, seed=0):
    """Exemplars around the centres of their categories, and images around the same centres."""
    rng = np.random.default_rng(seed)
    centres = 1.5 * rng.normal(size=(categories, k))
    number = np.repeat(np.arange(categories), each)
    shown = np.arange(images) % categories
    return centres[number] + rng.normal(size=(len(number), k)), number, centres[shown] + rng.normal(size=(images, k))


def with_parameters(exemplars, categories, sensitivity, weights):
    model = ExemplarModel(exemplars, categories)
    model.sensitivity_, model.weights_ = sensitivity, np.asarray(weights)
    return model


def drawn(model, images, people, seed=0):
    return np.random.default_rng(seed).multinomial(people, model.predict_proba(images))


def plainly(exemplars, categories, images, sensitivity, weights):
    """Nosofsky (1986), equations 1 to 4, one image and one exemplar at a time."""
    table = np.zeros((len(images), max(categories) + 1))
    for i, image in enumerate(images):
        for exemplar, category in zip(exemplars, categories, strict=True):
            distance = sum(w * (a - b) ** 2 for w, a, b in zip(weights, image, exemplar, strict=True)) ** 0.5
            table[i, category] += np.exp(-sensitivity * distance)
        table[i] /= table[i].sum()
    return table


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.floats(0.01, 20), st.integers(1, 5))
def test_probabilities_are_those_of_a_plain_loop(seed, sensitivity, k):
    exemplars, categories, images = study(k=k, images=7, seed=seed)
    weights = np.random.default_rng(seed).dirichlet(np.ones(k))
    ours = with_parameters(exemplars, categories, sensitivity, weights).predict_proba(images)
    np.testing.assert_allclose(ours, plainly(exemplars, categories, images, sensitivity, weights), atol=1e-12)
    np.testing.assert_allclose(ours.sum(axis=1), 1)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.booleans())
def test_the_gradient_is_that_of_finite_differences(seed, on_top):
    rng = np.random.default_rng(seed)
    exemplars, categories, images = study(images=9, seed=seed)
    images[0] = exemplars[3] if on_top else images[0]
    squares, members = (images[:, None] - exemplars) ** 2, categories[:, None] == np.arange(6)
    counts, point = rng.integers(0, 9, size=(9, 6)).astype(float), rng.normal(size=3)
    given_ = squares, counts, members
    gradient = loss_and_gradient(point, *given_)[1]
    np.testing.assert_allclose(
        gradient, approx_fprime(point, lambda x: loss_and_gradient(x, *given_)[0], 1e-7), atol=1e-5
    )


def test_the_fitted_likelihood_is_that_of_the_plain_model_and_no_neighbour_is_better():
    exemplars, categories, images = study()
    counts = drawn(with_parameters(exemplars, categories, 2.0, WEIGHTS), images, 20)
    model = ExemplarModel(exemplars, categories).fit(images, counts)

    def likelihood(sensitivity, weights):
        return np.sum(counts * np.log(plainly(exemplars, categories, images, sensitivity, weights / weights.sum())))

    best = likelihood(model.sensitivity_, model.weights_)
    assert model.log_likelihood_ == pytest.approx(best, abs=1e-8)
    rng = np.random.default_rng(0)
    for size in (0.01, 0.1, 0.5):
        for _ in range(4):
            factor, factors = np.exp(size * rng.normal()), np.exp(size * rng.normal(size=3))
            assert likelihood(model.sensitivity_ * factor, model.weights_ * factors) < best


def test_known_parameters_are_found_again_within_sampling_error():
    exemplars, categories, images = study()
    truth = with_parameters(exemplars, categories, 2.0, WEIGHTS)
    found = [
        ExemplarModel(exemplars, categories, starts=2).fit(images, drawn(truth, images, 20, seed)) for seed in range(10)
    ]
    sensitivity = np.array([model.sensitivity_ for model in found])
    weights = np.array([model.weights_ for model in found])
    # The mean of ten fits misses the truth by no more than three and a half of its standard errors.
    for estimates, wanted in ((sensitivity, 2.0), *zip(weights.T, WEIGHTS, strict=True)):
        assert abs(estimates.mean() - wanted) < 3.5 * estimates.std(ddof=1) / np.sqrt(10) + 0.01
    many = ExemplarModel(exemplars, categories).fit(images, drawn(truth, images, 20000))
    assert many.sensitivity_ == pytest.approx(2.0, rel=0.02)
    np.testing.assert_allclose(many.weights_, WEIGHTS, atol=0.01)


def test_every_start_ends_at_the_same_likelihood_and_the_best_is_kept():
    exemplars, categories, images = study()
    counts = drawn(with_parameters(exemplars, categories, 2.0, WEIGHTS), images, 20)
    model = ExemplarModel(exemplars, categories, starts=6).fit(images, counts)
    assert model.reached_.shape == (6,)
    assert model.reached_[0] == pytest.approx(model.log_likelihood_)
    np.testing.assert_allclose(model.reached_, model.log_likelihood_, atol=0.01)
    again = ExemplarModel(exemplars, categories, starts=6).fit(images, counts)
    assert again.sensitivity_ == model.sensitivity_
    warm = ExemplarModel(exemplars, categories).fit(images, counts, start=(model.sensitivity_, model.weights_))
    assert warm.log_likelihood_ == pytest.approx(model.log_likelihood_, abs=1e-4)


def test_a_dimension_that_nobody_attends_to_gets_no_weight():
    exemplars, categories, images = study()
    counts = drawn(with_parameters(exemplars, categories, 2.0, [0.7, 0.3, 0.0]), images, 5000)
    assert ExemplarModel(exemplars, categories).fit(images, counts).weights_[2] < 0.005


def test_an_image_on_top_of_an_exemplar_and_tiny_or_huge_units_are_no_trouble():
    exemplars, categories, images = study()
    counts = drawn(with_parameters(exemplars, categories, 2.0, WEIGHTS), exemplars, 30)
    plain = ExemplarModel(exemplars, categories).fit(exemplars, counts)
    for unit in (1e-4, 1e4):
        scaled = ExemplarModel(unit * exemplars, categories).fit(unit * exemplars, counts)
        assert scaled.log_likelihood_ == pytest.approx(plain.log_likelihood_, abs=1e-3)
        assert scaled.sensitivity_ * unit == pytest.approx(plain.sensitivity_, rel=1e-2)
    far = with_parameters(exemplars, categories, 1e4, WEIGHTS).predict_log_proba(images)
    assert np.isfinite(far).all()


def test_categories_with_more_exemplars_are_chosen_more_often():
    exemplars, categories = np.array([[-1.0], [-1.0], [-1.0], [1.0]]), np.array([0, 0, 0, 1])
    model = with_parameters(exemplars, categories, 1.0, [1.0])
    np.testing.assert_allclose(model.predict_proba(np.array([[0.0]])), [[0.75, 0.25]])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda given: given | {"counts": given["counts"][:, 1:]}, r"needed: 48 images x 6 categories"),
        (lambda given: given | {"counts": 0 * given["counts"]}, r"one at least 1"),
        (lambda given: given | {"counts": -given["counts"]}, r"at least 0"),
        (lambda given: given | {"images": given["images"][:, :2]}, r"images have 2 dimensions and exemplars 3"),
        (lambda given: given | {"categories": given["categories"] + 1}, r"numbered from 0"),
        (lambda given: given | {"categories": given["categories"][1:]}, r"30 exemplars, but 29 categories"),
        (lambda given: given | {"images": given["images"] * np.nan}, r"images: NaN or infinity in row 1"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_one_line(spoil, words):
    exemplars, categories, images = study()
    given_ = spoil({"categories": categories, "images": images, "counts": np.ones((48, 6))})
    with pytest.raises(RockspaceError, match=words):
        ExemplarModel(exemplars, given_["categories"]).fit(given_["images"], given_["counts"])


def test_the_example_in_the_docstring_runs():
    assert doctest.testmod(exemplar_model, extraglobs={"np": np}).failed == 0
