"""Sentences that the captions of figures share: how many images, what an interval is over, how it is computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from rockspace.alignment.statistics import Estimate, doubt, written_p
from rockspace.data.catalog import NO_LABEL
from rockspace.network_kinds import KERAS_FILE, ONNX_FILE, RANDOM, READY, has_seed, is_ready, is_trained, kind_of

# How an interval of a correlation is computed, by the unit that is resampled.
METHODS = {
    "subtypes": "jackknife that leaves out one subtype, all images of a label, at a time",
    "images": "bias-corrected and accelerated bootstrap of single images",
}


def count(number: int, noun: str) -> str:
    """Return a number and its noun, such as ``1 image`` and ``4 images``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def counted(labels: Iterable[str], kind: str = "") -> str:
    """Return how many images of how many labels there are, such as ``120 validation images of 30 labels``.

    Args:
        labels: Label of each image; the empty text where it has none.
        kind: What the images are, such as ``validation``.
    """
    each = list(labels)
    return f"{count(len(each), f'{kind} image'.strip())}{of_labels(each)}"


def of_labels(labels: Iterable[str]) -> str:
    """Return of how many labels images are, such as `` of 30 labels``; nothing of images without labels.

    Args:
        labels: Label of each image; the empty text where it has none.
    """
    each = list(labels)
    names, without = {*each} - {NO_LABEL}, each.count(NO_LABEL)
    return f" of {count(len(names), 'label')}{f' ({without} without one)' if without else ''}" if names else ""


def left_out_of_accuracy(predictions: pd.DataFrame) -> str:
    """Say in one sentence which validation images accuracy is not of; nothing where it is of all.

    Args:
        predictions: As from `rockspace.inference.evaluation.read_predictions`.
    """
    validation = predictions[predictions["split"] == "validation"]
    labels = validation.loc[validation["correct"].isna(), "label"]
    without = int((labels == NO_LABEL).sum())
    numbers = {"no label": without, "a label that no training image has": len(labels) - without}
    why = [f"{n} {'has' if n == 1 else 'have'} {what}" for what, n in numbers.items() if n]
    if not why:
        return ""
    return f"Accuracy is of {len(validation) - len(labels)} of the {len(validation)} validation images: {listed(why)}."


def origin(model: dict[str, Any]) -> str:
    """Say in a few words what a network is that is not trained; nothing of one that is.

    Args:
        model: An item of ``models`` of a validated configuration.
    """
    if is_trained(model):
        return ""
    if is_ready(model):
        return f"{READY.name} from {Path(model['embeddings']).name}"
    if model["weights"] == RANDOM:
        return "with random weights"
    return f"as it is in {file.name}" if (file := network_file(model)) else "as pretrained"


def network_file(model: dict[str, Any]) -> Path | None:
    """Return the file that holds the network of a model, and not its weights alone; None of a network that has a name."""
    return Path(model["backbone"]) if kind_of(model["backbone"]) in (KERAS_FILE, ONNX_FILE) else None


def titled(model: dict[str, Any], layer: str = "", seeds: Sequence[int | str] = ()) -> str:
    """Name a network in a title: with its layer, where it comes from if it is not trained, and its seeds if anything is random.

    Args:
        model: An item of ``models`` of a validated configuration.
        layer: Its layer; ready embeddings have one alone, which is not named.
        seeds: Its seeds.
    """
    layer = "" if is_ready(model) else layer
    numbers = f"seed{'s' if len(seeds) > 1 else ''} {listed([str(seed) for seed in seeds])}" if seeds else ""
    return ", ".join(filter(None, [model["name"], layer, origin(model), numbers if has_seed(model) else ""]))


def listed(words: Sequence[str], last: str = "and") -> str:
    """Join words to a list: ``a``, ``a and b``, ``a, b and c``; `last` stands before the last one."""
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def interval(found: Estimate) -> str:
    """Return the ends of an interval in brackets; nothing where there is none."""
    return f" [{found.low:z.2f}, {found.high:z.2f}]" if found.has_interval else ""


def intervals(name: str, units: str) -> str:
    """Say in one sentence what intervals are over, and how they are computed.

    Args:
        name: What shows them, such as ``Brackets``.
        units: ``subtypes`` or ``images``; nothing where there are too few of either.
    """
    if not units:
        return "There are too few images for intervals."
    return f"{name}: 95 % confidence intervals over {units} ({METHODS[units]})."


def chance(found: Estimate) -> str:
    """Say in one sentence what random pairings give; nothing where none were made."""
    if not found.has_null:
        return ""
    return (
        f"By chance, with {found.null_over} paired at random and the analysis repeated for each pairing, mean r is "
        f"{found.null:z.2f} (middle 95 %: {found.null_low:z.2f} to {found.null_high:z.2f}; p {written_p(found.p)}, one-sided): this is "
        f"{'not ' if doubt(found) else ''}clearly above chance."
    )


def whose(text: str, drawn: bool) -> str:
    """Say that coordinates are those that images were drawn with, and not people's, where that is so."""
    if not drawn:
        return text
    words = {
        "that people gave them": "that they were drawn with",
        "people's coordinate": "the drawn coordinate",
        "people's": "the drawn",
        "human": "drawn",
    }
    for people, ours in words.items():
        text = text.replace(people, ours)
    return text


def caption(*sentences: str) -> str:
    """Join sentences, those that say nothing left out."""
    return " ".join(filter(None, sentences))
