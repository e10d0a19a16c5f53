"""Noise ceiling: how well people themselves match one another by each statistic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import KFold

from rockspace.alignment.procrustes import Procrustes
from rockspace.alignment.reduction import reduced_procrustes
from rockspace.alignment.rotation_report import FOLDS, Settings
from rockspace.alignment.rotation_scores import figures_of
from rockspace.alignment.spaces import UnusableSpaces
from rockspace.alignment.statistics import statistics_of

# Spaces of the training images, if any, and of the validation images, shapes (n, d).
Splits = tuple[np.ndarray, ...]
NONE = {
    "available": False,
    "reason": "the study gives no individual or split-half coordinates (dataset.splits.*.individual)",
}
# Images that a rotation takes, and a comparison.
MIN_IMAGES = 3
# How people are brought into the group's orientation; said in the JSON.
ON_TRAINING, CROSS_VALIDATED = "learnt on the training images", "cross-validated on the validation images"


@dataclass(frozen=True)
class Person:
    """One individual's coordinates of the validation images, NaN in the rows of images that were not judged.

    Attributes:
        turned: In the group's orientation, by rotations that did not see the image that they turn, shape (n, k).
        whole: In the group's orientation by one rotation, so that distances are as they were, shape (n, k).
    """

    turned: np.ndarray
    whole: np.ndarray


def noise_ceiling(
    features: Splits,
    group: Splits,
    individuals: Sequence[Splits] | None,
    settings: Settings | None = None,
    *,
    one_solution: bool = True,
) -> dict[str, Any]:
    """Return what each statistic can reach at all, given how much people differ.

    Every statistic is taken against each individual (or each half of the people) and averaged, for three
    spaces: the mean of the other individuals (`lower`), the mean of all, this one included (`upper`), and the model
    (`model`). A model between the bounds is as good as the data can tell.

    Scaling solutions have no common orientation, so each individual is first turned onto the group's: by one rotation
    learnt on the training images, where an individual's coordinates of both splits are one solution; otherwise
    by rotations learnt on other validation images. The model stands for itself by the coordinates that its rotation,
    learnt on the group's training images under the study's settings, predicts, with as many dimensions as people have; RSA and
    CKA, which need no rotation, see all its features, as they do where they are reported.

    Args:
        features: The model's space of the training and validation images, shapes (n, d); of the validation images alone
            it has no held-out figure.
        group: The group's coordinates of the same images, shapes (n, k).
        individuals: For each individual, coordinates of the training and validation images, or of the validation images
            alone, shapes (n, k), NaN where an image was not judged: each is compared on what they judged. Who judged
            too few images for a rotation is left out; None or one alone gives no ceiling.
        settings: As for the model itself; None takes the defaults.
        one_solution: Whether an individual's coordinates of both splits come from one scaling solution.

    Returns:
        `available`; if so `n_individuals`, `n_left_out`, `rotation` (how individuals were turned), `lower`, `upper` and
        `model`, each by statistic; else `reason`.

    Raises:
        UnusableSpaces: An individual's coordinates do not have the group's images.

    References:
        Nili, H. et al. (2014). A toolbox for representational similarity analysis. PLoS Computational Biology
        10, e1003553.
    """
    if not individuals:
        return dict(NONE)
    if len(individuals) < 2:
        return {"available": False, "reason": "one individual alone has no one to be compared with"}
    settings = settings or Settings()
    splits = len(individuals[0])
    for number, individual in enumerate(individuals, start=1):
        if [len(split) for split in individual] != [len(split) for split in group[-splits:]]:
            raise UnusableSpaces(f"individual coordinates {number}: not as many images as in the group's coordinates")
    on_training = splits > 1 and one_solution
    found = [_person(individual, group, settings, on_training) for individual in individuals]
    people = [person for person in found if person is not None]
    if len(people) < 2:
        needed = f"{_fewest(group[-1].shape[1], on_training)} images"
        return {"available": False, "reason": f"fewer than two individuals judged {needed} to be turned by"}
    everyone = _mean(people)
    others = [_mean([other for other in people if other is not person]) for person in people]
    lower = [figures for pair in zip(others, people, strict=True) if (figures := _between(*pair, settings))]
    if not lower:
        return {"available": False, "reason": f"no individual judged {MIN_IMAGES} images that others judged too"}
    return {
        "available": True,
        "n_individuals": len(people),
        "n_left_out": len(found) - len(people),
        "rotation": ON_TRAINING if on_training else CROSS_VALIDATED,
        "lower": _averaged(lower),
        "upper": _averaged([_between(everyone, person, settings) for person in people]),
        "model": _averaged(_of_model(features, group, people, settings)),
    }


def _judged(*splits: np.ndarray) -> np.ndarray:
    """Which images everyone here judged."""
    return np.all([np.isfinite(split).all(axis=1) for split in splits], axis=0)


def _fewest(k: int, on_training: bool) -> int:
    """How many images an individual must have judged for a rotation that did not see the image that it turns."""
    return max(k + 1, MIN_IMAGES if on_training else MIN_IMAGES + 1)


def _person(individual: Splits, group: Splits, settings: Settings, on_training: bool) -> Person | None:
    """Turn an individual onto the group; None for too few images to learn a rotation on."""
    own, learn, onto = individual[-1], individual[0 if on_training else -1], group[0 if on_training else -1]
    judged = np.flatnonzero(_judged(learn))
    if min(len(judged), _judged(own).sum()) < _fewest(group[-1].shape[1], on_training):
        return None

    def turned_by(rows: np.ndarray) -> np.ndarray:
        rotation = Procrustes(reflection=settings.reflection).fit(learn[rows], onto[rows])
        return (own - rotation.mean_) @ rotation.rotation_ * rotation.scale_ + rotation.target_mean_

    whole = turned_by(judged)
    if on_training:
        return Person(whole, whole)
    turned = np.full_like(own, np.nan)
    folds = KFold(min(FOLDS, len(judged)), shuffle=True, random_state=settings.seed)
    for others, held in folds.split(judged):
        turned[judged[held]] = turned_by(judged[others])[judged[held]]
    return Person(turned, whole)


def _mean(people: Sequence[Person]) -> Person:
    """The mean of those who judged an image; NaN where there is none."""
    return Person(*(
        np.ma.masked_invalid([getattr(person, name) for person in people]).mean(axis=0).filled(np.nan)
        for name in ("turned", "whole")
    ))  # fmt: skip


def _between(space: Person, person: Person, settings: Settings) -> dict[str, float]:
    """Every statistic of people's coordinates against one individual's, on the images that both judged; none for few."""
    rows = _judged(space.turned, person.turned)
    if rows.sum() < MIN_IMAGES:
        return {}
    figures = statistics_of(space.whole[rows], person.whole[rows], settings)
    return figures | _held_out(space.turned[rows], person.turned[rows])


def _of_model(features: Splits, group: Splits, people: Sequence[Person], settings: Settings) -> list[dict[str, float]]:
    """Every statistic of the model against each individual."""
    predicted = features[-1]
    if len(features) > 1:
        k = group[0].shape[1]
        model = reduced_procrustes(settings.reduction, features[0], k, settings.reflection)
        predicted = model.fit(features[0], group[0]).transform(features[-1])
    found = []
    for person in people:
        rows = _judged(person.turned)
        target = person.whole[rows]
        figures = statistics_of(predicted[rows], target, settings)
        unrotated = statistics_of(features[-1][rows], target, settings)
        figures |= {name: value for name, value in unrotated.items() if name.startswith(("rsa_", "cka_"))}
        if len(features) > 1:
            figures |= _held_out(predicted[rows], person.turned[rows])
        found.append(figures)
    return found


def _held_out(predicted: np.ndarray, turned: np.ndarray) -> dict[str, float]:
    """Figures of two spaces that were turned without the images they are compared on."""
    figures = figures_of(predicted, turned)
    return {"held_out_mean_r": float(figures.mean_r), "held_out_disparity": float(figures.disparity)}


def _averaged(figures: Sequence[dict[str, float]]) -> dict[str, float]:
    shared = [name for name in figures[0] if all(name in one for one in figures)]
    return {name: float(np.mean([one[name] for one in figures])) for name in shared}
