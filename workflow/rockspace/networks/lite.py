"""The EfficientNet-Lite family as functional Keras models, and their weights from the published checkpoints.

The layers are named as in ``keras.applications``' EfficientNets, so that the same names work for
``output_layer`` and ``embeddings.layers``.
"""

import math
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
# Factors of width and depth: Liu (2020).
SCALING = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}
STEM_FILTERS = 32
HEAD_FILTERS = 1280
WIDTH_DIVISOR = 8
BATCH_NORM_EPSILON = 1e-3

# The published names: of the modules of a block by their layers, and of a layer's arrays in the order of its Keras weights.
PUBLISHED_BLOCK = {
    "expand_conv": "_expand_conv",
    "expand_bn": "_bn0",
    "dwconv": "_depthwise_conv",
    "bn": "_bn1",
    "project_conv": "_project_conv",
    "project_bn": "_bn2",
}
PUBLISHED_PARTS = {
    keras.layers.Conv2D: ("weight",),
    keras.layers.DepthwiseConv2D: ("weight",),
    keras.layers.BatchNormalization: ("weight", "bias", "running_mean", "running_var"),
}


def network(variant: str, input_shape: tuple[int, int, int]) -> keras.Model:
    """An EfficientNet-Lite with randomly drawn weights, without preprocessing and classifier.

    An EfficientNet-B without squeeze-and-excitation, with ReLU6 instead of swish, and with stem and head
    of a fixed width and depth.

    Args:
        variant: a key of ``SCALING``.
        input_shape: height, width, channels of the input, whose values are ``(pixels - 127) / 128``.

    References:
        Tan & Le (2019), EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML.
        Liu (2020), Higher accuracy on vision models with EfficientNet-Lite, TensorFlow Blog.
    """
    inputs = keras.Input(input_shape, name="input")
    x = _convolution(inputs, STEM_FILTERS, "stem_conv", "stem_bn", kernel=3, strides=2)
    x = keras.layers.ReLU(6.0, name="stem_activation")(x)
    for stage, (kernel, stride, expansion, filters, repeats) in enumerate(_scaled_stages(variant), start=1):
        for repeat in range(repeats):
            name = f"block{stage}{chr(ord('a') + repeat)}_"
            x = _block(x, name, kernel, stride if repeat == 0 else 1, expansion, filters)
    x = _convolution(x, HEAD_FILTERS, "top_conv", "top_bn")
    x = keras.layers.ReLU(6.0, name="top_activation")(x)
    return keras.Model(inputs, x, name=f"efficientnet_{variant}")


def _scaled_stages(variant: str) -> list[tuple[int, int, int, int, int]]:
    """``STAGES`` at the variant's width and depth; the first and the last are as deep in all of them."""
    width, depth = SCALING[variant]
    ends = (0, len(STAGES) - 1)
    return [
        (kernel, stride, expansion, _round_filters(filters * width), n if i in ends else math.ceil(n * depth))
        for i, (kernel, stride, expansion, filters, n) in enumerate(STAGES)
    ]


def _round_filters(filters: float) -> int:
    """The nearest multiple of 8, one more where that would lose over a tenth: Sandler et al. (2018)."""
    rounded = max(WIDTH_DIVISOR, int(filters + WIDTH_DIVISOR / 2) // WIDTH_DIVISOR * WIDTH_DIVISOR)
    return rounded + WIDTH_DIVISOR if rounded < 0.9 * filters else rounded


def assign(model: keras.Model, state: Mapping[str, np.ndarray]) -> None:
    """Copy the published weights into ``model``.

    Args:
        model: from ``network``.
        state: arrays by the names of the published PyTorch module.

    Raises:
        RockspaceError: an array is missing, has another shape, or belongs to no layer.
    """
    unused = {name for name in state if not name.endswith("num_batches_tracked") and not name.startswith("_fc.")}
    modules = _published_modules(model)
    for layer in (each for each in model.layers if each.weights):
        names = [f"{modules[layer.name]}.{part}" for part in PUBLISHED_PARTS[type(layer)]]
        missing = [name for name in names if name not in state]
        if missing:
            raise RockspaceError(f"the checkpoint of {model.name} has no {missing[0]!r}; reinstall its package")
        weights = [_in_keras_order(layer, state[name]) for name in names]
        for name, new, old in zip(names, weights, layer.weights, strict=True):
            if new.shape != tuple(old.shape):
                raise RockspaceError(
                    f"the checkpoint of {model.name}'s {name!r} has shape {new.shape}, "
                    f"layer {layer.name!r} needs {tuple(old.shape)}; reinstall its package"
                )
        layer.set_weights(weights)
        unused.difference_update(names)
    if unused:
        raise RockspaceError(f"the checkpoint of {model.name} holds an unknown {min(unused)!r}")


def _block(
    x: keras.KerasTensor, name: str, kernel: int, stride: int, expansion: int, filters: int
) -> keras.KerasTensor:
    shortcut = x
    channels = x.shape[-1]
    if expansion != 1:
        x = _convolution(x, channels * expansion, name + "expand_conv", name + "expand_bn")
        x = keras.layers.ReLU(6.0, name=name + "expand_activation")(x)
    options = {"padding": "same", "use_bias": False, "depthwise_initializer": "he_normal", "name": name + "dwconv"}
    x = keras.layers.DepthwiseConv2D(kernel, strides=stride, **options)(x)
    x = keras.layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, name=name + "bn")(x)
    x = keras.layers.ReLU(6.0, name=name + "activation")(x)
    x = _convolution(x, filters, name + "project_conv", name + "project_bn")
    if stride == 1 and filters == channels:
        x = keras.layers.Add(name=name + "add")([x, shortcut])
    return x


def _convolution(
    x: keras.KerasTensor, filters: int, name: str, norm_name: str, kernel: int = 1, strides: int = 1
) -> keras.KerasTensor:
    options = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal", "name": name}
    x = keras.layers.Conv2D(filters, kernel, strides=strides, **options)(x)
    return keras.layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, name=norm_name)(x)


def _published_modules(model: keras.Model) -> dict[str, str]:
    """The published name of each layer, by its name here; blocks are numbered in the order of the network."""
    blocks = dict.fromkeys(layer.name.split("_")[0] for layer in model.layers if layer.name.startswith("block"))
    modules = {"stem_conv": "_conv_stem", "stem_bn": "_bn0", "top_conv": "_conv_head", "top_bn": "_bn1"}
    for number, block in enumerate(blocks):
        modules |= {f"{block}_{part}": f"_blocks.{number}.{module}" for part, module in PUBLISHED_BLOCK.items()}
    return modules


def _in_keras_order(layer: keras.layers.Layer, array: np.ndarray) -> np.ndarray:
    if array.ndim != 4:
        return array
    # Output, input, height, width there; a depthwise kernel keeps its channels in the first axis.
    return array.transpose((2, 3, 0, 1) if isinstance(layer, keras.layers.DepthwiseConv2D) else (2, 3, 1, 0))
