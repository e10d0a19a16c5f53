"""Any comparison of distances gets an interval and a null: the same that its own code would give it."""

import numpy as np
import pytest
from scipy.spatial.distance import squareform

from rockspace.alignment.permutation import image_pairings, subtype_pairings
from rockspace.alignment.repetition import repeated_interval, repeated_null
from rockspace.alignment.rsa import compare, dissimilarities, rsa_intervals, rsa_null

LABELS = np.repeat([f"subtype {i}" for i in range(6)], 4)


@pytest.fixture(scope="module")
def spaces():
    rng = np.random.default_rng(0)
    coordinates = rng.normal(size=(len(LABELS), 3))
    return coordinates @ rng.normal(size=(3, 9)) + rng.normal(size=(len(LABELS), 9)), coordinates


def spearman(ours, theirs):
    return compare(squareform(ours), squareform(theirs))["spearman"]


def distances(spaces):
    return [squareform(dissimilarities(space)) for space in spaces]


@pytest.mark.parametrize("units", ["images", "subtypes"])
def test_the_null_of_a_rank_correlation_is_that_of_rsa(spaces, units):
    def pairings():
        return image_pairings([len(LABELS)], 99, 3) if units == "images" else subtype_pairings([LABELS], 99, 3)

    ours = repeated_null(spearman, *distances(spaces), pairings())
    theirs = rsa_null(*spaces, pairings())["spearman"]
    assert ours["p_value"] == theirs["p_value"]
    assert [ours["null"], *ours["null_band"]] == pytest.approx([theirs["null"], *theirs["null_band"]], abs=1e-12)


def test_the_interval_of_a_cosine_over_subtypes_is_that_of_rsa(spaces):
    def cosine(ours, theirs):
        return compare(squareform(ours), squareform(theirs))["cosine"]

    expected = rsa_intervals(*spaces, LABELS, resamples=9, seed=0)["cosine"]
    found = repeated_interval(cosine, *distances(spaces), LABELS, (-1.0, 1.0))
    assert found == pytest.approx(expected, abs=1e-9)
    assert repeated_interval(cosine, *distances(spaces), LABELS == "subtype 0", (-1.0, 1.0)) is None


def test_a_distance_is_tested_for_being_low(spaces):
    def far(ours, theirs):
        return -spearman(ours, theirs)

    low = repeated_null(far, *distances(spaces), image_pairings([len(LABELS)], 99, 3), higher_is_closer=False)
    high = repeated_null(spearman, *distances(spaces), image_pairings([len(LABELS)], 99, 3))
    assert low["p_value"] == high["p_value"]
    assert low["null"] == -high["null"]
    assert low["null_band"] == [-high["null_band"][1], -high["null_band"][0]]
