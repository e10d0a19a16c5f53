"""Folded networks: the same function, no batch norm left, and every layer still answers to its name."""

from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from networks import FAMILIES, IMAGE_SIZE, backbone, relative_difference, textures
from rockspace.networks.folding import fold

ROCKS = Path(__file__).parents[2] / "shared" / "rocks" / "360 Rocks"
# Families that apply batch norm to sums and concatenations, where there is nothing to fold it into.
PRE_ACTIVATION = {"resnet50_v2": 17, "densenet121": 62}


def kinds(model):
    return {type(layer) for layer in model.layers}


def rescaled(model):
    """The batch norms that nothing could take in."""
    return [
        layer.name for layer in model.layers if type(layer) is keras.layers.Rescaling and layer.name != "preprocessing"
    ]


def photographs():
    """Rocks where there are some, else textures."""
    if not ROCKS.is_dir():
        return textures()
    paths = sorted(ROCKS.glob("*.jpg"))[:: len(list(ROCKS.glob("*.jpg"))) // 2][:2]
    images = [Image.open(path).convert("RGB").resize((IMAGE_SIZE, IMAGE_SIZE)) for path in paths]
    return np.stack([np.asarray(image, np.float32) for image in images])


@pytest.mark.parametrize("name", FAMILIES)
def test_a_folded_backbone_is_the_same_function(name):
    network, images = backbone(name), photographs()
    folded = fold(network)
    assert relative_difference(folded(images), network(images)) < 1e-4
    assert keras.layers.BatchNormalization not in kinds(folded)
    assert len(rescaled(folded)) == PRE_ACTIVATION.get(name, 0)
    assert [layer.name for layer in folded.layers] == [layer.name for layer in network.layers]


def test_every_name_but_the_convolutions_gives_the_same_values():
    network, images = backbone("efficientnet_lite0"), textures()
    names = ["stem_bn", "stem_activation", "block3b_bn", "block3b_add", "block7a_project_bn"]
    views = [keras.Model(m.input, [m.get_layer(name).output for name in names]) for m in (fold(network), network)]
    for actual, expected in zip(views[0](images), views[1](images), strict=True):
        assert relative_difference(actual, expected) < 1e-4


def test_the_original_is_left_as_it_is_and_shares_nothing():
    network = backbone("mobilenet_v2")
    before = [weights.copy() for weights in network.get_weights()]
    folded = fold(network)
    for variable in folded.variables:
        variable.assign(keras.ops.zeros_like(variable))
    for now, then in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def randomised(model, seed=3):
    rng = np.random.default_rng(seed)
    model.set_weights([rng.uniform(0.2, 1.0, weights.shape) for weights in model.get_weights()])
    return model


def test_a_whole_classifier_is_folded_dense_layers_included():
    network = backbone("efficientnet_lite0")
    x = keras.layers.GlobalAveragePooling2D(name="pooled")(network.output)
    x = keras.layers.Dense(16, use_bias=True, name="penultimate")(x)
    x = keras.layers.BatchNormalization(name="penultimate_bn")(x)
    classifier = keras.Model(network.input, keras.layers.Dense(4, activation="softmax", name="labels")(x))
    classifier.get_layer("penultimate_bn").moving_mean.assign(np.linspace(-1, 1, 16))
    folded = fold(classifier)
    assert keras.layers.BatchNormalization not in kinds(folded)
    assert rescaled(folded) == []
    np.testing.assert_allclose(folded(textures()), classifier(textures()), rtol=1e-4)


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.DepthwiseConv2D(3, depth_multiplier=3, use_bias=False),
        keras.layers.DepthwiseConv2D(3, use_bias=True),
        keras.layers.SeparableConv2D(6, 3, depth_multiplier=2),
        keras.layers.Conv2D(6, 3, groups=2),
    ],
    ids=["depthwise with a multiplier", "depthwise with a bias", "separable", "grouped"],
)
@pytest.mark.parametrize("options", [{}, {"scale": False}, {"center": False}])
def test_each_kind_of_convolution_takes_it_in(layer, options):
    inputs = keras.Input((9, 9, 4))
    convolution = type(layer).from_config(layer.get_config())
    network = keras.Model(inputs, keras.layers.BatchNormalization(**options)(convolution(inputs)))
    folded = fold(randomised(network))
    images = np.random.default_rng(0).normal(size=(2, 9, 9, 4)).astype(np.float32)
    assert rescaled(folded) == []
    assert relative_difference(folded(images), network(images)) < 1e-5


def test_a_convolution_that_something_else_reads_is_not_touched():
    inputs = keras.Input((8, 8, 3))
    convolved = keras.layers.Conv2D(3, 1, name="read_twice")(inputs)
    total = keras.layers.Add()([keras.layers.BatchNormalization()(convolved), convolved])
    network = randomised(keras.Model(inputs, total))
    folded = fold(network)
    assert rescaled(folded)
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(folded(images), network(images), rtol=1e-5)


def test_a_convolution_that_is_an_output_itself_is_not_touched():
    inputs = keras.Input((8, 8, 3))
    convolved = keras.layers.Conv2D(3, 1)(inputs)
    network = randomised(keras.Model(inputs, [convolved, keras.layers.BatchNormalization()(convolved)]))
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    for actual, expected in zip(fold(network)(images), network(images), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-5)


def test_an_activation_in_between_keeps_it_out_of_the_convolution():
    inputs = keras.Input((8, 8, 3))
    convolved = keras.layers.Conv2D(5, 3, activation="relu")(inputs)
    network = randomised(keras.Model(inputs, keras.layers.BatchNormalization()(convolved)))
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    assert relative_difference(fold(network)(images), network(images)) < 1e-5


def test_statistics_of_a_batch_no_longer_matter_in_training():
    network = backbone("mobilenet_v2")
    folded = fold(network)
    np.testing.assert_allclose(folded(textures(), training=True), network(textures(), training=False), atol=1e-4)
