"""Checkpoints: training that is killed at any moment resumes, with the same result to the last digit.

A checkpoint holds all that decides the steps to come: the variables of model and optimizer (among them the states of
dropout's generators), the running sums of the epoch's metrics, what the callbacks remember, and the global random state.
Order and augmentation need no state: they depend on seed, epoch and image alone. It is one ``npz`` file, whose format
has a checksum of every array, with the rest as JSON inside.
"""

import json
import logging
import random
import shutil
import signal
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import keras
import numpy as np

from rockspace.artifacts import read_arrays, write_arrays
from rockspace.checksums import open_regular
from rockspace.errors import RockspaceError
from rockspace.networks.device import hardware
from rockspace.training.fingerprint import fingerprint

log = logging.getLogger(__name__)

KEPT = 2
"""The newest so many stay: where the last one is damaged, the one before it serves."""

SHARE_OF_TIME = 0.05
"""At most so much of the training time goes into writing; where an epoch is short, some go without a checkpoint."""

INTERVAL_S = 15 * 60
"""Time between checkpoints inside an epoch: what a loss of power costs at most (seconds)."""

SIGNALS = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
"""By which users, systems and schedulers ask a process to end."""

# What Keras resets for each call of `fit`, and a setting whose sign Keras turns once per object.
NOT_STATE = {"params", "min_delta"}

ARRAY = "__array__"
"""Key of the name under which an array of a callback's memory is stored beside the JSON."""


class Checkpoint(keras.callbacks.Callback):
    """Write what decides the steps to come, and take over what an earlier process wrote.

    A checkpoint is written after an epoch, unless that would take too much of the time, every quarter of an hour inside
    an epoch, and where a signal asks the training to end.

    Args:
        folder: Of this training's checkpoints; None neither reads nor writes any.
        callbacks: Those whose memory counts, in a fixed order.
        recipe: All that decides this training; a checkpoint of anything else is dropped. See `fingerprint`.

    Attributes:
        epoch: How many epochs have been trained.
        step: How many steps of the epoch after them; all of them while the watched images are scored.
    """

    def __init__(
        self, folder: Path | None, callbacks: Sequence[keras.callbacks.Callback], recipe: Sequence[Any]
    ) -> None:
        super().__init__()
        self.folder, self.callbacks = folder, callbacks
        self.fingerprint = "" if folder is None else fingerprint(recipe, list(map(_memory, callbacks)))
        self._saved = None if folder is None else _newest(folder, self.fingerprint)
        self.epoch: int
        self.step: int
        self.epoch, self.step = self._saved.notes["position"] if self._saved else (0, 0)
        self._written, self._seconds = -np.inf, 0.0
        self._metrics_of_epoch: list[np.ndarray] = []
        self._signal: signal.Signals | None = None

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let a signal that asks this process to end wait until a step is done and a checkpoint written."""
        if self.folder is None or threading.current_thread() is not threading.main_thread():
            yield
            return
        heeded = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
        before = {each: signal.signal(each, self._note_signal) for each in heeded}
        try:
            yield
            self._end_if_asked()
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def _note_signal(self, number: int, _: FrameType | None) -> None:
        self._signal = signal.Signals(number)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Take over the state of an earlier process, after the other callbacks have reset theirs."""
        self._written = time.monotonic()
        saved, self._saved = self._saved, None
        if saved is None:
            return
        log.info("going on after %s, from %s", self._position(), saved.path)
        if saved.notes["hardware"] != hardware():
            log.info(
                "which was written on %s: the last digits may differ from those of one run", saved.notes["hardware"]
            )
        for i, variable in enumerate(self._variables()):
            variable.assign(saved.arrays[f"variable {i}"])
        for i, variable in enumerate(self._metrics()):
            variable.assign(saved.arrays[f"metric {i}"])
        for callback, memory in zip(self.callbacks, saved.notes["callbacks"], strict=True):
            vars(callback).update(memory)
        (version, words, gauss), of_numpy = saved.notes["random"]
        random.setstate((version, tuple(words), gauss))
        np.random.set_state(of_numpy)  # noqa: NPY002
        self.model.stop_training = saved.notes["stopped"]

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Note the step, and write a checkpoint where one is due."""
        self.step = batch + 1
        self._inside_epoch()

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        """Keep the running sums of the epoch, since Keras scores the watched images with the same metrics."""
        self._metrics_of_epoch = self._values(self._metrics())

    def on_test_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Write a checkpoint where one is due, from which the watched images are scored anew."""
        self._inside_epoch()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write a checkpoint, unless that would take too much of the time."""
        self.epoch, self.step, self._metrics_of_epoch = epoch + 1, 0, []
        complete = self.model.stop_training or self.epoch == self.params["epochs"]
        self._write_if(complete or self._is_due(0))

    def _inside_epoch(self) -> None:
        self._write_if(self._is_due(INTERVAL_S))

    def _is_due(self, pause: float) -> bool:
        return time.monotonic() >= self._written + max(pause, self._seconds / SHARE_OF_TIME)

    def _write_if(self, due: bool) -> None:
        if self.folder is not None and (due or self._signal):
            started = time.monotonic()
            self._write(self.folder)
            self._written = time.monotonic()
            self._seconds = self._written - started
            self._end_if_asked()

    def _end_if_asked(self) -> None:
        if self._signal:
            raise RockspaceError(
                f"training was ended by {self._signal.name} after {self._position()}: run again to go on"
            )

    def _position(self) -> str:
        return f"step {self.step} of epoch {self.epoch + 1}" if self.step else f"epoch {self.epoch}"

    def _write(self, folder: Path) -> None:
        metrics = self._metrics_of_epoch or self._values(self._metrics())
        arrays = {f"variable {i}": value for i, value in enumerate(self._values(self._variables()))}
        arrays |= {f"metric {i}": value for i, value in enumerate(metrics)}
        notes = {
            "fingerprint": self.fingerprint,
            "position": [self.epoch, self.step],
            "stopped": self.model.stop_training,
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
            write_arrays(folder / f"epoch-{self.epoch:05d}-step-{self.step:07d}.npz", arrays)
            for old in sorted(folder.glob("epoch-*.npz"))[:-KEPT]:
                old.unlink()
        except OSError as error:
            log.warning("no checkpoint after %s (%s); training continues without it", self._position(), error)

    def _variables(self) -> list[Any]:
        """All variables of model and optimizer, in a fixed order."""
        return [*self.model.variables, *self.model.optimizer.variables]

    def _metrics(self) -> list[Any]:
        """The running sums of an epoch."""
        return [variable for metric in self.model.metrics for variable in metric.variables]

    @staticmethod
    def _values(variables: Sequence[Any]) -> list[np.ndarray]:
        return [keras.ops.convert_to_numpy(variable) for variable in variables]


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
            is_own = saved.notes["fingerprint"] == recipe
        except Exception as error:  # Damage takes any form; whatever the reader trips over, the file is of no use.
            log.warning("%s is damaged (%s); trying the one before it", path, error)
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
            continue
        if is_own:
            return saved
        log.info("%s is of other settings, images, weights or versions: starting from the beginning", path)
        discard(folder)
        return None
    return None


def _read(path: Path) -> _Saved:
    with open_regular(path) as stream, zipfile.ZipFile(stream) as archive:
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
