"""Progress of a training: one line an epoch, on the terminal and in the log."""

import logging
import time

import keras
import numpy as np

from rockspace.errors import RockspaceError

log = logging.getLogger(__name__)


class EpochLines(keras.callbacks.Callback):
    """Log one line an epoch, and end a training whose loss is no longer a number.

    Args:
        phase: What the lines begin with.
        epochs: How many there are.
        section: Section of the configuration that holds the learning rate, for the error.
    """

    def __init__(self, phase: str, epochs: int, section: str) -> None:
        super().__init__()
        self.phase, self.epochs, self.section = phase, epochs, section
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Say how the epoch went; of one that was begun by an earlier process, the time is that in this one."""
        started, self.started = self.started, time.perf_counter()
        seconds = self.started - started
        figures = {name: value for name, value in (logs or {}).items() if name != "learning_rate"}
        metrics = "  ".join(f"{name} {value:.4f}" for name, value in figures.items())
        log.info("%s epoch %d/%d: %s  (%.1f s)", self.phase, epoch + 1, self.epochs, metrics, seconds)
        if not np.isfinite(list(figures.values())).all() or not _finite_weights(self.model):
            raise RockspaceError(
                f"config: {self.section}.learning_rate: after epoch {epoch + 1} of {self.phase}, loss or weights are no "
                "longer numbers; lower the rate"
            )


def _finite_weights(model: keras.Model) -> bool:
    return all(np.isfinite(keras.ops.convert_to_numpy(variable)).all() for variable in model.trainable_variables)
