"""This project's stages, from TFRecords, with the functions that the workflow's scripts call."""

import os
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import yaml
from speed_rounds import Round, serve

from rockspace.config import validated
from rockspace.data.catalog import read_catalog
from rockspace.data.tfrecords import Geometry
from rockspace.networks.classifier import attach_head, build_head
from rockspace.networks.device import repeatable
from rockspace.networks.layers import PENULTIMATE, find_layer
from rockspace.networks.loading import starting_backbone
from rockspace.networks.objectives import Objective
from rockspace.networks.precision import choose, fast_inference
from rockspace.networks.rewiring import rebuild
from rockspace.networks.training_copy import training_copy
from rockspace.training.augmentation import Augmentation
from rockspace.training.features import compute_features
from rockspace.training.head import train_head
from rockspace.training.optimizers import make_optimizer
from rockspace.training.pipeline import ImageSet

BATCH, STEPS, EPOCHS = 32, int(os.environ.get("BENCH_STEPS", "3")), 10
CONFIG = validated(yaml.safe_load((Path(__file__).parents[2] / "config" / "config.yaml").read_text()))
MODEL = CONFIG["models"][0]
PRECISIONS = {
    phase: os.environ.get("BENCH_PRECISION") or choose(MODEL["backbone"], phase) for phase in ("train", "embed")
}
GEOMETRY = Geometry.from_config(CONFIG["tfrecords"])
AUGMENTATION = Augmentation.from_config(CONFIG["augmentation"])
MATMUL_SIZE = 4096


def images(folder: Path, split: str) -> ImageSet:
    return ImageSet.open(sorted(folder.glob(f"{split}-*.tfrecord")), GEOMETRY, read_catalog(folder / "catalog.csv"))


def backbone() -> keras.Model:
    return starting_backbone(MODEL, GEOMETRY.image_size, None)


def classifier(n_labels: int) -> keras.Model:
    network = backbone()
    head = build_head(network.output_shape[-1], n_labels, CONFIG["head"], seed=0)
    # Built anew, as it is when a stage loads it from its file.
    return rebuild(attach_head(network, head))


def finetune(folder: Path) -> Round:
    repeatable(0)
    train = images(folder, "train")
    model = training_copy(classifier(train.n_labels), PRECISIONS["train"], freeze_norms=True)
    Objective().compile(model, make_optimizer(CONFIG["finetune"]), CONFIG["finetune"]["label_smoothing"])
    batches = train.augmented(AUGMENTATION, seed=0, batch_size=BATCH).take(STEPS)

    def work() -> int:
        model.fit(batches, epochs=1, verbose=0)
        return STEPS * BATCH

    return work


def embed(folder: Path) -> Round:
    repeatable(0)
    train = images(folder, "train")
    model = classifier(train.n_labels)
    view = keras.Model(model.input, find_layer(model, PENULTIMATE).output)
    network = fast_inference(view, PRECISIONS["embed"])

    def work() -> int:
        return sum(len(network(pixels).numpy()) for pixels in train.pixels(BATCH).take(STEPS))

    return work


def frozen_head(folder: Path) -> Round:
    """The whole stage: features of both splits and of all augmented views, and ten epochs of the head."""
    repeatable(0)
    train, watched = images(folder, "train"), images(folder, "validation")
    network = fast_inference(backbone(), PRECISIONS["embed"])
    section = CONFIG["train_head"] | {"epochs": EPOCHS}
    options = {"head": CONFIG["head"], "training": section, "seed": 0}

    def work() -> int:
        features, plain = (
            compute_features(network, split, AUGMENTATION, views=views, batch_size=BATCH)
            for split, views in ((train, section["views"]), (watched, 0))
        )
        train_head(features, plain, **options)
        return len(train)

    return work


def ceiling(dtype: tf.DType) -> Round:
    a = tf.cast(tf.random.normal((MATMUL_SIZE, MATMUL_SIZE)), dtype)
    product = tf.function(lambda x: tf.linalg.matmul(x, x))

    def work() -> int:
        product(a).numpy()
        return 1

    return work


def operations(_: Path) -> Round:
    """No work, but the number of floating-point operations that one image takes through the network."""
    total = 0
    for layer in backbone().layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is not None and len(layer.output.shape) == 4:
            total += 2 * int(np.prod(kernel.shape)) * int(np.prod(layer.output.shape[1:3]))
    return lambda: total


if __name__ == "__main__":
    serve(
        {
            "finetune": finetune,
            "embed": embed,
            "frozen_head": frozen_head,
            "bfloat16": lambda _: ceiling(tf.bfloat16),
            "float32": lambda _: ceiling(tf.float32),
            "operations": operations,
        }
    )
