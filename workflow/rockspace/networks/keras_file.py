"""Networks in ``.keras`` files as backbones: loaded without running code of theirs, taken apart into one flat graph.

Layers keep their names, as far as these can stand in names of files and mean nothing else here.
"""

import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from rockspace.errors import RockspaceError
from rockspace.limits import MAX_EXPANSION, unpacks_too_far
from rockspace.machine_faults import fault_of_the_machine
from rockspace.network_kinds import PENULTIMATE, POOLED, layer_name
from rockspace.networks import backbones
from rockspace.networks.layer_names import Layers
from rockspace.networks.layers import find_layer
from rockspace.networks.preprocessing import MODES, PREPROCESSING, preprocess
from rockspace.networks.rewiring import copy_of
from rockspace.networks.weight_files import refuse_not_finite

ANY_SIZE = 224
"""Side (pixels) at which a network for images of any size is looked at."""

MAX_CONFIG_BYTES = 20_000_000
"""Of a network's description, ten times what a large one takes; in a zip archive, few bytes become any number."""

PIXELS = "pixels"
TAKEN = (PIXELS, PREPROCESSING, POOLED, PENULTIMATE, "predictions", "coordinates")
"""Names that layers have here; one of a file's that has such a name is called after the file."""

CLASSES = ("softmax", "sigmoid")
"""Activations of a layer that tells classes."""

LARGEST_SCALE_OF_PIXELS = 1 / 20
"""What pixels from 0 to 255 are multiplied by is smaller, and what scaled ones (-3 to 3) are multiplied by is larger."""

AUGMENTATIONS = ("RandAugment", "AugMix", "MixUp", "CutMix")
"""Layers of Keras that change images at random, besides those whose names begin with Random."""


def layers(backbone: str) -> Layers:
    """Return the names of a file's layers, where its features end, and the size of the images that it takes."""
    network = _load(Path(backbone))
    side = network.inputs[0].shape[1]
    whole = _flat(network, backbone, side or ANY_SIZE, MODES["none"], with_weights=True)
    names = [layer.name for layer in whole.layers if isinstance(layer.output, keras.KerasTensor)]
    return Layers(names, block_ends(whole), _end_of_features(whole), side, scales_pixels=_scales_pixels(whole))


def build(
    backbone: str,
    *,
    image_size: int,
    weights: Path | None,
    output_layer: str | None = None,
    preprocessing: str,
    seed: int = 0,
) -> keras.Model:
    """Build the network of a file; see `rockspace.networks.backbones.build`.

    Args:
        backbone: Path of a ``.keras`` file.
        image_size: Side of the images (pixels).
        weights: The file, for its weights; None for weights drawn at random.
        output_layer: The layer that the network ends with; None for its end, or what the closing layer stands on if that tells
            classes (softmax or sigmoid).
        preprocessing: A key of `MODES`.
        seed: Of random weights.
    """
    network = _load(Path(backbone))
    side = network.inputs[0].shape[1]
    if side not in (None, image_size):
        raise RockspaceError(
            f"{backbone}: takes images of {side} x {side} pixels, not {image_size}; give the model image_size: {side}"
        )
    with backbones.random_weights_from(seed):
        whole = _flat(network, backbone, image_size, MODES[preprocessing], with_weights=weights is not None)
    end = find_layer(whole, layer_name(output_layer or _end_of_features(whole)), "models: output_layer")
    return keras.Model(whole.input, end.output, name=whole.name)


def block_ends(model: keras.Model) -> list[str]:
    """The layers at which blocks end, from the input to the output.

    Blocks are told by the names of `keras.applications`; else each sum ends one, together with the activation after it; and in a
    network without sums, the last layer at each size of the feature map.
    """
    if named := backbones.block_ends(model):
        return named
    layers = [
        layer for layer in model.layers if isinstance(layer.output, keras.KerasTensor) and layer.name not in TAKEN
    ]
    # What comes before the first weights prepares images.
    first = next((i for i, layer in enumerate(layers) if layer.weights), 0)
    layers = layers[first:]
    activations = {
        id(layer.input): layer.name
        for layer in layers
        if isinstance(layer, keras.layers.ReLU | keras.layers.Activation)
    }
    sums = [layer for layer in layers if isinstance(layer, keras.layers.Add)]
    if sums:
        return [activations.get(id(layer.output), layer.name) for layer in sums]
    return list({layer.output.shape[1:3]: layer.name for layer in layers if len(layer.output.shape) == 4}.values())


def _scales_pixels(whole: keras.Model) -> bool:
    """Whether a network divides what it takes by so much that this has to be pixels from 0 to 255."""
    for layer in whole.layers:
        if layer.weights:
            return False
        if isinstance(layer, keras.layers.Rescaling) and layer.name != PREPROCESSING:
            return bool(np.max(np.abs(layer.scale)) < LARGEST_SCALE_OF_PIXELS)
    return False


def _load(path: Path) -> keras.Model:
    """Load a network from one image to one output."""
    _refuse_foreign_classes(path)
    try:
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # of Keras, TensorFlow or HDF5, whichever stumbles on the file first
        if fault_of_the_machine(error, str(path)):
            raise
        raise RockspaceError(
            f"{path}: cannot be loaded ({' '.join(str(error).split())[:200]}); save it again with Keras 3"
        ) from error
    if not _has_inputs(network):
        raise RockspaceError(
            f"{path}: its layers are not known before it gets images; begin it with keras.Input((height, width, 3)), as a functional or "
            "Sequential model, and save it again"
        )
    for what, tensors in (("inputs", network.inputs), ("outputs", network.outputs)):
        if len(tensors) != 1:
            raise RockspaceError(
                f"{path}: has {len(tensors)} {what}; save one with one image as input and one output: "
                "keras.Model(network.inputs[0], network.outputs[0]).save(...)"
            )
    shape = tuple(network.inputs[0].shape)
    if len(shape) != 4 or shape[3] != 3:
        found = "takes channels first" if len(shape) == 4 and shape[1] == 3 else "takes no images in colour"
        raise RockspaceError(f"{path}: {found}; its input is {shape}, where (n, height, width, 3) is needed")
    if shape[1] != shape[2]:
        raise RockspaceError(f"{path}: takes images of {shape[1]} x {shape[2]} pixels; only squares are supported")
    refuse_not_finite(network, path)
    return network


def _has_inputs(network: keras.Model) -> bool:
    try:
        return bool(network.inputs)
    except (ValueError, AttributeError):  # a Sequential model that has met no images
        return False


def _refuse_foreign_classes(path: Path) -> None:
    """Refuse what Keras cannot load without the code of others, or would load by running code out of the file."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("config.json").file_size > MAX_CONFIG_BYTES:
                raise ValueError(f"its description is longer than {MAX_CONFIG_BYTES:,} bytes")
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacks_too_far(path.stat().st_size, unpacked):
                raise ValueError(
                    f"its content takes {unpacked:,} bytes, more than {MAX_EXPANSION} times those of the file"
                )
            parts = list(_objects(json.loads(archive.read("config.json"))))
    except (
        OSError,
        zipfile.BadZipFile,
        zlib.error,
        KeyError,
        ValueError,
        RuntimeError,
    ) as error:  # also recursion, passwords
        raise RockspaceError(f"{path}: no .keras file of Keras 3 ({error}); save it with model.save") from error
    for part in parts:
        name, home = part["class_name"], str(part.get("module") or "").partition(".")[0]
        if (home, name) == ("builtins", "function"):
            home, name = "", str(part["config"])
        if name in ("Lambda", "__lambda__"):
            raise RockspaceError(
                f"{path}: holds code of its own (Lambda), which is not run; write it with layers or keras.ops and save again, or "
                "export the network as an .onnx file"
            )
        if home == "keras_hub":
            try:
                import keras_hub  # noqa: F401 (it registers its classes)
            except ModuleNotFoundError:
                raise RockspaceError(f"{path}: holds {name!r} of KerasHub; pip install 'rockspace[hub]'") from None
        elif home not in ("keras", "builtins") and not name.startswith("__"):
            raise RockspaceError(
                f"{path}: holds {name!r}, which is no part of Keras; save keras.Model(images, network.call(images)) with images = "
                "keras.Input((height, width, 3)) instead, or, if it has layers of its own, an .onnx file (docs/own-backbone.md)"
            )


def _objects(config: Any) -> Iterator[dict[str, Any]]:
    """All serialized objects in a configuration, but how it was compiled."""
    if isinstance(config, dict):
        if "class_name" in config and "config" in config:
            yield config
        elif isinstance(config.get("value"), list) and "dtype" not in config:
            # The code of a lambda expression, as Keras writes it for an activation; constants have a type.
            yield {"class_name": "Lambda", "config": config}
        for key, value in config.items():
            if key not in ("compile_config", "build_config"):
                yield from _objects(value)
    elif isinstance(config, list):
        for value in config:
            yield from _objects(value)


def _flat(
    network: keras.Model, path: str, side: int, preprocessing: dict[str, Any], *, with_weights: bool
) -> keras.Model:
    """Rebuild a network out of new float32 layers that all can train, behind preprocessing, with nested models taken apart."""
    pixels = keras.Input((side, side, 3), name=PIXELS)
    copies = _Copies(path, with_weights)
    output = _applied(network, pixels, preprocess(pixels, **preprocessing), copies)
    whole = keras.Model(pixels, output)
    if not any(layer.output is output for layer in whole.layers):
        # The result of an operation gets a layer, so that it has a name.
        output = keras.layers.Identity(name=copies.name("output"))(output)
    return keras.Model(pixels, output, name=layer_name(Path(path).stem) or "network")


def _applied(
    network: keras.Model, pixels: keras.KerasTensor, x: keras.KerasTensor, copies: "_Copies"
) -> keras.KerasTensor:
    """Apply copies of a network's layers to ``x``, which is made from ``pixels``."""
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        raise RockspaceError(
            f"{copies.path}: {network.name!r} inside has several inputs or outputs; put its layers into one model"
        )

    def call(operation: keras.Operation, *args: Any, **options: Any) -> Any:
        args, options = keras.tree.map_structure(lambda value: x if value is pixels else value, (args, options))
        if isinstance(operation, keras.Model) and operation.inputs:
            return _applied(operation, pixels, args[0], copies)
        # What a layer does at inference is what counts, whatever the file says of this call.
        options = {name: value for name, value in options.items() if value is not None and name != "training"}
        return copies.call(operation, args, options)

    # Keras makes graphs from inputs alone, so it gets the pixels, for which `call` puts ``x``.
    plain = keras.Model(network.inputs[0], network.outputs[0])
    return keras.models.clone_model(plain, pixels, clone_function=lambda layer: layer, call_function=call).outputs[0]


class _Copies:
    """Copies of the layers of a file, with names of their own."""

    def __init__(self, path: str, with_weights: bool) -> None:
        self.path, self.with_weights = path, with_weights
        self.names: set[str] = set()
        self.called: set[int] = set()

    def call(self, operation: keras.Operation, args: tuple, options: dict[str, Any]) -> Any:
        """Call a copy of a layer or operation."""
        if not isinstance(operation, keras.layers.Layer):
            shapes = {getattr(value, "shape", None) for value in args}
            if type(operation).__name__ == "Add" and len(args) == 2 and len(shapes) == 1 and None not in shapes:
                # A sum written with ``+``, as a layer that can be named.
                return keras.layers.Add(name=self.name("add"))(list(args))
            if type(operation).__name__ == "Softmax":
                # As a layer, so that it is known to tell classes.
                return keras.layers.Softmax(operation.axis, name=self.name("softmax"), dtype="float32")(*args)
            if type(operation).__name__ == "Sigmoid":
                return keras.layers.Activation("sigmoid", name=self.name("sigmoid"), dtype="float32")(*args)
            # The names of operations are those of layers, too.
            return copy_of(operation, name=self.name(operation.name))(*args, **options)
        layer = operation
        if getattr(layer, "data_format", None) == "channels_first":
            raise RockspaceError(
                f"{self.path}: layer {layer.name!r} computes channels first; build the network channels last"
            )
        if _augments(layer):
            if layer.input.shape != layer.output.shape:
                raise RockspaceError(
                    f"{self.path}: layer {layer.name!r} cuts images at random; put CenterCrop or Resizing in its place and save again"
                )
            return args[0]
        if id(layer) in self.called and layer.weights:
            raise RockspaceError(
                f"{self.path}: layer {layer.name!r} is used several times with the same weights; export the network as an .onnx file"
            )
        self.called.add(id(layer))
        if isinstance(layer, keras.layers.Normalization):
            return _rescaling(layer, self.name(layer.name), self.path)(*args)
        drawn = not self.with_weights
        copy = copy_of(
            _Unseeded(layer) if drawn else layer,
            type(layer),
            name=self.name(layer.name),
            dtype="float32",
            trainable=True,
        )
        output = copy(*args, **options)
        if not isinstance(output, keras.KerasTensor):
            raise RockspaceError(
                f"{self.path}: layer {layer.name!r} gives several outputs; export the network as an .onnx file"
            )
        if len(copy.weights) != len(layer.weights):
            raise RockspaceError(
                f"{self.path}: layer {layer.name!r} is quantized, or has weights besides those of its class; save the network before that"
            )
        if not drawn:
            copy.set_weights(layer.get_weights())
        return output

    def name(self, wanted: str) -> str:
        """A name that no layer has yet, and that can stand in names of files."""
        name = layer_name(wanted) or "layer"
        if name in TAKEN or name.startswith(("head_", "pooled_", "embedding_of_")):
            name = f"file_{name}"
        number = 1
        while (free := name if number == 1 else f"{name}_{number}") in self.names:
            number += 1
        self.names.add(free)
        return free


def _rescaling(layer: keras.layers.Normalization, name: str, path: str) -> keras.layers.Rescaling:
    """What a layer does with the mean and the variance that it has learnt, as numbers, which copies of a network keep."""
    mean, deviation = (
        np.ravel(keras.ops.convert_to_numpy(value)) for value in (layer.mean, keras.ops.sqrt(layer.variance))
    )
    if len(mean) not in (1, layer.input.shape[-1]):
        raise RockspaceError(
            f"{path}: layer {layer.name!r} normalizes each place by itself; give it axis=-1 and save again"
        )
    deviation = np.maximum(deviation, keras.config.epsilon())
    scale, offset = (deviation, mean) if layer.invert else (1 / deviation, -mean / deviation)
    return keras.layers.Rescaling(scale.tolist(), offset.tolist(), name=name, dtype="float32")


class _Unseeded:
    """The configuration of a layer without the seeds in it, which would draw the same weights for every seed of a study."""

    def __init__(self, layer: keras.layers.Layer) -> None:
        self.layer = layer

    def get_config(self) -> dict[str, Any]:
        return _without_seeds(self.layer.get_config())


def _without_seeds(config: Any) -> Any:
    if isinstance(config, dict):
        return {key: None if key == "seed" else _without_seeds(value) for key, value in config.items()}
    return [_without_seeds(value) for value in config] if isinstance(config, list) else config


def _augments(layer: keras.layers.Layer) -> bool:
    """Whether a layer changes images at random, which is done before the network here, in training alone."""
    return type(layer).__name__.startswith("Random") or type(layer).__name__ in AUGMENTATIONS


def _end_of_features(network: keras.Model) -> str:
    """The layer that a network ends with, without what turns features into classes."""
    makers: dict[int, Any] = {
        id(layer.output): layer for layer in network.layers if isinstance(layer.output, keras.KerasTensor)
    }
    last = makers[id(network.outputs[0])]
    if not _tells_classes(last):
        return last.name
    # An activation of its own stands on the dense layer that tells the classes.
    dense = not isinstance(last, keras.layers.Dense)
    end = makers.get(id(last.input))
    while isinstance(end, keras.layers.Dropout) or (dense and isinstance(end, keras.layers.Dense)):
        dense = dense and not isinstance(end, keras.layers.Dense)
        end = makers.get(id(end.input))
    return end.name if end is not None else last.name


def _tells_classes(layer: keras.layers.Layer) -> bool:
    activation = getattr(layer, "activation", None)
    return isinstance(layer, keras.layers.Softmax) or getattr(activation, "__name__", "") in CLASSES
