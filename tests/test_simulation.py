import numpy as np
import pandas as pd
import pytest

from rockspace.alignment.rsa import rsa
from rockspace.alignment.similarity import debiased_cka
from tools.simulation import (
    FACE_VALUE,
    IMAGES,
    SUBTYPES,
    Cell,
    Design,
    claims,
    draw_spaces,
    simulate,
)

SMALL = Design(images=(60,), features=(16, 256), overlaps=(0.0, 0.3), repeats=40, permutations=39)


@pytest.fixture(scope="module")
def rates():
    return simulate(SMALL)


def rate(rates, statistic, test, *, d=256, overlap=0.0, subtypes=False, column="rate"):
    chosen = rates[(rates["d"] == d) & (rates["overlap"] == overlap) & (rates["subtypes"] == subtypes)]
    return chosen[(chosen["statistic"] == statistic) & (chosen["test"] == test)][column].item()


def test_drawn_spaces_share_as_much_variance_as_they_should():
    cell = Cell(n=480, d=64, overlap=0.25, subtypes=False)
    features, coordinates, labels = draw_spaces(cell, 8, np.random.default_rng(0))
    design = np.column_stack([np.ones(480), coordinates])
    fitted = design @ np.linalg.lstsq(design, features, rcond=None)[0]
    shared = fitted.var(axis=0).sum() / features.var(axis=0).sum()
    # Eight regressors pick up about 8 / 480 of the rest by chance.
    assert shared == pytest.approx(0.25 + 0.75 * 8 / 480, abs=0.04)
    assert len(np.unique(labels)) == 480


def test_subtypes_hold_together_in_both_drawn_spaces_and_share_nothing_else():
    cell = Cell(n=240, d=32, overlap=0.0, subtypes=True)
    features, coordinates, labels = draw_spaces(cell, 8, np.random.default_rng(0))
    assert np.unique(labels, return_counts=True)[1].tolist() == [6] * 40
    for space in (features, coordinates):
        centres = np.stack([space[labels == label].mean(axis=0) for label in range(40)])
        between = centres.var(axis=0).sum() / space.var(axis=0).sum()
        assert between == pytest.approx(0.7 + 0.3 / 6, abs=0.1)


def test_the_simulated_statistics_are_those_of_the_library():
    features, coordinates, labels = draw_spaces(Cell(60, 100, 0.3, False), 8, np.random.default_rng(0))
    found = claims(features, coordinates, labels, 19, 0)
    assert found["RSA (Spearman)", IMAGES][0] == pytest.approx(rsa(features, coordinates)["spearman"])
    assert found["CKA (debiased)", IMAGES][0] == pytest.approx(debiased_cka(features, coordinates))


def test_taking_an_in_sample_rotation_at_face_value_always_finds_alignment(rates):
    assert rate(rates, "in-sample, zero-padding", FACE_VALUE) == 1
    assert rate(rates, "in-sample, zero-padding", FACE_VALUE, column="mean_value") > 0.6


@pytest.mark.parametrize(
    "statistic",
    [
        "in-sample, zero-padding",
        "in-sample, PCA",
        "held-out, zero-padding",
        "RSA (Spearman)",
        "CKA (debiased)",
    ],
)
def test_permutation_tests_claim_nothing_beyond_their_level(rates, statistic):
    for d in SMALL.features:
        assert rate(rates, statistic, IMAGES, d=d) <= 0.2
        assert rate(rates, statistic, SUBTYPES, d=d, subtypes=True) <= 0.2


def test_permuting_images_is_fooled_by_subtypes(rates):
    assert rate(rates, "held-out, zero-padding", IMAGES, subtypes=True) > 0.8
    assert rate(rates, "CKA (debiased)", IMAGES, subtypes=True) > 0.8


def test_what_is_shared_is_found(rates):
    for statistic in ("held-out, zero-padding", "CKA (debiased)", "in-sample, zero-padding"):
        assert rate(rates, statistic, IMAGES, overlap=0.3) > 0.9


def test_held_out_rotations_give_about_zero_where_nothing_is_shared(rates):
    assert abs(rate(rates, "held-out, zero-padding", IMAGES, column="mean_value")) < 0.1


def test_rates_have_intervals_and_counts(rates):
    assert (rates["repeats"] == 40).all()
    assert (rates["rate_low"] <= rates["rate"]).all()
    assert (rates["rate"] <= rates["rate_high"]).all()


def test_the_result_depends_on_the_seed_and_not_on_the_number_of_processes():
    tiny = Design(images=(30,), features=(8,), overlaps=(0.0,), repeats=6, permutations=19)
    alone = simulate(tiny)
    pd.testing.assert_frame_equal(alone, simulate(tiny, processes=2))
    other = simulate(Design(images=(30,), features=(8,), overlaps=(0.0,), repeats=6, permutations=19, seed=1))
    assert (alone["mean_value"] != other["mean_value"]).any()
