"""The generalized context model: people put an image where the exemplars that it resembles are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from scipy.special import expit, log_softmax, logsumexp, softmax

from rockspace.alignment.spaces import UnusableSpaces, checked_space

FREE, FREE_IN_EACH_SET = "free", "free in each set"

DEFAULTS: dict[str, float | str] = {
    "sensitivity": FREE,
    "response_scaling": 1.0,
    "weights": "equal",
    "guessing": 0.0,
    "biases": "equal",
    "metric": 2.0,
    "decay": 1.0,
    "strengths": "equal",
}
"""The parameters, and what they are if nothing else is said: a number, ``equal``, or fitted."""

# The ranges in which a parameter is searched, on the scale of the search; beyond them nothing changes any more.
_LOG_RANGES = {
    "sensitivity": (-12.0, 8.0),
    "response_scaling": (-5.0, 5.0),
    "metric": (np.log(0.5), np.log(8.0)),
    "decay": (np.log(0.2), np.log(5.0)),
    "guessing": (-12.0, 12.0),
    "weights": (-15.0, 15.0),
    "biases": (-15.0, 15.0),
    "strengths": (-8.0, 8.0),
}
_VECTORS = ("weights", "biases", "strengths")


@dataclass(frozen=True)
class CategorySet:
    """What people studied and what they chose, in one condition of an experiment.

    Attributes:
        exemplars: Where the studied images lie, shape (m, k).
        categories: Category of each, shape (m,), integers from 0; each category has at least one.
        images: Where the images lie that people were asked about, shape (n, k); studied ones may be among them.
        counts: How often each category was chosen for each image, shape (n, categories).
        groups: Group of each exemplar, shape (m,), integers from 0, whose memory strengths may differ, as of images that
            were studied more often; None for one group.
    """

    exemplars: np.ndarray
    categories: np.ndarray
    images: np.ndarray
    counts: np.ndarray
    groups: np.ndarray | None = None

    def __post_init__(self) -> None:
        exemplars = checked_space(self.exemplars, "exemplars", minimum=2)
        images = checked_space(self.images, "images", minimum=1, spread=False)
        categories, counts = np.asarray(self.categories), np.asarray(self.counts, dtype=np.float64)
        if images.shape[1] != exemplars.shape[1]:
            raise UnusableSpaces(f"images have {images.shape[1]} dimensions and exemplars {exemplars.shape[1]}")
        if len(categories) != len(exemplars):
            raise UnusableSpaces(f"{len(exemplars)} exemplars, but {len(categories)} categories of exemplars")
        if set(categories.tolist()) != set(range(categories.max() + 1)) or categories.max() < 1:
            raise UnusableSpaces("categories: at least two, numbered from 0, each with an exemplar")
        if counts.shape != (len(images), categories.max() + 1):
            raise UnusableSpaces(
                f"counts have shape {counts.shape}; needed: {len(images)} images x {categories.max() + 1} categories"
            )
        if not np.isfinite(counts).all() or (counts < 0).any():
            raise UnusableSpaces("counts: every count must be finite and at least 0")
        for name, value in (
            ("exemplars", exemplars),
            ("categories", categories),
            ("images", images),
            ("counts", counts),
        ):
            object.__setattr__(self, name, value)
        groups = np.zeros(len(exemplars), dtype=int) if self.groups is None else np.asarray(self.groups)
        object.__setattr__(self, "groups", groups)

    @property
    def n_categories(self) -> int:
        """Return how many categories people could choose from."""
        return self.counts.shape[1]

    def prototypes(self) -> CategorySet:
        """Return the same with the mean of each category's exemplars as its only one: the prototype model."""
        means = [self.exemplars[self.categories == k].mean(axis=0) for k in range(self.n_categories)]
        return replace(self, exemplars=np.stack(means), categories=np.arange(self.n_categories), groups=None)


@dataclass(frozen=True)
class Fit:
    """Parameters found.

    Attributes:
        parameters: For each set, the values by name: numbers, or arrays for ``weights`` (k,), ``biases`` (categories,) and
            ``strengths`` (groups,).
        log_likelihood: Of all responses as they were given, one after the other (nats): without the multinomial
            coefficients, which no parameter changes.
        n_parameters: How many numbers were fitted.
        reached: Log-likelihood reached from each start, highest first.
        search: The vector that the search ended at, from which a search for similar choices may start.
    """

    parameters: list[dict[str, Any]]
    log_likelihood: float
    n_parameters: int
    reached: np.ndarray
    search: np.ndarray = field(repr=False)


def fit(
    sets: Sequence[CategorySet],
    settings: Mapping[str, float | str] | None = None,
    *,
    shrinkage: float = 0.0,
    starts: int = 6,
    seed: int = 0,
    start: np.ndarray | None = None,
) -> Fit:
    """Find the parameters that make people's choices most likely, in one or several sets of categories.

    Args:
        sets: One for each condition.
        settings: Of any of `DEFAULTS`: a number or ``equal`` for a fixed value, ``free`` for one that is fitted, the same in
            all sets, or ``free in each set``.
        shrinkage: Draws free weights to equal ones: so many nats for each nat of the divergence of the weights from equal
            ones; 0 for none.
        starts: Points that the search starts from: a plain one first, random ones after.
        seed: Decides the random ones.
        start: A vector to start from alone, as `Fit.search` of a fit with the same settings.

    Raises:
        UnusableSpaces: The sets and settings do not fit together, or nothing was chosen.
    """
    layout = _Layout(sets, settings or {})
    total = sum(each.counts.sum() for each in sets)
    if total == 0:
        raise UnusableSpaces("counts: nothing was chosen")
    if layout.size == 0:
        loss = sum(_loss(each, layout.values(np.empty(0), i))[0] for i, each in enumerate(sets))
        return Fit([layout.values(np.empty(0), i) for i in range(len(sets))], -loss, 0, np.array([-loss]), np.empty(0))

    def objective(vector: np.ndarray) -> tuple[float, np.ndarray]:
        loss, gradient = 0.0, np.zeros_like(vector)
        for i, each in enumerate(sets):
            part, slopes = _loss(each, layout.values(vector, i))
            loss += part
            layout.add_gradient(gradient, vector, i, slopes)
        if shrinkage:
            penalty, slope = layout.penalty(vector)
            loss, gradient = loss + shrinkage * penalty, gradient + shrinkage * slope
        return loss / total, gradient / total

    points = layout.starts(starts, seed) if start is None else [np.asarray(start)]
    found = [_search(objective, point, layout.bounds) for point in points]
    best = min(found, key=lambda result: result.fun).x
    values = [layout.values(best, i) for i in range(len(sets))]
    likelihood = -sum(_loss(each, value)[0] for each, value in zip(sets, values, strict=True))
    return Fit(values, float(likelihood), layout.n_parameters, -np.sort([r.fun for r in found]) * total, best)


def log_probabilities(images: np.ndarray, studied: CategorySet, parameters: Mapping[str, Any]) -> np.ndarray:
    """Return the logarithm of the probability of each category, shape (n, categories), for images (n, k)."""
    return _forward(np.asarray(images, dtype=np.float64), studied, parameters).log_p


def information(sets: Sequence[CategorySet], settings: Mapping[str, float | str], found: Fit) -> np.ndarray:
    """Return the observed information at a fit, on the scale of the search, shape (size, size), by central differences.

    Its inverse approximates the covariance of the estimates; an eigenvalue near zero is a direction that the choices leave open.
    """
    layout, step = _Layout(sets, settings), 1e-4
    rows = []
    for i in range(layout.size):
        ends = []
        for sign in (1, -1):
            vector, gradient = found.search.copy(), np.zeros(layout.size)
            vector[i] += sign * step
            for j, each in enumerate(sets):
                layout.add_gradient(gradient, vector, j, _loss(each, layout.values(vector, j))[1])
            ends.append(gradient)
        rows.append((ends[0] - ends[1]) / (2 * step))
    matrix = np.stack(rows)
    return (matrix + matrix.T) / 2


class _Layout:
    """Where each parameter of each set stands in the vector that is searched, and on which scale."""

    def __init__(self, sets: Sequence[CategorySet], settings: Mapping[str, float | str]) -> None:
        unknown = sorted(set(settings) - set(DEFAULTS))
        if unknown:
            raise UnusableSpaces(f"{unknown[0]!r} is no parameter; allowed: {', '.join(DEFAULTS)}")
        self.sets, self.settings = sets, DEFAULTS | dict(settings)
        self.places: dict[tuple[str, int], slice] = {}
        self.bounds: list[tuple[float, float]] = []
        self.n_parameters = 0
        for name, setting in self.settings.items():
            if setting not in (FREE, FREE_IN_EACH_SET):
                continue
            lengths = [self._length(name, each) for each in sets]
            shared = setting == FREE
            if shared and len(set(lengths)) > 1:
                raise UnusableSpaces(f"{name}: sets of different sizes cannot share it; set it to {FREE_IN_EACH_SET!r}")
            for i, length in enumerate(lengths):
                if i == 0 or not shared:
                    first = len(self.bounds)
                    place = slice(first, first + length)
                    self.bounds += [_LOG_RANGES[name]] * length
                    # Of shares that sum to 1, and of strengths relative to those of the first group, one is not free.
                    self.n_parameters += length - (name in _VECTORS)
                self.places[name, i] = place
        self.size = len(self.bounds)

    @staticmethod
    def _length(name: str, each: CategorySet) -> int:
        sizes = {
            "weights": each.exemplars.shape[1],
            "biases": each.n_categories,
            "strengths": int(each.groups.max()) + 1,
        }
        return sizes.get(name, 1)

    def values(self, vector: np.ndarray, i: int) -> dict[str, Any]:
        """The parameters of a set."""
        values: dict[str, Any] = {}
        for name, setting in self.settings.items():
            length = self._length(name, self.sets[i])
            if (name, i) not in self.places:
                share = name in ("weights", "biases")
                values[name] = (
                    (np.full(length, 1 / length) if share else np.ones(length)) if name in _VECTORS else float(setting)
                )
                continue
            part = vector[self.places[name, i]]
            if name in ("weights", "biases"):
                values[name] = softmax(part)
            elif name == "strengths":
                values[name] = np.exp(part - part[0])
            else:
                values[name] = float(expit(part[0]) if name == "guessing" else np.exp(part[0]))
        return values

    def add_gradient(self, gradient: np.ndarray, vector: np.ndarray, i: int, slopes: Mapping[str, Any]) -> None:
        """Add what a set contributes; ``slopes`` are by the parameters themselves, or their logarithms for strengths."""
        values = self.values(vector, i)
        for (name, number), place in self.places.items():
            if number != i:
                continue
            value, slope = values[name], slopes[name]
            if name in ("weights", "biases"):
                gradient[place] += value * (slope - value @ slope)
            elif name == "strengths":
                gradient[place] += slope
                gradient[place.start] -= slope.sum()
            elif name == "guessing":
                gradient[place] += slope * value * (1 - value)
            else:
                gradient[place] += slope * value

    def penalty(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        """Divergence of equal weights from the fitted ones, in nats, and its gradient."""
        total, gradient = 0.0, np.zeros_like(vector)
        for place in {(p.start, p.stop) for (name, _), p in self.places.items() if name == "weights"}:
            part = vector[slice(*place)]
            k = len(part)
            total += float(-np.log(k) - log_softmax(part).mean())
            gradient[slice(*place)] += softmax(part) - 1 / k
        return total, gradient

    def starts(self, number: int, seed: int) -> list[np.ndarray]:
        """The points that the search starts from."""
        rng, points = np.random.default_rng(seed), []
        median = np.median(
            [
                np.median(_distances(each.images, each.exemplars, self.values(np.zeros(self.size), i)["weights"], 2.0))
                for i, each in enumerate(self.sets)
            ]
        )
        for start in range(number):
            point = np.zeros(self.size)
            for (name, _), place in self.places.items():
                length, random = place.stop - place.start, start > 0
                if name == "sensitivity":
                    reach = np.exp(rng.uniform(np.log(0.3), np.log(10.0))) if random else 2.0
                    point[place] = np.log(reach / max(median, 1e-9))
                elif name == "guessing":
                    point[place] = -4.0
                elif random:
                    point[place] = rng.normal(
                        scale=1.0 if name in ("weights", "response_scaling") else 0.3, size=length
                    )
            points.append(point)
        return points


@dataclass(frozen=True)
class _Forward:
    log_p: np.ndarray  # (n, categories)
    log_share: np.ndarray  # (n, categories): logarithms of probabilities before guessing
    log_sums: np.ndarray  # (n, categories): logarithms of the summed similarities
    of_category: np.ndarray  # (n, m): each exemplar's share of its category's sum
    distances: np.ndarray  # (n, m)


def _distances(images: np.ndarray, exemplars: np.ndarray, weights: np.ndarray, metric: float) -> np.ndarray:
    return (np.abs(images[:, None] - exemplars) ** metric @ weights) ** (1 / metric)


def _forward(images: np.ndarray, studied: CategorySet, values: Mapping[str, Any]) -> _Forward:
    distances = _distances(images, studied.exemplars, values["weights"], values["metric"])
    log_similarities = (
        np.log(values["strengths"])[studied.groups] - values["sensitivity"] * distances ** values["decay"]
    )
    members = [studied.categories == k for k in range(studied.n_categories)]
    log_sums = np.stack([logsumexp(log_similarities[:, member], axis=1) for member in members], axis=1)
    log_share = log_softmax(np.log(values["biases"]) + values["response_scaling"] * log_sums, axis=1)
    guessing = values["guessing"]
    log_p = log_share
    if guessing:
        log_p = np.logaddexp(np.log1p(-guessing) + log_share, np.log(guessing / studied.n_categories))
    return _Forward(log_p, log_share, log_sums, np.exp(log_similarities - log_sums[:, studied.categories]), distances)


def _loss(each: CategorySet, values: Mapping[str, Any]) -> tuple[float, dict[str, Any]]:
    """Return the negative log-likelihood of a set, and its gradient by the parameters (logarithms of strengths)."""
    now, counts, n = _forward(each.images, each, values), each.counts, each.n_categories
    loss = -float(np.sum(counts * now.log_p))
    guessing, sensitivity, decay, metric = (values[name] for name in ("guessing", "sensitivity", "decay", "metric"))
    by_share = -(1 - guessing) * counts * np.exp(now.log_share - now.log_p)
    by_log_bias = by_share - np.exp(now.log_share) * by_share.sum(axis=1, keepdims=True)
    # Without guessing, a share may be too small for a number, and nobody asks for this slope.
    by_guessing = -np.sum(counts * (1 / n - np.exp(now.log_share)) * np.exp(-now.log_p)) if guessing else 0.0
    by_log_sum = values["response_scaling"] * by_log_bias
    by_log_similarity = by_log_sum[:, each.categories] * now.of_category
    powered = now.distances**decay
    # An image on top of an exemplar stays there whatever the parameters are.
    apart = now.distances > 0
    log_distance = np.log(now.distances, out=np.zeros_like(powered), where=apart)
    by_log_distance = -sensitivity * decay * by_log_similarity * powered
    differences = np.abs(each.images[:, None] - each.exemplars)
    raised = differences**metric
    sums = now.distances**metric
    per_sum = np.divide(by_log_distance, sums, out=np.zeros_like(sums), where=apart)
    log_difference = np.log(differences, out=np.zeros_like(differences), where=differences > 0)
    by_metric = np.sum(per_sum * ((raised * log_difference) @ values["weights"])) / metric
    by_metric -= np.sum(by_log_distance * log_distance) / metric
    return loss, {
        "sensitivity": -np.sum(by_log_similarity * powered),
        "response_scaling": np.sum(by_log_bias * now.log_sums),
        "weights": np.einsum("nm,nmk->k", per_sum, raised) / metric,
        "guessing": by_guessing,
        "biases": by_log_bias.sum(axis=0) / values["biases"],
        "metric": by_metric,
        "decay": -sensitivity * np.sum(by_log_similarity * powered * log_distance),
        "strengths": np.bincount(each.groups, by_log_similarity.sum(axis=0)),
    }


def _search(objective: Any, start: np.ndarray, bounds: list[tuple[float, float]]) -> OptimizeResult:
    options = {"maxiter": 2000, "maxfun": 20000, "ftol": 1e-13, "gtol": 1e-8}
    low, high = np.transpose(bounds)
    return minimize(objective, np.clip(start, low, high), method="L-BFGS-B", jac=True, bounds=bounds, options=options)
