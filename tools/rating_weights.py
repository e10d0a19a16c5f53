"""Weights of the dimensions of a target, such that distances among predicted coordinates are most like people's ratings.

Usage, after a search (`make study` with `config/search-rocks.yaml`) toward a target of several dimensions, with the published files of ratings::

    python -m tools.rating_weights results/rocks-best similarity-360/rocks_mds*.txt --models resnet50-448 lite2-640

Only photographs to train on have a part in it, each as networks predicted it that were trained without it.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from rockspace.alignment.intervals import (
    confidence_interval,
    correlation_moments,
    correlations_from_moments,
    unit_sums,
)
from rockspace.data.catalog import read_catalog
from rockspace.errors import RockspaceError
from rockspace.people.coordinates import read_coordinates_tables
from rockspace.search.search import LeftOut, averaged

RESAMPLES = 2000
LARGEST = 8.0  # of a logarithm of a weight; a dimension that does not count ends there


def read_ratings(files: Sequence[Path], images: Sequence[str]) -> pd.DataFrame:
    """Read ratings of pairs of rocks, one file a person.

    Args:
        files: Rows of numbers: type of both photographs, their tokens (1 to the number of each type), the rating (more is more alike).
        images: All photographs by type and token; as many of each type.

    Returns:
        `person`, `first` and `second` (positions in `images`), and `rating`, standardized within the person.

    Raises:
        RockspaceError: A file has other columns, or a photograph that is not there.
    """
    tables = []
    for person, file in enumerate(files):
        rows = np.loadtxt(file, ndmin=2)
        if rows.shape[1] != 5:
            raise RockspaceError(f"{file}: found {rows.shape[1]} columns; allowed: two types, two tokens, a rating")
        tables.append(pd.DataFrame(rows, columns=["type", "type of other", "token", "token of other", "rating"]))
        tables[-1].insert(0, "person", person)
    table = pd.concat(tables, ignore_index=True)
    per_type = len(images) / table[["type", "type of other"]].max(axis=None)
    first, second = (
        (per_type * (table[f"type{of}"] - 1) + table[f"token{of}"] - 1).astype(int) for of in ("", " of other")
    )
    if not per_type.is_integer() or table[["token", "token of other"]].max(axis=None) > per_type:
        raise RockspaceError(f"{files[0]}: its types and tokens are not those of the {len(images)} photographs")
    ratings = table.groupby("person")["rating"]
    return pd.DataFrame(
        {
            "person": table["person"],
            "first": first,
            "second": second,
            "rating": (table["rating"] - ratings.transform("mean")) / ratings.transform("std", ddof=0),
        }
    )


def fitted_weights(squared: np.ndarray, ratings: np.ndarray) -> np.ndarray:
    """Find the weights with which distances correlate most with how alike pairs were rated.

    Args:
        squared: Squared differences of each pair in each dimension, (pairs, k).
        ratings: (pairs,), more for pairs that are more alike.

    Returns:
        w, (k,), with a geometric mean of 1: the distance is the root of the sum of w times the squared differences, so
        coordinates are to be multiplied by the root of w.
    """
    spread, wanted = squared.mean(axis=0), ratings - ratings.mean()

    def loss(logarithms: np.ndarray) -> tuple[float, np.ndarray]:
        weights = np.exp(logarithms) / spread
        distance = np.sqrt(squared @ weights)
        centred = distance - distance.mean()
        scale = np.sqrt((centred @ centred) * (wanted @ wanted))
        r = centred @ wanted / scale
        slope = wanted / scale - r * centred / (centred @ centred)
        # An image lies at no distance from itself, whatever the weights.
        return r, (slope / (2 * np.maximum(distance, 1e-9))) @ squared * weights

    k = squared.shape[1]
    found = minimize(loss, np.zeros(k), jac=True, method="L-BFGS-B", bounds=[(-LARGEST, LARGEST)] * k)
    weights = np.exp(found.x) / spread
    return weights / np.exp(np.log(weights).mean())


def distances_left_out(places: np.ndarray, fold: np.ndarray, pairs: pd.DataFrame) -> np.ndarray:
    """Weighted distances of pairs, by weights from pairs without a photograph of the fold.

    Args:
        places: Coordinates of each photograph, (n, k), predicted by networks that were trained without its fold.
        fold: Of each photograph, (n,).
        pairs: As from `read_ratings`.

    Returns:
        (pairs,), of a pair with photographs of two folds the mean of both, each fold's of root mean square 1.
    """
    squared = (places[pairs["first"]] - places[pairs["second"]]) ** 2
    of_pair = fold[pairs[["first", "second"]]]
    total, count = np.zeros(len(pairs)), np.zeros(len(pairs))
    for number in np.unique(fold):
        left_out = (of_pair == number).any(axis=1)
        weighted = squared[left_out] @ fitted_weights(squared[~left_out], pairs["rating"].to_numpy()[~left_out])
        total[left_out] += np.sqrt(weighted / weighted.mean())
        count[left_out] += 1
    return total / count


def main() -> None:
    """Print the weights, and how much closer distances come to ratings by them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path, help="a study's folder with a search in it, such as results/rocks-best")
    parser.add_argument("ratings", type=Path, nargs="+", help="files of ratings, one a person")
    parser.add_argument("--models", nargs="+", required=True, help="of the search, averaged")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    catalog = read_catalog(given.study / "catalog.csv")
    images = catalog.loc[catalog["split"] == "train", "image_id"].tolist()
    dimensions = read_coordinates_tables([given.study / "coordinates/train.csv"]).columns
    places, fold = np.full((len(images), len(dimensions)), np.nan), np.zeros(len(images), int)
    for number in range(
        len(list((given.study / "search" / given.models[0] / f"seed-{given.seed}").glob("fold-*.npz")))
    ):
        file = f"seed-{given.seed}/fold-{number}.npz"
        members = averaged([LeftOut.load(given.study / "search" / model / file) for model in given.models])
        places[members.position], fold[members.position] = members.coordinates, number
    order = sorted(range(len(images)), key=lambda i: images[i])
    pairs = read_ratings(given.ratings, images)
    places, fold = places[order], fold[order]
    squared, ratings = (places[pairs["first"]] - places[pairs["second"]]) ** 2, pairs["rating"].to_numpy()
    alike = -np.stack([np.sqrt(squared.sum(axis=1)), distances_left_out(places, fold, pairs)], axis=1)
    of_person = unit_sums(correlation_moments(alike, np.stack([ratings, ratings], axis=1)), pairs["person"].to_numpy())

    def figures(totals: np.ndarray) -> np.ndarray:
        r = correlations_from_moments(totals)
        return np.concatenate([r, r[..., 1:] - r[..., :1]], axis=-1)

    ends = confidence_interval(of_person, figures, resamples=RESAMPLES, seed=0)
    rows = zip(
        ("equal weights", "weighted, pairs left out", "difference"), figures(of_person.sum(axis=0)), *ends, strict=True
    )
    print(f"r of distances and {len(pairs):,} ratings by {len(of_person)} people (95 % over people)")
    for name, value, low, high in rows:
        print(f"{name:25s} {value:.4f} ({low:.4f} to {high:.4f})")
    print("multiply each dimension by")
    for name, weight in zip(dimensions, fitted_weights(squared, ratings), strict=True):
        print(f"{name:25s} {np.sqrt(weight):.2f}")


if __name__ == "__main__":
    main()
