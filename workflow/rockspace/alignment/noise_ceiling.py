"""Noise ceiling: how well people themselves match one another by each statistic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rockspace.alignment.procrustes import Procrustes
from rockspace.alignment.rotation_scores import RotationScorer
from rockspace.alignment.rsa import STATISTICS, rsa
from rockspace.alignment.similarity import debiased_cka, linear_cka, shape_distance
from rockspace.alignment.spaces import UnusableSpaces

# Coordinates of the validation images, and before them those of the training images where there are any.
Splits = tuple[np.ndarray, ...]
NONE = {
    "available": False,
    "reason": "the study gives no individual or split-half coordinates (dataset.splits.*.individual)",
}


def noise_ceiling(features: Splits, group: Splits, individuals: Sequence[Splits] | None) -> dict[str, Any]:
    """Return what each statistic can reach at all, given how much people differ.

    Every statistic is taken against each individual (or each half of the people) and averaged, for three
    spaces: the mean of the other individuals (`lower`), the mean of all, this one included (`upper`), and the
        model
    (`model`). A model between the bounds is as good as the data can tell. Individuals are first turned onto
    the group's solution, since separate scaling solutions have no common orientation.

    Args:
        features: The model's space of (training and) validation images, shapes (n, d).
        group: The group's coordinates of the same images, shapes (n, k).
        individuals: For each individual, coordinates of the same images, shapes (n, k); None or one alone
            gives no ceiling.

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
    turned = [_turned(individual, group, number) for number, individual in enumerate(individuals, start=1)]
    everyone = [_mean(turned)] * len(turned)
    others = [_mean(turned[:i] + turned[i + 1 :]) for i in range(len(turned))]
    compared = {"lower": others, "upper": everyone, "model": [features] * len(turned)}
    return {"available": True, "n_individuals": len(turned)} | {
        name: _averaged([statistics(space, one) for space, one in zip(spaces, turned, strict=True)])
        for name, spaces in compared.items()
    }


def statistics(space: Splits, target: Splits) -> dict[str, float]:
    """Return every statistic of a space against coordinates; held-out ones if both have training images."""
    here, there = space[-1], target[-1]
    within = RotationScorer(here, here)(there, there)
    figures = {"in_sample_mean_r": float(within.mean_r), "in_sample_disparity": float(within.disparity)}
    if len(space) > 1 and len(target) > 1:
        across = RotationScorer(space[0], here)(target[0], there)
        figures |= {"held_out_mean_r": float(across.mean_r), "held_out_disparity": float(across.disparity)}
    similarities = rsa(here, there)
    figures |= {f"rsa_{name}": similarities[name] for name in STATISTICS}
    others: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
        "cka": linear_cka,
        "cka_debiased": debiased_cka,
        "shape_distance": shape_distance,
    }
    return figures | {name: statistic(here, there) for name, statistic in others.items()}


def _turned(individual: Splits, group: Splits, number: int) -> Splits:
    if [len(split) for split in individual] != [len(split) for split in group]:
        raise UnusableSpaces(f"individual coordinates {number}: not as many images as in the group's coordinates")
    return tuple(Procrustes().fit(ours, theirs).transform(ours) for ours, theirs in zip(individual, group, strict=True))


def _mean(people: Sequence[Splits]) -> Splits:
    return tuple(np.mean(split, axis=0) for split in zip(*people, strict=True))


def _averaged(figures: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([one[name] for one in figures])) for name in figures[0]}
