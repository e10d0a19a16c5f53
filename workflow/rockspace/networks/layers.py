"""Layers of a network by name."""

import difflib

import keras

from rockspace.errors import RockspaceError

POOLED = "pooled"
PENULTIMATE = "penultimate"


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
    check_name(name, names, model.name, key)
    return model.get_layer(name)


def check_name(name: str, names: list[str], model_name: str, key: str | None = None) -> None:
    """Raise a RockspaceError with similar names where ``name`` is none of a model's layer names."""
    if name not in names:
        similar = difflib.get_close_matches(name, names, n=3) or names[-3:]
        where = f"config: {key}: " if key else ""
        raise RockspaceError(f"{where}{model_name} has no layer {name!r}; similar ones: {', '.join(similar)}")
