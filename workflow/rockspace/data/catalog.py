"""The catalog: which image is of which split, and of which label, if any."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from rockspace.errors import RockspaceError

SPLITS = ("train", "validation")
COLUMNS = ["image_id", "split", "label", "superclass", "path", "file"]
NO_LABEL = ""
"""In the column ``label``; never a label among others."""


def label_names(catalog: pd.DataFrame) -> list[str]:
    """Return the labels of the training images in the order that a network's outputs have: sorted; empty without labels."""
    return sorted(set(catalog.loc[catalog["split"] == "train", "label"]) - {NO_LABEL})


def label_indices(catalog: pd.DataFrame, image_ids: Sequence[str]) -> np.ndarray:
    """Return ``(n,)`` the place of each image's label in `label_names`; -1 for an image without a label, or with another one.

    Raises:
        RockspaceError: Where an image is not in the catalog.
    """
    index_of = {name: i for i, name in enumerate(label_names(catalog))}
    label_of = dict(zip(catalog["image_id"], catalog["label"], strict=True))
    for image in image_ids:
        if image not in label_of:
            raise RockspaceError(f"image '{image}' is not in catalog.csv; run again with `--forcerun tfrecords`")
    return np.array([index_of.get(label_of[image], -1) for image in image_ids], int)


def left_out_of_accuracy(catalog: pd.DataFrame) -> tuple[int, int]:
    """Return how many validation images have no label, and how many have one that no training image has."""
    labels = catalog.loc[catalog["split"] == "validation", "label"]
    without = labels == NO_LABEL
    return int(without.sum()), int((~without & ~labels.isin(label_names(catalog))).sum())


def read_catalog(path: Path) -> pd.DataFrame:
    """Read ``catalog.csv``; names and labels such as ``NA`` or ``007`` stay text."""
    return pd.read_csv(path, dtype=dict.fromkeys(COLUMNS, str), keep_default_na=False)
