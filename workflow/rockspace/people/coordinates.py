"""Human coordinates: what multidimensional scaling made of people's similarity judgments."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from rockspace.errors import RockspaceError


def coordinates_of(table: pd.DataFrame | None, image_ids: Sequence[str]) -> np.ndarray:
    """Return ``(n, k)`` float32 coordinates of these images; without a table, ``k`` is 0."""
    if table is None:
        return np.empty((len(image_ids), 0), np.float32)
    missing = pd.Index(image_ids).difference(table.index)
    if len(missing):
        raise RockspaceError(
            f"image '{missing[0]}' has no row in the study's coordinates; run again with `--forcerun coordinates`"
        )
    return table.loc[list(image_ids)].to_numpy(np.float32)


def read_coordinates_tables(paths: Sequence[str | Path]) -> pd.DataFrame | None:
    """Read ``coordinates/{split}.csv`` of one split or both, indexed by ``image_id``; None without a file."""
    tables = [pd.read_csv(path, dtype={"image_id": str}, keep_default_na=False) for path in paths]
    return pd.concat(tables).set_index("image_id") if tables else None
