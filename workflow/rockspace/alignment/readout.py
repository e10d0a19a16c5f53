"""Linear read-out: how well weighted sums of features predict the human coordinates."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import BaseCrossValidator, GroupKFold, KFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from rockspace.alignment.intervals import by_units, disparity_interval, keyed, mean_intervals
from rockspace.alignment.rotation_report import Settings, nulls_by_units
from rockspace.alignment.rotation_scores import Figures, figures_of
from rockspace.alignment.spaces import Spaces, correlations

FOLDS = 5
# Training images below which folds inside folds hold too little to choose a penalty by.
MIN_TRAIN_IMAGES = 15
# Penalties to choose from, in units of the standardised features' variance.
PENALTIES = np.logspace(-2, 6, 17)
# In units of the features' mean standard deviation. Without it, a feature that is almost constant in training would be
# scaled up so far that one validation image in which it varies gets an absurd prediction.
SMALLEST_DEVIATION = 0.1


class FlooredScaler(StandardScaler):
    """Standardises features, but divides none by less than `SMALLEST_DEVIATION` of their mean deviation."""

    def fit(self, X: np.ndarray, y: None = None, sample_weight: None = None) -> Self:
        """Learn mean and deviation of each feature from `X`, shape (n, d)."""
        super().fit(X, y, sample_weight)
        deviation = np.sqrt(self.var_)
        floor = SMALLEST_DEVIATION * deviation.mean()
        self.scale_ = np.maximum(deviation, floor if floor > 0 else 1.0)
        return self


def ridge() -> Pipeline:
    """Return ridge regression on standardised features; `fit` chooses each penalty by leave-one-out."""
    return make_pipeline(FlooredScaler(), RidgeCV(PENALTIES, alpha_per_target=True))


class ReadoutScorer:
    """Learns `ridge` on some images and scores it on others, for a stack of pairings.

    The features are decomposed once, which leaves each pairing, its choice of penalties included, with a few
    matrix products.

    Args:
        learn: Features of the images that the read-out is learnt on, shape (n, d).
        score: Features of the images that it is scored on, shape (m, d).
    """

    def __init__(self, learn: np.ndarray, score: np.ndarray) -> None:
        scaler = FlooredScaler().fit(learn)
        self._left, singular, right = np.linalg.svd(scaler.transform(learn), full_matrices=False)
        self._shrinkage = singular**2 / (singular**2 + PENALTIES[:, None])
        leverage = 1 / len(learn) + self._shrinkage @ (self._left**2).T
        # An image of leverage 1 determines its own fit, and says nothing about the penalty.
        self._left_out = 1 / np.maximum(1 - leverage, 1e-12)
        weights = singular / (singular**2 + PENALTIES[:, None])
        self._maps = (scaler.transform(score) @ right.T) * weights[:, None, :]

    def __call__(self, learn_coordinates: np.ndarray, score_coordinates: np.ndarray) -> Figures:
        """Return the figures for coordinates of shape (..., n, k) and (..., m, k)."""
        return figures_of(self.predict(learn_coordinates), score_coordinates)

    def predict(self, learn_coordinates: np.ndarray) -> np.ndarray:
        """Return predictions of the scored images, shape (..., m, k), for coordinates (..., n, k)."""
        columns = np.moveaxis(learn_coordinates, -2, 0)
        shape = columns.shape[1:]
        columns = columns.reshape(len(columns), -1)
        mean = columns.mean(axis=0)
        parts = self._left.T @ (columns - mean)
        penalty = np.argmin(self._errors(columns - mean, parts), axis=0)
        predicted = np.empty((self._maps.shape[1], columns.shape[1]))
        for p in np.unique(penalty):
            chosen = penalty == p
            predicted[:, chosen] = self._maps[p] @ parts[:, chosen]
        return np.moveaxis((predicted + mean).reshape(-1, *shape), 0, -2)

    def _errors(self, columns: np.ndarray, parts: np.ndarray) -> np.ndarray:
        """Mean squared leave-one-out error of each penalty and column.

        References:
            Golub, G. H., Heath, M. & Wahba, G. (1979). Generalized cross-validation as a method for choosing a
            good ridge parameter. Technometrics 21, 215-223 (Allen's PRESS).
        """
        return np.array(
            [
                np.mean(((columns - self._left @ (kept[:, None] * parts)) * left_out[:, None]) ** 2, axis=0)
                for kept, left_out in zip(self._shrinkage, self._left_out, strict=True)
            ]
        )


def ridge_readout(train: Spaces, validation: Spaces, settings: Settings) -> dict[str, Any] | None:
    """Regress the human coordinates on the features.

    A read-out may weigh and shear where a rotation may not, so it bounds from above what a rotation can show.

    Args:
        train: Images to learn on; everything that is chosen is chosen on them.
        validation: Images to report on.
        settings: See `rockspace.alignment.rotation_report.Settings`.

    Returns:
        `nested_cv` and `nested_cv_new_subtypes`: r inside the training images, from folds of images and of
        subtypes whose penalty was chosen without them (None for the latter with fewer than three subtypes);
        `held_out`: learnt on the training images, scored on the validation images; `permutation`: the same
        with images, and with subtypes, paired at random; `penalty`: chosen for each dimension.
    """
    if len(train) < MIN_TRAIN_IMAGES:
        return None
    model = ridge().fit(train.features, train.coordinates)
    predicted = np.reshape(model.predict(validation.features), validation.coordinates.shape)
    folds = KFold(min(FOLDS, len(train)), shuffle=True, random_state=settings.seed)
    subtypes = 0 if train.subtype is None else len(np.unique(train.subtype))
    summary: dict[str, Any] = {
        "penalty": np.broadcast_to(model[-1].alpha_, train.coordinates.shape[1]).tolist(),
        "nested_cv": _nested(train, folds),
        "nested_cv_new_subtypes": None,
        "held_out": _figures(predicted, validation.coordinates),
    }
    summary["held_out"]["disparity"] = float(figures_of(predicted, validation.coordinates).disparity)
    if subtypes >= 3:
        grouped = GroupKFold(min(FOLDS, subtypes), shuffle=True, random_state=settings.seed)
        summary["nested_cv_new_subtypes"] = _nested(train, grouped)
    given = predicted, validation.coordinates, validation.subtype
    summary["held_out"] |= mean_intervals(*given, **settings.resampling)
    summary["held_out"] |= keyed("disparity_ci", by_units(disparity_interval, predicted, *given, **settings.resampling))
    scorer = ReadoutScorer(train.features, validation.features)
    nulls = nulls_by_units({"held_out": scorer}, train, validation, settings)
    summary["permutation"] = {units: null and null["held_out"].summary() for units, null in nulls.items()}
    return summary


def _nested(train: Spaces, folds: BaseCrossValidator) -> dict[str, Any]:
    splits = list(folds.split(train.features, groups=train.subtype if isinstance(folds, GroupKFold) else None))
    predicted = cross_val_predict(ridge(), train.features, train.coordinates, cv=splits)
    return _figures(np.reshape(predicted, train.coordinates.shape), train.coordinates)


def _figures(predicted: np.ndarray, observed: np.ndarray) -> dict[str, Any]:
    r = correlations(predicted, observed)
    return {"r": r.tolist(), "mean_r": float(r.mean())}
