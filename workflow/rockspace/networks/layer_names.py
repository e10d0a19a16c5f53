"""The names of a backbone's layers, known before any job starts.

They are read from the networks, built without weights in a separate process, which takes a few seconds. This is done only if a
configuration names layers, and the result is stored in the user's cache.

Usage: ``python -m rockspace.networks.layer_names resnet50`` prints them as JSON.
"""

import difflib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs

from rockspace.artifacts import read_json, replacing
from rockspace.errors import RockspaceError
from rockspace.library_settings import standard_settings
from rockspace.network_kinds import (
    ALL_BLOCKS,
    HUB,
    HUB_PREFIX,
    NAMED,
    PENULTIMATE,
    POOLED,
    READY,
    READY_LAYER,
    fetched_weights,
    file_name,
    is_ready,
    is_trained,
    kind_of,
    layer_name,
)
from rockspace.sources import digest_of

PUBLISHED = Path(__file__).with_name("published_weights.json")
"""By backbone, address and checksum of the file that `keras.applications` downloads for it."""

BACKBONE_NAMES = (*read_json(PUBLISHED), *(f"efficientnet_lite{size}" for size in range(3)))
"""The keys of `backbones.BACKBONES`, without importing Keras."""


class Layers(NamedTuple):
    """Layers of a backbone, from the input on.

    Attributes:
        names: Names of all layers.
        block_ends: Names of the last layers of blocks; empty where none can be told.
        last: Name of the layer that the backbone ends with where the configuration names none; None for the last of ``names``.
        image_size: Side of the images that it takes (pixels); None where that can be chosen.
        multiple_of: What that side has to be a multiple of (pixels).
        scales_pixels: Whether it takes pixels from 0 to 255 and scales them itself, where that can be told.
    """

    names: list[str]
    block_ends: list[str]
    last: str | None = None
    image_size: int | None = None
    multiple_of: int = 1
    scales_pixels: bool = False


def embedded_layers(config: dict[str, Any], compared: Collection[str] = ()) -> dict[str, list[str]]:
    """Check all names of layers in a configuration, and return the layers that each model embeds.

    Args:
        config: From `rockspace.config.validated`.
        compared: Names of trained models with baselines, of which the features are embedded too: the last layer that both have.

    Returns:
        The layers of each model, by its name, from the input on.

    Raises:
        RockspaceError: A backbone is unknown, a model has no such layer, or its network takes images of another size; the message
            names key, model and similar names.
    """
    models = config["models"]
    for model in models:
        check_backbone(model["backbone"])
    layers = layers_of(model["backbone"] for model in models if _needs_layers(model))
    embedded = {model["name"]: _embedded(model, layers.get(model["backbone"])) for model in models}
    for model in models:
        if model["backbone"] in layers:
            _check_image_size(model, layers[model["backbone"]], config["tfrecords"]["image_size"])
            _check_scale(model, layers[model["backbone"]])
        # Without dense layers, the penultimate layer is the features.
        if model["name"] in compared and is_trained(model) and model["recipe"]["head"]["units"]:
            embedded[model["name"]] = _with_features(embedded[model["name"]])
    return embedded


def check_backbone(name: str | None) -> None:
    """Raise a RockspaceError with similar names if there is no such backbone."""
    if kind_of(name) is NAMED and name not in BACKBONE_NAMES:
        similar = difflib.get_close_matches(str(name), BACKBONE_NAMES, n=3) or BACKBONE_NAMES
        raise RockspaceError(f"config: models: backbone: {name!r} is unknown; did you mean {', '.join(similar)}?")


def check_layer(name: str, names: Sequence[str], model_name: str, key: str | None = None) -> None:
    """Raise a RockspaceError with similar names if a model has no layer ``name``."""
    if name not in names:
        similar = difflib.get_close_matches(name, names, n=3) or names[-3:]
        where = f"config: {key}: " if key else ""
        raise RockspaceError(f"{where}{model_name} has no layer {name!r}; similar ones: {', '.join(similar)}")


def layers_of(backbones: Iterable[str]) -> dict[str, Layers]:
    """Return the layers of backbones, by name; those not in the cache take a few seconds.

    A preset of KerasHub is left out where nothing is known of it yet and its hub cannot be reached.

    Raises:
        RockspaceError: A file holds no network that can be used.
    """
    backbones = list(dict.fromkeys(backbones))
    cached = {name: _cached(name) for name in backbones}
    missing = [name for name, path in cached.items() if not path.is_file()]
    found: dict[str, Any] = {}
    if missing:
        command = [sys.executable, "-m", "rockspace.networks.layer_names", *(_source(name) for name in missing)]
        # The folder of this package, so that the other process imports the same one.
        with standard_settings():
            process = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)}: {process.stderr[-2000:]}")
        # Whatever a library prints comes before.
        found = dict(zip(missing, json.loads(process.stdout.splitlines()[-1]), strict=True))
        for name in missing:
            if isinstance(found[name], str):
                raise RockspaceError(f"config: models: backbone: {found[name]}")
            if found[name] is None:
                continue
            # Without a writable cache, the next start takes as long.
            with suppress(OSError), replacing(cached[name]) as partial:
                partial.write_text(json.dumps(found[name]), encoding="utf-8")
    known = [name for name in backbones if name not in found or found[name] is not None]
    return {name: Layers(*(found.get(name) or read_json(cached[name]))) for name in known}


def _embedded(model: dict[str, Any], layers: Layers | None) -> list[str]:
    """The layers that a model embeds; ``layers`` is None if the configuration names none but the penultimate."""
    wanted = model["layers"]
    if is_ready(model):
        return [READY_LAYER]
    described = f"model {model['name']!r} ({model['backbone']})"
    if layers is None:
        if ALL_BLOCKS in wanted:
            raise RockspaceError(
                f"config: models: layers: the blocks of {described} are not known before its preset is here, and its hub cannot be "
                "reached; name layers (block_1, ...) instead, or run again with a connection"
            )
        # Layers that are named are checked as soon as the preset is here.
        return [name for name in wanted if is_trained(model) or name != PENULTIMATE] or [POOLED]
    names = layers.names
    output_layer = model["output_layer"] or layers.last
    for key, last in (("output_layer", output_layer and [output_layer]), ("feature_layers", model["feature_layers"])):
        if last:
            for name in last:
                check_layer(layer_name(name), names, described, f"models: {key}")
            # Layers after the last one are not part of the model.
            names = names[: max(names.index(layer_name(name)) for name in last) + 1]
    dense = [f"head_dense_{i + 1}" for i in range(len(model["recipe"]["head"]["units"]) - 1)]
    with_head = [*names, POOLED, *dense, PENULTIMATE]
    if from_layer := model["recipe"]["finetune"]["from_layer"]:
        check_layer(from_layer, with_head, described, "finetune.from_layer")
    ends = [name for name in layers.block_ends if name in names]
    if ALL_BLOCKS in wanted and not ends:
        raise RockspaceError(
            f"config: models: layers: {described} has no blocks that can be told; name its layers instead"
        )
    wanted = [each for name in wanted for each in ([*ends, PENULTIMATE] if name == ALL_BLOCKS else [layer_name(name)])]
    for name in wanted:
        check_layer(name, with_head, described, "models: layers, or embeddings.layers")
    if not is_trained(model):
        # What lies in the head stands on the features, which are the last layer of a network without one.
        wanted = [name if name in names else POOLED for name in wanted]
    return sorted(set(wanted), key=with_head.index)


def _check_image_size(model: dict[str, Any], layers: Layers, of_study: int) -> None:
    """Refuse images of another size than a network takes, or that the patches of a vision transformer do not fill."""
    size, patch = model["image_size"] or of_study, layers.multiple_of
    fitting = layers.image_size or max(size // patch, 1) * patch
    if size == fitting:
        return
    takes = "" if layers.image_size else "a multiple of "
    side = layers.image_size or patch
    raise RockspaceError(
        f"config: models: image_size: {model['backbone']} takes images of {takes}{side} x {side} pixels, and would get "
        f"{size} x {size}; give model {model['name']!r} image_size: {fitting}"
        + (f" and tfrecords.image_size at least {fitting}" if fitting > of_study else "")
    )


def _check_scale(model: dict[str, Any], layers: Layers) -> None:
    """Refuse to scale pixels before a network that does."""
    if layers.scales_pixels and model["preprocessing"] != "none":
        raise RockspaceError(
            f"config: models: preprocessing: {model['backbone']} scales pixels from 0 to 255 itself, and would get scaled ones; give model "
            f"{model['name']!r} preprocessing: none"
        )


def _with_features(layers: list[str]) -> list[str]:
    """Insert the features before the layers of the head."""
    head = [name for name in layers if name == PENULTIMATE or name.startswith("head_dense_")]
    return [*(name for name in layers if name not in (POOLED, *head)), POOLED, *head]


def _needs_layers(model: dict[str, Any]) -> bool:
    """Whether the layers of a model have to be known: its network has to be looked for, or one besides the penultimate is named."""
    kind = kind_of(model["backbone"])
    if kind is NAMED:
        from_layer = model["recipe"]["finetune"]["from_layer"]
        return model["layers"] != [PENULTIMATE] or any((model["output_layer"], model["feature_layers"], from_layer))
    return kind is not READY


def _source(backbone: str) -> str:
    """Where another process reads a backbone's layers: the whole path of a file or folder, or the backbone as it is."""
    hub = kind_of(backbone) is HUB
    path = Path(backbone.removeprefix(HUB_PREFIX) if hub else backbone)
    if hub and not path.exists():
        path = fetched_weights(backbone)
    return f"{HUB_PREFIX if hub else ''}{path.resolve()}" if path.exists() else backbone


def _cached(backbone: str) -> Path:
    """Where the layers of a backbone are stored; named for what they depend on: Keras, this package, the content of a file."""
    folder, name = platformdirs.user_cache_path("rockspace"), f"{file_name(backbone)}-{version('keras')}"
    paths = (Path(backbone), Path(backbone.removeprefix(HUB_PREFIX), "config.json"))
    files = {path.name: path.resolve() for path in paths if path.is_file()}
    digest = hashlib.sha256(_code_of_package() + backbone.encode())
    if files:
        # What was read is written down, so that not every job reads a large file.
        place = hashlib.sha256(str(files).encode()).hexdigest()[:12]
        record = folder / f"{name}-{place}.source.json"
        digest.update(str(digest_of(files, record, keep=os.access(folder, os.W_OK))).encode())
    return folder / f"{name}-{digest.hexdigest()[:12]}.json"


@cache
def _code_of_package() -> bytes:
    return b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))


def _layers(backbone: str) -> Layers | str | None:
    """The layers of a backbone, or why it has none; None where nothing can be known of it yet."""
    from rockspace.networks.by_kind import module_of

    try:
        return module_of(backbone).layers(backbone)
    except RockspaceError as error:
        return str(error)


if __name__ == "__main__":
    print(json.dumps([_layers(name) for name in sys.argv[1:]]))
