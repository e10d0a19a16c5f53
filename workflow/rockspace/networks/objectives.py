"""Objectives: whether a network learns an image's label, its human coordinates, or both."""

from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import pandas as pd

CLASSIFICATION, COORDINATES_ONLY, JOINT = "classification", "coordinates", "joint"
PREDICTIONS = "predictions"
COORDINATES = "coordinates"


@dataclass(frozen=True)
class Objective:
    """What a network is trained for.

    Coordinates are learnt standardized, so that every dimension counts alike and the weight of their error means the
    same in every study; a finished network gives them in the unit of the training images' file.

    Attributes:
        kind: ``classification``, ``coordinates`` or ``joint``.
        coordinates_weight: Weight of the squared error beside the cross-entropy (for ``joint``).
        mean: ``(k,)`` of the training images' coordinates; empty for ``classification``.
        deviation: ``(k,)`` their standard deviations.

    References:
        Sanders, C. A. & Nosofsky, R. M. (2020). Training deep networks to construct a psychological feature space for a
        natural-object category domain. Computational Brain & Behavior 3, 229-251.
    """

    kind: str = CLASSIFICATION
    coordinates_weight: float = 1.0
    mean: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32))
    deviation: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32))

    @classmethod
    def of(cls, model: dict[str, Any], coordinates: np.ndarray) -> "Objective":
        """Take an item of the configuration's ``models``, and the coordinates ``(n, k)`` of the images to train on."""
        if model["objective"] == CLASSIFICATION:
            return cls()
        mean, deviation = coordinates.mean(axis=0), coordinates.std(axis=0)
        deviation = np.where(deviation > 0, deviation, 1.0)
        return cls(model["objective"], model.get("coordinates_weight", 1.0), mean.astype("f4"), deviation.astype("f4"))

    @property
    def classifies(self) -> bool:
        """Whether there is a softmax over the labels."""
        return self.kind != COORDINATES_ONLY

    @property
    def regresses(self) -> bool:
        """Whether there is a linear layer for the coordinates."""
        return self.kind != CLASSIFICATION

    def targets(self, one_hot: Any, coordinates: Any) -> Any:
        """Return what the network's outputs are compared with.

        Args:
            one_hot: ``(n, n_labels)``, an array or a tensor.
            coordinates: ``(n, k)`` in the unit of the file.
        """
        if not self.regresses:
            return one_hot
        standardized = (coordinates - self.mean) / self.deviation
        return {PREDICTIONS: one_hot, COORDINATES: standardized} if self.classifies else standardized

    def compile(self, model: keras.Model, optimizer: keras.optimizers.Optimizer, label_smoothing: float) -> None:
        """Compile for one training phase: smoothed cross-entropy and accuracy, squared error, or both."""
        loss = {
            PREDICTIONS: keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing),
            COORDINATES: keras.losses.MeanSquaredError(),
        }
        match self.kind:
            case "classification":
                model.compile(optimizer, loss[PREDICTIONS], metrics=["accuracy"], jit_compile=False)
            case "coordinates":
                model.compile(optimizer, loss[COORDINATES], jit_compile=False)
            case _:
                weights = {PREDICTIONS: 1.0, COORDINATES: self.coordinates_weight}
                model.compile(optimizer, loss, weights, metrics={PREDICTIONS: ["accuracy"]}, jit_compile=False)

    def monitor(self, quantity: str) -> dict[str, str]:
        """Say what to watch for ``accuracy`` or ``loss``; where there is no accuracy, the loss."""
        if quantity == "accuracy" and self.classifies:
            name = "accuracy" if self.kind == CLASSIFICATION else f"{PREDICTIONS}_accuracy"
            return {"monitor": f"val_{name}", "mode": "max"}
        return {"monitor": "val_loss", "mode": "min"}

    def history(self, phase: str, columns: dict[str, list[float]]) -> pd.DataFrame:
        """Tabulate Keras' history of a phase, one row an epoch: the same columns whatever the objective, some of NaN."""
        columns = {name.replace(f"{PREDICTIONS}_accuracy", "accuracy"): values for name, values in columns.items()}
        table = pd.DataFrame({"phase": phase, "epoch": np.arange(1, len(columns["loss"]) + 1), **columns})
        return table.assign(**{name: np.nan for name in ("accuracy", "val_loss", "val_accuracy") if name not in table})

    def to_data_units(self, model: keras.Model) -> None:
        """Absorb mean and deviation into the layer ``coordinates``: standardized before, in the file's unit after."""
        if self.regresses:
            kernel, bias = model.get_layer(COORDINATES).get_weights()
            model.get_layer(COORDINATES).set_weights([kernel * self.deviation, bias * self.deviation + self.mean])

    def to_standardized(self, model: keras.Model) -> None:
        """Undo `to_data_units`, to train on."""
        if self.regresses:
            kernel, bias = model.get_layer(COORDINATES).get_weights()
            model.get_layer(COORDINATES).set_weights([kernel / self.deviation, (bias - self.mean) / self.deviation])
