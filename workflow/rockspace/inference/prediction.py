"""What a network says of images, averaged over several views of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from rockspace.inference.one_pass import LAYER, OUTPUT
from rockspace.networks.classifier import named_outputs
from rockspace.networks.layers import find_layer
from rockspace.training.augmentation import Augmentation, Stream
from rockspace.training.pipeline import ImageSet, View


@dataclass(frozen=True)
class Views:
    """Views of an image over which outputs are averaged: test-time augmentation.

    Attributes:
        count: The image as it is, and ``count - 1`` augmented views.
        augmentation: Augmentation range.
        seed: Seed of those; none of them is a view that the same seed trains on.
    """

    count: int = 1
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0

    def each(self) -> list[View | None]:
        """Return the views, the image as it is first."""
        return [None, *(View(self.augmentation, self.seed, i, Stream.TEST_VIEWS) for i in range(self.count - 1))]


def predict(
    network: Callable[[tf.Tensor], dict[str, tf.Tensor]],
    images: ImageSet,
    batch_size: int,
    views: Views | None = None,
) -> dict[str, np.ndarray]:
    """Return what a network says of every image, averaged over its views.

    Args:
        network: From pixels to arrays by name.
        images: The images.
        batch_size: Images per step.
        views: Which views; None for the images as they are.

    Returns:
        ``(n, ...)`` float32 for each name, in the order of ``images.image_ids``.
    """
    looks = (views or Views()).each()
    total: dict[str, np.ndarray] = {}
    with tqdm(total=images.steps(batch_size) * len(looks), desc="evaluating", unit="batch") as bar:
        for view in looks:
            parts = []
            for batch in images.pixels(batch_size, view):
                parts.append(keras.tree.map_structure(np.asarray, network(batch)))
                bar.update()
            for name in parts[0]:
                values = images.in_order(np.concatenate([part[name] for part in parts]))
                total[name] = total[name] + values if name in total else values
    return {name: values / np.float32(len(looks)) for name, values in total.items()}


def one_pass_model(network: keras.Model, layers: Sequence[str], pooling: str) -> keras.Model:
    """Return a network that gives its outputs and its layers, each layer pooled to a vector.

    Args:
        network: A classifier.
        layers: Names of layers; ``penultimate`` is what the softmax stands on.
        pooling: ``mean`` over places, or ``mean_std``: means followed by standard deviations.

    Raises:
        RockspaceError: Where the network has no such layer.
    """
    found = {name: find_layer(network, name, "embeddings.layers") for name in layers}
    outputs = {f"{OUTPUT}{name}": tensor for name, tensor in named_outputs(network).output.items()}
    pooled = {
        f"{LAYER}{name}": _Pooled(pooling, name=f"embedding_of_{name}", dtype="float32")(layer.output)
        for name, layer in found.items()
    }
    return keras.Model(network.input, outputs | pooled)


class _Pooled(keras.layers.Layer):
    """What a layer gives, pooled over places to a float32 vector.

    A layer with a name of its own: Keras numbers the names of bare operations anew in each process, so these could
    have the names of operations in a network that was loaded from a file.
    """

    def __init__(self, pooling: str, **options: Any) -> None:
        super().__init__(**options)
        self.pooling = pooling

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"pooling": self.pooling}

    def call(self, activation: keras.KerasTensor) -> keras.KerasTensor:
        activation = keras.ops.cast(activation, "float32")
        places = tuple(range(1, len(activation.shape) - 1))
        if not places:
            return activation
        mean = keras.ops.mean(activation, axis=places)
        if self.pooling == "mean":
            return mean
        return keras.ops.concatenate([mean, keras.ops.std(activation, axis=places)], axis=-1)
