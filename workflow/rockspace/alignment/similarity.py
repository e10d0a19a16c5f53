"""Similarity of two spaces without a map between them: centred kernel alignment and shape distance."""

from __future__ import annotations

from typing import Any

import numpy as np

from rockspace.alignment.intervals import CONFIDENCE, jackknife_interval
from rockspace.alignment.permutation import Pairings, with_repeats
from rockspace.alignment.procrustes import optimal_rotation
from rockspace.alignment.rsa import MIN_UNITS_OF_PAIRS, null_summary
from rockspace.alignment.spaces import UnusableSpaces, centred, checked_pair


def linear_cka(features: np.ndarray, coordinates: np.ndarray) -> float:
    """Return linear centred kernel alignment, in [0, 1].

    It grows with the number of features even where nothing is shared; see `debiased_cka`.

    Args:
        features: Shape (n, d).
        coordinates: Shape (n, k).

    References:
        Kornblith, S. et al. (2019). Similarity of neural network representations revisited. ICML.
    """
    x, y = (centred(space) for space in checked_pair(features, coordinates))
    return float(np.sum((x.T @ y) ** 2) / (np.linalg.norm(x @ x.T) * np.linalg.norm(y @ y.T)))


def debiased_cka(features: np.ndarray, coordinates: np.ndarray) -> float:
    """Return linear CKA made of unbiased estimates, in [-1, 1] and around 0 where nothing is shared.

    Args:
        features: Shape (n, d), at least four images.
        coordinates: Shape (n, k).

    References:
        Song, L. et al. (2012). Feature selection via dependence maximization. Journal of Machine Learning
        Research 13, 1393-1434 (the estimator, equation 5).
        Nguyen, T., Raghu, M. & Kornblith, S. (2021). Do wide and deep networks learn the same things? ICLR.
    """
    ours, theirs = (unbiased_kernel(space) for space in checked_pair(features, coordinates, minimum=4))
    return _alignment(ours, theirs)


def cka_null(
    features: np.ndarray, coordinates: np.ndarray, pairings: Pairings, labels: np.ndarray | None = None
) -> dict[str, Any]:
    """Test debiased CKA against random pairings of the images, one-sided.

    Args:
        features: Shape (n, d), at least four images.
        coordinates: Shape (n, k).
        pairings: Orders of the images; the last array of each batch is taken.
        labels: Subtype of each image, shape (n,), for pairings of subtypes.

    Returns:
        `p_value`, the observed pairing counted among the random ones, and of the random pairings the mean, `null`, and
        the middle 95 %, `null_band`.
    """
    ours, theirs = (unbiased_kernel(space) for space in checked_pair(features, coordinates, minimum=4))
    return matrix_test(ours, theirs, pairings, labels)


def cka_interval(
    features: np.ndarray,
    coordinates: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    resamples: int,
    seed: int,
) -> list[float] | None:
    """Return the interval of debiased CKA: percentiles of a bootstrap over images, or a jackknife over subtypes.

    Args:
        features: Shape (n, d), at least four images.
        coordinates: Shape (n, k).
        groups: Subtype of each image, shape (n,), for an interval over subtypes; None takes one over images.
        resamples: Bootstrap resamples of the images.
        seed: Decides every resample.

    Returns:
        Lower and upper end; None for fewer than five images or subtypes, which make too few pairs. The kernels stay
        centred as they are, and an image's pair with a copy of its own in a resample is left out.
    """
    ours, theirs = (unbiased_kernel(space) for space in checked_pair(features, coordinates, minimum=4))
    units = np.arange(len(ours)) if groups is None else np.unique(groups, return_inverse=True)[1]
    count = units.max() + 1
    if count < MIN_UNITS_OF_PAIRS:
        return None
    members = (units[:, None] == np.arange(count)).astype(np.float64)
    sums = [members.T @ products @ members for products in (ours * theirs, ours**2, theirs**2)]
    if groups is not None:
        without = _ratio(*(total.sum() - 2 * total.sum(axis=1) + np.diag(total) for total in sums))
        ends = jackknife_interval(np.array([_alignment(ours, theirs)]), without[:, None])
        return ends[:, 0].tolist()
    times = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)
    # A pair is drawn as often as its two images together.
    draws = _ratio(*(np.einsum("ru,ru->r", times @ total, times) for total in sums))
    tail = 50 * (1 - CONFIDENCE)
    return np.percentile(draws, [tail, 100 - tail]).tolist()


def _ratio(both: np.ndarray, own: np.ndarray, other: np.ndarray) -> np.ndarray:
    norms = np.sqrt(own * other)
    return np.divide(both, norms, out=np.zeros_like(both), where=norms > 0)


def matrix_test(
    ours: np.ndarray, theirs: np.ndarray, pairings: Pairings, labels: np.ndarray | None = None
) -> dict[str, Any]:
    """Test the cosine of two matrices over images against random orders of the second's rows and columns.

    Args:
        ours: Shape (n, n), symmetric with zeros on the diagonal.
        theirs: The same.
        pairings: Orders of the images; the last array of each batch is taken.
        labels: Subtype of each image, shape (n,), for pairings of subtypes.

    Returns:
        `p_value`, one-sided, and of the random orders the mean, `null`, and the middle 95 %, `null_band`.
    """
    observed = _alignment(ours, theirs)
    norms = np.linalg.norm(ours) * np.linalg.norm(theirs)
    rows, columns = np.triu_indices(len(ours), k=1)
    pairs, flat = 2 * ours[rows, columns], with_repeats(theirs, labels).ravel()
    products = [pairs @ flat.take(o[rows] * len(ours) + o[columns]) for *_, orders in pairings for o in orders]
    null = np.array(products) / norms if norms > 0 else np.zeros(len(products))
    return null_summary(observed, null)


def shape_distance(features: np.ndarray, coordinates: np.ndarray, metric: str = "angular") -> float:
    """Return the Procrustes distance between two shapes.

    It is 0 for shapes that are the same up to translation, scale and rotation. A metric in the strict sense, unlike disparity; the smaller space is padded with zeros.

    Args:
        features: Shape (n, d).
        coordinates: Shape (n, k).
        metric: `angular`, in radians from 0 to pi / 2, or `euclidean`, from 0 to the square root of 2.

    References:
        Williams, A. H. et al. (2021). Generalized shape metrics on neural representations. NeurIPS 34
        (equations 3 to 5; the package netrep calls it `LinearMetric(alpha=1)`).
    """
    x, y = (centred(space) for space in checked_pair(features, coordinates))
    _, trace = optimal_rotation(x.T @ y)
    cosine = np.clip(trace / (np.linalg.norm(x) * np.linalg.norm(y)), 0.0, 1.0)
    match metric:
        case "angular":
            return float(np.arccos(cosine))
        case "euclidean":
            return float(np.sqrt(2 - 2 * cosine))
    raise UnusableSpaces(f"shape distance: found metric {metric!r}; allowed: angular, euclidean")


def unbiased_kernel(space: np.ndarray) -> np.ndarray:
    """Return the linear kernel of a space (n, d), centred for unbiased products.

    The products of two such kernels sum to Song's unbiased estimate.

    References:
        Székely, G. J. & Rizzo, M. L. (2014). Partial distance correlation with methods for dissimilarities.
        Annals of Statistics 42, 2382-2412 (U-centring).
    """
    x = centred(space)
    kernel = x @ x.T
    np.fill_diagonal(kernel, 0)
    n = len(kernel)
    sums = kernel.sum(axis=0) / (n - 2)
    kernel = kernel - sums[:, None] - sums[None, :] + sums.sum() / (n - 1)
    np.fill_diagonal(kernel, 0)
    return kernel


def _alignment(ours: np.ndarray, theirs: np.ndarray) -> float:
    norms = np.linalg.norm(ours) * np.linalg.norm(theirs)
    return float(np.sum(ours * theirs) / norms) if norms > 0 else 0.0
