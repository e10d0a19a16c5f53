"""EfficientNet-Lite0 as a functional Keras model, and its weights from the published checkpoint.

The layers are named as in ``keras.applications``' EfficientNets, so that the same names work for
``output_layer`` and ``embeddings.layers``.
"""

from collections.abc import Mapping

import keras
import numpy as np

from rockspace.errors import RockspaceError

# kernel, stride, expansion, filters, repeats of each stage: Tan & Le (2019), table 1, at width and depth 1.0.
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
STEM_FILTERS = 32
HEAD_FILTERS = 1280
BATCH_NORM_EPSILON = 1e-3


def network(input_shape: tuple[int, int, int], classes: int | None = None) -> keras.Model:
    """EfficientNet-Lite0 with randomly drawn weights, without preprocessing.

    EfficientNet-B0 without squeeze-and-excitation, with ReLU6 instead of swish, and with stem and head
    of a fixed width.

    Args:
        input_shape: height, width, channels of the input, whose values are ``(pixels - 127) / 128``.
        classes: number of classes of the softmax on top, or None for the last feature map.

    References:
        Tan & Le (2019), EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML.
        Liu (2020), Higher accuracy on vision models with EfficientNet-Lite, TensorFlow Blog.
    """
    inputs = keras.Input(input_shape, name="input")
    x = _convolution(inputs, STEM_FILTERS, "stem_conv", "stem_bn", kernel=3, strides=2)
    x = keras.layers.ReLU(6.0, name="stem_activation")(x)
    for stage, (kernel, stride, expansion, filters, repeats) in enumerate(STAGES, start=1):
        for repeat in range(repeats):
            name = f"block{stage}{chr(ord('a') + repeat)}_"
            x = _block(x, name, kernel, stride if repeat == 0 else 1, expansion, filters)
    x = _convolution(x, HEAD_FILTERS, "top_conv", "top_bn")
    x = keras.layers.ReLU(6.0, name="top_activation")(x)
    if classes is not None:
        x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = keras.layers.Dense(classes, activation="softmax", name="predictions")(x)
    return keras.Model(inputs, x, name="efficientnet_lite0")


def assign(model: keras.Model, state: Mapping[str, np.ndarray]) -> None:
    """Copy the published weights into ``model``.

    Args:
        model: from ``network``, with or without the classifier.
        state: arrays by the names of the published PyTorch module.

    Raises:
        RockspaceError: an array is missing, has another shape, or belongs to no layer.
    """
    unused = {name for name in state if not name.endswith("num_batches_tracked")}
    for layer in model.layers:
        if not layer.weights:
            continue
        names = _published_names(layer)
        missing = [name for name in names if name not in state]
        if missing:
            raise RockspaceError(f"the EfficientNet-Lite0 checkpoint has no {missing[0]!r}; reinstall its package")
        weights = [_to_keras(layer, state[name]) for name in names]
        for name, new, old in zip(names, weights, layer.weights, strict=True):
            if new.shape != tuple(old.shape):
                raise RockspaceError(
                    f"the EfficientNet-Lite0 checkpoint's {name!r} has shape {new.shape}, "
                    f"layer {layer.name!r} needs {tuple(old.shape)}; reinstall its package"
                )
        layer.set_weights(weights)
        unused.difference_update(names)
    unused = {name for name in unused if not name.startswith("_fc.")}
    if unused:
        raise RockspaceError(f"the EfficientNet-Lite0 checkpoint holds an unknown {min(unused)!r}")


def _block(
    x: keras.KerasTensor, name: str, kernel: int, stride: int, expansion: int, filters: int
) -> keras.KerasTensor:
    shortcut = x
    channels = x.shape[-1]
    if expansion != 1:
        x = _convolution(x, channels * expansion, name + "expand_conv", name + "expand_bn")
        x = keras.layers.ReLU(6.0, name=name + "expand_activation")(x)
    x = keras.layers.DepthwiseConv2D(
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        depthwise_initializer="he_normal",
        name=name + "dwconv",
    )(x)
    x = keras.layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, name=name + "bn")(x)
    x = keras.layers.ReLU(6.0, name=name + "activation")(x)
    x = _convolution(x, filters, name + "project_conv", name + "project_bn")
    if stride == 1 and filters == channels:
        x = keras.layers.Add(name=name + "add")([x, shortcut])
    return x


def _convolution(
    x: keras.KerasTensor, filters: int, name: str, norm_name: str, kernel: int = 1, strides: int = 1
) -> keras.KerasTensor:
    x = keras.layers.Conv2D(
        filters,
        kernel,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return keras.layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, name=norm_name)(x)


def _published_names(layer: keras.layers.Layer) -> list[str]:
    """The published names of a layer's arrays, in the order of its Keras weights."""
    fixed = {
        "stem_conv": "_conv_stem",
        "stem_bn": "_bn0",
        "top_conv": "_conv_head",
        "top_bn": "_bn1",
        "predictions": "_fc",
    }
    module = fixed.get(layer.name) or _block_module(layer.name)
    if isinstance(layer, keras.layers.BatchNormalization):
        return [f"{module}.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
    return [f"{module}.{part}" for part in ("weight", "bias")[: len(layer.weights)]]


def _block_module(layer_name: str) -> str:
    block, part = layer_name.removeprefix("block").split("_", maxsplit=1)
    stage, repeat = int(block[:-1]), ord(block[-1]) - ord("a")
    index = sum(repeats for *_, repeats in STAGES[: stage - 1]) + repeat
    parts = {
        "expand_conv": "_expand_conv",
        "expand_bn": "_bn0",
        "dwconv": "_depthwise_conv",
        "bn": "_bn1",
        "project_conv": "_project_conv",
        "project_bn": "_bn2",
    }
    return f"_blocks.{index}.{parts[part]}"


def _to_keras(layer: keras.layers.Layer, array: np.ndarray) -> np.ndarray:
    if array.ndim == 4:
        # Output, input, height, width there; a depthwise kernel keeps its channels in the first axis.
        depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        return array.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
    return array.T
