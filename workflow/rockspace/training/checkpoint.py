"""Checkpoints: training that is killed at any moment resumes, with the same result to the last digit.

A checkpoint holds all that decides the epochs to come: the variables of model and optimizer (among them the states of
dropout's generators), what the callbacks remember, and the global random state. Order and augmentation need no state:
they depend on seed, epoch and image alone. It is one ``npz`` file, whose format has a checksum of every array, with
the rest as JSON inside.
"""

import json
import logging
import random
import shutil
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from rockspace.artifacts import read_arrays, write_arrays
from rockspace.networks.device import hardware
from rockspace.training.fingerprint import fingerprint

log = logging.getLogger(__name__)

KEPT = 2
"""The newest so many stay: where the last one is damaged, the one before it serves."""

SHARE_OF_TIME = 0.05
"""At most so much of the training time goes into writing; where an epoch is short, some go without a checkpoint."""

# What Keras resets for each call of `fit`, and a setting whose sign Keras turns once per object.
NOT_STATE = {"params", "min_delta"}

ARRAY = "__array__"
"""Key of the name under which an array of a callback's memory is stored beside the JSON."""


class Checkpoint(keras.callbacks.Callback):
    """Write what decides the epochs to come, and take over what an earlier process wrote.

    Give it to ``fit`` as the last of its callbacks, with ``epoch`` as the first epoch and ``last_epoch`` as the last.

    Args:
        folder: Of this training's checkpoints; None neither reads nor writes any.
        callbacks: Those whose memory counts, in a fixed order.
        recipe: All that decides this training; a checkpoint of anything else is dropped. See `fingerprint`.

    Attributes:
        epoch: How many epochs have been trained.
    """

    def __init__(
        self, folder: Path | None, callbacks: Sequence[keras.callbacks.Callback], recipe: Sequence[Any]
    ) -> None:
        super().__init__()
        self.folder, self.callbacks = folder, callbacks
        self.fingerprint = "" if folder is None else fingerprint(recipe, list(map(_memory, callbacks)))
        self._saved = None if folder is None else _newest(folder, self.fingerprint)
        self.epoch = self._saved.notes["epoch"] if self._saved else 0
        self._complete = bool(self._saved and self._saved.notes["complete"])
        self._written, self._seconds = -np.inf, 0.0

    def last_epoch(self, epochs: int) -> int:
        """Return the last epoch to train: ``epochs``, or the current one if training is complete."""
        return self.epoch if self._complete else epochs

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Take over the state of an earlier process, after the other callbacks have reset theirs."""
        saved, self._saved = self._saved, None
        if saved is None:
            return
        log.info("going on after epoch %d, from %s", self.epoch, saved.path)
        if saved.notes["hardware"] != hardware():
            log.info(
                "which was written on %s: the last digits may differ from those of one run", saved.notes["hardware"]
            )
        for i, variable in enumerate(self._variables()):
            variable.assign(saved.arrays[f"variable {i}"])
        for callback, memory in zip(self.callbacks, saved.notes["callbacks"], strict=True):
            vars(callback).update(memory)
        (version, words, gauss), of_numpy = saved.notes["random"]
        random.setstate((version, tuple(words), gauss))
        np.random.set_state(of_numpy)  # noqa: NPY002

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write a checkpoint, unless that would take too much of the time."""
        self.epoch = epoch + 1
        self._complete = self.model.stop_training or self.epoch == self.params["epochs"]
        due = time.monotonic() >= self._written + self._seconds / SHARE_OF_TIME
        if self.folder is not None and (due or self._complete):
            started = time.monotonic()
            self._write(self.folder)
            self._written = time.monotonic()
            self._seconds = self._written - started

    def _write(self, folder: Path) -> None:
        arrays = {f"variable {i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(self._variables())}
        notes = {
            "fingerprint": self.fingerprint,
            "epoch": self.epoch,
            "complete": self._complete,
            "hardware": hardware(),
            "callbacks": list(map(_memory, self.callbacks)),
            "random": [random.getstate(), np.random.get_state()],  # noqa: NPY002
        }

        def store(array: np.ndarray | np.generic) -> dict[str, str]:
            name = f"array {len(arrays)}"
            arrays[name] = np.asarray(array)
            return {ARRAY: name}

        text = json.dumps(notes, default=store)
        arrays["notes"] = np.frombuffer(text.encode(), np.uint8)
        try:
            write_arrays(folder / f"epoch-{self.epoch:05d}.npz", arrays)
            for old in sorted(folder.glob("epoch-*.npz"))[:-KEPT]:
                old.unlink()
        except OSError as error:
            log.warning("no checkpoint after epoch %d (%s); training continues without it", self.epoch, error)

    def _variables(self) -> list[Any]:
        """All variables of model and optimizer, in a fixed order; metrics are reset each epoch."""
        optimizer = self.model.optimizer
        if not optimizer.built:
            optimizer.build(self.model.trainable_variables)
        return [*self.model.variables, *optimizer.variables]


def discard(folder: Path) -> None:
    """Remove the checkpoints under ``folder``, once what they served is done."""
    shutil.rmtree(folder, ignore_errors=True)


class _Saved(NamedTuple):
    path: Path
    notes: dict[str, Any]
    arrays: dict[str, np.ndarray]


def _newest(folder: Path, recipe: str) -> _Saved | None:
    """Read the newest whole checkpoint of a recipe; remove what is of no use."""
    for leftover in folder.glob(".partial-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    for path in sorted(folder.glob("epoch-*.npz"), reverse=True):
        try:
            saved = _read(path)
        except Exception as error:  # Damage takes any form; whatever the reader trips over, the file is of no use.
            log.warning("%s is damaged (%s); trying the one before it", path, error)
            path.unlink(missing_ok=True)
            continue
        if saved.notes["fingerprint"] == recipe:
            return saved
        log.info("%s is of other settings, images, weights or versions: starting from the beginning", path)
        discard(folder)
        return None
    return None


def _read(path: Path) -> _Saved:
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f"the checksum of {damaged} does not match")
    arrays = read_arrays(path)

    def take_out(notes: dict[str, Any]) -> Any:
        return arrays[notes[ARRAY]][()] if ARRAY in notes else notes

    return _Saved(path, json.loads(arrays.pop("notes").tobytes(), object_hook=take_out), arrays)


def _memory(callback: keras.callbacks.Callback) -> dict[str, Any]:
    """The plain attributes of a callback."""
    return {name: value for name, value in vars(callback).items() if name not in NOT_STATE and _is_plain(value)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str | np.ndarray | np.generic)
