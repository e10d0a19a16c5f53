"""Batch normalisation folded into the layer before it: the same function at inference, computed faster.

``gamma * (w x + b - mean) / sqrt(variance + epsilon) + beta`` is itself of the form ``w' x + b'``. Keras 3
computes the former on TensorFlow as a dozen operations that each read and write the whole feature map; on a
CPU they take more time than the convolutions. A folded network is run, not trained: see ``training_copy``.
"""

from collections import Counter
from typing import Any

import keras
import numpy as np

from rockspace.networks.rewiring import Replacement, copy_of, rebuild

FOLDABLE = (
    keras.layers.Conv2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
    keras.layers.Dense,
)


def fold(model: keras.Model) -> keras.Model:
    """The same function with no batch normalisation left in it.

    A batch normalisation right after a convolution or a dense layer that nothing else reads is folded into
    it; any other becomes a ``Rescaling`` of each channel. Statistics are those of inference. All layers keep their names:
    the folded layer that of the convolution, and an identity that of the batch normalisation, so the output
    of a folded convolution is what the batch normalisation's was.

    Args:
        model: a flat functional float32 model: a backbone, or one with a head.

    Returns:
        A model that shares no variable with ``model``.
    """
    folded = foldable_pairs(model)
    norms = {norm.name for norm in folded.values()}

    def replace(layer: keras.layers.Layer) -> Replacement | None:
        if layer.name in folded:
            weights = _folded_weights(layer, *scale_and_shift(folded[layer.name]))
            return Replacement(copy_of(layer, use_bias=True), weights)
        if layer.name in norms:
            return Replacement(keras.layers.Activation("linear", name=layer.name), [])
        if isinstance(layer, keras.layers.BatchNormalization):
            scale, shift = (values.tolist() for values in scale_and_shift(layer))
            return Replacement(keras.layers.Rescaling(scale, shift, name=layer.name), [])
        return None

    return rebuild(model, replace)


def foldable_pairs(model: keras.Model) -> dict[str, keras.layers.BatchNormalization]:
    """The batch normalisations that can be folded, by the name of the layer to fold each into."""
    producers = {id(layer.output): layer for layer in model.layers if not isinstance(layer.output, list)}
    uses = Counter(map(id, keras.tree.flatten(model.outputs)))
    for operation in model.operations:
        if not isinstance(operation, keras.layers.InputLayer):
            uses.update(map(id, keras.tree.flatten(operation.input)))
    pairs = {}
    for norm in model.layers:
        if isinstance(norm, keras.layers.BatchNormalization):
            layer: Any = producers.get(id(norm.input))
            linear = isinstance(layer, FOLDABLE) and layer.activation is keras.activations.linear
            of_channels = norm.axis in (-1, len(norm.input.shape) - 1)
            if linear and of_channels and uses[id(norm.input)] == 1:
                pairs[layer.name] = norm
    return pairs


def scale_and_shift(norm: keras.layers.BatchNormalization) -> tuple[np.ndarray, np.ndarray]:
    """The factor and the summand of each channel at inference, in float64.

    References:
        Ioffe & Szegedy (2015), Batch normalization, ICML, algorithm 2.
    """
    mean = keras.ops.convert_to_numpy(norm.moving_mean).astype(np.float64)
    variance = keras.ops.convert_to_numpy(norm.moving_variance).astype(np.float64)
    scale = 1 / np.sqrt(variance + norm.epsilon)
    if norm.scale:
        scale = scale * keras.ops.convert_to_numpy(norm.gamma)
    shift = -mean * scale
    if norm.center:
        shift = shift + keras.ops.convert_to_numpy(norm.beta)
    return scale, shift


def _folded_weights(layer: keras.layers.Layer, scale: np.ndarray, shift: np.ndarray) -> list[np.ndarray]:
    weights = layer.get_weights()
    bias = weights.pop() * scale if layer.use_bias else 0.0
    *kernels, last = weights
    return [*kernels, last * factors_of(layer, scale), bias + shift]


def factors_of(layer: keras.layers.Layer, scale: np.ndarray) -> np.ndarray:
    """Return ``scale`` ``(channels,)`` in the shape in which it multiplies the last kernel of ``layer``."""
    # A depthwise kernel holds its output channels in its last two axes.
    return scale.reshape(-1, layer.depth_multiplier) if isinstance(layer, keras.layers.DepthwiseConv2D) else scale
