"""Null distributions: the same analysis with images, or whole subtypes, paired at random with the coordinates."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from rockspace.alignment.rotation_scores import Figures

# Pairings computed at once; fixed, so that neither memory nor the last digit depends on their number.
BATCH = 128
# Smaller differences are due to rounding and count as ties, as in vegan's protest.
TIE = 1e-9
# Smallest number of permutations of the scored units for a test over them; with fewer, p has only a few possible values.
MIN_EXCHANGES = 100
# Percentiles between which the middle 95 % of the random pairings lie.
MIDDLE = (2.5, 97.5)

# Options of progress bars: shown after three seconds, removed at the end.
PROGRESS = {"delay": 3, "leave": False}

Pairings = Iterator[tuple[np.ndarray, ...]]


def image_pairings(sizes: Sequence[int], count: int, seed: int) -> Pairings | None:
    """Yield batches of random orders of the images in each split.

    Args:
        sizes: Number of images in each split, the one that is scored last.
        count: Number of pairings in all.
        seed: Decides every order.

    Returns:
        Batches: for each split, orders of shape (batch, n); splits are permuted independently. None where the images
        that are scored have fewer than `MIN_EXCHANGES` orders.
    """
    return None if math.factorial(sizes[-1]) < MIN_EXCHANGES else _image_orders(sizes, count, seed)


def _image_orders(sizes: Sequence[int], count: int, seed: int) -> Pairings:
    rng = np.random.default_rng(seed)
    for size in _batches(count):
        yield tuple(rng.permuted(np.tile(np.arange(n), (size, 1)), axis=1) for n in sizes)


def subtype_pairings(labels: Sequence[np.ndarray | None], count: int, seed: int) -> Pairings | None:
    """Yield batches of orders in which whole subtypes change places.

    Images of one subtype resemble each other in any sensible space, so shuffling single images asks only
    whether the model knows subtypes at all. Here every subtype keeps its images together and gets the
    coordinates of another one, the same one in every split; inside a subtype images pair at random. A subtype of more
    images than the one whose coordinates it gets takes some of them again, one of fewer takes as many at random.

    Args:
        labels: Subtype of each image, an array for each split, the one that is scored last; None for a split without
            subtypes.
        count: Number of pairings in all.
        seed: Decides every order.

    Returns:
        Batches as from `image_pairings`, or None where a split has no subtypes, or those that are scored can change places
        in fewer than `MIN_EXCHANGES` ways. Subtypes that are in other splits than most stay in place unless others are in the
        same ones.
    """
    known = [split for split in labels if split is not None]
    if len(known) < len(labels):
        return None
    names = sorted(set().union(*map(set, known)))
    positions = [[np.flatnonzero(split == name) for split in known] for name in names]
    alike: dict[tuple[bool, ...], list[list[np.ndarray]]] = {}
    for subtype in positions:
        alike.setdefault(tuple(len(images) > 0 for images in subtype), []).append(subtype)
    scored = (len(subtypes) for splits, subtypes in alike.items() if splits[-1])
    if math.prod(map(math.factorial, scored)) < MIN_EXCHANGES:
        return None
    blocks = [
        [_block([subtype[split] for subtype in subtypes]) for split in range(len(known))] for subtypes in alike.values()
    ]
    return _block_orders(blocks, [len(split) for split in known], count, seed)


def _block(positions: list[np.ndarray]) -> np.ndarray:
    """A row of positions for each subtype, filled up with -1 to the length of the longest."""
    block = np.full((len(positions), max(map(len, positions))), -1)
    for row, images in zip(block, positions, strict=True):
        row[: len(images)] = images
    return block


def _block_orders(blocks: list[list[np.ndarray]], sizes: list[int], count: int, seed: int) -> Pairings:
    rng = np.random.default_rng(seed)
    for size in _batches(count):
        orders = tuple(np.empty((size, n), dtype=np.intp) for n in sizes)
        for group in blocks:
            places = rng.permuted(np.tile(np.arange(len(group[0])), (size, 1)), axis=1)
            for order, block in zip(orders, group, strict=True):
                taken = _repeated(rng.permuted(block[places], axis=2))
                order[:, block[block >= 0]] = taken[:, block >= 0]
        yield orders


def _repeated(positions: np.ndarray) -> np.ndarray:
    """Bring the -1 in rows (last axis) of positions to the end and write the others over them, from the first again."""
    missing = positions < 0
    if not missing.any():
        return positions
    first = np.take_along_axis(positions, np.argsort(missing, axis=-1, kind="stable"), axis=-1)
    filled = (~missing).sum(axis=-1, keepdims=True)
    return np.take_along_axis(first, np.arange(positions.shape[-1]) % filled, axis=-1)


def with_repeats(matrix: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    """Prepare a matrix over images, of distances or products, for pairings in which images come more than once.

    Two copies of an image stand for two images of its subtype, so the diagonal gets what an image has with
    the others of its subtype on average; what it has with itself would make a subtype too tight, or too loose.

    Args:
        matrix: Shape (n, n), symmetric.
        labels: Subtype of each image, shape (n,); None leaves the matrix as it is.
    """
    if labels is None:
        return matrix
    same = (labels[:, None] == labels) & ~np.eye(len(labels), dtype=bool)
    others = same.sum(axis=1)
    overall = matrix[same].mean() if same.any() else 0.0
    filled = matrix.copy()
    np.fill_diagonal(filled, np.where(others > 0, (matrix * same).sum(axis=1) / np.maximum(others, 1), overall))
    return filled


def _batches(count: int) -> Iterator[int]:
    for start in range(0, count, BATCH):
        yield min(BATCH, count - start)


@dataclass(frozen=True)
class Null:
    """Figures under random pairings, beside the observed ones.

    Every p-value is one-sided, with the observed pairing counted among the random ones, so it is never 0.

    Attributes:
        n: Number of random pairings.
        p_disparity: Share of pairings with a disparity as low as the observed one (the test of PROTEST).
        p_mean_r: Share of pairings with a mean r as high.
        p_r: The same for each dimension, shape (k,).
        mean_r: Mean r of each random pairing, shape (n,).
        disparity: Disparity of each random pairing, shape (n,).
        r: Mean over pairings of each dimension's r, shape (k,).
        r_band: Middle 95 % of each dimension's r, shape (2, k).

    References:
        Jackson, D. A. (1995). PROTEST: a PROcrustean randomization TEST of community environment concordance.
        Ecoscience 2, 297-303.
        Phipson, B. & Smyth, G. K. (2010). Permutation p-values should never be zero. Statistical Applications
        in Genetics and Molecular Biology 9, 39.
    """

    n: int
    p_disparity: float
    p_mean_r: float
    p_r: np.ndarray
    mean_r: np.ndarray
    disparity: np.ndarray
    r: np.ndarray
    r_band: np.ndarray

    def summary(self) -> dict[str, Any]:
        """Return p-values, means and the middle 95 % of the random pairings, ready for JSON."""
        return {
            "n": self.n,
            "p_disparity": self.p_disparity,
            "p_mean_r": self.p_mean_r,
            "null_mean_r": float(self.mean_r.mean()),
            "null_mean_r_band": np.percentile(self.mean_r, MIDDLE).tolist(),
            "null_disparity": float(self.disparity.mean()),
            "null_disparity_band": np.percentile(self.disparity, MIDDLE).tolist(),
        }


def p_value(observed: float | np.ndarray, random: np.ndarray) -> np.ndarray:
    """Return the share of random values as high as the observed one, which is counted among them, along the first axis."""
    return ((random >= observed - TIE).sum(axis=0) + 1) / (len(random) + 1)


def permutation_nulls(
    analyses: dict[str, Callable[..., Figures]], coordinates: Sequence[np.ndarray], pairings: Pairings
) -> dict[str, Null]:
    """Repeat analyses on random pairings.

    Args:
        analyses: By name, a function from the coordinates of each split, with any leading axes, to figures.
        coordinates: Human coordinates of each split, shapes (n, k).
        pairings: As from `image_pairings` or `subtype_pairings`, for the same splits; at least one.

    Returns:
        The null of each analysis; all of them see the same pairings.
    """
    found: dict[str, list[Figures]] = {name: [] for name in analyses}
    for orders in tqdm(pairings, desc="pairing at random", **PROGRESS):
        shuffled = [split[order] for split, order in zip(coordinates, orders, strict=True)]
        for name, analysis in analyses.items():
            found[name].append(analysis(*shuffled))
    return {name: _null(analysis(*coordinates), found[name]) for name, analysis in analyses.items()}


def _null(observed: Figures, batches: Sequence[Figures]) -> Null:
    mean_r, disparity = (
        np.concatenate([getattr(batch, name) for batch in batches]) for name in ("mean_r", "disparity")
    )
    r = np.concatenate([batch.r for batch in batches])
    return Null(
        n=len(mean_r),
        p_disparity=float(p_value(-observed.disparity, -disparity)),
        p_mean_r=float(p_value(observed.mean_r, mean_r)),
        p_r=p_value(observed.r, r),
        mean_r=mean_r,
        disparity=disparity,
        r=sum(batch.r.sum(axis=0) for batch in batches) / len(mean_r),
        r_band=np.percentile(r, MIDDLE, axis=0),
    )
