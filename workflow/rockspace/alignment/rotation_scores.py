"""Scores of rotations learnt on one set of images and applied to another, for many pairings of images at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rockspace.alignment.procrustes import optimal_rotation, remaining_disparity
from rockspace.alignment.spaces import centred, correlations


@dataclass(frozen=True)
class Figures:
    """Scores of a rotation; leading axes, if any, count pairings.

    Attributes:
        r: Pearson's r of each dimension, shape (..., k).
        disparity: Share of variance left once translation and scale are optimal, in [0, 1], shape (...).
    """

    r: np.ndarray
    disparity: np.ndarray

    @property
    def mean_r(self) -> np.ndarray:
        """Mean of r over the dimensions, shape (...)."""
        return self.r.mean(axis=-1)


def figures_of(predicted: np.ndarray, observed: np.ndarray, norm: float | None = None) -> Figures:
    """Score predictions against coordinates.

    Args:
        predicted: Shape (..., n, k).
        observed: Shape (..., n, k).
        norm: Frobenius norm of the centred space that was turned, where it has more dimensions than `predicted`;
            None takes that of `predicted`.
    """
    moved, target = centred(predicted), centred(observed)
    trace = np.einsum("...nk,...nk->...", moved, target)
    size = np.linalg.norm(moved, axis=(-2, -1)) if norm is None else np.broadcast_to(norm, trace.shape)
    disparity = remaining_disparity(trace, size, np.linalg.norm(target, axis=(-2, -1)))
    return Figures(correlations(moved, target), disparity)


class RotationScorer:
    """Learns a rotation on some images and scores it on others, or on the same ones.

    The same figures as `Procrustes.fit` on the first and `score` and `disparity` on the second, for a stack
    of pairings. Features are turned once to the principal axes of the learning images, which changes no
    rotation and keeps each pairing's work to a cross-product of at most n columns.

    Args:
        learn: Features of the images that the rotation is learnt on, shape (n, d).
        score: Features of the images that it is scored on, shape (m, d).
        reflection: Whether the rotation may mirror.
    """

    def __init__(self, learn: np.ndarray, score: np.ndarray, reflection: bool = True) -> None:
        self._learn, self._score, self._features = centred(learn), centred(score), learn.shape[1]
        self._norm = float(np.linalg.norm(self._score))
        self._reflection = reflection
        # With few more features than images, turning costs more than it saves.
        if self._features > 2 * len(learn):
            self._learn, self._score = without_empty_axes(self._learn, self._score)

    def __call__(self, learn_coordinates: np.ndarray, score_coordinates: np.ndarray) -> Figures:
        """Return the figures for coordinates of shape (..., n, k) and (..., m, k)."""
        return figures_of(self.predict(learn_coordinates), score_coordinates, self._norm)

    def predict(self, learn_coordinates: np.ndarray) -> np.ndarray:
        """Return the scored images turned onto the dimensions, around the origin, not scaled: (..., m, k)."""
        cross = self._learn.T @ centred(learn_coordinates)
        # Turned axes may leave out empty ones, which would have absorbed a mirroring.
        free = self._features != learn_coordinates.shape[-1]
        return self._score @ optimal_rotation(cross, self._reflection or free)[0]


def without_empty_axes(learn: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn two sets of features to axes that span the first, of which there are no more than images.

    Distances within the first set stay as they are; what the second holds beside its span is dropped.

    Args:
        learn: Shape (n, d).
        score: Shape (m, d).

    Returns:
        Shapes (n, min(n, d)) and (m, min(n, d)).
    """
    axes = np.linalg.qr(learn.T).Q
    return learn @ axes, score @ axes
