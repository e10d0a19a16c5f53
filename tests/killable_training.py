"""A training to be killed for real: in a process of its own, at the moment it is told."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

import rockspace.training.checkpoint as checkpointing
from rockspace.data.catalog import read_catalog
from rockspace.data.tfrecords import Geometry
from rockspace.networks.device import repeatable
from rockspace.networks.loading import load_classifier
from rockspace.training.augmentation import Augmentation
from rockspace.training.finetune import Recipe
from rockspace.training.finetune import finetune as train
from rockspace.training.pipeline import ImageSet


def finetune(
    starts: Sequence[Path], images: ImageSet, training: dict, checkpoints: Path | None = None
) -> tuple[keras.Model, "pd.DataFrame"]:  # noqa: F821
    """Train as the stage does, with a checkpoint after every epoch however short it is."""
    checkpointing.SHARE_OF_TIME = np.inf
    repeatable(1)
    recipe = Recipe(training, Augmentation(rotation=10, horizontal_flip=True), "float32", 1, checkpoints=checkpoints)
    network, refit = map(load_classifier, starts)
    return train(network, refit, images, None, recipe)


def run(folder: Path, starts: list[Path], shards: list[Path], training: dict, moment: tuple | None) -> None:
    """Train, and write history and weights; or die at ``moment``: what happens, for which time, and the signal."""
    os.environ["TF_NUM_INTRAOP_THREADS"] = "1"
    if moment is not None:
        _die_at(*moment)
    geometry = Geometry(image_size=32, margin=8, fit="pad", background=(255, 255, 255))
    catalog = read_catalog(shards[0].with_name("catalog.csv"))
    network, history = finetune(starts, ImageSet.open(shards, geometry, catalog), training, folder / "checkpoints")
    history.to_csv(folder / "history.csv", index=False)
    np.savez(folder / "weights.npz", *network.get_weights())


def _die_at(event: str, count: int, with_signal: int) -> None:
    left = [count]

    def happens() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), with_signal)
            signal.pause()

    callback, write = checkpointing.Checkpoint, np.savez
    match event:
        case "batch":
            callback.on_train_batch_end = lambda self, batch, logs=None: happens()
        case "epoch begins":
            callback.on_epoch_begin = lambda self, epoch, logs=None: happens()
        case "fit begins":
            start = callback.__init__
            callback.__init__ = lambda self, *arguments: (happens(), start(self, *arguments))[1]
        case "half of a checkpoint is written":

            def half(path: Path, **arrays: np.ndarray) -> None:
                write(path, **arrays)
                os.truncate(path, path.stat().st_size // 2)
                happens()
                write(path, **arrays)

            np.savez = half
