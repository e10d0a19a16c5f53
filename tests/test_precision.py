"""Precision: bfloat16 where it pays, float32 where it counts, and the same gradients by a faster way."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from networks import FAMILIES, backbone, relative_difference, textures
from rockspace.networks.fast_layers import fast_equivalent
from rockspace.networks.folding import fold
from rockspace.networks.precision import (
    choose,
    convolves_faster_in_bfloat16,
    fast_inference,
    processor_bfloat16,
)
from rockspace.networks.rewiring import Replacement, copy_of, rebuild


@pytest.mark.parametrize("name", ["resnet50", "efficientnet_lite0", "densenet121", "mobilenet_v3_small"])
def test_compiled_inference_gives_the_same_answers_for_any_number_of_images(name):
    network = fold(backbone(name))
    run = fast_inference(network, "float32")
    for count in (1, 3):
        assert relative_difference(run(textures(count)), network(textures(count))) < 1e-4
    rough = np.asarray(fast_inference(network, "bfloat16")(textures()))
    assert rough.dtype == np.float32
    assert np.corrcoef(rough.ravel(), np.asarray(network(textures())).ravel())[0, 1] > 0.999


def test_compiled_inference_returns_each_of_several_outputs():
    network = fold(backbone("efficientnet_lite0"))
    named = {name: network.get_layer(name).output for name in ("block1a_project_bn", "top_activation")}
    view = keras.Model(network.input, named)
    expected = view(textures())
    for name, values in fast_inference(view, "float32")(textures()).items():
        assert relative_difference(values, expected[name]) < 1e-4


def gradients(model, images):
    with tf.GradientTape() as tape:
        # A scale that leaves no gradient too small for a comparison.
        loss = tf.reduce_sum(model(images, training=True) ** 2)
    return [np.asarray(gradient) for gradient in tape.gradient(loss, model.trainable_weights)]


@pytest.mark.parametrize("name", ["resnet50", "efficientnet_lite0", "mobilenet_v2"])
def test_fast_layers_have_the_gradients_of_keras(name):
    network = fold(backbone(name))

    def fast(layer):
        layer_type = fast_equivalent(layer)
        return Replacement(copy_of(layer, layer_type)) if layer_type else None

    faster = rebuild(network, fast)
    assert sum(type(layer).__module__ == "rockspace.networks.fast_layers" for layer in faster.layers) > 30
    for actual, expected in zip(gradients(faster, textures()), gradients(network, textures()), strict=True):
        assert relative_difference(actual, expected) < 1e-4


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Conv2D(5, 1, strides=2, padding="same", activation="relu"),
        keras.layers.Conv2D(5, 1, strides=(1, 3), use_bias=False),
        keras.layers.DepthwiseConv2D(5, strides=2, padding="same"),
        keras.layers.DepthwiseConv2D(3, padding="valid", depth_multiplier=2, use_bias=False),
    ],
    ids=["strided", "strided one way", "depthwise strided", "depthwise with a multiplier"],
)
def test_a_fast_layer_is_the_layer_it_stands_for(layer):
    images = np.random.default_rng(0).normal(size=(2, 9, 8, 4)).astype(np.float32)
    inputs = keras.Input((9, 8, 4))
    plain = keras.Model(inputs, layer(inputs))
    swapped = rebuild(plain, lambda old: Replacement(copy_of(old, fast_equivalent(old))))
    np.testing.assert_allclose(swapped(images), plain(images), atol=1e-5)
    for actual, expected in zip(gradients(swapped, images), gradients(plain, images), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Conv2D(4, 3),
        keras.layers.Conv2D(4, 1, groups=2),
        keras.layers.DepthwiseConv2D(3, dilation_rate=2),
        keras.layers.SeparableConv2D(4, 1),
        keras.layers.Dense(3),
    ],
)
def test_other_layers_stay_what_they_are(layer):
    assert fast_equivalent(layer) is None


@pytest.mark.parametrize(
    ("flags", "native"),
    [
        ("fpu avx512_bf16 amx_bf16 avx512f", "amx_bf16"),
        ("avx512_bf16 sse2", "avx512_bf16"),
        ("fpu avx512f avx2", None),
        ("", None),
    ],
)
def test_a_processor_says_whether_it_has_bfloat16(flags, native, tmp_path):
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    assert processor_bfloat16(tmp_path / "cpuinfo") == native
    assert processor_bfloat16(tmp_path / "missing") is None


@pytest.mark.parametrize("name", FAMILIES)
def test_a_processor_without_bfloat16_is_given_float32(name):
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("a GPU decides here")
    expected = {"float32", "bfloat16"} if processor_bfloat16() else {"float32"}
    assert {choose(name, "train"), choose(name, "embed")} <= expected


@pytest.mark.parametrize(
    ("native", "pays", "of_resnet50", "of_b0"),
    [
        ("amx_bf16", False, "bfloat16", "float32"),
        ("avx512_bf16", True, "bfloat16", "bfloat16"),
        ("avx512_bf16", False, "float32", "float32"),
        (None, True, "float32", "float32"),
    ],
)
def test_a_processor_is_given_what_it_is_faster_in(native, pays, of_resnet50, of_b0, monkeypatch):
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("a GPU decides here")
    monkeypatch.setattr("rockspace.networks.precision.processor_bfloat16", lambda: native)
    monkeypatch.setattr("rockspace.networks.precision.convolves_faster_in_bfloat16", lambda: pays)
    assert choose("resnet50", "train") == of_resnet50
    assert choose("efficientnet_b0", "train") == of_b0


def test_the_same_convolution_is_found_faster_every_time():
    convolves_faster_in_bfloat16.cache_clear()
    first = convolves_faster_in_bfloat16()
    convolves_faster_in_bfloat16.cache_clear()
    assert convolves_faster_in_bfloat16() is first
