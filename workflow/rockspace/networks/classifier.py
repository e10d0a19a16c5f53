"""The classifier: a backbone and the head on it, one flat Keras model."""

from collections.abc import Sequence
from typing import Any

import keras

from rockspace.errors import RockspaceError
from rockspace.network_kinds import PENULTIMATE, POOLED
from rockspace.networks.objectives import COORDINATES, PREDICTIONS, Objective
from rockspace.networks.pooling import deviation_pooling, foreground, foreground_pooling
from rockspace.networks.rewiring import copy_of
from rockspace.networks.tokens import output_of, places_of

OUTPUTS = (PREDICTIONS, COORDINATES)
STANDARDIZE = "head_standardize"

FIRST_COSINE_SCALE = 10.0
"""What cosines are multiplied by at first, where that is learnt."""


def build_head(
    n_features: int, n_labels: int, head: dict[str, Any], seed: int, objective: Objective | None = None
) -> keras.Model:
    """Build the head: dense layers with ReLU, dropout, and a softmax, a linear layer for the coordinates, or both.

    Args:
        n_features: Length of the pooled features.
        n_labels: Number of labels.
        head: The ``head`` section of the configuration; the last of its ``units`` is the layer ``penultimate``.
        seed: Seed of the first weights.
        objective: What outputs there are; None for the softmax alone.

    Returns:
        A float32 model from ``(n, n_features)`` to probabilities ``(n, n_labels)``, to standardized coordinates
        ``(n, k)``, or to a dictionary of both by the names of their layers.
    """
    objective, units = objective or Objective(), head["units"]
    x = inputs = keras.Input([n_features], name="features", dtype="float32")
    cosine = head["logits"] == "cosine"
    if cosine and not units:
        # A cosine depends on place and scale, so there is no layer that could absorb those of the features.
        x = keras.layers.Rescaling(1.0, name=STANDARDIZE, dtype="float32")(x)
    for i, width in enumerate(units):
        name = PENULTIMATE if i == len(units) - 1 else f"head_dense_{i + 1}"
        start = keras.initializers.HeNormal(seed=seed * 1000 + i)
        x = keras.layers.Dense(width, activation="relu", kernel_initializer=start, name=name, dtype="float32")(x)
    x = keras.layers.Dropout(head["dropout"], seed=seed, name="head_dropout", dtype="float32")(x)
    first = seed * 1000 + len(units)
    outputs = {}
    if objective.classifies and cosine:
        outputs[PREDICTIONS] = _cosine_classifier(x, n_labels, head["cosine_scale"], first)
    elif objective.classifies:
        outputs[PREDICTIONS] = _linear(n_labels, "softmax", first, PREDICTIONS)(x)
    if objective.regresses:
        outputs[COORDINATES] = _linear(len(objective.mean), "linear", first + 1, COORDINATES)(x)
    return keras.Model(inputs, _one_or_all(outputs), name="head")


def pooled_backbone(
    backbone: keras.Model, feature_layers: Sequence[str] | None = None, pooling: str = "mean"
) -> keras.Model:
    """Return ``backbone`` up to its features.

    Args:
        backbone: From images to a feature map, to tokens of a vision transformer or to a vector.
        feature_layers: Layers that are pooled and put side by side; None for the output alone.
        pooling: ``mean`` over places; ``mean_std``: means followed by standard deviations; or ``foreground``: both, over
            what differs from the background that the picture's corners show.

    Returns:
        From images to features ``(n, n_features)``; the last layer is named ``pooled``.
    """
    if feature_layers is None:
        maps = {"": places_of(backbone, backbone.output, "last")}
    else:
        maps = {f"_{name}": output_of(backbone, name, "models: feature_layers") for name in feature_layers}
    if pooling == "foreground" and any(
        feature_map.shape[2:3] == (1,) != feature_map.shape[1:2] for feature_map in maps.values()
    ):
        raise RockspaceError(
            f"config: models: pooling: foreground needs feature maps, and the features of {backbone.name!r} are a sequence; choose mean "
            "or mean_std"
        )
    shown = foreground(backbone.input) if pooling == "foreground" else None
    alone = len(maps) == 1 and pooling == "mean"
    parts = []
    for suffix, feature_map in maps.items():
        if len(feature_map.shape) == 2:
            identity = keras.layers.Identity(name=POOLED if len(maps) == 1 else f"{POOLED}{suffix}", dtype="float32")
            parts.append(identity(feature_map))
        elif shown is not None:
            parts += foreground_pooling(feature_map, shown)
        else:
            name = POOLED if alone else f"{POOLED}_mean{suffix}"
            parts.append(keras.layers.GlobalAveragePooling2D(name=name, dtype="float32")(feature_map))
            if pooling == "mean_std":
                parts.append(deviation_pooling(feature_map))
    features = parts[0] if len(parts) == 1 else keras.layers.Concatenate(name=POOLED, dtype="float32")(parts)
    return keras.Model(backbone.input, features, name=f"{backbone.name}_pooled")


def attach_head(pooled: keras.Model, head: keras.Model) -> keras.Model:
    """Put a copy of ``head`` on the features of a backbone, from `pooled_backbone`; the result is one flat model."""
    tensors, outputs = {id(head.input): pooled.output}, {}
    for layer in head.layers[1:]:
        copy = copy_of(layer)
        tensors[id(layer.output)] = copy(tensors[id(layer.input)])
        copy.set_weights(layer.get_weights())
        if layer.name in OUTPUTS:
            outputs[layer.name] = tensors[id(layer.output)]
    return keras.Model(pooled.input, _one_or_all(outputs), name="classifier")


def outputs_by_name(network: keras.Model) -> dict[str, keras.KerasTensor]:
    """Return the outputs of a classifier by the names of their layers; empty for a network without a head."""
    names = {layer.name for layer in network.layers}
    return {name: network.get_layer(name).output for name in OUTPUTS if name in names}


def named_outputs(network: keras.Model) -> keras.Model:
    """Return a classifier that gives its outputs in a dictionary, by the names of their layers, whatever they are."""
    return keras.Model(network.input, outputs_by_name(network), name=network.name)


def is_head_layer(layer: keras.layers.Layer) -> bool:
    """Tell the head's layers from the backbone's in a flat classifier."""
    return layer.name in (PENULTIMATE, *OUTPUTS) or layer.name.startswith("head_")


def _linear(units: int, activation: str, seed: int, name: str) -> keras.layers.Dense:
    start = keras.initializers.GlorotUniform(seed=seed)
    return keras.layers.Dense(units, activation=activation, kernel_initializer=start, name=name, dtype="float32")


def _cosine_classifier(x: keras.KerasTensor, n_labels: int, scale: float | None, seed: int) -> keras.KerasTensor:
    """Softmax of the cosines between the input and a vector for each label, times a scale (None: a learnt one).

    References:
        Gidaris, S. & Komodakis, N. (2018). Dynamic few-shot visual learning without forgetting. CVPR.
    """
    x = keras.layers.UnitNormalization(name="head_direction", dtype="float32")(x)
    length_1 = keras.constraints.UnitNorm(axis=0)
    start = keras.initializers.GlorotUniform(seed=seed)
    cosines = keras.layers.Dense(
        n_labels,
        use_bias=False,
        kernel_initializer=start,
        kernel_constraint=length_1,
        name="head_cosines",
        dtype="float32",
    )
    x = cosines(x)
    cosines.kernel.assign(length_1(cosines.kernel))
    if scale is not None:
        x = keras.layers.Rescaling(scale, name="head_scale", dtype="float32")(x)
    else:
        first = keras.initializers.Constant(FIRST_COSINE_SCALE)
        factor = keras.layers.EinsumDense(
            "nl,o->nlo", (n_labels, 1), kernel_initializer=first, name="head_scale", dtype="float32"
        )
        x = keras.layers.Reshape((n_labels,), name="head_logits", dtype="float32")(factor(x))
    return keras.layers.Activation("softmax", name=PREDICTIONS, dtype="float32")(x)


def _one_or_all(outputs: dict[str, keras.KerasTensor]) -> Any:
    return outputs if len(outputs) > 1 else next(iter(outputs.values()))
