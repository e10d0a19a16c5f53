"""The catalog: which image is of which split and label."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from rockspace.errors import RockspaceError

SPLITS = ("train", "validation")
COLUMNS = ["image_id", "split", "label", "superclass", "path", "file"]


def label_names(catalog: pd.DataFrame) -> list[str]:
    """Return the labels in the order that a network's outputs have: sorted."""
    return sorted(catalog["label"].unique())


def label_indices(catalog: pd.DataFrame, image_ids: Sequence[str]) -> np.ndarray:
    """Return ``(n,)`` the place of each image's label in `label_names`.

    Raises:
        RockspaceError: Where an image is not in the catalog.
    """
    index_of = {name: i for i, name in enumerate(label_names(catalog))}
    label_of = dict(zip(catalog["image_id"], catalog["label"], strict=True))
    for image in image_ids:
        if image not in label_of:
            raise RockspaceError(f"image '{image}' is not in catalog.csv; run again with `--forcerun tfrecords`")
    return np.array([index_of[label_of[image]] for image in image_ids])


def read_catalog(path: Path) -> pd.DataFrame:
    """Read ``catalog.csv``; names and labels such as ``NA`` or ``007`` stay text."""
    return pd.read_csv(path, dtype=dict.fromkeys(COLUMNS, str), keep_default_na=False)
