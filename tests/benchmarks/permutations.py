"""Time and memory of the permutation tests: `python tests/benchmarks/permutations.py`.

Held-out and in-sample Procrustes of 480 images (360 to learn on, 120 to try it on), 128 features, 8 dimensions, for
growing numbers of permutations; each in a process of its own, so that the peak memory is its own too.
"""

import resource
import subprocess
import sys
import time

import numpy as np

IMAGES, LEARN, FEATURES, DIMENSIONS = 480, 360, 128, 8
COUNTS = (1_000, 10_000, 100_000)


def measure(permutations: int) -> None:
    from rockspace.alignment.permutation import image_pairings, permutation_nulls
    from rockspace.alignment.rotation_scores import RotationScorer

    rng = np.random.default_rng(0)
    coordinates = rng.normal(size=(IMAGES, DIMENSIONS))
    features = coordinates @ rng.normal(size=(DIMENSIONS, FEATURES)) + 4 * rng.normal(size=(IMAGES, FEATURES))
    learn, score = features[:LEARN], features[LEARN:]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    within, across = RotationScorer(score, score), RotationScorer(learn, score)
    nulls = permutation_nulls(
        {"in-sample": lambda _, there: within(there, there), "held-out": across},
        [coordinates[:LEARN], coordinates[LEARN:]],
        image_pairings([LEARN, IMAGES - LEARN], permutations, seed=0),
    )
    seconds = time.perf_counter() - start
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    means = ", ".join(f"{name} null mean r {null.mean_r.mean():.3f}" for name, null in nulls.items())
    print(f"{permutations:>7} permutations: {seconds:6.1f} s, {more:5.0f} MiB more at the peak; {means}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(int(sys.argv[1]))
    else:
        for count in COUNTS:
            subprocess.run([sys.executable, __file__, str(count)], check=True)
