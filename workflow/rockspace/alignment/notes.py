"""Notes on the limits of a layer's figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import stats

from rockspace.alignment.permutation import MIN_EXCHANGES
from rockspace.alignment.rotation_report import Settings
from rockspace.alignment.rsa import without_direction
from rockspace.alignment.spaces import Spaces
from rockspace.alignment.statistics import BY_KEY

# Fewer give a note. From ten subtypes on, intervals have their nominal coverage (`make simulate`).
FEW_IMAGES, FEW_SUBTYPES = 30, 10


def notes(train: Spaces, validation: Spaces, figures: Mapping[str, Any], settings: Settings) -> list[str]:
    """Return notes on a layer's figures, one sentence each.

    Args:
        train: Training images.
        validation: Validation images.
        figures: `held_out` and `permutation` of the layer's JSON.
        settings: See `rockspace.alignment.rotation_report.Settings`.
    """
    return [*_on_spaces(train, validation, settings), *_on_size(validation, figures), *_on_chance(figures)]


def _on_spaces(train: Spaces, validation: Spaces, settings: Settings) -> list[str]:
    found, k = [], train.coordinates.shape[1]
    for name, split in (("training", train), ("validation", validation)):
        if len(split) <= k:
            found.append(
                f"{len(split)} {name} images can be rotated onto {k} dimensions in many equally good ways; "
                f"figures fitted to them are meaningless"
            )
        constant = int(np.sum(np.ptp(split.features, axis=0) == 0))
        if constant:
            found.append(f"{constant} of {split.features.shape[1]} features are constant over the {name} images")
    undefined = int(without_direction(validation.features, settings.distance).sum())
    if undefined:
        found.append(
            f"{undefined} of {len(validation)} validation images have no direction for procrustes.distance "
            f"'{settings.distance}' (features all 0 or all equal); their distance to all others is set to 1"
        )
    return found


def _on_size(validation: Spaces, figures: Mapping[str, Any]) -> list[str]:
    found, n, subtypes = [], len(validation), len(np.unique(validation.label))
    if n < FEW_IMAGES:
        found.append(
            f"{n} validation images are few: even with independent images, a single correlation is significant only beyond "
            f"{critical_correlation(n, 0.975):.2f}; judge by the intervals"
        )
    if subtypes == n:
        return found
    if subtypes == 1:
        found.append("all validation images are of one subtype, so there is no interval and no test over subtypes")
    elif figures["permutation"]["subtypes"] is None:
        found.append(
            f"{subtypes} subtypes have fewer than {MIN_EXCHANGES} permutations, so there is no test over subtypes; "
            f"tests over images only show that images of a subtype are close together, not that subtypes are where people place them"
        )
    elif subtypes < FEW_SUBTYPES:
        found.append(
            f"{subtypes} subtypes are few: only clear results of intervals and tests over them support a conclusion"
        )
    return found


def critical_correlation(n: int, share: float) -> float:
    """Return the quantile of Pearson's r between unrelated normal variables of `n` images that this share lies below."""
    t = stats.t.ppf(share, n - 2)
    return float(t / np.sqrt(n - 2 + t**2))


def _on_chance(figures: Mapping[str, Any]) -> list[str]:
    found = BY_KEY["held_out.mean_r"].estimate(figures)
    if not found.has_null or found.value > found.null_high:
        return []
    side = "within" if found.value >= found.null_low else "below"
    return [
        f"held-out mean r {found.value:.3f} is {side} the chance band of random pairings of {found.null_over} "
        f"({found.null_low:.3f} to {found.null_high:.3f}): no evidence of alignment"
    ]
