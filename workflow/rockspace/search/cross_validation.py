"""Cross-validation: a recipe trained without one fold of the training images, and evaluated on it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from rockspace.config import needs_pixels
from rockspace.inference.ensembles import Moments
from rockspace.inference.prediction import Views, predict
from rockspace.networks.classifier import attach_head, named_outputs
from rockspace.networks.device import repeatable
from rockspace.networks.loading import for_inference, precision_for
from rockspace.networks.objectives import COORDINATES, PREDICTIONS, Objective
from rockspace.search.search import LeftOut
from rockspace.training.augmentation import Augmentation
from rockspace.training.features import Features
from rockspace.training.finetune import Recipe, finetune
from rockspace.training.head import train_head
from rockspace.training.pipeline import ImageSet
from rockspace.training.stopping_set import training_members

BATCH_SIZE = 32


@dataclass(frozen=True)
class Candidate:
    """A model as it is tried in a search.

    Attributes:
        model: An item of the configuration's ``models``, with its whole ``recipe``.
        precision: The configuration's ``precision``.
        seed: Seed of the run.
        backbone: Builds the backbone that it starts from.
    """

    model: dict[str, Any]
    precision: str
    seed: int
    backbone: Callable[[], keras.Model]

    @property
    def needs_pixels(self) -> bool:
        """Whether training or evaluation needs pixels, not features alone."""
        return needs_pixels(self.model["recipe"])


def predict_fold(candidate: Candidate, features: Features, images: ImageSet | None, left_out: np.ndarray) -> LeftOut:
    """Train a candidate without one fold, as in a study, and predict that fold.

    Nothing about the images left out is used before: what decides how long to train is a part of the others.

    Args:
        candidate: What to try.
        features: Of all training images.
        images: All training images; None where the candidate needs features alone.
        left_out: ``(n,)`` bool, the images of the fold.
    """
    started = time.perf_counter()
    learning = features.subset(~left_out)
    objective = Objective.of(candidate.model, learning.coordinates)
    n_labels = int(features.label.max()) + 1
    head, refit = _heads(candidate, learning, objective, n_labels)
    if candidate.needs_pixels:
        network = _network(candidate, head, refit, images.subset(~left_out), objective)
        views = _views(candidate)
        outputs, of_training = (
            predict(network, images.subset(members), BATCH_SIZE, views) for members in (left_out, ~left_out)
        )
    else:
        network = named_outputs(head if refit is None else refit)
        outputs, of_training = (
            network.predict(features.plain[members], batch_size=BATCH_SIZE, verbose=0)
            for members in (left_out, ~left_out)
        )
    return LeftOut(
        position=np.flatnonzero(left_out),
        label=features.label[left_out],
        n_features=features.plain.shape[1],
        seconds=time.perf_counter() - started,
        probabilities=outputs.get(PREDICTIONS),
        **_coordinates(outputs, of_training, features, left_out),
    )


def _heads(
    candidate: Candidate, learning: Features, objective: Objective, n_labels: int
) -> tuple[keras.Model, keras.Model | None]:
    """The head that has not seen what decides how long to train, and the one that has, as the stage ``train_head``."""
    recipe = candidate.model["recipe"]
    repeatable(candidate.seed)
    options = {"n_labels": n_labels, "head": recipe["head"], "training": recipe["train_head"], "seed": candidate.seed}
    refits = recipe["finetune"]["selection"] == "holdout" and recipe["finetune"]["refit"]
    if refits and recipe["finetune"]["epochs"] == 0:
        # Nothing is left to be decided, so the head that has seen them all is enough.
        return train_head(learning, None, objective=objective, **options)[0], None
    first, watched = training_members(learning, None, recipe["finetune"], candidate.seed)
    head, _ = train_head(first, watched, objective=objective, **options)
    if not refits:
        return head, None
    return head, train_head(learning, None, objective=objective, phase="head refit", **options)[0]


def _network(
    candidate: Candidate, head: keras.Model, refit: keras.Model | None, learning: ImageSet, objective: Objective
) -> Callable[..., Any]:
    """The trained network, ready for inference, as from the stage ``finetune``."""
    model, recipe = candidate.model, candidate.model["recipe"]
    backbone = candidate.backbone()

    def attached(part: keras.Model | None) -> keras.Model | None:
        return None if part is None else attach_head(backbone, part, model["feature_layers"], model["pooling"])

    repeatable(candidate.seed)
    precision = precision_for(candidate.precision, model["backbone"], "train")
    augmentation = Augmentation.from_config(recipe["augmentation"])
    settings = Recipe(recipe["finetune"], augmentation, precision, candidate.seed, objective)
    network, _ = finetune(attached(head), attached(refit), learning, None, settings)
    return for_inference(named_outputs(network), candidate.precision, model["backbone"])[0]


def _views(candidate: Candidate) -> Views:
    recipe = candidate.model["recipe"]
    return Views(recipe["evaluate"]["views"], Augmentation.from_config(recipe["augmentation"]), candidate.seed)


def _coordinates(
    outputs: dict[str, np.ndarray], of_training: dict[str, np.ndarray], features: Features, left_out: np.ndarray
) -> dict[str, np.ndarray]:
    if COORDINATES not in outputs:
        return {}
    predicted, observed = Moments.of(of_training[COORDINATES]), Moments.of(features.coordinates[~left_out])
    return {
        "coordinates": outputs[COORDINATES],
        "observed": features.coordinates[left_out],
        "predicted_mean": predicted.mean,
        "predicted_deviation": predicted.deviation,
        "observed_mean": observed.mean,
        "observed_deviation": observed.deviation,
    }
