"""Backbones: Keras' own networks behind their own preprocessing, flat, with names that stay."""

import random
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from networks import FAMILIES, IMAGE_SIZE, backbone, relative_difference, textures
from rockspace.errors import RockspaceError
from rockspace.networks.backbones import block_ends, build
from rockspace.networks.classifier import attach_head, build_head, pooled_backbone
from rockspace.networks.layers import find_layer
from rockspace.networks.objectives import Objective
from rockspace.networks.preprocessing import IMAGENET_STD, preprocess
from rockspace.networks.training_copy import training_copy
from rockspace.training.optimizers import make_optimizer
from test_training import defaults

SHARED_WEIGHTS = Path(__file__).parents[2] / "shared" / "weights" / "resnet50_conv4_block6_out.weights.h5"

applications = keras.applications
# Keras' network and what Keras does to pixels before it, for networks whose preprocessing is a function ...
BY_FUNCTION = {
    "resnet50": (applications.ResNet50, applications.resnet.preprocess_input),
    "resnet50_v2": (applications.ResNet50V2, applications.resnet_v2.preprocess_input),
    "mobilenet_v2": (applications.MobileNetV2, applications.mobilenet_v2.preprocess_input),
    "densenet121": (applications.DenseNet121, applications.densenet.preprocess_input),
    "vgg16": (applications.VGG16, applications.vgg16.preprocess_input),
    "inception_v3": (applications.InceptionV3, applications.inception_v3.preprocess_input),
    "xception": (applications.Xception, applications.xception.preprocess_input),
}
# ... and for those whose preprocessing is a part of the network.
BY_LAYERS = {
    "efficientnet_v2_b0": applications.EfficientNetV2B0,
    "convnext_tiny": applications.ConvNeXtTiny,
    "mobilenet_v3_small": applications.MobileNetV3Small,
}


def keras_network(builder):
    keras.utils.set_random_seed(3)
    return builder(include_top=False, weights=None, input_shape=(IMAGE_SIZE, IMAGE_SIZE, 3))


@pytest.mark.parametrize("name", BY_FUNCTION)
def test_pixels_are_prepared_as_keras_prepares_them(name):
    _, preprocess = BY_FUNCTION[name]
    network = backbone(name)
    prepared = keras.Model(network.input, network.get_layer("preprocessing").output)
    np.testing.assert_allclose(prepared(textures()), preprocess(textures().copy()), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["resnet50", "vgg16", "xception"])
def test_weights_saved_by_keras_give_the_network_of_keras(name, tmp_path):
    builder, preprocess = BY_FUNCTION[name]
    original = keras_network(builder)
    original.save_weights(tmp_path / "any.weights.h5")
    network = build(name, image_size=IMAGE_SIZE, weights=tmp_path / "any.weights.h5")
    assert relative_difference(network(textures()), original(preprocess(textures().copy()))) < 1e-5


@pytest.mark.parametrize("name", BY_LAYERS)
def test_preprocessing_that_keras_builds_in_is_there_once(name, tmp_path):
    original = keras_network(BY_LAYERS[name])
    original.save_weights(tmp_path / "any.weights.h5")
    network = build(name, image_size=IMAGE_SIZE, weights=tmp_path / "any.weights.h5")
    assert relative_difference(network(textures()), original(textures())) < 1e-5


def test_preprocessing_stored_with_the_weights_is_taken_from_there(tmp_path):
    """Weights from ImageNet make keras.applications divide by the root of the deviation once more."""
    original = keras_network(applications.EfficientNetB0)
    mean, variance = np.array([0.4, 0.5, 0.6]), np.array([0.2, 0.3, 0.4])
    normalization = next(layer for layer in original.layers if isinstance(layer, keras.layers.Normalization))
    count = normalization.get_weights()[2]
    normalization.set_weights([mean, variance, count])
    normalization.finalize_state()
    original.save_weights(tmp_path / "b0.weights.h5")
    network = build("efficientnet_b0", image_size=IMAGE_SIZE, weights=tmp_path / "b0.weights.h5")
    rescaled = keras.Model(network.layers[1].output, network.output)
    normalised = (textures() / 255 - mean) / np.sqrt(variance)
    after = keras.Model(original.get_layer(normalization.name).output, original.output)
    expected = after(normalised / np.sqrt(np.array(IMAGENET_STD)))
    assert relative_difference(rescaled(network.layers[1](textures())), expected) < 1e-5


def test_without_weights_efficientnet_b_gets_the_preprocessing_of_imagenet():
    layer = backbone("efficientnet_b0").get_layer("preprocessing")
    expected = applications.imagenet_utils.preprocess_input(textures().copy(), mode="torch")
    np.testing.assert_allclose(layer(textures()), expected, atol=1e-5)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_backbone_is_flat_and_float32(name):
    network = backbone(name)
    assert not any(isinstance(layer, keras.Model) for layer in network.layers)
    assert {variable.dtype for variable in network.weights} <= {"float32"}
    assert network.input_shape == (None, IMAGE_SIZE, IMAGE_SIZE, 3)
    assert len(network.output_shape) == 4


@pytest.mark.parametrize("name", ["convnext_tiny", "mobilenet_v3_small", "efficientnet_lite0"])
def test_a_saved_backbone_is_loaded_by_keras_alone(name, tmp_path):
    network = backbone(name)
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded(textures()), network(textures()))


@pytest.mark.parametrize("name", ["convnext_tiny", "efficientnet_lite0"])
def test_the_output_layer_cuts_the_network_there(name):
    whole = backbone(name)
    for layer in (block_ends(whole)[1], block_ends(whole)[-2]):
        cut = build(name, image_size=IMAGE_SIZE, weights=None, output_layer=layer)
        assert cut.output_shape == whole.get_layer(layer).output.shape
        assert cut.layers[-1].name == layer


def test_weights_of_the_whole_and_of_the_cut_network_both_load(tmp_path):
    options = {"image_size": IMAGE_SIZE, "output_layer": "conv2_block3_out"}
    original = keras_network(applications.ResNet50)
    cut = keras.Model(original.input, original.get_layer("conv2_block3_out").output)
    original.save_weights(tmp_path / "whole.weights.h5")
    cut.save_weights(tmp_path / "cut.weights.h5")
    outputs = [build("resnet50", weights=tmp_path / f"{n}.weights.h5", **options)(textures()) for n in ("whole", "cut")]
    np.testing.assert_array_equal(*outputs)
    assert relative_difference(outputs[0], cut(applications.resnet.preprocess_input(textures().copy()))) < 1e-5


def test_published_weights_of_a_cut_network_load():
    if not SHARED_WEIGHTS.is_file():
        pytest.skip("no published weights beside this checkout")
    network = build("resnet50", image_size=64, weights=SHARED_WEIGHTS, output_layer="conv4_block6_out")
    assert network.output_shape == (None, 4, 4, 1024)
    assert float(np.mean(network.get_layer("conv1_bn").get_weights()[3])) != 1.0


def test_a_file_that_does_not_fit_is_told_in_one_line(tmp_path):
    keras_network(applications.VGG16).save_weights(tmp_path / "vgg.weights.h5")
    with pytest.raises(RockspaceError) as told:
        build("resnet50", image_size=IMAGE_SIZE, weights=tmp_path / "vgg.weights.h5")
    message = str(told.value)
    assert "vgg.weights.h5" in message
    assert "'conv1_conv' needs shape (7, 7, 3, 64), the file holds (3, 3, 3, 64)" in message
    assert "\n" not in message


def test_a_cut_file_for_a_whole_network_names_the_first_layer_it_lacks(tmp_path):
    original = keras_network(applications.ResNet50)
    keras.Model(original.input, original.get_layer("conv2_block3_out").output).save_weights(tmp_path / "c.weights.h5")
    with pytest.raises(RockspaceError, match=r"layer 'conv3_block1_1_conv' needs 2 arrays, the file holds 0"):
        build("resnet50", image_size=IMAGE_SIZE, weights=tmp_path / "c.weights.h5")


def test_a_missing_file_and_one_of_another_kind_are_told(tmp_path):
    (tmp_path / "text.weights.h5").write_text("weights")
    for name, reason in (("none.weights.h5", "no such weights file"), ("text.weights.h5", "not a Keras weights file")):
        with pytest.raises(RockspaceError, match=rf"{name}: {reason}"):
            build("vgg16", image_size=32, weights=tmp_path / name)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"name": "resnet5"}, "did you mean resnet50"),
        ({"output_layer": "conv4_block6_ou"}, "similar ones: conv4_block6_out"),
        ({"name": "inception_v3", "image_size": 64}, "image_size: 64 does not suit inception_v3"),
        ({"preprocessing": "zero"}, "'zero' is not one of backbone, "),
    ],
)
def test_wrong_settings_are_told_with_what_would_be_right(options, told):
    settings = {"name": "resnet50", "image_size": 80, "weights": None} | options
    with pytest.raises(RockspaceError, match=told):
        build(settings.pop("name"), **settings)


def test_a_layer_can_be_found_by_name_or_is_suggested():
    assert find_layer(backbone("vgg16"), "block5_pool").name == "block5_pool"
    with pytest.raises(RockspaceError, match="vgg16 has no layer 'block5_poool'; similar ones: block5_pool"):
        find_layer(backbone("vgg16"), "block5_poool")


def test_the_seed_alone_decides_the_random_weights():
    def weights(seed):
        return build("mobilenet_v2", image_size=32, weights=None, seed=seed).get_weights()

    random.seed(7)
    first = weights(4)
    after = random.random()
    random.seed(7)
    assert random.random() == after, "the state of the caller's generator must not change"
    for one, two in zip(first, weights(4), strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first[0], weights(5)[0])


def test_names_that_keras_counts_up_start_from_zero_each_time():
    names = [layer.name for layer in backbone("inception_v3").layers]
    again = build("inception_v3", image_size=IMAGE_SIZE, weights=None)
    assert [layer.name for layer in again.layers] == names
    assert {"conv2d", "conv2d_93", "batch_normalization", "mixed10"} <= set(names)
    assert "conv2d_94" not in names


@pytest.mark.parametrize(
    ("name", "count", "first", "last"),
    [
        ("resnet50", 16, "conv2_block1_out", "conv5_block3_out"),
        ("efficientnet_lite0", 16, "block1a_project_bn", "block7a_project_bn"),
        ("convnext_tiny", 18, "convnext_tiny_stage_0_block_0_add", "convnext_tiny_stage_3_block_2_add"),
        ("vgg16", 5, "block1_pool", "block5_pool"),
        ("inception_v3", 11, "mixed0", "mixed10"),
        ("xception", 14, "block1_conv2_act", "block14_sepconv2_act"),
        ("densenet121", 58, "conv2_block1_concat", "conv5_block16_concat"),
        ("mobilenet_v3_small", 11, "expanded_conv_project_bn", "expanded_conv_10_add"),
    ],
)
def test_block_outputs_are_listed_from_input_to_output(name, count, first, last):
    layers = block_ends(backbone(name))
    assert (len(layers), layers[0], layers[-1]) == (count, first, last)
    order = [layer.name for layer in backbone(name).layers]
    assert layers == sorted(layers, key=order.index)


def test_the_old_recipe_gets_pixels_between_zero_and_one():
    network = build("resnet50", image_size=32, weights=None, preprocessing="unit")
    np.testing.assert_allclose(network.layers[1](textures()), textures() / 255, rtol=1e-6)


@given(
    scale=st.lists(st.floats(0.125, 2, width=32), min_size=3, max_size=3),
    offset=st.lists(st.floats(-200, 200, width=32), min_size=3, max_size=3),
    swap=st.booleans(),
)
def test_preprocessing_is_one_factor_and_one_summand_a_channel(scale, offset, swap):
    pixels, inputs = textures()[:, :4, :4], keras.Input([4, 4, 3])
    prepared = keras.Model(inputs, preprocess(inputs, scale, offset, swap))(pixels)
    ordered = pixels[..., ::-1] if swap else pixels
    np.testing.assert_allclose(prepared, ordered * np.float32(scale) + np.float32(offset), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "cut"),
    [
        ("resnet50", "conv2_block3_out"),
        ("resnet50", "conv4_block6_out"),
        ("efficientnet_lite0", None),
        ("efficientnet_v2_b0", None),
        ("convnext_tiny", None),
        ("mobilenet_v3_small", None),
    ],
)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_backbone_with_a_head_trains_a_step(name, cut, precision):
    """From random weights: the loss is a number, and every part of the network moves."""
    network = backbone(name)
    network = network if cut is None else keras.Model(network.input, network.get_layer(cut).output, name=name)
    head = build_head(network.output.shape[-1], 3, defaults("head", units=[]), seed=0)
    model = training_copy(attach_head(pooled_backbone(network), head), precision, freeze_norms=True)
    Objective().compile(model, make_optimizer(defaults("finetune", learning_rate=0.01)), 0.0)
    model.run_eagerly = True
    kernels = [variable for variable in model.trainable_variables if variable.path.endswith("kernel")]
    before = [keras.ops.convert_to_numpy(kernel) for kernel in kernels]
    # So many images that stochastic depth leaves no block out for all of them.
    loss = model.train_on_batch(textures(8), np.eye(3, dtype=np.float32)[[0, 2] * 4])[0]
    assert np.isfinite(loss)
    moved = {k.path: not np.array_equal(k, then) for k, then in zip(kernels, before, strict=True)}
    assert np.mean([*moved.values()]) > 0.95
    # Behind a hard sigmoid that random weights have driven to its end, nothing moves.
    assert [path for path, moves in moved.items() if not moves and "squeeze_excite" not in path] == []


@pytest.mark.parametrize("depth", ["conv2_block3_out", "conv3_block4_out", "conv4_block6_out", "conv5_block3_out"])
def test_features_of_resnet50_may_come_from_any_depth(depth):
    whole = backbone("resnet50")
    features = pooled_backbone(whole, [depth], "mean")
    assert features.layers[-1].name == "pooled"
    expected = keras.ops.mean(keras.Model(whole.input, whole.get_layer(depth).output)(textures()), axis=(1, 2))
    assert relative_difference(features(textures()), expected) < 1e-5
