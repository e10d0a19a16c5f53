"""Intervals by resampling what was scored: single images, or whole subtypes."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from scipy import stats

from rockspace.alignment.spaces import centred

# Resamples handled at once; bounds the memory whatever their number.
BATCH = 100


def unit_sums(values: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray:
    """Add up the values of the images that are resampled together.

    Args:
        values: One entry for each image, shape (n, ...).
        groups: Subtype of each image, shape (n,); None resamples single images.

    Returns:
        Shape (units, ...): `values` itself, or its sum over each subtype.
    """
    if groups is None:
        return values
    names, index = np.unique(groups, return_inverse=True)
    sums = np.zeros((len(names), *values.shape[1:]))
    np.add.at(sums, index, values)
    return sums


def bootstrap_interval(
    sums: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    *,
    resamples: int,
    seed: int,
    confidence: float = 0.95,
) -> np.ndarray | None:
    """Return bias-corrected and accelerated intervals of statistics that depend on sums over units.

    Args:
        sums: What each unit (image or subtype) adds, shape (units, ...).
        statistic: From totals, shape (batch, ...), to statistics, shape (batch, s).
        resamples: Number of bootstrap resamples.
        seed: Decides every resample.
        confidence: Coverage aimed at, in (0, 1).

    Returns:
        Lower and upper ends, shape (2, s); None for fewer than three units, which cannot be resampled
        sensibly.

    References:
        Efron, B. (1987). Better bootstrap confidence intervals. Journal of the American Statistical
        Association 82, 171-185.
    """
    if len(sums) < 3:
        return None

    def of_units(index: np.ndarray, axis: int = -1) -> np.ndarray:
        totals = sums[np.moveaxis(index, axis, -1)].sum(axis=index.ndim - 1)
        return np.moveaxis(statistic(totals), -1, 0)

    def ends(method: str) -> np.ndarray:
        result = stats.bootstrap(
            (np.arange(len(sums)),), of_units, n_resamples=resamples, batch=BATCH, vectorized=True,
            method=method, confidence_level=confidence, rng=np.random.default_rng(seed),
        )  # fmt: skip
        return np.stack(result.confidence_interval)

    with warnings.catch_warnings():
        # A statistic that no resample moves has no acceleration; its percentiles are what can be said.
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        interval = ends("BCa")
        if np.isnan(interval).any():
            percentiles = ends("percentile")
            interval = np.where(np.isnan(interval), percentiles, interval)
    return interval


def correlation_moments(predicted: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Return what each image adds to the sums that Pearson's r is made of.

    Args:
        predicted: Shape (n, k).
        observed: Shape (n, k).

    Returns:
        Shape (n, 6, k): ones, x, y, x squared, y squared, x times y, with both sides standardised first,
        which r does not notice and rounding does.
    """
    x, y = (_standardised(space) for space in (predicted, observed))
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)


def correlations_from_moments(totals: np.ndarray) -> np.ndarray:
    """Return r of each dimension from total moments of shape (..., 6, k); 0 where a side is constant."""
    n, x, y, xx, yy, xy = np.moveaxis(totals, -2, 0)
    spread_x, spread_y = xx - x * x / n, yy - y * y / n
    scale = np.sqrt(np.clip(spread_x, 0, None) * np.clip(spread_y, 0, None))
    constant = scale <= n * 1e-12
    return np.where(constant, 0.0, np.clip((xy - x * y / n) / np.where(constant, 1.0, scale), -1.0, 1.0))


def correlation_intervals(
    predicted: np.ndarray,
    observed: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    resamples: int,
    seed: int,
    confidence: float = 0.95,
) -> np.ndarray | None:
    """Return intervals of r of each dimension and of their mean; the map that predicted stays as it is.

    Args:
        predicted: Predicted coordinates, shape (n, k).
        observed: Human coordinates, shape (n, k).
        groups: Subtypes to resample as wholes, shape (n,); None resamples images.
        resamples: Number of bootstrap resamples.
        seed: Decides every resample.
        confidence: Coverage aimed at, in (0, 1).

    Returns:
        Shape (2, k + 1): lower and upper ends, the mean last; None for fewer than three units.
    """

    def statistic(totals: np.ndarray) -> np.ndarray:
        r = correlations_from_moments(totals)
        return np.concatenate([r, r.mean(axis=-1, keepdims=True)], axis=-1)

    sums = unit_sums(correlation_moments(predicted, observed), groups)
    return bootstrap_interval(sums, statistic, resamples=resamples, seed=seed, confidence=confidence)


def disparity_moments(features: np.ndarray, predicted: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Return what each image adds to the sums that Procrustes disparity under a fixed rotation is made of.

    Args:
        features: The space that was turned, shape (n, d).
        predicted: Its part that was turned onto the dimensions, shape (n, k).
        observed: Human coordinates, shape (n, k).

    Returns:
        Shape (n, 4 + min(n, d) + 2 k): ones, squared lengths of both spaces, their product, and both spaces and
        the predictions themselves.
    """
    scale, unit = np.linalg.norm(centred(features)), np.linalg.norm(centred(observed))
    x, p = (centred(space) / (scale or 1.0) for space in (features, predicted))
    y = centred(observed) / unit
    # Lengths are all that counts of the features, and as many axes as images are enough for those.
    x = x @ np.linalg.qr(x.T).Q if x.shape[1] > len(x) else x
    lengths = np.stack([np.ones(len(x)), np.sum(x * x, 1), np.sum(y * y, 1), np.sum(p * y, 1)], axis=1)
    return np.concatenate([lengths, p, y, x], axis=1)


def disparity_from_moments(totals: np.ndarray, k: int) -> np.ndarray:
    """Return disparity from total moments of shape (..., 4 + d + 2 k), translation and scale fitted to them."""
    n, xx, yy, py = np.moveaxis(totals[..., :4], -1, 0)
    p, y, x = np.split(totals[..., 4:], [k, 2 * k], axis=-1)
    spread = (xx - np.sum(x * x, -1) / n) * (yy - np.sum(y * y, -1) / n)
    shared = np.maximum(py - np.sum(p * y, -1) / n, 0.0)
    constant = spread <= 1e-24
    return np.where(constant, 1.0, np.clip(1 - shared**2 / np.where(constant, 1.0, spread), 0.0, 1.0))


def disparity_interval(
    features: np.ndarray,
    predicted: np.ndarray,
    observed: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    resamples: int,
    seed: int,
) -> list[float] | None:
    """Return the 95 % interval of Procrustes disparity, the rotation staying as it is.

    Args:
        features: As for `disparity_moments`, like the next two.
        predicted: Shape (n, k).
        observed: Shape (n, k).
        groups: Subtypes to resample as wholes, shape (n,); None resamples images.
        resamples: Number of bootstrap resamples.
        seed: Decides every resample.

    Returns:
        Lower and upper end; None for fewer than three units.
    """
    k = observed.shape[1]
    sums = unit_sums(disparity_moments(features, predicted, observed), groups)
    ends = bootstrap_interval(
        sums, lambda totals: disparity_from_moments(totals, k)[..., None], resamples=resamples, seed=seed
    )
    return None if ends is None else ends[:, 0].tolist()


def _standardised(space: np.ndarray) -> np.ndarray:
    space = centred(space)
    deviation = space.std(axis=0)
    return space / np.where(deviation > 0, deviation, 1.0)
