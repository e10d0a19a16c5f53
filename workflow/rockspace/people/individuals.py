"""Coordinates of single people, or of halves of them, where a study gives them."""

import unicodedata
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from rockspace.config import validation_rule
from rockspace.data.directory import list_folder
from rockspace.data.patterns import MissingError
from rockspace.data.restructuring import shortest_ends
from rockspace.errors import RockspaceError, listed
from rockspace.people.reading import read_coordinates

_MOST_ALIKE = 3  # images; of fewer, two people may say the same


def individual_coordinates(
    raw: Path, dataset: Mapping[str, Any], catalog: pd.DataFrame, split: str, group: Sequence[str]
) -> pd.DataFrame:
    """Read one coordinates file for each person, as the group's table is read.

    Args:
        raw: Folder with the archive's files.
        dataset: The section of the configuration; ``splits.{split}.individual`` names the files. Where the
            validation images are picked from the training images, or has the same pattern, each file may hold the images
            of both.
        catalog: From `rockspace.data.catalog.read_catalog`.
        split: Which images.
        group: The dimensions of the group's table. People's files may have further columns where they name these; where
            they do not, they need as many.

    Returns:
        ``individual`` (the file's name without its suffix, with the folders that tell it from others; of a file in a
        folder for each, the folder's name), ``image_id``, and one column a dimension; the
        rows of each individual follow the catalog. An image that somebody did not judge, or not on every
        dimension, has no row for them.

    Raises:
        RockspaceError: With the file, where none matches, one cannot be read, or has other dimensions than the group.
    """
    pattern = dataset["splits"][split]["individual"]
    try:
        files = list_folder(raw, [pattern])
    except MissingError:
        raise RockspaceError(f"{raw}: no file matches '{pattern}'; check dataset.splits.{split}.individual") from None
    for group_file in (each["coordinates"] for each in dataset["splits"].values() if "coordinates" in each):
        if group_file in files:
            raise RockspaceError(
                f"{files[group_file]}: '{pattern}' (config key dataset.splits.{split}.individual) matches this file of the whole "
                "group too; narrow the pattern, or put the individuals' files into a folder of their own"
            )
    own = catalog["split"] == split
    splits = dataset["splits"]
    patterns = [each["individual"] for each in splits.values() if "individual" in each]
    are_of_both = validation_rule(dataset) is not None or len(patterns) > len(set(patterns))
    expected = own | are_of_both
    given = splits.get(split if "names" in splits[split] else "train", {})
    names = raw / given["names"] if "names" in given else None  # of the rows of the group's table
    tables: list[pd.DataFrame] = []
    given_by: dict[tuple[int, ...], Path] = {}
    as_in_group = {name.casefold(): name for name in group}
    people = shortest_ends([unicodedata.normalize("NFC", file) for file in files])
    if len({PurePosixPath(person).name for person in people}) == 1 < len(people):
        people = [str(PurePosixPath(person).parent) for person in people]  # a folder for each
    for person, file in zip(people, files.values(), strict=True):
        read = partial(
            read_coordinates,
            file,
            catalog.loc[expected, "file"].tolist(),
            others=catalog.loc[~expected, "file"].tolist(),
            dimensions=dataset["dimensions"],
            columns=dataset.get("columns"),
            order=dataset.get("order"),
            partial=True,
        )
        try:
            table = read(names=names).table
        except RockspaceError:
            if names is None:
                raise
            table = read().table  # it names its images itself
        if len(as_in_group) == len(group) and not set(group) & set(table):
            table = table.rename(columns={name: as_in_group.get(name.casefold(), name) for name in table})
        if set(group) <= set(table):
            table = table[list(group)]
        elif len(table.columns) == len(group) and not set(group) & set(table):
            table = table.set_axis(list(group), axis=1)
        else:
            raise RockspaceError(f"{file}: its dimensions are {listed(table)}, and those of the group {listed(group)}")
        table = table.loc[[image for image in catalog.loc[own, "file"] if image in table.index]]
        _refuse_copy(file, table, given_by)
        table.insert(0, "image_id", catalog.set_index("file").loc[table.index, "image_id"])
        table.insert(0, "individual", person)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _refuse_copy(file: Path, table: pd.DataFrame, given_by: dict[tuple[int, ...], Path]) -> None:
    """Refuse numbers with decimals that another person's file has too, all of them: nobody agrees so well."""
    if len(table) < _MOST_ALIKE or not (table % 1).any(axis=None):
        return
    other = given_by.setdefault(tuple(pd.util.hash_pandas_object(table)), file)
    if other != file:
        raise RockspaceError(f"{file}: the same coordinates as in {other}; remove one, or narrow the pattern")
