"""The generalized context model: people put an image where the exemplars that it resembles are."""

from __future__ import annotations

from typing import Self

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from scipy.special import logsumexp
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from rockspace.alignment.spaces import UnusableSpaces, checked_space

# Random starting points are drawn such that the median distance to an exemplar times the sensitivity lies in here.
START_RANGE = (0.3, 10.0)
# Logarithms of the scaled squared sensitivities that are searched; below the lowest a dimension counts for nothing.
BOUNDS = (-20.0, 14.0)


class ExemplarModel(BaseEstimator):
    """Predicts how often people choose each category for an image, from where it lies among known exemplars.

    The distance of image i to exemplar j is d_ij = sqrt(sum_m w_m (x_im - x_jm)²), their similarity exp(-c d_ij), and
    the probability of a category the sum of the similarities of its exemplars, as a share of those of all exemplars.
    Sensitivity c and attention weights w (at least 0, sum 1) are fitted by maximum likelihood. There are no category
    biases, no response scaling and no memory strengths, so k dimensions cost k free parameters. An image that is
    itself an exemplar counts among its own exemplars.

    Args:
        exemplars: Where the exemplars lie, shape (m, k).
        categories: Category of each exemplar, shape (m,), integers from 0; each category has at least one.
        starts: Points that the search starts from: equal weights first, random ones after.
        seed: Decides the random ones.

    Attributes:
        sensitivity_: c, in units of one over the unit of the space, more than 0.
        weights_: w, shape (k,).
        log_likelihood_: Of the responses as they were given, one after the other (nats): without the multinomial
            coefficients, which no parameter changes.
        reached_: Log-likelihood reached from each start, highest first, shape (starts,).

    Example:
        >>> exemplars, categories = np.array([[0.0], [1.0], [5.0]]), np.array([0, 0, 1])
        >>> model = ExemplarModel(exemplars, categories).fit(np.array([[0.5], [4.0]]), np.array([[9, 1], [2, 8]]))
        >>> model.predict_proba(np.array([[2.5]])).round(2)
        array([[0.74, 0.26]])

    References:
        Nosofsky, R. M. (1986). Attention, similarity, and the identification-categorization relationship. Journal of
        Experimental Psychology: General 115, 39-57.
        Nosofsky, R. M., Sanders, C. A. & McDaniel, M. A. (2018). Tests of an exemplar-memory model of classification
        learning in a high-dimensional natural-science category domain. Journal of Experimental Psychology: General
        147, 328-353.
    """

    def __init__(self, exemplars: np.ndarray, categories: np.ndarray, *, starts: int = 6, seed: int = 0) -> None:
        self.exemplars = exemplars
        self.categories = categories
        self.starts = starts
        self.seed = seed

    def fit(self, X: np.ndarray, counts: np.ndarray, *, start: tuple[float, np.ndarray] | None = None) -> Self:
        """Find sensitivity and weights that make people's choices most likely.

        Args:
            X: Where the images lie, shape (n, k).
            counts: How often each category was chosen for each image, shape (n, categories).
            start: Sensitivity and weights near which the only start lies, as from a fit to similar choices; None
                starts from `starts` points.

        Raises:
            UnusableSpaces: Images, exemplars and counts do not fit together, or nothing was chosen.
        """
        squares, members = self._squares(X), self._members()
        counts = np.asarray(counts, dtype=np.float64)
        if counts.shape != (len(squares), members.shape[1]):
            raise UnusableSpaces(
                f"counts have shape {counts.shape}; needed: {len(squares)} images x {members.shape[1]} categories"
            )
        if not np.isfinite(counts).all() or (counts < 0).any() or not counts.any():
            raise UnusableSpaces("counts: every count must be finite and at least 0, and one at least 1")
        unit = squares.sum(axis=-1).mean()
        if unit == 0:
            raise UnusableSpaces("every image lies where every exemplar lies, so there is nothing to attend to")
        squares = squares / unit
        starts = self._starting_points(squares) if start is None else [np.log(start[0] ** 2 * unit * start[1] + 1e-6)]
        found = [_search(point, squares, counts, members) for point in starts]
        best = min(found, key=lambda result: result.fun)
        squared = np.exp(best.x) / unit
        self.sensitivity_ = float(np.sqrt(squared.sum()))
        self.weights_ = squared / squared.sum()
        self.log_likelihood_ = float(-best.fun * counts.sum())
        self.reached_ = -np.sort([result.fun for result in found]) * counts.sum()
        return self

    def predict_log_proba(self, X: np.ndarray) -> np.ndarray:
        """Return the logarithm of the probability of each category for each image, shape (n, categories)."""
        check_is_fitted(self)
        distances = np.sqrt(self._squares(X) @ (self.sensitivity_**2 * self.weights_))
        return _log_shares(distances, self._members())[0]

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return the probability of each category for each image, shape (n, categories)."""
        return np.exp(self.predict_log_proba(X))

    def _squares(self, X: np.ndarray) -> np.ndarray:
        """Squared differences between images and exemplars by dimension, shape (n, m, k)."""
        X = checked_space(X, "images", minimum=1, spread=False)
        exemplars = checked_space(self.exemplars, "exemplars", minimum=2)
        if X.shape[1] != exemplars.shape[1]:
            raise UnusableSpaces(f"images have {X.shape[1]} dimensions and exemplars {exemplars.shape[1]}")
        return (X[:, None] - exemplars) ** 2

    def _members(self) -> np.ndarray:
        """Which exemplar is of which category, shape (m, categories)."""
        categories = np.asarray(self.categories)
        if len(categories) != len(self.exemplars):
            raise UnusableSpaces(f"{len(self.exemplars)} exemplars, but {len(categories)} categories of exemplars")
        members = np.arange(categories.max() + 1) == categories[:, None]
        if members.shape[1] < 2 or not members.any(axis=0).all():
            raise UnusableSpaces("categories: at least two, numbered from 0, each with an exemplar")
        return members

    def _starting_points(self, squares: np.ndarray) -> list[np.ndarray]:
        rng, k = np.random.default_rng(self.seed), squares.shape[-1]
        weights = [np.full(k, 1 / k), *rng.dirichlet(np.ones(k), size=self.starts - 1)]
        reaches = [2.0, *np.exp(rng.uniform(np.log(START_RANGE[0]), np.log(START_RANGE[1]), size=self.starts - 1))]
        return [
            np.log((reach / max(np.median(np.sqrt(squares @ weight)), 1e-3)) ** 2 * weight + 1e-6)
            for weight, reach in zip(weights, reaches, strict=True)
        ]


def loss_and_gradient(
    logarithms: np.ndarray, squares: np.ndarray, counts: np.ndarray, members: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return the negative log-likelihood of an average response and its gradient.

    Sensitivity and weights are searched together as the logarithms of c² w_m: as many numbers as there are free
    parameters, and none out of range.

    Args:
        logarithms: Shape (k,).
        squares: Squared differences between images and exemplars, shape (n, m, k).
        counts: How often each category was chosen for each image, shape (n, categories).
        members: Which exemplar is of which category, shape (m, categories), bool.
    """
    scales = np.exp(logarithms)
    distances = np.sqrt(squares @ scales)
    log_shares, of_all, of_category = _log_shares(distances, members)
    total = counts.sum()
    chosen = counts @ members.T
    slope = chosen * of_category - counts.sum(axis=1, keepdims=True) * of_all
    # An image on top of an exemplar stays there whatever the scales are.
    slope = np.divide(slope, 2 * distances, out=np.zeros_like(slope), where=distances > 0)
    gradient = scales * np.einsum("nm,nmk->k", slope, squares)
    return float(-np.sum(counts * log_shares) / total), gradient / total


def _log_shares(distances: np.ndarray, members: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-probability of each category, and each exemplar's share among all exemplars and in its category."""
    log_all = logsumexp(-distances, axis=1, keepdims=True)
    log_category = np.stack(
        [logsumexp(-distances[:, category], axis=1) for category in np.ascontiguousarray(members.T)], axis=1
    )
    of_category = np.exp(-distances - log_category[:, members.argmax(axis=1)])
    return log_category - log_all, np.exp(-distances - log_all), of_category


def _search(start: np.ndarray, *given: np.ndarray) -> OptimizeResult:
    options = {"maxiter": 1000, "ftol": 1e-12, "gtol": 1e-7}
    start = np.clip(start, *BOUNDS)
    return minimize(
        loss_and_gradient, start, given, "L-BFGS-B", jac=True, bounds=[BOUNDS] * len(start), options=options
    )
