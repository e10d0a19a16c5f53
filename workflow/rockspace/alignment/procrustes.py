"""Procrustes analysis: the translation, uniform scale and rotation that bring two spaces together."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from rockspace.alignment.spaces import UnusableSpaces, centred, checked_finite, checked_pair, correlations


def optimal_rotation(cross: np.ndarray, reflection: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Return the rotation that maximises the trace of its product with a cross-product matrix.

    With d features and k coordinates, the smaller space stands for itself padded with zeros; only the part of
    the rotation that touches real columns is returned. A rotation with a free column can always absorb a
    mirroring, so `reflection` makes a difference only where d equals k.

    Args:
        cross: Features' transpose times coordinates, both centred; shape (..., d, k).
        reflection: Whether the rotation may mirror.

    Returns:
        The rotation, shape (..., d, k), with orthonormal columns (rows, where d < k), and the trace that it
        reaches, shape (...). Where `cross` has a rank below min(d, k) the rotation is one of many as good.

    References:
        Schönemann, P. H. (1966). A generalized solution of the orthogonal Procrustes problem. Psychometrika
        31, 1-10.
    """
    left, singular, right = np.linalg.svd(cross, full_matrices=False)
    if not reflection and cross.shape[-2] == cross.shape[-1]:
        mirrored = np.linalg.det(left @ right) < 0
        left[..., -1] = np.where(mirrored[..., None], -left[..., -1], left[..., -1])
        singular[..., -1] = np.where(mirrored, -singular[..., -1], singular[..., -1])
    return left @ right, singular.sum(axis=-1)


def remaining_disparity(trace: ArrayLike, *norms: ArrayLike) -> np.ndarray:
    """Return the share of the variance that an optimal scale leaves, once both spaces have norm 1.

    Args:
        trace: Inner product of the rotated features and the coordinates; below zero no scale helps.
        *norms: Frobenius norms of the two centred spaces.

    Returns:
        Procrustes disparity in [0, 1]; 1 where all images of a space lie in one point.
    """
    size = np.prod(np.broadcast_arrays(*norms), axis=0)
    overlap = np.divide(np.maximum(trace, 0.0), size, out=np.zeros_like(size), where=size > 0)
    return np.clip(1.0 - overlap**2, 0.0, 1.0)


class Procrustes(TransformerMixin, BaseEstimator):
    """Moves a space of features onto a space of coordinates by translation, uniform scale and rotation.

    Spaces of different dimensionality are made equal by zero-padding the smaller one. To reduce the features
    instead, put a PCA before it: ``make_pipeline(PCA(8), Procrustes())``.

    Args:
        reflection: Whether the rotation may mirror.
        scale: Whether a uniform scale is fitted; otherwise it is 1.
        symmetric: Whether both spaces are first brought to norm 1, as `vegan::protest` and
            `scipy.spatial.procrustes` do; `transform` then gives coordinates in that unit, around the origin.
            Otherwise it gives them in the unit and place of the coordinates, as `vegan::procrustes` does.

    Attributes:
        mean_: Centroid of the features, shape (d,).
        target_mean_: Centroid of the coordinates, shape (k,); zero if symmetric.
        rotation_: Shape (d, k), orthonormal columns (rows, where d < k).
        scale_: What the rotated features are multiplied by, at least 0.
        disparity_: Share of variance left in the standardised spaces, in [0, 1]: m² of Gower, the disparity
            of SciPy.
        residual_: Residual sum of squares in the unit that `transform` gives, the features' variance that
            found no dimension among the coordinates (d > k) included; equals `disparity_` if symmetric and
            scaled.

    Example:
        >>> import numpy as np
        >>> coordinates = np.random.default_rng(0).normal(size=(50, 3))
        >>> features = 0.5 * coordinates[:, [2, 0, 1]] + 7
        >>> rotation = Procrustes().fit(features[:40], coordinates[:40])
        >>> bool(np.allclose(rotation.transform(features[40:]), coordinates[40:]))
        True
        >>> round(rotation.score(features[40:], coordinates[40:]), 6)
        1.0

    References:
        Gower, J. C. (1975). Generalized Procrustes analysis. Psychometrika 40, 33-51.
        Peres-Neto, P. R. & Jackson, D. A. (2001). How well do multivariate data sets match? Oecologia 129,
        169-178.
    """

    def __init__(self, *, reflection: bool = True, scale: bool = True, symmetric: bool = False) -> None:
        self.reflection = reflection
        self.scale = scale
        self.symmetric = symmetric

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """Learn the map from features `X` (n, d) to coordinates `y` (n, k).

        Raises:
            UnusableSpaces: The spaces are no finite matrices of the same, sufficient number of images.
        """
        X, y = self._checked(X, y)
        features, target = centred(X), centred(y)
        norm, target_norm = float(np.linalg.norm(features)), float(np.linalg.norm(target))
        self.rotation_, trace = optimal_rotation(features.T @ target, self.reflection)
        unit, target_unit = (norm, target_norm) if self.symmetric else (1.0, 1.0)
        self.mean_ = X.mean(axis=0)
        self.target_mean_ = np.zeros(y.shape[1]) if self.symmetric else y.mean(axis=0)
        stretch = max(float(trace), 0.0) / norm**2 if self.scale else target_unit / unit
        self.scale_ = stretch / target_unit
        self.disparity_ = float(remaining_disparity(trace, norm, target_norm))
        # |sXR - y|² written out; its terms are in the unit of `transform`.
        fitted, wanted = self.scale_ * norm, target_norm / target_unit
        self.residual_ = float(fitted**2 + wanted**2 - 2 * self.scale_ * trace / target_unit)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Carry features (n, d) of these or new images into the space of the coordinates (n, k)."""
        check_is_fitted(self)
        X = self._checked_features(X, reset=False)
        return (X - self.mean_) @ self.rotation_ * self.scale_ + self.target_mean_

    def score(self, X: np.ndarray, y: np.ndarray) -> float:
        """Return the mean over dimensions of Pearson's r between moved features and coordinates.

        A correlation and no residual, since separate scaling solutions share no unit.
        """
        moved = self.transform(X)
        return float(correlations(moved, checked_pair(X, y)[1]).mean())

    def disparity(self, X: np.ndarray, y: np.ndarray) -> float:
        """Return the disparity on these images with the learnt rotation, in [0, 1].

        Translation and scale are refitted, since separate scaling solutions share neither. On the
        images of `fit` this is `disparity_`.
        """
        check_is_fitted(self)
        features, target = (centred(space) for space in checked_pair(X, y))
        trace = np.sum(features @ self.rotation_ * target)
        return float(remaining_disparity(trace, np.linalg.norm(features), np.linalg.norm(target)))

    def _checked(self, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if y is None:
            raise UnusableSpaces("Procrustes requires y to be passed, but the target y is None")
        return checked_pair(self._checked_features(X, reset=True), y)

    def _checked_features(self, X: np.ndarray, reset: bool) -> np.ndarray:
        try:
            X = validate_data(self, X, dtype=np.float64, reset=reset, ensure_all_finite=False)
        except ValueError as error:
            raise UnusableSpaces(" ".join(str(error).split())) from None
        return checked_finite(X, "features")
