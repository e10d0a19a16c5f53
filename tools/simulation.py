"""False positives and false negatives of each statistic, for spaces with a known overlap."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy import stats
from scipy.linalg import eigh
from scipy.spatial.distance import pdist, squareform
from tqdm import tqdm

from rockspace.alignment.notes import critical_correlation
from rockspace.alignment.permutation import image_pairings, permutation_nulls, subtype_pairings
from rockspace.alignment.rotation_scores import RotationScorer, without_empty_axes
from rockspace.alignment.similarity import matrix_test, unbiased_kernel
from rockspace.alignment.spaces import centred
from rockspace.artifacts import write_csv

LEVEL = 0.05
# Of three images, so many are learnt on where a rotation is tried on others.
LEARN = 2
# Images of one subtype; a multiple of three.
PER_SUBTYPE = 6
# Share of a space's variance that lies between subtypes, where there are any.
BETWEEN = 0.7
FACE_VALUE, IMAGES, SUBTYPES = "at face value", "permuting images", "permuting subtypes"


@dataclass(frozen=True)
class Design:
    """What is simulated.

    Attributes:
        images: Numbers of images; multiples of six.
        features: Numbers of features, at least `dimensions`.
        overlaps: Shares of the features' variance that are the human space, turned; 0 to 1.
        dimensions: Human dimensions.
        repeats: Pairs of spaces drawn for each combination.
        permutations: Random pairings behind each p-value.
        seed: Decides every draw.
    """

    images: tuple[int, ...] = (30, 60, 120, 240, 480)
    features: tuple[int, ...] = (8, 32, 128, 512, 2048)
    overlaps: tuple[float, ...] = (0.0, 0.05)
    dimensions: int = 8
    repeats: int = 60
    permutations: int = 59
    seed: int = 0


@dataclass(frozen=True)
class Cell:
    """One combination of a design."""

    n: int
    d: int
    overlap: float
    subtypes: bool


def draw_spaces(cell: Cell, k: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw two spaces of the same images with a known overlap.

    The features' own variance falls with the rank of the component, as it does in networks. Where there are
    subtypes, both spaces hold their images together, but place them independently of each other except for
    the overlap.

    Args:
        cell: Number of images and features, overlap, and whether images come in subtypes.
        k: Human dimensions.
        rng: Source of all draws.

    Returns:
        Features (n, d), coordinates (n, k) and the subtype of each image (n,); single images where there are
        none.

    References:
        Stringer, C. et al. (2019). High-dimensional geometry of population responses in visual cortex. Nature
        571, 361-365 (variance that falls as 1 / rank).
    """
    labels = np.arange(cell.n) // (PER_SUBTYPE if cell.subtypes else 1)
    coordinates = _draw(labels, k, rng)
    spread = 1 / np.arange(1, cell.d + 1)
    own = _draw(labels, cell.d, rng) * np.sqrt(spread / spread.sum())
    turn = np.linalg.qr(rng.normal(size=(cell.d, k))).Q.T / np.sqrt(k)
    return np.sqrt(cell.overlap) * coordinates @ turn + np.sqrt(1 - cell.overlap) * own, coordinates, labels


def _draw(labels: np.ndarray, d: int, rng: np.random.Generator) -> np.ndarray:
    centres = rng.standard_normal((labels[-1] + 1, d))[labels]
    if labels[-1] + 1 == len(labels):
        return centres
    return np.sqrt(BETWEEN) * centres + np.sqrt(1 - BETWEEN) * rng.standard_normal((len(labels), d))


def claims(
    features: np.ndarray, coordinates: np.ndarray, labels: np.ndarray, permutations: int, seed: int
) -> dict[tuple[str, str], tuple[float, bool]]:
    """Test two spaces for alignment by each statistic, at the level of 5 %.

    At face value, the mean r over dimensions is held against what one correlation of as many images would
    need to be significant, as if no rotation had been fitted. The other claims are one-sided permutation
    tests.

    Returns:
        By statistic and way of testing: its value and whether it claims alignment.
    """
    n, k = coordinates.shape
    if features.shape[1] > n:
        features, _ = without_empty_axes(features, features)
    learn = np.arange(n) % 3 < LEARN
    tests = {IMAGES: lambda sizes, _: image_pairings(sizes, permutations, seed)}
    if len(np.unique(labels)) < n:
        tests[SUBTYPES] = lambda _, split: subtype_pairings(split, permutations, seed)
    found: dict[tuple[str, str], tuple[float, bool]] = {}
    for name, reduced in (("zero-padding", features), ("PCA", None)):
        whole = _pca(features, features, k) if reduced is None else reduced
        parts = _pca(features[learn], features, k) if reduced is None else reduced
        within = RotationScorer(whole, whole)
        across = RotationScorer(parts[learn], parts[~learn])
        value = float(within(coordinates, coordinates).mean_r)
        found[f"in-sample, {name}", FACE_VALUE] = value, value > critical_correlation(n, 1 - LEVEL)
        for test, pairings in tests.items():
            (null,) = permutation_nulls(
                {"": lambda y, scorer=within: scorer(y, y)}, [coordinates], pairings([n], [labels])
            ).values()
            found[f"in-sample, {name}", test] = value, null.p_disparity <= LEVEL
            halves = [coordinates[learn], coordinates[~learn]]
            orders = pairings([len(half) for half in halves], [labels[learn], labels[~learn]])
            (null,) = permutation_nulls({"": across}, halves, orders).values()
            found[f"held-out, {name}", test] = float(across(*halves).mean_r), null.p_mean_r <= LEVEL
    for name, matrix in (("RSA (Spearman)", _rank_matrix), ("CKA (debiased)", unbiased_kernel)):
        ours, theirs = matrix(features), matrix(coordinates)
        value = float(np.sum(ours * theirs) / (np.linalg.norm(ours) * np.linalg.norm(theirs)))
        for test, pairings in tests.items():
            p = matrix_test(ours, theirs, pairings([n], [labels]))["p_value"]
            found[name, test] = value, p <= LEVEL
    return found


def _pca(learn: np.ndarray, features: np.ndarray, k: int) -> np.ndarray:
    d = learn.shape[1]
    _, vectors = eigh(centred(learn).T @ centred(learn), subset_by_index=[d - k, d - 1])
    return (features - learn.mean(axis=0)) @ vectors


def _rank_matrix(space: np.ndarray) -> np.ndarray:
    """Ranks of all distances around their mean, so that the cosine of two such matrices is Spearman's."""
    ranks = stats.rankdata(pdist(space))
    return squareform(ranks - ranks.mean())


def simulate(design: Design, processes: int = 1) -> pd.DataFrame:
    """Draw and test spaces for every combination of a design, with a progress bar.

    Args:
        design: See `Design`.
        processes: Processes that share the work; the result does not depend on it.

    Returns:
        A row for each combination, statistic and way of testing: `rate`, the share of repeats that claimed
        alignment, with the ends of its 95 % interval after Wilson, and `mean_value` of the statistic.
    """
    cells = [Cell(*each) for each in product(design.images, design.features, design.overlaps, (False, True))]
    # The largest first, so that no process is left alone with one at the end.
    cells.sort(key=lambda cell: -cell.n * (cell.n + cell.d))
    rows = rows_of(_repeat, [(design, cell, repeat) for cell in cells for repeat in range(design.repeats)], processes)
    grouped = rows.groupby(["subtypes", "overlap", "n", "d", "statistic", "test"], sort=True)
    table = grouped.agg(mean_value=("value", "mean"), claims=("claimed", "sum"), repeats=("claimed", "size"))
    return with_rates(table.reset_index(), "claims", "repeats")


def _repeat(design: Design, cell: Cell, repeat: int) -> list[dict[str, Any]]:
    name = [cell.n, cell.d, round(1e6 * cell.overlap), int(cell.subtypes), repeat]
    rng = np.random.default_rng([design.seed, *name])
    spaces = draw_spaces(cell, design.dimensions, rng)
    seed = int(rng.integers(2**31))
    return [
        vars(cell) | {"statistic": statistic, "test": test, "value": value, "claimed": claimed}
        for (statistic, test), (value, claimed) in claims(*spaces, design.permutations, seed).items()
    ]


def rows_of(work: Callable[..., list[dict[str, Any]]], jobs: Sequence[tuple], processes: int) -> pd.DataFrame:
    """Collect the rows that jobs return, in the order of the jobs, with a progress bar.

    Args:
        work: Returns the rows of one job.
        jobs: Its arguments.
        processes: Processes that share the jobs.
    """
    done = Parallel(n_jobs=processes, return_as="generator")(delayed(work)(*job) for job in jobs)
    return pd.DataFrame([row for rows in tqdm(done, total=len(jobs), desc="simulating") for row in rows])


def with_rates(table: pd.DataFrame, hits: str, trials: str) -> pd.DataFrame:
    """Add the share of two columns of counts, `rate`, with the ends of its 95 % interval after Wilson."""
    counts = zip(table[hits].astype(int), table[trials].astype(int), strict=True)
    ends = [stats.binomtest(*pair).proportion_ci(method="wilson") for pair in counts]
    return table.assign(
        rate=table[hits] / table[trials], rate_low=[each.low for each in ends], rate_high=[each.high for each in ends]
    )


def main(folder: Path = Path("results/simulation")) -> None:
    """Write ``simulation.csv`` and its picture."""
    from tools.simulation_figure import simulation_figure

    rates = simulate(Design(), processes=os.cpu_count() or 1)
    write_csv(folder / "simulation.csv", rates)
    simulation_figure(rates, [folder / "simulation.png", folder / "simulation.svg"])


if __name__ == "__main__":
    main()
