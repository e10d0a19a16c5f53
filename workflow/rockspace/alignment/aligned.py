"""Tables of observed and predicted coordinates, image by image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

# Columns of each dimension, or of each category.
OBSERVED, PREDICTED = "{} observed", "{} predicted"


def aligned_table(
    image_id: np.ndarray, label: np.ndarray, names: Sequence[str], observed: np.ndarray, predicted: np.ndarray
) -> pd.DataFrame:
    """Tabulate coordinates.

    Args:
        image_id: Of each image, shape (n,).
        label: Of each image, shape (n,).
        names: Names of the dimensions.
        observed: Shape (n, k).
        predicted: Shape (n, k).

    Returns:
        A row for each image: `image_id`, `label`, and for each dimension the observed and the predicted coordinate.
    """
    columns = {"image_id": image_id, "label": label}
    for i, name in enumerate(names):
        columns |= {OBSERVED.format(name): observed[:, i], PREDICTED.format(name): predicted[:, i]}
    return pd.DataFrame(columns)


def read_aligned(path: str | Path) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Read a table written from `aligned_table`.

    Returns:
        The table, and the observed and the predicted coordinates in it, shapes (n, k).
    """
    table = pd.read_csv(path, dtype={"image_id": str, "label": str}, keep_default_na=False)
    sides = (table.filter(regex=form.format("^.*") + "$").to_numpy() for form in (OBSERVED, PREDICTED))
    return table, *sides


def dimensions_of(table: pd.DataFrame) -> list[str]:
    """Return the names of the dimensions in a table written from `aligned_table`, in its order."""
    ending = OBSERVED.format("")
    return [column.removesuffix(ending) for column in table.columns if column.endswith(ending)]
