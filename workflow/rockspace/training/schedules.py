"""Schedules: what the learning rate is multiplied by, step by step, known from epoch and step alone."""

import math
from typing import Any

import keras

CONSTANT, COSINE = "constant", "cosine"


class Schedule(keras.callbacks.Callback):
    """Multiply the learning rate by a factor that depends on how far training has come.

    During the warm-up the factor rises linearly to 1. Then it stays there (``constant``), or falls along half a cosine to
    0 at the end of the last epoch (``cosine``). What it is multiplied with changes between epochs alone, so a training
    that resumes at any epoch has the same rates as one that was never stopped.

    Args:
        section: A training section of the configuration: ``schedule``, ``warmup_epochs`` and ``epochs``, the length of
            the whole cosine even where training stops before.
        steps: Steps an epoch.
        rates: The rate of each epoch, before the factor; None for the one that the optimizer has.

    Attributes:
        first_rates: The rate of each epoch, before the factor.
        last_rates: The rate of the last step of each epoch.

    References:
        Loshchilov, I. & Hutter, F. (2017). SGDR: Stochastic gradient descent with warm restarts. ICLR.
        Goyal, P. et al. (2017). Accurate, large minibatch SGD: Training ImageNet in 1 hour. arXiv:1706.02677.
    """

    def __init__(self, section: dict[str, Any], steps: int, rates: list[float] | None = None) -> None:
        super().__init__()
        self.kind, self.warmup, self.epochs = section["schedule"], section["warmup_epochs"], section["epochs"]
        self.steps, self.rates, self.epoch, self.rate = steps, rates, 0, 0.0
        self.first_rates: list[float] = []
        self.last_rates: list[float] = []

    @property
    def active(self) -> bool:
        """Whether any factor differs from 1."""
        return self.kind == COSINE or self.warmup > 0

    def factor(self, epoch: int, step: int) -> float:
        """Return what the rate of one step, counted from 0 in its epoch, is multiplied by; in (0, 1]."""
        begun, done = epoch + step / self.steps, epoch + (step + 1) / self.steps
        if begun < self.warmup:
            return min(done / self.warmup, 1.0)
        if self.kind == CONSTANT:
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * (begun - self.warmup) / (self.epochs - self.warmup)))

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Set or note the rate that the factors apply to."""
        if self.rates is not None:
            self.model.optimizer.learning_rate = self.rates[epoch]
        self.epoch, self.rate = epoch, float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self.first_rates.append(self.rate)

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Set the rate of the step."""
        if self.active:
            self.model.optimizer.learning_rate = self.rate * self.factor(self.epoch, batch)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Give the rate back as it was before the factor."""
        self.last_rates.append(self.rate * self.factor(epoch, self.steps - 1))
        if self.active:
            self.model.optimizer.learning_rate = self.rate
