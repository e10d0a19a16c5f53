"""Which images are alike in a space."""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import NearestNeighbors

from rockspace.alignment.spaces import checked_space


def nearest_neighbours(space: np.ndarray, count: int, metric: str = "euclidean") -> np.ndarray:
    """Return the nearest other images of each image, the nearest first.

    Args:
        space: Shape (n, d).
        count: How many; no more than n - 1 are there.
        metric: `euclidean`, `cosine`, `correlation` or `cityblock`.

    Returns:
        Rows of `space`, shape (n, min(count, n - 1)).
    """
    space = checked_space(space, "space", minimum=2)
    search = NearestNeighbors(n_neighbors=min(count, len(space) - 1), metric=metric, algorithm="brute")
    return search.fit(space).kneighbors(return_distance=False)
