"""Coordinates of single people, or of halves of them, where a study gives them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from rockspace.data.directory import list_folder
from rockspace.data.patterns import MissingError
from rockspace.errors import RockspaceError, listed
from rockspace.people.coordinates import read_coordinates


def individual_coordinates(raw: Path, dataset: Mapping[str, Any], catalog: pd.DataFrame, split: str) -> pd.DataFrame:
    """Read one coordinates file for each person, as the group's table is read.

    Args:
        raw: Folder with the archive's files.
        dataset: The section of the configuration; ``splits.{split}.individual`` names the files. Where the
            validation split is a fraction of the training images, each file holds the images of both.
        catalog: From `rockspace.data.catalog.read_catalog`.
        split: Which images.

    Returns:
        ``individual`` (the file's name without its suffix), ``image_id``, and one column a dimension; the
        rows of each individual follow the catalog. An image that somebody did not judge, or not on every
        dimension, has no row for them.

    Raises:
        RockspaceError: With the file, where none matches, one cannot be read, or people have different dimensions.
    """
    pattern = dataset["splits"][split]["individual"]
    try:
        files = sorted(list_folder(raw, [pattern]).values())
    except MissingError:
        raise RockspaceError(f"{raw}: no file matches '{pattern}'; check dataset.splits.{split}.individual") from None
    own = catalog["split"] == split
    is_of_both = "fraction" in dataset["splits"].get("validation", {})
    expected = own | is_of_both
    tables: list[pd.DataFrame] = []
    for file in files:
        table = read_coordinates(
            file,
            catalog.loc[expected, "file"].tolist(),
            others=catalog.loc[~expected, "file"].tolist(),
            dimensions=dataset["dimensions"],
            columns=dataset.get("columns"),
            order=dataset.get("order"),
            partial=True,
        ).table
        if tables and list(table) != list(tables[0].columns[2:]):
            raise RockspaceError(
                f"{file}: its dimensions are {listed(table)}, and {listed(tables[0].columns[2:])} in {files[0].name}; "
                "list those that all have in dataset.dimensions"
            )
        table = table.loc[[image for image in catalog.loc[own, "file"] if image in table.index]]
        table.insert(0, "image_id", catalog.set_index("file").loc[table.index, "image_id"])
        table.insert(0, "individual", file.stem)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
