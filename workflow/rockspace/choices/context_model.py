"""The generalized context model: people put an image where the exemplars that it resembles are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from scipy.spatial.distance import cdist
from scipy.special import expit, log_softmax, softmax

from rockspace.alignment.spaces import UnusableSpaces, checked_space

FREE, FREE_BY_CONDITION, EQUAL = "free", "free by condition", "equal"

DEFAULTS: dict[str, float | str] = {
    "sensitivity": FREE,
    "response_scaling": 1.0,
    "weights": EQUAL,
    "guessing": 0.0,
    "biases": EQUAL,
    "metric": 2.0,
    "decay": 1.0,
    "strengths": EQUAL,
}
"""The parameters, and what they are if nothing else is said: a number, ``equal``, or fitted."""

# The ranges in which a parameter is searched, on the scale of the search; beyond them nothing changes any more. That of
# the sensitivity is for a mean distance of 1.
_RANGES = {
    "sensitivity": (-12.0, 8.0),
    "response_scaling": (-5.0, 5.0),
    "metric": (np.log(0.5), np.log(8.0)),
    "decay": (np.log(0.2), np.log(5.0)),
    "guessing": (-12.0, 12.0),
    "weights": (-15.0, 15.0),
    "biases": (-15.0, 15.0),
    "strengths": (-8.0, 8.0),
}
VECTORS = ("weights", "biases", "strengths")
"""Parameters of several numbers."""

# As close to the end of its range (on the scale of the search) a parameter counts as being there.
_AT_BOUND = 1e-3
# Numbers that are kept for the pairs of an image and an exemplar, in arrays of which a fit holds several (0.4 GB each).
_MOST_PAIRS = 50_000_000
# Step of the central differences behind the information, on the scale of the search.
_STEP = 1e-4
# A search near a fit ends where no slope is steeper than this (nats), and takes curvatures below that as none.
_NEAR, _FLAT = 1e-2, 1.0
# Curvature (nats) below which the logarithm of a parameter has a standard error of more than 10, along an axis of the information in
# which the parameter has at least this part. Numbers of a vector: which changes one by at least this part of their mean.
_INFORMATIVE, _PART = 1e-2, 0.1
# Least curvature (nats) that tells a direction apart from one that the choices leave open.
_OPEN = 1e-6


@dataclass(frozen=True)
class CategorySet:
    """What people studied and what they were shown, in one condition of an experiment.

    Attributes:
        exemplars: Where the studied images lie, shape (m, k).
        categories: Category of each, shape (m,), integers from 0; each category has at least one.
        images: Where the images lie that people were asked about, shape (n, k); studied ones may be among them.
        groups: Group of each exemplar, shape (m,), integers from 0, whose memory strengths may differ, as of images that
            were studied more often; the same number is the same group in all conditions, none of which needs all groups. Left
            out, there is one group.
        pools: Where responses to several images were counted together, as in a confusion matrix of labels: the row of the
            counts that each image belongs to, shape (n,), integers from 0; left out, each has its own. Images of a pool
            count as shown equally often.
    """

    exemplars: np.ndarray
    categories: np.ndarray
    images: np.ndarray
    groups: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=int))
    pools: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=int))

    def __post_init__(self) -> None:
        exemplars = checked_space(self.exemplars, "exemplars", minimum=2)
        images = checked_space(self.images, "images", minimum=1, spread=False)
        categories = np.asarray(self.categories)
        if images.shape[1] != exemplars.shape[1]:
            raise UnusableSpaces(f"images have {images.shape[1]} dimensions and exemplars {exemplars.shape[1]}")
        if len(categories) != len(exemplars):
            raise UnusableSpaces(f"{len(exemplars)} exemplars, but {len(categories)} categories of exemplars")
        if set(categories.tolist()) != set(range(categories.max() + 1)) or categories.max() < 1:
            raise UnusableSpaces("categories: at least two, numbered from 0, each with an exemplar")
        groups = np.asarray(self.groups) if len(self.groups) else np.zeros(len(exemplars), dtype=int)
        pools = np.asarray(self.pools) if len(self.pools) else np.arange(len(images))
        if len(groups) != len(exemplars) or groups.dtype.kind not in "iu" or (groups < 0).any():
            raise UnusableSpaces(f"groups: needed: {len(exemplars)} whole numbers from 0")
        if len(pools) != len(images) or set(pools.tolist()) != set(range(pools.max() + 1)):
            raise UnusableSpaces(f"pools: needed: {len(images)} numbers, counted from 0 without gaps")
        # Sorted by category, so that the sum over a category is one over neighbours.
        order = np.argsort(categories, kind="stable")
        values = {"exemplars": exemplars[order], "categories": categories[order], "groups": groups[order]}
        for name, value in (values | {"images": images, "pools": pools}).items():
            object.__setattr__(self, name, value)

    @property
    def n_categories(self) -> int:
        """Return how many categories people could choose from."""
        return int(self.categories.max()) + 1

    @property
    def n_rows(self) -> int:
        """Return how many rows the counts have."""
        return int(self.pools.max()) + 1

    def prototypes(self) -> CategorySet:
        """Return the same with the mean of each category's exemplars as its only one: the prototype model."""
        means = [self.exemplars[self.categories == k].mean(axis=0) for k in range(self.n_categories)]
        return replace(
            self, exemplars=np.stack(means), categories=np.arange(self.n_categories), groups=np.empty(0, dtype=int)
        )


@dataclass(frozen=True)
class Fit:
    """Parameters found.

    Attributes:
        parameters: For each set, the values by name: numbers, or arrays for ``weights`` (k,), ``biases`` (categories,) and
            ``strengths`` (groups of all sets,), 1 for a group that plays no part.
        log_likelihood: Of all responses as they were given, one after the other (nats): without the multinomial
            coefficients, which no parameter changes.
        search: The vector that the search ended at, from which a search for similar choices may start.
        information: The observed information there, on the scale of the search, shape (size, size). Its inverse approximates
            the covariance of the estimates; an eigenvalue near zero is a direction that the choices leave open.
    """

    parameters: list[dict[str, Any]]
    log_likelihood: float
    search: np.ndarray = field(repr=False)
    information: np.ndarray = field(repr=False)


class ContextModel:
    """Predicts how often people choose each category for an image, from where it lies among those that they studied.

    The distance of image i to exemplar j is d_ij = (Σ_m w_m |x_im - x_jm|^r)^(1/r), their similarity
    s_ij = exp(-c d_ij^q), and the evidence for category K is E_K = Σ_(j in K) v_j s_ij. It is chosen with probability
    (1 - g) b_K E_K^G / Σ_L b_L E_L^G + g / categories. An image that is itself an exemplar counts among its own exemplars.

    Args:
        sets: One for each condition.
        settings: Of any of `DEFAULTS`: a number or ``equal`` for a fixed value, ``free`` for one that is fitted, the same in
            all sets, or ``free by condition``. ``sensitivity`` is c, more than 0, ``response_scaling`` G (gamma in the
            literature), ``weights`` w (at least 0, on average 1, so that equal ones leave distances as they are), ``guessing`` g,
            ``biases`` b (sum 1), ``metric`` r (0.5 to 8), ``decay`` q (0.2 to 5), ``strengths`` v, relative to those of the first
            group (by condition: the first of the condition).
        shrinkage: Draws free weights to equal ones: so many nats for each nat of the divergence of the weights from equal
            ones, at least 0.
        starts: Points that the search starts from: a plain one first, random ones after.
        seed: Decides the random ones.

    Attributes:
        n_parameters: How many numbers are fitted.

    Raises:
        UnusableSpaces: The sets and settings do not fit together.

    Example:
        >>> studied = CategorySet(np.array([[0.0], [1.0], [5.0]]), np.array([0, 0, 1]), np.array([[0.5], [4.0]]))
        >>> model = ContextModel([studied])
        >>> found = model.fit([np.array([[9, 1], [2, 8]])])
        >>> np.exp(model.log_probabilities(found.parameters)[0]).round(2)
        array([[0.96, 0.04],
               [0.3 , 0.7 ]])

    References:
        Nosofsky, R. M. (1986). Attention, similarity, and the identification-categorization relationship. Journal of
        Experimental Psychology: General 115, 39-57.
        Ashby, F. G. & Maddox, W. T. (1993). Relations between prototype, exemplar, and decision bound models of
        categorization. Journal of Mathematical Psychology 37, 372-400. (Response scaling.)
        Nosofsky, R. M., Sanders, C. A. & McDaniel, M. A. (2018). Tests of an exemplar-memory model of classification
        learning in a high-dimensional natural-science category domain. Journal of Experimental Psychology: General
        147, 328-353.
    """

    def __init__(
        self,
        sets: Sequence[CategorySet],
        settings: Mapping[str, float | str] | None = None,
        *,
        shrinkage: float = 0.0,
        starts: int = 6,
        seed: int = 0,
    ) -> None:
        unknown = sorted(set(settings or {}) - set(DEFAULTS))
        if unknown:
            raise UnusableSpaces(f"{unknown[0]!r} is no parameter; allowed: {', '.join(DEFAULTS)}")
        self.sets, self.settings = list(sets), DEFAULTS | dict(settings or {})
        self.shrinkage, self.n_starts, self.seed = shrinkage, starts, seed
        self.n_parameters = 0
        self._terms = [_Terms.of(each, self.settings) for each in self.sets]
        decay = self.settings["decay"]
        # Logarithm of the sensitivity that goes with a mean distance: the unit of a space is arbitrary.
        self._unit = -np.log(np.mean([terms.plain_distances().mean() for terms in self._terms]))
        self._unit *= 1.0 if isinstance(decay, str) else decay
        self._n_groups = 1 + max(int(each.groups.max()) for each in self.sets)
        self._places: dict[tuple[str, int], slice] = {}
        self._bounds: list[tuple[float, float]] = []
        self._groups = self._groups_fitted()
        for name, setting in self.settings.items():
            if setting in (FREE, FREE_BY_CONDITION):
                self._place(name, shared=setting == FREE)
        self._free = {name for name, _ in self._places}

    def fit(self, counts: Sequence[np.ndarray], *, start: Fit | None = None) -> Fit:
        """Find the parameters that make people's choices most likely.

        Args:
            counts: How often each category was chosen, for each set of shape (rows, categories).
            start: A fit of this model to similar choices, near which alone is searched; None starts from several points.

        Raises:
            UnusableSpaces: Counts of another shape, below 0 or not finite, or nothing was chosen.
        """
        counts = self._checked(counts)
        total = sum(float(each.sum()) for each in counts)

        def objective(vector: np.ndarray) -> tuple[float, np.ndarray]:
            loss, gradient = self._loss(vector, counts)
            penalty, slope = self._penalty(vector)
            return (loss + penalty) / total, (gradient + slope) / total

        if not self._bounds:
            found = [OptimizeResult(x=np.empty(0), fun=objective(np.empty(0))[0])]
        elif start is not None:
            found = [self._search_near(objective, start, total)]
        else:
            found = [_search(objective, point, self._bounds) for point in self._starting_points()]
        best = min(found, key=lambda result: result.fun).x
        values = [self._values(best, i) for i in range(len(self.sets))]
        information = total * _curvature(objective, best) if start is None else start.information
        return Fit(values, -self._loss(best, counts)[0], best, information)

    def log_probabilities(self, parameters: Sequence[Mapping[str, Any]]) -> list[np.ndarray]:
        """Return the logarithm of the probability of each category, for each set of shape (rows, categories).

        Args:
            parameters: Of each set, as in `Fit.parameters`; those that are left out are as fixed, or equal.
        """
        found = []
        for i, (terms, given) in enumerate(zip(self._terms, parameters, strict=True)):
            known = self._values(np.zeros(len(self._bounds)), i)
            values = known | dict(given)
            if any(not np.array_equal(values[name], known[name]) for name in ("weights", "metric")):
                terms = replace(terms, raised=None, distances=None)
            found.append(_pooled(_forward(terms, values).log_p, terms.set))
        return found

    def correlation(self, found: Fit, one: str, other: str) -> float | None:
        """Return how two free numbers correlate over repetitions of the experiment, from the observed information.

        Near 1 or -1, the choices determine one of them only given the other.

        Args:
            found: A fit.
            one: Name of a parameter of one number, in the first set.
            other: Name of another.

        Returns:
            In [-1, 1]; None where one is not fitted.
        """
        if not {(one, 0), (other, 0)} <= set(self._places):
            return None
        covariance = _inverse(found.information, _OPEN)
        i, j = (self._places[name, 0].start for name in (one, other))
        return float(covariance[i, j] / np.sqrt(covariance[i, i] * covariance[j, j]))

    def undetermined(self, found: Fit) -> list[str]:
        """Return the names of the parameters of which the choices leave a number open; see `fitted_numbers`."""
        open_ = {name for (name, _), each in self.fitted_numbers(found).items() if any(each.values())}
        return [name for name in DEFAULTS if name in open_]

    def fitted_numbers(self, found: Fit) -> dict[tuple[str, int], dict[int, bool]]:
        """Return which numbers are fitted, and whether the choices leave each open.

        It ended at an end of its range, or can change, alone or together with others, without changing the likelihood. A number
        of a vector that vanished, as the attention to a dimension may, is known to be about zero.

        Args:
            found: A fit.

        Returns:
            By parameter and set (the first, if all share it), by index within the parameter's values.
        """
        at_end = self._at_end(found.search)
        information = found.information.copy()
        for start, stop in {(p.start, p.stop) for (name, _), p in self._places.items() if name in VECTORS}:
            # Numbers of which only the ratios count: their common level is no parameter.
            information[start:stop, start:stop] += 1.0
        values, axes = np.linalg.eigh(information)
        steps = [*axes[:, values < _INFORMATIVE].T, *np.eye(len(at_end))[at_end]]
        steps += [-step for step in steps]
        numbers: dict[tuple[str, int], dict[int, bool]] = {}
        for (name, i), place in self._places.items():
            if i > 0 and self.settings[name] == FREE:
                continue
            if name in VECTORS:
                value = found.parameters[i][name]
                moves = [np.abs(self._values(found.search + step, i)[name] - value) / value.mean() for step in steps]
                index = self._groups[i] if name == "strengths" else np.arange(len(value))
            else:
                moves, index = [np.abs(step[place]) for step in steps], np.arange(1)
            numbers[name, i] = {int(j): any(move[j] > _PART for move in moves) for j in index}
        return numbers

    def _at_end(self, point: np.ndarray) -> np.ndarray:
        """Which numbers of a search are at an end of their range, shape (size,), bool."""
        low, high = np.reshape(self._bounds, (-1, 2)).T
        return (point < low + _AT_BOUND) | (point > high - _AT_BOUND)

    def _search_near(self, objective: Any, start: Fit, total: float) -> OptimizeResult:
        """Search from a fit to similar choices, whose curvature makes a few steps enough."""
        low, high = np.reshape(self._bounds, (-1, 2)).T
        if not self._at_end(start.search).any() and not self.undetermined(start):
            options = {"hess_inv0": total * _inverse(start.information, _FLAT), "gtol": _NEAR / total}
            found = minimize(objective, start.search, method="BFGS", jac=True, options=options)
            if np.all((low < found.x) & (found.x < high)):
                return found
        return _search(objective, start.search, self._bounds)

    def _groups_fitted(self) -> list[np.ndarray]:
        """The groups of exemplars whose strengths each set knows: all that are shared, or its own."""
        own = [np.unique(each.groups) for each in self.sets]
        setting = self.settings["strengths"]
        if setting != EQUAL and max(map(len, own)) < 2:
            raise UnusableSpaces(
                f"strengths: no condition has exemplars of two groups, which alone can be compared; give groups, or set it to {EQUAL!r}"
            )
        return [np.unique(np.concatenate(own))] * len(own) if setting == FREE else own

    def _place(self, name: str, *, shared: bool) -> None:
        lengths = [
            len(groups) if name == "strengths" else self._length(name, each)
            for each, groups in zip(self.sets, self._groups, strict=True)
        ]
        if shared and len(set(lengths)) > 1:
            raise UnusableSpaces(f"{name}: sets of different sizes cannot share it; set it to {FREE_BY_CONDITION!r}")
        for i, length in enumerate(lengths):
            if name in VECTORS and length == 1:
                continue  # only ratios count, and there is none
            if i == 0 or not shared:
                place = slice(len(self._bounds), len(self._bounds) + length)
                low, high = np.add(_RANGES[name], self._unit if name == "sensitivity" else 0.0)
                self._bounds += [(low, high)] * length
                # Of weights and biases with a fixed sum, and of strengths relative to the first group's, one is not free.
                self.n_parameters += length - (name in VECTORS)
            self._places[name, i] = place

    def _length(self, name: str, each: CategorySet) -> int:
        """How many values a parameter has in a set."""
        sizes = {"weights": each.exemplars.shape[1], "biases": each.n_categories, "strengths": self._n_groups}
        return sizes.get(name, 1)

    def _checked(self, counts: Sequence[np.ndarray]) -> list[np.ndarray]:
        counts = [np.asarray(each, dtype=np.float64) for each in counts]
        if len(counts) != len(self.sets):
            raise UnusableSpaces(f"counts of {len(counts)} sets; needed: {len(self.sets)}")
        for studied, each in zip(self.sets, counts, strict=True):
            needed = studied.n_rows, studied.n_categories
            if each.shape != needed:
                raise UnusableSpaces(
                    f"counts have shape {each.shape}; needed: {needed[0]} images x {needed[1]} categories"
                )
            if not np.isfinite(each).all() or (each < 0).any():
                raise UnusableSpaces("counts: every count must be finite and at least 0")
        if not any(each.any() for each in counts):
            raise UnusableSpaces("counts: nothing was chosen")
        return counts

    def _values(self, vector: np.ndarray, i: int) -> dict[str, Any]:
        """The parameters of a set."""
        values: dict[str, Any] = {}
        for name, setting in self.settings.items():
            if (name, i) not in self._places:
                ones = np.ones(self._length(name, self.sets[i]))
                equal = ones / len(ones) if name == "biases" else ones
                values[name] = equal if name in VECTORS else float(setting)
                continue
            part = vector[self._places[name, i]]
            match name:
                case "weights":
                    values[name] = len(part) * softmax(part)
                case "biases":
                    values[name] = softmax(part)
                case "strengths":
                    values[name] = np.ones(self._n_groups)
                    values[name][self._groups[i]] = np.exp(part - part[0])
                case "guessing":
                    values[name] = float(expit(part[0]))
                case _:
                    values[name] = float(np.exp(part[0]))
        return values

    def _loss(self, vector: np.ndarray, counts: Sequence[np.ndarray]) -> tuple[float, np.ndarray]:
        """The negative log-likelihood and its gradient, on the scale of the search."""
        loss, gradient = 0.0, np.zeros_like(vector)
        for i, (terms, own) in enumerate(zip(self._terms, counts, strict=True)):
            values = self._values(vector, i)
            part, slopes = _loss(terms, own, values, self._free)
            loss += part
            for name, slope in slopes.items():
                if (name, i) not in self._places:
                    continue
                place, value = self._places[name, i], values[name]
                match name:
                    case "weights":
                        gradient[place] += value * (slope - value @ slope / len(value))
                    case "biases":
                        gradient[place] += value * (slope - value @ slope)
                    case "strengths":  # by their logarithms
                        gradient[place] += slope[self._groups[i]]
                        gradient[place.start] -= slope.sum()
                    case "guessing":
                        gradient[place] += slope * value * (1 - value)
                    case _:
                        gradient[place] += slope * value
        return loss, gradient

    def _penalty(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        """Divergence of equal weights from the fitted ones, in nats, times the shrinkage, and its gradient."""
        total, gradient = 0.0, np.zeros_like(vector)
        if self.shrinkage:
            for start, stop in {(p.start, p.stop) for (name, _), p in self._places.items() if name == "weights"}:
                part, k = vector[start:stop], stop - start
                total += float(-np.log(k) - log_softmax(part).mean())
                gradient[start:stop] += softmax(part) - 1 / k
        return self.shrinkage * total, self.shrinkage * gradient

    def _starting_points(self) -> list[np.ndarray]:
        rng, points = np.random.default_rng(self.seed), []
        for start in range(self.n_starts):
            point = np.zeros(len(self._bounds))
            for (name, _), place in self._places.items():
                length, random = place.stop - place.start, start > 0
                if name == "sensitivity":
                    reach = np.exp(rng.uniform(np.log(0.3), np.log(10.0))) if random else 2.0
                    point[place] = np.log(reach) + self._unit
                elif name == "guessing":
                    point[place] = -4.0
                elif random:
                    scale = 1.0 if name in ("weights", "response_scaling") else 0.3
                    point[place] = rng.normal(scale=scale, size=length)
            points.append(point)
        return points


@dataclass(frozen=True)
class _Terms:
    """A set, and what of its distances no free parameter changes.

    Attributes:
        set: The set.
        first: Place of each category's first exemplar, shape (categories,).
        raised: Differences by dimension to the power of the metric, shape (n, m, k); None if the metric is free, or with
            the distances.
        distances: Shape (n, m); None if the metric or the weights are free.
    """

    set: CategorySet
    first: np.ndarray
    raised: np.ndarray | None
    distances: np.ndarray | None

    @classmethod
    def of(cls, each: CategorySet, settings: Mapping[str, float | str]) -> _Terms:
        first = np.searchsorted(each.categories, np.arange(each.n_categories))
        metric = settings["metric"]
        each_dimension = isinstance(metric, str) or settings["weights"] != EQUAL
        (n, k), m = each.images.shape, len(each.exemplars)
        if n * m * (k if each_dimension else 1) > _MOST_PAIRS:
            dimensions = f" in {k} dimensions" if each_dimension else ""
            raise UnusableSpaces(
                f"{n:,} images and {m:,} exemplars{dimensions} are too many pairs to fit; name fewer exemplars, or use prototypes"
            )
        if isinstance(metric, str):
            return cls(each, first, None, None)
        if settings["weights"] != EQUAL:
            return cls(each, first, _differences(each) ** metric, None)
        return cls(each, first, None, cdist(each.images, each.exemplars, "minkowski", p=metric))

    def plain_distances(self) -> np.ndarray:
        """Distances with equal weights, or similar ones, for the scale of the first sensitivities that are tried."""
        return cdist(self.set.images, self.set.exemplars) if self.distances is None else self.distances


@dataclass(frozen=True)
class _Forward:
    log_p: np.ndarray  # (n, categories)
    log_share: np.ndarray  # (n, categories): logarithms of probabilities before guessing
    log_sums: np.ndarray  # (n, categories): logarithms of the summed similarities
    of_category: np.ndarray  # (n, m): each exemplar's share of its category's sum
    raised: np.ndarray | None  # (n, m, k)
    distances: np.ndarray  # (n, m)


def _differences(each: CategorySet) -> np.ndarray:
    return np.abs(each.images[:, None] - each.exemplars)


def _forward(terms: _Terms, values: Mapping[str, Any]) -> _Forward:
    each, raised, distances = terms.set, terms.raised, terms.distances
    if distances is None:
        raised = _differences(each) ** values["metric"] if raised is None else raised
        distances = (raised @ values["weights"]) ** (1 / values["metric"])
    log_similarities = np.log(values["strengths"])[each.groups] - values["sensitivity"] * distances ** values["decay"]
    largest = np.maximum.reduceat(log_similarities, terms.first, axis=1)
    relative = np.exp(log_similarities - largest[:, each.categories])
    sums = np.add.reduceat(relative, terms.first, axis=1)
    log_sums = np.log(sums) + largest
    log_share = log_softmax(np.log(values["biases"]) + values["response_scaling"] * log_sums, axis=1)
    guessing, log_p = values["guessing"], log_share
    if guessing:
        log_p = np.logaddexp(np.log1p(-guessing) + log_share, np.log(guessing / each.n_categories))
    return _Forward(log_p, log_share, log_sums, relative / sums[:, each.categories], raised, distances)


def _pooled(log_p: np.ndarray, each: CategorySet) -> np.ndarray:
    """Logarithms of the mean probability over the images of a row of the counts, shape (rows, categories)."""
    if each.n_rows == len(each.images):
        return log_p[np.argsort(each.pools)]
    largest = np.full((each.n_rows, each.n_categories), -np.inf)
    np.maximum.at(largest, each.pools, log_p)
    sums = np.zeros_like(largest)
    np.add.at(sums, each.pools, np.exp(log_p - largest[each.pools]))
    return largest + np.log(sums / np.bincount(each.pools)[:, None])


def _loss(
    terms: _Terms, counts: np.ndarray, values: Mapping[str, Any], wanted: set[str]
) -> tuple[float, dict[str, Any]]:
    """Return the negative log-likelihood of a set, and its slopes by the wanted parameters (logarithms of strengths)."""
    now, each, n = _forward(terms, values), terms.set, terms.set.n_categories
    log_row = _pooled(now.log_p, each)
    loss = -float(np.sum(counts * log_row))
    # Each response to a pool belongs to its images by how likely each of them made it.
    of_pool = np.exp(now.log_p - log_row[each.pools]) / np.bincount(each.pools)[each.pools, None]
    counts = counts[each.pools] * of_pool
    guessing, sensitivity, decay, metric = (values[name] for name in ("guessing", "sensitivity", "decay", "metric"))
    by_share = -counts * (1 - guessing) * np.exp(now.log_share - now.log_p) if guessing else -counts
    by_log_bias = by_share - np.exp(now.log_share) * by_share.sum(axis=1, keepdims=True)
    by_log_similarity = values["response_scaling"] * by_log_bias[:, each.categories] * now.of_category
    powered = now.distances**decay
    slopes: dict[str, Any] = {
        "sensitivity": -np.sum(by_log_similarity * powered),
        "response_scaling": np.sum(by_log_bias * now.log_sums),
        "biases": by_log_bias.sum(axis=0) / values["biases"],
        "strengths": np.bincount(each.groups, by_log_similarity.sum(axis=0), minlength=len(values["strengths"])),
    }
    if "guessing" in wanted:
        slopes["guessing"] = -np.sum(counts * (1 / n - np.exp(now.log_share)) * np.exp(-now.log_p))
    if wanted & {"weights", "metric", "decay"}:
        # An image on top of an exemplar stays there whatever the parameters are.
        apart = now.distances > 0
        log_distance = np.log(now.distances, out=np.zeros_like(powered), where=apart)
        by_log_distance = -sensitivity * decay * by_log_similarity * powered
        slopes["decay"] = -sensitivity * np.sum(by_log_similarity * powered * log_distance)
        if now.raised is not None:
            sums = now.distances**metric
            per_sum = np.divide(by_log_distance, sums, out=np.zeros_like(sums), where=apart)
            slopes["weights"] = np.einsum("nm,nmk->k", per_sum, now.raised) / metric
            if "metric" in wanted:
                differences = _differences(each)
                log_difference = np.log(differences, out=np.zeros_like(differences), where=differences > 0)
                by_metric = np.sum(per_sum * ((now.raised * log_difference) @ values["weights"]))
                slopes["metric"] = (by_metric - np.sum(by_log_distance * log_distance)) / metric
    return loss, {name: slope for name, slope in slopes.items() if name in wanted}


def _inverse(information: np.ndarray, least: float) -> np.ndarray:
    """The inverse, with no eigenvalue below ``least``, as where the choices leave a direction open."""
    values, axes = np.linalg.eigh(information)
    inverse = (axes / np.maximum(values, least)) @ axes.T
    return (inverse + inverse.T) / 2


def _curvature(objective: Any, point: np.ndarray) -> np.ndarray:
    steps = _STEP * np.eye(len(point))
    rows = [(objective(point + step)[1] - objective(point - step)[1]) / (2 * _STEP) for step in steps]
    matrix = np.reshape(rows, (len(point), len(point)))
    return (matrix + matrix.T) / 2


def _search(objective: Any, start: np.ndarray, bounds: list[tuple[float, float]]) -> OptimizeResult:
    options = {"maxiter": 2000, "maxfun": 20000, "ftol": 1e-13, "gtol": 1e-8}
    low, high = np.transpose(bounds)
    return minimize(objective, np.clip(start, low, high), method="L-BFGS-B", jac=True, bounds=bounds, options=options)
