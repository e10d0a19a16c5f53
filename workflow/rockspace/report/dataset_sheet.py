"""A contact sheet of the dataset: photographs of every label."""

from pathlib import Path

import numpy as np
import pandas as pd

from rockspace.data.images import WHITE
from rockspace.report.captions import caption, counted
from rockspace.report.contact_sheet import contact_sheet

COLUMNS, TILE = 12, 96  # pictures in a row, and their side (pixels)
MAX_OF_A_LABEL, MAX_PICTURES = 12, 600  # a sheet with more is too large to look over


def dataset_sheet(
    catalog: pd.DataFrame, root: Path, split: str, output: Path, background: tuple[int, int, int] = WHITE
) -> str:
    """Lay out the photographs of a split, label by label, the labels of a superclass side by side.

    A sheet holds at most 12 photographs of a label and 600 in all; of a larger split it shows every so
    many labels and photographs, and says so.

    Args:
        catalog: As from `rockspace.data.catalog.read_catalog`.
        root: Folder that the catalog's paths start from.
        split: ``train`` or ``validation``.
        output: File to write; the suffix says the format.
        background: Around and behind the photographs, 0 to 255, as training sees them.

    Returns:
        The caption of the sheet.
    """
    images = catalog[catalog["split"] == split].sort_values(["superclass", "label", "image_id"])
    labels = images["label"].unique()
    shown = _spread(labels, MAX_PICTURES)
    each = max(1, min(MAX_OF_A_LABEL, MAX_PICTURES // len(shown)))
    chosen = pd.concat(
        rows.iloc[_spread(np.arange(len(rows)), each)]
        for _, rows in images[images["label"].isin(shown)].groupby("label", sort=False)
    )
    of = "" if len(chosen) == len(images) else f" of {len(images)}"
    title = f"{'training' if split == 'train' else split}: {len(chosen)}{of} photographs, {len(labels)} labels"
    paths = [root / path for path in chosen["path"]]
    columns = _columns(len(images[images["label"] == labels[0]]))
    contact_sheet(
        paths, chosen["label"].tolist(), output, columns=columns, tile=TILE, title=title, background=background
    )
    kind = "training" if split == "train" else split
    return caption(
        f"{counted(images['label'], kind).capitalize()}, the labels in the order of their superclasses, each named below its images.",
        f"Shown are {len(chosen)}, spread evenly over labels and images." if of else "",
    )


def _columns(of_a_label: int) -> int:
    """As many columns as hold whole labels, where one has few photographs."""
    return COLUMNS - COLUMNS % of_a_label if of_a_label <= COLUMNS else COLUMNS


def _spread(items: np.ndarray, most: int) -> np.ndarray:
    """At most so many of the items, spread evenly over all of them."""
    return items[np.unique(np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int))]
