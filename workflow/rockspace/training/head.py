"""First phase: the head alone, trained on features of the frozen backbone."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from rockspace.errors import RockspaceError
from rockspace.networks.classifier import OUTPUTS, STANDARDIZE, build_head
from rockspace.networks.objectives import Objective
from rockspace.networks.rewiring import Replacement, copy_of, rebuild
from rockspace.training.checkpoint import Checkpoint
from rockspace.training.exact_heads import solve
from rockspace.training.features import Features
from rockspace.training.optimizers import make_optimizer
from rockspace.training.progress import EpochLines
from rockspace.training.schedules import Schedule

SMALLEST_DEVIATION = 0.1
"""In units of the features' mean standard deviation: a feature that hardly varies in training is not blown up."""


class ViewBatches(keras.utils.PyDataset):
    """Shuffled batches of features: in each epoch one view of every image, in turn the augmented ones and the plain one.

    Args:
        features: Of the images to train on.
        targets: ``(n, ...)`` of the same images, or a dictionary of such.
        batch_size: Images per step.
        seed: Seed of the order.
        first_epoch: Where to begin; what an epoch holds depends on the seed and its number alone.
    """

    def __init__(self, features: Features, targets: Any, batch_size: int, seed: int, first_epoch: int = 0) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self.views, self.targets = [*np.moveaxis(features.views, 1, 0), features.plain], targets
        self.batch_size, self.seed, self.epoch = batch_size, seed, first_epoch
        self._shuffle()

    def __len__(self) -> int:
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, Any]:
        batch = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        view = self.views[self.epoch % len(self.views)]
        return view[batch], keras.tree.map_structure(lambda array: array[batch], self.targets)

    def on_epoch_end(self) -> None:
        """Move on to the next view and a new order."""
        self.epoch += 1
        self._shuffle()

    def _shuffle(self) -> None:
        self.order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.views[0]))


def train_head(
    features: Features,
    watched: Features | None,
    *,
    head: dict[str, Any],
    training: dict[str, Any],
    seed: int,
    objective: Objective | None = None,
    checkpoints: Path | None = None,
    phase: str = "head",
) -> tuple[keras.Model, pd.DataFrame]:
    """Train a new head on features.

    It trains on standardized features, which a narrow network learns from in a fifth of the epochs; mean and
    deviation are then absorbed into its first layer, so the head returned takes features as they are. It gives
    coordinates in the unit of the training images' file.

    Args:
        features: Of the images to train on, some of every label if there are labels, with augmented views.
        watched: Of images whose plain view is scored after each epoch, or None; nothing is decided by them.
        head: The ``head`` section of the configuration.
        training: The ``train_head`` section of the configuration.
        seed: Seed of weights, order and dropout.
        objective: What to learn; None for the labels alone.
        checkpoints: Folder of the checkpoints from which interrupted training resumes; None for none.
        phase: What the lines of its epochs begin with.

    Returns:
        The head, and its history: one row an epoch; for the exact solution one row.

    Raises:
        RockspaceError: Where a feature is no number, or the loss no longer is one.
    """
    _require_numbers(features)
    objective = objective or Objective()
    mean, deviation = features.plain.mean(axis=0), features.plain.std(axis=0)
    deviation = np.maximum(deviation, SMALLEST_DEVIATION * deviation.mean() + np.finfo(np.float32).tiny)
    n_labels = int(features.label.max()) + 1
    features, targets = features.standardized(mean, deviation), _targets(features, n_labels, objective)
    seen = None
    if watched is not None:
        seen = watched.standardized(mean, deviation).plain, _targets(watched, n_labels, objective)
    network = build_head(features.plain.shape[1], n_labels, head, seed, objective)
    objective.compile(network, make_optimizer(training), training["label_smoothing"])
    if training["solver"] == "exact":
        history = solve(network, features, targets, seed) | _scores(network, (features.plain, targets), "")
        history |= _scores(network, seen, "val_") if seen else {}
    else:
        batch_size, epochs = training["batch_size"], training["epochs"]
        callbacks = [Schedule(training, -(-len(features.label) // batch_size)), keras.callbacks.History()]
        checkpoint = Checkpoint(checkpoints, callbacks, [network, features, targets, seen, training, seed])
        network.fit(
            ViewBatches(features, targets, batch_size, seed, checkpoint.epoch),
            validation_data=seen,
            initial_epoch=checkpoint.epoch,
            epochs=checkpoint.last_epoch(epochs),
            callbacks=[*callbacks, EpochLines(phase, epochs, "train_head"), checkpoint],
            verbose=0,
        )
        history = callbacks[-1].history
    network = _absorb(network, mean, deviation)
    objective.to_data_units(network)
    return network, objective.history("head", history)


def _targets(features: Features, n_labels: int, objective: Objective) -> Any:
    one_hot = (features.label[:, None] == np.arange(n_labels)).astype(np.float32)
    return objective.targets(one_hot, features.coordinates)


def _scores(network: keras.Model, data: tuple[np.ndarray, Any], prefix: str) -> dict[str, list[float]]:
    scores = network.evaluate(*data, verbose=0, return_dict=True)
    return {f"{prefix}{name}": [value] for name, value in scores.items()}


def _absorb(head: keras.Model, mean: np.ndarray, deviation: np.ndarray) -> keras.Model:
    """Return a head with the same outputs for features as ``head`` for standardized ones."""
    if STANDARDIZE in [layer.name for layer in head.layers]:
        scale, offset = (1 / deviation).tolist(), (-mean / deviation).tolist()
        standardize = copy_of(head.get_layer(STANDARDIZE), scale=scale, offset=offset)
        return rebuild(head, lambda layer: Replacement(standardize, []) if layer.name == STANDARDIZE else None)
    first = next(layer for layer in head.layers if layer.weights)
    for layer in [each for each in head.layers if each.name in OUTPUTS] if first.name in OUTPUTS else [first]:
        kernel, bias = layer.get_weights()
        kernel = kernel / deviation[:, None]
        layer.set_weights([kernel, bias - mean @ kernel])
    return head


def _require_numbers(features: Features) -> None:
    finite = np.isfinite(features.plain).all(axis=1) & np.isfinite(features.views).all(axis=(1, 2))
    if not finite.all():
        raise RockspaceError(
            f"features of image {str(features.image_id[~finite][0])!r} ({(~finite).sum()} of {len(finite)} images): not "
            "numbers; set precision to float32, or check the weights of the model"
        )
