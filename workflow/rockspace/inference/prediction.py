"""Outputs of a network for images, averaged over several views of each."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from rockspace.inference.one_pass import LAYER, OUTPUT
from rockspace.networks import onnx_file
from rockspace.networks.classifier import outputs_by_name
from rockspace.networks.tokens import reading
from rockspace.networks.vision_transformer import CLASS_TOKEN, PATCH_MEAN
from rockspace.training.augmentation import Augmentation, Stream, View
from rockspace.training.pipeline import BATCH_SIZE, ImageSet, outputs_by_view


def evaluation_views(count: int, augmentation: Augmentation, seed: int) -> list[View | None]:
    """Return the views of an image over which outputs are averaged: test-time augmentation.

    Args:
        count: The image as it is, which comes first, and ``count - 1`` augmented views.
        augmentation: Augmentation range.
        seed: Seed of those; none of them is a view that the same seed trains on.
    """
    return [None, *(View(augmentation, seed, number, Stream.TEST_VIEWS) for number in range(count - 1))]


def predict(
    network: Callable[[tf.Tensor], dict[str, tf.Tensor]],
    images: ImageSet,
    views: Sequence[View | None] = (None,),
    batch_size: int = BATCH_SIZE,
) -> dict[str, np.ndarray]:
    """Return the outputs of a network for every image, averaged over its views.

    Args:
        network: From pixels to arrays by name.
        images: The images.
        views: Which views; None is the image as it is.
        batch_size: Images per step.

    Returns:
        ``(n, ...)`` float32 for each name, in the order of ``images.image_ids``.
    """
    of_views = outputs_by_view(network, images, views, batch_size, "evaluating")
    total = reduce(lambda total, values: {name: total[name] + values[name] for name in total}, of_views)
    return {name: values / np.float32(len(views)) for name, values in total.items()}


def one_pass_model(network: keras.Model, layers: Sequence[str], pooling: str) -> keras.Model:
    """Return a network that gives its outputs and its layers, each layer pooled to a vector.

    Args:
        network: A classifier, or a backbone up to its features, which has no outputs.
        layers: Names of layers; ``penultimate`` is what the softmax stands on, ``pooled`` the features.
        pooling: ``mean`` over places, or ``mean_std``: means followed by standard deviations.

    Raises:
        RockspaceError: Where the network has no such layer.
    """
    found = {name: reading(network, name, "embeddings.layers") for name in layers}
    outputs = {f"{OUTPUT}{name}": tensor for name, tensor in outputs_by_name(network).items()}
    pooled = {
        f"{LAYER}{name}": _Pooled(pooling, part, prefix, name=f"embedding_of_{name}", dtype="float32")(layer.output)
        for name, (layer, part, prefix) in found.items()
    }
    return keras.Model(network.input, outputs | pooled)


def one_pass_onnx(
    model: Mapping[str, Any], layers: Sequence[str], pooling: str, *, image_size: int, threads: int
) -> Callable[[tf.Tensor], dict[str, np.ndarray]]:
    """Return the network of an ``.onnx`` file as `one_pass_model` gives one; arguments as for `onnx_file.network`."""
    network = onnx_file.network(model, layers, pooling, image_size=image_size, threads=threads)
    return lambda images: {f"{LAYER}{name}": values for name, values in network(images).items()}


class _Pooled(keras.layers.Layer):
    """What a layer gives, pooled over places to a float32 vector; of tokens, the part that `reading` says.

    A layer with a name of its own: Keras numbers the names of bare operations anew in each process, so these could
    have the names of operations in a network that was loaded from a file.
    """

    def __init__(self, pooling: str, part: str | None, prefix: int, **options: Any) -> None:
        super().__init__(**options)
        self.pooling, self.part, self.prefix = pooling, part, prefix

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"pooling": self.pooling, "part": self.part, "prefix": self.prefix}

    def call(self, activation: keras.KerasTensor) -> keras.KerasTensor:
        activation = keras.ops.cast(activation, "float32")
        places = tuple(range(1, len(activation.shape) - 1))
        if not places:
            return activation
        if self.part == CLASS_TOKEN:
            return activation[:, 0]
        if self.part is not None:
            activation = activation[:, self.prefix :]
        mean = keras.ops.mean(activation, axis=places)
        if self.pooling == "mean" or self.part == PATCH_MEAN:
            return mean
        return keras.ops.concatenate([mean, keras.ops.std(activation, axis=places)], axis=-1)
