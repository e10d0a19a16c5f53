"""The stopping set: the training images that decide when to stop, and are not trained on meanwhile."""

from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from rockspace.errors import RockspaceError
from rockspace.training.features import Features


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
    train: Features, validation: Features | None, selection: dict[str, Any], seed: int
) -> tuple[Features, Features | None]:
    """Say what the first phase trains on and what it watches.

    Args:
        train: Features of the training split.
        validation: Features of the validation split, for the selection ``validation``.
        selection: ``selection`` and ``holdout_fraction`` of the configuration's section ``finetune``.
        seed: Seed of the run.

    Returns:
        The features to train on, and those to watch: None for the selection ``none``.
    """
    match selection["selection"]:
        case "validation":
            return train, validation
        case "none":
            return train, None
        case _:
            chosen = stopping_set(train.label, selection["holdout_fraction"], seed)
            return train.subset(~chosen), train.subset(chosen)
