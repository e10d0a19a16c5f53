"""A linear read-out: how much of the human coordinates any weighted sum of features could give."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import BaseCrossValidator, GroupKFold, KFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from rockspace.analysis.bootstrap import correlation_intervals
from rockspace.analysis.spaces import Spaces, correlations

FOLDS = 5
# Training images below which folds inside folds hold too little to choose a penalty by.
FEWEST = 15
# Penalties to choose from, in units of the standardised features' variance.
PENALTIES = np.logspace(-2, 6, 17)


def ridge() -> Pipeline:
    """Return ridge regression on standardised features; `fit` chooses each penalty by leave-one-out."""
    return make_pipeline(StandardScaler(), RidgeCV(PENALTIES, alpha_per_target=True))


def ridge_readout(train: Spaces, validation: Spaces, *, resamples: int, seed: int) -> dict[str, Any] | None:
    """Regress the human coordinates on the features.

    A read-out may weigh and shear where a rotation may not, so it bounds from above what a rotation can show.

    Args:
        train: Images to learn on; everything that is chosen is chosen on them.
        validation: Images to report on.
        resamples: Bootstrap resamples behind each interval.
        seed: Decides folds and resamples.

    Returns:
        `nested_cv` and `nested_cv_new_subtypes`: r inside the training images, from folds of images and of
        subtypes whose penalty was chosen without them (None for the latter with fewer than three subtypes);
        `held_out`: learnt on the training images, tried on the validation images; `penalty`: chosen for each
            dimension.
    """
    if len(train) < FEWEST:
        return None
    model = ridge().fit(train.features, train.coordinates)
    predicted = np.reshape(model.predict(validation.features), validation.coordinates.shape)
    folds = KFold(min(FOLDS, len(train)), shuffle=True, random_state=seed)
    subtypes = len(np.unique(train.label))
    summary: dict[str, Any] = {
        "penalty": np.broadcast_to(model[-1].alpha_, train.coordinates.shape[1]).tolist(),
        "nested_cv": _nested(train, folds),
        "nested_cv_new_subtypes": None,
        "held_out": _figures(predicted, validation.coordinates),
    }
    if subtypes >= 3:
        grouped = GroupKFold(min(FOLDS, subtypes), shuffle=True, random_state=seed)
        summary["nested_cv_new_subtypes"] = _nested(train, grouped)
    for key, groups in (("mean_r_ci", None), ("mean_r_ci_subtypes", validation.label)):
        ends = correlation_intervals(predicted, validation.coordinates, groups, resamples=resamples, seed=seed)
        summary["held_out"][key] = None if ends is None else ends[:, -1].tolist()
    return summary


def _nested(train: Spaces, folds: BaseCrossValidator) -> dict[str, Any]:
    splits = list(folds.split(train.features, groups=train.label if isinstance(folds, GroupKFold) else None))
    predicted = cross_val_predict(ridge(), train.features, train.coordinates, cv=splits)
    return _figures(np.reshape(predicted, train.coordinates.shape), train.coordinates)


def _figures(predicted: np.ndarray, observed: np.ndarray) -> dict[str, Any]:
    r = correlations(predicted, observed)
    return {"r": r.tolist(), "mean_r": float(r.mean())}
