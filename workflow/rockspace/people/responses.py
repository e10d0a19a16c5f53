"""How often people chose each category for each image."""

import csv
import difflib
from pathlib import Path, PurePosixPath

import pandas as pd

from rockspace.errors import RockspaceError
from rockspace.people.coordinates import IMAGE_COLUMN


def read_responses(path: Path, catalog: pd.DataFrame, split: str) -> pd.DataFrame:
    """Read a table of response counts.

    Args:
        path: CSV with a column ``image`` (names of files, or ``image_id``) and one column for each category that
            people could choose: labels, or superclasses. Cells hold how often it was chosen.
        catalog: From `rockspace.data.catalog.read_catalog`.
        split: Which images to take. Images of the other split are left out, so one file may hold both.

    Returns:
        One integer column a category, as the file orders them, indexed by ``image_id`` in the catalog's order. Images
        that nobody was asked about have no row.

    Raises:
        RockspaceError: With file and row, where something is missing, doubled, unknown or not a count.
    """
    header, rows = _rows(path)
    categories = [name for name in header if name != IMAGE_COLUMN]
    category_of_label(catalog, categories, path)
    known = {PurePosixPath(file).name: image for file, image in zip(catalog["path"], catalog["image_id"], strict=True)}
    known |= {image: image for image in catalog["image_id"]}
    counts: dict[str, list[int]] = {}
    for number, cells in rows:
        if len(cells) != len(header):
            raise RockspaceError(f"{path}: row {number}: {len(cells)} cells where the header has {len(header)}")
        row = dict(zip(header, cells, strict=True))
        name = row.pop(IMAGE_COLUMN)
        if name not in known:
            raise RockspaceError(f"{path}: row {number}: no image '{name}' in the study; take the row out")
        if known[name] in counts:
            raise RockspaceError(f"{path}: row {number}: image '{name}' stands there twice; add its rows up")
        counts[known[name]] = [_count(path, number, category, row[category]) for category in categories]
        if not any(counts[known[name]]):
            raise RockspaceError(f"{path}: row {number}: no response to image '{name}'; take the row out")
    order = [image for image in catalog.loc[catalog["split"] == split, "image_id"] if image in counts]
    if not order:
        raise RockspaceError(f"{path}: no row for any {split} image; check dataset.splits.{split}.responses")
    table = pd.DataFrame.from_dict(counts, orient="index", columns=categories, dtype="int64")
    return table.loc[order].rename_axis("image_id")


def category_of_label(catalog: pd.DataFrame, categories: list[str], path: Path) -> dict[str, str]:
    """Return which of the categories each label belongs to; labels of none are left out.

    Args:
        catalog: From `rockspace.data.catalog.read_catalog`.
        categories: What people could choose: labels, or superclasses.
        path: The file that the categories come from, for the error.

    Raises:
        RockspaceError: A category is neither, or there is only one.
    """
    superclass_of = dict(zip(catalog["label"], catalog["superclass"], strict=True))
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
        f"{path}: column '{unknown}' is no label of the study; {hint}Columns are all labels or all superclasses"
    )


def _rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header, and the cells of each row below it with the row's number from 1."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [(i, [cell.strip() for cell in row]) for i, row in enumerate(csv.reader(file), start=1)]
    except UnicodeDecodeError as error:
        raise RockspaceError(f"{path}: not a text file (byte {error.start}); expected a CSV of counts") from error
    lines = [(number, cells) for number, cells in lines if any(cells)]
    if len(lines) < 2 or IMAGE_COLUMN not in lines[0][1]:
        raise RockspaceError(f"{path}: expected a CSV with a column '{IMAGE_COLUMN}' and one column a category")
    header = lines[0][1]
    if len(set(header)) < len(header) or not all(header):
        raise RockspaceError(f"{path}: row {lines[0][0]}: the header needs distinct names")
    return header, lines[1:]


def _count(path: Path, number: int, category: str, cell: str) -> int:
    try:
        count = float(cell)
    except ValueError:
        count = -1.0
    if count < 0 or not count.is_integer():
        raise RockspaceError(
            f"{path}: row {number}: found '{cell}' for '{category}'; a count is a whole number, 0 or more"
        )
    return int(count)
