"""The form that trains is the network itself with frozen batch norm: same function, same steps, same weights after."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from networks import FAMILIES, backbone, relative_difference, textures
from rockspace.networks import fast_layers
from rockspace.networks.rewiring import rebuild
from rockspace.networks.training_copy import FrozenNormalization, NormalizedLayer, trained, training_copy

LABELS = np.eye(3, dtype=np.float32)[[0, 2, 1]]
STEPS = 20
OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(1e-4, global_clipnorm=1.0),
    "adamw": lambda: keras.optimizers.AdamW(1e-4, weight_decay=0.05),
    "sgd": lambda: keras.optimizers.SGD(1e-4, momentum=0.9, nesterov=True, global_clipnorm=1.0),
}


def classifier(name: str, until: str | None = None) -> keras.Model:
    network = rebuild(backbone(name))
    if until:
        network = keras.Model(network.input, network.get_layer(until).output)
    x = keras.layers.GlobalAveragePooling2D(name="pooled", dtype="float32")(network.output)
    start = keras.initializers.GlorotUniform(seed=0)
    predictions = keras.layers.Dense(3, "softmax", kernel_initializer=start, name="predictions", dtype="float32")(x)
    return keras.Model(network.input, predictions)


def reads_a_convolution_with_bias(network: keras.Model, norm: keras.layers.BatchNormalization) -> bool:
    before = next(layer for layer in network.layers if layer.output is norm.input)
    return getattr(before, "use_bias", False)


def variables_of_frozen_batch_norm(network: keras.Model) -> list[keras.Variable]:
    """What trains where statistics and gamma are frozen: all else, and beta where no bias does the same."""
    variables = []
    for layer in network.layers:
        if not isinstance(layer, keras.layers.BatchNormalization):
            variables += layer.trainable_variables
        elif layer.center and not reads_a_convolution_with_bias(network, layer):
            variables.append(layer.beta)
    return variables


def training_of(network: keras.Model, variables: list[keras.Variable]) -> Callable[[keras.optimizers.Optimizer], None]:
    """Training by any optimizer, always from the same start; the graph is made once."""
    start = network.get_weights()

    @tf.function
    def gradients() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            # Inference mode: no statistics of the batch, no dropout.
            loss = tf.reduce_mean(keras.losses.categorical_crossentropy(LABELS, network(textures(3), training=False)))
        return tape.gradient(loss, [variable.value for variable in variables])

    def train(optimizer: keras.optimizers.Optimizer) -> None:
        network.set_weights(start)
        optimizer.build(variables)
        apply = tf.function(lambda slopes: optimizer.apply(slopes, variables))
        for _ in range(STEPS):
            apply(gradients())

    return train


# Of the deep ones the first blocks: in many layers of random weights rounding grows until no two computations agree.
LAST_LAYERS = {
    "efficientnet_lite0": None,
    "resnet50": "conv2_block1_out",
    "mobilenet_v3_small": None,
    "densenet121": "conv2_block3_concat",
    "xception": "block2_sepconv2_bn",
}


@pytest.mark.parametrize(("name", "until"), LAST_LAYERS.items())
def test_every_step_is_that_of_plain_keras_on_the_unfolded_network(name, until):
    network = classifier(name, until)
    expected, copy = rebuild(network), training_copy(network, "float32", freeze_norms=True)
    reference = training_of(expected, variables_of_frozen_batch_norm(expected))
    ours = training_of(copy, copy.trainable_variables)
    for kind, optimizer in OPTIMIZERS.items():
        reference(optimizer())
        ours(optimizer())
        moved = 0.0
        for actual, right, start in zip(trained(network, copy).weights, expected.weights, network.weights, strict=True):
            np.testing.assert_allclose(actual, right, atol=1e-5, err_msg=f"{kind}: {actual.path}")
            moved = max(moved, np.abs(np.asarray(right) - np.asarray(start)).max())
        assert moved > 1e-4


@pytest.mark.parametrize("name", FAMILIES)
def test_the_copy_is_the_same_function_and_gives_the_same_network_back(name):
    network = classifier(name)
    copy = training_copy(network, "float32", freeze_norms=True)
    assert relative_difference(copy(textures(), training=False), network(textures())) < 1e-4
    kinds = {type(layer) for layer in copy.layers}
    assert keras.layers.BatchNormalization not in kinds
    assert (FrozenNormalization in kinds) == (name in ("resnet50_v2", "densenet121"))
    back = trained(network, copy)
    assert [type(layer) for layer in back.layers] == [type(layer) for layer in network.layers]
    for one, other in zip(back.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_copy_shares_nothing_with_the_network():
    network = classifier("mobilenet_v2")
    before = network.get_weights()
    copy = training_copy(network, "float32", freeze_norms=True)
    for variable in copy.variables:
        variable.assign(keras.ops.zeros_like(variable))
    assert all(np.array_equal(now, then) for now, then in zip(network.get_weights(), before, strict=True))


def test_where_batch_norm_trains_its_layers_stay():
    copy = training_copy(classifier("efficientnet_lite0"), "float32", freeze_norms=False)
    kinds = {type(layer) for layer in copy.layers}
    assert keras.layers.BatchNormalization in kinds
    assert not kinds & {NormalizedLayer, FrozenNormalization}


def network_with_norm(layer: keras.layers.Layer, shape: tuple[int, ...], **options: object) -> keras.Model:
    inputs = keras.Input(shape)
    network = keras.Model(inputs, keras.layers.BatchNormalization(**options)(layer(inputs)))
    rng = np.random.default_rng(3)
    network.set_weights([rng.uniform(0.2, 1.0, weights.shape) for weights in network.get_weights()])
    return network


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (keras.layers.DepthwiseConv2D(3, depth_multiplier=3, use_bias=False), (9, 9, 4)),
        (keras.layers.DepthwiseConv2D(3, use_bias=True), (9, 9, 4)),
        (keras.layers.SeparableConv2D(6, 3, depth_multiplier=2), (9, 9, 4)),
        (keras.layers.Conv2D(6, 3, groups=2, use_bias=False), (9, 9, 4)),
        (keras.layers.Dense(5, use_bias=False), (4,)),
    ],
    ids=["depthwise with a multiplier", "depthwise with a bias", "separable", "grouped", "dense"],
)
@pytest.mark.parametrize("options", [{}, {"scale": False}, {"center": False}])
def test_each_kind_of_layer_steps_as_keras_does(layer, shape, options):
    network = network_with_norm(type(layer).from_config(layer.get_config()), shape, **options)
    expected, copy = rebuild(network), training_copy(network, "float32", freeze_norms=True)
    x = np.random.default_rng(0).normal(size=(8, *shape)).astype(np.float32)
    for model, variables in (
        (expected, variables_of_frozen_batch_norm(expected)),
        (copy, copy.trainable_variables),
    ):
        optimizer = keras.optimizers.Adam(0.01)
        for _ in range(5):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(model(x, training=False) ** 2)
            optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)
    for actual, right in zip(trained(network, copy).get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(actual, right, atol=1e-5)


def test_the_backbone_computes_in_bfloat16_and_head_and_variables_in_float32():
    network = classifier("efficientnet_b0")
    copy = training_copy(network, "bfloat16", freeze_norms=True)
    normalized = [layer.layer for layer in copy.layers if isinstance(layer, NormalizedLayer)]
    assert {layer.compute_dtype for layer in normalized} == {"bfloat16"}
    assert copy.get_layer("predictions").compute_dtype == "float32"
    assert copy.get_layer("preprocessing").compute_dtype == "float32"
    assert {variable.dtype for variable in copy.trainable_variables} == {"float32"}
    assert np.corrcoef(np.ravel(copy(textures())), np.ravel(network(textures())))[0, 1] > 0.99


def test_training_in_bfloat16_lowers_the_loss():
    copy = training_copy(classifier("mobilenet_v3_small"), "bfloat16", freeze_norms=True)
    copy.compile(keras.optimizers.SGD(0.01, global_clipnorm=1.0), "categorical_crossentropy", jit_compile=False)
    images, labels = textures(6), np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]]
    losses = copy.fit(images, labels, epochs=6, batch_size=6, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("kind", ["gelu", "normalization"])
def test_layers_that_keep_only_their_input_have_the_gradients_of_keras(kind):
    rng = np.random.default_rng(0)
    x, upstream = (tf.constant(rng.normal(0, 2, (3, 5, 16)), tf.float32) for _ in range(2))
    if kind == "gelu":
        layers = keras.layers.Activation("gelu"), fast_layers.Gelu("gelu")
    else:
        layers = keras.layers.LayerNormalization(epsilon=1e-6), fast_layers.LayerNormalization(epsilon=1e-6)
        for layer in layers:
            layer.build(x.shape)
            layer.set_weights([np.linspace(0.5, 1.5, 16), np.linspace(-1, 1, 16)])
    found = []
    for layer in layers:
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = layer(x)
            loss = tf.reduce_sum(outputs * upstream)
        found.append([outputs, *tape.gradient(loss, [x, *(each.value for each in layer.trainable_variables)])])
    for expected, actual in zip(*found, strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-5)
