"""Preprocessing as layers, so that it belongs to the backbone and travels inside the saved model."""

from collections.abc import Sequence
from typing import Any

import keras

PREPROCESSING = "preprocessing"
"""Name of the layer that scales the pixels."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def preprocess(
    pixels: keras.KerasTensor, scale: list[float], offset: list[float], swap_channels: bool = False
) -> keras.KerasTensor:
    """``pixels * scale + offset`` for each channel, after an optional swap from RGB to BGR; of Keras' own layers.

    Args:
        pixels: ``(n, height, width, 3)``, RGB, 0 to 255.
        scale: three factors, one for each output channel.
        offset: three summands, one for each output channel.
        swap_channels: whether to turn RGB into BGR first.
    """
    if swap_channels:
        pixels = keras.ops.flip(pixels, axis=-1)
    # Pixels lose nothing here by float32, whatever precision the convolutions compute in.
    scale, offset = ([float(value) for value in values] for values in (scale, offset))
    return keras.layers.Rescaling(scale, offset, name=PREPROCESSING, dtype="float32")(pixels)


def standardizing(mean: Sequence[float], std: Sequence[float]) -> dict[str, Any]:
    """Return the arguments of `preprocess` that give channels mean 0 and deviation 1, from those of pixels in 0..1."""
    return {
        "scale": [1 / (255 * each) for each in std],
        "offset": [-m / s for m, s in zip(mean, std, strict=True)],
    }


MODES: dict[str, dict[str, Any]] = {
    "unit": {"scale": [1 / 255] * 3, "offset": [0.0] * 3},
    "none": {"scale": [1.0] * 3, "offset": [0.0] * 3},
    # The modes of keras.applications.imagenet_utils.preprocess_input.
    "tf": {"scale": [1 / 127.5] * 3, "offset": [-1.0] * 3},
    "caffe": {"scale": [1.0] * 3, "offset": [-103.939, -116.779, -123.68], "swap_channels": True},
    "torch": standardizing(IMAGENET_MEAN, IMAGENET_STD),
    # What EfficientNetV2-S, M and L, and EfficientNet-Lite0 were trained with.
    "128": {"scale": [1 / 128] * 3, "offset": [-1.0] * 3},
    "lite": {"scale": [1 / 128] * 3, "offset": [-127 / 128] * 3},
}
