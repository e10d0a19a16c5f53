"""Ensembles: several networks, or the same one trained from several seeds, averaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rockspace.alignment.aligned import read_aligned
from rockspace.alignment.intervals import mean_intervals
from rockspace.alignment.procrustes import remaining_disparity
from rockspace.alignment.spaces import centred, correlations, subtypes_of
from rockspace.errors import RockspaceError
from rockspace.inference.evaluation import Outputs


class Moments(NamedTuple):
    """Mean and standard deviation of coordinates, each of shape (k,)."""

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, coordinates: np.ndarray) -> Moments:
        """Take those of coordinates (n, k); a dimension that does not vary keeps its unit."""
        deviation = coordinates.std(axis=0)
        return cls(coordinates.mean(axis=0), np.where(deviation > 0, deviation, 1.0))

    def standardized(self, coordinates: np.ndarray) -> np.ndarray:
        """Return coordinates (n, k) in units of these deviations from this mean."""
        return (coordinates - self.mean) / self.deviation


def mean_coordinates(
    predicted: Sequence[np.ndarray], of_training: Sequence[Moments], observed_training: Moments
) -> np.ndarray:
    """Average predicted coordinates, each standardized first, and give them the unit of the training images' file.

    A member that predicts cautiously (a strong penalty) would otherwise count for less. What standardizes a member are
    its predictions for the images it was trained on, so no image that is scored has a part in it.

    Args:
        predicted: Of each member, (n, k).
        of_training: Of each member, the moments of its predictions for the images it was trained on.
        observed_training: Moments of these images' human coordinates.

    Returns:
        Shape (n, k).
    """
    members = zip(predicted, of_training, strict=True)
    mean = np.mean([moments.standardized(coordinates) for coordinates, moments in members], axis=0)
    return mean * observed_training.deviation + observed_training.mean


def ensemble(members: Sequence[Outputs]) -> Outputs:
    """Average the outputs of several networks for the images of both splits.

    Args:
        members: At least one, of the same images. Probabilities are averaged over those that have a softmax, coordinates
            over those that predict them, as in `mean_coordinates`.

    Raises:
        RockspaceError: Where the members have different images.
    """
    first = members[0]
    if any(not np.array_equal(member.image_id, first.image_id) for member in members):
        raise RockspaceError("an ensemble's members have outputs of different images; run the stage 'evaluate' again")
    probabilities = [member.probabilities for member in members if member.probabilities is not None]
    whole = replace(first, probabilities=np.mean(probabilities, axis=0) if probabilities else None)
    regressing = [member for member in members if member.coordinates is not None]
    if not regressing:
        return whole
    train = first.split == "train"
    coordinates = mean_coordinates(
        [member.coordinates for member in regressing],
        [Moments.of(member.coordinates[train]) for member in regressing],
        Moments.of(regressing[0].observed[train]),
    )
    known = {name: getattr(regressing[0], name) for name in ("observed", "dimensions")}
    return replace(whole, coordinates=coordinates, **known)


def ensemble_alignment(paths: Sequence[str | Path], *, resamples: int, seed: int) -> dict[str, Any]:
    """Average the rotated embeddings of several networks, and score them as a single network's are.

    Each is centred and brought to norm 1 first, so that none counts for more by its scale.

    Args:
        paths: Aligned coordinates of one layer, whose rotations were learnt on the training images.
        resamples: Bootstrap resamples behind each interval.
        seed: Decides every resample.

    Returns:
        ``n_members``, and ``held_out`` with the keys of a single layer's: ``disparity`` (after translation and scale),
        ``r``, ``mean_r``, ``mean_r_ci`` and ``mean_r_ci_subtypes``.
    """
    tables = [read_aligned(path) for path in paths]
    images, observed, _ = tables[0]
    for path, (other, _, _) in zip(paths, tables, strict=True):
        if not images["image_id"].equals(other["image_id"]):
            raise RockspaceError(f"{path}: not the images of {paths[0]}; run the stage 'procrustes' again")
    parts = [centred(predicted) for _, _, predicted in tables]
    norms = [np.linalg.norm(part) for part in parts]
    mean = np.mean([part / norm if norm > 0 else part for part, norm in zip(parts, norms, strict=True)], axis=0)
    target, r = centred(observed), correlations(mean, observed)
    held_out = {
        "disparity": float(remaining_disparity(np.sum(mean * target), np.linalg.norm(mean), np.linalg.norm(target))),
        "r": r.tolist(),
        "mean_r": float(r.mean()),
    }
    held_out |= mean_intervals(
        mean, observed, subtypes_of(images["label"], images["image_id"]), resamples=resamples, seed=seed
    )
    return {"n_members": len(tables), "held_out": held_out}
