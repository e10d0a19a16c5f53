"""Activations: what the layers of a trained network do, pooled to one vector an image."""

from collections.abc import Sequence

import keras

from rockspace.networks.layers import find_layer


def embedding_model(network: keras.Model, layers: Sequence[str], pooling: str) -> keras.Model:
    """Return a network with one output a layer, each pooled to a vector.

    Args:
        network: A classifier.
        layers: Names of layers; ``penultimate`` is what the softmax stands on.
        pooling: ``mean`` over places, or ``mean_std``: means followed by standard deviations.

    Raises:
        RockspaceError: Where the network has no such layer.
    """
    found = {name: find_layer(network, name, "embeddings.layers") for name in layers}
    return keras.Model(network.input, {name: _pooled(layer.output, pooling) for name, layer in found.items()})


def _pooled(activation: keras.KerasTensor, pooling: str) -> keras.KerasTensor:
    activation = keras.ops.cast(activation, "float32")
    places = tuple(range(1, len(activation.shape) - 1))
    if not places:
        return activation
    mean = keras.ops.mean(activation, axis=places)
    if pooling == "mean":
        return mean
    return keras.ops.concatenate([mean, keras.ops.std(activation, axis=places)], axis=-1)
