"""Weights of dimensions by ratings of pairs: found where they are known, and by no photograph that they are tried on."""

import sys

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from rockspace.errors import RockspaceError
from rockspace.search.search import LeftOut
from tools import rating_weights
from tools.rating_weights import distances_left_out, fitted_weights, read_ratings

TRUE = np.array([4.0, 1.0, 0.25])
TYPES, TOKENS, FOLDS = 6, 10, 5


@pytest.fixture(scope="module")
def places() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(TYPES * TOKENS, 3))


@pytest.fixture(scope="module")
def pairs(places) -> pd.DataFrame:
    """4,000 noisy ratings of pairs by how far they are apart, by true weights."""
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, len(places), (2, 4000))
    distance = np.sqrt((places[first] - places[second]) ** 2 @ TRUE)
    rating = rng.normal(size=4000) * 0.5 - distance
    return pd.DataFrame({"person": np.arange(4000) % 20, "first": first, "second": second, "rating": rating})


def squared(places, pairs):
    return (places[pairs["first"]] - places[pairs["second"]]) ** 2


def test_the_weights_that_ratings_were_made_with_are_found(places, pairs):
    weights = fitted_weights(squared(places, pairs), pairs["rating"].to_numpy())
    assert np.prod(weights) == pytest.approx(1)
    assert weights == pytest.approx(TRUE, rel=0.1)


def test_an_independent_search_finds_the_same_weights(places, pairs):
    def r(logarithms):
        distance = np.sqrt(squared(places, pairs) @ np.exp([*logarithms, 0]))
        return np.corrcoef(distance, pairs["rating"])[0, 1]

    found = np.exp([*minimize(r, [0, 0], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-12}).x, 0])
    weights = fitted_weights(squared(places, pairs), pairs["rating"].to_numpy())
    assert weights == pytest.approx(found / np.prod(found) ** (1 / 3), rel=1e-3)


def test_no_rating_of_a_photograph_has_a_part_in_the_weights_of_its_fold(places, pairs):
    fold = np.arange(len(places)) % FOLDS
    before = distances_left_out(places, fold, pairs)
    of_fold = fold[pairs[["first", "second"]].to_numpy()]
    # Ratings of pairs with a photograph of the first fold decide the weights of the others alone.
    changed = pairs.assign(rating=np.where((of_fold == 0).any(axis=1), 0, pairs["rating"]))
    after = distances_left_out(places, fold, changed)
    within = (of_fold == 0).all(axis=1)
    assert within.sum() > 50
    assert np.array_equal(before[within], after[within])
    assert not np.allclose(before[~within], after[~within])


def ratings_file(path, rows):
    np.savetxt(path, rows, fmt="%d")
    return path


def test_ratings_are_of_types_and_tokens_and_standardized_within_a_person(tmp_path):
    files = [
        ratings_file(tmp_path / "a.txt", [[1, 6, 1, 10, 9], [2, 2, 3, 4, 1]]),
        ratings_file(tmp_path / "b.txt", [[1, 1, 1, 2, 5], [6, 1, 1, 1, 4]]),
    ]
    table = read_ratings(files, ["name"] * TYPES * TOKENS)
    assert table["first"].tolist() == [0, 12, 0, 50]
    assert table["second"].tolist() == [59, 13, 1, 0]
    assert table["rating"].tolist() == [1, -1, 1, -1]
    with pytest.raises(RockspaceError, match="are not those of the 59 photographs"):
        read_ratings(files, ["name"] * 59)
    with pytest.raises(RockspaceError, match=r"c\.txt: found 2 columns"):
        read_ratings([ratings_file(tmp_path / "c.txt", [[1, 2]])], ["name"] * 60)


def test_the_tool_prints_the_weights_of_a_search(places, pairs, tmp_path, monkeypatch, capsys):
    names = [f"{kind}_{token:02d}" for kind in "abcdef" for token in range(TOKENS)]
    study, shuffled = tmp_path / "study", np.random.default_rng(2).permutation(len(names))
    (study / "coordinates").mkdir(parents=True)
    ordered = [names[i] for i in shuffled]
    catalog = pd.DataFrame(
        {"image_id": ordered, "split": "train", "label": [name[0] for name in ordered], "path": ordered}
    )
    catalog.to_csv(study / "catalog.csv", index=False)
    columns = {"image_id": ordered, "size": places[shuffled, 0], "hue": places[shuffled, 1], "age": places[shuffled, 2]}
    pd.DataFrame(columns).to_csv(study / "coordinates/train.csv", index=False)
    moments = np.stack([places.mean(axis=0), places.std(axis=0)])
    for model in ("one", "two"):
        (study / f"search/{model}/seed-0").mkdir(parents=True)
        for number in range(FOLDS):
            position = np.flatnonzero(np.arange(len(names)) % FOLDS == number)
            own = places[shuffled][position]
            parts = {"coordinates": own, "observed": own, "predicted_moments": moments, "observed_moments": moments}
            fold = LeftOut(position, np.zeros(len(position), int), n_features=1, seconds=0.0, **parts)
            fold.save(study / f"search/{model}/seed-0/fold-{number}.npz")
    files = []
    for person, own in pairs.groupby("person"):
        (kind, token), (other, of_other) = (np.divmod(own[name], TOKENS) for name in ("first", "second"))
        rows = np.stack([kind + 1, other + 1, token + 1, of_other + 1, own["rating"] * 100], axis=1)
        files.append(str(ratings_file(tmp_path / f"{person}.txt", rows.round())))
    monkeypatch.setattr(sys, "argv", ["rating_weights", str(study), *files, "--models", "one", "two"])
    rating_weights.main()
    said = capsys.readouterr().out
    assert "4,000 ratings by 20 people" in said
    found = {line[:25].strip(): line[25:].split() for line in said.splitlines()[1:]}
    assert [float(found[name][0]) for name in ("size", "hue", "age")] == pytest.approx(np.sqrt(TRUE), abs=0.06)
    assert float(found["weighted, pairs left out"][0]) > float(found["equal weights"][0]) + 0.05
    assert float(found["difference"][1].strip("(")) > 0
