"""The supported backbones: built by name, preprocessing inside, weights from a file.

A backbone maps RGB pixels in 0..255 to the feature map of its last convolutional stage, or of a layer
named by the user. Layers keep the names that ``keras.applications`` gives them, and the graph is flat, so
every layer can be named.
"""

import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import keras

from rockspace.errors import RockspaceError
from rockspace.networks import lite
from rockspace.networks.flattening import flat
from rockspace.networks.layer_names import Layers, check_backbone
from rockspace.networks.layers import find_layer
from rockspace.networks.preprocessing import IMAGENET_STD, MODES
from rockspace.networks.weight_files import load_weights


class Backbone(NamedTuple):
    """How to build one backbone.

    Attributes:
        build: from ``input_shape`` (height, width, 3) to a model without classifier and, if ``built_in`` is empty,
            without preprocessing; its weights are drawn at random.
        preprocessing: a key of ``preprocessing.MODES``, what the published weights expect.
        built_in: types of the model's own preprocessing layers, to be left out.
    """

    build: Callable[..., keras.Model]
    preprocessing: str
    built_in: tuple[type, ...] = ()


def _application(class_name: str, **options: Any) -> Callable[..., keras.Model]:
    return partial(getattr(keras.applications, class_name), include_top=False, weights=None, **options)


def _table() -> dict[str, Backbone]:
    bare = {"include_preprocessing": False}
    table = {}
    for depth in (50, 101, 152):
        table[f"resnet{depth}"] = Backbone(_application(f"ResNet{depth}"), "caffe")
        table[f"resnet{depth}_v2"] = Backbone(_application(f"ResNet{depth}V2"), "tf")
    for number in range(8):
        # Their preprocessing holds weights, so it can't be left out before those are loaded.
        built_in = (keras.layers.Rescaling, keras.layers.Normalization)
        table[f"efficientnet_b{number}"] = Backbone(_application(f"EfficientNetB{number}"), "torch", built_in)
    for size in ("B0", "B1", "B2", "B3", "S", "M", "L"):
        mode = "torch" if size.startswith("B") else "128"
        table[f"efficientnet_v2_{size.lower()}"] = Backbone(_application(f"EfficientNetV2{size}", **bare), mode)
    for size in ("Tiny", "Small", "Base", "Large", "XLarge"):
        table[f"convnext_{size.lower()}"] = Backbone(_application(f"ConvNeXt{size}", **bare), "torch")
    for size in ("Small", "Large"):
        table[f"mobilenet_v3_{size.lower()}"] = Backbone(_application(f"MobileNetV3{size}", **bare), "tf")
    for depth in (121, 169, 201):
        table[f"densenet{depth}"] = Backbone(_application(f"DenseNet{depth}"), "torch")
    for depth in (16, 19):
        table[f"vgg{depth}"] = Backbone(_application(f"VGG{depth}"), "caffe")
    for name, class_name in (
        ("mobilenet_v2", "MobileNetV2"),
        ("inception_v3", "InceptionV3"),
        ("xception", "Xception"),
    ):
        table[name] = Backbone(_application(class_name), "tf")
    for variant in lite.SCALING:
        table[f"efficientnet_{variant}"] = Backbone(partial(lite.network, variant), "lite")
    return table


BACKBONES: dict[str, Backbone] = _table()


def build(
    name: str,
    *,
    image_size: int,
    weights: Path | None,
    output_layer: str | None = None,
    preprocessing: str = "backbone",
    seed: int = 0,
) -> keras.Model:
    """Build a backbone.

    Args:
        name: a key of ``BACKBONES``.
        image_size: height and width of the input in pixels, at least 32 (71 or 75 for a few).
        weights: a Keras ``.weights.h5`` file for the whole network without its classifier or for the network
            cut at ``output_layer``; None for weights drawn at random.
        output_layer: the layer whose output the model returns; None for the last feature map.
        preprocessing: "backbone" for what the published weights expect, or a key of ``preprocessing.MODES``.
        seed: of the random weights.

    Returns:
        A flat functional float32 model from RGB pixels in 0..255 of shape (n, image_size, image_size, 3) to
        a feature map.

    Raises:
        RockspaceError: an unknown name or layer, an image too small, or a file that does not fit.
    """
    backbone = look_up(name)
    if preprocessing not in (modes := ("backbone", *MODES)):
        raise RockspaceError(f"preprocessing: {preprocessing!r} is not one of {', '.join(modes)}")
    with random_weights_from(seed):
        try:
            network = backbone.build(input_shape=(image_size, image_size, 3))
        except ValueError as error:
            raise RockspaceError(f"image_size: {image_size} does not suit {name}: {error}") from error
        if weights is not None:
            load_weights(_whole_and_cut(network, output_layer), Path(weights))
        if preprocessing != "backbone":
            constants = MODES[preprocessing]
        elif weights is not None and backbone.built_in:
            constants = _loaded_normalization(network)
        else:
            constants = MODES[backbone.preprocessing]
        model = flat(network, name, constants, backbone.built_in)
    if output_layer is None:
        return model
    return keras.Model(model.input, find_layer(model, output_layer, "models: output_layer").output, name=name)


def look_up(name: str) -> Backbone:
    """The backbone of that name; a RockspaceError that suggests similar names if there is none."""
    check_backbone(name)
    return BACKBONES[name]


def layers(name: str) -> Layers:
    """Return the names of a backbone's layers, without weights."""
    # Initializing the weights would take minutes for the largest networks.
    with keras.StatelessScope(initialize_variables=False):
        network = build(name, image_size=96, weights=None)
    return Layers([layer.name for layer in network.layers], block_ends(network))


def block_ends(model: keras.Model) -> list[str]:
    """The layers at which the blocks of a backbone end, from the input to the output.

    Args:
        model: from ``build``, as it is, folded, or with a head.
    """
    last_of_block = {}
    for layer in model.layers:
        block = _BLOCK.match(layer.name)
        if block and not isinstance(layer, keras.layers.InputLayer):
            last_of_block[block.group()] = layer
    sums = [layer for layer in model.layers if isinstance(layer, keras.layers.Add)]
    ends = []
    for layer in last_of_block.values():
        # Some networks name the sum that closes a block after nothing ("add_3").
        closing = [add.name for add in sums if any(tensor is layer.output for tensor in add.input)]
        ends.append(closing[0] if closing and not _BLOCK.match(closing[0]) else layer.name)
    return ends


_BLOCK = re.compile(
    r"conv\d_block\d+(?=_)|block\d+[a-z]?(?=_)|block_\d+(?=_)|expanded_conv(_\d+)?(?=_)"
    r"|convnext_[a-z]+_stage_\d_block_\d+(?=_)|mixed\d+$"
)


@contextmanager
def random_weights_from(seed: int) -> Iterator[None]:
    """Make layers that have no seed of their own draw from ``seed``; Keras gives them one from ``random``."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def _whole_and_cut(network: keras.Model, output_layer: str | None) -> list[keras.Model]:
    names = [layer.name for layer in network.layers]
    if output_layer not in names:
        return [network]
    cut = keras.Model(network.input, network.get_layer(output_layer).output, name=network.name)
    return [network, cut]


def _loaded_normalization(network: keras.Model) -> dict[str, Any]:
    """The preprocessing that EfficientNet-B's weights bring along, as one factor and summand a channel.

    With weights from ImageNet, ``keras.applications`` divides once more by the square root of the standard
    deviation.
    """
    normalization = next(layer for layer in network.layers if isinstance(layer, keras.layers.Normalization))
    mean, variance = (keras.ops.convert_to_numpy(value).ravel() for value in normalization.get_weights()[:2])
    scale = [1 / (v**0.5 * std**0.5) for v, std in zip(variance, IMAGENET_STD, strict=True)]
    return {
        "scale": [value / 255 for value in scale],
        "offset": [-m * value for m, value in zip(mean, scale, strict=True)],
    }
