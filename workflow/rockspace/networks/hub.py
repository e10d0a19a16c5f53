"""Presets of KerasHub as backbones.

The vision tower of a preset is taken out of it once, into a file of the project's own. From that file the network is built for
images of any size, without KerasHub and without a network connection.
"""

import difflib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import keras
import numpy as np

from rockspace.artifacts import replacing
from rockspace.errors import RockspaceError
from rockspace.network_kinds import HUB_PREFIX
from rockspace.networks.backbones import random_weights_from
from rockspace.networks.hub_towers import Arrays, Tower, families, tower_of
from rockspace.networks.layer_names import Layers
from rockspace.networks.preprocessing import MODES
from rockspace.networks.tokens import names_of, output_of
from rockspace.networks.vision_transformer import Architecture, load_arrays, vision_transformer

log = logging.getLogger(__name__)

DESCRIPTION = "description"
"""Attribute of a weights file, in JSON: what `Description` holds."""

LARGEST_DIFFERENCE = {"float32": 1e-3, "float16": 0.02, "bfloat16": 0.1}
"""Between the features of KerasHub's network and those of the vision tower, relative to the largest, by what KerasHub computes in.

Rounding leaves a hundredth of it in float32.
"""


class Description(NamedTuple):
    """What is known of a vision tower besides its weights.

    Attributes:
        architecture: Its layers.
        preprocessing: The arguments of `rockspace.networks.preprocessing.preprocess` that it was trained with.
        image_size: Side of the images that the preset is made for (pixels).
    """

    architecture: Architecture
    preprocessing: dict[str, Any]
    image_size: int


def layers(backbone: str) -> Layers | None:
    """Return the names of a preset's layers, without its weights.

    Args:
        backbone: ``keras_hub:`` and a preset that KerasHub finds, or the path of a file from `fetch`.

    Returns:
        None where the preset's hub cannot be reached.

    Raises:
        RockspaceError: As for `fetch`.
    """
    file = Path(backbone.removeprefix(HUB_PREFIX))
    # Initializing the weights would take minutes, and gigabytes, for the largest networks.
    with keras.StatelessScope(initialize_variables=False):
        if file.is_file():
            with _opened(file) as opened:
                architecture = _description(opened, file).architecture
        else:
            preset = _checked(backbone)
            try:
                with _explained(backbone):
                    preset_network = _keras_hub().models.Backbone.from_preset(preset, load_weights=False)
            except UnreachableError:
                return None
            architecture = tower_of(preset_network, backbone).architecture
        network = vision_transformer(architecture, 2 * architecture.patch, MODES["none"], "network")
    names = names_of(network)
    return Layers(
        names, [f"block_{number + 1}" for number in range(architecture.depth)], multiple_of=architecture.patch
    )


def fetch(backbone: str, destination: Path) -> None:
    """Write the vision tower of a preset to ``destination``, with what is needed to build it.

    Args:
        backbone: ``keras_hub:`` and a name, handle or folder that KerasHub loads a preset from.
        destination: File that `build` reads.

    Raises:
        RockspaceError: KerasHub is not installed, there is no such preset, it cannot be downloaded or loaded, it has no vision
            tower, or the tower computes something else than the preset.
    """
    preset = _checked(backbone)
    with _explained(backbone):
        network = _keras_hub().models.Backbone.from_preset(preset, dtype="float32")
    tower = tower_of(network, backbone)
    described = Description(tower.architecture, _preprocessing(preset) or tower.preprocessing, tower.image_size)
    weights = tower.arrays()
    _check_same(tower, weights, backbone)
    log.info("%s: made for images of %d x %d pixels", backbone, described.image_size, described.image_size)
    with replacing(destination) as partial, h5py.File(partial, "w") as file:
        fields = described._asdict() | {"architecture": asdict(described.architecture)}
        file.attrs[DESCRIPTION] = json.dumps(fields)
        for layer, arrays in weights.items():
            for number, array in enumerate(arrays):
                file[f"{layer}/{number}"] = array


def build(
    backbone: str,
    *,
    image_size: int,
    weights: Path | None,
    output_layer: str | None = None,
    preprocessing: str = "backbone",
    seed: int = 0,
    pretrained: bool = True,
) -> keras.Model:
    """Build the vision tower of a preset; see `rockspace.networks.backbones.build`.

    Args:
        backbone: Name of the preset.
        image_size: Side of the images (pixels), a multiple of the side of a patch; embeddings of positions are interpolated.
        weights: File from `fetch`.
        output_layer: The layer whose output the model returns; None for the features of the family.
        preprocessing: ``backbone`` for what the preset was trained with, or a key of ``preprocessing.MODES``.
        seed: Of random weights.
        pretrained: Whether the network gets the weights in the file, or random ones.
    """
    if weights is None:
        raise RockspaceError(f"{backbone}: its description is missing; run again with `--forcerun pretrained_weights`")
    with _opened(weights) as file:
        described = _description(file, weights)
        scaling = described.preprocessing if preprocessing == "backbone" else MODES[preprocessing]
        name = backbone.removeprefix(HUB_PREFIX)
        with random_weights_from(seed):
            network = vision_transformer(described.architecture, image_size, scaling, _model_name(name))
        if pretrained:
            arrays = {layer: [group[str(i)][()] for i in range(len(group))] for layer, group in file.items()}
            load_arrays(network, described.architecture, arrays)
    if output_layer is None:
        return network
    return keras.Model(network.input, output_of(network, output_layer, "models: output_layer"), name=network.name)


class UnreachableError(RockspaceError):
    """The hub of a preset cannot be reached."""


def _keras_hub() -> Any:
    try:
        import keras_hub
    except ImportError as error:
        raise RockspaceError(
            f"presets of KerasHub need the package keras-hub ({error}): pip install keras-hub==0.32.0"
        ) from error
    return keras_hub


def _checked(backbone: str) -> str:
    """The preset's name for KerasHub, checked as far as it can be without a network connection."""
    hub, preset = _keras_hub(), backbone.removeprefix(HUB_PREFIX)
    if "://" in preset or Path(preset).is_dir():
        return preset
    known = sorted(name for family in families() for name in family.presets)
    if preset in known:
        return preset
    if preset in hub.models.Backbone.presets:
        raise RockspaceError(
            f"{backbone}: of KerasHub, vision transformers can be backbones; convolutional networks have the names of keras.applications, such as resnet50"
        )
    similar = difflib.get_close_matches(preset, known, n=3) or ["dinov2_base", "clip_vit_base_patch32"]
    raise RockspaceError(
        f"{backbone}: KerasHub has no such preset, and there is no such folder; did you mean {', '.join(similar)}?"
    )


@contextmanager
def _explained(backbone: str) -> Iterator[None]:
    """Turn what KerasHub and its downloaders raise into one line."""
    import requests

    try:
        yield
    except RockspaceError:
        raise
    except requests.exceptions.ConnectionError as error:
        raise UnreachableError(
            f"{backbone}: its hub cannot be reached ({_host(error)}); run again with a connection, or download the preset on "
            f"another machine and name its folder: backbone: {HUB_PREFIX}path/to/folder"
        ) from error
    except Exception as error:  # Each of several downloaders and formats has errors of its own.
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        if "has no config.json" in reason:
            folder = Path(backbone.removeprefix(HUB_PREFIX)).is_dir()
            reason = "the folder has no config.json" if folder else "its hub has no public preset of that name"
        raise RockspaceError(f"{backbone}: the preset cannot be loaded: {reason}") from error


def _host(error: Any) -> str:
    url = getattr(error.request, "url", None)
    return str(url) if url else type(error).__name__


def _preprocessing(preset: str) -> dict[str, Any] | None:
    """The preprocessing that a preset says it needs, if it says so."""
    with _explained(preset):
        try:
            converter = _keras_hub().layers.ImageConverter.from_preset(preset)
        except FileNotFoundError:
            return None
    if converter is None or converter.scale is None:
        return None
    scale, offset = (
        np.broadcast_to(value, 3).astype(float).tolist() for value in (converter.scale, converter.offset or 0)
    )
    return {"scale": scale, "offset": offset}


def _check_same(tower: Tower, weights: Arrays, backbone: str) -> None:
    """Refuse a tower that computes something else than KerasHub's network."""
    side = tower.architecture.positions * tower.architecture.patch
    if side != tower.image_size:
        return
    images = np.random.default_rng(0).uniform(-1, 1, (1, side, side, 3)).astype(np.float32)
    network = vision_transformer(tower.architecture, side, MODES["none"], "tower")
    load_arrays(network, tower.architecture, weights)
    expected, found = tower.features(images), keras.ops.convert_to_numpy(network(images))
    tolerance = LARGEST_DIFFERENCE[keras.backend.standardize_dtype(expected.dtype)]
    expected = keras.ops.convert_to_numpy(expected).astype(np.float32)
    if not np.abs(found - expected).max() <= tolerance * np.abs(expected).max():
        raise RockspaceError(
            f"{backbone}: its vision tower computes something else than KerasHub does, which is tested with keras-hub 0.32; "
            f"found {_keras_hub().__version__}"
        )


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    try:
        file = h5py.File(path)
    except OSError as error:
        raise RockspaceError(f"{path}: damaged ({error}); delete it and run again") from error
    with file:
        yield file


def _description(file: h5py.File, path: Path) -> Description:
    if DESCRIPTION not in file.attrs:
        raise RockspaceError(f"{path}: no weights of a preset of KerasHub; leave out models: weights")
    fields = json.loads(file.attrs[DESCRIPTION])
    return Description(**fields | {"architecture": Architecture(**fields["architecture"])})


def _model_name(preset: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in preset).strip("_")
