"""People's choices explained by spaces, set side by side, drawn, and as stages of the workflow."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from chaos import is_whole
from rockspace.alignment.spaces import Spaces
from rockspace.artifacts import write_csv
from rockspace.choices import human_choices
from rockspace.choices.ceilings import ceilings
from rockspace.choices.choice_tables import (
    PEOPLE,
    Explained,
    conditions_table,
    confusion,
    explain,
    read_image_table,
    spaces_table,
    subtypes_table,
)
from rockspace.choices.context_model import ContextModel
from rockspace.choices.experiment import build_experiment, splits_of
from rockspace.choices.human_choices import (
    ChoiceSpace,
    Variant,
    choice_report,
    fitted_parameters,
    gain_interval,
    held_out,
    space_of_people,
    spaces_of_layer,
)
from rockspace.config import is_one_solution
from rockspace.report.choices import choices_figure, images_figure, spaces_figure, subtypes_figure
from rockspace.report.predicted_choices import networks_of, predicted_choices, read_choices
from tools.simulated_choices import simulated_choices
from workflow_runs import TINY, Workplace

NAMES = ["lightness", "grain size", "hue"]
LABELS = [f"L{i}" for i in range(6)]
CONDITIONS = {
    "first": {"categories": LABELS[:3], "category_of": {label: label for label in LABELS[:3]}},
    "second": {"categories": LABELS[2:][::-1], "category_of": {label: label for label in LABELS[2:]}},
}
VARIANTS = [
    Variant("sensitivity", {}),
    Variant("weights", {"response_scaling": "free", "weights": "free"}),
    Variant("prototype", {"sensitivity": "free by condition"}, prototype=True),
]
TRUE = {"sensitivity": 1.4, "response_scaling": 1.5, "weights": np.array([1.8, 0.9, 0.3])}


def catalog() -> pd.DataFrame:
    rows = [
        (f"{label}_{split}_{i}", split, label, "IMS"[n // 2], f"photos/{label}_{split}_{i}.jpg")
        for split, count in (("train", 5), ("validation", 4))
        for n, label in enumerate(LABELS)
        for i in range(count)
    ]
    return pd.DataFrame(rows, columns=["image_id", "split", "label", "superclass", "file"])


def studied(conditions=CONDITIONS, split="train") -> pd.DataFrame:
    images = catalog()
    known = {label for each in conditions.values() for label in each["category_of"]}
    images = images[(images["split"] == split) & images["label"].isin(known)]
    return pd.DataFrame({"image_id": images["image_id"].to_numpy(), "group": 0})


def experiment_of(space, people=20, seed=0, trials=2, spread=0.3, conditions=CONDITIONS, split="validation"):
    """People who follow the model in a space, each with a sensitivity of their own, in one condition each."""
    rng, images = np.random.default_rng(seed), catalog()
    rows = [
        (name, "", image, label, each["categories"][0], 1.0)
        for name, each in conditions.items()
        for image, label in images.loc[images["split"] == split, ["image_id", "label"]].to_numpy()
        if label in each["category_of"]
    ]
    columns = ["condition", "person", "image_id", "label", "category", "count"]
    plain = build_experiment(pd.DataFrame(rows, columns=columns), conditions, studied(conditions), images, split)
    model = ContextModel([task.in_space(space.place_of) for task in plain.tasks])
    rows = []
    for number in range(people):
        own = TRUE | {"sensitivity": TRUE["sensitivity"] * np.exp(spread * rng.normal())}
        task, log_p = list(zip(plain.tasks, model.log_probabilities([own] * len(plain.tasks)), strict=True))[
            number % len(plain.tasks)
        ]
        for (image, label), p in zip(task.rows[["image_id", "label"]].to_numpy(), np.exp(log_p), strict=True):
            for category, count in zip(task.categories, rng.multinomial(trials, p), strict=True):
                rows.append((task.name, f"p{number}", image, label, category, float(count)))
    table = pd.DataFrame(rows, columns=columns)
    return build_experiment(table[table["count"] > 0], conditions, studied(conditions), images, split)


@pytest.fixture(scope="module")
def study():
    """Two splits whose features hold the coordinates, of one scaling solution."""
    rng, table = np.random.default_rng(0), catalog()
    centres, mix = 1.5 * rng.normal(size=(6, 3)), rng.normal(size=(3, 12))

    def split(name):
        images = table[table["split"] == name]
        label = images["label"].to_numpy(str)
        coordinates = centres[[LABELS.index(x) for x in label]] + rng.normal(size=(len(label), 3))
        features = coordinates @ mix + 0.5 * rng.normal(size=(len(label), 12))
        return Spaces(images["image_id"].to_numpy(str), label, features, coordinates)

    return split("train"), split("validation")


@pytest.fixture(scope="module")
def own_space(study):
    return space_of_people(*study, NAMES, moved=False)


@pytest.fixture(scope="module")
def experiment(own_space):
    return experiment_of(own_space)


@pytest.fixture(scope="module")
def explained(study, own_space, experiment):
    rng = np.random.default_rng(1)
    blind = [Spaces(s.image_id, s.label, rng.normal(size=s.features.shape), s.coordinates) for s in study]
    spaces = {
        PEOPLE: [own_space],
        "good": spaces_of_layer(*study, NAMES, "zero_pad", True),
        "blind": spaces_of_layer(*blind, NAMES, "pca", True),
    }
    return {name: explain(given, experiment, VARIANTS, resamples=30, seed=0) for name, given in spaces.items()}


def entries(explained):
    return [
        Explained(name, "" if name == PEOPLE else "0", "" if name == PEOPLE else "last", *given)
        for name, given in explained.items()
    ]


def test_the_space_that_choices_came_from_explains_them_best_and_a_blind_one_nothing(explained):
    figures = {
        (name, space): part["models"]["sensitivity"]["new_subtypes"]
        for name, (spaces, _) in explained.items()
        for space, part in spaces.items()
    }
    people = figures[PEOPLE, "coordinates"]
    assert people["explained"] > 0.8
    assert people["log_likelihood"] > figures["good", "predicted"]["log_likelihood"]
    assert figures["good", "predicted"]["log_likelihood"] > figures["blind", "predicted"]["log_likelihood"] + 50
    assert figures["good", "embedding"]["explained"] > 0.5
    assert abs(figures["blind", "embedding"]["explained"]) < 0.15


def test_figures_are_those_of_plain_sums(experiment, explained):
    figures, table = explained[PEOPLE]
    model = figures["coordinates"]["models"]["weights"]
    rows = table[table["variant"] == "weights"]
    part, likelihood, chance, saturated, pairs, wrong = model["new_subtypes"], 0.0, 0.0, 0.0, [], []
    for task in experiment.tasks:
        own, counts = rows[rows["condition"] == task.name], task.counts.sum(axis=0)
        predicted = own[[f"{name} predicted" for name in task.categories]].to_numpy()
        observed = own[[f"{name} observed" for name in task.categories]].to_numpy()
        np.testing.assert_allclose(observed, counts / counts.sum(axis=1, keepdims=True))
        by_condition = np.sum(counts * np.log(predicted))
        assert part["log_likelihood_by_condition"][task.name] == pytest.approx(by_condition)
        likelihood += by_condition
        chance -= counts.sum() * np.log(len(task.categories))
        saturated += np.sum(counts * np.log(np.where(counts > 0, observed, 1)))
        right = own["category"].to_numpy()[:, None] == np.array(task.categories)
        pairs.append((predicted.ravel(), observed.ravel()))
        wrong.append((predicted[~right], observed[~right]))
    assert part["log_likelihood"] == pytest.approx(likelihood)
    assert rows["log_likelihood"].sum() == pytest.approx(likelihood)
    assert part["explained"] == pytest.approx((likelihood - chance) / (saturated - chance))
    for key, sides in (("r", pairs), ("r_errors", wrong)):
        assert part[key] == pytest.approx(
            np.corrcoef(*(np.concatenate(side) for side in zip(*sides, strict=True)))[0, 1]
        )
    fitted, responses = model["in_sample"], sum(task.counts.sum() for task in experiment.tasks)
    assert fitted["log_likelihood"] >= max(likelihood, model["new_people"]["log_likelihood"])
    assert model["n_parameters"] == 4
    assert fitted["aic"] == pytest.approx(2 * 4 - 2 * fitted["log_likelihood"])
    assert fitted["bic"] == pytest.approx(4 * np.log(responses) - 2 * fitted["log_likelihood"])
    for units in ("people", "subtypes"):
        low, high = part[f"log_likelihood_per_response_ci_{units}"]
        assert low < part["log_likelihood_per_response"] < high
    json.dumps(figures, allow_nan=False)


def test_accuracy_of_new_and_studied_images_is_observed_and_predicted(own_space):
    conditions = {"first": CONDITIONS["first"]}
    experiment = experiment_of(own_space, conditions=conditions, split="train")
    figures, predicted = choice_report(own_space, experiment, VARIANTS[:1], resamples=2, seed=0)
    (row,) = figures["models"]["sensitivity"]["in_sample"]["accuracy"]
    (task,) = experiment.tasks
    assert (row["condition"], row["images"]) == ("first", "studied")
    assert row["observed"] == pytest.approx((task.total * task.right).sum() / task.total.sum())
    assert row["observed_ci_people"][0] < row["observed"] < row["observed_ci_people"][1]
    (of_new_subtypes,) = figures["models"]["sensitivity"]["new_subtypes"]["accuracy"]
    assert of_new_subtypes["predicted"] == pytest.approx(np.exp(predicted["sensitivity"][0])[task.right].mean())


def test_an_independent_search_finds_the_same_likelihood(own_space, experiment):
    def loss(logarithms):
        c, scaling = np.exp(logarithms)
        total = 0.0
        for task in experiment.tasks:
            exemplars, shown = (np.stack([own_space.place_of[i] for i in ids]) for ids in (task.exemplars, task.shown))
            s = np.exp(-c * np.linalg.norm(shown[:, None] - exemplars, axis=2))
            evidence = np.stack(
                [s[:, task.exemplar_categories == k].sum(axis=1) for k in range(len(task.categories))], 1
            )
            p = evidence**scaling / np.sum(evidence**scaling, axis=1, keepdims=True)
            total -= np.sum(task.total * np.log(p))
        return total

    plain = minimize(loss, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-7})
    free = [Variant("scaled", {"response_scaling": "free"})]
    figures, _ = choice_report(own_space, experiment, free, resamples=2, seed=0)
    model = figures["models"]["scaled"]
    assert model["in_sample"]["log_likelihood"] == pytest.approx(-plain.fun, abs=1e-4)
    assert [each["value"] for each in model["parameters"]] == pytest.approx(np.exp(plain.x), rel=1e-3)


def test_free_weights_are_left_out_of_spaces_whose_dimensions_have_no_names(explained):
    models = explained["good"][0]
    assert list(models["embedding"]["models"]) == ["sensitivity", "prototype"]
    assert list(models["components"]["models"]) == ["sensitivity", "weights", "prototype"]
    assert models["embedding"]["n_dimensions"] == 12


def test_parameters_have_names_conditions_and_intervals(explained):
    models = explained[PEOPLE][0]["coordinates"]["models"]
    weights = {each["of"]: each for each in models["weights"]["parameters"] if each["name"] == "weights"}
    assert list(weights) == NAMES
    assert np.mean([each["value"] for each in weights.values()]) == pytest.approx(1)
    assert weights["lightness"]["ci_people"][0] > weights["hue"]["ci_people"][1]
    by_condition = models["prototype"]["parameters"]
    assert [each["condition"] for each in by_condition] == ["first", "second"]
    assert all(each["ci_people"][0] <= each["value"] <= each["ci_people"][1] for each in by_condition)
    assert models["sensitivity"]["correlation_of_sensitivity_and_response_scaling"] is None
    assert -1 <= models["weights"]["correlation_of_sensitivity_and_response_scaling"] < 0


def test_groups_of_studied_images_keep_their_numbers_in_every_condition(own_space):
    group_of = {"L0": 0, "L1": 0, "L2": 1, "L3": 1, "L4": 2, "L5": 2}
    images = studied().assign(group=[group_of[image[:2]] for image in studied()["image_id"]])
    rows = [
        (name, "p", f"{label}_validation_{i}", label, each["categories"][i % 2], 1.0)
        for name, each in CONDITIONS.items()
        for label in each["category_of"]
        for i in range(4)
    ]
    columns = ["condition", "person", "image_id", "label", "category", "count"]
    experiment = build_experiment(pd.DataFrame(rows, columns=columns), CONDITIONS, images, catalog(), "validation")
    assert [set(task.groups.tolist()) for task in experiment.tasks] == [{0, 1}, {1, 2}]
    by_condition = [Variant("x", {"strengths": "free by condition"})]
    figures, _ = choice_report(own_space, experiment, by_condition, resamples=0, seed=0)
    found = [each for each in figures["models"]["x"]["parameters"] if each["name"] == "strengths"]
    assert [(each["condition"], each["of"]) for each in found] == [
        ("first", "1"), ("first", "2"), ("second", "2"), ("second", "3"),
    ]  # fmt: skip


def with_other_choices(experiment, rows=slice(None), people=slice(None)):
    """The same with the choices of some people for some rows of the first condition turned around."""
    (first, *others), table = experiment.tasks, None
    table = first.counts.copy()
    table[people, rows] = table[people, rows][..., ::-1]
    return type(experiment)([type(first)(**vars(first) | {"counts": table}), *others])


def test_cross_validation_over_subtypes_never_fits_to_the_choices_that_it_predicts(own_space, experiment):
    before, after = (
        choice_report(own_space, each, VARIANTS[:1], resamples=2, seed=0)[1]["sensitivity"][0]
        for each in (experiment, with_other_choices(experiment, rows=slice(0, 4)))
    )
    # These are of one subtype, which is predicted by parameters fitted to the other subtypes.
    np.testing.assert_allclose(before[:4], after[:4], atol=1e-4)
    assert np.abs(before[4:] - after[4:]).max() > 0.01


def test_nothing_but_intervals_of_parameters_depends_on_the_seed(own_space, experiment):
    """So that what two spaces predict of the same choices is paired, whatever the seeds of their networks."""
    (_, one), (_, other) = (
        choice_report(own_space, experiment, VARIANTS[:1], resamples=2, seed=seed) for seed in (0, 7)
    )
    np.testing.assert_allclose(one["sensitivity"][0], other["sensitivity"][0], atol=1e-6)


def test_subtypes_are_left_out_one_at_a_time_unless_they_are_many(experiment, monkeypatch):
    asked = []
    held_out(experiment, lambda counts: asked.append(counts) or counts)
    assert len(asked) == 6
    for counts in asked:
        left = {
            label
            for task, each in zip(experiment.tasks, counts, strict=True)
            for label in task.subtypes[~each.any(axis=1)]
        }
        assert len(left) == 1
    monkeypatch.setattr(human_choices, "ONE_AT_A_TIME", 5)
    monkeypatch.setattr(human_choices, "FOLDS", 2)
    asked.clear()
    held_out(experiment, lambda counts: asked.append(counts) or counts)
    assert len(asked) == 2


def test_what_is_fitted_to_a_category_alone_is_not_judged_by_other_subtypes(own_space, experiment):
    biased = [Variant("biases", {"biases": "free by condition"})]
    figures, predicted = choice_report(own_space, experiment, biased, resamples=2, seed=0)
    model = figures["models"]["biases"]
    assert (model["leading"], model["new_subtypes"]) == ("in_sample", None)
    assert model["new_people"]["log_likelihood"] < model["in_sample"]["log_likelihood"]
    assert sum(
        np.sum(task.total * each) for task, each in zip(experiment.tasks, predicted["biases"], strict=True)
    ) == pytest.approx(model["in_sample"]["log_likelihood"])


def test_a_value_at_an_end_of_its_range_has_no_interval_and_shrunk_weights_no_criterion(own_space, experiment):
    sharp = type(experiment)([type(task)(**vars(task) | {"counts": 50.0 * task.right * task.counts.sum(axis=2, keepdims=True)}) for task in experiment.tasks])  # fmt: skip
    model = choice_report(own_space, sharp, [Variant("sharp", {"response_scaling": "free"})], resamples=4, seed=0)[0][
        "models"
    ]["sharp"]
    assert model["undetermined"]
    open_ = [each for each in model["parameters"] if each["name"] in model["undetermined"]]
    assert [each["ci_people"] for each in open_] == [None] * len(open_)
    shrunk = choice_report(
        own_space, experiment, [Variant("shrunk", {"weights": "free"}, shrinkage=9)], resamples=2, seed=0
    )[0]
    assert "aic" not in shrunk["models"]["shrunk"]["in_sample"]


def test_cross_validation_over_people_predicts_each_by_parameters_fitted_to_others(own_space, experiment):
    held_out = choice_report(own_space, experiment, VARIANTS[:1], resamples=2, seed=0)[0]["models"]["sensitivity"]
    sets = [task.in_space(own_space.place_of) for task in experiment.tasks]
    model, people = ContextModel(sets), experiment.people
    total = 0.0
    for name in people:  # one at a time; the report holds out a tenth of them
        counts = experiment.counts({other: float(other != name) for other in people})
        log_p = model.log_probabilities(model.fit(counts).parameters)
        own = experiment.counts({other: float(other == name) for other in people})
        total += sum(np.sum(one * other) for one, other in zip(own, log_p, strict=True))
    assert held_out["new_people"]["log_likelihood"] == pytest.approx(total, rel=0.01)
    assert held_out["new_people"]["log_likelihood"] < held_out["in_sample"]["log_likelihood"]


def test_people_are_resampled_within_their_conditions_and_together_where_they_were_in_several(experiment):
    in_condition = [set(task.people) for task in experiment.tasks]
    assert not in_condition[0] & in_condition[1]
    for weights in experiment.resamples(20, seed=0):
        for task in experiment.tasks:
            assert sum(weights[name] for name in task.people) == len(task.people)
    assert experiment.resamples(3, seed=0) == experiment.resamples(3, seed=0) != experiment.resamples(3, seed=1)
    counts = experiment.counts(dict.fromkeys(experiment.people, 2.0))
    np.testing.assert_allclose(counts[0], 2 * experiment.tasks[0].counts.sum(axis=0))


def test_without_names_of_people_nothing_is_said_of_people(own_space, experiment):
    first = experiment.tasks[0]
    pooled = type(first)(**vars(first) | {"people": np.array([""]), "counts": first.total[None]})
    alone = type(experiment)([pooled])
    figures = choice_report(own_space, alone, VARIANTS[:1], resamples=9, seed=0)[0]["models"]["sensitivity"]
    assert figures["new_people"] is None
    assert figures["parameters"][0]["ci_people"] is None
    assert figures["in_sample"]["log_likelihood_per_response_ci_people"] is None
    assert figures["in_sample"]["accuracy"][0]["observed_ci_people"] is None
    found = ceilings(alone, splits=2)
    assert found["person"] is found["split_half"] is None
    assert found["chance"] < figures["in_sample"]["log_likelihood"] < found["saturated"]


def test_a_held_out_person_is_predicted_by_the_shares_of_the_others(experiment):
    found = ceilings(experiment, splits=20)
    smoothing = found["person"]["smoothing"]

    def plainly(constant):
        total = 0.0
        for task in experiment.tasks:
            for person in range(len(task.people)):
                others = np.delete(task.counts, person, axis=0).sum(axis=0) + constant
                total += np.sum(task.counts[person] * np.log(others / others.sum(axis=1, keepdims=True)))
        return total

    assert found["person"]["log_likelihood"] == pytest.approx(plainly(smoothing))
    assert plainly(smoothing) > max(plainly(0.9 * smoothing), plainly(1.1 * smoothing))
    assert found["chance"] < found["person"]["log_likelihood"] < found["saturated"]
    assert 0.8 < found["split_half"]["r"] < 1
    assert found["split_half"]["most_r_errors"] == pytest.approx(found["split_half"]["r_errors"] ** 0.5)


def test_halves_that_have_nothing_in_common_have_no_reliability(experiment):
    (first, *_) = experiment.tasks
    apart = np.zeros((4, *first.total.shape))
    apart[np.arange(4), np.arange(4), 0] = 5.0  # each person saw an image of their own
    changed = {"people": np.array(list("abcd")), "counts": apart[:, :4], "rows": first.rows[:4]}
    alone = type(experiment)([type(first)(**vars(first) | changed)])
    assert set(ceilings(alone, splits=4)["split_half"].values()) == {None}
    without = first.rows.assign(label="", category=-1)  # no right category was on offer
    unknown = type(experiment)([type(first)(**vars(first) | {"rows": without})])
    found = ceilings(unknown, splits=4)["split_half"]
    assert found["r"] > 0
    assert found["r_errors"] is found["most_r_errors"] is None


def test_right_answers_alone_say_how_often_studied_and_new_images_are_named_rightly(experiment):
    found, total = ceilings(experiment, splits=2), 0.0
    for task in experiment.tasks:
        for studied in (True, False):
            of = task.rows["studied"].to_numpy() == studied
            counts, right = task.total[of], task.right[of]
            if of.any():
                share = (counts[right].sum() + 0.5) / (counts.sum() + 1)
                total += counts[right].sum() * np.log(share)
                total += counts[~right].sum() * np.log((1 - share) / (counts.shape[1] - 1))
    assert found["right_only"]["in_sample"] == pytest.approx(total)
    assert found["chance"] < found["right_only"]["new_subtypes"] < found["right_only"]["in_sample"] < found["saturated"]


def test_conditions_have_right_responses_observed_and_predicted(explained, experiment):
    table = conditions_table(entries(explained))
    row = table[
        (table["model"] == PEOPLE)
        & (table["variant"] == "sensitivity")
        & (table["condition"] == "second")
        & (table["images"] == "new")
    ]
    (row,) = row.to_dict("records")
    images = explained[PEOPLE][1].query("variant == 'sensitivity' and condition == 'second' and not studied")
    assert row["responses"] == images["responses"].sum()
    assert row["log_likelihood"] == pytest.approx(images["log_likelihood"].sum())
    for side in ("observed", "predicted"):
        share = sum(each[f"{each['category']} {side}"] * each["responses"] for _, each in images.iterrows())
        assert row[side] == pytest.approx(share / row["responses"])
    assert row["observed_low_people"] < row["observed"] < row["observed_high_people"]


def test_halves_of_more_people_agree_better_as_spearman_and_brown_say(own_space):
    few, many = (ceilings(experiment_of(own_space, people=n, spread=0), splits=60)["split_half"]["r"] for n in (12, 96))
    half = few / (2 - few)  # of 6 people in each half
    assert many == pytest.approx(16 * half / (1 + 15 * half), abs=0.01)


def test_superclasses_pool_the_exemplars_of_their_labels(own_space):
    of = {label: "IMS"[i // 2] for i, label in enumerate(LABELS)}
    experiment = experiment_of(own_space, conditions={"all": {"categories": list("IMS"), "category_of": of}})
    (task,) = experiment.tasks
    assert np.bincount(task.exemplar_categories).tolist() == [10, 10, 10]
    _, table = explain([own_space], experiment, VARIANTS[:1], resamples=2, seed=0)
    assert table["category"].tolist() == ["I"] * 8 + ["M"] * 8 + ["S"] * 8


def test_an_image_without_a_label_has_no_right_choice_and_counts_as_a_subtype_of_its_own(own_space, experiment):
    (first, *others), rows = experiment.tasks, experiment.tasks[0].rows.copy()
    rows.loc[:1, ["label", "category"]] = ["", -1]
    partly = type(experiment)([type(first)(**vars(first) | {"rows": rows}), *others])
    assert partly.tasks[0].subtypes[:3].tolist() == ["/L0_validation_0", "/L0_validation_1", "L0"]
    figures, table = explain([own_space], partly, VARIANTS[:1], resamples=2, seed=0)
    assert table["category"].tolist()[:3] == ["", "", "L0"]
    json.dumps(figures, allow_nan=False)


def test_responses_to_labels_are_those_to_an_average_image_of_the_split(own_space):
    rows = [("all", "", "", label, chosen, 9.0 if label == chosen else 1.0) for label in LABELS for chosen in LABELS]
    table = pd.DataFrame(rows, columns=["condition", "person", "image_id", "label", "category", "count"])
    conditions = {"all": {"categories": LABELS, "category_of": {label: label for label in LABELS}}}
    experiment = build_experiment(table, conditions, studied(conditions), catalog(), "validation")
    (task,) = experiment.tasks
    assert len(task.shown) == 24
    assert task.total.shape == (6, 6)
    figures, predicted = choice_report(own_space, experiment, VARIANTS[:1], resamples=2, seed=0)
    np.testing.assert_allclose(np.exp(predicted["sensitivity"][0]).sum(axis=1), 1)
    assert figures["models"]["sensitivity"]["in_sample"]["explained"] > 0.3
    for image, are_studied in (("L0_train_0", True), ("L0_validation_0", False)):
        some = studied(conditions)
        some.loc[0, "image_id"] = image
        (of_training,) = build_experiment(table, conditions, some, catalog(), "train").tasks
        assert of_training.rows["studied"].tolist() == [are_studied, *[True] * 5]


def test_nothing_is_moved_unless_two_scaling_solutions_meet(study):
    train, validation = study
    small = Spaces(validation.image_id, validation.label, validation.features, 0.6 * validation.coordinates + 3)
    moved = space_of_people(train, small, NAMES, moved=True)
    places = moved.places[len(train) :]
    np.testing.assert_allclose(places.mean(axis=0), train.coordinates.mean(axis=0))
    assert places.var(axis=0).sum() == pytest.approx(train.coordinates.var(axis=0).sum())
    as_given = space_of_people(train, small, NAMES, moved=False)
    np.testing.assert_array_equal(as_given.places[len(train) :], small.coordinates)


@pytest.mark.parametrize(
    ("splits", "one"),
    [
        ({"train": {"coordinates": "all.csv"}, "validation": {"coordinates": "all.csv"}}, True),
        ({"train": {"coordinates": "all.csv"}, "validation": {"fraction": 0.25}}, True),
        ({"train": {"coordinates": "mds_360.txt"}, "validation": {"coordinates": "mds_120.txt"}}, False),
    ],
)
def test_the_configuration_says_whether_splits_share_a_solution(splits, one):
    assert is_one_solution({"splits": splits}, "coordinates") is one


def test_the_splits_that_an_experiment_needs_are_those_of_its_images(own_space, experiment):
    assert splits_of(experiment, catalog()) == {"train", "validation"}
    assert splits_of(experiment_of(own_space, split="train"), catalog()) == {"train"}


def test_all_spaces_stand_side_by_side_and_are_compared_with_peoples_own_over_people(explained, experiment):
    table = spaces_table(entries(explained), experiment, ceilings(experiment, splits=2))
    assert len(table) == 3 + 2 * (3 + 3 + 2)
    rows = table[table["variant"] == "sensitivity"].set_index(["model", "space"])
    own, blind = rows.loc[(PEOPLE, "coordinates")], rows.loc[("blind", "predicted")]
    assert np.isnan(own["beyond_people"])
    gap = blind["log_likelihood_per_response"] - own["log_likelihood_per_response"]
    assert blind["beyond_people"] == pytest.approx(gap)
    for units in ("people", "subtypes"):
        assert blind[f"beyond_people_low_{units}"] < gap < blind[f"beyond_people_high_{units}"] < 0
    # Paired: what is hard for one space is hard for the other, so the difference is surer than either.
    good = rows.loc[("good", "predicted")]
    width = good["beyond_people_high_people"] - good["beyond_people_low_people"]
    assert width < good["log_likelihood_per_response_high_people"] - good["log_likelihood_per_response_low_people"]


def test_subtypes_say_where_spaces_part(explained, experiment):
    table = subtypes_table(entries(explained))
    own = table[(table["model"] == PEOPLE) & (table["variant"] == "sensitivity")]
    assert own.groupby("condition")["label"].nunique().to_dict() == {"first": 3, "second": 4}
    assert (own["beyond_people"] == 0).all()
    row = table[(table["space"] == "predicted") & (table["variant"] == "sensitivity")].iloc[0]
    images = explained[row["model"]][1]
    images = images[
        (images["space"] == "predicted") & (images["variant"] == "sensitivity")
        & (images["condition"] == row["condition"]) & (images["label"] == row["label"])
        & (images["studied"] == (row["images"] == "studied"))
    ]  # fmt: skip
    assert row["responses"] == images["responses"].sum()
    assert row["log_likelihood_per_response"] == pytest.approx(images["log_likelihood"].sum() / row["responses"])
    right = images[f"{row['label']} observed"] @ images["responses"] / row["responses"]
    assert row["observed"] == pytest.approx(right)


def test_confusion_matrices_average_over_the_images_of_a_category(explained, tmp_path):
    table = explained[PEOPLE][1]
    write_csv(tmp_path / "t.csv", table)
    again = read_image_table(tmp_path / "t.csv")
    pd.testing.assert_frame_equal(again, table, check_dtype=False)
    rows = again[(again["variant"] == "sensitivity") & (again["condition"] == "first")]
    observed, predicted = confusion(rows, LABELS[:3])
    np.testing.assert_allclose(observed.sum(axis=1), 1)
    np.testing.assert_allclose(predicted.sum(axis=1), 1)
    assert observed[2, 1] == pytest.approx(rows.loc[rows["category"] == "L2", "L1 observed"].mean())


def shown(given, experiment, layers, tmp_path):
    """What pictures of all spaces are made from: the table as it is written, and the best space of a network."""
    write_csv(tmp_path / "choices.csv", spaces_table(given, experiment, ceilings(experiment, splits=2)))
    write_csv(tmp_path / "conditions.csv", conditions_table(given))
    choices, conditions = (read_choices(tmp_path / f"{name}.csv") for name in ("choices", "conditions"))
    best, *_ = networks_of(predicted_choices(choices, conditions, layers))
    return choices, best


def test_pictures_show_every_space_condition_and_variant(explained, experiment, tmp_path):
    superclass_of = {label: "SMI"[i // 2] for i, label in enumerate(LABELS)}
    figures, table = explained["good"]
    files = [tmp_path / "choices.png", tmp_path / "choices.svg", tmp_path / "choices.caption.txt"]
    choices_figure(
        table, figures, superclass_of, "good, last", ["read: 1 file", "left out: 3 rows without an answer"], files
    )
    svg = files[1].read_text()
    assert all(
        words in svg for words in ("the embedding", "predicted coordinates", "other subtypes", "observed", "second, by")
    )
    assert set(re.findall(r"font(?:-size)?: ([\d.]+)px", svg)) == {"7"}
    caption = files[2].read_text()
    assert f"{int(sum(task.counts.sum() for task in experiment.tasks)):,} responses" in caption
    assert "Left out: 3 rows without an answer." in caption
    spaces = spaces_table(entries(explained), experiment, ceilings(experiment, splits=2))
    spaces_figure(spaces, [tmp_path / "all.png", tmp_path / "all.svg"])
    drawn = (tmp_path / "all.svg").read_text()
    assert all(f"{name} predicted" in drawn for name in explained if name != PEOPLE)
    assert all(variant.name in drawn for variant in VARIANTS)
    assert all(is_whole(file) for file in tmp_path.iterdir())


def test_a_picture_of_subtypes_shows_the_best_network_of_the_layers_to_show_and_says_how_it_was_found(
    explained, experiment, tmp_path
):
    """Another layer may explain the choices better; which layer to show was decided without them."""
    layers = {"early": "good", "last": "blind"}
    given = [
        Explained(PEOPLE, "", "", *explained[PEOPLE]),
        *(Explained("net", seed, layer, *explained[name]) for seed in "01" for layer, name in layers.items()),
    ]
    choices, best = shown(given, experiment, {"net": "last"}, tmp_path)
    assert (best.model, best.seeds, best.layer) == ("net", ["0", "1"], "last")
    subtypes_figure(subtypes_table(given), choices, best, [tmp_path / "s.png", tmp_path / "s.txt"])
    assert is_whole(tmp_path / "s.png")
    caption = (tmp_path / "s.txt").read_text()
    assert f"in the space of {best.title} and in people's own coordinates" in caption
    assert "(layer last, seed 0 of 2) explains the choices best. The best of several spaces is somewhat too" in caption


def test_photographs_show_where_network_and_people_part(explained, experiment, tmp_path):
    from PIL import Image

    Image.new("RGB", (30, 20), (200, 30, 30)).save(tmp_path / "rock.png")
    photographs = dict.fromkeys(catalog()["image_id"], tmp_path / "rock.png")
    choices, best = shown(entries(explained), experiment, {"good": "last", "blind": "last"}, tmp_path)
    files = [tmp_path / "i.svg", tmp_path / "i.png", tmp_path / "i.txt"]
    images_figure(entries(explained), choices, best, photographs, files)
    networks = choices[(choices["model"] != PEOPLE) & (choices["variant"] == "sensitivity")]
    highest = networks.loc[networks["log_likelihood_per_response"].idxmax()]
    assert (best.model, best.space) == (highest["model"], highest["space"])
    svg = (tmp_path / "i.svg").read_text()
    assert f"Predicted better by {best.title}" in svg
    own = explained[PEOPLE][1].query("variant == 'sensitivity'").reset_index(drop=True)
    theirs = explained[best.model][1].query("variant == 'sensitivity' and space == @best.space").reset_index(drop=True)
    gains = (theirs["log_likelihood"] - own["log_likelihood"]) / own["responses"]
    assert f"{gains.max():+.2f} nats" in svg
    assert svg.count("(first)") + svg.count("(second)") == min(6, (gains > 0).sum()) + min(6, (gains < 0).sum())


def coverage_of_gains(own_space, study, people, experiments):
    """How often the paired interval over people holds the mean difference of a large population, two spaces given."""
    predicted = spaces_of_layer(*study, NAMES, "zero_pad", True)[2]
    population = experiment_of(own_space, people=400, seed=999)

    def gains(experiment):
        log_p = [
            ContextModel([task.in_space(space.place_of) for task in experiment.tasks]).log_probabilities(
                [{"sensitivity": 1.5}] * len(experiment.tasks)
            )
            for space in (predicted, own_space)
        ]
        return [one - other for one, other in zip(*log_p, strict=True)]

    true, _ = gain_interval(gains(population), population, "people")
    inside = 0
    for seed in range(experiments):
        sample = experiment_of(own_space, people=people, seed=seed)
        _, (low, high) = gain_interval(gains(sample), sample, "people")
        inside += low <= true <= high
    return inside / experiments


def test_paired_intervals_over_people_hold_the_populations_difference_as_often_as_they_say(own_space, study):
    assert 0.85 <= coverage_of_gains(own_space, study, people=16, experiments=40) <= 1


def coverage_of_parameters(own_space, people, experiments, resamples):
    """How often the interval of the sensitivity holds what a large population gives."""

    def sensitivity(people, seed, resamples):
        sample = experiment_of(own_space, people=people, seed=seed)
        sets = [task.in_space(own_space.place_of) for task in sample.tasks]
        model = ContextModel(sets, {"response_scaling": 1.5}, starts=1)
        found = model.fit(sample.counts())
        return fitted_parameters(model, found, sample, sample.resamples(resamples, seed=0), NAMES)[0]

    true = sensitivity(600, 999, 0)["value"]
    intervals = [sensitivity(people, seed, resamples)["ci_people"] for seed in range(experiments)]
    return np.mean([low <= true <= high for low, high in intervals])


def test_intervals_of_parameters_over_people_hold_the_populations_value(own_space):
    assert coverage_of_parameters(own_space, people=24, experiments=12, resamples=40) >= 0.75


@pytest.mark.slow
def test_intervals_of_parameters_over_people_hold_the_populations_value_as_often_as_they_say(own_space):
    assert 0.88 <= coverage_of_parameters(own_space, people=40, experiments=200, resamples=200) <= 0.99


def test_a_model_without_free_parameters_is_only_scored(own_space, experiment):
    fixed = Variant("fixed", {"sensitivity": TRUE["sensitivity"]})
    model = choice_report(own_space, experiment, [fixed], resamples=2, seed=0)[0]["models"]["fixed"]
    assert (model["n_parameters"], model["parameters"], model["undetermined"]) == (0, [], [])
    assert model["new_people"]["log_likelihood"] == pytest.approx(model["in_sample"]["log_likelihood"])
    assert model["new_subtypes"]["log_likelihood"] == pytest.approx(model["in_sample"]["log_likelihood"])


def test_nothing_can_be_explained_of_people_who_chose_all_categories_alike(own_space, experiment):
    (first, *_), alike = experiment.tasks, np.ones_like(experiment.tasks[0].counts)
    alone = type(experiment)([type(first)(**vars(first) | {"counts": alike})])
    model = choice_report(own_space, alone, VARIANTS[:1], resamples=0, seed=0)[0]["models"]["sensitivity"]
    assert model["in_sample"]["explained"] is model["new_subtypes"]["explained"] is None


def test_intervals_of_parameters_need_three_people_in_each_condition(experiment):
    first, second = experiment.tasks

    def strata(names):
        """How often people are drawn, whose names in the two conditions are these."""
        tasks = [
            type(task)(**vars(task) | {"people": np.array(own), "counts": task.counts[: len(own)]})
            for task, own in zip((first, second), names, strict=True)
        ]
        return type(experiment)(tasks).resamples(50, seed=0)

    assert strata([["a", "b"], ["c", "d", "e"]]) == []
    for drawn in strata([["a", "b", "c"], ["c", "d", "e"]]):  # each with fewer than two others
        assert sum(drawn.values()) == 5
    few = strata([["a", "b", "c", "d"], ["d", "e", "f", "g"]])
    assert {drawn["d"] for drawn in few} == {1}
    assert all(drawn["a"] + drawn["b"] + drawn["c"] == 3 for drawn in few)


def test_a_space_that_lacks_an_image_says_which(own_space, experiment):
    lacking = ChoiceSpace("x", NAMES, own_space.image_id[1:], own_space.places[1:])
    with pytest.raises(ValueError, match="image 'L0_train_0', which people studied or were shown, has no place"):
        choice_report(lacking, experiment, VARIANTS[:1], resamples=2, seed=0)


READY = """\
study: tiny
dataset:
  source: synthetic
  synthetic: {seed: 1, subtypes: 4, per_subtype: {train: 6, validation: 3}, image_size: 48}
models: [{name: ready, embeddings: ready.npz}]
tfrecords: {image_size: 32, margin: 4}
baselines: []
precision: float32
procrustes: {permutations: 99, bootstraps: 99}
references: [{label: Somebody (2020), metric: held_out_mean_r, value: 0.5, predictions: published.csv}]
"""


def test_choices_run_as_stages_from_trials_and_ready_embeddings_to_all_spaces_side_by_side(tmp_path):
    workplace = Workplace(tmp_path, READY)
    for file in ("ready.npz", "published.csv"):  # made from the coordinates below
        (tmp_path / file).touch()
    result = workplace.snakemake("coordinates")
    assert result.returncode == 0, result.stdout + result.stderr
    study = tmp_path / "results/tiny"
    simulated_choices(study, people=12, sensitivity=2, seed=0).to_csv(tmp_path / "choices.csv", index=False)
    train, validation = (pd.read_csv(study / f"coordinates/{split}.csv") for split in ("train", "validation"))
    both = pd.concat([train, validation])
    both.rename(columns={"image_id": "image"}).to_csv(tmp_path / "other.csv", index=False)
    validation.rename(columns={"image_id": "image"}).iloc[::-1].to_csv(tmp_path / "published.csv", index=False)
    features = both.drop(columns="image_id").to_numpy() @ np.random.default_rng(0).normal(size=(8, 20))
    np.savez(tmp_path / "ready.npz", image_id=both["image_id"].to_numpy(str), embedding=features)
    (tmp_path / "choices.yaml").write_text(
        "choices: {files: ['choices.*v'], spaces: [{name: other, file: other.csv}]}\n"
    )
    with_choices = ["--configfile", "tiny.yaml", "choices.yaml"]
    planned = workplace.planned(*with_choices)
    stages = ("choices", "further_coordinates", "exemplar", "exemplar_people", "human_choices")
    assert [planned[stage] for stage in stages] == [1] * 5
    assert "restructure" not in planned
    result = workplace.snakemake("overview", *with_choices)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "kept: 144 responses of 12 people" in result.stdout + result.stderr
    spaces = json.loads((study / "choices/people.json").read_text())["spaces"]
    assert list(spaces) == ["coordinates", "other"]
    assert spaces["coordinates"]["validation_moved"]
    assert json.loads((study / "choices/ceilings.json").read_text())["n_responses"] == 144
    table = pd.read_csv(study / "human_choices.csv", keep_default_na=False)
    assert set(table["space"]) == {"coordinates", "other", "embedding", "components", "predicted"}
    assert set(table["variant"]) == {"sensitivity", "response scaling", "weights"}
    assert all(is_whole(study / f"human_choices{part}.png") for part in ("", ".images", ".subtypes"))
    page, paper = ((study / name).read_text() for name in ("overview.html", "results.md"))
    assert "What people took the images for" in page
    assert "144 choices of a category" in paper
    compared = pd.read_csv(study / "comparison.csv", keep_default_na=False)
    (row,) = compared[compared["model_b"] == "Somebody (2020)"].to_dict("records")
    assert (row["model_a"], row["mean_r_b"]) == ("ready", pytest.approx(1))
    (tmp_path / "choices.csv").unlink()
    result = workplace.dry_run(*with_choices)
    assert result.returncode != 0
    assert "choices.files: no file 'choices.*v'" in result.stdout + result.stderr


def test_networks_and_ensembles_that_learn_coordinates_have_these_as_a_space(tmp_path):
    joint = TINY.replace("weights: imagenet", "weights: none, objective: joint")
    workplace = Workplace(tmp_path, f"{joint}ensembles: [{{name: all}}]\n")
    assert not {"choices", "exemplar", "human_choices"} & set(workplace.planned())
    (tmp_path / "choices.csv").touch()
    (tmp_path / "choices.yaml").write_text("choices: {files: [choices.csv]}\n")
    planned = workplace.planned("--configfile", "tiny.yaml", "choices.yaml")
    assert (planned["exemplar"], planned["exemplar_outputs"], planned["exemplar_ensemble"]) == (1, 1, 1)
