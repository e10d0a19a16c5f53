"""Layers of a network by name, and the layers of Rockspace's own that a head may hold."""

import difflib
from typing import Any

import keras
import numpy as np

from rockspace.errors import RockspaceError

POOLED = "pooled"
PENULTIMATE = "penultimate"

LEAST_VARIANCE = 1e-12
"""Below it a deviation is constant: the root of nothing has no slope, and fine-tuning would end in a loss that is no number."""

LEAST_CONTRAST = 12.0
"""How far a pixel of the foreground is from the background in some channel, of 255; what JPEG leaves around an edge is nearer."""

LEAST_SHARE = 1e-6
"""Weight of a place without foreground, so that a picture that has none is pooled over all of it."""


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
        return _deviation(keras.ops.var(feature_map, axis=(1, 2)))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], input_shape[-1])


@keras.saving.register_keras_serializable(package="rockspace")
class Foreground2D(keras.layers.Layer):
    """Where a picture differs from its background, which its corners show: ``(n, h, w, 3)``, 0 to 255, to ``(n, h, w, 1)``, 0 or 1.

    The background is the mean of the two corners in the middle of the four, channel by channel; so one corner may show something.
    """

    def call(self, images: Any) -> Any:
        rows = keras.ops.stack([images[:, 0, 0], images[:, 0, -1], images[:, -1, 0], images[:, -1, -1]], axis=1)
        corners = keras.ops.sort(rows, axis=1)
        background = (corners[:, 1] + corners[:, 2])[:, None, None] / 2
        contrast = keras.ops.max(keras.ops.abs(images - background), axis=-1, keepdims=True)
        return keras.ops.cast(contrast > LEAST_CONTRAST, images.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], 1)


@keras.saving.register_keras_serializable(package="rockspace")
class ForegroundPooling2D(keras.layers.Layer):
    """Means, then standard deviations, of each channel over the foreground.

    From a feature map ``(n, h, w, d)`` and a foreground ``(n, H, W, 1)`` to ``(n, 2 * d)``; a place counts as much as
    the share of the foreground in its part of the picture.
    """

    def call(self, inputs: list[Any]) -> Any:
        feature_map, foreground = inputs
        down, across = (
            _cell_means(*sides) for sides in zip(foreground.shape[1:3], feature_map.shape[1:3], strict=True)
        )
        share = keras.ops.einsum("ij,njk,lk->nil", down, foreground[..., 0], across) + LEAST_SHARE
        share = (share / keras.ops.sum(share, axis=(1, 2), keepdims=True))[..., None]
        mean = keras.ops.sum(share * feature_map, axis=(1, 2), keepdims=True)
        variance = keras.ops.sum(share * keras.ops.square(feature_map - mean), axis=(1, 2))
        return keras.ops.concatenate([mean[:, 0, 0], _deviation(variance)], axis=-1)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return (input_shape[0][0], 2 * input_shape[0][-1])


def _deviation(variance: Any) -> Any:
    return keras.ops.sqrt(keras.ops.maximum(variance, LEAST_VARIANCE))


def _cell_means(pixels: int, cells: int) -> np.ndarray:
    """Return ``(cells, pixels)``: what each pixel adds to the mean over each of as many equal cells."""
    edges, pixel = np.linspace(0, pixels, cells + 1)[:, None], np.arange(pixels)
    overlap = np.minimum(edges[1:], pixel + 1) - np.maximum(edges[:-1], pixel)
    return (np.clip(overlap, 0, None) * cells / pixels).astype(np.float32)


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
