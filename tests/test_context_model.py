"""The generalized context model against a plain one, finite differences and choices whose parameters are known."""

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from rockspace.choices import context_model
from rockspace.choices.context_model import DEFAULTS, FREE, FREE_BY_CONDITION, CategorySet, ContextModel
from rockspace.errors import RockspaceError

WEIGHTS = np.array([1.8, 0.9, 0.3])


def category_set(k=3, categories=4, each=3, images=24, seed=0, **more):
    """Exemplars around the centres of their categories, and images around the same centres."""
    rng = np.random.default_rng(seed)
    centres, number = 1.5 * rng.normal(size=(categories, k)), rng.permutation(np.repeat(np.arange(categories), each))
    shown = centres[np.arange(images) % categories] + rng.normal(size=(images, k))
    return CategorySet(centres[number] + rng.normal(size=(len(number), k)), number, shown, **more)


def drawn(sets, parameters, people, seed=0):
    rng, log_p = np.random.default_rng(seed), ContextModel(sets).log_probabilities(parameters)
    return [rng.multinomial(people, np.exp(each)).astype(float) for each in log_p]


def plainly(studied, values):
    """The model's equations, one image and one exemplar at a time."""
    table = np.zeros((len(studied.images), studied.n_categories))
    for i, image in enumerate(studied.images):
        evidence = [0.0] * studied.n_categories
        for exemplar, category, group in zip(studied.exemplars, studied.categories, studied.groups, strict=True):
            terms = (
                w * abs(a - b) ** values["metric"] for w, a, b in zip(values["weights"], image, exemplar, strict=True)
            )
            distance = sum(terms) ** (1 / values["metric"])
            evidence[category] += values["strengths"][group] * np.exp(
                -values["sensitivity"] * distance ** values["decay"]
            )
        scaled = [b * each ** values["response_scaling"] for b, each in zip(values["biases"], evidence, strict=True)]
        guessing = values["guessing"]
        table[i] = [(1 - guessing) * each / sum(scaled) + guessing / len(scaled) for each in scaled]
    return table


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 5))
def test_probabilities_are_those_of_a_plain_loop(seed, k):
    rng = np.random.default_rng(seed)
    studied = category_set(k=k, images=7, seed=seed, groups=np.arange(12) % 2)
    values = {
        "sensitivity": rng.uniform(0.1, 3), "response_scaling": rng.uniform(0.5, 3), "weights": k * rng.dirichlet(np.ones(k)),
        "guessing": rng.uniform(0, 0.5), "biases": rng.dirichlet(np.ones(4)), "metric": rng.uniform(0.6, 4),
        "decay": rng.uniform(0.5, 2), "strengths": np.array([1.0, rng.uniform(0.2, 3)]),
    }  # fmt: skip
    everything = dict.fromkeys(DEFAULTS, FREE)
    ours = np.exp(ContextModel([studied], everything).log_probabilities([values])[0])
    np.testing.assert_allclose(ours, plainly(studied, values), atol=1e-12)
    np.testing.assert_allclose(ours.sum(axis=1), 1)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.booleans(), st.booleans())
def test_the_gradient_is_that_of_finite_differences(seed, on_top, pooled):
    rng = np.random.default_rng(seed)
    sets = [category_set(images=9, seed=seed + i, groups=np.arange(12) % 2) for i in range(2)]
    if on_top:
        sets[0].images[0] = sets[0].exemplars[3]
    if pooled:
        sets = [CategorySet(s.exemplars, s.categories, s.images, s.groups, np.arange(9) // 3) for s in sets]
    counts = [rng.integers(0, 9, size=(each.n_rows, 4)).astype(float) for each in sets]
    model = ContextModel(sets, dict.fromkeys(DEFAULTS, FREE) | {"biases": FREE_BY_CONDITION})
    point = 0.3 * rng.normal(size=len(model._bounds))
    difference = approx_fprime(point, lambda x: model._loss(x, counts)[0], 1e-7)
    np.testing.assert_allclose(model._loss(point, counts)[1], difference, rtol=1e-4, atol=1e-3)


def test_distances_that_stay_fixed_are_those_that_are_computed_each_time():
    studied, counts = category_set(), [np.ones((24, 4))]
    for fixed in ({"metric": 2.0}, {"metric": 1.0}, {"metric": 0.7}):
        known = ContextModel([studied], fixed).log_probabilities([{"sensitivity": 1.3}])[0]
        anew = ContextModel([studied], fixed | {"weights": FREE}).log_probabilities([{"sensitivity": 1.3}])[0]
        np.testing.assert_allclose(known, anew, atol=1e-12)
    assert ContextModel([studied]).fit(counts).log_likelihood <= -24 * 4 * np.log(4) + 1e-9


def test_equal_weights_leave_distances_and_so_the_sensitivity_as_they_are():
    studied = category_set(categories=2, each=1, images=5)
    distance = np.linalg.norm(studied.images[:, None] - studied.exemplars, axis=2)
    p = np.exp(ContextModel([studied]).log_probabilities([{"sensitivity": 0.8}])[0])
    np.testing.assert_allclose(np.log(p[:, 0] / p[:, 1]), 0.8 * (distance[:, 1] - distance[:, 0]))


@pytest.mark.parametrize(
    ("free", "true"),
    [
        (["sensitivity"], {}),
        (["sensitivity", "response_scaling"], {"response_scaling": 2.0}),
        (["sensitivity", "weights"], {"weights": WEIGHTS}),
        (["sensitivity", "guessing"], {"guessing": 0.2}),
        (["sensitivity", "biases"], {"biases": np.array([0.4, 0.3, 0.2, 0.1])}),
        (["sensitivity", "metric"], {"metric": 1.0}),
        (["sensitivity", "decay"], {"decay": 1.6}),
        (["sensitivity", "strengths"], {"strengths": np.array([1.0, 3.0])}),
    ],
)
def test_simulated_choices_give_back_the_parameters_that_they_were_drawn_with(free, true):
    sets = [category_set(images=60, seed=i, groups=np.arange(12) % 2) for i in range(2)]
    counts = drawn(sets, [{"sensitivity": 1.2} | true] * 2, 4000)
    found = ContextModel(sets, dict.fromkeys(free, FREE)).fit(counts).parameters[0]
    for name, value in ({"sensitivity": 1.2} | true).items():
        np.testing.assert_allclose(found[name], value, rtol=0.1, atol=0.02, err_msg=name)


@pytest.mark.parametrize("decay", [1.0, 2.0, FREE])
def test_the_unit_of_the_space_changes_the_sensitivity_alone(decay):
    studied, free = category_set(), {"response_scaling": FREE, "decay": decay}
    counts = drawn([studied], [{"sensitivity": 1.2}], 500)
    plain = ContextModel([studied], free).fit(counts)
    for unit in (1e-8, 1e6):
        other = CategorySet(unit * studied.exemplars, studied.categories, unit * studied.images)
        model = ContextModel([other], free)
        found = model.fit(counts)
        assert found.log_likelihood == pytest.approx(plain.log_likelihood, abs=0.01)
        own = found.parameters[0]
        expected = plain.parameters[0]["sensitivity"] / unit ** own["decay"]
        assert own["sensitivity"] == pytest.approx(expected, rel=0.05)
        assert model.undetermined(found) == []


def test_a_parameter_is_shared_or_one_for_each_condition():
    sets = [category_set(seed=i) for i in range(2)]
    counts = [drawn([each], [{"sensitivity": c}], 2000)[0] for each, c in zip(sets, (0.6, 2.4), strict=True)]
    shared, own = (ContextModel(sets, {"sensitivity": how}) for how in (FREE, FREE_BY_CONDITION))
    assert (shared.n_parameters, own.n_parameters) == (1, 2)
    one, two = shared.fit(counts), own.fit(counts)
    assert one.parameters[0]["sensitivity"] == one.parameters[1]["sensitivity"]
    assert [each["sensitivity"] for each in two.parameters] == pytest.approx([0.6, 2.4], rel=0.05)
    assert two.log_likelihood > one.log_likelihood + 100
    alone = ContextModel(sets[:1]).fit(counts[:1])
    assert alone.parameters[0]["sensitivity"] == pytest.approx(two.parameters[0]["sensitivity"], rel=1e-4)


def test_the_parameters_are_counted_without_those_that_a_sum_fixes():
    studied = category_set(groups=np.arange(12) % 3)
    free = {"weights": FREE, "biases": FREE, "strengths": FREE, "guessing": FREE}
    assert ContextModel([studied], free).n_parameters == 1 + 2 + 3 + 2 + 1
    assert ContextModel([studied], {"sensitivity": 2.0}).n_parameters == 0


def test_the_fitted_likelihood_is_that_of_the_plain_model_and_no_neighbour_is_better():
    studied = category_set()
    counts = drawn([studied], [{"sensitivity": 1.5, "weights": WEIGHTS}], 20)
    found = ContextModel([studied], {"weights": FREE, "response_scaling": FREE}).fit(counts)
    values = found.parameters[0]

    def likelihood(changed):
        return float(np.sum(counts[0] * np.log(plainly(studied, values | changed))))

    assert found.log_likelihood == pytest.approx(likelihood({}))
    for i in range(3):
        weights = values["weights"] * np.where(np.arange(3) == i, 1.02, 1)
        assert likelihood({"weights": 3 * weights / weights.sum()}) < found.log_likelihood
    for name in ("sensitivity", "response_scaling"):
        assert all(likelihood({name: values[name] * by}) < found.log_likelihood for by in (0.98, 1.02))


@pytest.mark.parametrize("free", [["sensitivity"], ["sensitivity", "response_scaling", "weights", "biases"]])
def test_a_search_near_a_fit_ends_where_one_from_many_points_does(free):
    studied = category_set(images=60)
    counts = drawn([studied], [{"sensitivity": 1.5, "weights": WEIGHTS}], 30)
    model = ContextModel([studied], dict.fromkeys(free, FREE))
    whole = model.fit(counts)
    others = [np.random.default_rng(i).poisson(counts[0]).astype(float) for i in range(3)]
    for other in others:
        near, far = model.fit([other], start=whole), model.fit([other])
        assert near.log_likelihood == pytest.approx(far.log_likelihood, abs=1e-3)


def test_shrinkage_draws_weights_from_their_best_values_to_equal_ones():
    studied = category_set(images=60)
    counts = drawn([studied], [{"sensitivity": 1.5, "weights": WEIGHTS}], 30)
    spread = []
    for shrinkage in (0, 10, 1000, 1e6):
        found = ContextModel([studied], {"weights": FREE}, shrinkage=shrinkage).fit(counts)
        spread.append(np.std(found.parameters[0]["weights"]))
    assert sorted(spread, reverse=True) == spread
    assert spread[0] > 0.4
    assert spread[-1] < 0.01
    assert found.log_likelihood == pytest.approx(ContextModel([studied]).fit(counts).log_likelihood, rel=1e-3)


def test_an_exemplar_model_of_one_exemplar_a_category_is_a_prototype_model():
    studied = category_set()
    prototypes = studied.prototypes()
    for k in range(4):
        np.testing.assert_allclose(prototypes.exemplars[k], studied.exemplars[studied.categories == k].mean(axis=0))
    counts = drawn([prototypes], [{"sensitivity": 1.0}], 500)
    fits = [ContextModel([each]).fit(counts) for each in (prototypes, studied)]
    assert fits[0].parameters[0]["sensitivity"] == pytest.approx(1.0, rel=0.05)
    assert fits[0].log_likelihood > fits[1].log_likelihood + 10


def test_with_one_exemplar_a_category_sensitivity_and_response_scaling_cannot_be_told_apart():
    studied = category_set(images=60)
    counts = drawn([studied], [{"sensitivity": 1.0, "response_scaling": 1.5}], 500)
    settings_ = {"response_scaling": FREE}
    exemplars, prototypes = (ContextModel([each], settings_) for each in (studied, studied.prototypes()))
    together = prototypes.correlation(prototypes.fit(counts), "sensitivity", "response_scaling")
    apart = exemplars.correlation(exemplars.fit(counts), "sensitivity", "response_scaling")
    assert together == pytest.approx(-1, abs=1e-4)
    assert prototypes.undetermined(prototypes.fit(counts)) == ["sensitivity", "response_scaling"]
    assert exemplars.undetermined(exemplars.fit(counts)) == []
    assert -0.999 < apart < 0
    assert (
        ContextModel([studied]).correlation(ContextModel([studied]).fit(counts), "sensitivity", "response_scaling")
        is None
    )


def test_a_parameter_that_the_choices_leave_open_is_named():
    studied = category_set(categories=2, each=1, images=6)
    model = ContextModel([studied])
    near = np.linalg.norm(studied.images[:, None] - studied.exemplars, axis=2).argmin(axis=1)
    assert model.undetermined(model.fit([9.0 * np.eye(2)[near]])) == ["sensitivity"]
    known = drawn([studied], [{"sensitivity": 1.0}], 50)
    assert model.undetermined(model.fit(known)) == []
    two = ContextModel([studied, studied], {"sensitivity": FREE_BY_CONDITION})
    numbers = two.fitted_numbers(two.fit([9.0 * np.eye(2)[near], *known]))
    assert numbers == {("sensitivity", 0): {0: True}, ("sensitivity", 1): {0: False}}


def test_strengths_of_a_group_are_the_same_in_all_conditions_that_have_it():
    groups = [np.arange(12) % 2, 2 * (np.arange(12) % 2)]  # 0 and 1; 0 and 2
    sets = [category_set(images=60, seed=i, groups=each) for i, each in enumerate(groups)]
    true = np.array([1.0, 3.0, 0.3])
    counts = drawn(sets, [{"sensitivity": 1.2, "strengths": true}] * 2, 4000)
    shared, own = (ContextModel(sets, {"strengths": how}) for how in (FREE, FREE_BY_CONDITION))
    assert shared.n_parameters == own.n_parameters == 1 + 2
    np.testing.assert_allclose(shared.fit(counts).parameters[0]["strengths"], true, rtol=0.1)
    found = own.fit(counts)
    np.testing.assert_allclose(found.parameters[0]["strengths"], [1.0, 3.0, 1.0], rtol=0.1)
    np.testing.assert_allclose(found.parameters[1]["strengths"], [1.0, 1.0, 0.3], rtol=0.1)
    assert [list(own.fitted_numbers(found)["strengths", i]) for i in (0, 1)] == [[0, 1], [0, 2]]
    assert shared.undetermined(shared.fit(counts)) == own.undetermined(found) == []


def test_a_group_that_no_condition_compares_with_others_has_no_strength():
    groups = [np.arange(12) % 2, np.full(12, 2)]
    sets = [category_set(images=60, seed=i, groups=each) for i, each in enumerate(groups)]
    counts = drawn(sets, [{"sensitivity": 1.2, "strengths": np.array([1.0, 3.0, 1.0])}] * 2, 4000)
    shared, own = (ContextModel(sets, {"strengths": how}) for how in (FREE, FREE_BY_CONDITION))
    found = shared.fit(counts)
    assert shared.undetermined(found) == ["strengths"]
    assert shared.fitted_numbers(found)["strengths", 0] == {0: False, 1: False, 2: True}
    assert own.n_parameters == 1 + 1
    assert ("strengths", 1) not in own.fitted_numbers(own.fit(counts))
    for how in (FREE, FREE_BY_CONDITION):
        with pytest.raises(RockspaceError, match="strengths: no condition has exemplars of two groups"):
            ContextModel([category_set(groups=np.full(12, i)) for i in (0, 1)], {"strengths": how})


def test_strengths_that_do_what_biases_do_are_both_open():
    plain = category_set(images=60)
    studied = CategorySet(plain.exemplars, plain.categories, plain.images, groups=plain.categories)
    counts = drawn([studied], [{"sensitivity": 1.2}], 500)
    both, one = (
        ContextModel([studied], dict.fromkeys(free, FREE)) for free in (["biases", "strengths"], ["strengths"])
    )
    assert both.undetermined(both.fit(counts)) == ["biases", "strengths"]
    assert one.undetermined(one.fit(counts)) == []


def test_attention_that_vanishes_is_known_and_attention_to_a_constant_is_open():
    studied = category_set(images=60)
    counts = drawn([studied], [{"sensitivity": 1.5, "weights": np.array([2.0, 1.0, 0.0])}], 4000)
    model = ContextModel([studied], {"weights": FREE})
    found = model.fit(counts)
    np.testing.assert_allclose(found.parameters[0]["weights"], [2, 1, 0], atol=0.05)
    assert model.undetermined(found) == []
    exemplars, images = (np.where([True, True, False], each, 0.0) for each in (studied.exemplars, studied.images))
    constant = ContextModel([CategorySet(exemplars, studied.categories, images)], {"weights": FREE})
    assert constant.undetermined(constant.fit(counts)) == ["sensitivity", "weights"]
    line = ContextModel([category_set(k=1)], {"weights": FREE})
    found = line.fit([np.ones((24, 4)) + np.eye(4)[np.arange(24) % 4]])
    assert (line.n_parameters, list(line.fitted_numbers(found))) == (1, [("sensitivity", 0)])


def test_responses_that_were_counted_together_are_those_to_an_average_image():
    studied = category_set(images=8)
    pooled = CategorySet(studied.exemplars, studied.categories, studied.images, pools=np.arange(8) % 4)
    one, other = (
        np.exp(ContextModel([each]).log_probabilities([{"sensitivity": 1.0}])[0]) for each in (studied, pooled)
    )
    np.testing.assert_allclose(other, (one[:4] + one[4:]) / 2)
    counts = drawn([pooled], [{"sensitivity": 1.5}], 5000)
    assert ContextModel([pooled]).fit(counts).parameters[0]["sensitivity"] == pytest.approx(1.5, rel=0.05)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"images": np.zeros((4, 2))}, "images have 2 dimensions and exemplars 3"),
        ({"categories": np.zeros(5, int)}, "12 exemplars, but 5 categories"),
        ({"categories": np.repeat([0, 2], 6)}, "at least two, numbered from 0"),
        ({"groups": np.arange(5)}, "groups: needed: 12 whole numbers from 0"),
        ({"pools": np.repeat([0, 2], 12)}, "pools: needed: 24 numbers, counted from 0"),
    ],
)
def test_sets_that_do_not_fit_together_are_refused(change, words):
    studied = category_set()
    given_ = {name: getattr(studied, name) for name in ("exemplars", "categories", "images")}
    with pytest.raises(RockspaceError, match=words):
        CategorySet(**given_ | change)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (np.ones((3, 4)), r"counts have shape \(3, 4\); needed: 24 images x 4 categories"),
        (-np.ones((24, 4)), "at least 0"),
        (np.full((24, 4), np.nan), "finite"),
        (np.zeros((24, 4)), "nothing was chosen"),
    ],
)
def test_counts_that_are_none_are_refused(counts, words):
    with pytest.raises(RockspaceError, match=words):
        ContextModel([category_set()]).fit([counts])


def test_unknown_parameters_and_sizes_that_cannot_be_shared_are_refused():
    with pytest.raises(RockspaceError, match="'gamma' is no parameter; allowed: sensitivity, response_scaling"):
        ContextModel([category_set()], {"gamma": FREE})
    with pytest.raises(RockspaceError, match="biases: sets of different sizes cannot share it"):
        ContextModel([category_set(), category_set(categories=5)], {"biases": FREE})


def test_the_examples_in_the_documentation_are_right():
    assert doctest.testmod(context_model, extraglobs={"np": np}).failed == 0


def test_more_pairs_than_memory_holds_are_refused_at_once_and_prototypes_are_not():
    rng = np.random.default_rng(0)
    many = CategorySet(rng.normal(size=(9000, 2)), np.arange(9000) % 10, rng.normal(size=(6000, 2)))
    with pytest.raises(RockspaceError, match="6,000 images and 9,000 exemplars are too many pairs"):
        ContextModel([many])
    found = ContextModel([many.prototypes()]).fit([np.ones((6000, 10))])
    assert found.log_likelihood == pytest.approx(60000 * np.log(0.1), rel=1e-6)
