"""The stopping set: the training images that decide when to stop, and are not trained on meanwhile."""

from typing import Any, TypeVar

import numpy as np
from sklearn.model_selection import train_test_split

from rockspace.errors import RockspaceError
from rockspace.networks.objectives import Objective
from rockspace.training.features import Features
from rockspace.training.pipeline import ImageSet

Images = TypeVar("Images", Features, ImageSet)


def stopping_set(labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Choose a part of the training images, stratified by label where there are labels.

    Args:
        labels: ``(n,)`` label indices; all -1 without labels.
        fraction: Share of the images, 0 to 0.5.
        seed: Seed of the choice.

    Returns:
        ``(n,)`` bool, true for an image of the stopping set.

    Raises:
        RockspaceError: Where the images do not suffice for one, of each label, on either side.
    """
    positions, strata = np.arange(len(labels)), labels if (labels >= 0).any() else None
    try:
        _, chosen = train_test_split(positions, test_size=fraction, stratify=strata, random_state=seed)
    except ValueError as error:
        each = "" if strata is None else f" of each of the {len(np.unique(labels))} labels"
        raise RockspaceError(
            f"config: finetune.holdout_fraction: {fraction} of {len(labels)} training images cannot hold one image{each}; "
            "raise it, add images, or set finetune.selection to validation"
        ) from error
    mask = np.zeros(len(labels), bool)
    mask[chosen] = True
    return mask


def training_members(
    train: Images, validation: Images | None, objective: Objective, selection: dict[str, Any], seed: int
) -> tuple[Images, Images | None]:
    """Say what a phase trains on and what it watches.

    Args:
        train: Features of the training images, or the images.
        validation: The same of the validation images, for the selection ``validation``.
        objective: What is learnt; where that is labels, images without a label of the network are not watched.
        selection: ``selection`` and ``holdout_fraction`` of the configuration's section ``finetune``.
        seed: Seed of the run.

    Returns:
        What to train on, and what to watch: None for the selection ``none``.

    Raises:
        RockspaceError: Where no image can be watched.
    """
    match selection["selection"]:
        case "validation":
            watched = validation.subset(validation.label >= 0) if objective.classifies else validation
            if not len(watched.label):
                raise RockspaceError(
                    "config: finetune.selection: found validation; allowed: holdout or none, since no validation image has a "
                    "label that training images have"
                )
            return train, watched
        case "none":
            return train, None
        case _:
            chosen = stopping_set(train.label, selection["holdout_fraction"], seed)
            return train.subset(~chosen), train.subset(chosen)
