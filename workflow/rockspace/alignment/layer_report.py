"""One layer against people: the JSON, the table of dimensions and the aligned coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rockspace.alignment.noise_ceiling import Splits, noise_ceiling
from rockspace.alignment.permutation import Pairings, image_pairings, subtype_pairings
from rockspace.alignment.readout import ridge_readout
from rockspace.alignment.rotation_report import Settings, both_rotations
from rockspace.alignment.rsa import rsa, rsa_intervals, rsa_null
from rockspace.alignment.similarity import cka_interval, cka_null, debiased_cka, linear_cka, shape_distance
from rockspace.alignment.spaces import Spaces, UnusableSpaces

# Columns of the aligned coordinates, by dimension.
OBSERVED, PREDICTED = "{} observed", "{} predicted"


@dataclass(frozen=True)
class LayerReport:
    """What is written about one layer.

    Attributes:
        figures: The JSON.
        dimensions: A row for each human dimension.
        aligned: A row for each validation image: `image_id`, `label`, and for each dimension the observed
            coordinate and the one predicted by the rotation learnt on the training images.
    """

    figures: dict[str, Any]
    dimensions: pd.DataFrame
    aligned: pd.DataFrame

    def in_words(self) -> str:
        """Return the three numbers that belong together, in one line."""
        within, across, null = (self.figures[part] for part in ("in_sample", "held_out", "permutation"))
        low, high = across["mean_r_ci"]
        return (
            f"mean r {across['mean_r']:.3f} held-out ({low:.3f} to {high:.3f}), "
            f"{within['mean_r']:.3f} in-sample, "
            f"{null['null_mean_r']:.3f} in-sample with images paired at random (p = {null['p_value']:.4f})"
        )


def read_aligned(path: str | Path) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Read aligned coordinates as they were written.

    Returns:
        The table, and the observed and the predicted coordinates in it, shapes (n, k).
    """
    table = pd.read_csv(path, dtype={"image_id": str, "label": str}, keep_default_na=False)
    sides = (table.filter(regex=form.format("^.*") + "$").to_numpy() for form in (OBSERVED, PREDICTED))
    return table, *sides


def layer_report(
    train: Spaces,
    validation: Spaces,
    names: list[str],
    settings: Settings,
    individuals: Sequence[Splits] | None = None,
) -> LayerReport:
    """Compare one layer with people by every statistic.

    Args:
        train: Images to learn on.
        validation: Images to report on.
        names: Names of the human dimensions.
        settings: See `rockspace.alignment.rotation_report.Settings`.
        individuals: Coordinates of single people, or halves of them, for the noise ceiling: each a tuple of
            the training and validation images, or of the validation images alone.

    Raises:
        UnusableSpaces: The two splits do not describe the same spaces.
    """
    _check_splits(train, validation, names)
    rotations = both_rotations(train, validation, names, settings)
    leading = rotations[settings.reduction]
    figures = {
        "n_dimensions": len(names),
        "dimensions": names,
        "n_features": train.features.shape[1],
        "n_images": {"train": len(train), "validation": len(validation)},
        "reduction": settings.reduction,
        **leading.summary,
        "reductions": {name: report.summary for name, report in rotations.items()},
        "ridge": ridge_readout(train, validation, settings),
        "rsa": rsa_summary(validation, settings),
        "cka": cka_summary(validation, settings),
        "shape_distance": _shape_distances(validation, rotations["zero_pad"].summary["permutation"]),
        "noise_ceiling": _ceiling(train, validation, individuals),
        "notes": _notes(train, validation),
    }
    tables = [report.dimensions.assign(reduction=name) for name, report in rotations.items()]
    dimensions = pd.concat(sorted(tables, key=lambda table: table["reduction"].iloc[0] != settings.reduction))
    return LayerReport(figures, dimensions, _aligned(validation, names, leading.predicted))


def rsa_summary(validation: Spaces, settings: Settings) -> dict[str, Any]:
    """Return RSA on the validation images, with nulls and intervals over images and over subtypes."""
    spaces = validation.features, validation.coordinates
    resampling = {"resamples": settings.bootstraps, "seed": settings.seed, "metric": settings.distance}
    return {
        "distance": settings.distance,
        **rsa(*spaces, metric=settings.distance),
        "ci": rsa_intervals(*spaces, **resampling),
        "ci_subtypes": rsa_intervals(*spaces, validation.label, **resampling),
        **{
            name: pairings and rsa_null(*spaces, pairings, metric=settings.distance)
            for name, pairings in _pairings(validation, settings)
        },
    }


def cka_summary(validation: Spaces, settings: Settings) -> dict[str, Any] | None:
    """Return linear CKA, plain and debiased, with intervals and nulls of the latter; None for fewer than four
    images."""
    if len(validation) < 4:
        return None
    spaces = validation.features, validation.coordinates
    nulls = {name: pairings and cka_null(*spaces, pairings) for name, pairings in _pairings(validation, settings)}
    resampling = {"resamples": settings.bootstraps, "seed": settings.seed}
    intervals = {
        "ci": cka_interval(*spaces, **resampling),
        "ci_subtypes": cka_interval(*spaces, validation.label, **resampling),
    }
    return {"linear": linear_cka(*spaces), "debiased": debiased_cka(*spaces)} | intervals | nulls


def _pairings(validation: Spaces, settings: Settings) -> list[tuple[str, Pairings | None]]:
    """Random pairings of the validation images by the name that their null has in the JSON."""
    images = image_pairings([len(validation)], settings.permutations, settings.seed)
    subtypes = subtype_pairings([validation.label], settings.permutations, settings.seed)
    return [("permutation", images), ("permutation_subtypes", subtypes)]


def _shape_distances(validation: Spaces, permutation: dict[str, Any]) -> dict[str, float]:
    """Shape distances fall as disparity falls, so they share its test in-sample under zero-padding."""
    spaces = validation.features, validation.coordinates
    distances = {metric: shape_distance(*spaces, metric) for metric in ("angular", "euclidean")}
    return distances | {"p_value": permutation["p_value"]}


def _ceiling(train: Spaces, validation: Spaces, individuals: Sequence[Splits] | None) -> dict[str, Any]:
    splits = (validation,) if individuals and len(individuals[0]) == 1 else (train, validation)
    return noise_ceiling(
        tuple(split.features for split in splits), tuple(split.coordinates for split in splits), individuals
    )


def _check_splits(train: Spaces, validation: Spaces, names: list[str]) -> None:
    for what in ("features", "coordinates"):
        ours, theirs = getattr(train, what).shape[1], getattr(validation, what).shape[1]
        if ours != theirs:
            raise UnusableSpaces(
                f"{what}: {ours} dimensions in the training split and {theirs} in the validation split"
            )
    if len(names) != train.coordinates.shape[1]:
        raise UnusableSpaces(f"coordinates: {train.coordinates.shape[1]} dimensions, but {len(names)} names for them")


def _notes(train: Spaces, validation: Spaces) -> list[str]:
    """What a reader must know before believing a figure."""
    notes, k = [], train.coordinates.shape[1]
    for name, split in (("training", train), ("validation", validation)):
        if len(split) <= k:
            notes.append(
                f"{len(split)} {name} images can be rotated onto {k} dimensions in many equally good ways; "
                f"figures fitted on them say nothing"
            )
        constant = int(np.sum(np.ptp(split.features, axis=0) == 0))
        if constant:
            notes.append(f"{constant} of {split.features.shape[1]} features are constant over the {name} images")
    return notes


def _aligned(validation: Spaces, names: list[str], predicted: np.ndarray) -> pd.DataFrame:
    columns: dict[str, np.ndarray] = {"image_id": validation.image_id, "label": validation.label}
    for i, name in enumerate(names):
        columns[OBSERVED.format(name)] = validation.coordinates[:, i]
        columns[PREDICTED.format(name)] = predicted[:, i]
    return pd.DataFrame(columns)
