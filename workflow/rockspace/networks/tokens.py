"""The tokens of vision transformers: those of the patches as a feature map, and the class token.

A layer of tokens is read as its patches, which are places like those of any feature map. ``block_3_class_token`` stands for the class
token after that block, ``patch_mean`` for the mean of the patches after the last normalization.
"""

import re
from typing import NamedTuple

import keras

from rockspace.networks.layers import find_layer
from rockspace.networks.vision_transformer import CLASS_TOKEN, NORM, PATCH_MEAN, POSITIONS, PREFIX

PATCHES = "patches"

_BLOCK = re.compile(r"block_\d+")
_NOT_OF_IMAGES = re.compile(r"corner|one$|positions$|prefix_alone$|pooling_query$|rotary_|block_\d+_scale_\d$")
"""Layers of a vision transformer that give the same for all images."""


class Reading(NamedTuple):
    """What a name stands for in a network.

    Attributes:
        layer: The layer.
        part: ``patches``, ``class_token`` or ``patch_mean`` of its tokens; None for all that it gives.
        prefix: Number of tokens before the patches.
    """

    layer: keras.layers.Layer
    part: str | None
    prefix: int


def reading(model: keras.Model, name: str, key: str | None = None) -> Reading:
    """Return what ``name`` stands for in a network; arguments and errors as for `find_layer`."""
    names = {layer.name for layer in model.layers}
    if not _is_transformer(model):
        return Reading(find_layer(model, name, key), None, 0)
    if name not in names:
        tokens_of = NORM if name == PATCH_MEAN else name.removesuffix(f"_{CLASS_TOKEN}")
        if tokens_of != name and tokens_of in names:
            part = PATCH_MEAN if name == PATCH_MEAN else CLASS_TOKEN
            layer = model.get_layer(tokens_of)
            return Reading(layer, part, _prefix(model, layer.output))
    layer = find_layer(model, name, key)
    return Reading(layer, PATCHES if len(layer.output.shape) == 3 else None, _prefix(model, layer.output))


def first_layer(model: keras.Model, name: str, key: str | None = None) -> keras.layers.Layer:
    """Return the layer at which a name begins: a block of a vision transformer at the first of its layers.

    Arguments and errors as for `find_layer`.
    """
    layer = reading(model, name, key).layer
    if _is_transformer(model) and _BLOCK.fullmatch(layer.name):
        return next(each for each in model.layers if each.name.startswith(f"{layer.name}_"))
    return layer


def output_of(model: keras.Model, name: str, key: str | None = None) -> keras.KerasTensor:
    """Return the output that a name stands for, a feature map or a vector, by Keras' own layers.

    Arguments and errors as for `find_layer`.
    """
    layer, part, _ = reading(model, name, key)
    if part == CLASS_TOKEN:
        tokens, width = layer.output.shape[1:]
        first = keras.layers.Cropping1D((0, tokens - 1), name=f"{name}_alone")(layer.output)
        return keras.layers.Reshape((width,), name=name)(first)
    places = places_of(model, layer.output, layer.name)
    return keras.layers.GlobalAveragePooling2D(name=name)(places) if part == PATCH_MEAN else places


def places_of(model: keras.Model, output: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Return an output of ``model`` as it is, or tokens as a feature map.

    The patches of a vision transformer of a known family are ``(n, side, side, width)``; of other sequences each step is a place, and
    they are ``(n, steps, 1, width)``.

    Args:
        model: The network.
        output: What a layer of it gives.
        name: What the names of new layers begin with.
    """
    if len(output.shape) in (2, 4):
        return output
    if len(output.shape) != 3 or not _is_transformer(model):
        width = output.shape[-1] if len(output.shape) > 1 else 1
        shape = (-1, 1, width) if len(output.shape) > 2 else (width,)
        return keras.layers.Reshape(shape, name=f"{name}_map")(output)
    if prefix := _prefix(model, output):
        output = keras.layers.Cropping1D((prefix, 0), name=f"{name}_patches")(output)
    _, count, width = output.shape
    side = round(count**0.5)
    return keras.layers.Reshape((side, side, width), name=f"{name}_map")(output)


def names_of(model: keras.Model) -> list[str]:
    """Return the names that can be read in a vision transformer, from the input on."""
    names = []
    for layer in model.layers:
        if _NOT_OF_IMAGES.match(layer.name):
            continue
        # Before the layer, so that both are known in a network that ends there.
        if layer.name == NORM:
            names.append(PATCH_MEAN)
        if _prefix(model, layer.output) and _BLOCK.fullmatch(layer.name):
            names.append(f"{layer.name}_{CLASS_TOKEN}")
        names.append(layer.name)
    return names


def _is_transformer(model: keras.Model) -> bool:
    return any(layer.name == POSITIONS for layer in model.layers)


def _prefix(model: keras.Model, output: keras.KerasTensor) -> int:
    """The number of tokens before the patches in what a layer gives."""
    padding = [layer for layer in model.layers if layer.name == PREFIX]
    # Before the padding there are patches alone, and what pools them gives a single token.
    return padding[0].padding[0] if padding and output.shape[1] == padding[0].output.shape[1] else 0
