"""A training to be ended at the moment it is told: by a signal, which it may be in a process of its own for, or an exception."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

import rockspace.training.checkpoint as checkpointing
from rockspace.data.catalog import read_catalog
from rockspace.data.tfrecords import Geometry
from rockspace.networks.device import repeatable
from rockspace.networks.loading import load_classifier, save_classifier
from rockspace.training.augmentation import Augmentation
from rockspace.training.finetune import Recipe
from rockspace.training.finetune import finetune as train
from rockspace.training.pipeline import ImageSet
from workflow_runs import heed_interrupts

MOMENTS = {
    "step": "on_train_batch_end",
    "validation step": "on_test_batch_end",
    "epoch begins": "on_epoch_begin",
    "phase begins": "__init__",
}
HALF_SAVED = "half of a checkpoint is written"


def when(moment: str, count: int, do: Callable[[], Any], set_attribute: Callable = setattr) -> None:
    """Do something when a moment comes for the ``count``-th time: a step is done and not yet noted, for example."""
    owner, name = (np, "savez") if moment == HALF_SAVED else (checkpointing.Checkpoint, MOMENTS[moment])
    original, left = getattr(owner, name), [count]

    def method(*arguments: Any, **named: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            if moment == HALF_SAVED:
                original(*arguments, **named)
                os.truncate(arguments[0], arguments[0].stat().st_size // 2)
            do()
        return original(*arguments, **named)

    set_attribute(owner, name, method)


def send(*signals: int) -> None:
    """Send signals to this process, one after the other."""
    for each in signals:
        os.kill(os.getpid(), each)


def finetune(
    starts: Sequence[Path],
    images: ImageSet,
    training: dict,
    checkpoints: Path | None = None,
    precision: str = "float32",
) -> tuple[keras.Model, "pd.DataFrame"]:  # noqa: F821
    """Train as the stage does, with a checkpoint after every epoch however short it is."""
    checkpointing.SHARE_OF_TIME = np.inf
    repeatable(1)
    recipe = Recipe(training, Augmentation(rotation=10, horizontal_flip=True), precision, 1, checkpoints=checkpoints)
    network, refit = map(load_classifier, starts)
    return train(network, refit, images, None, recipe)


def run(folder: Path, starts: list[Path], shards: list[Path], training: dict, moment: tuple | None) -> None:
    """Train, and write history and network; or get signals at ``moment``: which, for which time, and the signals."""
    os.environ["TF_NUM_INTRAOP_THREADS"] = "1"
    heed_interrupts()
    if moment is not None:
        which, count, *signals = moment
        when(which, count, lambda: send(*signals))
    geometry = Geometry(image_size=32, margin=8, fit="pad", background=(255, 255, 255))
    catalog = read_catalog(shards[0].with_name("catalog.csv"))
    network, history = finetune(starts, ImageSet.open(shards, geometry, catalog), training, folder / "checkpoints")
    history.to_csv(folder / "history.csv", index=False)
    save_classifier(network, folder / "network.keras")
