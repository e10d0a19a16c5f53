"""The table of block ends is what the networks themselves say."""

import pytest

from rockspace.errors import RockspaceError
from rockspace.networks.backbones import BACKBONES, build, preset_layers
from rockspace.networks.blocks import _table, layers_to_embed


def test_the_table_knows_every_backbone_and_no_other():
    assert sorted(_table()) == sorted(BACKBONES)


@pytest.mark.parametrize(
    "backbone", ["efficientnet_lite0", "efficientnet_lite2", "resnet50", "mobilenet_v3_small", "vgg16"]
)
def test_the_table_agrees_with_the_network(backbone):
    assert _table()[backbone] == preset_layers(build(backbone, image_size=32, weights=None))


def test_all_blocks_ends_where_the_backbone_is_cut_and_adds_the_penultimate_layer():
    layers = layers_to_embed("all-blocks", "resnet50", "conv4_block6_out")
    assert layers[0] == "conv2_block1_out"
    assert layers[-2:] == ["conv4_block6_out", "penultimate"]
    assert layers_to_embed("all-blocks", "resnet50", None)[-2] == "conv5_block3_out"


def test_named_layers_are_sorted_by_depth_however_they_are_named():
    named = ["penultimate", "conv4_block6_out", "conv2_block1_out"]
    assert layers_to_embed(named, "resnet50", None) == named[::-1]
    assert layers_to_embed(["a", "b"], "resnet50", None) == ["a", "b"]
    assert layers_to_embed(["penultimate", "a"], "resnet50", None) == ["a", "penultimate"]


def test_an_unknown_backbone_is_named_with_the_one_that_was_meant():
    with pytest.raises(RockspaceError, match=r"found 'resnet5O'; did you mean 'resnet50'\?"):
        layers_to_embed(["a"], "resnet5O", None)


def test_a_cut_inside_a_block_is_refused_for_all_blocks():
    with pytest.raises(RockspaceError, match=r"cut at 'conv4_block6_2_relu'"):
        layers_to_embed("all-blocks", "resnet50", "conv4_block6_2_relu")
