"""Cross-validation: a recipe trained without one fold of the training images, and evaluated on it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from rockspace.inference.ensembles import Moments
from rockspace.inference.prediction import evaluation_views, predict
from rockspace.networks.classifier import attach_head, named_outputs
from rockspace.networks.device import repeatable
from rockspace.networks.objectives import COORDINATES, PREDICTIONS, Objective
from rockspace.networks.precision import fast_inference
from rockspace.search.search import LeftOut
from rockspace.training.augmentation import Augmentation
from rockspace.training.features import Features
from rockspace.training.finetune import Recipe, finetune
from rockspace.training.head import train_head
from rockspace.training.pipeline import BATCH_SIZE, ImageSet
from rockspace.training.stopping_set import training_members


def predict_fold(
    model: dict[str, Any],
    features: Features,
    images: ImageSet | None,
    left_out: np.ndarray,
    *,
    backbone: Callable[[], keras.Model],
    precisions: Mapping[str, str],
    seed: int,
) -> LeftOut:
    """Train a model without one fold, as in a study, and predict that fold.

    Nothing about the images left out is used before: what decides how long to train is a part of the others.

    Args:
        model: An item of the configuration's ``models``, with its whole ``recipe``.
        features: Of all training images.
        images: All training images; None for a model that needs features alone.
        left_out: ``(n,)`` bool, the images of the fold.
        backbone: Builds the pooled backbone that the model starts from.
        precisions: Precision of the phases ``train`` and ``embed``.
        seed: Seed of the run.
    """
    started = time.perf_counter()
    recipe, learning = model["recipe"], features.subset(~left_out)
    objective = Objective.of(model, learning.coordinates)
    repeatable(seed)
    head, refit = _heads(recipe, learning, objective, seed)
    if images is None:
        network = named_outputs(head if refit is None else refit)

        def outputs_of(members: np.ndarray) -> dict[str, np.ndarray]:
            return network.predict(features.plain[members], batch_size=BATCH_SIZE, verbose=0)
    else:
        augmentation = Augmentation.from_config(recipe["augmentation"])
        base = backbone()
        start, again = (part and attach_head(base, part) for part in (head, refit))
        repeatable(seed)
        settings = Recipe(recipe["finetune"], augmentation, precisions["train"], seed, objective)
        trained, _ = finetune(start, again, images.subset(~left_out), None, settings)
        run = fast_inference(named_outputs(trained), precisions["embed"])
        views = evaluation_views(recipe["evaluate"]["views"], augmentation, seed)

        def outputs_of(members: np.ndarray) -> dict[str, np.ndarray]:
            return predict(run, images.subset(members), views)

    outputs, of_training = outputs_of(left_out), outputs_of(~left_out)
    predicted = LeftOut(
        position=np.flatnonzero(left_out),
        label=features.label[left_out],
        n_features=features.plain.shape[1],
        seconds=time.perf_counter() - started,
        probabilities=outputs.get(PREDICTIONS),
    )
    if COORDINATES not in outputs:
        return predicted
    return replace(
        predicted,
        coordinates=outputs[COORDINATES],
        observed=features.coordinates[left_out],
        predicted_moments=np.stack(Moments.of(of_training[COORDINATES])),
        observed_moments=np.stack(Moments.of(features.coordinates[~left_out])),
    )


def _heads(
    recipe: dict[str, Any], learning: Features, objective: Objective, seed: int
) -> tuple[keras.Model | None, keras.Model | None]:
    """The head that has not seen the stopping set, if anything is decided with it, and the one trained again on all images."""
    options = {"head": recipe["head"], "training": recipe["train_head"], "seed": seed, "objective": objective}
    finetuning, head = recipe["finetune"], None
    refits = finetuning["selection"] == "holdout" and finetuning["refit"]
    if finetuning["epochs"] or not refits:
        first, watched = training_members(learning, None, objective, finetuning, seed)
        head, _ = train_head(first, watched, **options)
    return head, train_head(learning, None, phase="head refit", **options)[0] if refits else None
