"""One layer against people: the JSON, the table of dimensions and the aligned coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rockspace.alignment.aligned import aligned_table
from rockspace.alignment.noise_ceiling import Splits, noise_ceiling
from rockspace.alignment.notes import notes, technical_notes
from rockspace.alignment.rotation_report import Settings, both_rotations
from rockspace.alignment.spaces import Spaces, UnusableSpaces, checked_space
from rockspace.alignment.statistics import BY_KEY, Estimate, sections


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
        """Return the held-out and the in-sample figure, each with its own interval and chance, in one line."""
        return "; ".join(
            f"{statistic.label} {_in_words(statistic.estimate(self.figures))}"
            for statistic in (BY_KEY["held_out.mean_r"], BY_KEY["in_sample.mean_r"])
        )


def _in_words(found: Estimate) -> str:
    words = f"{found.value:.3f}"
    if found.has_interval:
        words += f" ({found.low:.3f} to {found.high:.3f} over {found.interval_over})"
    if found.has_null:
        words += f", chance {found.null:.3f}, p = {found.p:.4f} over {found.null_over}"
    return words


def layer_report(
    train: Spaces,
    validation: Spaces,
    names: list[str],
    settings: Settings,
    individuals: Sequence[Splits] | None = None,
    *,
    one_solution: bool = True,
) -> LayerReport:
    """Compare one layer with people by every statistic.

    Args:
        train: Images to learn on.
        validation: Images to report on.
        names: Names of the human dimensions.
        settings: See `rockspace.alignment.rotation_report.Settings`.
        individuals: Coordinates of single people, or halves of them, for the noise ceiling: each a tuple of
            the training and validation images, or of the validation images alone.
        one_solution: Whether an individual's coordinates of both splits come from one scaling solution.

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
        **sections(train, validation, settings),
        "noise_ceiling": noise_ceiling(
            (train.features, validation.features),
            (train.coordinates, validation.coordinates),
            individuals,
            settings,
            one_solution=one_solution,
        ),
        "notes": notes(train, validation, leading.summary),
        "technical_notes": technical_notes(train, validation, settings),
    }
    figures["shape_distance"]["p_value"] = rotations["zero_pad"].summary["permutation"]["p_value"]
    tables = [report.dimensions.assign(reduction=name) for name, report in rotations.items()]
    dimensions = pd.concat(sorted(tables, key=lambda table: table["reduction"].iloc[0] != settings.reduction))
    images = validation.image_id, validation.label
    return LayerReport(figures, dimensions, aligned_table(*images, names, validation.coordinates, leading.predicted))


def _check_splits(train: Spaces, validation: Spaces, names: list[str]) -> None:
    for what in ("features", "coordinates"):
        ours, theirs = getattr(train, what).shape[1], getattr(validation, what).shape[1]
        if ours != theirs:
            raise UnusableSpaces(
                f"{what}: {ours} dimensions in the training split and {theirs} in the validation split"
            )
        for split, name in ((train, "training"), (validation, "validation")):
            checked_space(getattr(split, what), f"{what} of the {name} images")
    if len(names) != train.coordinates.shape[1]:
        raise UnusableSpaces(f"coordinates: {train.coordinates.shape[1]} dimensions, but {len(names)} names for them")
