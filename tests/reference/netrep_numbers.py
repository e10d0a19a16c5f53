"""What netrep makes of a few pairs of spaces, as JSON on standard output.

Needs netrep, which is on no package index: pip install git+https://github.com/ahwillia/netrep. To record again:
    python tests/reference/netrep_numbers.py > tests/reference/netrep.json
The recorded numbers come from `LinearMetric` as of commit 3059f54.
"""

import json

import numpy as np
from netrep.metrics import LinearMetric


def case(n, d, k, seed):
    """Spaces of n images with d features and k coordinates, and their shape distances."""
    rng = np.random.default_rng(seed)
    coordinates = np.round(rng.normal(size=(n, k)) + 3, 4)
    features = np.round(coordinates @ rng.normal(size=(k, d)) + 2 * rng.normal(size=(n, d)), 4)
    # netrep leaves scale alone, so its Euclidean distance is ours for spaces of norm 1.
    units = [space / np.linalg.norm(space - space.mean(axis=0)) for space in (features, coordinates)]
    figures = {name: LinearMetric(score_method=name).fit_score(*units) for name in ("angular", "euclidean")}
    return {"features": features.tolist(), "coordinates": coordinates.tolist(), **figures}


if __name__ == "__main__":
    print(json.dumps([case(*shape) for shape in [(12, 4, 4, 0), (15, 40, 3, 1), (20, 2, 6, 2), (30, 12, 8, 3)]]))
