"""Networks in .onnx files: against plain onnxruntime, and against the same network in Keras."""

import re
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from onnx_networks import SIDE, keras_resnet, onnx_resnet
from rockspace.errors import RockspaceError
from rockspace.network_kinds import files_of
from rockspace.networks import onnx_file
from rockspace.networks.preprocessing import MODES

ALL = {"preprocessing": "torch", "output_layer": None, "pooling": "mean"}


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, SIDE, SIDE, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def twin() -> keras.Model:
    return keras_resnet()


def of_keras(network: keras.Model, images: np.ndarray, layer: str, mode: str = "torch") -> np.ndarray:
    """A layer of the network in Keras, as a map or a vector."""
    prepared = images * np.array(MODES[mode]["scale"]) + np.array(MODES[mode]["offset"])
    return keras.Model(network.input, network.get_layer(layer).output).predict(prepared, verbose=0)


def embedded(path, images, layers, **keys) -> dict[str, np.ndarray]:
    return onnx_file.network(
        ALL | {"backbone": str(path)} | keys, layers, keys.get("pool", "mean"), image_size=images.shape[1], threads=1
    )(images)


@pytest.mark.parametrize(
    ("form", "tolerance"),
    [
        ({}, 1e-4),
        ({"batch": 2}, 1e-4),
        ({"batch": -1}, 1e-4),
        ({"batch": 5, "side": None}, 1e-4),
        ({"channels_first": False}, 1e-4),
        ({"channels_first": False, "side": None}, 1e-4),
        ({"dtype": "float16"}, 2e-2),
    ],
)
def test_layers_are_those_of_the_same_network_in_keras(tmp_path, images, twin, form, tolerance):
    path = onnx_resnet(tmp_path / "r.onnx", twin, **form)
    found = embedded(path, images, ["stem_relu.out", "block0_add.out", "block1_relu.out", "mean.out", "pooled"])
    for layer, name in (
        ("stem_relu", "stem_relu.out"),
        ("block0_add", "block0_add.out"),
        ("block1_relu", "block1_relu.out"),
    ):
        np.testing.assert_allclose(
            found[name], of_keras(twin, images, layer).mean(axis=(1, 2)), atol=tolerance, rtol=tolerance
        )
    for layer, name in (("mean", "mean.out"), ("logits", "pooled")):
        np.testing.assert_allclose(found[name], of_keras(twin, images, layer), atol=tolerance, rtol=tolerance)


def test_outputs_are_those_of_plain_onnxruntime_to_the_last_digit(tmp_path, images):
    path = onnx_resnet(tmp_path / "r.onnx")
    pixels = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    (plain,) = onnxruntime.InferenceSession(str(path), options).run(None, {"pixels": pixels})
    assert np.array_equal(embedded(path, images, ["pooled"], preprocessing="none")["pooled"], plain)


def test_a_graph_of_whole_numbers_gets_the_pixels(tmp_path, images, twin):
    path = onnx_resnet(tmp_path / "r.onnx", twin, dtype="uint8")
    found = embedded(path, images, ["pooled"], preprocessing="none")["pooled"]
    np.testing.assert_allclose(found, of_keras(twin, images, "logits", "none"), rtol=1e-4, atol=1e-3)
    with pytest.raises(RockspaceError, match=r"uint8.*preprocessing: none"):
        embedded(path, images, ["pooled"])


@pytest.mark.parametrize("channels_first", [True, False])
def test_feature_maps_and_tokens_are_pooled_over_places_wherever_their_channels_are(
    tmp_path, images, twin, channels_first
):
    path = onnx_resnet(tmp_path / "r.onnx", twin, channels_first=channels_first)
    of_map = of_keras(twin, images, "block1_relu")
    expected = np.concatenate([of_map.mean(axis=(1, 2)), of_map.std(axis=(1, 2))], axis=1)
    names = ["block1_relu.out", "flat.out", "tokens.out", *([] if channels_first else ["last.out"])]
    for name, values in embedded(path, images, names, pool="mean_std").items():
        np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-4, err_msg=name)


def test_tokens_with_a_class_token_whose_number_is_computed_in_the_graph_are_averaged(tmp_path, images):
    """As PyTorch exports `cls.expand(x.shape[0], -1, -1)` of a vision transformer: the shape is read off the feature map."""
    rng = np.random.default_rng(3)
    kernel, token = (rng.normal(size=shape).astype("f4") for shape in ((6, 3, 8, 8), (1, 1, 6)))
    constants = {
        "kernel": kernel,
        "token": token,
        "flat": np.array([0, 6, -1]),
        "zero": np.array([0]),
        "rest": np.array([1, 6]),
    }
    steps = [
        ("Conv", ["pixels", "kernel"], "map", {"strides": [8, 8]}),
        ("Shape", ["map"], "shape", {}),
        ("Gather", ["shape", "zero"], "count", {}),
        ("Concat", ["count", "rest"], "expanded", {"axis": 0}),
        ("Expand", ["token", "expanded"], "tokens", {}),
        ("Reshape", ["map", "flat"], "patches_first", {}),
        ("Transpose", ["patches_first"], "patches", {"perm": [0, 2, 1]}),
        ("Concat", ["tokens", "patches"], "sequence", {"axis": 1}),
    ]
    graph = helper.make_graph(
        [helper.make_node(kind, given, [made], **keys) for kind, given, made, keys in steps],
        "vit",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("sequence", TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), tmp_path / "vit.onnx"
    )
    squares = images.reshape(5, 4, 8, 4, 8, 3)
    patches = np.einsum("nahbwc,dchw->nabd", squares, kernel).reshape(5, 16, 6)
    expected = np.concatenate([np.tile(token, (5, 1, 1)), patches], axis=1).mean(axis=1)
    found = embedded(tmp_path / "vit.onnx", images, ["map", "patches_first", "pooled"], preprocessing="none")
    np.testing.assert_allclose(found["pooled"], expected, rtol=1e-3, atol=1e-2)
    for name in ("map", "patches_first"):
        np.testing.assert_allclose(found[name], patches.mean(axis=1), rtol=1e-3, atol=1e-2)


def test_layers_blocks_end_and_size_are_read_from_the_graph(tmp_path):
    found = onnx_file.layers(str(onnx_resnet(tmp_path / "r.onnx", outputs=("logits", "/mean/out"))))
    assert found.block_ends == ["block0_relu.out", "block1_relu.out"]
    assert found.names.index("stem.out") < found.names.index("block0_add.out") < found.names.index("logits")
    assert (found.last, found.image_size) == ("logits", SIDE)
    assert onnx_file.layers(str(onnx_resnet(tmp_path / "s.onnx", side=None))).image_size is None


# As PyTorch, Hugging Face's Optimum and onnx.save write them.
@pytest.mark.parametrize("location", ["beside.onnx.data", "beside.onnx_data", "weights.bin"])
def test_weights_beside_the_file_are_found_and_missed(tmp_path, images, location):
    path = onnx_resnet(tmp_path / "r.onnx")
    expected = embedded(path, images, ["pooled"])["pooled"]
    beside = tmp_path / "beside.onnx"
    onnx.save(onnx.load(path), beside, save_as_external_data=True, location=location, size_threshold=100)
    assert np.array_equal(embedded(beside, images, ["pooled"])["pooled"], expected)
    model = {"backbone": str(beside), "weights": "file", "embeddings": None, "names": None}
    assert list(files_of(model).values()) == [beside, tmp_path / location]
    (tmp_path / location).unlink()
    with pytest.raises(RockspaceError, match=rf"weights are in .*{re.escape(location)}, which is missing"):
        onnx_file.layers(str(beside))


def one_node(path, inputs: dict[str, list], kind: int = TensorProto.FLOAT) -> str:
    infos = [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()]
    node = helper.make_node("Identity", [next(iter(inputs))], ["y"])
    graph = helper.make_graph([node], "g", infos, [helper.make_tensor_value_info("y", kind, None)])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), path)
    return str(path)


@pytest.mark.parametrize(
    ("inputs", "kind", "message"),
    [
        ({"a": ["n", 3, 8, 8], "b": ["n", 4]}, TensorProto.FLOAT, r"has 2 inputs \(a, b\)"),
        ({"a": ["n", 10]}, TensorProto.FLOAT, r"'a' is float32 \(n, 10\); images in colour"),
        ({"a": ["n", 1, 28, 28]}, TensorProto.FLOAT, "images in colour"),
        ({"a": ["n", "c", "h", "w"]}, TensorProto.FLOAT, "images in colour"),
        ({"a": ["n", 3, 8, 8]}, TensorProto.INT64, "int64 .*float32, float16, float64 or uint8"),
        ({"a": ["n", 3, 8, 9]}, TensorProto.FLOAT, "only squares"),
        ({"a": [10**9, 3, 8, 8]}, TensorProto.FLOAT, r"\(1000000000, 3, 8, 8\); at most 1,024 images at a time"),
    ],
)
def test_a_graph_that_takes_no_images_is_one_line(tmp_path, inputs, kind, message):
    with pytest.raises(RockspaceError, match=message) as caught:
        onnx_file.layers(one_node(tmp_path / "g.onnx", inputs, kind))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_graph_or_of_another_size_is_one_line(tmp_path, images):
    (tmp_path / "torn.onnx").write_bytes(b"\x08\x09nothing of a graph")
    with pytest.raises(RockspaceError, match="no ONNX file that can be read"):
        onnx_file.layers(str(tmp_path / "torn.onnx"))
    with pytest.raises(
        RockspaceError, match=re.escape("takes images of 24 x 24 pixels, not 32; give the model image_size: 24")
    ):
        embedded(onnx_resnet(tmp_path / "r.onnx", side=24), images, ["pooled"])


def graph(
    path: Path, nodes: list, outputs: dict[str, list], kind: int = TensorProto.FLOAT, **constants: object
) -> Path:
    """A graph behind a convolution, written with names of operations, inputs, outputs and attributes."""
    rng = np.random.default_rng(1)
    constants = {"kernel": rng.normal(size=(4, 3, 3, 3)).astype("f4"), **constants}
    made = [helper.make_node(name, inputs, [output], **keys) for name, inputs, output, keys in nodes]
    made.insert(0, helper.make_node("Conv", ["pixels", "kernel"], ["map"]))
    infos = [
        helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, SIDE, SIDE]),
        *(helper.make_tensor_value_info(name, kind, shape) for name, shape in outputs.items()),
    ]
    weights = [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    whole = helper.make_graph(made, "graph", infos[:1], infos[1:], weights)
    onnx.save(helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_a_graph_that_ends_in_classes_by_number_ends_with_what_they_stand_on(tmp_path, images):
    nodes = [
        ("GlobalAveragePool", ["map"], "mean", {}),
        ("Flatten", ["mean"], "scores", {}),
        ("ArgMax", ["scores"], "best", {"axis": 1, "keepdims": 0}),
    ]
    path = graph(tmp_path / "a.onnx", nodes, {"best": ["n"]}, TensorProto.INT64)
    assert onnx_file.layers(str(path)).last == "scores"
    found = embedded(path, images, ["scores", "pooled"])
    assert np.array_equal(found["pooled"], found["scores"])


def test_what_follows_a_branch_can_be_a_layer(tmp_path, images):
    branches = {}
    for key, operation in (("then_branch", "Relu"), ("else_branch", "Neg")):
        info = helper.make_tensor_value_info(key, TensorProto.FLOAT, None)
        branches[key] = helper.make_graph([helper.make_node(operation, ["map"], [key])], key, [], [info])
    nodes = [("If", ["yes"], "either", branches), ("GlobalAveragePool", ["either"], "mean", {})]
    path = graph(tmp_path / "i.onnx", nodes, {"mean": ["n", 4, 1, 1]}, yes=np.array(True))
    assert onnx_file.layers(str(path)).last == "mean"
    assert (embedded(path, images, ["pooled"])["pooled"] >= 0).all()


def test_each_tensor_has_a_name_of_its_own_and_none_that_means_something_else(tmp_path, images):
    names = ["a.b.2", "a/b", "a:b", "/", "pooled", "penultimate", "last"]
    nodes = [("Neg", [before], name, {}) for before, name in zip(["map", *names], names, strict=False)]
    path = graph(tmp_path / "n.onnx", nodes, {"last": ["n", 4, SIDE - 2, SIDE - 2]})
    found = onnx_file.layers(str(path)).names
    assert found == ["map", "a.b.2", "a.b", "a.b.3", "tensor", "file_pooled", "file_penultimate", "last"]
    values = embedded(path, images, found)
    for number, name in enumerate(found):
        assert np.array_equal(values[name], values["map"] * (-1) ** number)


def test_tensors_with_tokens_before_images_are_no_layers(tmp_path, images):
    """As `torch.nn.MultiheadAttention` orders them; as many images as tokens would look right."""
    side = SIDE - 2
    nodes = [
        ("Reshape", ["map", "flat"], "places", {}),
        ("Transpose", ["places"], "tokens_first", {"perm": [2, 0, 1]}),
        ("Transpose", ["tokens_first"], "tokens", {"perm": [1, 0, 2]}),
    ]
    path = graph(tmp_path / "t.onnx", nodes, {"tokens": ["n", side**2, 4]}, flat=np.array([0, 4, side**2]))
    assert onnx_file.layers(str(path)).names == ["map", "places", "tokens"]
    found = embedded(path, images, ["map", "tokens"])
    np.testing.assert_allclose(found["tokens"], found["map"], rtol=1e-4, atol=1e-4)


def test_a_tensor_with_a_name_that_no_file_can_have_is_a_layer(tmp_path, images, twin):
    model = onnx.load(onnx_resnet(tmp_path / "r.onnx", twin))
    old, new = model.graph.node[3].output[0], f"/../{'x' * 1000}\x1b[31m"
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [new if name == old else name for name in names]
    onnx.save(model, tmp_path / "r.onnx")
    name = "x" * 200
    assert name in onnx_file.layers(str(tmp_path / "r.onnx")).names
    assert embedded(tmp_path / "r.onnx", images, [name])[name].shape[0] == len(images)
