"""Baselines: the networks of a study without its training, as they were pretrained and with random weights."""

import json
from collections.abc import Iterator
from typing import Any

from rockspace.network_kinds import NO_OBJECTIVE, PENULTIMATE, RANDOM, file_name, is_trained, kind_of

PRETRAINED_BASELINE, RANDOM_BASELINE = "pretrained", "untrained"

# What the features of a network without training depend on, besides its weights and its views.
_NETWORK = ("backbone", "image_size", "output_layer", "preprocessing", "feature_layers", "pooling")


def as_they_are(models: Any) -> Any:
    """Return the ``models`` of a configuration that is not validated yet; those without an objective are not to be trained."""
    if not isinstance(models, list | tuple):
        return models
    return [
        model | {"objective": NO_OBJECTIVE} if isinstance(model, dict) and model.get("objective") is None else model
        for model in models
    ]


def classifies(model: dict[str, Any]) -> bool:
    """Say whether a model of a validated configuration learns labels, and so has an accuracy."""
    return model["objective"] in ("classification", "joint")


def baselines(config: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, dict[str, str]]]:
    """Return the baselines that a configuration asks for.

    Args:
        config: From `rockspace.config.validated`.

    Returns:
        The baselines, as items of ``models``: with the objective `NO_OBJECTIVE`, and named by their backbone and kind; one for
        each network, however many models train it. And for each model the names of its baselines, by kind. A model with
        random weights has no pretrained baseline, and one without training none of what it is itself.
    """
    models: dict[str, dict[str, Any]] = {}
    names: dict[str, dict[str, str]] = {}
    taken = {each["name"] for section in ("models", "ensembles") for each in config[section]}
    for model in config["models"]:
        names[model["name"]] = {}
        for kind, weights in _kinds(model, config["baselines"]):
            key = _features_of(model | {"weights": weights})
            if key not in models:
                name = _free_name(f"{file_name(model['backbone'])}-{kind}", taken)
                taken.add(name)
                models[key] = model | {"name": name, "weights": weights, "objective": NO_OBJECTIVE, "layers": []}
            # The features are the last layer that a trained network and one without a head both have.
            layers = [*models[key]["layers"], *model["layers"], *([PENULTIMATE] if is_trained(model) else [])]
            models[key]["layers"] = list(dict.fromkeys(layers))
            names[model["name"]][kind] = models[key]["name"]
    return list(models.values()), names


def _kinds(model: dict[str, Any], wanted: list[str]) -> Iterator[tuple[str, str]]:
    """The kinds of baselines that a model has, and the weights of each."""
    if not kind_of(model["backbone"]).in_keras:
        return
    has_weights = model["weights"] != RANDOM
    if PRETRAINED_BASELINE in wanted and has_weights and is_trained(model):
        yield PRETRAINED_BASELINE, model["weights"]
    if RANDOM_BASELINE in wanted and (has_weights or is_trained(model)):
        yield RANDOM_BASELINE, RANDOM


def _features_of(model: dict[str, Any]) -> str:
    """What the features of a network without training depend on, as a text to compare."""
    views, recipe = model["recipe"]["evaluate"]["views"], model["recipe"]
    decides = {key: model[key] for key in (*_NETWORK, "weights")} | {"views": views}
    return json.dumps(decides | ({"augmentation": recipe["augmentation"]} if views > 1 else {}), sort_keys=True)


def _free_name(name: str, taken: set[str]) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free
