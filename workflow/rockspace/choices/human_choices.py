"""How well the exemplar model predicts people's choices of a category from a space."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from rockspace.alignment.intervals import (
    by_units,
    confidence_interval,
    correlation_moments,
    correlations_from_moments,
    keyed,
)
from rockspace.alignment.reduction import reduced_procrustes, reducer
from rockspace.alignment.spaces import Spaces, UnusableSpaces, correlations, subtypes_of
from rockspace.choices.exemplar_model import ExemplarModel

FOLDS = 10
IN_SAMPLE, CROSS_VALIDATED, FROM_TRAINING = "in_sample", "cross_validated", "from_training"
MOST_HONEST = (CROSS_VALIDATED, IN_SAMPLE)


@dataclass(frozen=True)
class ChoiceSpace:
    """A space in which people's choices are to be explained.

    Attributes:
        name: `coordinates`, `embedding` or `predicted`.
        dimensions: Names of its dimensions.
        places: Where the images of each split lie, `train` (which the exemplars are) and `validation`; (n, k) each.
        moved: Whether the validation images were brought to the training images' centroid and spread, being of another
            scaling solution.
    """

    name: str
    dimensions: list[str]
    places: Mapping[str, np.ndarray]
    moved: bool = False


@dataclass(frozen=True)
class Choices:
    """What people chose.

    Attributes:
        images: Rows of the split that were shown, shape (n,).
        counts: How often each category was chosen for each, shape (n, categories).
        category: Index of the category that is right for each, -1 where it was not on offer, shape (n,).
        label: Subtype of each, empty for an image without one, shape (n,).
        subtype: What each is resampled with, or None without labels; see `rockspace.alignment.spaces.subtypes_of`.
    """

    images: np.ndarray
    counts: np.ndarray
    category: np.ndarray
    label: np.ndarray
    subtype: np.ndarray | None


def read_choices(responses: pd.DataFrame, images: Spaces, category_of: Mapping[str, str]) -> Choices:
    """Match a table of responses, indexed by image, with the images of its split."""
    rows = pd.Index(images.image_id).get_indexer(responses.index)
    if (rows < 0).any():
        raise UnusableSpaces(f"responses: no image {str(responses.index[rows < 0][0])!r} in this split")
    labels = images.label[rows]
    categories = category_indices(labels, category_of, responses.columns)
    return Choices(rows, responses.to_numpy(), categories, labels, subtypes_of(labels, images.image_id[rows]))


def category_indices(
    labels: Iterable[str], category_of: Mapping[str, str], categories: Sequence[str]
) -> NDArray[np.intp]:
    """Return the place of each label's category among ``categories``, -1 for labels of none."""
    return pd.Index(categories).get_indexer([category_of.get(label) for label in labels])


def space_of_people(train: Spaces, validation: Spaces, names: list[str], *, one_solution: bool) -> ChoiceSpace:
    """Return people's own space.

    Args:
        train: The exemplars.
        validation: Other images.
        names: Names of the human dimensions.
        one_solution: Whether both splits come from one scaling solution, and so lie where they belong. Of two separate
            solutions the dimensions are the same, but not their unit and place, so the validation images are moved and
            uniformly scaled until they are centred and spread as the training images are; no label has a say in that.
    """
    places = validation.coordinates if one_solution else _like(validation, train)
    return ChoiceSpace("coordinates", names, {"train": train.coordinates, "validation": places}, moved=not one_solution)


def spaces_of_layer(
    train: Spaces, validation: Spaces, names: list[str], reduction: str, reflection: bool
) -> list[ChoiceSpace]:
    """Return a layer's spaces; what makes them is learnt on the training images.

    Args:
        train: Images to learn on, the exemplars.
        validation: Other images.
        names: Names of the human dimensions.
        reduction: How the features are reduced before they are rotated; see `rockspace.alignment.reduction.reducer`.
        reflection: Whether the rotation may mirror.

    Returns:
        `embedding`: the strongest principal components, as many as there are human dimensions; `predicted`: the
        coordinates that the alignment predicts.
    """
    k, features = len(names), {"train": train.features, "validation": validation.features}
    components = reducer("pca", train.features, k).fit(train.features)
    rotation = reduced_procrustes(reduction, train.features, k, reflection).fit(train.features, train.coordinates)
    embedding = {split: components.transform(space) for split, space in features.items()}
    width = embedding["train"].shape[1]
    return [
        ChoiceSpace("embedding", [f"component {i + 1}" for i in range(width)], embedding),
        ChoiceSpace("predicted", names, {split: rotation.transform(space) for split, space in features.items()}),
    ]


def choice_report(
    space: ChoiceSpace,
    exemplars: np.ndarray,
    categories: np.ndarray,
    choices: Mapping[str, Choices],
    *,
    resamples: int,
    seed: int,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Fit the exemplar model to people's choices and say how well it predicts them.

    Args:
        space: Where the images lie.
        exemplars: Rows of the training images that are exemplars of a category on offer, shape (m,).
        categories: Category of each, shape (m,), as columns of the counts.
        choices: What people chose, by split.
        resamples: Bootstrap resamples behind each interval.
        seed: Decides starting points, folds and resamples.

    Returns:
        Fitted parameters and figures, ready for JSON; and by split the log-probability of each category for each image,
        by the fit that is called `leading` in the figures: cross-validated where that can be, else in-sample.
        The figures have for each split `in_sample`: parameters fitted to the very choices that are scored; `cross_validated`: to
        choices of images of other subtypes (None with fewer than three); and for the validation images
        `from_training`: to the choices of training images, where there are any. These are their own exemplars, so
        what explains them best need not carry over to new images.
    """
    model = ExemplarModel(space.places["train"][exemplars], categories, seed=seed)
    figures: dict[str, Any] = {
        "dimensions": space.dimensions,
        "n_parameters": len(space.dimensions),
        "validation_moved": space.moved,
    }
    predicted: dict[str, Any] = {}
    fitted = {}
    for split, chosen in choices.items():
        places = space.places[split][chosen.images]
        model.fit(places, chosen.counts)
        fitted[split] = model.sensitivity_, model.weights_
        by_fit = {IN_SAMPLE: model.predict_log_proba(places), CROSS_VALIDATED: _folds(model, places, chosen, seed)}
        if split == "validation" and "train" in fitted:
            model.sensitivity_, model.weights_ = fitted["train"]
            by_fit[FROM_TRAINING] = model.predict_log_proba(places)
        figures[split] = {
            "n_images": len(places),
            "n_responses": int(chosen.counts.sum()),
            "sensitivity": fitted[split][0],
            "weights": dict(zip(space.dimensions, fitted[split][1].tolist(), strict=True)),
            "reference": _reference(chosen),
            **{fit: None if p is None else _figures(p, chosen, resamples, seed) for fit, p in by_fit.items()},
        }
        in_sample = figures[split][IN_SAMPLE]
        in_sample |= _criteria(in_sample["log_likelihood"], len(space.dimensions), chosen.counts.sum())
        figures[split]["leading"] = next(fit for fit in MOST_HONEST if by_fit.get(fit) is not None)
        predicted[split] = by_fit[figures[split]["leading"]]
    return figures, predicted


def _folds(model: ExemplarModel, places: np.ndarray, chosen: Choices, seed: int) -> np.ndarray | None:
    """Log-probabilities by parameters fitted to choices of other subtypes, all exemplars staying what they are."""
    subtypes = 0 if chosen.subtype is None else len(np.unique(chosen.subtype))
    if subtypes < 3:
        return None
    whole = model.sensitivity_, model.weights_
    predicted = np.empty(chosen.counts.shape)
    folds = GroupKFold(min(FOLDS, subtypes), shuffle=True, random_state=seed)
    for learn, held in folds.split(places, groups=chosen.subtype):
        model.fit(places[learn], chosen.counts[learn], start=whole)
        predicted[held] = model.predict_log_proba(places[held])
    return predicted


def _figures(log_p: np.ndarray, chosen: Choices, resamples: int, seed: int) -> dict[str, Any]:
    counts = chosen.counts
    answers, p = counts.sum(axis=1), np.exp(log_p)
    observed = counts / answers[:, None]
    each = np.stack([np.sum(counts * log_p, axis=1), answers], axis=1)
    total = each[:, 0].sum()
    reference = _reference(chosen)
    span = reference["saturated"] - reference["chance"]
    moments = correlation_moments(p.reshape(-1, 1), observed.reshape(-1, 1)).reshape(*p.shape, 6, 1).sum(axis=1)
    figures = {
        "log_likelihood": float(total),
        "log_likelihood_per_response": float(total / answers.sum()),
        "explained": float((total - reference["chance"]) / span) if span > 0 else None,
        "r": float(correlations(p.reshape(-1, 1), observed.reshape(-1, 1))[0]),
        **_accuracy(p, observed, chosen.category),
    }
    for key, values, statistic, bounds in (
        ("log_likelihood_per_response", each, lambda sums: sums[..., :1] / sums[..., 1:], None),
        ("r", moments, correlations_from_moments, (-1.0, 1.0)),
    ):
        given = values, statistic, chosen.subtype
        intervals = by_units(confidence_interval, *given, resamples=resamples, seed=seed, bounds=bounds)
        ends = {units: None if found is None else found[:, 0].tolist() for units, found in intervals.items()}
        figures |= keyed(f"{key}_ci", ends)
    return figures


def _accuracy(p: np.ndarray, observed: np.ndarray, category: np.ndarray) -> dict[str, Any]:
    """How often the right category is and should be chosen, and whether the easy images and the errors are alike."""
    known = np.flatnonzero(category >= 0)
    if not len(known):
        return {"correct": None, "r_correct": None, "r_errors": None}
    right = np.zeros(p.shape, dtype=bool)
    right[known, category[known]] = True
    wrong = ~right
    wrong[category < 0] = False
    return {
        "correct": {"observed": float(observed[right].mean()), "predicted": float(p[right].mean())},
        "r_correct": float(correlations(p[right][:, None], observed[right][:, None])[0]),
        "r_errors": float(correlations(p[wrong][:, None], observed[wrong][:, None])[0]),
    }


def _reference(chosen: Choices) -> dict[str, float]:
    """Log-likelihoods of blind guessing, and of the observed proportions themselves, which no model exceeds."""
    counts = chosen.counts
    shares = counts / counts.sum(axis=1, keepdims=True)
    return {
        "chance": float(-counts.sum() * np.log(counts.shape[1])),
        "saturated": float(np.sum(counts * np.log(np.where(counts > 0, shares, 1.0)))),
    }


def _criteria(log_likelihood: float, parameters: int, responses: int) -> dict[str, float]:
    """Akaike's and Schwarz's criteria; the lower the better."""
    return {
        "aic": float(2 * parameters - 2 * log_likelihood),
        "bic": float(parameters * np.log(responses) - 2 * log_likelihood),
    }


def _like(images: Spaces, others: Spaces) -> np.ndarray:
    ours, theirs = images.coordinates, others.coordinates
    stretch = np.sqrt(theirs.var(axis=0).sum() / ours.var(axis=0).sum())
    return (ours - ours.mean(axis=0)) * stretch + theirs.mean(axis=0)
