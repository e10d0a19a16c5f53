"""Networks in ``.onnx`` files, run by onnxruntime: any tensor of the graph is a layer, by its name."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rockspace.errors import RockspaceError, listed
from rockspace.network_kinds import PENULTIMATE, POOLED, layer_name, weights_beside
from rockspace.networks.layer_names import Layers, check_layer
from rockspace.networks.preprocessing import MODES

if TYPE_CHECKING:
    from onnx import ModelProto

FIRST, LAST = "first", "last"
"""Where a tensor has its channels: after the images, or at its end."""

CHANNELS_FIRST = (
    "Conv", "ConvTranspose", "BatchNormalization", "InstanceNormalization", "MaxPool", "AveragePool", "LpPool",
    "GlobalAveragePool", "GlobalMaxPool", "DepthToSpace", "SpaceToDepth",
)  # fmt: skip
"""Operations of ONNX that take channels first, whatever a network's own order."""
CHANNELS_LAST = ("MatMul", "Gemm", "LayerNormalization")

RANKS = (2, 3, 4)
"""Dimensions of what can be a layer: a vector, a sequence of tokens or a feature map an image."""

MAX_BATCH = 1024
"""Images at a time of a graph for a fixed number, which the last ones are filled up to."""


class Input(NamedTuple):
    """What a graph takes.

    Attributes:
        name: Its name in the graph.
        dtype: ``float32``, ``float16``, ``float64`` or ``uint8``.
        channels: `FIRST` or `LAST`.
        batch: Images at a time; None for any number.
        side: Height and width (pixels); None for any.
    """

    name: str
    dtype: str
    channels: str
    batch: int | None
    side: int | None


class Tensor(NamedTuple):
    """A tensor of a graph that can be a layer: its name in the graph, and where its channels are."""

    name: str
    channels: str


def layers(backbone: str) -> Layers:
    """Return the names of a graph's tensors, the last of its outputs, and the size of the images that it takes."""
    model = _read(backbone)
    takes = _input(model, backbone)
    tensors = _tensors(model, takes)
    if not tensors:
        raise RockspaceError(
            f"{backbone}: no tensor of floating-point numbers for each image in it; export the network again"
        )
    return Layers(list(tensors), _block_ends(model, tensors), _end(model, tensors), takes.side)


def network(
    model: Mapping[str, Any], layers: Sequence[str], pooling: str, *, image_size: int, threads: int
) -> Callable[[Any], dict[str, np.ndarray]]:
    """Return a function from images to layers.

    Args:
        model: ``backbone``, ``output_layer``, ``preprocessing`` and ``pooling``, as in an item of the configuration's ``models``.
        layers: Names of layers; ``pooled`` is the output layer, pooled as the model says.
        pooling: How the others are pooled over places or tokens: ``mean``, or ``mean_std`` (means and standard deviations).
        image_size: Side of the images (pixels).
        threads: Cores that it may use.

    Returns:
        From RGB pixels in 0..255 ``(n, image_size, image_size, 3)`` to float32 ``(n, d)``, by layer.

    Raises:
        RockspaceError: The file is no such network, or onnxruntime cannot run it.
    """
    graph = _read(model["backbone"])
    takes = _input(graph, model["backbone"])
    if takes.side not in (None, image_size):
        raise RockspaceError(
            f"{model['backbone']}: takes images of {takes.side} x {takes.side} pixels, not {image_size}; give the model image_size: {takes.side}"
        )
    if takes.dtype == "uint8" and model["preprocessing"] != "none":
        raise RockspaceError(
            f"{model['backbone']}: takes whole numbers (uint8), so pixels as they are; give the model preprocessing: none"
        )
    tensors = _tensors(graph, takes)
    end = layer_name(model["output_layer"] or _end(graph, tensors))
    check_layer(end, list(tensors), model["backbone"], "models: output_layer")
    wanted = {name: (tensors[end], model["pooling"]) if name == POOLED else (tensors[name], pooling) for name in layers}
    names = list(dict.fromkeys(tensor.name for tensor, _ in wanted.values()))
    session = _session(graph, model["backbone"], names, threads)
    prepare = _preparation(MODES[model["preprocessing"]], takes)

    def run(images: Any) -> dict[str, np.ndarray]:
        pixels = prepare(np.asarray(images, np.float32))
        parts = [_run(session, model["backbone"], takes, batch, names) for batch in _batches(pixels, takes.batch)]
        found = {name: np.concatenate([part[name] for part in parts])[: len(pixels)] for name in names}
        return {
            name: _pooled(found[tensor.name], tensor.channels, how, f"{model['backbone']}: layer {name!r}")
            for name, (tensor, how) in wanted.items()
        }

    return run


def _read(path: str) -> "ModelProto":
    """Read a graph without the weights that lie in files of their own."""
    try:
        import onnx
        import onnxruntime  # noqa: F401 (so that it is missed before any job)
    except ModuleNotFoundError as error:
        raise RockspaceError(f"{path}: needs {error.name}; pip install 'rockspace[onnx]'") from error
    try:
        model = onnx.load(path, load_external_data=False)
        inferred = onnx.shape_inference.infer_shapes(model)
    except Exception as error:  # protobuf, onnx and the file system each have errors of their own
        raise RockspaceError(
            f"{path}: no ONNX file that can be read ({' '.join(str(error).split())[:200]}); export it again"
        ) from error
    for file in weights_beside(model, Path(path)):
        if not os.path.isfile(file):
            raise RockspaceError(f"{path}: its weights are in {file}, which is missing; copy that file too")
    return inferred


def _input(model: "ModelProto", path: str) -> Input:
    """What a graph takes, if that is images."""
    import onnx

    weights = {each.name for each in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in weights]
    if not inputs:
        raise RockspaceError(f"{path}: holds no network with an input; export it again")
    if len(inputs) != 1:
        raise RockspaceError(
            f"{path}: has {len(inputs)} inputs ({listed(each.name for each in inputs)}); export the part that takes images alone"
        )
    kind = inputs[0].type.tensor_type
    sizes = _sizes(kind)
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name
    described = f"{path}: its input {inputs[0].name!r} is {dtype} ({', '.join(str(size or 'n') for size in sizes)})"
    if len(sizes) != 4 or 3 not in (sizes[1], sizes[3]):
        raise RockspaceError(
            f"{described}; images in colour are needed, (n, 3, height, width) or (n, height, width, 3)"
        )
    if dtype not in ("float32", "float16", "float64", "uint8"):
        raise RockspaceError(f"{described}; float32, float16, float64 or uint8 is needed")
    if (sizes[0] or 1) > MAX_BATCH:
        raise RockspaceError(
            f"{described}; at most {MAX_BATCH:,} images at a time are supported: export it for any number (dynamic_shapes)"
        )
    channels = FIRST if sizes[1] == 3 else LAST
    height, width = sizes[2:] if channels == FIRST else sizes[1:3]
    if height != width and None not in (height, width):
        raise RockspaceError(f"{described}; only squares are supported")
    return Input(inputs[0].name, dtype, channels, sizes[0], height or width)


def _sizes(kind: Any) -> list[int | None]:
    """The dimensions of a tensor's type; None for any size, which some exporters write as -1."""
    return [size.dim_value if size.dim_value > 0 else None for size in kind.shape.dim]


def _tensors(model: "ModelProto", takes: Input) -> dict[str, Tensor]:
    """All tensors that can be layers, by their names as layers, from the input on."""
    import onnx

    known = {each.name: each.type.tensor_type for each in (*model.graph.value_info, *model.graph.output)}
    shapes = {name: _sizes(kind) for name, kind in known.items() if kind.HasField("shape")}
    floats = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE)
    channels = {takes.name: takes.channels}
    found: dict[str, Tensor] = {}
    for node in model.graph.node:
        source = next((name for name in _read_by(node) if name in channels), None)
        if source is None or node.op_type in ("Shape", "Size"):
            continue
        for name in node.output:
            if not name or (name in known and known[name].elem_type not in floats):
                continue  # shapes and masks
            channels[name] = _channels(node, channels[source], shapes.get(source), shapes.get(name))
            shape = shapes.get(name, [None] * 2)
            # With a first dimension of its own, it is of all images at once: tokens or windows first.
            if len(shape) in RANKS and shape[0] in (None, takes.batch):
                found[_free_name(name, found)] = Tensor(name, channels[name])
    return found


def _read_by(node: Any) -> list[str]:
    """All tensors that an operation reads, those of the branches of ``If`` and ``Loop`` included."""
    inside = (part for attribute in node.attribute for part in attribute.g.node)
    return [*node.input, *(name for part in inside for name in _read_by(part))]


def _free_name(name: str, taken: Collection[str]) -> str:
    """A name that no layer has yet, and that means nothing else here."""
    safe = layer_name(name) or "tensor"
    safe = f"file_{safe}" if safe in (POOLED, PENULTIMATE) else safe
    number = 1
    while (free := safe if number == 1 else f"{safe}.{number}") in taken:
        number += 1
    return free


def _end(model: "ModelProto", tensors: Mapping[str, Tensor]) -> str:
    """The layer that a graph ends with: the last of its outputs that is one, or else the last layer before them."""
    outputs = {output.name for output in model.graph.output}
    ends = [name for name, tensor in tensors.items() if tensor.name in outputs]
    return (ends or list(tensors))[-1]


def _channels(node: Any, before: str, source: list[int | None] | None, result: list[int | None] | None) -> str:
    """Where the output of an operation has its channels."""
    if node.op_type in CHANNELS_FIRST:
        return FIRST
    if node.op_type in CHANNELS_LAST:
        return LAST
    if node.op_type == "Transpose":
        order = next((list(each.ints) for each in node.attribute if each.name == "perm"), [])
        axis = order.index(1 if before == FIRST else len(order) - 1) if order else 1
        return FIRST if axis == 1 else LAST
    if (
        node.op_type in ("Reshape", "Flatten", "Squeeze", "Unsqueeze")
        and source
        and result
        and len(source) != len(result)
    ):
        return FIRST if before == FIRST and len(result) > 2 and result[1] in (None, source[1]) else LAST
    return before


def _block_ends(model: "ModelProto", tensors: Mapping[str, Tensor]) -> list[str]:
    """The layers at which blocks end: each sum of two branches, with the ReLU after it; without sums, the pooling layers."""
    names = {tensor.name: name for name, tensor in tensors.items()}
    after = {node.input[0]: node.output[0] for node in model.graph.node if node.op_type == "Relu"}
    sums = [
        after.get(node.output[0], node.output[0])
        for node in model.graph.node
        if node.op_type == "Add" and all(name in names for name in node.input)
    ]
    pools = [node.output[0] for node in model.graph.node if node.op_type in ("MaxPool", "AveragePool")]
    return [names[name] for name in sums or pools if name in names]


def _session(model: "ModelProto", path: str, outputs: Sequence[str], threads: int) -> Any:
    """A session that gives these tensors."""
    import onnx
    import onnxruntime

    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", str(Path(path).resolve().parent)
    )
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a class for each of its faults, none of them public
        raise RockspaceError(f"{path}: onnxruntime cannot run it ({' '.join(str(error).split())[:200]})") from error


def _preparation(mode: Mapping[str, Any], takes: Input) -> Callable[[np.ndarray], np.ndarray]:
    scale, offset = np.array(mode["scale"], np.float32), np.array(mode["offset"], np.float32)

    def prepare(pixels: np.ndarray) -> np.ndarray:
        if mode.get("swap_channels"):
            pixels = pixels[..., ::-1]
        values = pixels * scale + offset
        if takes.dtype == "uint8":
            values = np.rint(values).clip(0, 255)
        values = values.transpose(0, 3, 1, 2) if takes.channels == FIRST else values
        return np.ascontiguousarray(values, takes.dtype)

    return prepare


def _batches(pixels: np.ndarray, size: int | None) -> list[np.ndarray]:
    """Parts of as many images as a graph takes, the last one filled up with its last image."""
    if size is None:
        return [pixels]
    parts = [pixels[start : start + size] for start in range(0, len(pixels), size)]
    parts[-1] = np.concatenate([parts[-1], np.repeat(parts[-1][-1:], size - len(parts[-1]), axis=0)])
    return parts


def _run(session: Any, path: str, takes: Input, batch: np.ndarray, names: list[str]) -> dict[str, np.ndarray]:
    try:
        found = dict(zip(names, session.run(names, {takes.name: batch}), strict=True))
    except Exception as error:  # as above
        raise RockspaceError(
            f"{path}: onnxruntime cannot run it on {len(batch)} images "
            f"({' '.join(str(error).split())[:200]}); export it for any number of images (dynamic_shapes)"
        ) from error
    for name, values in found.items():
        if np.shape(values)[:1] != (len(batch),):
            raise RockspaceError(
                f"{path}: layer {layer_name(name)!r} is {np.shape(values)} for {len(batch)} images; name one with a row for each"
            )
    return found


def _pooled(values: np.ndarray, channels: str, pooling: str, described: str) -> np.ndarray:
    """Pool ``(n, ...)`` over all axes but that of the channels, to float32 ``(n, d)``."""
    if values.ndim not in RANKS:
        raise RockspaceError(
            f"{described}: has {values.ndim} dimensions; 2 to 4 are needed, the first of them the images"
        )
    values = values.astype(np.float32)
    places = tuple(range(2, values.ndim)) if channels == FIRST else tuple(range(1, values.ndim - 1))
    if not places:
        return values
    mean = values.mean(axis=places)
    return mean if pooling == "mean" else np.concatenate([mean, values.std(axis=places)], axis=1)
