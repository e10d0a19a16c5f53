"""Confidence intervals over images or over subtypes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from scipy import stats

from rockspace.alignment.spaces import centred

# Nominal coverage of all intervals.
CONFIDENCE = 0.95
# Resamples per batch, which limits memory.
BATCH = 100
# Smallest number of subtypes, and of images, for an interval over them.
MIN_UNITS, MIN_IMAGES = 3, 5
# Smallest number of images without any one subtype: r of two images is always 1 or -1.
MIN_LEFT = 3
# Suffixes of the keys of intervals and nulls in a JSON, by the unit of resampling and permutation.
SUFFIXES = {"images": "", "subtypes": "_subtypes"}

Ends = TypeVar("Ends")


def unit_sums(values: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray:
    """Sum the values of images that are resampled together.

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


def by_units(interval: Callable[..., Ends | None], *given: Any, **resampling: Any) -> dict[str, Ends | None]:
    """Return an interval over images and over subtypes, by unit: `images` and `subtypes`, None without subtypes.

    Args:
        interval: Function like `confidence_interval`, `correlation_intervals` or `disparity_interval`.
        *given: Its arguments; the last is the subtype of each image, shape (n,), or None without subtypes.
        **resampling: Its keyword arguments.
    """
    *spaces, subtypes = given
    return {
        "images": interval(*spaces, None, **resampling),
        "subtypes": None if subtypes is None else interval(*spaces, subtypes, **resampling),
    }


def keyed(name: str, by_unit: dict[str, Any]) -> dict[str, Any]:
    """Return what is over images and over subtypes by its keys in a JSON: the name, and the name with a suffix."""
    return {f"{name}{SUFFIXES[units]}": found for units, found in by_unit.items()}


def confidence_interval(
    values: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    groups: np.ndarray | None = None,
    *,
    resamples: int,
    seed: int,
    bounds: tuple[float, float] | None = None,
) -> np.ndarray | None:
    """Return confidence intervals of statistics that depend on sums over images.

    Over images, a bias-corrected and accelerated bootstrap (Efron, 1987). Over subtypes, a jackknife that leaves out one
    subtype at a time, with quantiles of Student's t: a bootstrap of few subtypes gives
    intervals that are too narrow (`make simulate` measures the coverage of both).

    Args:
        values: Contribution of each image to the sums, shape (n, ...).
        statistic: Function from sums, shape (batch, ...), to statistics, shape (batch, s).
        groups: Subtype of each image, shape (n,); None resamples images.
        resamples: Bootstrap resamples of the images.
        seed: Seed of the resamples.
        bounds: Lowest and highest value of the statistics; see `jackknife_interval`.

    Returns:
        Lower and upper ends, shape (2, s); None for fewer than five images, fewer than three subtypes, or where
        fewer than three images are left without one of these.

    References:
        Efron, B. (1987). Better bootstrap confidence intervals. Journal of the American Statistical
        Association 82, 171-185.
    """
    if groups is None:
        return _bootstrap_interval(values, statistic, resamples=resamples, seed=seed)
    sums = unit_sums(values, groups)
    if len(sums) < MIN_UNITS or len(values) - np.unique(groups, return_counts=True)[1].max() < MIN_LEFT:
        return None
    total = sums.sum(axis=0)
    return jackknife_interval(statistic(total[None])[0], statistic(total - sums), bounds)


def jackknife_interval(
    whole: np.ndarray,
    without: np.ndarray,
    bounds: tuple[float, float] | None = (-1.0, 1.0),
) -> np.ndarray:
    """Return jackknife confidence intervals from statistics without each unit.

    Args:
        whole: The statistics, shape (s,).
        without: The same without one unit (a subtype and all its images) at a time, shape (units, s).
        bounds: Lowest and highest possible value; the interval is computed after Fisher's z transformation of that range, so
            that it stays inside. None computes it without a transformation.

    Returns:
        Lower and upper ends, shape (2, s).

    References:
        Efron, B. & Stein, C. (1981). The jackknife estimate of variance. Annals of Statistics 9, 586-596.
    """
    units = len(without)
    z, without_z = (_transformed(values, bounds) for values in (whole, without))
    error = np.sqrt((units - 1) / units * np.sum((without_z - without_z.mean(axis=0)) ** 2, axis=0))
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, units - 1) * error
    ends = np.stack([z - reach, z + reach])
    if bounds is None:
        return ends
    low, high = bounds
    # If no unit changes the statistic, avoid rounding errors of the transformation.
    return np.where(error > 0, low + (high - low) * (np.tanh(ends) + 1) / 2, whole)


def _transformed(values: np.ndarray, bounds: tuple[float, float] | None) -> np.ndarray:
    if bounds is None:
        return values
    low, high = bounds
    return np.arctanh(np.clip(2 * (values - low) / (high - low) - 1, -1 + 1e-12, 1 - 1e-12))


def proportion_interval(hits: np.ndarray, groups: np.ndarray) -> list[float] | None:
    """Return the confidence interval of a proportion over subtypes, for images clustered by subtype.

    Clopper and Pearson's exact interval for the effective sample size (the number of images divided by the design
    effect), with the degrees of freedom of the subtypes. If all images are right, or all wrong, the design effect
    cannot be estimated, and each subtype counts as one image.

    Args:
        hits: Whether each image is right, shape (n,).
        groups: Subtype of each image, shape (n,).

    Returns:
        Lower and upper end, in [0, 1]; None for fewer than three subtypes.

    References:
        Korn, E. L. & Graubard, B. I. (1998). Confidence intervals for proportions with small expected number of
        positive counts estimated from survey data. Survey Methodology 24, 193-201.
    """
    right, sizes = unit_sums(np.stack([hits, np.ones(len(hits))], axis=1).astype(np.float64), groups).T
    units, n = len(sizes), len(hits)
    if units < MIN_UNITS:
        return None
    p = right.sum() / n
    # The design effect if all images of a subtype were identical.
    design_effect = float(np.sum(sizes**2) / n)
    if 0 < p < 1:
        # Jackknife variance, from the change of p without each subtype.
        change = (right - p * sizes) / (n - sizes)
        clustered = (units - 1) / units * np.sum(change**2)
        design_effect = max(clustered / (p * (1 - p) / (n - 1)), 1.0)
    tail = (1 - CONFIDENCE) / 2
    quantiles = stats.t.ppf(1 - tail, [n - 1, units - 1])
    worth = n / design_effect * (quantiles[0] / quantiles[1]) ** 2
    low = stats.beta.ppf(tail, p * worth, worth * (1 - p) + 1) if p > 0 else 0.0
    high = stats.beta.ppf(1 - tail, p * worth + 1, worth * (1 - p)) if p < 1 else 1.0
    return [float(low), float(high)]


def _bootstrap_interval(
    values: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    *,
    resamples: int,
    seed: int,
) -> np.ndarray | None:
    if len(values) < MIN_IMAGES:
        return None

    def of_units(index: np.ndarray, axis: int = -1) -> np.ndarray:
        totals = values[np.moveaxis(index, axis, -1)].sum(axis=index.ndim - 1)
        return np.moveaxis(statistic(totals), -1, 0)

    def ends(method: str) -> np.ndarray:
        result = stats.bootstrap(
            (np.arange(len(values)),), of_units, n_resamples=resamples, batch=BATCH, vectorized=True,
            method=method, confidence_level=CONFIDENCE, rng=np.random.default_rng(seed),
        )  # fmt: skip
        return np.stack(result.confidence_interval)

    with warnings.catch_warnings():
        # A statistic that is constant over resamples has no acceleration; use percentiles.
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        found = ends("BCa")
        if np.isnan(found).any():
            found = np.where(np.isnan(found), ends("percentile"), found)
    return found


def correlation_moments(predicted: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Return the contribution of each image to the sums in Pearson's r.

    Args:
        predicted: Shape (n, k).
        observed: Shape (n, k).

    Returns:
        Shape (n, 6, k): ones, x, y, x squared, y squared, x times y, with both sides standardised,
        which does not change r and reduces rounding errors.
    """
    x, y = (_standardised(space) for space in (predicted, observed))
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)


def correlations_from_moments(totals: np.ndarray) -> np.ndarray:
    """Return r of each dimension from summed moments of shape (..., 6, k); 0 if a side is constant."""
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
) -> np.ndarray | None:
    """Return intervals of r of each dimension and of their mean, for a fixed map.

    Args:
        predicted: Predicted coordinates, shape (n, k).
        observed: Human coordinates, shape (n, k).
        groups: Subtype of each image, shape (n,), for an interval over subtypes; None: over images.
        resamples: Bootstrap resamples of the images.
        seed: Seed of the resamples.

    Returns:
        Shape (2, k + 1): lower and upper ends, the mean last; None where `confidence_interval` has none.
    """

    def statistic(totals: np.ndarray) -> np.ndarray:
        r = correlations_from_moments(totals)
        return np.concatenate([r, r.mean(axis=-1, keepdims=True)], axis=-1)

    moments = correlation_moments(predicted, observed)
    return confidence_interval(moments, statistic, groups, resamples=resamples, seed=seed, bounds=(-1.0, 1.0))


def mean_intervals(
    predicted: np.ndarray, observed: np.ndarray, subtypes: np.ndarray | None, *, resamples: int, seed: int
) -> dict[str, list[float] | None]:
    """Return both intervals of mean r by their keys in a JSON: `mean_r_ci` over images, `mean_r_ci_subtypes`.

    Args:
        predicted: As for `correlation_intervals`, like the next.
        observed: Shape (n, k).
        subtypes: Subtype of each image, shape (n,), or None without subtypes.
        resamples: Bootstrap resamples of the images.
        seed: Seed of the resamples.
    """
    return of_the_mean(by_units(correlation_intervals, predicted, observed, subtypes, resamples=resamples, seed=seed))


def of_the_mean(intervals: dict[str, np.ndarray | None]) -> dict[str, list[float] | None]:
    """Return the intervals of mean r, as `mean_intervals` does, from `correlation_intervals` by units."""
    return keyed(
        "mean_r_ci", {units: None if ends is None else ends[:, -1].tolist() for units, ends in intervals.items()}
    )


def disparity_moments(features: np.ndarray, predicted: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Return the contribution of each image to the sums in Procrustes disparity with a fixed rotation.

    Args:
        features: The rotated space, shape (n, d).
        predicted: Its projection onto the dimensions, shape (n, k).
        observed: Human coordinates, shape (n, k).

    Returns:
        Shape (n, 4 + min(n, d) + 2 k): ones, squared lengths of both spaces, their product, and both spaces and
        the predictions themselves.
    """
    scale, unit = np.linalg.norm(centred(features)), np.linalg.norm(centred(observed))
    x, p = (centred(space) / (scale or 1.0) for space in (features, predicted))
    y = centred(observed) / unit
    # Only the norms of the features matter, and these need no more axes than images.
    x = x @ np.linalg.qr(x.T).Q if x.shape[1] > len(x) else x
    lengths = np.stack([np.ones(len(x)), np.sum(x * x, 1), np.sum(y * y, 1), np.sum(p * y, 1)], axis=1)
    return np.concatenate([lengths, p, y, x], axis=1)


def disparity_from_moments(totals: np.ndarray, k: int) -> np.ndarray:
    """Return disparity from summed moments of shape (..., 4 + d + 2 k), with translation and scale fitted."""
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
    """Return the 95 % interval of Procrustes disparity with a fixed rotation.

    Args:
        features: As for `disparity_moments`, like the next two.
        predicted: Shape (n, k).
        observed: Shape (n, k).
        groups: Subtype of each image, shape (n,), for an interval over subtypes; None: over images.
        resamples: Bootstrap resamples of the images.
        seed: Seed of the resamples.

    Returns:
        Lower and upper end; None where `confidence_interval` has none.
    """
    k = observed.shape[1]
    ends = confidence_interval(
        disparity_moments(features, predicted, observed),
        lambda totals: disparity_from_moments(totals, k)[..., None],
        groups,
        resamples=resamples,
        seed=seed,
        bounds=(0.0, 1.0),
    )
    return None if ends is None else ends[:, 0].tolist()


def _standardised(space: np.ndarray) -> np.ndarray:
    space = centred(space)
    deviation = space.std(axis=0)
    return space / np.where(deviation > 0, deviation, 1.0)
