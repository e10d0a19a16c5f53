"""What a network really sees: photographs as the input pipeline hands them over, unchanged and augmented."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from rockspace.report.figures import COLUMN, GREY, column_style, one_line, save
from rockspace.training.augmentation import Augmentation, View
from rockspace.training.pipeline import ImageSet, outputs_by_view

PHOTOGRAPHS, VIEWS = 6, 7  # rows, and augmented views beside the unchanged one
WIDTH = 2 * COLUMN + 0.2  # inches


def preview_members(labels: np.ndarray, count: int = PHOTOGRAPHS) -> np.ndarray:
    """Choose images to preview: the first of each of ``count`` labels, spread evenly over all labels.

    Args:
        labels: ``(n,)`` label indices.
        count: How many images at most.

    Returns:
        ``(n,)`` bool, true for the images chosen.
    """
    present, first = np.unique(labels, return_index=True)
    chosen = np.zeros(len(labels), bool)
    chosen[first[np.linspace(0, len(present) - 1, min(count, len(present))).round().astype(int)]] = True
    return chosen


def pipeline_views(images: ImageSet, augmentation: Augmentation, seed: int, views: int = VIEWS) -> np.ndarray:
    """Take images out of the pipeline as the network gets them, before the backbone's own preprocessing.

    Args:
        images: The few images to show.
        augmentation: Augmentation range.
        seed: Seed of the run; views are those of its first epochs of fine-tuning.
        views: Number of augmented views.

    Returns:
        ``(n, 1 + views, image_size, image_size, 3)`` uint8; the unchanged view comes first.
    """
    each = [None, *(View(augmentation, seed, number) for number in range(views))]
    pixels = np.stack(list(outputs_by_view(lambda batch: batch, images, each, progress="drawing views")), axis=1)
    return np.clip(pixels.round(), 0, 255).astype(np.uint8)


def augmentation_figure(views: np.ndarray, labels: Sequence[str], title: str, output: str | Path) -> None:
    """Draw views in rows, one photograph a row.

    Args:
        views: As from `pipeline_views`.
        labels: What each photograph shows.
        title: What sees them.
        output: File to write; the suffix says the format.
    """
    rows, columns, side = views.shape[:3]
    with column_style():
        size = WIDTH, WIDTH / columns * rows * 1.03 + 0.45
        figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
        figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0.02, hspace=0.02)
        for row, label in enumerate(labels):
            for axis, picture in zip(axes[row], views[row], strict=True):
                axis.imshow(picture, interpolation="none")
                axis.set(xticks=[], yticks=[])
                axis.spines[:].set(visible=True, color=GREY, linewidth=0.4)
            axes[row, 0].set_ylabel(one_line(label, 20), fontsize=6.5)
        for column in range(columns):
            axes[0, column].set_title(f"epoch {column}" if column else "unchanged", fontsize=6.5, pad=2)
        figure.suptitle(f"{title}: {side} by {side} pixels", fontsize=7, x=0.01, ha="left")
        save(figure, [output])
