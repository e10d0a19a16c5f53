"""Optimizers of the training phases."""

from typing import Any

import keras


def make_optimizer(section: dict[str, Any]) -> keras.optimizers.Optimizer:
    """Build the optimizer of a training phase.

    Args:
        section: A training section of the configuration.
    """
    # Keras takes no rate that is an integer.
    shared = {"learning_rate": float(section["learning_rate"]), "global_clipnorm": section.get("clipnorm")}
    if section.get("ema"):
        shared |= {"use_ema": True, "ema_momentum": section["ema"]}
    match section["optimizer"]:
        case "sgd":
            return keras.optimizers.SGD(momentum=0.9, nesterov=True, **shared)
        case "adam":
            return keras.optimizers.Adam(**shared)
        case _:
            return keras.optimizers.AdamW(weight_decay=section["weight_decay"], **shared)
