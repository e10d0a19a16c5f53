"""A small residual network twice: in Keras, and as an ONNX graph with the same weights."""

from pathlib import Path

import keras
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE, WIDTH, CLASSES = 32, 8, 5


def keras_resnet(side: int | None = SIDE) -> keras.Model:
    """From the input on: stem, two residual blocks (the second of half the size), mean over places, logits."""
    keras.utils.set_random_seed(5)
    x = inputs = keras.Input((side, side, 3))

    def conv(x, width, size, stride, name):
        x = keras.layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x) if size > 1 else x
        x = keras.layers.Conv2D(width, size, stride, use_bias=False, name=name)(x)
        return keras.layers.BatchNormalization(epsilon=1e-5, name=f"{name}_bn")(x)

    x = keras.layers.ReLU(name="stem_relu")(conv(x, WIDTH, 3, 2, "stem"))
    for i, stride in enumerate((1, 2)):
        width = WIDTH * stride
        y = keras.layers.ReLU(name=f"block{i}_a_relu")(conv(x, width, 3, stride, f"block{i}_a"))
        y = conv(y, width, 3, 1, f"block{i}_b")
        short = conv(x, width, 1, stride, f"block{i}_short") if stride > 1 else x
        x = keras.layers.ReLU(name=f"block{i}_relu")(keras.layers.Add(name=f"block{i}_add")([y, short]))
    x = keras.layers.GlobalAveragePooling2D(name="mean")(x)
    network = keras.Model(inputs, keras.layers.Dense(CLASSES, name="logits")(x))
    rng = np.random.default_rng(1)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            n = layer.gamma.shape[0]
            layer.set_weights([rng.uniform(0.5, 1.5, n), *rng.normal(0, 0.3, (2, n)), rng.uniform(0.5, 2, n)])
    return network


def onnx_resnet(
    path: Path,
    network: keras.Model | None = None,
    *,
    channels_first: bool = True,
    dtype: str = "float32",
    batch: int | None = None,
    side: int | None = SIDE,
    outputs: tuple[str, ...] = ("logits",),
) -> Path:
    """Write the network as PyTorch's exporter names and lays out such a graph; tensors are called ``/{layer}/out``."""
    network = network or keras_resnet()
    kind = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}[dtype]
    inner = TensorProto.FLOAT16 if dtype == "float16" else TensorProto.FLOAT
    numbers = np.float16 if dtype == "float16" else np.float32
    weights, nodes = [], []

    def weight(name, values):
        weights.append(numpy_helper.from_array(np.ascontiguousarray(values, numbers), name))
        return name

    def node(kind, inputs, name, **attributes):
        nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def conv(x, name):
        layer, norm = network.get_layer(name), network.get_layer(f"{name}_bn")
        size, stride = layer.kernel_size[0], layer.strides[0]
        kernel = weight(f"{name}.weight", layer.get_weights()[0].transpose(3, 2, 0, 1))
        x = node(
            "Conv", [x, kernel], f"/{name}/out", strides=[stride] * 2, pads=[size // 2] * 4, kernel_shape=[size] * 2
        )
        statistics = [weight(f"{name}.bn.{i}", values) for i, values in enumerate(norm.get_weights())]
        return node("BatchNormalization", [x, *statistics], f"/{name}_bn/out", epsilon=1e-5)

    def relu(x, name):
        return node("Relu", [x], f"/{name}/out")

    x = "pixels"
    if dtype == "uint8":
        x = node("Cast", [x], "/cast/out", to=inner)
    if not channels_first:
        x = node("Transpose", [x], "/first/out", perm=[0, 3, 1, 2])
    x = relu(conv(x, "stem"), "stem_relu")
    for i in (0, 1):
        y = conv(relu(conv(x, f"block{i}_a"), f"block{i}_a_relu"), f"block{i}_b")
        short = conv(x, f"block{i}_short") if i else x
        x = relu(node("Add", [y, short], f"/block{i}_add/out"), f"block{i}_relu")
    if not channels_first:
        node("Transpose", [x], "/last/out", perm=[0, 2, 3, 1])
    tokens = node("Reshape", [x, "to_tokens"], "/flat/out")
    node("Transpose", [tokens], "/tokens/out", perm=[0, 2, 1])
    weights.append(numpy_helper.from_array(np.array([0, 2 * WIDTH, -1], np.int64), "to_tokens"))
    mean = node("Flatten", [node("GlobalAveragePool", [x], "/pool/out")], "/mean/out")
    kernel, bias = network.get_layer("logits").get_weights()
    node("Gemm", [mean, weight("fc.weight", kernel), weight("fc.bias", bias)], "logits")
    size = [side or "height", side or "width"]
    shape = [batch or "n", 3, *size] if channels_first else [batch or "n", *size, 3]
    infos = [helper.make_tensor_value_info(name, inner, None) for name in outputs]
    graph = helper.make_graph(nodes, "resnet", [helper.make_tensor_value_info("pixels", kind, shape)], infos, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.save(model, path)
    return path
