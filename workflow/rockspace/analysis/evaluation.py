"""Evaluation: how often a classifier is right, and how sure that figure is."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import tensorflow as tf
from scipy.stats import binomtest
from tqdm import tqdm

from rockspace.training.pipeline import ImageSet

TOP_K = 3


def predict(network: Callable[[tf.Tensor], tf.Tensor], images: ImageSet, batch_size: int) -> np.ndarray:
    """Return the network's probabilities for every image: ``(n, n_labels)`` float32."""
    parts = []
    for batch, _ in tqdm(images.plain(batch_size), total=images.steps(batch_size), desc="evaluating", unit="batch"):
        parts.append(network(batch).numpy())
    return np.concatenate(parts)


def metrics(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float | int | list[float]]:
    """Score probabilities against labels.

    Args:
        probabilities: ``(n, n_labels)``, rows sum to 1.
        labels: ``(n,)`` label indices.

    Returns:
        ``n``, ``top1`` and ``top3`` (0 to 1), ``loss`` (mean cross-entropy, nats), and ``top1_ci``: the 95 %
        interval of ``top1`` after Wilson (1927), which treats images as independent.
    """
    of_label = probabilities[np.arange(len(labels)), labels]
    # How many labels are ranked above the right one; a tie counts against it.
    above = (probabilities >= of_label[:, None]).sum(axis=1) - 1
    hits = int((above == 0).sum())
    interval = binomtest(hits, len(labels)).proportion_ci(method="wilson")
    return {
        "n": len(labels),
        "top1": hits / len(labels),
        "top3": float((above < TOP_K).mean()),
        "loss": float(-np.log(np.maximum(of_label.astype(np.float64), np.finfo(np.float32).tiny)).mean()),
        "top1_ci": [float(interval.low), float(interval.high)],
    }


def prediction_table(
    image_ids: Sequence[str], split: str, labels: np.ndarray, probabilities: np.ndarray, names: list[str]
) -> pd.DataFrame:
    """Tabulate for each image its label, the best three guesses and their probabilities."""
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :TOP_K]
    table = pd.DataFrame({"image_id": image_ids, "split": split, "label": np.take(names, labels)})
    for rank in range(order.shape[1]):
        suffix = "" if rank == 0 else f"_{rank + 1}"
        table[f"predicted{suffix}"] = np.take(names, order[:, rank])
        table[f"probability{suffix}"] = np.take_along_axis(probabilities, order[:, rank : rank + 1], 1)[:, 0]
    table["probability_of_label"] = probabilities[np.arange(len(labels)), labels]
    table["correct"] = table["predicted"] == table["label"]
    return table
