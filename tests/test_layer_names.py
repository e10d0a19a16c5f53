"""Names of layers are checked for every model before anything is built, and known from the networks themselves."""

import subprocess
import sys
from pathlib import Path

import keras
import pytest
import yaml

from rockspace.config import validated
from rockspace.errors import RockspaceError
from rockspace.networks import layer_names
from rockspace.networks.backbones import BACKBONES, block_ends, build
from rockspace.networks.layer_names import BACKBONE_NAMES, embedded_layers, layers_of


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory):
    """A cache that is empty at first, as a user's."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layer_names.platformdirs, "user_cache_path", lambda name: folder / name)
        yield folder


def configured(layers: list[str] | str, *models: dict, **finetune: object) -> dict:
    config = yaml.safe_load(Path(__file__).parents[1].joinpath("config/config.yaml").read_text(encoding="utf-8"))
    config["models"] = [{"name": f"m{i}", "backbone": "efficientnet_lite0"} | model for i, model in enumerate(models)]
    return validated(config | {"embeddings": {"layers": layers}, "finetune": config["finetune"] | finetune})


def test_every_backbone_has_its_name_in_the_list_and_no_other():
    assert sorted(BACKBONE_NAMES) == sorted(BACKBONES)


def test_a_configuration_that_names_no_layer_builds_no_network(monkeypatch):
    monkeypatch.setattr(layer_names, "layers_of", lambda backbones: {name: pytest.fail(name) for name in backbones})
    assert embedded_layers(configured(["penultimate"], {}, {"backbone": "vgg16"})) == {
        "m0": ["penultimate"], "m1": ["penultimate"]
    }  # fmt: skip


def test_the_names_are_those_of_the_network_and_are_found_out_once(monkeypatch):
    layers = layers_of(["efficientnet_lite0", "resnet50"])
    for name, found in layers.items():
        network = build(name, image_size=32, weights=None)
        assert found.names == [layer.name for layer in network.layers]
        assert found.block_ends == block_ends(network)
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **options: pytest.fail("built again"))
    assert layers_of(["resnet50"]) == {"resnet50": layers["resnet50"]}


def test_where_nothing_can_be_kept_the_names_are_found_out_all_the_same(tmp_path, monkeypatch):
    (tmp_path / "a file").write_text("")
    monkeypatch.setattr(layer_names.platformdirs, "user_cache_path", lambda name: tmp_path / "a file" / name)
    assert "block1a_bn" in layers_of(["efficientnet_lite0"])["efficientnet_lite0"].names


def test_all_blocks_ends_where_the_model_ends_and_adds_the_penultimate_layer():
    models = {"backbone": "resnet50", "output_layer": "conv4_block6_out"}, {"backbone": "resnet50"}
    features = {"backbone": "resnet50", "feature_layers": ["conv3_block2_2_relu", "conv2_block3_out"]}
    layers = embedded_layers(configured("all-blocks", *models, features))
    assert layers["m0"][0] == "conv2_block1_out"
    assert layers["m0"][-2:] == ["conv4_block6_out", "penultimate"]
    assert layers["m1"][-2] == "conv5_block3_out"
    assert layers["m2"][-2:] == ["conv3_block1_out", "penultimate"]


def test_named_layers_are_sorted_by_depth_however_they_are_named():
    named = ["penultimate", "conv4_block6_2_relu", "head_dense_1", "conv2_block1_out"]
    assert embedded_layers(configured(named, {"backbone": "resnet50"}))["m0"] == [
        "conv2_block1_out", "conv4_block6_2_relu", "head_dense_1", "penultimate"
    ]  # fmt: skip


def test_a_model_has_layers_of_its_own_in_place_of_those_of_all_models():
    mixed = {"backbone": "resnet50", "layers": ["conv2_block1_out", "all-blocks", "head_dense_1"]}
    as_it_is = {"objective": "none", "layers": ["block3b_add", "block1a_bn"]}
    layers = embedded_layers(configured(["pooled"], {"layers": ["block3b_add"]}, mixed, as_it_is, {}))
    assert layers["m0"] == ["block3b_add"]
    assert [*layers["m1"][:2], *layers["m1"][-2:]] == [
        "conv2_block1_out",
        "conv2_block2_out",
        "head_dense_1",
        "penultimate",
    ]
    assert layers["m2"] == ["block1a_bn", "block3b_add"]
    assert layers["m3"] == ["pooled"]


WRONG = {
    "a layer of its own that a model lacks": (
        configured(["penultimate"], {}, {"layers": ["block9z_add"]}),
        r"layers.*: model 'm1' .* no layer 'block9z_add'",
    ),
    "a layer to embed that one of two models lacks": (
        configured(["block3b_add", "penultimate"], {}, {"backbone": "resnet50"}),
        r"embeddings\.layers: model 'm1' \(resnet50\) has no layer 'block3b_add'; similar ones: \w+",
    ),
    "a misspelt cut": (
        configured(["penultimate"], {"backbone": "resnet50", "output_layer": "conv4_blok6_out"}),
        r"models: output_layer: model 'm0' .* 'conv4_blok6_out'; similar ones: conv4_block6_out",
    ),
    "a layer for features behind the cut": (
        configured(["penultimate"], {"output_layer": "block3b_add", "feature_layers": ["block5c_add"]}),
        r"models: feature_layers: model 'm0' .* no layer 'block5c_add'",
    ),
    "a layer to embed behind those for features": (
        configured(["top_activation"], {"feature_layers": ["block3b_add"]}),
        r"embeddings\.layers: model 'm0' .* no layer 'top_activation'",
    ),
    "a misspelt first layer to train": (
        configured(["penultimate"], {}, from_layer="block9a_add"),
        r"finetune\.from_layer: model 'm0' .* no layer 'block9a_add'",
    ),
    "a dense layer that the head does not have": (
        configured(["head_dense_3"], {}),
        r"embeddings\.layers: model 'm0' .* no layer 'head_dense_3'; similar ones: .*head_dense_1",
    ),
    "a misspelt backbone": (
        configured(["penultimate"], {"backbone": "resnet5O"}),
        r"models: backbone: 'resnet5O' is unknown; did you mean resnet50",
    ),
}


@pytest.mark.parametrize(("config", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_name_is_told_with_its_model_and_similar_ones(config, message):
    with pytest.raises(RockspaceError, match=message):
        embedded_layers(config)


def test_nothing_of_tensorflow_is_loaded_to_check_names():
    code = "import sys, rockspace.networks.layer_names; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_pixels_are_not_scaled_before_a_network_that_scales_them_itself(tmp_path):
    network = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(4, 3)])
    network.save(path := tmp_path / "mine.keras")
    mine = {"backbone": str(path), "image_size": 32}
    with pytest.raises(RockspaceError, match=r"scales pixels from 0 to 255 itself.*'m0' preprocessing: none"):
        embedded_layers(configured(["penultimate"], mine | {"preprocessing": "unit"}))
    assert embedded_layers(configured(["penultimate"], mine | {"preprocessing": "none"}))
