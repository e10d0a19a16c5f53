"""Which precision a backbone computes in, and how a model gets it."""

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from rockspace.networks.folding import fold
from rockspace.networks.preprocessing import PREPROCESSING
from rockspace.networks.rewiring import Replacement, copy_of, rebuild

# The first NVIDIA compute capabilities with tensor cores for each type.
BFLOAT16_CAPABILITY = (8, 0)
FLOAT16_CAPABILITY = (7, 0)

# What a processor with AMX runs faster in float32: the beginnings of names, by phase. Processor time of a batch:
# EfficientNet-B0 trains in 0.84 s in float32 and 0.98 s in bfloat16 (its swish is slow there), MobileNetV3 in 0.17
# and 0.19; it embeds in 0.04 and 0.05, ConvNeXt-Tiny in 0.82 and 0.94. ResNet50: 1.92 and 0.84, 0.54 and 0.17.
# With AVX-512 alone, either all of them gain from bfloat16 or none: tests/benchmarks/precisions.py.
FASTER_IN_FLOAT32 = {"train": ("efficientnet_b", "mobilenet_v3"), "embed": ("mobilenet_v3", "convnext")}

WIDE_ACTIVATION = "_gelu"
"""What the names of layers end with that compute an activation in float32 whatever the precision.

TensorFlow computes GELU, its approximations and the sigmoid in bfloat16 on a processor in twice the time of float32, casts
included: 42 and 22 ms for the MLP of a block of DINOv2-Small and 16 images, with gradients 63 and 40 ms.
"""


def fast_inference(model: keras.Model, precision: str) -> Callable[[Any], Any]:
    """The fastest way to run ``model`` on batches: batch normalization folded, the backbone in ``precision``, compiled once.

    Compiled, TensorFlow computes a convolution with its bias, its ReLU and the sum of a residual block in one
    step; called directly, a Keras model takes several times as long. Variables, the preprocessing, the head (all layers
    after the last feature map), and all outputs are float32.

    Args:
        model: a flat functional model of Keras' own layers; later changes of its weights are not seen.
        precision: ``float32``, ``bfloat16`` or ``float16``.

    Returns:
        From a batch of images (n, height, width, 3), for any n, to what ``model`` returns, in float32.
    """
    policies = dtype_policies(model, precision)
    copy = rebuild(fold(model), lambda layer: Replacement(copy_of(layer, dtype=policies[layer.name])))
    signature = tf.TensorSpec((None, *copy.input_shape[1:]), tf.float32)
    return tf.function(lambda images: copy(images, training=False), input_signature=[signature])


def choose(backbone: str, phase: str) -> str:
    """The precision that is fastest on this machine.

    Args:
        backbone: a key of ``backbones.BACKBONES``.
        phase: "train" or "embed".
    """
    if has_gpu():
        capability = _compute_capability()
        if capability >= BFLOAT16_CAPABILITY:
            return "bfloat16"
        # Training in float16 would need the loss scaled; embedding does not.
        return "float16" if capability >= FLOAT16_CAPABILITY and phase == "embed" else "float32"
    native = processor_bfloat16()
    if native == "amx_bf16":
        return "float32" if backbone.startswith(FASTER_IN_FLOAT32[phase]) else "bfloat16"
    return "bfloat16" if native and convolves_faster_in_bfloat16() else "float32"


@cache
def processor_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> str | None:
    """What the processor multiplies in bfloat16 with: ``amx_bf16``, ``avx512_bf16``, or None where nothing says so."""
    flags = cpuinfo.read_text(encoding="utf-8").split() if cpuinfo.exists() else []
    return next((flag for flag in ("amx_bf16", "avx512_bf16") if flag in flags), None)


@cache
def convolves_faster_in_bfloat16(repeats: int = 5) -> bool:
    """Whether this processor takes less time for a convolution in bfloat16 than in float32, tried once a process.

    AVX512-BF16 alone does not say: AMD's Zen 4 needs 0.55 times the time of float32, Intel's Xeons with AMX hidden from
    them 1.8 times. Processor time of the best of ``repeats`` is compared, in turns, so that what else the machine does
    changes nothing.
    """
    seconds: dict[str, list[float]] = {"float32": [], "bfloat16": []}
    convolve = tf.function(lambda images, kernel: tf.nn.conv2d(images, kernel, 1, "SAME"))
    with tf.device("CPU"):
        images, kernel = tf.ones((16, 28, 28, 128)), tf.ones((3, 3, 128, 128))
        for turn in range(repeats + 1):
            for precision, measured in seconds.items():
                operands = tf.cast(images, precision), tf.cast(kernel, precision)
                start = time.process_time()
                convolve(*operands).numpy()
                if turn:  # the first compiles
                    measured.append(time.process_time() - start)
    return min(seconds["bfloat16"]) < min(seconds["float32"])


def _compute_capability() -> tuple[int, int]:
    """The lowest among the GPUs, since all of them compute the same model."""
    gpus = tf.config.list_physical_devices("GPU")
    details = (tf.config.experimental.get_device_details(gpu) for gpu in gpus)
    return min(detail.get("compute_capability", (0, 0)) for detail in details)


def has_gpu() -> bool:
    """Whether TensorFlow sees a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))


def dtype_policies(model: keras.Model, precision: str) -> dict[str, str]:
    """Keras' dtype policy of each layer, by name: preprocessing, head and outputs are float32 whatever the precision."""
    head: set[str] = set()
    for layer in model.layers:
        # What follows the last feature map or the last tokens; squeeze-and-excitation is followed by more of those.
        if len(layer.output.shape) > 2:
            head.clear()
        else:
            head.add(layer.name)
    outputs = [id(tensor) for tensor in keras.tree.flatten(model.outputs)]
    wide = head | {PREPROCESSING} | {layer.name for layer in model.layers if layer.name.endswith(WIDE_ACTIVATION)}
    wide |= {layer.name for layer in model.layers if id(layer.output) in outputs}
    return {layer.name: "float32" if layer.name in wide else policy_of(precision) for layer in model.layers}


def policy_of(precision: str) -> str:
    """Keras' dtype policy of a layer that computes in ``precision``."""
    return "float32" if precision == "float32" else f"mixed_{precision}"
