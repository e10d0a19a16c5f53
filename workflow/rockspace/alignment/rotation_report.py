"""Procrustes analysis of one layer: in-sample, held-out and cross-validated, with intervals and nulls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold

from rockspace.alignment.intervals import by_units, correlation_intervals, disparity_interval, keyed, of_the_mean
from rockspace.alignment.multiplicity import holm
from rockspace.alignment.permutation import Null, Pairings, image_pairings, permutation_nulls, subtype_pairings
from rockspace.alignment.reduction import REDUCTIONS, reduced_procrustes, reducer
from rockspace.alignment.rotation_scores import Figures, RotationScorer, without_empty_axes
from rockspace.alignment.spaces import Spaces, UnusableSpaces, centred, correlations

FOLDS = 10


@dataclass(frozen=True)
class Settings:
    """How a layer is compared with people; the `procrustes` part of the configuration.

    Attributes:
        reduction: `zero_pad` or `pca`, for the main figures; both are always computed. Zero-padding suits any number of
            human dimensions; as few as two principal components may contain nothing of what people see.
        reflection: Whether the rotation may mirror.
        permutations: Random pairings behind each null.
        bootstraps: Resamples behind each interval.
        distance: Distance between features in RSA; a metric of `scipy.spatial.distance.pdist`.
        seed: Decides every pairing, resample and fold.
    """

    reduction: str = "zero_pad"
    reflection: bool = True
    permutations: int = 1000
    bootstraps: int = 1000
    distance: str = "euclidean"
    seed: int = 0

    @property
    def resampling(self) -> dict[str, Any]:
        """Resamples and seed, as intervals take them."""
        return {"resamples": self.bootstraps, "seed": self.seed}


@dataclass(frozen=True)
class RotationReport:
    """Procrustes figures of one layer under one reduction.

    Attributes:
        summary: `in_sample`, `held_out`, `train`, `train_cv`, `new_subtypes` and `permutation`, ready for
            JSON.
        dimensions: One row for each human dimension.
        predicted: Coordinates of the validation images by the rotation and the scale learnt on the training images,
            in the unit and place of the validation images' coordinates, shape (n, k).
    """

    summary: dict[str, Any]
    dimensions: pd.DataFrame
    predicted: np.ndarray


def rotation_report(
    train: Spaces, validation: Spaces, names: list[str], reduction: str, settings: Settings
) -> RotationReport:
    """Compare a layer with people by Procrustes rotation.

    The in-sample figures are fitted and scored on the validation images, as published figures are. The
    held-out figures are learnt on the training images and scored on the validation images. `train_cv` is
    learnt and scored on different training images, so its difference from held-out is due to the two
    scaling solutions; `new_subtypes` is learnt on training images of other subtypes than the
    validation images that it is scored on, which are those with a label.

    Args:
        train: Images to learn on.
        validation: Images to report on.
        names: Names of the human dimensions.
        reduction: See `rockspace.alignment.reduction.reducer`.
        settings: See `Settings`.
    """
    k = train.coordinates.shape[1]
    reduce = reducer(reduction, train.features, k).fit(train.features)
    learn, score = reduce.transform(train.features), reduce.transform(validation.features)
    within = RotationScorer(score, score, settings.reflection)
    across = RotationScorer(learn, score, settings.reflection)
    analyses: dict[str, Callable[[np.ndarray, np.ndarray], Figures]] = {
        "in_sample": lambda _, there: within(there, there),
        "held_out": across,
    }
    nulls = nulls_by_units(analyses, train, validation, settings)
    targets = train.coordinates, validation.coordinates
    observed = {name: analysis(*targets) for name, analysis in analyses.items()}
    summary: dict[str, Any] = {name: _figures(figures) for name, figures in observed.items()}
    on_train = RotationScorer(learn, learn, settings.reflection)
    fitted, predicted = on_train.predict(targets[0]), across.predict(targets[0])
    summary["train"] = _figures(on_train(targets[0], targets[0]))
    # Of an image without a label, nobody knows which training images are of its subtype.
    labelled = validation.labelled()
    moved = {
        "in_sample": (within.predict(targets[1]), validation),
        "held_out": (predicted, validation),
        "train_cv": (predict_folds(train, train, reduction, settings, by_subtype=False), train),
        "new_subtypes": (predict_folds(train, labelled, reduction, settings, by_subtype=True), labelled),
    }
    intervals = {}
    for name, (space, images) in moved.items():
        if space is None:
            summary[name] = None
            continue
        r = correlations(space, images.coordinates)
        given = space, images.coordinates, images.subtype
        intervals[name] = by_units(correlation_intervals, *given, **settings.resampling)
        summary.setdefault(name, {"r": r.tolist(), "mean_r": float(r.mean())})
        summary[name] |= of_the_mean(intervals[name])
        if name in observed:
            found = by_units(disparity_interval, score, *given, **settings.resampling)
            summary[name] |= keyed("disparity_ci", found)
    summary["permutation"] = _permutation_summary(nulls)
    table = _dimension_table(names, observed, nulls, intervals["held_out"])
    return RotationReport(summary, table, in_data_units(predicted, fitted, *targets))


def both_rotations(
    train: Spaces, validation: Spaces, names: list[str], settings: Settings
) -> dict[str, RotationReport]:
    """Return the report under each reduction, by its name."""
    if settings.reduction not in REDUCTIONS:
        raise UnusableSpaces(f"procrustes.reduction: found {settings.reduction!r}; allowed: {', '.join(REDUCTIONS)}")
    if train.features.shape[1] > len(train) + len(validation):
        # Rotations and principal components lie in the span of the images, which takes fewer axes.
        every = np.concatenate([train.features, validation.features])
        turned, _ = without_empty_axes(every, every)
        train, validation = (
            replace(split, features=part)
            for split, part in zip((train, validation), np.split(turned, [len(train)]), strict=True)
        )
    return {name: rotation_report(train, validation, names, name, settings) for name in REDUCTIONS}


def nulls_by_units(
    analyses: dict, train: Spaces, validation: Spaces, settings: Settings
) -> dict[str, dict[str, Null] | None]:
    """Return nulls of analyses by what is shuffled, `images` and `subtypes`; None where too few can change places.

    Args:
        analyses: As for `rockspace.alignment.permutation.permutation_nulls`.
        train: Images to learn on.
        validation: Images to report on.
        settings: See `Settings`.
    """
    coordinates = train.coordinates, validation.coordinates
    return {
        units: None if orders is None else permutation_nulls(analyses, coordinates, orders)
        for units, orders in pairings_by_units([train, validation], settings).items()
    }


def pairings_by_units(splits: Sequence[Spaces], settings: Settings) -> dict[str, Pairings | None]:
    """Return random pairings of single images and of whole subtypes in each split; the last split is scored."""
    return {
        "images": image_pairings([len(split) for split in splits], settings.permutations, settings.seed),
        "subtypes": subtype_pairings([split.subtype for split in splits], settings.permutations, settings.seed),
    }


def predict_folds(
    train: Spaces, images: Spaces, reduction: str, settings: Settings, *, by_subtype: bool
) -> np.ndarray | None:
    """Predict images by rotations learnt on training images that exclude them, or exclude their subtypes.

    Args:
        train: Images to learn on.
        images: Images to predict: `train` itself, or others, each with a label, if `by_subtype`.
        reduction: See `rockspace.alignment.reduction.reducer`.
        settings: See `Settings`.
        by_subtype: Whether folds are made of subtypes, rather than of images.

    Returns:
        Shape (n, k); None where there are too few subtypes for folds, or a fold has no shape to learn.
    """
    units = images.label if by_subtype else images.image_id
    fold_count = min(FOLDS, len(np.unique(units)))
    if fold_count < 3:
        return None
    k = train.coordinates.shape[1]
    predicted = np.empty((len(images), k))
    folds = GroupKFold(fold_count, shuffle=True, random_state=settings.seed)
    for _, held in folds.split(images.features, groups=units):
        excluded = np.isin(train.label if by_subtype else train.image_id, units[held])
        seen, target = train.features[~excluded], train.coordinates[~excluded]
        if len(seen) < 3 or not (np.ptp(seen, axis=0).any() and np.ptp(target, axis=0).any()):
            return None
        fitted = reduced_procrustes(reduction, seen, k, settings.reflection)
        fitted.fit(seen, target)
        predicted[held] = fitted.transform(images.features[held])
    return predicted


def _figures(figures: Figures) -> dict[str, Any]:
    return {"disparity": float(figures.disparity), "r": figures.r.tolist(), "mean_r": float(figures.mean_r)}


def _permutation_summary(nulls: dict[str, dict[str, Null] | None]) -> dict[str, Any]:
    """The classic test, in-sample and over images, followed by all nulls by unit and analysis."""
    over: dict[str, Any] = {
        units: by_analysis and {name: null.summary() for name, null in by_analysis.items()}
        for units, by_analysis in nulls.items()
    }
    classic = over["images"]["in_sample"] if over["images"] else {}
    keys = {"n": "n", "p_value": "p_disparity", "null_mean_r": "null_mean_r", "null_disparity": "null_disparity"}
    return {name: classic.get(key) for name, key in keys.items()} | over


def _dimension_table(
    names: list[str],
    observed: dict[str, Figures],
    nulls: dict[str, dict[str, Null] | None],
    intervals: dict[str, np.ndarray | None],
) -> pd.DataFrame:
    table = pd.DataFrame({"dimension": names})
    table["r_in_sample"], table["r_held_out"] = observed["in_sample"].r, observed["held_out"].r
    for units, ends in intervals.items():
        for end, position in (("low", 0), ("high", 1)):
            table[f"r_held_out_{end}_{units}"] = np.nan if ends is None else ends[position, :-1]
    for analysis in ("held_out", "in_sample"):
        for units, by_analysis in nulls.items():
            null = by_analysis and by_analysis[analysis]
            table[f"p_{analysis}_{units}"] = null.p_r if null else np.nan
            table[f"p_{analysis}_{units}_holm"] = holm(null.p_r) if null else np.nan
            table[f"null_r_{analysis}_{units}"] = null.r if null else np.nan
            for end, position in (("low", 0), ("high", 1)):
                table[f"null_r_{analysis}_{units}_{end}"] = null.r_band[position] if null else np.nan
    return table


def in_data_units(predicted: np.ndarray, fitted: np.ndarray, train: np.ndarray, validation: np.ndarray) -> np.ndarray:
    """Scale turned validation images as suits the training images, and write them in the validation solution's unit.

    With the training images in both roles, these are scaled alike. The two solutions differ in unit and place; only the spread and the centroid of the validation coordinates are used,
    never how they agree with what was predicted.

    Args:
        predicted: Turned features of the validation images, shape (m, k).
        fitted: Turned features of the training images, shape (n, k).
        train: Human coordinates of the training images, shape (n, k).
        validation: Human coordinates of the validation images, shape (m, k).
    """
    target, power = centred(train), np.sum(centred(fitted) ** 2)
    scale = np.sum(centred(fitted) * target) / power if power > 0 else 0.0
    unit = np.sqrt(np.mean(centred(validation) ** 2) / np.mean(target**2))
    return centred(predicted) * scale * unit + validation.mean(axis=0)
