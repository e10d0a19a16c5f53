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
from rockspace.alignment.statistics import BY_KEY, LEVEL, doubt

# Fewer give a note. From ten subtypes on, intervals have their nominal coverage (`make simulate`).
FEW_IMAGES, FEW_SUBTYPES = 30, 10
# Below this share of the in-sample r, more of it comes from fitting the rotation to the same images than from likeness.
MOSTLY_FITTED = 0.5


def notes(train: Spaces, validation: Spaces, figures: Mapping[str, Any]) -> list[str]:
    """Return notes on what a layer's figures do not show, the most important first, one sentence each.

    Args:
        train: Training images.
        validation: Validation images.
        figures: `held_out`, `in_sample` and `permutation` of the layer's JSON.
    """
    return [
        *_on_chance(figures), *_on_rank(train, validation), *_on_same_coordinates(train, validation),
        *_on_subtypes(validation, figures), *_on_images(validation), *_on_fit(figures),
    ]  # fmt: skip


def technical_notes(train: Spaces, validation: Spaces, settings: Settings) -> list[str]:
    """Return notes on features that no figure suffers from, one sentence each.

    Args:
        train: Training images.
        validation: Validation images.
        settings: See `rockspace.alignment.rotation_report.Settings`.
    """
    found = []
    for name, split in (("training", train), ("validation", validation)):
        constant = int(np.sum(np.ptp(split.features, axis=0) == 0))
        if constant:
            found.append(
                f"{constant} of {split.features.shape[1]} features {'is' if constant == 1 else 'are'} constant over the {name} images"
            )
    undefined = int(without_direction(validation.features, settings.distance).sum())
    if undefined:
        found.append(
            f"{undefined} of {len(validation)} validation images have no direction for procrustes.distance "
            f"'{settings.distance}' (features all 0 or all equal); their distance to all others is set to 1"
        )
    return found


def _on_chance(figures: Mapping[str, Any]) -> list[str]:
    found = BY_KEY["held_out.mean_r"].estimate(figures)
    if not (why := doubt(found)):
        return []
    if found.p > LEVEL:
        side = "within" if found.value >= found.null_low else "below"
        band = (
            f"the chance band of random pairings of {found.null_over} ({found.null_low:.3f} to {found.null_high:.3f})"
        )
        return [f"held-out mean r {found.value:.3f} is {side} {band}: no evidence of alignment"]
    if found.low <= found.null:
        return [
            f"the 95 % interval of held-out mean r ({found.low:.3f} to {found.high:.3f}) includes chance ({found.null:.3f}), "
            "so other images of the same kind may show no alignment"
        ]
    return [f"held-out mean r {found.value:.3f} is not clearly above chance ({found.null:.3f}): {why}"]


def _on_rank(train: Spaces, validation: Spaces) -> list[str]:
    k = train.coordinates.shape[1]
    return [
        f"{len(split)} {name} images can be rotated onto {k} dimensions in many equally good ways; "
        f"figures fitted to them are meaningless"
        for name, split in (("training", train), ("validation", validation))
        if len(split) <= k
    ]


def _on_same_coordinates(train: Spaces, validation: Spaces) -> list[str]:
    known = {tuple(row) for row in train.coordinates}
    same = sum(tuple(row) in known for row in validation.coordinates)
    if 2 * same <= len(validation):
        return []
    return [
        f"{same} of {len(validation)} validation images have exactly the coordinates of a training image, so held-out figures are "
        "of other photographs of things whose coordinates the rotation was learnt on"
        + ("" if validation.subtype is None else "; those of new subtypes are not")
    ]


def _on_subtypes(validation: Spaces, figures: Mapping[str, Any]) -> list[str]:
    subtypes = len(validation) if validation.subtype is None else len(np.unique(validation.subtype))
    if subtypes == len(validation):
        return []
    if subtypes == 1:
        return ["all validation images are of one subtype, so there is no interval and no test over subtypes"]
    if figures["permutation"]["subtypes"] is None:
        return [
            f"{subtypes} subtypes have fewer than {MIN_EXCHANGES} permutations, so there is no test over subtypes; "
            f"tests over images only show that images of a subtype are close together, not that subtypes are where people place them"
        ]
    if subtypes < FEW_SUBTYPES:
        return [
            f"{subtypes} subtypes are few: only clear results of intervals and tests over them support a conclusion"
        ]
    return []


def _on_images(validation: Spaces) -> list[str]:
    n = len(validation)
    if n >= FEW_IMAGES:
        return []
    return [
        f"{n} validation images are few: even with independent images, a single correlation differs from 0 significantly only beyond "
        f"{critical_correlation(n, 0.975):.2f}; judge by the intervals"
    ]


def _on_fit(figures: Mapping[str, Any]) -> list[str]:
    held_out, in_sample = (figures[name]["mean_r"] for name in ("held_out", "in_sample"))
    if held_out >= MOSTLY_FITTED * in_sample:
        return []
    return [
        f"in-sample mean r is {in_sample:.3f}, but {held_out:.3f} on images that the rotation was not fitted to: "
        "more than half of the in-sample figure is fit, so report the held-out one"
    ]


def critical_correlation(n: int, share: float) -> float:
    """Return the quantile of Pearson's r between unrelated normal variables of `n` images that this share lies below."""
    t = stats.t.ppf(share, n - 2)
    return float(t / np.sqrt(n - 2 + t**2))
