"""From a network of ``keras.applications`` to a flat model behind preprocessing, with names that stay."""

import re
from collections import Counter
from typing import Any

import keras

from rockspace.networks.preprocessing import preprocess
from rockspace.networks.rewiring import Replacement, copy_of, rebuild


def flat(network: keras.Model, name: str, preprocessing: dict[str, Any], built_in: tuple[type, ...]) -> keras.Model:
    """Rebuild ``network`` behind preprocessing, with nested models taken apart and stable layer names.

    Args:
        network: from ``keras.applications`` or ``lite.network``.
        name: of the new model.
        preprocessing: the arguments of ``preprocess``.
        built_in: types of the network's own preprocessing layers, which are left out.
    """
    names, sums = _stable_names(network), _names_of_sums(network)
    pixels = keras.Input(network.input_shape[1:], name="pixels")
    prepared = preprocess(pixels, **preprocessing)

    def replace(layer: keras.layers.Layer) -> Replacement:
        if isinstance(layer, keras.Sequential):
            return Replacement(layer)
        if _is_depthwise(layer):
            return _as_depthwise(layer)
        return Replacement(copy_of(layer, name=names[layer.name]))

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        args = tuple(prepared if value is pixels else value for value in args)
        if isinstance(layer, built_in):
            return args[0]
        if isinstance(layer, keras.Sequential):
            return _apply_copies(layer.layers, args[0])
        if layer.name in sums:
            return keras.layers.Add(name=sums[layer.name])(list(args))
        return layer(*args, **kwargs)

    flat = rebuild(network, replace, call, pixels)
    return keras.Model(flat.input, flat.output, name=name)


def _is_depthwise(layer: Any) -> bool:
    """Whether a convolution has a group for each channel, as ConvNeXt's have."""
    return type(layer) is keras.layers.Conv2D and layer.groups == layer.filters == layer.input.shape[-1] > 1


def _as_depthwise(layer: keras.layers.Conv2D) -> Replacement:
    """The same function as the kind of layer that TensorFlow computes several times faster on a CPU."""
    kernel, *bias = layer.get_weights()
    shared = ("name", "kernel_size", "strides", "padding", "use_bias", "activation")
    depthwise = keras.layers.DepthwiseConv2D(**{key: layer.get_config()[key] for key in shared})
    return Replacement(depthwise, [kernel.transpose(0, 1, 3, 2), *bias])


def _apply_copies(layers: list[keras.layers.Layer], x: keras.KerasTensor) -> keras.KerasTensor:
    for layer in layers:
        copy = copy_of(layer)
        x = copy(x)
        copy.set_weights(layer.get_weights())
    return x


def _stable_names(network: keras.Model) -> dict[str, str]:
    """The new name of each layer, by its old one.

    Keras numbers layers without a name of their own through the whole process; here the numbers start from 0 in the network.
    """
    names, counts = {}, Counter[str]()
    for layer in sorted(network.layers, key=lambda layer: _stem_and_number(layer.name)):
        stem, _ = _stem_and_number(layer.name)
        names[layer.name] = layer.name
        if stem.replace("_", "") == type(layer).__name__.lower():
            names[layer.name] = f"{stem}_{counts[stem]}" if counts[stem] else stem
            counts[stem] += 1
    return names


def _stem_and_number(name: str) -> tuple[str, int]:
    stem, *number = re.split(r"_(?=\d+$)", name)
    return stem, int(number[0]) if number else 0


def _names_of_sums(network: keras.Model) -> dict[str, str]:
    """Names for sums written with ``+``, which become layers, after the blocks that they close."""
    names = {}
    for operation in network.operations:
        if isinstance(operation, keras.layers.Layer) or type(operation).__name__ != "Add":
            continue
        terms = keras.tree.flatten(operation.input)
        feeding = [layer.name for layer in network.layers if any(layer.output is term for term in terms)]
        branch = [name for name in feeding if name.endswith("_identity")]
        if len(terms) == 2 and branch:
            names[operation.name] = branch[-1].removesuffix("identity") + "add"
    return names
