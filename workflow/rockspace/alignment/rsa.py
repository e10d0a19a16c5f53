"""Representational similarity analysis: do the two spaces hold the same images close together?"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats
from scipy.spatial.distance import pdist, squareform
from tqdm import tqdm

from rockspace.alignment.intervals import CONFIDENCE, jackknife_interval
from rockspace.alignment.permutation import PROGRESS, Pairings, p_value, with_repeats
from rockspace.alignment.spaces import checked_pair, checked_space

# Statistics with intervals and tests. Computing Kendall's tau-a for each resample takes minutes for 1,000 images.
RESAMPLED = ("spearman", "cosine")
# Images or subtypes below which their pairs are too few to resample.
MIN_UNITS_OF_PAIRS = 5


def dissimilarities(space: np.ndarray, metric: str = "euclidean") -> np.ndarray:
    """Return the distance of each pair of images, shape (n (n - 1) / 2,).

    Args:
        space: Shape (n, d).
        metric: Any metric of `scipy.spatial.distance.pdist`. Under `cosine` and `correlation`, an image without a
            direction (all features 0, or all the same) is at distance 1 of all others, as if at right angles, and at
            distance 0 of others without one; see `without_direction`.
    """
    space = checked_space(space, "space")
    distances = pdist(space, metric)
    undefined = without_direction(space, metric)
    if undefined.any():
        first, second = np.triu_indices(len(space), k=1)
        distances[undefined[first] | undefined[second]] = 1.0
        distances[undefined[first] & undefined[second]] = 0.0
    return distances


def without_direction(space: np.ndarray, metric: str) -> np.ndarray:
    """Return which images have no direction for a metric of angles to compare, shape (n,), bool.

    Args:
        space: Shape (n, d).
        metric: As for `dissimilarities`.
    """
    if metric == "cosine":
        return np.asarray(~space.any(axis=1))
    return np.ptp(space, axis=1) == 0 if metric == "correlation" else np.zeros(len(space), bool)


def rsa(features: np.ndarray, coordinates: np.ndarray, metric: str = "euclidean") -> dict[str, float]:
    """Compare the pairwise distances in two spaces.

    Args:
        features: The model's space, shape (n, d).
        coordinates: The human space, shape (n, k); its distances are Euclidean, as its scaling meant them.
        metric: Distance between features.

    Returns:
        `spearman`: rank correlation; `kendall_tau_a`: the same in concordant pairs, which does not reward a
        model for tied predictions; `cosine`: of the distances as they are. Each 0 where all distances
        of a side are equal.

    References:
        Nili, H. et al. (2014). A toolbox for representational similarity analysis. PLoS Computational Biology
        10, e1003553.
    """
    features, coordinates = checked_pair(features, coordinates)
    return compare(dissimilarities(features, metric), dissimilarities(coordinates))


def compare(ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    """Compare two vectors of dissimilarities of the same pairs; see `rsa`."""
    return {
        "spearman": _cosine(_centred_ranks(ours), _centred_ranks(theirs)),
        "kendall_tau_a": kendall_tau_a(ours, theirs),
        "cosine": _cosine(ours, theirs),
    }


def kendall_tau_a(x: np.ndarray, y: np.ndarray) -> float:
    """Return concordant less discordant pairs, as a share of all pairs, tied ones included."""
    pairs = len(x) * (len(x) - 1) / 2
    repeats = (np.unique(side, return_counts=True)[1] for side in (x, y))
    untied = float(np.sqrt(np.prod([pairs - np.sum(counts * (counts - 1) / 2) for counts in repeats])))
    # SciPy's tau-b is a share of the untied pairs: of the geometric mean of those in x and in y.
    return float(stats.kendalltau(x, y, method="asymptotic").statistic) * (untied / pairs) if untied else 0.0


def rsa_null(
    features: np.ndarray,
    coordinates: np.ndarray,
    pairings: Pairings,
    metric: str = "euclidean",
    labels: np.ndarray | None = None,
) -> dict[str, dict[str, Any]]:
    """Test RSA against random pairings of the images (Mantel's test, one-sided).

    Args:
        features: Shape (n, d).
        coordinates: Shape (n, k).
        pairings: Orders of the images; the last array of each batch is taken.
        metric: Distance between features.
        labels: Subtype of each image, shape (n,), for pairings of subtypes.

    Returns:
        For each of `RESAMPLED` its `p_value`, the observed pairing counted among the random ones, its mean over the
        random pairings, `null`, and their middle 95 %, `null_band`: distances are never negative, so the cosine of
        unrelated ones is far from 0.

    References:
        Mantel, N. (1967). The detection of disease clustering and a generalized regression approach. Cancer
        Research 27, 209-220.
    """
    ours, theirs = dissimilarities(features, metric), squareform(dissimilarities(coordinates))
    our_ranks = _centred_ranks(ours)
    their_ranks, upper = squareform(_centred_ranks(squareform(theirs))), np.triu_indices(len(theirs), k=1)
    observed = {"spearman": _cosine(our_ranks, their_ranks[upper]), "cosine": _cosine(ours, theirs[upper])}
    theirs, their_ranks = (with_repeats(matrix, labels) for matrix in (theirs, their_ranks))
    null: dict[str, list[float]] = {name: [] for name in RESAMPLED}
    for *_, orders in tqdm(pairings, desc="RSA, pairing at random", **PROGRESS):
        for order in orders:
            moved = order[upper[0]], order[upper[1]]
            ranks = their_ranks[moved]
            # Ranks keep their mean unless images of an order come twice.
            null["spearman"].append(_cosine(our_ranks, ranks - ranks.mean()))
            null["cosine"].append(_cosine(ours, theirs[moved]))
    return {name: null_summary(observed[name], np.array(null[name])) for name in RESAMPLED}


def rsa_intervals(
    features: np.ndarray,
    coordinates: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    resamples: int,
    seed: int,
    metric: str = "euclidean",
) -> dict[str, list[float]] | None:
    """Return intervals of RSA: percentiles of a bootstrap over images, or a jackknife over subtypes.

    Args:
        features: Shape (n, d).
        coordinates: Shape (n, k).
        groups: Subtype of each image, shape (n,), for intervals over subtypes; None takes them over images.
        resamples: Bootstrap resamples of the images.
        seed: Decides every resample.
        metric: Distance between features.

    Returns:
        Lower and upper end of each of `RESAMPLED`; None for fewer than five images or subtypes, which make too few
        pairs. An image's distance of 0 to a copy of its own in a resample is no agreement and left out.
    """
    units = np.arange(len(features)) if groups is None else np.unique(groups, return_inverse=True)[1]
    count = units.max() + 1
    if count < MIN_UNITS_OF_PAIRS:
        return None
    pairs = _WeightedPairs(dissimilarities(features, metric), dissimilarities(coordinates), len(features))
    if groups is None:
        times = np.random.default_rng(seed).integers(count, size=(resamples, count))
        drawn = (np.bincount(row, minlength=count) for row in times if np.ptp(row))
        draws = [pairs.compare(row) for row in tqdm(drawn, total=resamples, desc="RSA, resampling", **PROGRESS)]
        tail = 50 * (1 - CONFIDENCE)
        ends = np.percentile(draws, [tail, 100 - tail], axis=0)
    else:
        without = np.array([pairs.compare(units != unit) for unit in range(count)])
        ends = jackknife_interval(np.array(pairs.compare(np.ones(len(units)))), without)
    return {name: ends[:, i].tolist() for i, name in enumerate(RESAMPLED)}


class _WeightedPairs:
    """Compares distances of pairs of images that count several times, or not at all; they are sorted only once."""

    def __init__(self, ours: np.ndarray, theirs: np.ndarray, n: int) -> None:
        self._rows, self._columns = np.triu_indices(n, k=1)
        self._distances = ours, theirs
        self._positions = [np.unique(distances, return_inverse=True)[1] for distances in (ours, theirs)]

    def compare(self, times: np.ndarray) -> tuple[float, float]:
        """Return the statistics of `RESAMPLED` where image i comes `times[i]` times, shape (n,)."""
        times = np.asarray(times, np.float64)
        weights = times[self._rows] * times[self._columns]
        ranks = []
        for positions in self._positions:
            counts = np.bincount(positions, weights)
            ranks.append((np.cumsum(counts) - counts / 2)[positions])
        # The mean of ranks of distances that are counted w times in all.
        x, y = (each - weights.sum() / 2 for each in ranks)
        return _weighted_cosine(x, y, weights), _weighted_cosine(*self._distances, weights)


def null_summary(observed: float, null: np.ndarray) -> dict[str, Any]:
    """Return the one-sided `p_value` of a statistic, and mean and middle 95 % of its null."""
    return {
        "p_value": float(p_value(observed, null)),
        "null": float(null.mean()),
        "null_band": np.percentile(null, [2.5, 97.5]).tolist(),
    }


def _centred_ranks(values: np.ndarray) -> np.ndarray:
    return stats.rankdata(values) - (len(values) + 1) / 2


def _cosine(x: np.ndarray, y: np.ndarray) -> float:
    norms = np.linalg.norm(x) * np.linalg.norm(y)
    return float(np.clip(x @ y / norms, -1, 1)) if norms > 0 else 0.0


def _weighted_cosine(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
    weighted = weights * x
    norms = np.sqrt((weighted @ x) * (weights * y @ y))
    return float(np.clip(weighted @ y / norms, -1, 1)) if norms > 0 else 0.0
