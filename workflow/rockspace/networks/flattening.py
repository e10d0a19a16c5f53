"""From a network of ``keras.applications`` to a flat model behind preprocessing, with names that stay."""

import re
from typing import Any

import keras

from rockspace.networks.preprocessing import preprocess
from rockspace.networks.rewiring import Replacement, copy_of, rebuild

_NUMBERED = re.compile(r"(?P<stem>.+?)(_(?P<number>\d+))?$")


def flat(network: keras.Model, name: str, preprocessing: dict[str, Any], built_in: tuple[type, ...]) -> keras.Model:
    """Rebuild ``network`` behind preprocessing, with nested models taken apart and stable layer names.

    Args:
        network: from ``keras.applications`` or ``lite.network``.
        name: of the new model.
        preprocessing: the arguments of ``preprocess``.
        built_in: types of the network's own preprocessing layers, which are left out.
    """
    names = _stable_names(network)
    pixels = keras.Input(network.input_shape[1:], name="pixels")
    prepared = preprocess(pixels, **preprocessing)

    def replace(layer: Any) -> Replacement | None:
        if isinstance(layer, keras.Sequential):
            return Replacement(layer)
        if _is_depthwise(layer):
            return _as_depthwise(layer)
        if isinstance(layer, keras.layers.Layer):
            return Replacement(copy_of(layer, name=names[layer.name]))
        if layer.name in names:
            return Replacement(keras.layers.Add(name=names[layer.name]))
        return None

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        args = tuple(prepared if value is pixels else value for value in args)
        if isinstance(layer, built_in):
            return args[0]
        if isinstance(layer, keras.Sequential):
            return _apply_copies(layer.layers, args[0])
        if isinstance(layer, keras.layers.Add) and len(args) == 2:
            return layer(list(args))
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
    """New names by old ones, for all layers and for sums that are not layers yet.

    Keras counts the layers that got no name through the life of the process; here they are counted from the
    start of the network. A sum written with ``+`` becomes a layer, named for the block that it closes.
    """
    counters: dict[str, list[tuple[int, str]]] = {}
    names = {}
    for layer in network.layers:
        match = _NUMBERED.match(layer.name)
        assert match, "any name matches"
        parts = match.groupdict()
        if parts["stem"].replace("_", "") == type(layer).__name__.lower():
            counters.setdefault(parts["stem"], []).append((int(parts["number"] or 0), layer.name))
        else:
            names[layer.name] = layer.name
    for stem, members in counters.items():
        for count, (_, old) in enumerate(sorted(members)):
            names[old] = f"{stem}_{count}" if count else stem
    return names | _names_of_sums(network)


def final_names(network: keras.Model) -> list[str]:
    """All layer names that the flat model will have."""
    nested = [layer for layer in network.layers if isinstance(layer, keras.Sequential)]
    return [*_stable_names(network).values(), *(inner.name for model in nested for inner in model.layers)]


def _names_of_sums(network: keras.Model) -> dict[str, str]:
    names = {}
    for operation in network.operations:
        if isinstance(operation, keras.layers.Layer) or type(operation).__name__ != "Add":
            continue
        terms = operation.input if isinstance(operation.input, list | tuple) else [operation.input]
        feeding = [layer.name for layer in network.layers if any(layer.output is term for term in terms)]
        branch = [name for name in feeding if name.endswith("_identity")]
        if len(terms) == 2 and branch:
            names[operation.name] = branch[-1].removesuffix("identity") + "add"
    return names
