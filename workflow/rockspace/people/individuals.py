"""Coordinates of single people, or of halves of them, where a study gives them."""

from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from rockspace.checksums import verified
from rockspace.errors import RockspaceError
from rockspace.people.coordinates import read_coordinates


def individual_coordinates(raw: Path, dataset: dict[str, Any], catalog: pd.DataFrame, split: str) -> pd.DataFrame:
    """Read one coordinates file for each person and bring it to the catalog's order.

    Args:
        raw: Folder with the archive's files.
        dataset: The section of the configuration; ``splits.{split}.individual`` names the files. Where the
            validation split is a fraction of the training images, each file holds the images of both.
        catalog: From `rockspace.data.catalog.read_catalog`.
        split: Which images.

    Returns:
        ``individual`` (the file's name without its suffix), ``image_id``, and one column a dimension; the
        rows of each individual follow the catalog.

    Raises:
        RockspaceError: With the file, where none matches, or one does not have the split's images.
    """
    pattern = dataset["splits"][split]["individual"]
    files = sorted(file for file in raw.glob(pattern) if file.is_file())
    if not files:
        raise RockspaceError(f"{raw}: no file matches '{pattern}'; check dataset.splits.{split}.individual")
    images = catalog[catalog["split"] == split]
    together = "fraction" in dataset["splits"].get("validation", {})
    everyone = catalog.sort_values("path", key=lambda paths: paths.map(_file_name)) if together else images
    tables = []
    for file in files:
        table = _of_images(file, read_coordinates(verified(file), dataset["dimensions"]), everyone)
        table = table.set_axis(everyone["image_id"]).loc[images["image_id"]].reset_index(drop=True)
        table.insert(0, "image_id", images["image_id"].to_numpy())
        table.insert(0, "individual", file.stem)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _of_images(file: Path, table: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    if isinstance(table.index, pd.RangeIndex):
        if len(table) != len(images):
            raise RockspaceError(f"{file}: {len(table)} rows for {len(images)} images; each image needs one row")
        # Bare rows follow the sorted file names, and so does the catalog.
        return table.copy()
    names = {_file_name(path): image for path, image in zip(images["path"], images["image_id"], strict=True)}
    table = table.rename(index=names)
    missing = images.loc[~images["image_id"].isin(table.index), "image_id"]
    if len(missing):
        raise RockspaceError(f"{file}: no row for image '{missing.iloc[0]}'; add one")
    return table.loc[images["image_id"]].reset_index(drop=True)


def _file_name(path: str) -> str:
    return PurePosixPath(path).name
