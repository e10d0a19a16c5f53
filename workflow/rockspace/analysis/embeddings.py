"""Embeddings: the activations of named layers, one vector an image."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from rockspace.artifacts import replacing
from rockspace.errors import RockspaceError
from rockspace.training.classifier import resolve_layer
from rockspace.training.pipeline import ImageSet


@dataclass(frozen=True)
class Embeddings:
    """One layer's embedding of both splits.

    Attributes:
        image_id: ``(n,)`` names.
        split: ``(n,)`` ``train`` or ``validation``.
        label: ``(n,)`` label names.
        embedding: ``(n, d)`` float32.
    """

    image_id: np.ndarray
    split: np.ndarray
    label: np.ndarray
    embedding: np.ndarray

    def save(self, path: Path) -> None:
        """Write an ``npz`` file with the attributes as arrays."""
        with replacing(path) as partial:
            np.savez(partial, **vars(self))

    @classmethod
    def load(cls, path: str | Path) -> "Embeddings":
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            return cls(**{name: file[name] for name in ("image_id", "split", "label", "embedding")})


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


def extract(network: keras.Model, images: ImageSet, batch_size: int) -> dict[str, np.ndarray]:
    """Run an embedding model over all images in one pass: ``(n, d)`` float32 for each layer."""
    parts: dict[str, list[np.ndarray]] = {}
    for batch, _ in tqdm(images.plain(batch_size), total=images.steps(batch_size), desc="embedding", unit="batch"):
        for name, values in network.predict_on_batch(batch).items():
            parts.setdefault(name, []).append(values)
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
