"""Interval and null of any statistic of two matrices of distances, by repeating it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rockspace.alignment.intervals import jackknife_interval
from rockspace.alignment.permutation import Pairings
from rockspace.alignment.rsa import MIN_UNITS_OF_PAIRS, null_summary

# From the distances between images in one space and in another, each of shape (n, n).
Comparison = Callable[[np.ndarray, np.ndarray], float]


def repeated_interval(
    compare: Comparison, ours: np.ndarray, theirs: np.ndarray, groups: np.ndarray, bounds: tuple[float, float]
) -> list[float] | None:
    """Return the 95 % interval of a comparison by leaving out one unit at a time.

    Args:
        compare: The comparison.
        ours: Shape (n, n).
        theirs: Shape (n, n).
        groups: What each image is left out with: its subtype, or its own name; shape (n,).
        bounds: Lowest and highest value of the comparison.

    Returns:
        Lower and upper end; None for fewer than five units, which make too few pairs.
    """
    units = np.unique(groups)
    if len(units) < MIN_UNITS_OF_PAIRS:
        return None
    kept = [np.flatnonzero(groups != unit) for unit in units]
    without = [[compare(ours[np.ix_(rows, rows)], theirs[np.ix_(rows, rows)])] for rows in kept]
    return jackknife_interval(np.array([compare(ours, theirs)]), np.array(without), bounds)[:, 0].tolist()


def repeated_null(
    compare: Comparison, ours: np.ndarray, theirs: np.ndarray, pairings: Pairings, *, higher_is_closer: bool = True
) -> dict[str, Any]:
    """Test a comparison against random pairings of the images, one-sided.

    Args:
        compare: The comparison.
        ours: Shape (n, n).
        theirs: Shape (n, n).
        pairings: Orders of the images; the last array of each batch is taken.
        higher_is_closer: Whether more is more alike.

    Returns:
        As `rockspace.alignment.rsa.null_summary`.
    """
    orders = (order for *_, batch in pairings for order in batch)
    values = np.array([compare(ours, theirs[np.ix_(order, order)]) for order in orders])
    sign = 1 if higher_is_closer else -1
    summary = null_summary(sign * compare(ours, theirs), sign * values)
    band = sorted(sign * end for end in summary["null_band"])
    return summary | {"null": sign * summary["null"], "null_band": band}
