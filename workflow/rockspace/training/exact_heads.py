"""Heads that are solved rather than trained: penalised logistic and ridge regression on fixed features."""

import logging
from typing import Any

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold
from threadpoolctl import threadpool_limits

from rockspace.errors import RockspaceError
from rockspace.networks.objectives import COORDINATES, PREDICTIONS
from rockspace.training.features import Features

log = logging.getLogger(__name__)

FOLDS = 5
PENALTIES = np.logspace(0, -6, 13)
"""To choose from, strongest first; in units of the mean squared length of the centred features."""
PATIENCE = 2
"""Stop after this many weaker penalties without improvement; the weakest take the longest to solve."""
ROUGH, FINE = 1e-4, 1e-6
"""Largest slope of the mean loss at which a solution counts as found: while penalties are compared, and at the end."""


class Rows:
    """Every view of every image as a row, turned to the axes that the rows span and brought to mean squared length 1.

    A penalised solution never leaves the span of its rows, so no more axes than rows are needed, and none of the
    solutions depends on how the axes are turned.

    Args:
        features: Of the images to train on, standardized.

    Attributes:
        z: ``(n * (1 + n_views), r)`` float64; the rows of an image follow each other, the plain view first.
        image: ``(n * (1 + n_views),)`` the image of each row.
        plain: ``(n,)`` the row of each image's plain view.
    """

    def __init__(self, features: Features) -> None:
        views = np.concatenate([features.plain[:, None], features.views], axis=1).astype(np.float64)
        n, of_each, d = views.shape
        x = views.reshape(n * of_each, d)
        self.centre = x.mean(axis=0)
        x = x - self.centre
        self.axes = _axes(x)
        z = x @ self.axes
        self.unit = np.sqrt(np.mean(np.sum(z**2, axis=1))) or 1.0
        self.z = z / self.unit
        self.image = np.repeat(np.arange(n), of_each)
        self.plain = np.arange(n) * of_each

    def dense(self, weights: np.ndarray, intercept: np.ndarray) -> list[np.ndarray]:
        """Return kernel and bias on the features for ``weights`` ``(r, m)`` and ``intercept`` ``(m,)`` on ``z``."""
        kernel = self.axes @ weights / self.unit
        return [kernel, intercept - self.centre @ kernel]


def solve(head: keras.Model, features: Features, targets: Any, seed: int) -> dict[str, list[float]]:
    """Put the exact solutions into the layers of a linear head.

    Args:
        head: From `classifier.build_head` without dense layers; its outputs get their weights.
        features: Of the images to train on, standardized.
        targets: As from `objectives.Objective.targets` for these images.
        seed: Seed of the folds that choose the penalty: stratified by label, if there are labels, and all views of an
            image in one of them.

    Returns:
        The penalties that were chosen, as columns of a history of one row.

    Raises:
        RockspaceError: Where a label has fewer than two images.
    """
    outputs = targets if isinstance(targets, dict) else {head.layers[-1].name: targets}
    folds, chosen = _folds(features.label, seed), {}
    # Products of this size take a tenth of the time on one thread, which leaves no other waiting at every step; and the
    # last digits do not depend on the number of cores.
    with threadpool_limits(1):
        rows = Rows(features)
        if PREDICTIONS in outputs:
            weights, intercept, penalty = logistic(rows, features.label, folds)
            head.get_layer(PREDICTIONS).set_weights(rows.dense(weights, intercept))
            chosen["penalty"] = [penalty]
        if COORDINATES in outputs:
            weights, intercept, penalties = ridge(rows, np.asarray(outputs[COORDINATES], np.float64), folds)
            head.get_layer(COORDINATES).set_weights(rows.dense(weights, intercept))
            chosen |= {f"coordinates_penalty_{i + 1}": [float(penalty)] for i, penalty in enumerate(penalties)}
    log.info("exact solution: %s", ", ".join(f"{name} {value[0]:.2g}" for name, value in chosen.items()))
    return chosen


def logistic(rows: Rows, labels: np.ndarray, folds: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Fit multinomial logistic regression: mean cross-entropy of the rows, plus half the penalty times ``|W|^2``.

    Args:
        rows: What to fit on.
        labels: ``(n,)`` label index of each image.
        folds: ``(n,)`` fold of each image; the penalty is the one with the least cross-entropy of plain views left out.

    Returns:
        Weights ``(r, n_labels)``, intercept ``(n_labels,)`` and the penalty.
    """
    of_row, fold_of_row = labels[rows.image], folds[rows.image]
    # Each fit starts from that of the stronger penalty before, which saves most of the steps.
    models = {fold: LogisticRegression(tol=ROUGH, max_iter=2000, warm_start=True) for fold in np.unique(folds)}
    best, penalty = np.inf, float(PENALTIES[0])
    for i, weaker in enumerate(PENALTIES):
        loss = 0.0
        for fold, model in models.items():
            kept, left_out = fold_of_row != fold, folds == fold
            model.set_params(C=1 / (weaker * kept.sum())).fit(rows.z[kept], of_row[kept])
            probabilities = model.predict_proba(rows.z[rows.plain[left_out]])
            of_label = probabilities[np.arange(len(probabilities)), labels[left_out]]
            loss -= float(np.log(np.maximum(of_label, np.finfo(np.float64).tiny)).sum())
        if loss < best:
            best, penalty, since = loss, float(weaker), i
        elif i - since >= PATIENCE:
            break
    model = LogisticRegression(C=1 / (penalty * len(rows.z)), tol=FINE, max_iter=10_000)
    model.fit(rows.z, of_row)
    weights, intercept = model.coef_.T, model.intercept_
    if weights.shape[1] == 1:
        # Of two labels, scikit-learn gives the second's score alone.
        weights, intercept = weights * [-0.5, 0.5], intercept * np.array([-0.5, 0.5])
    return weights, intercept, penalty


def ridge(rows: Rows, targets: np.ndarray, folds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit ridge regression: mean squared error of the rows, plus the penalty times ``|w|^2``, for each dimension.

    Args:
        rows: What to fit on.
        targets: ``(n, k)`` of each image.
        folds: ``(n,)`` fold of each image; each dimension's penalty is the one with the least squared error of plain
            views left out.

    Returns:
        Weights ``(r, k)``, intercept ``(k,)`` and penalties ``(k,)``.
    """
    errors = np.zeros((len(PENALTIES), targets.shape[1]))
    for fold in np.unique(folds):
        left_out = folds == fold
        kept = ~left_out[rows.image]
        path = RidgePath(rows.z[kept], targets[rows.image][kept])
        for i, penalty in enumerate(PENALTIES):
            weights, intercept = path.at(np.full(targets.shape[1], penalty))
            predicted = rows.z[rows.plain[left_out]] @ weights + intercept
            errors[i] += np.sum((predicted - targets[left_out]) ** 2, axis=0)
    penalties = PENALTIES[errors.argmin(axis=0)]
    return *RidgePath(rows.z, targets[rows.image]).at(penalties), penalties


class RidgePath:
    """Ridge regression for any penalty, from one decomposition.

    Args:
        z: ``(n, r)``.
        y: ``(n, k)``.

    References:
        Hastie, T., Tibshirani, R. & Friedman, J. (2009). The elements of statistical learning, section 3.4.1.
    """

    def __init__(self, z: np.ndarray, y: np.ndarray) -> None:
        self.z_mean, self.y_mean = z.mean(axis=0), y.mean(axis=0)
        z = z - self.z_mean
        self.spread, self.axes = np.linalg.eigh(z.T @ z / len(z))
        self.slopes = self.axes.T @ (z.T @ (y - self.y_mean)) / len(z)

    def at(self, penalties: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return weights ``(r, k)`` and intercept ``(k,)`` for a penalty of each target."""
        weights = self.axes @ (self.slopes / (np.maximum(self.spread, 0)[:, None] + penalties))
        return weights, self.y_mean - self.z_mean @ weights


def _axes(x: np.ndarray) -> np.ndarray:
    """Return orthonormal axes ``(d, r)`` that span the rows of ``x`` ``(n, d)``, by the smaller of its two products."""
    n, d = x.shape
    if d <= n:
        return np.eye(d)
    spread, axes = np.linalg.eigh(x @ x.T)
    kept = spread > spread[-1] * n * np.finfo(np.float64).eps
    return x.T @ (axes[:, kept] / np.sqrt(spread[kept]))


def _folds(labels: np.ndarray, seed: int) -> np.ndarray:
    """Return the fold ``(n,)`` of each image, by which the penalty is chosen; stratified where there are labels."""
    has_labels = bool((labels >= 0).any())
    fewest = np.unique(labels, return_counts=True)[1].min()
    if has_labels and fewest < 2:
        raise RockspaceError(
            "config: train_head.solver: found exact; a label has a single image to train on, so its penalty cannot be "
            "chosen by cross-validation; add images or set it to gradient"
        )
    folds = np.empty(len(labels), int)
    splitter = (StratifiedKFold if has_labels else KFold)(min(FOLDS, fewest), shuffle=True, random_state=seed)
    for fold, (_, left_out) in enumerate(splitter.split(labels, labels)):
        folds[left_out] = fold
    return folds
