"""Networks in .keras files: the same function as in the file, whatever it is made of, or one line that says why not."""

import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from networks import relative_difference
from rockspace.errors import RockspaceError
from rockspace.networks import keras_file
from rockspace.networks.classifier import attach_head, build_head, pooled_backbone
from rockspace.networks.keras_file import MAX_CONFIG_BYTES
from rockspace.networks.loading import load_classifier, save_classifier
from rockspace.networks.precision import fast_inference
from rockspace.networks.preprocessing import MODES
from rockspace.networks.training_copy import trained, training_copy

SIDE = 32


def image(side: int | None = SIDE) -> keras.KerasTensor:
    return keras.Input((side, side, 3))


def with_custom_head() -> keras.Model:
    """As Keras' guide to transfer learning makes one: augmentation, scaling, a frozen base inside, a head for four classes."""
    base = keras.applications.MobileNetV2((SIDE, SIDE, 3), alpha=0.35, include_top=False, weights=None)
    base.trainable = False
    x = inputs = image()
    x = layers.Rescaling(1 / 127.5, -1)(layers.RandomFlip()(x))
    x = layers.GlobalAveragePooling2D()(base(x, training=False))
    x = layers.Dropout(0.2)(layers.Dense(20, activation="relu", name="own features")(x))
    return keras.Model(inputs, layers.Dense(4, activation="softmax", name="predictions")(x))


def sequential() -> keras.Model:
    inner = keras.Sequential([layers.Conv2D(8, 3, name="c"), layers.BatchNormalization(), layers.ReLU()], name="inner")
    first = [image(None), layers.Conv2D(4, 3, strides=2, name="c"), layers.BatchNormalization(), layers.ReLU()]
    return keras.Sequential([*first, inner, layers.GlobalAveragePooling2D(), layers.Dense(6)])


def functional() -> keras.Model:
    """Sums by ``+``, one layer without weights used twice, an initializer with a seed, operations that are no layers."""
    start, relu = keras.initializers.HeNormal(seed=3), layers.ReLU()
    inputs = image()
    x = relu(layers.Conv2D(8, 3, padding="same", kernel_initializer=start, name="first")(inputs))
    x = relu(x + layers.Conv2D(8, 3, padding="same")(x))
    return keras.Model(inputs, layers.Dense(5, name="last")(keras.ops.mean(x, axis=(1, 2))))


def ending_in_an_operation() -> keras.Model:
    """Behind a layer that has learnt the mean and the variance of its images."""
    inputs, normalization = image(), layers.Normalization()
    normalization.adapt(pixels())
    return keras.Model(inputs, keras.ops.mean(layers.Conv2D(4, 3, name="only")(normalization(inputs)), axis=(1, 2)))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.first, self.norm = layers.Conv2D(4, 3, strides=2, name="first"), layers.BatchNormalization(name="norm")
        self.mean, self.last = layers.GlobalAveragePooling2D(), layers.Dense(3, name="last")

    def call(self, images):
        return self.last(self.mean(keras.ops.relu(self.norm(self.first(images)))))


def subclassed() -> keras.Model:
    """As the docs say that one is saved."""
    inputs = image()
    return keras.Model(inputs, Subclassed().call(inputs))


def half_precision() -> keras.Model:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        inputs = image()
        return keras.Model(inputs, layers.Conv2D(4, 3, name="only")(inputs))
    finally:
        keras.config.set_dtype_policy("float32")


def tokens() -> keras.Model:
    """Behind augmentation that Keras does whenever it is called; a sequence with attention and a constant, and its end."""
    inputs = image()
    x = layers.RandAugment()(inputs)
    x = layers.Reshape((16, 8))(layers.Conv2D(8, 8, strides=8, name="patches")(x))
    x = x + np.linspace(0, 1, 8, dtype="f4")
    return keras.Model(inputs, x + layers.MultiHeadAttention(2, 4, use_bias=False)(x, x))


def ending_in_a_softmax_that_is_no_layer() -> keras.Model:
    x = layers.Dense(7, name="features")(layers.GlobalAveragePooling2D()(inputs := image()))
    return keras.Model(inputs, keras.ops.softmax(layers.Dense(4)(x)))


MADE = {
    "tokens": tokens,
    "a softmax": ending_in_a_softmax_that_is_no_layer,
    "with a custom head": with_custom_head,
    "sequential": sequential,
    "functional": functional,
    "an operation": ending_in_an_operation,
    "a subclassed model": subclassed,
}
"""Kinds of files, each with its last layer before what tells classes, and the first and last end of a block."""
FEATURES = {
    "with a custom head": "own.features",
    "sequential": "dense",
    "tokens": "add",
    "a softmax": "features",
    "functional": "last",
    "an operation": "output",
    "a subclassed model": "last",
}


@pytest.fixture(scope="module", params=MADE)
def saved(request, tmp_path_factory):
    """Its name, the network, and its file."""
    keras.utils.set_random_seed(1)
    network = MADE[request.param]()
    rng = np.random.default_rng(2)
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, values.shape) for values in layer.get_weights()])
    path = tmp_path_factory.mktemp("files") / "net.keras"
    network.save(path)
    return request.param, network, path


def pixels() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (3, SIDE, SIDE, 3)).astype("f4")


def built(path, **keys) -> keras.Model:
    return keras_file.build(str(path), **{"image_size": SIDE, "weights": path, "preprocessing": "none"} | keys)


def test_the_function_is_that_of_the_file_behind_the_preprocessing_said(saved):
    _, network, path = saved
    last = keras_file.layers(str(path)).names[-1]
    scaled = pixels() * np.array(MODES["torch"]["scale"]) + np.array(MODES["torch"]["offset"])
    expected = network(scaled.astype("f4"), training=False)
    found = built(path, output_layer=last, preprocessing="torch")(pixels())
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_features_end_before_what_tells_classes_and_names_can_stand_in_files(saved):
    name, _, path = saved
    found = keras_file.layers(str(path))
    assert built(path).layers[-1].name.startswith(FEATURES[name])
    assert found.last == built(path).layers[-1].name
    assert found.image_size == (None if name == "sequential" else SIDE)
    assert len(set(found.names)) == len(found.names)
    assert not {"predictions", "penultimate", "own features"} & set(found.names)


def test_blocks_end_at_sums_or_where_maps_change_their_size(tmp_path):
    functional().save(tmp_path / "f.keras")
    found = keras_file.layers(str(tmp_path / "f.keras"))
    assert len(found.block_ends) == 1
    assert found.names[found.names.index(found.block_ends[0]) - 1] == "add"
    sequential().save(tmp_path / "s.keras")
    assert len(keras_file.layers(str(tmp_path / "s.keras")).block_ends) == 2


@pytest.mark.parametrize("pooling", ["mean", "mean_std"])
def test_features_of_a_sequence_are_pooled_over_its_steps(tmp_path, pooling):
    network = tokens()
    network.save(tmp_path / "t.keras")
    steps = network(pixels(), training=False).numpy()
    expected = [steps.mean(axis=1), steps.std(axis=1)][: 1 if pooling == "mean" else 2]
    found = pooled_backbone(built(tmp_path / "t.keras"), pooling=pooling)(pixels())
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1), rtol=1e-4, atol=1e-4)
    with pytest.raises(RockspaceError, match="foreground needs feature maps"):
        pooled_backbone(built(tmp_path / "t.keras"), pooling="foreground")


def test_a_network_that_scales_pixels_itself_is_known(tmp_path):
    for name, scales in (("a", True), ("b", False)):
        inputs = image()
        of(inputs, keras.Sequential([layers.Rescaling(1 / 255 if scales else 2, -1), layers.Conv2D(2, 3)])).save(
            tmp_path / f"{name}.keras"
        )
        found = keras_file.layers(str(tmp_path / f"{name}.keras"))
        assert found.scales_pixels is scales
        assert found.names[2].startswith("rescaling")
        assert found.block_ends == [found.last]


def test_random_weights_are_others_for_each_seed_and_the_same_for_one(saved):
    *_, path = saved
    first, again, other = (built(path, weights=None, seed=seed).get_weights() for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    kernels = [(a, b) for a, b in zip(first, other, strict=True) if a.ndim > 1]
    assert kernels
    assert not any(np.array_equal(a, b) for a, b in kernels)
    assert not any(
        np.array_equal(a, b) for a, (b, _) in zip(built(path).get_weights(), kernels, strict=False) if a.ndim > 1
    )


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_it_trains_whole_in_both_precisions_and_loads_again(saved, precision, tmp_path):
    _, _, path = saved
    features = pooled_backbone(built(path))
    network = attach_head(features, build_head(features.output.shape[-1], 4, HEAD, seed=0))
    copy = training_copy(network, precision, freeze_norms=True)
    copy.compile(keras.optimizers.Adam(1e-3), "categorical_crossentropy", jit_compile=False)
    copy.fit(pixels(), np.eye(4)[:3], epochs=2, verbose=0)
    learnt = trained(network, copy)
    moved = [
        not np.array_equal(a, b) for a, b in zip(network.get_weights(), learnt.get_weights(), strict=True) if a.ndim > 1
    ]
    assert sum(moved) > 0.9 * len(moved)
    save_classifier(learnt, tmp_path / "learnt.keras")
    loaded = load_classifier(tmp_path / "learnt.keras")
    np.testing.assert_allclose(loaded(pixels()), learnt(pixels()), rtol=1e-5, atol=1e-6)
    fast = fast_inference(loaded, precision)(pixels())
    assert relative_difference(fast, learnt(pixels())) < (1e-4 if precision == "float32" else 0.1)


HEAD = {"units": [8], "dropout": 0.1, "logits": "linear", "cosine_scale": None}


def test_a_file_of_half_precision_is_computed_as_asked(tmp_path):
    half_precision().save(tmp_path / "h.keras")
    assert {layer.compute_dtype for layer in built(tmp_path / "h.keras").layers} == {"float32"}


@keras.saving.register_keras_serializable("mine")
class Mine(layers.Layer):
    """A class that no other process knows."""

    def call(self, x):
        return x * 2


def doubled(x):
    return x * 2


def several(inputs: int = 1, outputs: int = 1) -> keras.Model:
    images = [image() for _ in range(inputs)]
    x = layers.Concatenate()(images) if inputs > 1 else images[0]
    return keras.Model(images, [layers.Conv2D(2, 3, name=f"out{i}")(x) for i in range(outputs)])


def shared_weights() -> keras.Model:
    inputs, conv = image(), layers.Conv2D(3, 3, padding="same", name="twice")
    return keras.Model(inputs, conv(conv(inputs)))


def of(inputs: keras.KerasTensor, layer: layers.Layer | None = None) -> keras.Model:
    return keras.Model(inputs, (layer or layers.Flatten())(inputs))


def several_of_a_layer() -> keras.Model:
    inputs = image()
    states = layers.LSTM(4, return_state=True)(layers.Reshape((SIDE, SIDE * 3))(inputs))
    return keras.Model(inputs, layers.Concatenate()(states))


def quantized() -> keras.Model:
    network = of(image(), keras.Sequential([layers.Flatten(), layers.Dense(4, name="narrow")]))
    network.get_layer(index=1).quantize("int8")
    return network


def normalized_places() -> keras.Model:
    normalization = layers.Normalization(axis=(1, 3))
    normalization.adapt(pixels())
    return of(image(), normalization)


def without_numbers(value: float) -> keras.Model:
    network = functional()
    weights = network.get_layer("first").get_weights()
    network.get_layer("first").set_weights([np.full_like(each, value) for each in weights])
    return network


REFUSED = {
    "NaN among the weights": (
        lambda: without_numbers(np.nan),
        "the weights of layer '.*' contain NaN or infinity; use",
    ),
    "infinite weights": (lambda: without_numbers(np.inf), "the weights of layer '.*' contain NaN or infinity; use"),
    "code in a Lambda": (lambda: of(image(), layers.Lambda(lambda x: x * 2)), r"code of its own \(Lambda\).*\.onnx"),
    "code in an activation": (lambda: of(image(), layers.Activation(lambda x: x * 2)), r"code of its own"),
    "a function of one's own": (lambda: of(image(), layers.Activation(doubled)), "holds 'doubled', which is no part"),
    "an unknown class": (lambda: of(image(), Mine()), r"'Mine', which is no part of Keras; .*\.onnx file"),
    "two inputs": (lambda: several(inputs=2), "has 2 inputs; save one"),
    "two outputs": (lambda: several(outputs=2), "has 2 outputs; save one"),
    "no images": (lambda: of(keras.Input((10,))), r"no images in colour; its input is \(None, 10\)"),
    "grey images": (lambda: of(keras.Input((28, 28, 1))), "no images in colour"),
    "channels first": (lambda: of(keras.Input((3, 32, 32))), "takes channels first"),
    "no squares": (lambda: of(keras.Input((32, 48, 3))), "32 x 48 pixels; only squares"),
    "several outputs of a layer": (several_of_a_layer, "gives several outputs; export"),
    "quantized": (quantized, "layer 'narrow' is quantized"),
    "a normalization of each place": (normalized_places, "normalizes each place by itself; give it axis=-1"),
    "a random cut": (lambda: of(image(), layers.RandomCrop(24, 24)), "cuts images at random; put CenterCrop"),
    "layers that met no images": (lambda: keras.Sequential([layers.Conv2D(2, 3)]), "begin it with keras.Input"),
    "weights used twice": (shared_weights, "layer 'twice' is used several times"),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_one_line(tmp_path, make, message):
    make().save(tmp_path / "net.keras")
    with pytest.raises(RockspaceError, match=message) as caught:
        keras_file.layers(str(tmp_path / "net.keras"))
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "net.keras") in str(caught.value)


def test_another_kind_of_file_and_another_size_are_one_line(tmp_path):
    (tmp_path / "net.keras").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(RockspaceError, match=r"no \.keras file of Keras 3"):
        keras_file.layers(str(tmp_path / "net.keras"))
    functional().save(tmp_path / "net.keras")
    with pytest.raises(RockspaceError, match="32 x 32 pixels, not 64; give the model image_size: 32"):
        built(tmp_path / "net.keras", image_size=64)


@pytest.mark.parametrize(
    "config", [b"[" * 100_000, b" " * (MAX_CONFIG_BYTES + 1)], ids=["nested", "unpacks without end"]
)
def test_a_description_without_end_is_one_line(tmp_path, config):
    with zipfile.ZipFile(tmp_path / "n.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", config)
    with pytest.raises(RockspaceError, match="of Keras 3"):
        keras_file.layers(str(tmp_path / "n.keras"))


def changed(path: Path, **members: bytes) -> None:
    """Write a network with other members in its file: ``config`` and ``weights``."""
    functional().save(path)
    names = {"config.json": "config", "model.weights.h5": "weights"}
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, own in content.items():
            archive.writestr(name, members.get(names.get(name, ""), own))


def test_weights_that_unpack_without_end_are_one_line(tmp_path):
    changed(tmp_path / "n.keras", weights=bytes(201_000_000))
    with pytest.raises(RockspaceError, match=r"its content takes 201,[0-9,]+ bytes, more than 200 times"):
        keras_file.layers(str(tmp_path / "n.keras"))


def test_a_description_that_keras_stumbles_on_is_one_line(tmp_path):
    with_weights = functional()
    description = json.loads(with_weights.to_json())
    for dense in (part for part in description["config"]["layers"] if part["class_name"] == "Dense"):
        dense["config"]["units"] = 10**19  # more than TensorFlow counts
    deep = b'{"class_name":' * 900 + b"1" + b"}" * 900
    for config in (json.dumps(description).encode(), deep):
        changed(tmp_path / "n.keras", config=config)
        with pytest.raises(RockspaceError, match=r"n\.keras: (cannot be loaded|no \.keras file)") as caught:
            keras_file.layers(str(tmp_path / "n.keras"))
        assert "\n" not in str(caught.value)
