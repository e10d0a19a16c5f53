import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.preprocessing import StandardScaler

from rockspace.alignment.aligned import OBSERVED, PREDICTED
from rockspace.alignment.intervals import (
    correlation_intervals,
    disparity_from_moments,
    disparity_interval,
    disparity_moments,
)
from rockspace.alignment.layer_report import layer_report
from rockspace.alignment.noise_ceiling import noise_ceiling
from rockspace.alignment.notes import notes
from rockspace.alignment.permutation import image_pairings, permutation_nulls
from rockspace.alignment.procrustes import Procrustes
from rockspace.alignment.readout import PENALTIES, ReadoutScorer, ridge, ridge_readout
from rockspace.alignment.reduction import reduced_procrustes
from rockspace.alignment.rotation_report import Settings, predict_folds, rotation_report
from rockspace.alignment.rotation_scores import RotationScorer
from rockspace.alignment.rsa import rsa
from rockspace.alignment.spaces import (
    Spaces,
    UnusableSpaces,
    centred,
    correlations,
    read_dimensions,
    read_individuals,
    read_spaces,
)
from rockspace.alignment.statistics import BY_KEY, STATISTICS, UNITS, find, statistics_of
from rockspace.errors import RockspaceError

NAMES = ["lightness", "grain size", "hue"]
QUICK = Settings(reduction="pca", permutations=99, bootstraps=99)


def study(subtypes=6, per_train=6, per_validation=3, d=20, k=3, noise=1.0, seed=0, shared=True):
    """Two splits of a study in which features hold the coordinates, or do not."""
    rng = np.random.default_rng(seed)
    centres, mix = 2 * rng.normal(size=(subtypes, k)), rng.normal(size=(k, d))

    def split(name, each):
        label = np.repeat([f"subtype {i:02d}" for i in range(subtypes)], each)
        coordinates = np.repeat(centres, each, axis=0) + rng.normal(size=(len(label), k))
        signal = coordinates if shared else rng.normal(size=coordinates.shape)
        features = signal @ mix + noise * rng.normal(size=(len(label), d))
        return Spaces(np.array([f"{name}_{i}" for i in range(len(label))]), label, features, coordinates)

    train, validation = split("train", per_train), split("validation", per_validation)
    # Separate scaling solutions have units of their own.
    return train, replace(validation, coordinates=0.6 * validation.coordinates)


@pytest.fixture(scope="module")
def report():
    return layer_report(*study(), NAMES, QUICK)


def test_the_json_has_the_agreed_keys_and_no_nan(report):
    figures = json.loads(json.dumps(report.figures, allow_nan=False))
    assert figures["n_dimensions"] == 3
    assert figures["reduction"] == "pca"
    assert {"disparity", "r", "mean_r"} <= figures["in_sample"].keys()
    assert {"disparity", "r", "mean_r", "mean_r_ci"} <= figures["held_out"].keys()
    assert {"n", "p_value", "null_mean_r", "null_disparity"} <= figures["permutation"].keys()
    assert {"spearman", "kendall_tau_a", "cosine"} <= figures["rsa"].keys()
    assert len(figures["held_out"]["r"]) == 3


def test_both_reductions_stand_side_by_side_and_the_chosen_one_leads(report):
    assert set(report.figures["reductions"]) == {"pca", "zero_pad"}
    assert report.figures["held_out"] == report.figures["reductions"]["pca"]["held_out"]
    other = layer_report(*study(), NAMES, replace(QUICK, reduction="zero_pad")).figures
    assert other["in_sample"] == other["reductions"]["zero_pad"]["in_sample"]
    assert other["reductions"] == report.figures["reductions"]


def test_in_sample_is_fitted_and_scored_on_the_validation_images(report):
    _, validation = study()
    fitted = Procrustes().fit(validation.features, validation.coordinates)
    ours = report.figures["reductions"]["zero_pad"]["in_sample"]
    assert ours["disparity"] == pytest.approx(fitted.disparity_, abs=1e-10)
    assert ours["mean_r"] == pytest.approx(fitted.score(validation.features, validation.coordinates), abs=1e-10)


@pytest.mark.parametrize("reduction", ["pca", "zero_pad"])
def test_held_out_is_learnt_on_the_training_images_alone(report, reduction):
    train, validation = study()
    fitted = reduced_procrustes(reduction, train.features, 3, True).fit(train.features, train.coordinates)
    r = correlations(fitted.transform(validation.features), validation.coordinates)
    ours = report.figures["reductions"][reduction]["held_out"]
    np.testing.assert_allclose(ours["r"], r, atol=1e-9)
    assert ours["mean_r"] == pytest.approx(r.mean(), abs=1e-9)
    reduced = fitted[0].transform(validation.features)
    assert ours["disparity"] == pytest.approx(fitted[-1].disparity(reduced, validation.coordinates), abs=1e-9)


def test_every_interval_holds_its_figure(report):
    for part in ("in_sample", "held_out", "train_cv", "new_subtypes"):
        for key in ("mean_r_ci", "mean_r_ci_subtypes"):
            low, high = report.figures[part][key]
            assert low <= report.figures[part]["mean_r"] <= high


def test_many_features_say_much_in_sample_and_nothing_held_out_where_nothing_is_shared():
    figures = layer_report(*study(d=200, noise=30, shared=False), NAMES, QUICK).figures["reductions"]["zero_pad"]
    assert figures["in_sample"]["mean_r"] > 0.9
    assert figures["permutation"]["null_mean_r"] > 0.9
    assert abs(figures["held_out"]["mean_r"]) < 0.35
    assert figures["permutation"]["images"]["held_out"]["p_mean_r"] > 0.05


def test_more_features_than_images_give_the_same_figures_as_the_plain_way():
    train, validation = study(d=150)
    settings = replace(QUICK, reduction="zero_pad")
    ours = layer_report(train, validation, NAMES, settings).figures
    plain = rotation_report(train, validation, NAMES, "zero_pad", settings).summary
    for part in ("in_sample", "held_out", "train", "train_cv", "new_subtypes"):
        np.testing.assert_allclose(ours[part]["r"], plain[part]["r"], atol=1e-8)
    assert ours["permutation"]["null_mean_r"] == pytest.approx(plain["permutation"]["null_mean_r"], abs=1e-8)


def test_the_table_has_a_row_for_each_dimension_and_reduction_with_adjusted_p_values(report):
    table = report.dimensions
    assert table["dimension"].tolist() == NAMES * 2
    assert table["reduction"].tolist() == ["pca"] * 3 + ["zero_pad"] * 3
    for p in [column for column in table if column.startswith("p_") and not column.endswith("holm")]:
        assert table[p].between(1 / 100, 1).all()
        assert (table[f"{p}_holm"] >= table[p]).all()
    np.testing.assert_allclose(table["r_held_out"][:3], report.figures["held_out"]["r"])
    assert (table["r_held_out_low_images"] <= table["r_held_out"]).all()
    assert (table["r_held_out"] <= table["r_held_out_high_images"]).all()


def test_aligned_coordinates_correlate_as_reported_and_lie_where_the_observed_ones_do(report):
    _, validation = study()
    assert report.aligned["image_id"].tolist() == validation.image_id.tolist()
    for i, name in enumerate(NAMES):
        observed, predicted = report.aligned[OBSERVED.format(name)], report.aligned[PREDICTED.format(name)]
        np.testing.assert_allclose(observed, validation.coordinates[:, i])
        assert np.corrcoef(observed, predicted)[0, 1] == pytest.approx(report.figures["held_out"]["r"][i])
        assert predicted.mean() == pytest.approx(observed.mean())


def test_the_validation_images_have_no_say_in_the_scale_of_what_is_predicted_for_them():
    train, validation = study()
    turned_over = replace(validation, coordinates=-validation.coordinates)
    there, back = (rotation_report(train, v, NAMES, "pca", QUICK) for v in (validation, turned_over))
    spread = centred(there.predicted)
    np.testing.assert_allclose(centred(back.predicted), spread)
    # With one solution for both splits the scale is that of the rotation learnt on the training images.
    moved = reduced_procrustes("pca", train.features, 3, True).fit(train.features, train.coordinates)
    np.testing.assert_allclose(
        rotation_report(train, train, NAMES, "pca", QUICK).predicted, moved.transform(train.features)
    )
    assert back.summary["held_out"]["mean_r"] == pytest.approx(-there.summary["held_out"]["mean_r"])


def test_the_same_seed_gives_the_same_report_and_another_seed_another(report):
    again = layer_report(*study(), NAMES, QUICK)
    assert again.figures == report.figures
    pd.testing.assert_frame_equal(again.dimensions, report.dimensions)
    other = layer_report(*study(), NAMES, replace(QUICK, seed=1)).figures
    assert other["permutation"]["null_mean_r"] != report.figures["permutation"]["null_mean_r"]
    assert other["held_out"]["mean_r"] == report.figures["held_out"]["mean_r"]


def test_folds_never_learn_on_what_they_predict():
    train, validation = study()
    # A coordinate that is pure noise of the subtype can be known only from its own images.
    marked = replace(train, coordinates=np.random.default_rng(0).normal(size=(6, 3))[np.repeat(np.arange(6), 6)])
    features = np.repeat(np.eye(6), 6, axis=0) + 0.01 * np.random.default_rng(1).normal(size=(36, 6))
    marked = replace(marked, features=features)
    by_image = predict_folds(marked, marked, "zero_pad", QUICK, by_subtype=False)
    by_subtype = predict_folds(marked, marked, "zero_pad", QUICK, by_subtype=True)
    assert correlations(by_image, marked.coordinates).mean() > 0.5
    assert correlations(by_subtype, marked.coordinates).mean() < 0.2
    assert predict_folds(train, validation, "pca", QUICK, by_subtype=True).shape == (18, 3)


def test_two_subtypes_are_too_few_for_new_ones_and_for_intervals_over_them():
    figures = layer_report(*study(subtypes=2), NAMES, QUICK).figures
    assert figures["new_subtypes"] is None
    assert figures["held_out"]["mean_r_ci_subtypes"] is None
    assert figures["held_out"]["mean_r_ci"] is not None


def test_one_subtype_has_no_null_over_subtypes():
    figures = layer_report(*study(subtypes=1), NAMES, QUICK).figures
    assert figures["permutation"]["subtypes"] is None
    assert figures["rsa"]["permutation_subtypes"] is None
    json.dumps(figures, allow_nan=False)


@pytest.mark.parametrize(("subtypes", "per_validation"), [(3, 1), (2, 2), (5, 1)])
def test_a_handful_of_images_gives_a_report_with_a_warning(subtypes, per_validation):
    splits = study(subtypes=subtypes, per_train=2, per_validation=per_validation, k=6)
    figures = layer_report(*splits, list("abcdef"), QUICK).figures
    assert any("are meaningless" in note for note in figures["notes"])
    assert figures["ridge"] is None
    assert figures["held_out"]["mean_r_ci_subtypes"] is None or subtypes > 3
    assert (figures["permutation"]["p_value"] is None) == (subtypes * per_validation < 5)
    json.dumps(figures, allow_nan=False)


def test_two_images_that_are_left_without_a_subtype_give_no_interval():
    rng = np.random.default_rng(0)
    predicted, observed = rng.normal(size=(2, 12, 3))
    for sizes, some in (([10, 1, 1], False), ([9, 2, 1], True)):
        groups = np.repeat(["a", "b", "c"], sizes)
        assert (correlation_intervals(predicted, observed, groups, resamples=9, seed=0) is not None) == some
    assert correlation_intervals(predicted[:4], observed[:4], resamples=9, seed=0) is None


def test_constant_features_and_dimensions_are_reported_not_fatal():
    train, validation = study()
    for split in (train, validation):
        split.features[:, :5] = 3
        split.coordinates[:, 1] = 0
    report = layer_report(train, validation, NAMES, QUICK)
    assert report.figures["held_out"]["r"][1] == 0
    assert any("5 of 20 features are constant" in note for note in report.figures["technical_notes"])
    assert not any("constant" in note for note in report.figures["notes"])
    json.dumps(report.figures, allow_nan=False)


@pytest.mark.parametrize("distance", ["euclidean", "cosine", "correlation"])
def test_features_that_only_one_subtype_has_leave_nothing_to_learn_without_it(distance):
    train, validation = study()
    for split in (train, validation):
        split.features[split.label != "subtype 00"] = 0
    figures = layer_report(train, validation, NAMES, replace(QUICK, distance=distance)).figures
    assert figures["new_subtypes"] is None
    assert figures["train_cv"] is not None
    json.dumps(figures, allow_nan=False)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("split", ["training", "validation"])
@pytest.mark.parametrize("what", ["features", "coordinates"])
def test_a_split_without_a_shape_is_refused_in_one_line(split, what):
    splits = dict(zip(("training", "validation"), study(), strict=True))
    getattr(splits[split], what)[:] = 1
    with pytest.raises(UnusableSpaces, match=f"^{what} of the {split} images: all .* one point"):
        layer_report(*splits.values(), NAMES, QUICK)


def test_splits_that_describe_different_spaces_are_refused():
    train, validation = study()
    with pytest.raises(RockspaceError, match=r"features: 20 dimensions .* and 19"):
        layer_report(train, replace(validation, features=validation.features[:, 1:]), NAMES, QUICK)
    with pytest.raises(RockspaceError, match="3 dimensions, but 2 names"):
        layer_report(train, validation, NAMES[:2], QUICK)
    with pytest.raises(RockspaceError, match="allowed: pca, zero_pad"):
        layer_report(train, validation, NAMES, replace(QUICK, reduction="umap"))


def test_ridge_equals_a_plain_search_over_penalties():
    train, validation = study(noise=6)
    scaler = StandardScaler().fit(train.features)
    x, new = scaler.transform(train.features), scaler.transform(validation.features)
    ours = ridge_readout(train, validation, QUICK)
    for i in range(3):
        y = train.coordinates[:, i]
        errors = [
            -cross_val_score(Ridge(p), x, y, cv=LeaveOneOut(), scoring="neg_mean_squared_error").mean()
            for p in PENALTIES
        ]
        best = PENALTIES[np.argmin(errors)]
        assert ours["penalty"][i] == pytest.approx(best)
        expected = np.corrcoef(Ridge(best).fit(x, y).predict(new), validation.coordinates[:, i])[0, 1]
        assert ours["held_out"]["r"][i] == pytest.approx(expected, abs=1e-8)


def test_nested_cross_validation_claims_nothing_where_nothing_is_shared():
    train, validation = study(subtypes=20, d=100, shared=False)
    readout = ridge_readout(train, validation, QUICK)
    assert abs(readout["nested_cv"]["mean_r"]) < 0.2
    fitted = ridge().fit(train.features, train.coordinates).predict(train.features)
    assert correlations(fitted, train.coordinates).mean() > readout["nested_cv"]["mean_r"]


def test_a_unit_that_hardly_ever_fires_in_training_does_not_throw_validation_images_off():
    train, validation = study(subtypes=10, noise=4)
    silent = np.zeros((len(train), 1))
    silent[3] = 1e-3
    loud = np.zeros((len(validation), 1))
    loud[::7] = 8
    with_unit = (
        replace(split, features=np.hstack([split.features, unit]))
        for split, unit in ((train, silent), (validation, loud))
    )
    without = ridge_readout(train, validation, QUICK)["held_out"]["mean_r"]
    assert without > 0.5
    assert ridge_readout(*with_unit, QUICK)["held_out"]["mean_r"] == pytest.approx(without, abs=0.01)


@pytest.mark.parametrize("d", [5, 20, 80])
def test_reading_out_many_pairings_at_once_equals_fitting_each(d):
    train, validation = study(subtypes=6, d=d, noise=3)
    scorer = ReadoutScorer(train.features, validation.features)
    rng = np.random.default_rng(0)
    stack = np.stack([train.coordinates, *(rng.permutation(train.coordinates) for _ in range(4))]).reshape(5, 1, -1, 3)
    predicted = scorer.predict(stack)
    for ours, coordinates in zip(predicted[:, 0], stack[:, 0], strict=True):
        theirs = ridge().fit(train.features, coordinates).predict(validation.features)
        np.testing.assert_allclose(ours, theirs, atol=1e-8)
    figures = scorer(stack[0, 0], validation.coordinates)
    assert figures.mean_r == pytest.approx(ridge_readout(train, validation, QUICK)["held_out"]["mean_r"])


def test_the_readouts_test_claims_no_more_than_its_level_where_nothing_is_shared():
    claims = []
    for seed in range(80):
        rng = np.random.default_rng(seed)
        features, coordinates = rng.normal(size=(48, 30)), rng.normal(size=(48, 2))
        scorer = ReadoutScorer(features[:30], features[30:])
        pairings = image_pairings([30, 18], 19, seed)
        null = permutation_nulls({"": scorer}, [coordinates[:30], coordinates[30:]], pairings)[""]
        claims.append(null.p_mean_r <= 0.1)
    # Binomial with 80 draws at 0.1: 17 or more come one time in a thousand.
    assert sum(claims) < 17


def test_the_null_of_the_readout_is_lifted_by_what_subtypes_share():
    train, validation = study(subtypes=12, d=60, noise=0.3)
    nulls = ridge_readout(train, validation, QUICK)["permutation"]
    assert abs(nulls["images"]["null_mean_r"]) < 0.1
    assert nulls["subtypes"]["null_mean_r_band"][1] > nulls["images"]["null_mean_r_band"][1]
    assert nulls["images"]["p_mean_r"] == pytest.approx(1 / 100)


@pytest.mark.parametrize("analysis", ["in_sample", "held_out"])
def test_intervals_of_disparity_hold_it(report, analysis):
    for reduction in report.figures["reductions"].values():
        for key in ("disparity_ci", "disparity_ci_subtypes"):
            low, high = reduction[analysis][key]
            assert 0 <= low < reduction[analysis]["disparity"] < high <= 1


def test_the_interval_of_disparity_is_that_of_resampled_images_under_the_same_rotation():
    rng = np.random.default_rng(0)
    observed = rng.normal(size=(60, 3))
    features = np.concatenate([observed, np.zeros((60, 2))], axis=1) + rng.normal(size=(60, 5))
    rotation = Procrustes().fit(features, observed)
    resamples = rng.integers(0, 60, (2000, 60))
    expected = np.quantile([rotation.disparity(features[i], observed[i]) for i in resamples], [0.025, 0.975])
    interval = disparity_interval(features, features @ rotation.rotation_, observed, resamples=2000, seed=0)
    np.testing.assert_allclose(interval, expected, atol=0.02)
    assert np.diff(expected) > 0.1


@pytest.mark.parametrize("d", [2, 8, 90])
def test_disparity_of_a_resample_is_that_of_its_images(d):
    rng = np.random.default_rng(d)
    features, observed = rng.normal(size=(40, d)) + 3, 4 * rng.normal(size=(40, 3)) - 1
    rotation = Procrustes().fit(features, observed)
    predicted = features @ rotation.rotation_
    moments = disparity_moments(features, predicted, observed)
    for index in (np.arange(40), rng.integers(0, 40, 40)):
        ours = disparity_from_moments(moments[index].sum(axis=0), 3)
        assert ours == pytest.approx(rotation.disparity(features[index], observed[index]), abs=1e-12)


def test_a_readout_may_shear_where_a_rotation_may_not():
    rng = np.random.default_rng(0)
    label, ids = np.repeat(list("abcde"), 10), np.arange(50).astype(str)
    coordinates = rng.normal(size=(50, 2))
    features = coordinates @ np.array([[1.0, 0.95], [0.0, 0.1]]) + 0.005 * rng.normal(size=(50, 2))
    train = Spaces(ids[:30], label[:30], features[:30], coordinates[:30])
    validation = Spaces(ids[30:], label[30:], features[30:], coordinates[30:])
    figures = layer_report(train, validation, ["x", "y"], QUICK).figures
    assert figures["ridge"]["held_out"]["mean_r"] > 0.98
    assert figures["held_out"]["mean_r"] < 0.9


def people(truth, n=8, noise=1.0, seed=0):
    """Solutions of single people: the truth, with errors, in a unit and orientation of their own."""
    rng = np.random.default_rng(seed)

    def one():
        turn = np.linalg.qr(rng.normal(size=(truth[0].shape[1],) * 2)).Q
        return tuple((split + noise * rng.normal(size=split.shape)) @ turn * 2 for split in truth)

    return [one() for _ in range(n)]


def test_a_perfect_model_stands_between_the_bounds_of_the_ceiling():
    train, validation = study(subtypes=20)
    truth = train.coordinates, validation.coordinates
    ceiling = noise_ceiling(truth, truth, people(truth))
    assert ceiling["available"]
    assert ceiling["n_individuals"] == 8
    for name in ("in_sample_mean_r", "held_out_mean_r", "rsa_spearman", "rsa_kendall_tau_a", "cka_debiased"):
        assert ceiling["lower"][name] < ceiling["upper"][name]
        assert ceiling["lower"][name] - 0.02 < ceiling["model"][name] < ceiling["upper"][name] + 0.02


def test_the_more_people_differ_the_lower_the_ceiling():
    _, validation = study(subtypes=20)
    truth = (validation.coordinates,)
    close, far = (noise_ceiling(truth, truth, people(truth, noise=noise))["lower"] for noise in (0.2, 2))
    assert close["rsa_spearman"] > far["rsa_spearman"]
    assert close["in_sample_mean_r"] > far["in_sample_mean_r"]
    assert close["held_out_mean_r"] > far["held_out_mean_r"]


@pytest.mark.parametrize("splits", [1, 2])
def test_people_who_have_nothing_in_common_have_a_lower_bound_around_zero(splits):
    found = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        random = [(rng.normal(size=(60, 5)), rng.normal(size=(23, 5)))[-splits:] for _ in range(16)]
        group = tuple(np.mean(split, axis=0) for split in zip(*random, strict=True))
        found.append(noise_ceiling(group, group, random)["lower"]["held_out_mean_r"])
    assert abs(np.mean(found)) < 0.05


def test_people_are_turned_by_one_rotation_that_saw_no_validation_image():
    train, validation = study(subtypes=20)
    group = train.coordinates, validation.coordinates
    individuals = people(group, n=3)
    ceiling = noise_ceiling(group, group, individuals)
    assert ceiling["rotation"] == "learnt on the training images"
    turned = [Procrustes().fit(one[0], group[0]).transform(one[1]) for one in individuals]
    expected = [
        correlations(np.mean(turned[:i] + turned[i + 1 :], axis=0), turned[i]).mean() for i in range(3)
    ]  # fmt: skip
    assert ceiling["lower"]["held_out_mean_r"] == pytest.approx(np.mean(expected))
    # Separate solutions of the two splits share no rotation.
    apart = noise_ceiling(group, group, individuals, one_solution=False)
    assert apart["rotation"] == "cross-validated on the validation images"


def test_the_model_meets_the_ceiling_as_it_is_reported():
    train, validation = study(subtypes=20, noise=2.0)
    splits = [(s.features, s.coordinates) for s in (train, validation)]
    features, group = zip(*splits, strict=True)
    individuals = people(group, noise=0.01)
    for reduction in ("pca", "zero_pad"):
        report = rotation_report(train, validation, NAMES, reduction, QUICK)
        found = noise_ceiling(features, group, individuals, replace(QUICK, reduction=reduction))["model"]
        assert found["held_out_mean_r"] == pytest.approx(report.summary["held_out"]["mean_r"], abs=0.01)
        # As many dimensions as people have, so no more freedom to fit than they have.
        predicted = reduced_procrustes(reduction, features[0], 3, True).fit(features[0], group[0])
        within = RotationScorer(*[predicted.transform(features[1])] * 2)(group[1], group[1])
        assert found["in_sample_mean_r"] == pytest.approx(float(within.mean_r), abs=0.01)
    cosine = noise_ceiling(features, group, individuals, replace(QUICK, distance="cosine"))["model"]["rsa_spearman"]
    assert cosine == pytest.approx(rsa(features[1], group[1], "cosine")["spearman"], abs=0.02)


def test_halves_of_the_people_give_the_agreement_of_the_halves_as_lower_bound():
    _, validation = study(subtypes=20)
    truth = (validation.coordinates,)
    halves = people(truth, n=2)
    ceiling = noise_ceiling(truth, truth, halves)
    (first,), (second,) = halves
    both = [statistics_of(*pair, Settings())["rsa_spearman"] for pair in ((first, second), (second, first))]
    assert ceiling["lower"]["rsa_spearman"] == pytest.approx(np.mean(both), abs=1e-9)


def test_people_who_did_not_judge_every_image_count_on_those_they_judged():
    _, validation = study(subtypes=20)
    truth = (validation.coordinates,)
    whole = people(truth)
    rng = np.random.default_rng(0)
    gaps = [(np.where(rng.random((len(truth[0]), 1)) < 0.2, np.nan, one),) for (one,) in whole]
    for bound in ("lower", "upper", "model"):
        there, here = (noise_ceiling(truth, truth, them)[bound] for them in (whole, gaps))
        assert here["in_sample_mean_r"] == pytest.approx(there["in_sample_mean_r"], abs=0.02)
        assert here["rsa_spearman"] == pytest.approx(there["rsa_spearman"], abs=0.03)
    # One image fewer for everybody is the study without that image.
    fewer = [(np.vstack([np.full((1, 3), np.nan), one[1:]]),) for (one,) in whole]
    without = (truth[0][1:],)
    expected = noise_ceiling(without, without, [(one[1:],) for (one,) in whole])
    assert noise_ceiling(truth, truth, fewer)["lower"] == pytest.approx(expected["lower"], abs=1e-9)


def test_who_judged_next_to_nothing_is_left_out():
    _, validation = study(subtypes=20)
    truth = (validation.coordinates,)
    whole = people(truth)
    nothing = np.full_like(truth[0], np.nan)
    nothing[:2] = truth[0][:2]
    assert noise_ceiling(truth, truth, [*whole, (nothing,)])["n_individuals"] == len(whole)
    assert not noise_ceiling(truth, truth, [whole[0], (nothing,)])["available"]


@pytest.mark.parametrize(("images", "k", "available"), [(3, 2, False), (3, 1, False), (4, 1, True), (4, 3, True)])
def test_who_judged_too_few_images_for_a_rotation_in_each_fold_is_left_out(images, k, available):
    truth = (np.random.default_rng(0).normal(size=(images, k)),)
    assert noise_ceiling(truth, truth, people(truth))["available"] == available


def test_people_who_judged_no_image_in_common_have_no_ceiling_and_those_who_did_only_with_some_have_one():
    _, validation = study(subtypes=20)
    truth = (validation.coordinates,)
    first, second, third = (one for (one,) in people(truth, n=3))
    half = np.arange(len(first))[:, None] < len(first) // 2
    apart = [(np.where(half, first, np.nan),), (np.where(half, np.nan, second),)]
    assert "others judged too" in noise_ceiling(truth, truth, apart)["reason"]
    few = np.where(np.arange(len(first))[:, None] < 4, third, np.nan)
    ceiling = noise_ceiling(truth, truth, [*apart, (few,)])
    assert (ceiling["n_individuals"], ceiling["n_left_out"]) == (3, 0)
    assert set(ceiling["lower"]) == set(ceiling["upper"])


def test_without_individuals_the_report_says_that_there_is_no_ceiling(report):
    assert report.figures["noise_ceiling"]["available"] is False
    assert "individual" in report.figures["noise_ceiling"]["reason"]
    assert noise_ceiling((np.eye(4),), (np.eye(4),), [(np.eye(4),)])["available"] is False


def test_the_report_carries_the_ceiling_where_people_are_given():
    train, validation = study()
    for individuals in (
        people((train.coordinates, validation.coordinates), 3),
        people((validation.coordinates,), 3),
    ):
        ceiling = layer_report(train, validation, NAMES, QUICK, individuals).figures["noise_ceiling"]
        assert ceiling["available"]
        assert {"held_out_mean_r", "in_sample_mean_r", "rsa_spearman"} <= ceiling["model"].keys()


@pytest.mark.parametrize("k", [1, 2, 8])
def test_the_headline_is_fair_to_few_dimensions_as_to_many(k):
    # What people see lies in weaker directions of the features than what they do not see.
    rng = np.random.default_rng(k)
    coordinates = rng.normal(size=(160, 8))
    features = np.concatenate([1.5 * rng.normal(size=(160, 8)), coordinates, 0.3 * rng.normal(size=(160, 40))], axis=1)
    label, ids = np.repeat(np.arange(20).astype(str), 8), np.arange(160).astype(str)
    train, validation = (
        Spaces(ids[rows], label[rows], features[rows], coordinates[rows][:, :k])
        for rows in (slice(0, 100), slice(100, 160))
    )
    names = [f"d{i}" for i in range(k)]
    lead, pca = (
        rotation_report(train, validation, names, reduction, QUICK).summary["held_out"]["mean_r"]
        for reduction in (Settings().reduction, "pca")
    )
    assert lead > 0.6
    assert pca < 0.3


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"subtypes": 5, "per_validation": 3}, ["15 validation images are few", "5 subtypes are few"]),
        ({"subtypes": 4, "per_validation": 4}, ["4 subtypes have fewer than 100 permutations"]),
        ({"subtypes": 1, "per_validation": 6}, ["all validation images are of one subtype"]),
        (
            {"subtypes": 12, "shared": False},
            ["is within the chance band of random pairings", "no evidence of alignment"],
        ),
        ({"subtypes": 12}, []),
    ],
)
def test_a_study_too_small_for_a_conclusion_is_told_so(given, words):
    said = layer_report(*study(**given), NAMES, QUICK).figures["notes"]
    for word in words:
        assert any(word in note for note in said), said
    assert said or not words
    assert words or not said


def test_the_opposite_of_what_people_see_is_below_chance_not_within_it():
    train, validation = study(subtypes=12)
    figures = layer_report(train, replace(validation, coordinates=-validation.coordinates), NAMES, QUICK).figures
    assert any("is below the chance band" in note for note in figures["notes"])


def test_an_interval_that_holds_chance_and_an_r_that_is_mostly_fit_are_noted_the_weightier_first():
    train, validation = study(subtypes=12)
    null = {"null_mean_r": 0.2, "null_mean_r_band": [0.1, 0.3], "p_mean_r": 0.04}
    figures = {
        "held_out": {"mean_r": 0.35, "mean_r_ci": [0.25, 0.4], "mean_r_ci_subtypes": [0.15, 0.5]},
        "in_sample": {"mean_r": 0.8},
        "permutation": {"subtypes": {"held_out": null}, "images": {"held_out": null}},
    }
    chance, fit = notes(train, validation, figures)
    assert "interval of held-out mean r (0.150 to 0.500) includes chance (0.200)" in chance
    assert "in-sample mean r is 0.800, but 0.350" in fit
    figures["held_out"] = {"mean_r": 0.4, "mean_r_ci": [0.35, 0.45], "mean_r_ci_subtypes": [0.25, 0.5]}
    assert notes(train, validation, figures) == []


def test_validation_images_with_coordinates_of_training_images_are_noted():
    train, validation = study(subtypes=12)
    of_subtype = {label: row for label, row in zip(train.label, train.coordinates, strict=True)}
    shared = [
        replace(split, coordinates=np.stack([of_subtype[each] for each in split.label]))
        for split in (train, validation)
    ]
    note = f"{len(validation)} of {len(validation)} validation images have exactly the coordinates of a training image"
    said = [each for each in layer_report(*shared, NAMES, QUICK).figures["notes"] if note in each]
    assert [each.endswith("those of new subtypes are not") for each in said] == [True]
    without = [replace(split, label=np.full(len(split), "")) for split in shared]
    said = [each for each in layer_report(*without, NAMES, QUICK).figures["notes"] if note in each]
    assert [each.endswith("the rotation was learnt on") for each in said] == [True]


def test_each_dimension_has_the_middle_95_percent_of_the_same_random_pairings_as_its_p():
    train, validation = study()
    table = layer_report(train, validation, NAMES, QUICK).dimensions
    lead = table[table["reduction"] == QUICK.reduction]
    for analysis in ("held_out", "in_sample"):
        for units in ("images", "subtypes"):
            null = f"null_r_{analysis}_{units}"
            assert (lead[f"{null}_low"] < lead[null]).all()
            assert (lead[null] < lead[f"{null}_high"]).all()
            # An r above the band has a p of 1 in 40 at most, give or take the pairings that tie.
            above = lead[f"r_{analysis}"] > lead[f"{null}_high"]
            assert (lead.loc[above, f"p_{analysis}_{units}"] <= 0.025 + 1 / QUICK.permutations).all()
            assert above.any()


def test_every_statistic_of_the_list_is_in_the_json_with_the_interval_and_the_null_it_names(report):
    for statistic in STATISTICS:
        assert isinstance(find(report.figures, statistic.key), float), statistic.key
        low, high = statistic.bounds
        assert low <= find(report.figures, statistic.key) <= high
        for units in UNITS:
            found = {part: find(report.figures, path) for part, path in statistic.paths(units).items()}
            if statistic.interval:
                assert found["low"] <= find(report.figures, statistic.key) + 0.1, statistic.key
                assert found["low"] < found["high"], statistic.key


def test_an_estimate_has_the_interval_and_the_null_of_its_own_statistic():
    train, validation = study(subtypes=8)
    figures = layer_report(train, validation, NAMES, QUICK).figures
    null = figures["permutation"]["subtypes"]["held_out"]
    found = BY_KEY["held_out.mean_r"].estimate(figures)
    assert [found.low, found.high] == figures["held_out"]["mean_r_ci_subtypes"]
    assert (found.null, found.p) == (null["null_mean_r"], null["p_mean_r"])
    assert [found.null_low, found.null_high] == null["null_mean_r_band"]
    assert (found.interval_over, found.null_over) == ("subtypes", "subtypes")


def test_over_too_few_subtypes_the_estimate_is_over_images_and_says_so():
    figures = layer_report(*study(subtypes=2), NAMES, QUICK).figures
    found = BY_KEY["held_out.mean_r"].estimate(figures)
    assert [found.low, found.high] == figures["held_out"]["mean_r_ci"]
    assert found.interval_over == "images"


def test_what_is_computed_on_two_spaces_alone_is_what_the_report_has():
    train, validation = study()
    # Principal components are those of the training images.
    settings = replace(QUICK, reduction="zero_pad")
    figures = layer_report(train, validation, NAMES, settings).figures
    for name, value in statistics_of(validation.features, validation.coordinates, settings).items():
        statistic = next(each for each in STATISTICS if each.name == name)
        assert value == pytest.approx(find(figures, statistic.key), abs=1e-9), name


def write_study(folder, train, validation):
    for split, name in ((train, "train"), (validation, "validation")):
        table = pd.DataFrame(split.coordinates, columns=NAMES, index=pd.Index(split.image_id, name="image_id"))
        table.to_csv(folder / f"{name}.csv")
    both = [train, validation]
    np.savez(
        folder / "layer.npz",
        image_id=np.concatenate([s.image_id for s in both]),
        label=np.concatenate([s.label for s in both]),
        split=np.repeat(["train", "validation"], [len(s) for s in both]),
        embedding=np.concatenate([s.features for s in both]).astype(np.float32),
    )


def test_files_are_read_as_they_were_written_and_rows_matched_by_name(tmp_path):
    train, validation = study()
    write_study(tmp_path, train, validation)
    table = pd.read_csv(tmp_path / "validation.csv")
    table.sample(frac=1, random_state=0).to_csv(tmp_path / "validation.csv", index=False)
    spaces = read_spaces(tmp_path / "layer.npz", tmp_path / "validation.csv", "validation")
    assert spaces.image_id.tolist() == validation.image_id.tolist()
    np.testing.assert_array_equal(spaces.coordinates, validation.coordinates)
    np.testing.assert_allclose(spaces.features, validation.features, rtol=1e-6)
    assert spaces.features.dtype == np.float64
    assert read_dimensions(tmp_path / "train.csv") == NAMES


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda t: t.iloc[1:], "no image 'validation_0'"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "image 'validation_0' occurs twice"),
        (lambda t: t.assign(image_id=["other", *t["image_id"][1:]]), "no image"),
        (lambda t: t.assign(hue=np.inf), "NaN or infinity in row 1, column 3"),
        (lambda t: t.assign(hue="blue"), "not a matrix of numbers"),
    ],
)
def test_coordinates_that_do_not_fit_the_embeddings_are_refused_in_one_line(tmp_path, spoil, words):
    write_study(tmp_path, *study())
    path = tmp_path / "validation.csv"
    spoil(pd.read_csv(path)).to_csv(path, index=False)
    with pytest.raises(UnusableSpaces, match=words) as caught:
        read_spaces(tmp_path / "layer.npz", path, "validation")
    assert "validation.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_embeddings_without_an_array_are_refused(tmp_path):
    np.savez(tmp_path / "layer.npz", image_id=np.array(["a"]))
    with pytest.raises(RockspaceError, match=r"layer\.npz: no array 'embedding'"):
        read_spaces(tmp_path / "layer.npz", tmp_path / "validation.csv", "validation")


def test_individuals_are_brought_to_the_order_of_the_embeddings(tmp_path):
    train, validation = study()
    write_study(tmp_path, train, validation)
    tables = []
    for name, factor in (("b", 2), ("a", 1)):
        table = pd.DataFrame(factor * validation.coordinates, columns=NAMES)
        table.insert(0, "image_id", validation.image_id)
        table.insert(0, "individual", name)
        tables.append(table.sample(frac=1, random_state=factor))
    path = tmp_path / "people.csv"
    pd.concat(tables).to_csv(path, index=False)
    individuals = read_individuals(tmp_path / "layer.npz", {"validation": path})
    assert len(individuals) == 2
    np.testing.assert_allclose(individuals[0][0], validation.coordinates)
    np.testing.assert_allclose(individuals[1][0], 2 * validation.coordinates)
    assert read_individuals(tmp_path / "layer.npz", {}) is None
    # What somebody did not judge is a gap; what nobody can place is an error.
    everything = pd.concat(tables, ignore_index=True)
    everything.iloc[1:].to_csv(path, index=False)
    _, b = read_individuals(tmp_path / "layer.npz", {"validation": path})
    gap = validation.image_id == everything["image_id"].iloc[0]
    np.testing.assert_array_equal(np.isnan(b[0]).all(axis=1), gap)
    everything.assign(image_id=["ghost", *everything["image_id"].iloc[1:]]).to_csv(path, index=False)
    with pytest.raises(RockspaceError, match=r"individual b.*'ghost' has no embedding"):
        read_individuals(tmp_path / "layer.npz", {"validation": path})
