"""Optimizers of the training phases, and what each layer's share of the learning rate is."""

from collections.abc import Mapping
from typing import Any

import keras

from rockspace.networks.backbones import blocks_of
from rockspace.networks.classifier import is_head_layer


def make_optimizer(section: dict[str, Any], shares: Mapping[str, float] | None = None) -> keras.optimizers.Optimizer:
    """Build the optimizer of a training phase.

    Args:
        section: A training section of the configuration.
        shares: What the learning rate of a variable, by its path, is multiplied by; None leaves all as they are.
    """
    shared = {"learning_rate": section["learning_rate"], "global_clipnorm": section.get("clipnorm")}
    match section["optimizer"]:
        case "sgd":
            kind, own = keras.optimizers.SGD, {"momentum": 0.9, "nesterov": True}
        case "adam":
            kind, own = keras.optimizers.Adam, {}
        case _:
            kind, own = keras.optimizers.AdamW, {"weight_decay": section["weight_decay"]}
    if shares is None:
        return kind(**own, **shared)
    return _by_layer(kind, shares)(**own, **shared)


def rate_shares(network: keras.Model, training: dict[str, Any]) -> dict[str, float] | None:
    """Return each variable's share of the learning rate, by its path; None where all have the whole.

    The head has the whole rate. The last block of the backbone has ``backbone_rate * layer_decay`` of it, and each block
    before has ``layer_decay`` times what the one after it has.

    Args:
        network: A flat classifier.
        training: The ``finetune`` section of the configuration.

    References:
        Howard, J. & Ruder, S. (2018). Universal language model fine-tuning for text classification. ACL.
    """
    decay, whole = training["layer_decay"], training["backbone_rate"]
    if decay == 1 and whole == 1:
        return None
    blocks = blocks_of([layer for layer in network.layers if not is_head_layer(layer)])
    last = max(blocks.values(), default=0)
    shares = {}
    for layer in network.layers:
        share = whole * decay ** (1 + last - blocks[layer.name]) if layer.name in blocks else 1.0
        shares |= {variable.path: share for variable in layer.variables}
    return shares


def _by_layer(kind: type[keras.optimizers.Optimizer], shares: Mapping[str, float]) -> type[keras.optimizers.Optimizer]:
    # By what Keras tells variables apart with, since inside a step they have no path.
    share_of: dict[Any, float] = {}

    class ByLayer(kind):
        """The same optimizer, with a learning rate, and a weight decay with it, for each layer."""

        def build(self, variables: list[Any]) -> None:
            super().build(variables)
            share_of.update({self._var_key(variable): shares[variable.path] for variable in variables})

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            super().update_step(gradient, variable, learning_rate * share_of[self._var_key(variable)])

        def _apply_weight_decay(self, variables: list[Any]) -> None:
            if self.weight_decay is None:
                return
            whole = self.weight_decay
            for share in sorted(set(share_of.values())):
                self.weight_decay = whole * share
                super()._apply_weight_decay([v for v in variables if share_of[self._var_key(v)] == share])
            self.weight_decay = whole

    # Keras writes an optimizer's class into a copy of a compiled network; there, the plain one will do.
    ByLayer.__name__, ByLayer.__module__ = kind.__name__, kind.__module__
    return ByLayer
