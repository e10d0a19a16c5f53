"""Layers of a network by name, and the layers of Rockspace's own that a head may hold."""

import difflib
from typing import Any

import keras

from rockspace.errors import RockspaceError

POOLED = "pooled"
PENULTIMATE = "penultimate"


def find_layer(model: keras.Model, name: str, key: str | None = None) -> keras.layers.Layer:
    """Return a layer by name; ``penultimate`` is what the outputs stand on, with dense layers or without.

    Args:
        model: A backbone or a classifier.
        name: Name of a layer.
        key: Key of the configuration that named it, for the error.

    Raises:
        RockspaceError: Where the model has no such layer; the line suggests similar names.
    """
    names = [layer.name for layer in model.layers]
    if name == PENULTIMATE and name not in names and POOLED in names:
        name = POOLED
    check_name(name, names, model.name, key)
    return model.get_layer(name)


def check_name(name: str, names: list[str], model_name: str, key: str | None = None) -> None:
    """Raise a RockspaceError with similar names where ``name`` is none of a model's layer names."""
    if name not in names:
        similar = difflib.get_close_matches(name, names, n=3) or names[-3:]
        where = f"config: {key}: " if key else ""
        raise RockspaceError(f"{where}{model_name} has no layer {name!r}; similar ones: {', '.join(similar)}")


@keras.saving.register_keras_serializable(package="rockspace")
class DeviationPooling2D(keras.layers.Layer):
    """The standard deviation of each channel over all places: ``(n, height, width, d)`` to ``(n, d)``."""

    def call(self, feature_map: Any) -> Any:
        return keras.ops.std(feature_map, axis=(1, 2))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], input_shape[-1])


@keras.saving.register_keras_serializable(package="rockspace")
class CosineClassifier(keras.layers.Layer):
    """Softmax of the cosines between the input and a vector for each label, times a scale.

    Args:
        units: Number of labels.
        scale: What cosines are multiplied by; None learns it, from ``FIRST_SCALE`` on.
        seed: Seed of the vectors.

    References:
        Gidaris, S. & Komodakis, N. (2018). Dynamic few-shot visual learning without forgetting. CVPR.
    """

    FIRST_SCALE = 10.0

    def __init__(self, units: int, scale: float | None = None, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.fixed_scale, self.seed = units, scale, seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        start = keras.initializers.GlorotUniform(seed=self.seed)
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer=start, name="kernel")
        first = keras.initializers.Constant(self.fixed_scale or self.FIRST_SCALE)
        self.scale = self.add_weight(shape=(), initializer=first, trainable=self.fixed_scale is None, name="scale")

    def call(self, x: Any) -> Any:
        cosines = keras.ops.normalize(x, axis=-1) @ keras.ops.normalize(self.kernel, axis=0)
        return keras.ops.softmax(self.scale * cosines)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"units": self.units, "scale": self.fixed_scale, "seed": self.seed}
