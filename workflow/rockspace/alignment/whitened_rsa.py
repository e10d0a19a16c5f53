"""RSA that weighs pairs of images by how independent their distances are."""

from __future__ import annotations

import numpy as np

from rockspace.alignment.spaces import centred


def whitened_correlation(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the whitened Pearson correlation of distances, in [-1, 1].

    Two distances that share an image are not independent, which a plain correlation ignores.

    Args:
        ours: Distances between images in one space, shape (n, n).
        theirs: The same in another.

    Returns:
        0 where all distances of a side are equal.

    References:
        Diedrichsen, J. et al. (2021). Comparing representational geometries using whitened unbiased-distance-matrix
        similarity. arXiv:2007.02789 (the package rsatoolbox calls it `corr_cov`).
    """
    x, y = (_whitened(distances) for distances in (ours, theirs))
    norms = np.linalg.norm(x) * np.linalg.norm(y)
    return float(np.clip(np.sum(x * y) / norms, -1, 1)) if norms > 0 else 0.0


def _whitened(distances: np.ndarray) -> np.ndarray:
    """Subtract the mean distance and centre rows and columns, which whitens distances of independent images."""
    apart = ~np.eye(len(distances), dtype=bool)
    white = centred(centred(distances - distances[apart].mean() * apart).T)
    # What rounding leaves of equal distances is no pattern.
    return white if np.linalg.norm(white) > 1e-12 * np.linalg.norm(distances) else np.zeros_like(white)
