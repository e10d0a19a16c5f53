"""Processor time of a batch, by backbone, phase and arithmetic, beside plain Keras.

    python tests/benchmarks/precisions.py [BACKBONE ...] [--rounds 3]

What `rockspace.networks.precision.FASTER_IN_FLOAT32` knows comes from here. Contenders take turns; the best round of each
counts. Weights are random, which costs no time and changes none.
"""

import argparse
import os
import time
from collections.abc import Callable
from functools import partial

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from rockspace.networks.backbones import build
from rockspace.networks.classifier import attach_head, build_head, pooled_backbone
from rockspace.networks.folding import fold
from rockspace.networks.precision import choose, fast_inference
from rockspace.networks.training_copy import training_copy

BACKBONES = (
    "resnet50",
    "efficientnet_lite0",
    "efficientnet_b0",
    "efficientnet_v2_b0",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "convnext_tiny",
)
PRECISIONS = ("float32", "bfloat16")
BATCH, SIZE, LABELS = 16, 224, 30
HEAD = {"units": [512, 128], "dropout": 0.5, "logits": "linear", "cosine_scale": None}


def training_step(model: keras.Model) -> Callable[[], object]:
    model.compile(keras.optimizers.SGD(1e-6), loss="categorical_crossentropy")
    return lambda: model.train_on_batch(IMAGES, TARGETS)


def contenders(backbone: str) -> dict[str, dict[str, Callable[[], object]]]:
    """Something to do once, by phase and arithmetic; ``Keras`` is the model as it comes, in float32."""
    plain = build(backbone, image_size=SIZE, weights=None)
    head = build_head(plain.output_shape[-1], LABELS, HEAD, seed=0)
    whole, folded = attach_head(pooled_backbone(plain), head), attach_head(pooled_backbone(fold(plain)), head)
    train = {"Keras": training_step(whole)}
    train |= {precision: training_step(training_copy(whole, precision, freeze_norms=True)) for precision in PRECISIONS}
    networks = {precision: fast_inference(folded, precision) for precision in PRECISIONS}
    embed: dict[str, Callable[[], object]] = {"Keras": lambda: whole.predict_on_batch(IMAGES)}
    embed |= {precision: partial(network, IMAGES) for precision, network in networks.items()}
    return {"train": train, "embed": embed}


def measure(work: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return seconds of processor time of the best round of each, after one that compiles."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(rounds + 1):
        for name, run in work.items():
            start = time.process_time()
            run()
            if turn:
                seconds[name].append(time.process_time() - start)
    return {name: min(values) for name, values in seconds.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("backbones", nargs="*", default=BACKBONES)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    IMAGES = rng.uniform(0, 255, (BATCH, SIZE, SIZE, 3)).astype(np.float32)
    TARGETS = np.eye(LABELS, dtype=np.float32)[rng.integers(0, LABELS, BATCH)]
    print(f"| backbone | phase | Keras (s) | float32 (s) | bfloat16 (s) | chosen | Keras / chosen |\n|{'---|' * 7}")
    for name in options.backbones:
        for phase, work in contenders(name).items():
            best, chosen = measure(work, options.rounds), choose(name, phase)
            cells = " | ".join(f"{best[contender]:.2f}" for contender in ("Keras", *PRECISIONS))
            print(f"| {name} | {phase} | {cells} | {chosen} | {best['Keras'] / best[chosen]:.1f} x |", flush=True)
        keras.backend.clear_session()
