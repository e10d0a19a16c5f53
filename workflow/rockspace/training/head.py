"""First phase: the head alone, trained on features of the frozen backbone."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from rockspace.data.tfrecords import untuned
from rockspace.errors import RockspaceError
from rockspace.networks.classifier import OUTPUTS, STANDARDIZE, build_head
from rockspace.networks.objectives import Objective
from rockspace.networks.rewiring import Replacement, copy_of, rebuild
from rockspace.training.checkpoint import Checkpoint
from rockspace.training.exact_heads import solve
from rockspace.training.features import Features
from rockspace.training.fit import fit
from rockspace.training.optimizers import make_optimizer
from rockspace.training.pipeline import BATCH_SIZE
from rockspace.training.progress import EpochLines
from rockspace.training.schedules import Schedule

SMALLEST_DEVIATION = 0.1
"""In units of the features' mean standard deviation: a feature that hardly varies in training is not blown up."""


def view_batches(
    features: Features,
    targets: Any,
    batch_size: int,
    *,
    seed: int,
    epochs: int,
    first_epoch: int = 0,
    first_step: int = 0,
) -> tf.data.Dataset:
    """Return shuffled batches of features: in each epoch one view of every image, in turn the augmented ones and the plain one.

    Args:
        features: Of the images to train on.
        targets: ``(n, ...)`` of the same images, or a dictionary of such.
        batch_size: Images per step.
        seed: Seed of what the batches of each epoch hold. Which of them comes first, Python's own generator decides.
        epochs: Number of epochs in all.
        first_epoch: Where to begin; what comes then is what comes then in all epochs from the first.
        first_step: Where to begin in that epoch.
    """
    views = [*np.moveaxis(features.views, 1, 0), features.plain]
    starts = [list(range(0, len(features.plain), batch_size)) for _ in range(epochs)]
    for of_epoch in starts:
        random.shuffle(of_epoch)

    def batches() -> Iterator[tuple[np.ndarray, Any]]:
        for epoch in range(first_epoch, epochs):
            # Views are counted from 1, as epochs are in the history.
            view = views[(epoch + 1) % len(views)]
            order = np.random.default_rng([seed, epoch + 1]).permutation(len(view))
            for start in starts[epoch][first_step if epoch == first_epoch else 0 :]:
                batch = order[start : start + batch_size]
                yield view[batch], keras.tree.map_structure(lambda array, batch=batch: array[batch], targets)

    def spec(array: np.ndarray) -> tf.TensorSpec:
        return tf.TensorSpec([None, *array.shape[1:]], array.dtype)

    signature = keras.tree.map_structure(spec, (features.plain, targets))
    return untuned(tf.data.Dataset.from_generator(batches, output_signature=signature).prefetch(2))


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
        steps = -(-len(features.label) // batch_size)
        callbacks = [Schedule(training, steps), keras.callbacks.History()]
        checkpoint = Checkpoint(checkpoints, callbacks, [network, features, targets, seen, training, seed])
        batches = view_batches(
            features,
            targets,
            batch_size,
            seed=seed,
            epochs=epochs,
            first_epoch=checkpoint.epoch,
            first_step=checkpoint.step,
        )
        fit(
            network,
            batches,
            None if seen is None else untuned(tf.data.Dataset.from_tensor_slices(seen).batch(BATCH_SIZE).prefetch(2)),
            steps=steps,
            epochs=epochs,
            callbacks=[*callbacks, EpochLines(phase, epochs, "train_head")],
            checkpoint=checkpoint,
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
