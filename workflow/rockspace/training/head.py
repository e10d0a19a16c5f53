"""First phase: the head alone, trained on features of the frozen backbone."""

from typing import Any

import keras
import numpy as np
import pandas as pd

from rockspace.training.classifier import build_head, compile_classifier
from rockspace.training.features import Features

SMALLEST_DEVIATION = 0.1
"""In units of the features' mean standard deviation: a feature that hardly varies in training is not blown up."""


class ViewBatches(keras.utils.PyDataset):
    """Shuffled batches of features: in each epoch one augmented view of every image, in turn.

    Args:
        features: Of the training split.
        members: ``(n,)`` bool, the images to train on.
        n_labels: Number of labels.
        batch_size: Images per step.
        seed: Seed of the order.
    """

    def __init__(self, features: Features, members: np.ndarray, n_labels: int, batch_size: int, seed: int) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self.views = features.views[members] if features.views.shape[1] else features.plain[members][:, None]
        self.targets = np.eye(n_labels, dtype=np.float32)[features.label[members]]
        self.batch_size, self.seed, self.epoch = batch_size, seed, 0
        self._shuffle()

    def __len__(self) -> int:
        return -(-len(self.targets) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        batch = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        return self.views[batch, self.epoch % self.views.shape[1]], self.targets[batch]

    def on_epoch_end(self) -> None:
        """Move on to the next view and a new order."""
        self.epoch += 1
        self._shuffle()

    def _shuffle(self) -> None:
        self.order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.targets))


def train_head(
    features: Features,
    members: np.ndarray,
    watched: Features,
    watched_members: np.ndarray,
    *,
    n_labels: int,
    head: dict[str, Any],
    training: dict[str, Any],
    seed: int,
) -> tuple[keras.Model, pd.DataFrame]:
    """Train a new head on features.

    It trains on standardized features, which a narrow network learns from in a fifth of the epochs; mean and
    deviation are then absorbed into its first layer, so the head returned takes features as they are.

    Args:
        features: Of the training split, with augmented views.
        members: ``(n,)`` bool, the images to train on.
        watched: Features whose plain rows are scored after each epoch; nothing is decided by them.
        watched_members: ``(m,)`` bool, the rows of ``watched`` to score.
        n_labels: Number of labels.
        head: The ``head`` section of the configuration.
        training: The ``train_head`` section of the configuration.
        seed: Seed of weights, order and dropout.

    Returns:
        The head, and its history: one row an epoch.
    """
    mean, deviation = features.plain[members].mean(axis=0), features.plain[members].std(axis=0)
    deviation = np.maximum(deviation, SMALLEST_DEVIATION * deviation.mean() + np.finfo(np.float32).tiny)
    features, watched = features.standardized(mean, deviation), watched.standardized(mean, deviation)
    network = build_head(features.plain.shape[1], n_labels, head["units"], head["dropout"], seed)
    compile_classifier(network, training)
    targets = np.eye(n_labels, dtype=np.float32)[watched.label[watched_members]]
    history = network.fit(
        ViewBatches(features, members, n_labels, training["batch_size"], seed),
        validation_data=(watched.plain[watched_members], targets),
        epochs=training["epochs"],
        verbose=0,
    )
    _absorb(network, mean, deviation)
    table = pd.DataFrame(history.history)
    table.insert(0, "epoch", np.arange(1, len(table) + 1))
    table.insert(0, "phase", "head")
    return network, table


def _absorb(head: keras.Model, mean: np.ndarray, deviation: np.ndarray) -> None:
    """Change the first dense layer so that the head answers to features as it did to standardized ones."""
    first = next(layer for layer in head.layers if isinstance(layer, keras.layers.Dense))
    kernel, bias = first.get_weights()
    kernel = kernel / deviation[:, None]
    first.set_weights([kernel, bias - mean @ kernel])
