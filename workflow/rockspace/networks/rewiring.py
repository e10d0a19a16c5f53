"""Rebuild a functional Keras model layer by layer: the graph stays, layers may change."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras.layers import Layer


class Replacement(NamedTuple):
    """A new layer together with the weights that it starts from (None: those of the layer it replaces)."""

    layer: Layer
    weights: Sequence[np.ndarray] | None = None


def copy_of(layer: Layer, layer_type: type[Layer] | None = None, **changes: Any) -> Layer:
    """A new layer with the configuration of ``layer``, ``changes`` laid over it, and fresh weights."""
    return (layer_type or type(layer)).from_config(layer.get_config() | changes)


def rebuild(
    model: keras.Model,
    replace: Callable[[Layer], Replacement | None] = lambda layer: None,
    call: Callable[..., Any] = lambda layer, *args, **kwargs: layer(*args, **kwargs),
    inputs: keras.KerasTensor | None = None,
) -> keras.Model:
    """Rebuild ``model`` from new layers, with the same weights and names.

    Args:
        model: a functional model without nested models, except where ``call`` takes them apart.
        replace: for each layer the one to put in its place, or None for a plain copy.
        call: applies a new layer or operation; may do more or return its input to leave the layer out.
        inputs: the input of the new model, or None for one like that of ``model``.

    Returns:
        A model that shares no layer and no variable with ``model``.
    """
    replacements: list[tuple[Layer, Replacement]] = []

    def clone(operation: keras.Operation) -> keras.Operation:
        if not isinstance(operation, Layer):
            return copy_of(operation)
        replacement = replace(operation) or Replacement(copy_of(operation))
        replacements.append((operation, replacement))
        return replacement.layer

    def apply(operation: keras.Operation, *args: Any, **kwargs: Any) -> Any:
        # A batch normalization is called with a mask of None, which its replacement may not accept.
        return call(operation, *args, **{name: value for name, value in kwargs.items() if value is not None})

    rebuilt = keras.models.clone_model(model, inputs, clone_function=clone, call_function=apply)
    for original, (layer, weights) in replacements:
        if layer.built:
            layer.set_weights(original.get_weights() if weights is None else weights)
    return rebuilt
