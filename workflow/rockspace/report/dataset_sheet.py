"""A contact sheet of the dataset: photographs of every label, or by name where there are no labels."""

from pathlib import Path

import numpy as np
import pandas as pd

from rockspace.data.catalog import NO_LABEL
from rockspace.data.images import WHITE
from rockspace.report.captions import caption, counted, of_labels
from rockspace.report.contact_sheet import contact_sheet
from rockspace.report.figures import shortened

COLUMNS, TILE = 12, 96  # pictures in a row, and their side (pixels)
NAME, TILE_WITH_NAME = 15, 104  # letters of an image's name, and the side that they fit below (pixels)
MAX_OF_A_LABEL, MAX_PICTURES = 12, 600  # a sheet with more is too large to look over


def dataset_sheet(
    catalog: pd.DataFrame, root: Path, split: str, output: Path, background: tuple[int, int, int] = WHITE
) -> str:
    """Lay out the photographs of a split, label by label, the labels of a superclass side by side.

    A sheet holds at most 12 photographs of a label and 600 in all; of a larger split it shows every so
    many labels and photographs, and says so. Without labels the photographs stand in the order of the catalog, each with its name.

    Args:
        catalog: As from `rockspace.data.catalog.read_catalog`.
        root: Folder that the catalog's paths start from.
        split: ``train`` or ``validation``.
        output: File to write; the suffix says the format.
        background: Around and behind the photographs, 0 to 255, as training sees them.

    Returns:
        The caption of the sheet.
    """
    images = catalog[catalog["split"] == split]
    has_labels = (images["label"] != NO_LABEL).any()
    if has_labels:
        # Images without a label come last.
        images = images.assign(last=images["label"] == NO_LABEL).sort_values(
            ["last", "superclass", "label", "image_id"]
        )
        chosen, columns = _of_each_label(images), _columns((images["label"] == images["label"].iloc[0]).sum())
        names, tile = chosen["label"].replace(NO_LABEL, "no label"), TILE
    else:
        chosen, columns = images.iloc[_spread(np.arange(len(images)), MAX_PICTURES)], COLUMNS
        names, tile = chosen["image_id"].map(lambda name: shortened(name, NAME)), TILE_WITH_NAME
    of = "" if len(chosen) == len(images) else f" of {len(images)}"
    kind = "training" if split == "train" else split
    title = f"{kind}: {len(chosen)}{of} photographs{of_labels(images['label'])}"
    paths = [root / path for path in chosen["path"]]
    contact_sheet(paths, names.tolist(), output, columns=columns, tile=tile, title=title, background=background)
    of_superclasses = "in the order of their superclasses, " if images["superclass"].any() else ""
    order = f"by label, {of_superclasses}whose name is below each"
    return caption(
        f"{counted(images['label'], kind).capitalize()}, {order if has_labels else 'each with its name below it'}.",
        f"Shown are {len(chosen)}, spread evenly over {'labels and images' if has_labels else 'all'}." if of else "",
    )


def _of_each_label(images: pd.DataFrame) -> pd.DataFrame:
    """At most so many images of each label, of at most so many labels."""
    shown = _spread(images["label"].unique(), MAX_PICTURES)
    each = max(1, min(MAX_OF_A_LABEL, MAX_PICTURES // len(shown)))
    return pd.concat(
        rows.iloc[_spread(np.arange(len(rows)), each)]
        for _, rows in images[images["label"].isin(shown)].groupby("label", sort=False)
    )


def _columns(of_a_label: int) -> int:
    """As many columns as hold whole labels, where one has few photographs."""
    return COLUMNS - COLUMNS % of_a_label if of_a_label <= COLUMNS else COLUMNS


def _spread(items: np.ndarray, most: int) -> np.ndarray:
    """At most so many of the items, spread evenly over all of them."""
    return items[np.unique(np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int))]
