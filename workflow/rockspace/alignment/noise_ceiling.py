"""Noise ceiling: how well people themselves match one another by each statistic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rockspace.alignment.procrustes import Procrustes
from rockspace.alignment.rotation_report import Settings
from rockspace.alignment.spaces import UnusableSpaces
from rockspace.alignment.statistics import Splits, statistics_of

MIN_JUDGED = 3  # images, below which no statistic is defined
NONE = {
    "available": False,
    "reason": "the study gives no individual or split-half coordinates (dataset.splits.*.individual)",
}


def noise_ceiling(
    features: Splits, group: Splits, individuals: Sequence[Splits] | None, settings: Settings | None = None
) -> dict[str, Any]:
    """Return what each statistic can reach at all, given how much people differ.

    Every statistic is taken against each individual (or each half of the people) and averaged, for three
    spaces: the mean of the other individuals (`lower`), the mean of all, this one included (`upper`), and the
        model
    (`model`). A model between the bounds is as good as the data can tell. Individuals are first turned onto
    the group's solution, since separate scaling solutions have no common orientation.

    Args:
        features: The model's space of (training and) validation images, shapes (n, d).
        group: The group's coordinates of the same images, shapes (n, k).
        individuals: For each individual, coordinates of the same images, shapes (n, k), NaN where an image was not
            judged: each is compared on what they judged. Who judged fewer than `MIN_JUDGED` images of a split is left
            out; None or one alone gives no ceiling.
        settings: As for the model itself; None takes the defaults.

    Returns:
        `available`; if so `n_individuals`, `lower`, `upper` and `model`, each by statistic; else `reason`.

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
    for number, individual in enumerate(individuals, start=1):
        if [len(split) for split in individual] != [len(split) for split in group]:
            raise UnusableSpaces(f"individual coordinates {number}: not as many images as in the group's coordinates")
    turned = [_turned(individual, group) for individual in individuals if _is_enough(individual)]
    if len(turned) < 2:
        return {"available": False, "reason": f"fewer than two individuals judged {MIN_JUDGED} images of each split"}
    everyone = [_mean(turned)] * len(turned)
    others = [_mean(turned[:i] + turned[i + 1 :]) for i in range(len(turned))]
    compared = {"lower": others, "upper": everyone, "model": [features] * len(turned)}
    return {"available": True, "n_individuals": len(turned)} | {
        name: _averaged([_on_judged(space, one, settings) for space, one in zip(spaces, turned, strict=True)])
        for name, spaces in compared.items()
    }


def _judged(split: np.ndarray) -> np.ndarray:
    return np.isfinite(split).all(axis=1)


def _is_enough(individual: Splits) -> bool:
    return all(_judged(split).sum() >= MIN_JUDGED for split in individual)


def _turned(individual: Splits, group: Splits) -> Splits:
    turned = []
    for ours, theirs in zip(individual, group, strict=True):
        judged = _judged(ours)
        onto = Procrustes().fit(ours[judged], theirs[judged])
        turned.append(np.where(judged[:, None], onto.transform(np.where(judged[:, None], ours, 0.0)), np.nan))
    return tuple(turned)


def _mean(people: Sequence[Splits]) -> Splits:
    """The mean of those who judged an image; NaN where nobody did."""
    return tuple(np.ma.masked_invalid(split).mean(axis=0).filled(np.nan) for split in zip(*people, strict=True))


def _on_judged(space: Splits, individual: Splits, settings: Settings) -> dict[str, float]:
    both = [_judged(one) & _judged(other) for one, other in zip(space, individual, strict=True)]
    ours, theirs = (tuple(split[rows] for split, rows in zip(one, both, strict=True)) for one in (space, individual))
    return statistics_of(ours, theirs, settings)


def _averaged(figures: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([one[name] for one in figures])) for name in figures[0]}
