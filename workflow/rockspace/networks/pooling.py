"""Pooling: from feature maps to one vector an image, out of Keras' own layers and operations."""

import keras
import numpy as np

LEAST_VARIANCE = 1e-12
"""Below it a deviation is constant: the root of 0 has no slope, and fine-tuning would end in a loss that is no number."""

LEAST_CONTRAST = 12.0
"""How far a pixel of the foreground is from the background in some channel, of 255; what JPEG leaves around an edge is nearer."""

LEAST_SHARE = 1e-6
"""Weight of a place without foreground, so that a picture that has none is pooled over all of it."""


def deviation_pooling(feature_map: keras.KerasTensor) -> keras.KerasTensor:
    """The standard deviation of each channel over all places: ``(n, height, width, d)`` to float32 ``(n, d)``."""
    return _deviation(keras.ops.var(keras.ops.cast(feature_map, "float32"), axis=(1, 2)))


def foreground(images: keras.KerasTensor) -> keras.KerasTensor:
    """Where a picture differs from its background, which its corners show.

    The background is the mean of the two corners in the middle of the four, channel by channel; so one corner may show
    something.

    Args:
        images: ``(n, h, w, 3)`` float32, 0 to 255.

    Returns:
        ``(n, h, w)`` float32, 0 or 1.
    """
    height, width, channels = images.shape[1:]
    # A mean over one place, at strides as long as the picture, takes the four corners.
    corners = keras.layers.AveragePooling2D(1, (height - 1, width - 1), dtype="float32", name="corners")(images)
    ranked = keras.ops.sort(keras.ops.reshape(corners, (-1, 4, channels)), axis=1)
    background = (keras.ops.take(ranked, 1, axis=1) + keras.ops.take(ranked, 2, axis=1)) / 2
    background = keras.ops.reshape(background, (-1, 1, 1, channels))
    contrast = keras.ops.max(keras.ops.abs(images - background), axis=-1)
    return keras.ops.cast(contrast > LEAST_CONTRAST, "float32")


def foreground_pooling(feature_map: keras.KerasTensor, foreground: keras.KerasTensor) -> list[keras.KerasTensor]:
    """Means and standard deviations of each channel over the foreground.

    A place counts as much as the share of the foreground in its part of the picture.

    Args:
        feature_map: ``(n, h, w, d)``.
        foreground: ``(n, H, W)``, 0 or 1.

    Returns:
        Means ``(n, d)`` and deviations ``(n, d)``, float32.
    """
    down, across = (_cell_means(*sides) for sides in zip(foreground.shape[1:], feature_map.shape[1:3], strict=True))
    share = keras.ops.einsum("ij,njk,lk->nil", down, foreground, across) + LEAST_SHARE
    share = share / keras.ops.sum(share, axis=(1, 2), keepdims=True)
    share, values = keras.ops.expand_dims(share, -1), keras.ops.cast(feature_map, "float32")
    mean = keras.ops.sum(share * values, axis=(1, 2), keepdims=True)
    variance = keras.ops.sum(share * keras.ops.square(values - mean), axis=(1, 2))
    return [keras.ops.squeeze(mean, (1, 2)), _deviation(variance)]


def _deviation(variance: keras.KerasTensor) -> keras.KerasTensor:
    return keras.ops.sqrt(keras.ops.maximum(variance, LEAST_VARIANCE))


def _cell_means(pixels: int, cells: int) -> np.ndarray:
    """Return ``(cells, pixels)``: what each pixel adds to the mean over each of as many equal cells."""
    edges, pixel = np.linspace(0, pixels, cells + 1)[:, None], np.arange(pixels)
    overlap = np.minimum(edges[1:], pixel + 1) - np.maximum(edges[:-1], pixel)
    return (np.clip(overlap, 0, None) * cells / pixels).astype(np.float32)
