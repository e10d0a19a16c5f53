"""What training says while it runs: one line an epoch, on the terminal and in the log."""

import logging
import time

import keras

log = logging.getLogger(__name__)


class EpochLines(keras.callbacks.Callback):
    """Log one line an epoch, and keep each epoch's learning rate."""

    def __init__(self, phase: str, epochs: int) -> None:
        super().__init__()
        self.phase, self.epochs = phase, epochs
        self.learning_rates: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Note the rate that this epoch trains with, before any other callback lowers it."""
        self.started = time.perf_counter()
        self.learning_rates.append(float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Say how the epoch went."""
        seconds = time.perf_counter() - self.started
        metrics = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items() if name != "learning_rate")
        log.info("%s epoch %d/%d: %s  (%.1f s)", self.phase, epoch + 1, self.epochs, metrics, seconds)
