"""Correction of p-values for the number of tests."""

import numpy as np


def holm(p: np.ndarray) -> np.ndarray:
    """Return Holm's step-down adjusted p-values, which control the family-wise error rate.

    Args:
        p: p-values of one family of tests, shape (m,), in [0, 1].

    Returns:
        Adjusted p-values in the order of `p`.

    References:
        Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of
        Statistics 6, 65-70.
    """
    p = np.asarray(p, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
