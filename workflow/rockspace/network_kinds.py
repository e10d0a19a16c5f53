"""Kinds of networks: how a model of the configuration names one, and what can be done with it.

This is the only place that tells kinds apart. It imports nothing that builds networks, since every start of the workflow asks it.
"""

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rockspace.errors import RockspaceError

if TYPE_CHECKING:
    from onnx import ModelProto

NO_OBJECTIVE = "none"
"""The objective of a network that is taken as it is, without a head and without training."""

RANDOM = "none"
"""The value of ``weights`` for random ones."""

PENULTIMATE = "penultimate"
"""What the outputs stand on: the last dense layer of the head, or the features where there is none."""

LONGEST_LAYER = 200
"""Characters of a layer's name, from which names of files are made."""

POOLED = "pooled"
"""The features of the backbone, which the head stands on; the last layer of a network without a head."""

ALL_BLOCKS = "all-blocks"
"""Stands for the ends of all blocks among the names of layers."""

READY_LAYER = "embeddings"
"""The only layer of a model whose embeddings are ready."""


class Kind(NamedTuple):
    """A kind of networks.

    Attributes:
        name: In words, for messages.
        module: The module of `rockspace.networks` that knows such networks, None where there is none to build. It has

            - ``layers(backbone) -> Layers``: the names of all layers, and of those that end blocks, from the input on; run once, in
              a process of its own, before any job (`rockspace.networks.layer_names`);
            - if Keras runs it, ``build(backbone, *, image_size, weights, output_layer, preprocessing, seed) -> keras.Model``: a flat
              functional float32 model from RGB pixels in 0..255 to a feature map or a vector (`rockspace.networks.backbones.build`);
        in_keras: Whether Keras runs it, so that it can be trained and have random weights.
        described: Whether the file of its weights, which a stage of its own gets, says what layers there are, so that it is needed
            for random weights, too.
        defaults: What null stands for, by key of a model.
        allowed: The values that there are, by key of a model, where not all are that the schema allows.
    """

    name: str
    module: str | None
    in_keras: bool
    described: bool
    defaults: dict[str, Any]
    allowed: dict[str, list[Any]]


_SCALES = ["unit", "none", "tf", "torch", "caffe"]
_TRAINED = {"preprocessing": "backbone", "objective": "classification"}
_AS_IT_IS = {"weights": "file", "objective": NO_OBJECTIVE}

NAMED = Kind("a network of keras.applications", "backbones", True, False, _TRAINED | {"weights": "imagenet"}, {})
HUB = Kind("a preset of KerasHub", "hub", True, True, _TRAINED | {"weights": "preset"}, {})
KERAS_FILE = Kind(
    "a .keras file", "keras_file", True, False,
    {"weights": "file", "objective": "classification"},
    {"weights": ["file", RANDOM], "preprocessing": _SCALES},
)  # fmt: skip
ONNX_FILE = Kind(
    "an .onnx file", "onnx_file", False, False,
    _AS_IT_IS,
    {"weights": ["file"], "preprocessing": _SCALES, "objective": [NO_OBJECTIVE], "feature_layers": [None],
     "pooling": ["mean", "mean_std"]},
)  # fmt: skip
READY = Kind(
    "ready embeddings", None, False, False,
    _AS_IT_IS | {"preprocessing": "none"},
    {"weights": ["file"], "objective": [NO_OBJECTIVE], "preprocessing": ["none"], "pooling": ["mean"]}
    | {key: [None] for key in ("layers", "feature_layers", "image_size")},
)  # fmt: skip

HUB_PREFIX = "keras_hub:"
"""What the names of KerasHub's presets begin with."""

EMBEDDINGS_SUFFIXES = (
    ".npz", ".npy", ".mat", ".csv", ".tsv", ".tab", ".dat", ".txt", ".parquet", ".pq", ".json", ".jsonl", ".ndjson",
)  # fmt: skip
"""Files that hold ready embeddings: `rockspace.people.proposal.TABLES`."""

OTHER_FILES = {
    (".h5", ".hdf5"): "open it with Keras and save it as a .keras file (model.save)",
    (
        ".pt",
        ".pth",
        ".bin",
        ".safetensors",
        ".ckpt",
    ): "export the network with torch.onnx.export, and give the .onnx file",
    (".pb", ".tflite"): "export the network as an .onnx file, and give that",
}
"""Files of networks that are no backbones, by suffix, and what to do with them."""


def kind_of(backbone: str | None) -> Kind:
    """Return the kind of a backbone; None stands for ready embeddings.

    Raises:
        RockspaceError: It is a file of another kind.
    """
    if backbone is None:
        return READY
    if backbone.startswith(HUB_PREFIX):
        return HUB
    suffix = Path(backbone).suffix.lower()
    for suffixes, remedy in OTHER_FILES.items():
        if suffix in suffixes:
            raise RockspaceError(f"config: models: backbone: {backbone!r} is no .keras or .onnx file; {remedy}")
    return {".keras": KERAS_FILE, ".onnx": ONNX_FILE}.get(suffix, NAMED)


def layer_name(name: str) -> str:
    """Return the name of a layer as it can stand in names of files: ``/layer1/Relu`` of an ONNX graph as ``layer1.Relu``."""
    return re.sub(r"[^A-Za-z0-9._-]+", ".", name).lstrip("._-")[:LONGEST_LAYER]


def is_trained(model: dict[str, Any]) -> bool:
    """Say whether a model of a validated configuration is trained."""
    return bool(model["objective"] != NO_OBJECTIVE)


def has_seed(model: dict[str, Any]) -> bool:
    """Say whether anything in a model of a validated configuration is random, so that each seed gives another network."""
    return is_trained(model) or model["weights"] == RANDOM


def is_ready(model: dict[str, Any]) -> bool:
    """Say whether a model of the configuration is a file of ready embeddings, and no network that is run here."""
    return kind_of(model["backbone"]) is READY


def named_files(model: dict[str, Any]) -> dict[str, Path]:
    """Return the user's own files that a model of a validated configuration names, by the keys that name them."""
    kind = kind_of(model["backbone"])
    named = [] if kind in (NAMED, HUB) else ["backbone"]
    if model["weights"] not in (RANDOM, kind.defaults["weights"]):
        named.append("weights")
    return {key: Path(model[key]) for key in (*named, "embeddings", "names") if model[key]}


def files_of(model: dict[str, Any]) -> dict[str, Path]:
    """Return all of the user's own files that a model of a validated configuration is made of: `named_files`, and what is beside them.

    The graph of an ``.onnx`` file is read for this.
    """
    kind, files = kind_of(model["backbone"]), named_files(model)
    if kind is ONNX_FILE:
        files |= {file.name: file for file in _weights_of_graph(files["backbone"]) if os.path.isfile(file)}
    if kind is READY and files["embeddings"].suffix == ".npy":
        # As thingsvision writes them.
        names = files["embeddings"].with_name("file_names.txt")
        files |= {"names": names} if "names" not in files and os.path.isfile(names) else {}
    return files


@cache
def _weights_of_graph(path: Path) -> list[Path]:
    """The files of weights of an ``.onnx`` file; none where it cannot be read, which is said where its layers are looked for."""
    try:
        import onnx

        return weights_beside(onnx.load(path, load_external_data=False), path)
    except Exception:  # onnx may be missing, and protobuf, onnx and the file system each have errors of their own
        return []


def weights_beside(graph: "ModelProto", path: Path) -> list[Path]:
    """Return the files, besides its own, that hold the weights of an ``.onnx`` file.

    Args:
        graph: What the file holds.
        path: The file.
    """
    entries = (entry for weights in graph.graph.initializer for entry in weights.external_data)
    return [path.parent / name for name in sorted({entry.value for entry in entries if entry.key == "location"})]


def files_of_preset(backbone: str) -> dict[str, Path] | None:
    """Return the files of a preset of KerasHub in a folder of the user's, by their names; None for any other backbone."""
    folder = Path(backbone.removeprefix(HUB_PREFIX))
    if kind_of(backbone) is not HUB or not os.path.isdir(folder):
        return None
    return {path.name: path for path in sorted(folder.iterdir()) if path.is_file()}


def fetched_weights(backbone: str) -> Path:
    """Return where the weights are that a backbone comes with, for a kind whose weights are fetched."""
    return Path("results/weights") / f"{file_name(backbone)}.weights.h5"


def check_files(models: list[dict[str, Any]]) -> None:
    """Raise a RockspaceError if a file that a model names is not there, or has a name that rules cannot have."""
    for model in models:
        for key, file in named_files(model).items():
            where = f"config: models: {model['name']}: {key}"
            check_braces(file, where)
            if not os.path.isfile(file):
                own = kind_of(model["backbone"]).defaults["weights"]
                weights = f"{own}, {RANDOM}, or the path of a .weights.h5 file"
                raise RockspaceError(
                    f"{where}: no file '{file}'; allowed: {weights if key == 'weights' else 'the path of a file'}"
                )


def check_braces(file: Path, where: str) -> None:
    """Raise a RockspaceError if Snakemake would take a part of a file's path for a wildcard."""
    if set("{}") & set(str(file)):
        raise RockspaceError(
            f"{where}: found '{file}'; allowed: a path without braces, which Snakemake takes for a wildcard"
        )


def file_name(backbone: str) -> str:
    """Return a backbone's name as it can stand in names of files and models: ``keras_hub:a/b`` as ``b``, ``c/d.onnx`` as ``d``."""
    stem = re.sub(r"(?i)\.(keras|onnx)$", "", re.split(r"[/\\:]", backbone)[-1])
    return re.sub(r"[^A-Za-z0-9._-]+|^[._-]+", "-", stem).strip("-")[:80] or "network"


def as_it_is(network: str) -> dict[str, Any]:
    """Return the item of ``models`` that a text alone stands for: that backbone, or a file of ready embeddings, as it is."""
    if Path(network).suffix.lower() in EMBEDDINGS_SUFFIXES:
        return {"name": file_name(Path(network).stem), "embeddings": network}
    return {"name": file_name(network), "backbone": network, "objective": NO_OBJECTIVE}


def settle(model: dict[str, Any], where: str) -> None:
    """Fill in what the kind of a model's network decides, and refuse what does not suit it.

    Args:
        model: An item of the configuration's ``models`` that suits the schema; changed in place.
        where: What messages begin with.
    """
    if (model["backbone"] is None) == (model["embeddings"] is None):
        raise RockspaceError(
            f"{where}: found {'neither' if model['backbone'] is None else 'both'} of backbone and embeddings; allowed: one of them"
        )
    kind = kind_of(model["backbone"])
    for key, value in kind.defaults.items():
        model[key] = value if model[key] is None else model[key]
    for key, allowed in kind.allowed.items():
        if model[key] not in allowed:
            raise RockspaceError(
                f"{where}.{key}: found {json.dumps(model[key])}; allowed for {kind.name}: {', '.join(map(json.dumps, allowed))}"
            )
    if kind is not READY and model["names"]:
        raise RockspaceError(f"{where}.names: found a file; allowed: null, since the model has no embeddings")
