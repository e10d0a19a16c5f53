"""The device: what TensorFlow runs on, and that it repeats itself to the last digit."""

import logging
import os
import re
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path

import keras
import tensorflow as tf

log = logging.getLogger(__name__)


def repeatable(seed: int) -> None:
    """Seed every generator and make TensorFlow's operations deterministic."""
    # Not 0: with that as the global seed, TensorFlow cannot take an epoch's own seed for its order.
    keras.utils.set_random_seed(seed + 1)
    tf.config.experimental.enable_op_determinism()


def all_gpus() -> AbstractContextManager:
    """Return the scope in which a model is built: over all visible GPUs, or the one device there is."""
    gpus = tf.config.list_logical_devices("GPU")
    if len(gpus) > 1:
        log.info("training on %d GPUs", len(gpus))
        return tf.distribute.MirroredStrategy([gpu.name for gpu in gpus]).scope()
    return tf.distribute.get_strategy().scope()


@cache
def hardware() -> str:
    """Name what the last digits of a training depend on besides its recipe: GPUs, or the processor and its threads."""
    gpus = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    if gpus:
        return ", ".join(details.get("device_name", "GPU") for details in gpus)
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else ""
    processor = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    threads = os.environ.get("TF_NUM_INTRAOP_THREADS") or os.cpu_count()
    return f"{processor[1] if processor else 'an unnamed processor'}, {threads} threads"
