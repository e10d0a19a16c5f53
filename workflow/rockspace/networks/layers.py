"""Layers of a network by name."""

import keras

from rockspace.network_kinds import PENULTIMATE, POOLED
from rockspace.networks.layer_names import check_layer


def find_layer(model: keras.Model, name: str, key: str | None = None) -> keras.layers.Layer:
    """Return a layer by name; ``penultimate`` is what the outputs stand on, with dense layers or without.

    Args:
        model: A backbone or a classifier.
        name: Name of a layer.
        key: Key of the configuration that named it, for the error.

    Raises:
        RockspaceError: Where the model has no such layer; the line suggests similar names.
    """
    names = [layer.name for layer in model.layers]
    if name == PENULTIMATE and name not in names and POOLED in names:
        name = POOLED
    check_layer(name, names, model.name, key)
    return model.get_layer(name)
