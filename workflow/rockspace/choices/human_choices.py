"""How well the generalized context model predicts people's choices of a category from a space."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold

from rockspace.alignment.intervals import CONFIDENCE, confidence_interval
from rockspace.alignment.reduction import reduced_procrustes, reducer
from rockspace.alignment.spaces import Spaces, correlations
from rockspace.choices.context_model import DEFAULTS, FREE, FREE_BY_CONDITION, ContextModel, Fit
from rockspace.choices.experiment import Experiment

FOLDS = 10
# Up to so many subtypes are left out one at a time; more in `FOLDS` parts, the same for every space.
ONE_AT_A_TIME = 40
IN_SAMPLE, NEW_SUBTYPES, NEW_PEOPLE = "in_sample", "new_subtypes", "new_people"
OVER_PEOPLE, OVER_SUBTYPES = "people", "subtypes"  # what intervals are over
STUDIED, NEW = "studied", "new"
COORDINATES = "coordinates"
"""The space of people's own coordinates."""

# Share of the likelihood of guessing by which observed shares exceed it if they are guesses too.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class ChoiceSpace:
    """A space in which people's choices are to be explained.

    Attributes:
        name: `coordinates`, the name of another table of coordinates, `embedding`, `components`, `predicted` or `outputs`.
        dimensions: Names of its dimensions; empty for an embedding, whose dimensions have none.
        image_id: Name of each image, shape (n,).
        places: Where they lie, shape (n, k).
        moved: Whether the validation images were brought to the training images' centroid and spread, being of another
            scaling solution.
    """

    name: str
    dimensions: list[str]
    image_id: np.ndarray
    places: np.ndarray
    moved: bool = False

    @property
    def place_of(self) -> dict[str, np.ndarray]:
        """Return where each image lies."""
        return dict(zip(self.image_id.tolist(), self.places, strict=True))


@dataclass(frozen=True)
class Variant:
    """A way to fit the model.

    Attributes:
        name: What tables and pictures call it.
        settings: Of the parameters, as `ContextModel` takes them; what is left out has its default.
        prototype: Whether the mean of a category's exemplars stands for them.
        shrinkage: As for `ContextModel`.
    """

    name: str
    settings: Mapping[str, float | str]
    prototype: bool = False
    shrinkage: float = 0.0

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Variant:
        """Read an entry of the configuration's list ``choices.variants``."""
        settings = {name: values[name] for name in DEFAULTS}
        return cls(values["name"], settings, values["prototype"], values["shrinkage"])

    @property
    def weighs_dimensions(self) -> bool:
        """Return whether something is fitted that needs few dimensions."""
        return self._fits("weights", "metric")

    @property
    def carries_over(self) -> bool:
        """Return whether what is fitted to some subtypes can be judged by others: the bias for a category cannot."""
        return not self._fits("biases")

    def _fits(self, *names: str) -> bool:
        return any(self.settings.get(name) in (FREE, FREE_BY_CONDITION) for name in names)


def space_of_people(train: Spaces, validation: Spaces, names: list[str], *, moved: bool) -> ChoiceSpace:
    """Return people's own space.

    Args:
        train: The training images.
        validation: The validation images.
        names: Names of the human dimensions.
        moved: Whether both splits play a part, but come from separate scaling solutions. Their dimensions are the same then,
            but not their unit and place, so the validation images are moved and uniformly scaled until they are centred and
            spread as the training images are; no label has a say in that.
    """
    places = _like(validation, train) if moved else validation.coordinates
    return ChoiceSpace(
        COORDINATES,
        names,
        np.concatenate([train.image_id, validation.image_id]),
        np.concatenate([train.coordinates, places]),
        moved,
    )


def spaces_of_layer(
    train: Spaces, validation: Spaces, names: list[str], reduction: str, reflection: bool
) -> list[ChoiceSpace]:
    """Return a layer's spaces; what makes them is learnt on the training images.

    Args:
        train: Images to learn on.
        validation: Other images.
        names: Names of the human dimensions.
        reduction: How the features are reduced before they are rotated; see `rockspace.alignment.reduction.reducer`.
        reflection: Whether the rotation may mirror.

    Returns:
        `embedding`: the layer itself; `components`: its strongest principal components, as many as there are human
        dimensions; `predicted`: the coordinates that the alignment predicts.
    """
    k, features = len(names), np.concatenate([train.features, validation.features]).astype(np.float64)
    image_id = np.concatenate([train.image_id, validation.image_id])
    components = reducer("pca", train.features, k).fit(train.features).transform(features)
    rotation = reduced_procrustes(reduction, train.features, k, reflection).fit(train.features, train.coordinates)
    component_names = [f"component {i + 1}" for i in range(components.shape[1])]
    return [
        ChoiceSpace("embedding", [], image_id, features),
        ChoiceSpace("components", component_names, image_id, components),
        ChoiceSpace("predicted", names, image_id, rotation.transform(features)),
    ]


def further_spaces(path: str | Path) -> list[ChoiceSpace]:
    """Read the artifact of the stage ``further_coordinates``: `space, image_id, dimension, coordinate`."""
    texts = dict.fromkeys(("space", "image_id", "dimension"), str)
    table = pd.read_csv(path, dtype=texts, keep_default_na=False)
    spaces = []
    for name, rows in table.groupby("space", sort=False):
        wide = rows.pivot_table("coordinate", "image_id", "dimension")
        wide = wide[list(dict.fromkeys(rows["dimension"]))]
        spaces.append(ChoiceSpace(str(name), list(wide), wide.index.to_numpy(str), wide.to_numpy()))
    return spaces


def choice_report(
    space: ChoiceSpace,
    experiment: Experiment,
    variants: Sequence[Variant],
    *,
    resamples: int,
    seed: int,
) -> tuple[dict[str, Any], dict[str, list[np.ndarray]]]:
    """Fit the model to people's choices in a space and say how well it predicts them.

    Args:
        space: Where the images lie.
        experiment: What people studied and chose.
        variants: What is fitted. Those with free weights or a free metric are left out of spaces whose dimensions have no names.
        resamples: Resamples of people behind each interval of a parameter.
        seed: Decides starting points and resamples.

    Returns:
        Figures ready for JSON; and, by variant, the log-probability of each category for each row of each condition, by the
        fit that the figures call `leading`: parameters fitted to choices of other subtypes (`new_subtypes`), or with fewer than
        three subtypes, or free biases, to the very choices that are scored (`in_sample`).
    """
    place_of = space.place_of
    sets = [task.in_space(place_of) for task in experiment.tasks]
    drawn = experiment.resamples(resamples, seed)
    models: dict[str, Any] = {}
    predicted = {}
    for variant in variants:
        if variant.weighs_dimensions and not space.dimensions:
            continue
        own = [each.prototypes() for each in sets] if variant.prototype else sets
        model = ContextModel(own, variant.settings, shrinkage=variant.shrinkage, seed=seed)
        found = model.fit(experiment.counts())
        log_p = model.log_probabilities(found.parameters)
        new_subtypes = _new_subtypes(model, found, experiment) if variant.carries_over else None
        in_sample = _figures(log_p, experiment)
        if not variant.shrinkage:
            in_sample |= _criteria(
                in_sample["log_likelihood"], model.n_parameters, likelihood_bounds(experiment)["n_responses"]
            )
        models[variant.name] = {
            "n_parameters": model.n_parameters,
            "parameters": fitted_parameters(model, found, experiment, drawn, space.dimensions),
            "correlation_of_sensitivity_and_response_scaling": model.correlation(
                found, "sensitivity", "response_scaling"
            ),
            "undetermined": model.undetermined(found),
            "leading": IN_SAMPLE if new_subtypes is None else NEW_SUBTYPES,
            IN_SAMPLE: in_sample,
            NEW_SUBTYPES: None if new_subtypes is None else _figures(new_subtypes, experiment),
            NEW_PEOPLE: _new_people(model, found, experiment),
        }
        predicted[variant.name] = log_p if new_subtypes is None else new_subtypes
    figures = {"n_dimensions": space.places.shape[1], "validation_moved": space.moved, "models": models}
    return figures, predicted


def gain_interval(gains: Sequence[np.ndarray], experiment: Experiment, units: str) -> tuple[float, list[float] | None]:
    """Return how many nats a response is likelier, and an interval.

    Args:
        gains: Difference of log-probability, or log-probability itself, of each category for each row, for each condition of
            shape (rows, categories).
        experiment: What people chose.
        units: `people`, or `subtypes`.

    Returns:
        The mean over responses, and the jackknife interval over units; None where people are not told apart, or for
        fewer than three units.
    """
    sums, groups = [], []
    for gain, task in zip(gains, experiment.tasks, strict=True):
        axes = (1, 2) if units == OVER_PEOPLE else (0, 2)
        sums.append(np.stack([np.sum(task.counts * gain, axis=axes), task.counts.sum(axis=axes)], axis=1))
        groups.append(task.people if units == OVER_PEOPLE else task.subtypes)
    values = np.concatenate(sums)
    mean = float(values[:, 0].sum() / values[:, 1].sum())
    if units == OVER_PEOPLE and experiment.people is None:
        return mean, None
    return mean, _interval_of_ratio(values, np.concatenate(groups))


def _interval_of_ratio(
    values: np.ndarray, units: np.ndarray, bounds: tuple[float, float] | None = None
) -> list[float] | None:
    """The jackknife interval over units of the sum of the first column of values divided by that of the second."""
    ends = confidence_interval(
        values, lambda total: total[..., :1] / total[..., 1:], units, resamples=0, seed=0, bounds=bounds
    )
    return None if ends is None else ends[:, 0].tolist()


def _new_subtypes(model: ContextModel, found: Fit, experiment: Experiment) -> list[np.ndarray] | None:
    """Log-probabilities by parameters fitted to choices of other subtypes, all exemplars staying what they are."""
    return held_out(experiment, lambda counts: model.log_probabilities(model.fit(counts, start=found).parameters))


def held_out(
    experiment: Experiment, predict: Callable[[list[np.ndarray]], list[np.ndarray]]
) -> list[np.ndarray] | None:
    """Predict the choices of each subtype from those of the others.

    Args:
        experiment: What people chose.
        predict: From counts of each condition, zero for what is left out, to log-probabilities, both of shape (rows, categories).

    Returns:
        The log-probabilities of each row by what was learnt without its subtype; None for fewer than three subtypes.
    """
    if len(np.unique(np.concatenate([task.subtypes for task in experiment.tasks]))) < 3:
        return None
    predicted = [np.empty(task.total.shape) for task in experiment.tasks]
    for left_out in _left_out(experiment):
        counts = [np.where(out[:, None], 0.0, each) for out, each in zip(left_out, experiment.counts(), strict=True)]
        for whole, out, part in zip(predicted, left_out, predict(counts), strict=True):
            whole[out] = part[out]
    return predicted


def _left_out(experiment: Experiment) -> Iterator[list[np.ndarray]]:
    """The rows of each condition that are left out at a time."""
    labels = [task.subtypes for task in experiment.tasks]
    subtypes = np.unique(np.concatenate(labels))
    number = len(subtypes) if len(subtypes) <= ONE_AT_A_TIME else FOLDS
    for _, held in GroupKFold(number, shuffle=True, random_state=0).split(subtypes, groups=subtypes):
        yield [np.isin(own, subtypes[held]) for own in labels]


def _new_people(model: ContextModel, found: Fit, experiment: Experiment) -> dict[str, Any] | None:
    """The likelihood of people's choices by parameters fitted to those of other people."""
    people = experiment.people
    if people is None or len(people) < 3:
        return None
    names, sums = np.array(people), {}
    for _, held in GroupKFold(min(FOLDS, len(names)), shuffle=True, random_state=0).split(names, groups=names):
        out = set(names[held])
        fitted = model.fit(experiment.counts({name: float(name not in out) for name in people}), start=found)
        for task, log_p in zip(experiment.tasks, model.log_probabilities(fitted.parameters), strict=True):
            for name, own in zip(task.people, task.counts, strict=True):
                if name in out:
                    sums[task.name, name] = np.sum(own * log_p), own.sum()
    return summed_likelihood(sums)


def summed_likelihood(sums: Mapping[tuple[str, str], tuple[float, float]]) -> dict[str, Any]:
    """Return a log-likelihood and its interval over people.

    Args:
        sums: By condition and person, the log-likelihood of their responses and the number of these.
    """
    values = np.array(list(sums.values()))
    people = np.array([person for _, person in sums])
    return {
        "log_likelihood": float(values[:, 0].sum()),
        "log_likelihood_per_response": float(values[:, 0].sum() / values[:, 1].sum()),
        "log_likelihood_per_response_ci_people": _interval_of_ratio(values, people),
    }


def fitted_parameters(
    model: ContextModel,
    found: Fit,
    experiment: Experiment,
    drawn: Sequence[Mapping[str, float]],
    dimensions: Sequence[str],
) -> list[dict[str, Any]]:
    """Return fitted numbers with percentile intervals over people: the model is fitted anew to each resample of them.

    Args:
        model: The model.
        found: Its fit to all people's choices.
        experiment: What people chose.
        drawn: As from `Experiment.resamples`; empty for no intervals.
        dimensions: Names of the dimensions, for the weights.

    Returns:
        ``name``, ``of`` (the dimension, category or group), ``condition`` (empty if shared), ``value`` and ``ci_people`` of each;
        without an interval where the choices leave it open, since resamples then say nothing.
    """
    again = [model.fit(experiment.counts(weights), start=found) for weights in drawn]
    tails = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    rows = []
    for (name, i), is_open in model.fitted_numbers(found).items():
        task = experiment.tasks[i]
        values = np.atleast_1d(found.parameters[i][name])
        resampled = np.array([np.atleast_1d(each.parameters[i][name]) for each in again])
        ends = np.quantile(resampled, tails, axis=0) if again else None
        of = {"weights": dimensions, "biases": task.categories}.get(name) or range(1, len(values) + 1)
        for j in is_open:
            rows.append(
                {
                    "name": name,
                    "of": "" if len(values) == 1 else str(of[j]),
                    "condition": task.name if model.settings[name] == FREE_BY_CONDITION else "",
                    "value": float(values[j]),
                    "ci_people": None if ends is None or is_open[j] else ends[:, j].tolist(),
                }
            )
    return rows


def _figures(log_p: Sequence[np.ndarray], experiment: Experiment) -> dict[str, Any]:
    counts = experiment.counts()
    by_task = [float(np.sum(own * each)) for own, each in zip(counts, log_p, strict=True)]
    bounds = likelihood_bounds(experiment)
    figures: dict[str, Any] = {
        "log_likelihood": sum(by_task),
        "log_likelihood_by_condition": {task.name: each for task, each in zip(experiment.tasks, by_task, strict=True)},
        "explained": _number(explained(sum(by_task), bounds["chance"], bounds["saturated"])),
        **share_correlations(
            [np.exp(each) for each in log_p],
            [own / own.sum(axis=1, keepdims=True) for own in counts],
            [task.right for task in experiment.tasks],
        ),
        "accuracy": _accuracy(log_p, experiment),
    }
    for units in (OVER_PEOPLE, OVER_SUBTYPES):
        mean, ends = gain_interval(log_p, experiment, units)
        figures |= {"log_likelihood_per_response": mean, f"log_likelihood_per_response_ci_{units}": ends}
    return figures


def explained(likelihood: Any, chance: Any, saturated: Any) -> np.ndarray:
    """Return where log-likelihoods lie between guessing (0) and the observed shares (1); NaN where these are guesses too.

    Args:
        likelihood: Of the choices, or of one on average.
        chance: The same by guessing.
        saturated: The same by the observed shares.
    """
    chance, span = np.asarray(chance), np.subtract(saturated, chance)
    between = span > _ROUNDING * np.abs(chance)
    return np.where(between, (likelihood - chance) / np.where(between, span, 1.0), np.nan)


def _number(value: np.ndarray) -> float | None:
    """A number as JSON has it, which has no NaN."""
    return None if np.isnan(value) else float(value)


def share_correlations(
    predicted: Sequence[np.ndarray], observed: Sequence[np.ndarray], right: Sequence[np.ndarray]
) -> dict[str, float | None]:
    """Correlate predicted with observed shares of the responses (Pearson).

    Args:
        predicted: Shares of each condition, shape (rows, categories).
        observed: The same as observed.
        right: Which category is right for each row, of the same shape, bool; in a row where it was not on offer, none.

    Returns:
        `r` over all rows and categories, `r_correct` over right categories, and `r_errors` over the wrong ones of rows that have a
        right one; 0 where all shares of a side are alike, None for fewer than two.
    """
    masks = {
        "r": [np.ones_like(each) for each in right],
        "r_correct": right,
        "r_errors": [~each & each.any(axis=1, keepdims=True) for each in right],
    }
    found: dict[str, float | None] = {}
    for name, mask in masks.items():
        x, y = (
            np.concatenate([each[of] for each, of in zip(side, mask, strict=True)]) for side in (predicted, observed)
        )
        found[name] = float(correlations(x[:, None], y[:, None])[0]) if len(x) > 1 else None
    return found


def _accuracy(of_tasks: Sequence[np.ndarray], experiment: Experiment) -> list[dict[str, Any]]:
    """Share of right responses to studied and to new images, observed (with an interval over people) and predicted."""
    rows = []
    for log_p, task in zip(of_tasks, experiment.tasks, strict=True):
        known = task.right.any(axis=1)
        for studied in (True, False):
            of = known & (task.rows["studied"].to_numpy() == studied)
            if not of.any():
                continue
            answers = task.counts[:, of].sum(axis=(1, 2))
            hits = (task.counts[:, of] * task.right[of]).sum(axis=(1, 2))
            ends = None
            if "" not in task.people:
                values = np.stack([hits, answers], axis=1)[answers > 0]
                ends = _interval_of_ratio(values, task.people[answers > 0], bounds=(0.0, 1.0))
            shown = task.total[of].sum(axis=1)
            rows.append(
                {
                    "condition": task.name,
                    "images": STUDIED if studied else NEW,
                    "responses": float(answers.sum()),
                    "log_likelihood": float(np.sum(task.total[of] * log_p[of])),
                    "observed": float(hits.sum() / answers.sum()),
                    "observed_ci_people": ends,
                    "predicted": float(np.sum(np.exp(log_p[of]) * task.right[of] * shown[:, None]) / shown.sum()),
                }
            )
    return rows


def likelihood_bounds(experiment: Experiment) -> dict[str, float]:
    """Return what likelihoods lie between: that of guessing, and that of the observed shares.

    Args:
        experiment: What people chose.

    Returns:
        `n_responses`, and the log-likelihood of all (nats): `chance`, every category on offer alike; `saturated`, the shares of each
        row as observed, which no model of the same shares for everybody exceeds.
    """
    counts = experiment.counts()
    return {
        "n_responses": float(sum(own.sum() for own in counts)),
        "chance": float(-sum(own.sum() * np.log(own.shape[1]) for own in counts)),
        "saturated": float(
            sum(np.sum(own * np.log(np.where(own > 0, own / own.sum(axis=1, keepdims=True), 1.0))) for own in counts)
        ),
    }


def right_only(counts: Sequence[np.ndarray], experiment: Experiment) -> list[np.ndarray]:
    """Predict choices from the right answers alone, without any space: what every space has to beat.

    Args:
        counts: Of each condition, shape (rows, categories), from which is learnt how often studied and how often new images are
            named rightly.
        experiment: What people chose.

    Returns:
        Log-probabilities of the same shape: that share for the right category (half a response added to either side), and the
        rest spread evenly over the others; even where the right category was not on offer.
    """
    predicted = []
    for own, task in zip(counts, experiment.tasks, strict=True):
        n, known, studied = own.shape[1], task.right.any(axis=1), task.rows["studied"].to_numpy(bool)
        log_p = np.full(own.shape, -np.log(n))
        for of in (known & studied, known & ~studied):
            share = (own[of][task.right[of]].sum() + 0.5) / (own[of].sum() + 1)
            log_p[of] = np.where(task.right[of], np.log(share), np.log((1 - share) / (n - 1)))
        predicted.append(log_p)
    return predicted


def _criteria(log_likelihood: float, parameters: int, responses: float) -> dict[str, float]:
    """Akaike's and Schwarz's criteria; the lower the better."""
    return {
        "aic": float(2 * parameters - 2 * log_likelihood),
        "bic": float(parameters * np.log(responses) - 2 * log_likelihood),
    }


def _like(images: Spaces, others: Spaces) -> np.ndarray:
    """Coordinates of images, centred and uniformly scaled until they lie and spread as others do, shape (n, k)."""
    ours, theirs = images.coordinates, others.coordinates
    stretch = np.sqrt(theirs.var(axis=0).sum() / ours.var(axis=0).sum())
    return (ours - ours.mean(axis=0)) * stretch + theirs.mean(axis=0)
