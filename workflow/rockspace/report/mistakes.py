"""The most confident errors of a network, with the photographs it confused."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

from rockspace.data.images import WHITE, read_rgb, square
from rockspace.inference.embeddings import Embeddings
from rockspace.report.captions import caption, counted, left_out_of_accuracy
from rockspace.report.confusion import figure_without_accuracy
from rockspace.report.figures import GREY, RESOLUTION, TWO_COLUMNS, column_style, one_line, save

MAX_MISTAKES, COLUMNS = 12, 3  # in the picture, and in a row
HEAD, HEIGHT = 0.35, 1.45  # of the lines above, and of a row (inches)
PHOTOGRAPH = 1.05  # side (inches)
NAME = 17  # letters that fit above a photograph


def confident_mistakes(predictions: pd.DataFrame, embeddings: Embeddings, most: int = MAX_MISTAKES) -> pd.DataFrame:
    """Choose the validation images that were taken for something else with the highest probability.

    Args:
        predictions: As ``predictions.csv`` has them, both splits.
        embeddings: One layer of the same network.
        most: How many to choose at most.

    Returns:
        A row for each error, the most confident first: `image_id`, `label`, `predicted`, `probability`, and
        `example`, the training image of the guessed label that is nearest in the embedding (Euclidean distance).
    """
    scored = _scored(predictions)
    wrong = scored[~scored["correct"].astype(bool)]
    chosen = wrong.sort_values(["probability", "image_id"], ascending=[False, True]).head(most)
    place = {
        (split, name): i for i, (split, name) in enumerate(zip(embeddings.split, embeddings.image_id, strict=True))
    }
    examples: list[str | None] = []
    for mistake in chosen.itertuples():
        here = embeddings.embedding[place["validation", mistake.image_id]]
        members = np.flatnonzero((embeddings.split == "train") & (embeddings.label == mistake.predicted))
        distances = np.linalg.norm(embeddings.embedding[members] - here, axis=1)
        examples.append(str(embeddings.image_id[members[distances.argmin()]]) if len(members) else None)
    chosen = chosen.assign(example=examples)
    return chosen[["image_id", "label", "predicted", "probability", "example"]].reset_index(drop=True)


def mistakes_figure(
    predictions: pd.DataFrame,
    embeddings: Embeddings,
    photographs: Mapping[str, Path],
    title: str,
    layer: str,
    outputs: Sequence[str | Path],
    background: tuple[int, int, int] = WHITE,
) -> None:
    """Draw the most confident errors: the photograph with its label, and the most similar image of the predicted label.

    Args:
        predictions: As for `confident_mistakes`.
        embeddings: As for `confident_mistakes`.
        photographs: Image file of each `image_id`.
        title: What was trained.
        layer: Name of the layer that `embeddings` are of.
        outputs: Files to write, the suffix says the format; the caption goes to those that end in ``.txt``.
        background: Around and behind the photographs, 0 to 255, as training sees them.
    """
    validation = _scored(predictions)
    if validation.empty:
        figure_without_accuracy(title, left_out_of_accuracy(predictions), outputs)
        return
    mistakes = confident_mistakes(predictions, embeddings)
    wrong = int((~validation["correct"].astype(bool)).sum())
    rows = max(1, -(-len(mistakes) // COLUMNS))
    with column_style():
        figure = plt.figure(figsize=(TWO_COLUMNS, rows * HEIGHT + HEAD))
        head, body = figure.subfigures(2, 1, height_ratios=(HEAD, rows * HEIGHT))
        shown = f"the {len(mistakes)} most confident of {wrong}" if wrong > len(mistakes) else f"all {wrong}"
        words = f"{shown} errors on {len(validation)} validation images" if wrong else "no errors"
        similar = f"the training image of the predicted label that is most similar in layer {layer}"
        head.text(0.007, 0.5, f"{title}: {words}." + (f"\nRight of each: {similar}." if wrong else ""), va="center")
        cells = body.subfigures(rows, COLUMNS, squeeze=False).flat
        for cell, mistake in zip(cells, mistakes.itertuples(), strict=False):
            _mistake(cell, mistake, photographs, background)
        about = (
            f"Errors of {title}: {shown if wrong else 'none'} on {counted(validation['label'], 'validation')}.",
            "Pairs are in the order of the probability of the wrong label, from left to right and from top to bottom. Left: the "
            f"image, with its true label. Right: {similar} (least Euclidean distance between activations), with that label and "
            "the probability that the network gave it for the image on the left."
            if wrong
            else "",
            left_out_of_accuracy(predictions),
        )
        save(figure, outputs, caption(*about))


def _scored(predictions: pd.DataFrame) -> pd.DataFrame:
    """The validation images whose label is one of the network's, which alone can be right or wrong."""
    return predictions[(predictions["split"] == "validation") & predictions["correct"].notna()]


def _mistake(cell: SubFigure, mistake: Any, photographs: Mapping[str, Path], background: tuple[int, int, int]) -> None:
    place = {"left": 0.02, "right": 0.93, "bottom": 0.04, "top": 0.82, "wspace": 0.05}
    left, right = cell.subplots(1, 2, gridspec_kw=place)
    _photograph(left, photographs[mistake.image_id], background)
    _words(left, "true label", mistake.label)
    if isinstance(mistake.example, str):
        _photograph(right, photographs[mistake.example], background)
    else:
        right.set_axis_off()
    _words(right, f"predicted, {mistake.probability:.0%}", mistake.predicted)


def _words(axis: Axes, small: str, label: str) -> None:
    axis.annotate(small, (0, 1), (0, 10.5), "axes fraction", textcoords="offset points", color="0.35")
    axis.annotate(one_line(label, NAME), (0, 1), (0, 2.5), "axes fraction", textcoords="offset points")


def _photograph(axis: Axes, path: Path, background: tuple[int, int, int]) -> None:
    side = round(PHOTOGRAPH * RESOLUTION)
    axis.imshow(square(read_rgb(path, background), side, "pad", background), interpolation="none")
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set(visible=True, color=GREY, linewidth=0.4)
