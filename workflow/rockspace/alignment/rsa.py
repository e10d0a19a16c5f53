"""Representational similarity analysis: do the two spaces hold the same images close together?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import stats
from scipy.spatial.distance import pdist, squareform
from tqdm import tqdm

from rockspace.alignment.permutation import PROGRESS, TIE, Pairings
from rockspace.alignment.spaces import checked_pair, checked_space

STATISTICS = ("spearman", "kendall_tau_a", "cosine")


def dissimilarities(space: np.ndarray, metric: str = "euclidean") -> np.ndarray:
    """Return the distance of each pair of images, shape (n (n - 1) / 2,).

    Args:
        space: Shape (n, d).
        metric: Any metric of `scipy.spatial.distance.pdist`.
    """
    return pdist(checked_space(space, "space"), metric)


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
        "spearman": _pearson(stats.rankdata(ours), stats.rankdata(theirs)),
        "kendall_tau_a": kendall_tau_a(ours, theirs),
        "cosine": _cosine(ours, theirs),
    }


def kendall_tau_a(x: np.ndarray, y: np.ndarray) -> float:
    """Return concordant less discordant pairs, as a share of all pairs, tied ones included."""
    untied = _untied_share(x, y)
    return _tau_b(x, y) * untied if untied else 0.0


def rsa_null(
    features: np.ndarray, coordinates: np.ndarray, pairings: Pairings, metric: str = "euclidean"
) -> dict[str, dict[str, float]]:
    """Test each statistic of `rsa` against random pairings of the images (Mantel's test, one-sided).

    Args:
        features: Shape (n, d).
        coordinates: Shape (n, k).
        pairings: Orders of the images; the last array of each batch is taken.
        metric: Distance between features.

    Returns:
        For each statistic its `p_value`, the observed pairing counted among the random ones, and its mean
        over the random pairings, `null`: distances are never negative, so the cosine of unrelated ones is far
        from 0.

    References:
        Mantel, N. (1967). The detection of disease clustering and a generalized regression approach. Cancer
        Research 27, 209-220.
    """
    ours, theirs = dissimilarities(features, metric), squareform(dissimilarities(coordinates))
    observed = compare(ours, squareform(theirs))
    shuffled = _ShuffledPairs(ours, theirs)
    orders = (order for *_, batch in tqdm(pairings, desc="RSA, pairing at random", **PROGRESS) for order in batch)
    null = dict(zip(STATISTICS, np.array([shuffled.compare(order) for order in orders]).T, strict=True))
    return {
        name: {
            "p_value": float((np.sum(null[name] >= observed[name] - TIE) + 1) / (len(null[name]) + 1)),
            "null": float(null[name].mean()),
        }
        for name in STATISTICS
    }


class _ShuffledPairs:
    """Compares distances under orders of the images; ranks and ties move along and are found once."""

    def __init__(self, ours: np.ndarray, theirs: np.ndarray) -> None:
        self._ours, self._theirs = ours, theirs
        self._our_ranks = stats.rankdata(ours) - (len(ours) + 1) / 2
        self._their_ranks = squareform(stats.rankdata(squareform(theirs)))
        self._upper = np.triu_indices(len(theirs), k=1)
        self._untied = _untied_share(ours, squareform(theirs))

    def compare(self, order: np.ndarray) -> tuple[float, float, float]:
        """Return the statistics in the order of `STATISTICS`."""
        rows, columns = order[self._upper[0]], order[self._upper[1]]
        ranks, distances = self._their_ranks[rows, columns], self._theirs[rows, columns]
        tau_a = _tau_b(self._our_ranks, ranks) * self._untied if self._untied else 0.0
        return _pearson(self._our_ranks, ranks), tau_a, _cosine(self._ours, distances)


def rsa_intervals(
    features: np.ndarray,
    coordinates: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    resamples: int,
    seed: int,
    metric: str = "euclidean",
    confidence: float = 0.95,
) -> dict[str, list[float]] | None:
    """Return percentile intervals of each statistic of `rsa`.

    Args:
        features: Shape (n, d).
        coordinates: Shape (n, k).
        groups: Subtypes to resample as wholes, shape (n,); None resamples images.
        resamples: Number of bootstrap resamples.
        seed: Decides every resample.
        metric: Distance between features.
        confidence: Coverage aimed at, in (0, 1).

    Returns:
        Lower and upper end of each statistic; None for fewer than five units, whose resamples hold too few
        pairs. Pairs of images from two copies of one unit are left out: an image's distance of 0 to its own
        copy is no agreement, and pairs within a subtype would count twice as much as they should.
    """
    ours, theirs = (squareform(dissimilarities(s, m)) for s, m in ((features, metric), (coordinates, "euclidean")))
    draws = []
    for index, draw, unit in tqdm(
        _resampled_images(len(ours), groups, resamples, seed),
        total=resamples,
        desc="RSA, resampling",
        **PROGRESS,
    ):
        rows, columns = np.triu_indices(len(index), k=1)
        apart = (unit[rows] != unit[columns]) | (draw[rows] == draw[columns])
        pairs = index[rows[apart]], index[columns[apart]]
        draws.append(list(compare(ours[pairs], theirs[pairs]).values()))
    if not draws:
        return None
    tail = 50 * (1 - confidence)
    ends = np.percentile(draws, [tail, 100 - tail], axis=0)
    return {name: ends[:, i].tolist() for i, name in enumerate(STATISTICS)}


def _resampled_images(
    n: int, groups: np.ndarray | None, resamples: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield the images of each resample, in which draw each came, and of which unit it is."""
    units = [np.array([i]) for i in range(n)]
    if groups is not None:
        units = [np.flatnonzero(groups == name) for name in np.unique(groups)]
    if len(units) < 5:
        return
    rng = np.random.default_rng(seed)
    for _ in range(resamples):
        drawn = rng.integers(len(units), size=len(units))
        # One unit drawn every time would leave no pair of different images.
        if len(np.unique(drawn)) > 1:
            draw = np.repeat(np.arange(len(drawn)), [len(units[i]) for i in drawn])
            yield np.concatenate([units[i] for i in drawn]), draw, drawn[draw]


def _untied_share(x: np.ndarray, y: np.ndarray) -> float:
    """Return the share of pairs untied in x and in y, as their geometric mean; what tau-b divides by."""
    pairs = len(x) * (len(x) - 1) / 2
    untied = [pairs - np.sum(counts * (counts - 1) / 2) for counts in map(_repeats, (x, y))]
    return float(np.sqrt(untied[0] * untied[1]) / pairs) if pairs else 0.0


def _repeats(values: np.ndarray) -> np.ndarray:
    return np.unique(values, return_counts=True)[1]


def _tau_b(x: np.ndarray, y: np.ndarray) -> float:
    return float(stats.kendalltau(x, y, method="asymptotic").statistic)


def _pearson(x: np.ndarray, y: np.ndarray) -> float:
    return _cosine(x - x.mean(), y - y.mean())


def _cosine(x: np.ndarray, y: np.ndarray) -> float:
    norms = np.linalg.norm(x) * np.linalg.norm(y)
    return float(np.clip(x @ y / norms, -1, 1)) if norms > 0 else 0.0
