"""Evaluation: how often a classifier is right, how well coordinates are predicted, and how sure those figures are."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from rockspace.alignment.aligned import aligned_table
from rockspace.alignment.intervals import mean_intervals, proportion_interval
from rockspace.alignment.procrustes import Procrustes
from rockspace.alignment.spaces import correlations, subtypes_of
from rockspace.artifacts import StoredArrays
from rockspace.data.catalog import NO_LABEL, label_names
from rockspace.people.coordinates import coordinates_of

TOP_K = 3
RANK_SUFFIXES = ("", *(f"_{rank}" for rank in range(2, TOP_K + 1)))
"""Of the columns of the best guess, the second and so on."""

# Figures of `metrics` that there are none of without a softmax.
NEEDS_PROBABILITIES = ("top1", "top3", "loss", "top1_ci", "top1_ci_subtypes", "chance")
FIXED = ("labels", "dimensions")
"""Of `Outputs`: what does not go by image."""


@dataclass(frozen=True)
class Outputs(StoredArrays):
    """The outputs of a network, or of an ensemble, for images.

    Attributes:
        image_id: ``(n,)`` names.
        split: ``(n,)`` ``train`` or ``validation``.
        label: ``(n,)`` label names; empty for an image without a label.
        labels: ``(n_labels,)`` the labels of the training images, in the order of the probabilities.
        probabilities: ``(n, n_labels)``, or None where there is no softmax.
        coordinates: ``(n, k)`` predicted, in the unit of the training images' file, or None where none are predicted.
        observed: ``(n, k)`` human coordinates, each split in the unit of its own file; None with ``coordinates``.
        dimensions: ``(k,)`` their names, or None.
    """

    image_id: np.ndarray
    split: np.ndarray
    label: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray | None = None
    coordinates: np.ndarray | None = None
    observed: np.ndarray | None = None
    dimensions: np.ndarray | None = None

    def of_split(self, split: str) -> "Outputs":
        """Return the images of one split."""
        rows = self.split == split
        return Outputs(**{k: v if v is None or k in FIXED else v[rows] for k, v in vars(self).items()})

    @property
    def label_index(self) -> np.ndarray:
        """``(n,)`` the index of each image's label, -1 for an image without a label or with one that is not learnt."""
        return pd.Index(self.labels).get_indexer(self.label)


def outputs_of(outputs: Mapping[str, np.ndarray], catalog: pd.DataFrame, coordinates: pd.DataFrame | None) -> Outputs:
    """Join the outputs of a network with the labels and coordinates of the images.

    Args:
        outputs: ``predictions``, ``coordinates`` or both, in the catalog's order.
        catalog: From `rockspace.data.catalog.read_catalog`.
        coordinates: People's, indexed by ``image_id``; None where none are learnt.
    """
    columns = {name: catalog[name].to_numpy(str) for name in ("image_id", "split", "label")}
    joined = Outputs(**columns, labels=np.array(label_names(catalog), str), probabilities=outputs.get("predictions"))
    if "coordinates" not in outputs:
        return joined
    observed, dimensions = coordinates_of(coordinates, catalog["image_id"]), np.array(coordinates.columns, str)
    return replace(joined, coordinates=outputs["coordinates"], observed=observed, dimensions=dimensions)


def metrics(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Score probabilities against labels.

    Args:
        probabilities: ``(n, n_labels)``, rows sum to 1.
        labels: ``(n,)`` label indices.

    Returns:
        ``n``, ``top1`` and ``top3`` (0 to 1), ``loss`` (mean cross-entropy, nats); 95 % intervals of ``top1``:
        ``top1_ci_subtypes`` over labels (`rockspace.alignment.intervals.proportion_interval`; None for fewer than three)
        and ``top1_ci`` over images, as if they were independent (Wilson, 1927); and what guesses reach without looking:
        ``chance`` with ``uniform`` (one of the labels at random) and ``largest_label`` (always the most common one).
    """
    above = ranks(probabilities, labels)
    hits = above == 0
    over_images = binomtest(int(hits.sum()), len(labels)).proportion_ci(method="wilson")
    return {
        "n": len(labels),
        "top1": int(hits.sum()) / len(labels),
        "top3": float((above < TOP_K).mean()),
        "loss": float(losses(probabilities, labels).mean()),
        "top1_ci": [float(over_images.low), float(over_images.high)],
        "top1_ci_subtypes": proportion_interval(hits, labels),
        "chance": {
            "uniform": 1 / probabilities.shape[1],
            "largest_label": float(np.bincount(labels).max() / len(labels)),
        },
    }


def ranks(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return ``(n,)`` how many labels are ranked above the right one; a tie counts against it."""
    of_label = probabilities[np.arange(len(labels)), labels]
    return (probabilities >= of_label[:, None]).sum(axis=1) - 1


def losses(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return ``(n,)`` the cross-entropy of each image (nats)."""
    of_label = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.maximum(of_label, np.finfo(np.float32).tiny))


def coordinate_metrics(
    predicted: np.ndarray, observed: np.ndarray, subtypes: np.ndarray | None, *, resamples: int, seed: int
) -> dict[str, Any]:
    """Score predicted coordinates against people's, which may come in another unit.

    Args:
        predicted: ``(n, k)``.
        observed: ``(n, k)``.
        subtypes: ``(n,)`` as from `rockspace.alignment.spaces.subtypes_of`, or None without labels.
        resamples: Bootstrap resamples behind the interval over images.
        seed: Decides every resample.

    Returns:
        ``n``; ``r``: Pearson's r of each dimension; ``mean_r``, and its 95 % intervals ``mean_r_ci_subtypes`` over labels
        (None for fewer than three) and ``mean_r_ci`` over images; ``r2``: share of each dimension's variance that its
        prediction explains after the best shift and the best scale that is not negative, fitted to these images
        (``max(r, 0)^2``); ``disparity``: what is left of the variance after the best translation, uniform scale and
        rotation, as in `scipy.spatial.procrustes`.
    """
    r = correlations(predicted, observed)
    return {
        "n": len(predicted),
        "r": r.tolist(),
        "mean_r": float(r.mean()),
        **mean_intervals(predicted, observed, subtypes, resamples=resamples, seed=seed),
        "r2": (np.maximum(r, 0) ** 2).tolist(),
        "disparity": Procrustes().fit(predicted, observed).disparity_,
    }


def evaluation(outputs: Outputs, *, resamples: int, seed: int) -> dict[str, Any]:
    """Score outputs split by split.

    Args:
        outputs: Of images of both splits.
        resamples: Bootstrap resamples behind each interval of the coordinates' figures.
        seed: Decides every resample.

    Returns:
        For each split what `metrics` says of the images whose label is one of the network's, ``n`` of them, with
        ``n_without_label`` and ``n_unseen_label``, the numbers of other images; None in place of figures that need a
        softmax, ``n`` then being all images; and, where coordinates are predicted, ``coordinates`` with what `coordinate_metrics` says of each split.
    """
    figures: dict[str, Any] = {}
    splits = {split: outputs.of_split(split) for split in dict.fromkeys(outputs.split.tolist())}
    for name, split in splits.items():
        figures[name] = {"n": len(split.label)} | dict.fromkeys(NEEDS_PROBABILITIES)
        if split.probabilities is not None:
            figures[name] |= _accuracy(split)
    if outputs.coordinates is not None:
        figures["coordinates"] = {
            name: coordinate_metrics(
                split.coordinates,
                split.observed,
                subtypes_of(split.label, split.image_id),
                resamples=resamples,
                seed=seed,
            )
            for name, split in splits.items()
        }
    return figures


def _accuracy(split: Outputs) -> dict[str, Any]:
    """Return what `metrics` says of the images whose label is one of the network's, and how many others there are."""
    labels = split.label_index
    known, without = labels >= 0, split.label == NO_LABEL
    counts = {
        "n": int(known.sum()),
        "n_without_label": int(without.sum()),
        "n_unseen_label": int((~known & ~without).sum()),
    }
    return counts | (metrics(split.probabilities[known], labels[known]) if known.any() else {})


def leading_interval(scores: dict[str, Any], name: str) -> tuple[float, float, str] | None:
    """Return the ends of a figure's interval and what it is over: ``labels``, or ``images`` where labels are too few."""
    for key, over in ((f"{name}_ci_subtypes", "labels"), (f"{name}_ci", "images")):
        if scores[key] is not None:
            return *scores[key], over
    return None


def in_words(figures: dict[str, Any], split: str) -> str:
    """Return the figures of one split, from `evaluation`, in one line."""
    words = [f"{split}:"]
    if figures[split]["top1"] is not None:
        scores = figures[split]
        low, high, over = leading_interval(scores, "top1")
        guess = 100 * scores["chance"]["largest_label"]
        words.append(
            f"{100 * scores['top1']:.1f} % of {scores['n']} right (95 % interval over {over}: {100 * low:.1f} to "
            f"{100 * high:.1f} %; {guess:.1f} % have the most common label)"
        )
    counts = (("n_without_label", "without a label"), ("n_unseen_label", "with a label of no training image"))
    words += [f"left out {n} {why}" for name, why in counts if (n := figures[split].get(name))]
    if "coordinates" in figures:
        scores = figures["coordinates"][split]
        words.append(f"mean r of coordinates {scores['mean_r']:.3f}")
        if interval := leading_interval(scores, "mean_r"):
            words[-1] += f" (95 % interval over {interval[2]}: {interval[0]:.3f} to {interval[1]:.3f})"
        words.append(f"disparity {scores['disparity']:.3f}")
    return " ".join([words[0], ", ".join(words[1:])])


def predictions(outputs: Outputs) -> pd.DataFrame:
    """Tabulate what is predicted of all images.

    Returns:
        ``image_id``, ``split``, ``label``; where there is a softmax, the best three guesses and their probabilities, that of
        the label, and whether it is ``correct``, both empty for an image whose label is none of the network's; and
        coordinates beside the observed ones, where they are predicted.
    """
    table = pd.DataFrame({name: getattr(outputs, name) for name in ("image_id", "split", "label")})
    if outputs.probabilities is not None:
        best = np.argsort(-outputs.probabilities, axis=1, kind="stable")[:, :TOP_K]
        for suffix, guess in zip(RANK_SUFFIXES, best.T, strict=False):
            table[f"predicted{suffix}"] = outputs.labels[guess]
            table[f"probability{suffix}"] = outputs.probabilities[np.arange(len(guess)), guess]
        index = outputs.label_index
        known = index >= 0
        table["probability_of_label"] = np.where(known, outputs.probabilities[np.arange(len(table)), index], np.nan)
        table["correct"] = (table["predicted"] == table["label"]).astype("boolean").where(known)
    if outputs.coordinates is None:
        return table
    names = outputs.dimensions.tolist()
    pairs = aligned_table(outputs.image_id, outputs.label, names, outputs.observed, outputs.coordinates)
    return table.join(pairs.drop(columns=["image_id", "label"]))


def read_predictions(path: str | Path) -> pd.DataFrame:
    """Read ``predictions.csv``; names and labels that look like numbers or like nothing stay text."""
    text = dict.fromkeys(["image_id", "split", "label", *(f"predicted{suffix}" for suffix in RANK_SUFFIXES)], str)
    unknown = {name: [""] for name in ("probability_of_label", "correct")}
    return pd.read_csv(path, dtype=text | {"correct": "boolean"}, keep_default_na=False, na_values=unknown)
