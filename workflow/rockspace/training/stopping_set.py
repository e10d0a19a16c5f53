"""The stopping set: the training images that decide when to stop, and are not trained on meanwhile."""

from typing import Any, TypeVar

import numpy as np
from sklearn.model_selection import train_test_split

from rockspace.errors import RockspaceError
from rockspace.training.features import Features
from rockspace.training.pipeline import ImageSet

Images = TypeVar("Images", Features, ImageSet)


def stopping_set(labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Choose a stratified part of the training images.

    Args:
        labels: ``(n,)`` label indices.
        fraction: Share of the images, 0 to 0.5.
        seed: Seed of the choice.

    Returns:
        ``(n,)`` bool, true for an image of the stopping set.

    Raises:
        RockspaceError: Where the images do not suffice for one of each label on either side.
    """
    positions = np.arange(len(labels))
    try:
        _, chosen = train_test_split(positions, test_size=fraction, stratify=labels, random_state=seed)
    except ValueError as error:
        raise RockspaceError(
            f"config: finetune.holdout_fraction: {fraction} of {len(labels)} training images cannot hold one image of "
            f"each of the {len(np.unique(labels))} labels; raise it, add images, or set finetune.selection to validation"
        ) from error
    mask = np.zeros(len(labels), bool)
    mask[chosen] = True
    return mask


def training_members(
    train: Images, validation: Images | None, labels: np.ndarray, selection: dict[str, Any], seed: int
) -> tuple[Images, Images | None]:
    """Say what a phase trains on and what it watches.

    Args:
        train: Features of the training images, or the images.
        validation: The same of the validation images, for the selection ``validation``.
        labels: ``(n,)`` label indices of the training images.
        selection: ``selection`` and ``holdout_fraction`` of the configuration's section ``finetune``.
        seed: Seed of the run.

    Returns:
        What to train on, and what to watch: None for the selection ``none``.
    """
    match selection["selection"]:
        case "validation":
            return train, validation
        case "none":
            return train, None
        case _:
            chosen = stopping_set(labels, selection["holdout_fraction"], seed)
            return train.subset(~chosen), train.subset(chosen)
