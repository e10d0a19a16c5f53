"""What a network really sees: photographs as the input pipeline hands them over, unchanged and augmented."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from rockspace.report.captions import caption, count, listed
from rockspace.report.figures import GREY, LINE, TWO_COLUMNS, column_style, one_line, save
from rockspace.training.augmentation import Augmentation, View
from rockspace.training.pipeline import ImageSet, outputs_by_view

PHOTOGRAPHS, VIEWS = 6, 7  # rows, and augmented views beside the unchanged one


def preview_members(labels: np.ndarray, count: int = PHOTOGRAPHS) -> np.ndarray:
    """Choose images to preview: the first of each of ``count`` labels, spread evenly over all labels, or over all images without labels.

    Args:
        labels: ``(n,)`` label indices; -1 without labels.
        count: How many images at most.

    Returns:
        ``(n,)`` bool, true for the images chosen.
    """
    first = np.unique(labels, return_index=True)[1] if (labels >= 0).any() else np.arange(len(labels))
    chosen = np.zeros(len(labels), bool)
    chosen[first[np.linspace(0, len(first) - 1, min(count, len(first))).round().astype(int)]] = True
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


def augmentation_figure(
    views: np.ndarray,
    labels: Sequence[str],
    title: str,
    augmentation: Mapping[str, Any],
    outputs: Sequence[str | Path],
) -> None:
    """Draw views in rows, one photograph a row.

    Args:
        views: As from `pipeline_views`.
        labels: What each photograph shows: its label, or its name where it has none.
        title: What sees them.
        augmentation: Settings of the augmentation, by their names in the configuration.
        outputs: Files to write, the suffix says the format; the caption goes to those that end in ``.txt``.
    """
    rows, columns, side = views.shape[:3]
    with column_style():
        size = TWO_COLUMNS, (TWO_COLUMNS - 2 * LINE) / columns * rows * 1.03 + 4 * LINE
        figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
        figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0.02, hspace=0.02)
        for row, label in enumerate(labels):
            for axis, picture in zip(axes[row], views[row], strict=True):
                axis.imshow(picture, interpolation="none")
                axis.set(xticks=[], yticks=[])
                axis.spines[:].set(visible=True, color=GREY, linewidth=0.4)
            axes[row, 0].set_ylabel(one_line(label, 14))
        for column in range(columns):
            axes[0, column].set_title(f"epoch {column}" if column else "unchanged", pad=2)
        figure.suptitle(f"{title}: {side} by {side} pixels", x=0.01, ha="left")
        settings = listed([f"{name} {value}" for name, value in augmentation.items()])
        about = (
            f"{title[:1].upper()}{title[1:]}: {count(rows, 'training image')} ({listed([one_line(label) for label in labels])}), one a row, as the "
            f"input pipeline gives them to the network, {side} by {side} pixels, before the preprocessing of the backbone.",
            f"First column: unchanged, as in evaluation; others: as augmented in the first {count(columns - 1, 'epoch')} of fine-tuning.",
            f"Settings: {settings}.",
        )
        save(figure, outputs, caption(*about))
