"""Activations: what the layers of a trained network do, pooled to one vector an image."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from rockspace.errors import RockspaceError
from rockspace.training.classifier import resolve_layer
from rockspace.training.pipeline import ImageSet


def embedding_model(network: keras.Model, layers: Sequence[str], pooling: str) -> keras.Model:
    """Return a network with one output a layer, each pooled to a vector.

    Args:
        network: A classifier.
        layers: Names of layers; ``penultimate`` is what the softmax stands on.
        pooling: ``mean`` over places, or ``mean_std``: means followed by standard deviations.

    Raises:
        RockspaceError: Where the network has no such layer.
    """
    outputs = {}
    for name in layers:
        try:
            activation = resolve_layer(network, name).output
        except ValueError as error:
            raise RockspaceError(f"config: embeddings.layers: {error}") from error
        outputs[name] = _pooled(activation, pooling)
    return keras.Model(network.input, outputs)


def extract(
    network: Callable[[tf.Tensor], dict[str, tf.Tensor]], images: ImageSet, batch_size: int
) -> dict[str, np.ndarray]:
    """Run an embedding model over all images in one pass: ``(n, d)`` float32 for each layer."""
    parts: dict[str, list[np.ndarray]] = {}
    for batch, _ in tqdm(images.plain(batch_size), total=images.steps(batch_size), desc="embedding", unit="batch"):
        for name, values in network(batch).items():
            parts.setdefault(name, []).append(np.asarray(values))
    return {name: np.concatenate(values) for name, values in parts.items()}


def _pooled(activation: keras.KerasTensor, pooling: str) -> keras.KerasTensor:
    activation = keras.ops.cast(activation, "float32")
    places = tuple(range(1, len(activation.shape) - 1))
    if not places:
        return activation
    mean = keras.ops.mean(activation, axis=places)
    if pooling == "mean":
        return mean
    return keras.ops.concatenate([mean, keras.ops.std(activation, axis=places)], axis=-1)
