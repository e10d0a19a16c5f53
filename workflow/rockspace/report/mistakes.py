"""The most confident errors of a network, with the photographs it confused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

from rockspace.data.images import WHITE, read_rgb, square
from rockspace.report.confusion import no_labels_figure
from rockspace.report.figures import COLUMN, GREY, RESOLUTION, column_style, one_line, save

MAX_MISTAKES, COLUMNS = 12, 3  # in the picture, and in a row
WIDTH, HEIGHT = 2 * COLUMN + 0.2, 1.42  # of the picture, and of a row (inches)
PHOTOGRAPH = 1.05  # side (inches)


def confident_mistakes(predictions: pd.DataFrame, most: int = MAX_MISTAKES) -> pd.DataFrame:
    """Choose the validation images that were taken for something else with the highest probability.

    Args:
        predictions: As ``predictions.csv`` has them, both splits.
        most: How many to choose at most.

    Returns:
        A row for each error, the most confident first: `image_id`, `label`, `predicted`, `probability`, and
        `example`, the training image of the guessed label with the highest probability.
    """
    training = predictions[predictions["split"] == "train"].sort_values("probability_of_label", ascending=False)
    examples = training.drop_duplicates("label").set_index("label")["image_id"]
    wrong = predictions[(predictions["split"] == "validation") & ~predictions["correct"].astype(bool)]
    chosen = wrong.sort_values(["probability", "image_id"], ascending=[False, True]).head(most)
    chosen = chosen.assign(example=chosen["predicted"].map(examples))
    return chosen[["image_id", "label", "predicted", "probability", "example"]].reset_index(drop=True)


def mistakes_figure(
    predictions: pd.DataFrame,
    photographs: Mapping[str, Path],
    title: str,
    output: str | Path,
    background: tuple[int, int, int] = WHITE,
) -> None:
    """Draw the most confident errors: the photograph with its label, and an example of the predicted label.

    Args:
        predictions: As for `confident_mistakes`; of a network without a softmax, which the picture says.
        photographs: Image file of each `image_id`.
        title: What was trained.
        output: File to write; the suffix says the format.
        background: Around and behind the photographs, 0 to 255, as training sees them.
    """
    if "predicted" not in predictions:
        no_labels_figure(output)
        return
    mistakes = confident_mistakes(predictions)
    validation = predictions[predictions["split"] == "validation"]
    wrong = int((~validation["correct"].astype(bool)).sum())
    rows = max(1, -(-len(mistakes) // COLUMNS))
    with column_style():
        figure = plt.figure(figsize=(WIDTH, rows * HEIGHT + 0.35))
        head, body = figure.subfigures(2, 1, height_ratios=(0.35, rows * HEIGHT))
        shown = f"the {len(mistakes)} most confident of {wrong}" if wrong > len(mistakes) else f"all {wrong}"
        words = f"{shown} errors on {len(validation)} validation images" if wrong else "no errors"
        right_hand = "\nRight of each: a training image of the predicted label." if wrong else ""
        head.text(0.007, 0.5, f"{title}: {words}.{right_hand}", fontsize=7, va="center")
        cells = body.subfigures(rows, COLUMNS, squeeze=False).flat
        for cell, mistake in zip(cells, mistakes.itertuples(), strict=False):
            _mistake(cell, mistake, photographs, background)
        save(figure, [output])


def _mistake(cell: SubFigure, mistake: Any, photographs: Mapping[str, Path], background: tuple[int, int, int]) -> None:
    place = {"left": 0.02, "right": 0.93, "bottom": 0.04, "top": 0.83, "wspace": 0.05}
    left, right = cell.subplots(1, 2, gridspec_kw=place)
    _photograph(left, photographs[mistake.image_id], background)
    _words(left, "true label", mistake.label)
    if isinstance(mistake.example, str):
        _photograph(right, photographs[mistake.example], background)
    else:
        right.set_axis_off()
    _words(right, f"predicted, {mistake.probability:.0%}", mistake.predicted)


def _words(axis: Axes, small: str, label: str) -> None:
    axis.annotate(small, (0, 1), (0, 10), "axes fraction", textcoords="offset points", fontsize=5.5, color=GREY)
    axis.annotate(one_line(label, 30), (0, 1), (0, 2.5), "axes fraction", textcoords="offset points", fontsize=6.5)


def _photograph(axis: Axes, path: Path, background: tuple[int, int, int]) -> None:
    side = round(PHOTOGRAPH * RESOLUTION)
    axis.imshow(square(read_rgb(path, background), side, "pad", background), interpolation="none")
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set(visible=True, color=GREY, linewidth=0.4)
