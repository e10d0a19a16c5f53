"""How often people chose each category for each image."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from rockspace.data.catalog import NO_LABEL
from rockspace.data.pairing import pair
from rockspace.data.tables import is_integer, number, read_table
from rockspace.errors import RockspaceError

_MOST = 10**9  # more people than were ever asked; sums fit 64 bits
_GROUPED = re.compile(r"[1-9]\d{0,2}[.,]000")  # 1,000 may be a thousand


def read_responses(path: Path, catalog: pd.DataFrame, split: str) -> pd.DataFrame:
    """Read a table of response counts.

    Args:
        path: Table with a column that names the images (as a table of coordinates does) and one for each category that
            people could choose: labels, or superclasses. Cells hold how often it was chosen.
        catalog: From `rockspace.data.catalog.read_catalog`.
        split: Which images to take. Images of the other split are left out, so one file may hold both.

    Returns:
        One integer column a category, as the file orders them, indexed by ``image_id`` in the catalog's order. Images
        without responses have no row.

    Raises:
        RockspaceError: With file and row, where something is missing, doubled, unknown or not a count.
    """
    table, own = read_table(path, has_header=True), catalog["split"] == split
    known = [name for name in table.cells if name in {*catalog["label"], *catalog["superclass"]} - {NO_LABEL}]
    pairing = pair(table, catalog["file"].tolist(), dimensions=known, partial=True)
    if pairing.names is None:
        raise RockspaceError(f"{path}: no column names the images; expected one, and one column a category")
    categories = [name for name in table.cells if name != pairing.names and name not in pairing.numbering]
    category_of_label(catalog, categories, path)
    counts = table.cells[categories].apply(lambda row: [_count(path, row.name, *cell) for cell in row.items()], axis=1)
    for line, row in counts.items():
        if not any(row):
            image = table.cells.loc[line, pairing.names]
            raise RockspaceError(f"{path}: row {line}: no response to image {image!r}; remove the row")
    shown = own & (pairing.rows >= 0)
    if not shown.any():
        raise RockspaceError(f"{path}: no row for any {split} image; check dataset.splits.{split}.responses")
    index = pd.Index(catalog.loc[shown, "image_id"], name="image_id")
    return pd.DataFrame(counts.iloc[pairing.rows[shown]].tolist(), index, categories, dtype="int64")


def read_all_responses(
    paths: Mapping[str, Path], catalog: pd.DataFrame
) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """Read the response counts of several splits, which have to offer the same categories.

    Args:
        paths: The table of each split.
        catalog: From `rockspace.data.catalog.read_catalog`.

    Returns:
        The counts by split, as from `read_responses`, and the category of each label; labels of none are left out.

    Raises:
        RockspaceError: As for `read_responses`, or the splits have other categories.
    """
    responses = {split: read_responses(path, catalog, split) for split, path in paths.items()}
    first, *others = responses
    categories = list(responses[first])
    for split in others:
        if list(responses[split]) != categories:
            raise RockspaceError(
                f"{paths[split]}: the {split} images have other categories than those in {paths[first]}, or in another order"
            )
    return responses, category_of_label(catalog, categories, paths[first])


def category_of_label(catalog: pd.DataFrame, categories: list[str], path: Path) -> dict[str, str]:
    """Return which of the categories each label belongs to; labels of none are left out.

    Args:
        catalog: From `rockspace.data.catalog.read_catalog`.
        categories: What people could choose: labels, or superclasses.
        path: The file that the categories come from, for the error.

    Raises:
        RockspaceError: A category is neither, or there is only one.
    """
    superclass_of = catalog[catalog["label"] != NO_LABEL].set_index("label")["superclass"].to_dict()
    for belongs in ({label: label for label in superclass_of}, superclass_of):
        if set(categories) <= set(belongs.values()):
            if len(set(categories)) < 2:
                raise RockspaceError(
                    f"{path}: {len(categories)} column(s) of categories; people need two to choose from"
                )
            return {label: category for label, category in belongs.items() if category in categories}
    unknown = next(name for name in categories if name not in superclass_of)
    close = difflib.get_close_matches(unknown, superclass_of, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    raise RockspaceError(
        f"{path}: column '{unknown}' is no label of the study; {hint}Write the labels (or the superclasses) as the study does, and "
        "remove other columns"
    )


def _count(path: Path, line: int, category: str, cell: str) -> int:
    if not is_integer(cell) or not 0 <= number(cell) <= _MOST or _GROUPED.fullmatch(cell):
        raise RockspaceError(
            f"{path}: row {line}: found '{cell}' for '{category}'; a count is a whole number, 0 or more, without separators"
        )
    return int(number(cell))
