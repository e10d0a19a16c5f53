"""Which precision a backbone computes in, and how a model gets it."""

from typing import Any

import keras

from rockspace.training.rewiring import Replacement, copy_of, rebuild

PRECISIONS = ("float32", "bfloat16", "float16")


def with_precision(model: keras.Model, precision: str) -> keras.Model:
    """A copy of ``model`` whose backbone computes in ``precision``.

    Variables, the head (whatever follows the last feature map), and all outputs stay float32.

    Args:
        model: a flat functional model.
        precision: one of ``PRECISIONS``.
    """
    policy = "float32" if precision == "float32" else f"mixed_{precision}"
    wide = _head_names(model) | _output_names(model)

    def replace(layer: Any) -> Replacement | None:
        if not isinstance(layer, keras.layers.Layer):
            return None
        return Replacement(copy_of(layer, dtype="float32" if layer.name in wide else policy))

    return rebuild(model, replace)


def _head_names(model: keras.Model) -> set[str]:
    """The layers after the last feature map (squeeze-and-excitation is followed by more of those)."""
    names: set[str] = set()
    for layer in model.layers:
        if len(layer.output.shape) == 4:
            names.clear()
        else:
            names.add(layer.name)
    return names


def _output_names(model: keras.Model) -> set[str]:
    outputs = [id(tensor) for tensor in keras.tree.flatten(model.outputs)]
    return {layer.name for layer in model.layers if id(layer.output) in outputs}
