"""The classifier: a backbone and the head on it, one flat Keras model."""

from typing import Any

import keras

POOLED = "pooled"
PENULTIMATE = "penultimate"
PREDICTIONS = "predictions"


def build_head(n_features: int, n_labels: int, units: list[int], dropout: float, seed: int) -> keras.Model:
    """Build the head: dense layers with ReLU, dropout, softmax.

    Args:
        n_features: Length of the pooled features.
        n_labels: Number of labels.
        units: Width of each dense layer; the last is named ``penultimate``.
        dropout: Share of units dropped before the softmax.
        seed: Seed of the first weights.

    Returns:
        A float32 model from ``(n, n_features)`` to probabilities ``(n, n_labels)``.
    """
    x = inputs = keras.Input([n_features], name="features", dtype="float32")
    for i, width in enumerate(units):
        name = PENULTIMATE if i == len(units) - 1 else f"head_dense_{i + 1}"
        start = keras.initializers.HeNormal(seed=seed * 1000 + i)
        x = keras.layers.Dense(width, activation="relu", kernel_initializer=start, name=name, dtype="float32")(x)
    x = keras.layers.Dropout(dropout, seed=seed, name="head_dropout", dtype="float32")(x)
    start = keras.initializers.GlorotUniform(seed=seed * 1000 + len(units))
    softmax = keras.layers.Dense(
        n_labels, activation="softmax", kernel_initializer=start, name=PREDICTIONS, dtype="float32"
    )
    return keras.Model(inputs, softmax(x), name="head")


def pooled_backbone(backbone: keras.Model) -> keras.Model:
    """Return ``backbone`` with global average pooling at its end: images to features ``(n, n_features)``."""
    return keras.Model(backbone.input, _pool(backbone.output), name=f"{backbone.name}_pooled")


def attach_head(backbone: keras.Model, head: keras.Model) -> keras.Model:
    """Put ``head`` on ``backbone``; both keep their layers and weights, and the result is one flat model."""
    x = _pool(backbone.output)
    for layer in head.layers[1:]:
        x = layer(x)
    return keras.Model(backbone.input, x, name="classifier")


def is_head_layer(layer: keras.layers.Layer) -> bool:
    """Tell the head's layers from the backbone's in a flat classifier."""
    return layer.name in (PENULTIMATE, PREDICTIONS) or layer.name.startswith("head_")


def resolve_layer(model: keras.Model, name: str) -> keras.layers.Layer:
    """Return a layer of a classifier by name; ``penultimate`` is what the softmax stands on.

    Raises:
        ValueError: Where the model has no such layer; the message lists close names.
    """
    names = {layer.name: layer for layer in model.layers}
    if name == PENULTIMATE and name not in names:
        return names[POOLED]
    if name in names:
        return names[name]
    raise ValueError(f"the model has no layer '{name}'; its layers: {', '.join(names)}")


def make_optimizer(section: dict[str, Any]) -> keras.optimizers.Optimizer:
    """Build the optimizer of a training phase from its section of the configuration."""
    shared = {"learning_rate": section["learning_rate"], "global_clipnorm": section.get("clipnorm")}
    match section["optimizer"]:
        case "sgd":
            return keras.optimizers.SGD(momentum=0.9, nesterov=True, **shared)
        case "adam":
            return keras.optimizers.Adam(**shared)
        case _:
            return keras.optimizers.AdamW(weight_decay=section["weight_decay"], **shared)


def compile_classifier(model: keras.Model, section: dict[str, Any]) -> None:
    """Compile for one training phase: optimizer, smoothed cross-entropy, accuracy."""
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=section["label_smoothing"])
    model.compile(make_optimizer(section), loss, metrics=["accuracy"], jit_compile=False)


def _pool(feature_map: keras.KerasTensor) -> keras.KerasTensor:
    if len(feature_map.shape) == 2:
        return feature_map
    return keras.layers.GlobalAveragePooling2D(name=POOLED, dtype="float32")(feature_map)
