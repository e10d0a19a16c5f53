"""The device: what TensorFlow runs on, and that it repeats itself to the last digit."""

import logging
from contextlib import AbstractContextManager

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
