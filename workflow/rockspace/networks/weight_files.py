"""Loading weights from a file, with errors that say what does not fit."""

import os
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import h5py
import keras
import numpy as np

from rockspace.errors import RockspaceError

# The first line of every HDF5 file, which is what Keras' weight files are.
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def load_weights(models: Sequence[keras.Model], path: Path) -> None:
    """Load ``path`` into the first of ``models`` that it fits.

    Args:
        models: views of one network that share their layers, such as the whole one and a part.
        path: a Keras ``.weights.h5`` file, or an older ``.h5`` with weights by layer name.

    Raises:
        RockspaceError: the file is missing, damaged, no such file, fits none of the models, or holds NaN.
    """
    path = Path(path)
    if not os.path.isfile(path):
        raise RockspaceError(f"{path}: no such weights file; correct models: weights in the config")
    with path.open("rb") as file:
        if file.read(len(HDF5_SIGNATURE)) != HDF5_SIGNATURE:
            raise RockspaceError(f"{path}: not a Keras weights file (.weights.h5); save one with model.save_weights")
    try:
        h5py.File(path).close()
    except OSError as error:
        raise RockspaceError(f"{path}: damaged or truncated ({error}); download the file again") from error
    for model in models:
        try:
            with warnings.catch_warnings():
                # Keras warns of every group that is missing, on top of the error that says so.
                warnings.simplefilter("ignore")
                model.load_weights(path)
            break
        except (ValueError, OSError, KeyError) as error:
            reason = _reason(error)
    else:
        output = models[-1].layers[-1].name
        raise RockspaceError(
            f"{path}: weights do not fit {models[0].name} up to {output!r}: {reason}; check backbone and output_layer"
        )
    refuse_not_finite(model, path)


def refuse_not_finite(network: keras.Model, path: Path) -> None:
    """Refuse weights that contain NaN or infinity, which some activations turn into numbers."""
    for layer in network.layers:
        if not all(np.isfinite(keras.ops.convert_to_numpy(weight)).all() for weight in layer.weights):
            raise RockspaceError(
                f"{path}: the weights of layer {layer.name!r} contain NaN or infinity; use another file"
            )


def _reason(error: Exception) -> str:
    """Keras' report cut down to the first layer that does not fit, and its shapes."""
    text = str(error)
    shapes = re.search(r"variable\.shape=(\(.*?\)), Received: value\.shape=(\(.*?\))", text)
    variable = re.search(r"<Variable path=([^,]+),", text)
    if shapes and variable:
        layer = variable.group(1).partition("/")[0]
        return f"layer {layer!r} needs shape {shapes.group(1)}, the file holds {shapes.group(2)}"
    counts = re.search(r"Layer '(.+?)' expected (\d+) variables, but received (\d+)", text)
    if counts:
        layer, expected, received = counts.groups()
        return f"layer {layer!r} needs {expected} arrays, the file holds {received}"
    return " ".join(text.split())[:200]
