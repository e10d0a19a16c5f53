"""Presets of KerasHub: downloaded by its own code from a hub on loopback, built from a file, read, trained, saved."""

from pathlib import Path

import keras
import numpy as np
import pytest
from vision_weights import DEPTH, NATIVE, OTHERS, images

import hub_presets
import standin_hub
from networks import relative_difference
from rockspace.networks import hub
from rockspace.networks.hub_towers import tower_of
from rockspace.networks.preprocessing import MODES
from rockspace.networks.vision_transformer import cubic_interpolation, load_arrays, vision_transformer
from vision_references import FAMILIES, backbone

REFERENCE = Path(__file__).with_name("reference") / "vision.npz"
SIZES = (NATIVE, *OTHERS)
CLIP, DINO, SIGLIP = "keras_hub:clip_vit_base_patch32", "keras_hub:dinov2_base", "keras_hub:siglip_base_patch16_224"


# --- The same numbers as transformers ---


@pytest.fixture(scope="module")
def reference() -> dict[str, np.ndarray]:
    with np.load(REFERENCE) as file:
        return dict(file)


def said(family: str) -> dict[str, np.ndarray]:
    """What our network of a family says of the reference's images, by ``family/size/what``."""
    tower, found = tower_of(backbone(family), family), {}
    for size in SIZES:
        network = vision_transformer(tower.architecture, size, MODES["none"], family)
        load_arrays(network, tower.architecture, tower.arrays())
        names = [*(f"block_{number + 1}" for number in range(DEPTH)), "norm"]
        outputs = {name: network.get_layer(name).output for name in names} | {"features": network.output}
        for what, values in keras.Model(network.input, outputs)(images(size)).items():
            found[f"{family}/{size}/{what}"] = keras.ops.convert_to_numpy(values)
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_every_block_and_the_features_are_those_of_transformers_at_any_size_of_images(family, reference):
    found = said(family)
    assert set(found) == {name for name in reference if name.startswith(f"{family}/")}
    for name, values in found.items():
        assert np.abs(values - reference[name]).max() < 1e-4, name


def test_the_recorded_numbers_are_those_of_the_transformers_at_hand(reference):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    import vision_numbers

    found = vision_numbers.numbers()
    assert set(found) == set(reference)
    for name, values in found.items():
        np.testing.assert_allclose(values, reference[name], atol=1e-5, err_msg=name)


@pytest.mark.parametrize("antialias", [False, True])
def test_interpolation_keeps_what_is_constant_and_what_has_the_same_size(antialias):
    for before, after in ((4, 7), (7, 4), (37, 16), (5, 5)):
        matrix = cubic_interpolation(before, after, antialias=antialias)
        np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-12)
        np.testing.assert_allclose(matrix, matrix[::-1, ::-1], atol=1e-12)
        if before == after:
            np.testing.assert_allclose(matrix, np.eye(before), atol=1e-12)


# --- Presets ---


@pytest.fixture(scope="module")
def presets(tmp_path_factory) -> dict[str, Path]:
    """Folders of small presets, by name."""
    root = tmp_path_factory.mktemp("presets")
    for name, network in hub_presets.presets().items():
        hub_presets.save(network, root / name)
    return {folder.name: folder for folder in root.iterdir()}


@pytest.fixture
def server(presets, tmp_path, monkeypatch):
    """The hub, which this process takes for the real one."""
    server = standin_hub.StandInHub(presets)
    with server.serving() as port:
        for name, value in standin_hub.environment(port, tmp_path / "cache").items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture(scope="module")
def fetched(presets, tmp_path_factory) -> dict[str, Path]:
    """The files of vision towers, by the name of the preset, from local folders."""
    root = tmp_path_factory.mktemp("fetched")
    for name, folder in presets.items():
        hub.fetch(f"keras_hub:{folder}", root / name)
    return {name: root / name for name in presets}


def built(fetched, backbone: str, **options) -> keras.Model:
    arguments = {"image_size": hub_presets.IMAGE_SIZE} | options
    return hub.build(backbone, weights=fetched[backbone.removeprefix("keras_hub:")], **arguments)


def photographs(size: int = hub_presets.IMAGE_SIZE, count: int = 2) -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 255, (count, size, size, 3)).astype(np.float32)


def test_a_preset_is_downloaded_by_kerashub_itself_and_says_the_same_afterwards(server, presets, tmp_path):
    import keras_hub

    for name in (DINO, CLIP):
        hub.fetch(name, tmp_path / "tower")
        preset = name.removeprefix("keras_hub:")
        assert [asked for asked in server.log if asked.startswith(preset)][:2] == [
            f"{preset}/config.json",
            f"{preset}/model.weights.h5",
        ]
        network = hub.build(name, image_size=hub_presets.IMAGE_SIZE, weights=tmp_path / "tower")
        converter = keras_hub.layers.ImageConverter.from_preset(str(presets[preset]))
        tower = tower_of(keras_hub.models.Backbone.from_preset(str(presets[preset])), preset)
        expected = tower.features(converter(photographs()))
        assert relative_difference(network(photographs()), expected) < 1e-5
