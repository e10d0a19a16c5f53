"""Preprocessing as a layer, so that it belongs to the backbone and travels inside the saved model."""

from typing import Any

import keras

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@keras.saving.register_keras_serializable(package="rockspace")
class Preprocessing(keras.layers.Layer):
    """``pixels * scale + offset`` for each channel, after an optional swap from RGB to BGR.

    Args:
        scale: three factors, one for each output channel.
        offset: three summands, one for each output channel.
        swap_channels: whether to turn RGB into BGR first.
    """

    def __init__(self, scale: list[float], offset: list[float], swap_channels: bool = False, **kwargs: Any) -> None:
        # Pixels lose nothing here by float32, whatever precision the convolutions compute in.
        super().__init__(**({"trainable": False} | kwargs | {"dtype": "float32"}))
        self.scale = [float(value) for value in scale]
        self.offset = [float(value) for value in offset]
        self.swap_channels = bool(swap_channels)

    def call(self, pixels: Any) -> Any:
        if self.swap_channels:
            pixels = keras.ops.flip(pixels, axis=-1)
        return pixels * keras.ops.array(self.scale, "float32") + keras.ops.array(self.offset, "float32")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        own = {"scale": self.scale, "offset": self.offset, "swap_channels": self.swap_channels}
        return super().get_config() | own


MODES: dict[str, dict[str, Any]] = {
    "unit": {"scale": [1 / 255] * 3, "offset": [0.0] * 3},
    "raw": {"scale": [1.0] * 3, "offset": [0.0] * 3},
    # The modes of keras.applications.imagenet_utils.preprocess_input.
    "tf": {"scale": [1 / 127.5] * 3, "offset": [-1.0] * 3},
    "caffe": {"scale": [1.0] * 3, "offset": [-103.939, -116.779, -123.68], "swap_channels": True},
    "torch": {
        "scale": [1 / (255 * std) for std in IMAGENET_STD],
        "offset": [-mean / std for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)],
    },
    # What EfficientNetV2-S, M and L, and EfficientNet-Lite0 were trained with.
    "128": {"scale": [1 / 128] * 3, "offset": [-1.0] * 3},
    "lite": {"scale": [1 / 128] * 3, "offset": [-127 / 128] * 3},
}
