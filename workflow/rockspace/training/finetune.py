"""Second phase: the whole network is fine-tuned, with early stopping."""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from rockspace.networks.classifier import is_head_layer
from rockspace.networks.objectives import Objective
from rockspace.networks.tokens import first_layer
from rockspace.networks.training_copy import trained, training_copy
from rockspace.training.augmentation import Augmentation
from rockspace.training.checkpoint import Checkpoint
from rockspace.training.fit import fit
from rockspace.training.optimizers import make_optimizer
from rockspace.training.pipeline import ImageSet
from rockspace.training.progress import EpochLines
from rockspace.training.schedules import CONSTANT, Schedule
from rockspace.training.stopping_set import training_members

log = logging.getLogger(__name__)

HISTORY = ["phase", "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "precision", "best"]
"""Columns of a history without a row."""


@dataclass(frozen=True)
class Recipe:
    """What the second phase needs besides images and a network.

    Attributes:
        training: The ``finetune`` section of the configuration.
        augmentation: Augmentation range.
        precision: ``float32`` or ``bfloat16``, for the backbone.
        seed: Seed of order, augmentation and dropout.
        objective: What to learn.
        checkpoints: Folder of the checkpoints from which interrupted training resumes; None for none.
    """

    training: dict[str, Any]
    augmentation: Augmentation
    precision: str
    seed: int
    objective: Objective = field(default_factory=Objective)
    checkpoints: Path | None = field(default=None, compare=False)


def finetune(
    network: keras.Model, refit: keras.Model | None, images: ImageSet, validation: ImageSet | None, recipe: Recipe
) -> tuple[keras.Model, pd.DataFrame]:
    """Train the whole network the way that ``finetune.selection`` says.

    Args:
        network: Classifier to start from; with the selection ``holdout``, its head has not seen the stopping set.
        refit: For the selection ``holdout``, a classifier whose head has seen all training images; None keeps the first.
        images: All training images.
        validation: The validation images, for the selection ``validation``.
        recipe: How to train; without epochs, the classifier to start from is the result.

    Returns:
        The float32 classifier, and the history: one row an epoch of each step.
    """
    training = recipe.training
    if training["epochs"] == 0:
        return network if refit is None else refit, pd.DataFrame(columns=HISTORY)
    learning, watched = training_members(images, validation, recipe.objective, training, recipe.seed)
    if watched is None:
        return train_for(network, learning, [training["learning_rate"]] * training["epochs"], recipe, "train")
    network, history = train_with_early_stopping(network, learning, watched, recipe)
    if refit is None:
        return network, history
    rates = history["learning_rate"][: history["best"].idxmax() + 1].tolist()
    network, again = train_for(refit, images, rates, recipe, "refit")
    return network, pd.concat([history, again], ignore_index=True)


def train_with_early_stopping(
    network: keras.Model, images: ImageSet, watched: ImageSet, recipe: Recipe
) -> tuple[keras.Model, pd.DataFrame]:
    """Train until the watched images no longer get better, and keep the best weights.

    Args:
        network: Float32 classifier to start from; left as it is.
        images: What to train on.
        watched: What decides when to stop and when to lower the learning rate.
        recipe: How to train.

    Returns:
        The float32 classifier of the best epoch, and the history: one row an epoch, the best one marked.
    """
    stopping, plateau = dict(recipe.training["early_stopping"]), recipe.training["reduce_lr"]
    quantity = stopping.pop("monitor")
    watch = recipe.objective.monitor(quantity)
    stop = keras.callbacks.EarlyStopping(**watch, restore_best_weights=True, **stopping)
    lower = keras.callbacks.ReduceLROnPlateau(**watch, min_delta=stopping["min_delta"], **plateau)
    callbacks = [lower, stop] if recipe.training["schedule"] == CONSTANT else [stop]
    network, history = _fit(network, images, recipe, "select", callbacks, watched=watched)
    history["best"] = history.index == stop.best_epoch
    log.info("best epoch: %d", stop.best_epoch + 1)
    return network, history


def train_for(
    network: keras.Model, images: ImageSet, learning_rates: list[float], recipe: Recipe, phase: str
) -> tuple[keras.Model, pd.DataFrame]:
    """Train on ``images`` for one epoch per learning rate given, each times what the schedule says, watching nothing.

    Args:
        network: Float32 classifier to start from; left as it is.
        images: What to train on.
        learning_rates: One an epoch.
        recipe: How to train.
        phase: What the history calls it: ``train``, or ``refit`` after a training with early stopping.

    Returns:
        The float32 classifier, and the history: one row an epoch, the last one marked as the best.
    """
    network, history = _fit(network, images, recipe, phase, [], learning_rates=learning_rates)
    history["best"] = history.index == len(history) - 1
    return network, history


def set_trainable(network: keras.Model, from_layer: str | None) -> None:
    """Decide which layers train: the head, and the backbone from ``from_layer`` on (None: all of it)."""
    first = from_layer and first_layer(network, from_layer, "finetune.from_layer")
    reached = first is None
    for layer in network.layers:
        reached = reached or layer is first
        layer.trainable = is_head_layer(layer) or reached


def _fit(
    network: keras.Model,
    images: ImageSet,
    recipe: Recipe,
    phase: str,
    callbacks: list[keras.callbacks.Callback],
    *,
    watched: ImageSet | None = None,
    learning_rates: list[float] | None = None,
) -> tuple[keras.Model, pd.DataFrame]:
    training, objective = recipe.training, recipe.objective
    batch_size = training["batch_size"]
    epochs = training["epochs"] if learning_rates is None else len(learning_rates)
    model = training_copy(network, recipe.precision, freeze_norms=training["batch_norm"] == "frozen")
    set_trainable(model, training["from_layer"])
    objective.to_standardized(model)
    objective.compile(model, make_optimizer(training), training["label_smoothing"])
    images = images.with_objective(objective)
    watched = None if watched is None else watched.with_objective(objective)
    schedule = Schedule(training, images.steps(batch_size), learning_rates)
    history = keras.callbacks.History()
    # The average has to be in the network before anything saves its weights.
    average = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if training["ema"] else []
    callbacks = [*average, schedule, *callbacks, history]
    folder = recipe.checkpoints and recipe.checkpoints / phase
    checkpoint = Checkpoint(folder, callbacks, [phase, network, images, watched, recipe, epochs])
    batches = images.augmented(
        recipe.augmentation,
        seed=recipe.seed,
        batch_size=batch_size,
        first_epoch=checkpoint.epoch,
        first_step=checkpoint.step,
        epochs=epochs - checkpoint.epoch,
    )
    fit(
        model,
        batches,
        None if watched is None else watched.plain(batch_size),
        steps=images.steps(batch_size),
        epochs=epochs,
        callbacks=[*callbacks, EpochLines(phase, epochs, "finetune")],
        checkpoint=checkpoint,
    )
    objective.to_data_units(model)
    table = objective.history(phase, history.history).drop(columns="learning_rate", errors="ignore")
    table["learning_rate"], table["precision"] = schedule.first_rates, recipe.precision
    if schedule.active:
        table["last_learning_rate"] = schedule.last_rates
    return trained(network, model), table
