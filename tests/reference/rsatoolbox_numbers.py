"""What rsatoolbox makes of a few pairs of spaces. To record it again, where rsatoolbox is installed:

python tests/reference/rsatoolbox_numbers.py > tests/reference/rsatoolbox.json
"""

import json

import numpy as np
from rsatoolbox.data import Dataset
from rsatoolbox.rdm import RDMs, calc_rdm, compare
from scipy.spatial.distance import pdist

METHODS = {"spearman": "spearman", "kendall_tau_a": "tau-a", "cosine": "cosine"}


def distances(space):
    return RDMs(pdist(space)[None])


def case(n, d, k, decimals, seed):
    """One pair of spaces; few decimals make ties."""
    rng = np.random.default_rng(seed)
    coordinates = np.round(rng.normal(size=(n, k)), decimals)
    features = np.round(coordinates @ rng.normal(size=(k, d)) + rng.normal(size=(n, d)), decimals)
    ours, theirs = distances(features), distances(coordinates)
    squared = [calc_rdm(Dataset(space), method="euclidean") for space in (features, coordinates)]
    figures = {name: compare(ours, theirs, method=method).item() for name, method in METHODS.items()}
    figures["whitened_correlation"] = compare(ours, theirs, method="corr_cov").item()
    # The whitened cosine of squared distances is linear CKA (Diedrichsen et al. 2021).
    figures["linear_cka"] = compare(*squared, method="cosine_cov").item()
    return {"features": features.tolist(), "coordinates": coordinates.tolist(), **figures}


if __name__ == "__main__":
    shapes = [(12, 5, 3, 6, 0), (15, 40, 2, 6, 1), (10, 2, 2, 0, 2)]
    print(json.dumps([case(*shape) for shape in shapes]))
