"""The names of a backbone's layers, known before any job starts.

They are read from the networks, built without weights in a separate process, which takes a few seconds. This is done only if a
configuration names layers, and the result is stored in the user's cache.

Usage: ``python -m rockspace.networks.layer_names resnet50`` prints them as JSON.
"""

import difflib
import hashlib
import json
import subprocess
import sys
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs

from rockspace.artifacts import read_json, replacing
from rockspace.baselines import is_trained
from rockspace.errors import RockspaceError
from rockspace.library_settings import standard_settings

PENULTIMATE = "penultimate"
POOLED = "pooled"
"""The features of the backbone, which the head stands on; the last layer of a network without a head."""
ALL_BLOCKS = "all-blocks"

PUBLISHED = Path(__file__).with_name("published_weights.json")
"""By backbone, address and checksum of the file that `keras.applications` downloads for it."""

BACKBONE_NAMES = (*read_json(PUBLISHED), *(f"efficientnet_lite{size}" for size in range(3)))
"""The keys of `backbones.BACKBONES`, without importing Keras."""


class Layers(NamedTuple):
    """Layers of a backbone, from the input on.

    Attributes:
        names: names of all layers.
        block_ends: names of the last layers of blocks.
    """

    names: list[str]
    block_ends: list[str]


def embedded_layers(config: dict[str, Any], compared: Collection[str] = ()) -> dict[str, list[str]]:
    """Check all names of layers in a configuration, and return the layers that each model embeds.

    Args:
        config: From `rockspace.config.validated`.
        compared: Names of trained models with baselines, of which the features are embedded too: the last layer that both have.

    Returns:
        The layers of each model, by its name, from the input on.

    Raises:
        RockspaceError: A backbone is unknown or a model has no such layer; the message names key, model and similar
            names.
    """
    for model in config["models"]:
        check_backbone(model["backbone"])
    wanted, models = config["embeddings"]["layers"], config["models"]
    layers = layers_of(model["backbone"] for model in models if _names_layers(model, wanted))
    embedded = {model["name"]: _embedded(model, wanted, layers.get(model["backbone"])) for model in models}
    for model in models:
        # Without dense layers, the penultimate layer is the features.
        if model["name"] in compared and is_trained(model) and model["recipe"]["head"]["units"]:
            embedded[model["name"]] = _with_features(embedded[model["name"]])
    return embedded


def check_backbone(name: str) -> None:
    """Raise a RockspaceError with similar names if there is no such backbone."""
    if name not in BACKBONE_NAMES:
        similar = difflib.get_close_matches(name, BACKBONE_NAMES, n=3) or BACKBONE_NAMES
        raise RockspaceError(f"config: models: backbone: {name!r} is unknown; did you mean {', '.join(similar)}?")


def check_layer(name: str, names: Sequence[str], model_name: str, key: str | None = None) -> None:
    """Raise a RockspaceError with similar names if a model has no layer ``name``."""
    if name not in names:
        similar = difflib.get_close_matches(name, names, n=3) or names[-3:]
        where = f"config: {key}: " if key else ""
        raise RockspaceError(f"{where}{model_name} has no layer {name!r}; similar ones: {', '.join(similar)}")


def layers_of(backbones: Iterable[str]) -> dict[str, Layers]:
    """Return the layers of backbones, by name; those not in the cache take a few seconds."""
    backbones = list(dict.fromkeys(backbones))
    cached = {name: platformdirs.user_cache_path("rockspace") / f"{name}-{_fingerprint()}.json" for name in backbones}
    missing = [name for name, path in cached.items() if not path.is_file()]
    found: dict[str, Any] = {}
    if missing:
        command = [sys.executable, "-m", "rockspace.networks.layer_names", *missing]
        # The folder of this package, so that the other process imports the same one.
        with standard_settings():
            process = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)}: {process.stderr[-2000:]}")
        found = json.loads(process.stdout)
        for name in missing:
            # Without a writable cache, the next start takes as long.
            with suppress(OSError), replacing(cached[name]) as partial:
                partial.write_text(json.dumps(found[name]), encoding="utf-8")
    return {name: Layers(*(found.get(name) or read_json(path))) for name, path in cached.items()}


def _embedded(model: dict[str, Any], wanted: list[str] | str, layers: Layers | None) -> list[str]:
    """The layers that a model embeds; ``layers`` is None if the configuration names none but the penultimate."""
    if layers is None:
        return list(wanted) if is_trained(model) else [POOLED]
    described = f"model {model['name']!r} ({model['backbone']})"
    names, output_layer = layers.names, model["output_layer"]
    for key, last in (("output_layer", output_layer and [output_layer]), ("feature_layers", model["feature_layers"])):
        if last:
            for name in last:
                check_layer(name, names, described, f"models: {key}")
            # Layers after the last one are not part of the model.
            names = names[: max(map(names.index, last)) + 1]
    dense = [f"head_dense_{i + 1}" for i in range(len(model["recipe"]["head"]["units"]) - 1)]
    with_head = [*names, POOLED, *dense, PENULTIMATE]
    if from_layer := model["recipe"]["finetune"]["from_layer"]:
        check_layer(from_layer, with_head, described, "finetune.from_layer")
    if wanted == ALL_BLOCKS:
        wanted = [*(name for name in layers.block_ends if name in names), PENULTIMATE]
    for name in wanted:
        check_layer(name, with_head, described, "embeddings.layers")
    if not is_trained(model):
        # What lies in the head stands on the features, which are the last layer of a network without one.
        wanted = [*(name for name in wanted if name in names), POOLED]
    return sorted(wanted, key=with_head.index)


def _with_features(layers: list[str]) -> list[str]:
    """Insert the features before the layers of the head."""
    head = [name for name in layers if name == PENULTIMATE or name.startswith("head_dense_")]
    return [*(name for name in layers if name not in (POOLED, *head)), POOLED, *head]


def _names_layers(model: dict[str, Any], wanted: list[str] | str) -> bool:
    """Whether a configuration names any layer of a model besides the penultimate one."""
    from_layer = model["recipe"]["finetune"]["from_layer"]
    return wanted != [PENULTIMATE] or any((model["output_layer"], model["feature_layers"], from_layer))


def _fingerprint() -> str:
    """A digest of what the names depend on besides the backbone: Keras and the modules of this package."""
    modules = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    return f"{version('keras')}-{hashlib.sha256(modules).hexdigest()[:12]}"


def _layers_by_building(backbone: str) -> Layers:
    import keras

    from rockspace.networks.backbones import block_ends, build

    # Initializing the weights would take minutes for the largest networks.
    with keras.StatelessScope(initialize_variables=False):
        network = build(backbone, image_size=96, weights=None)
    return Layers([layer.name for layer in network.layers], block_ends(network))


if __name__ == "__main__":
    print(json.dumps({name: _layers_by_building(name) for name in sys.argv[1:]}))
