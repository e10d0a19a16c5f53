"""Human coordinates: what multidimensional scaling made of people's similarity judgments."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from rockspace.checksums import verified
from rockspace.data.catalog import SPLITS
from rockspace.errors import RockspaceError

IMAGE_COLUMN = "image"
_FORM = "every row holds one number a dimension, separated by commas, semicolons, tabs or white space"

Rows = list[tuple[int, list[str]]]  # the cells of each row that holds something, with its number from 1


def people_coordinates(raw: Path, dataset: dict[str, Any], catalog: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Read the coordinates files and give each image of the catalog its row.

    Args:
        raw: Folder with the archive's files.
        dataset: The section of the configuration.
        catalog: From `rockspace.data.catalog.build_catalog`.

    Returns:
        For each split its coordinates, indexed by ``image_id`` in the catalog's order.

    Raises:
        RockspaceError: With file and row, for the first thing that does not fit.
    """
    given = {split: files["coordinates"] for split, files in dataset["splits"].items() if "coordinates" in files}
    files = pd.Series([PurePosixPath(path).name for path in catalog["path"]], index=catalog["image_id"])
    tables = []
    for split, file in given.items():
        # A file that is the only one has rows for the images of both splits.
        images = files[((catalog["split"] == split) | (len(given) == 1)).to_numpy()].sort_values()
        table = read_coordinates(verified(raw / file), dataset["dimensions"])
        tables.append(table.iloc[_rows_of(raw / file, table, images, files)].set_axis(images.index))
    _check_dimensions(dict(zip(given, tables, strict=True)))
    table = pd.concat(tables).rename_axis("image_id")
    return {split: table.loc[catalog.loc[catalog["split"] == split, "image_id"]] for split in SPLITS}


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


def read_coordinates(path: Path, dimensions: list[str]) -> pd.DataFrame:
    """Read a coordinates file: bare rows of numbers, or a table that names its images or its columns.

    Bare rows are separated by white space or commas. A table is separated by commas, semicolons, tabs or
    white space. Its header, where it has one, names the dimensions. Images are named by the column ``image`` or else
    by a first column of text, as R and pandas write row names. Without names, rows follow the images' sorted names.

    Args:
        path: Text file.
        dimensions: Names for the columns of a file without a header; empty names them ``dimension 1``, ...

    Returns:
        One float64 column a dimension. The index holds the image names where the file has them, else 0, 1, 2, ...

    Raises:
        RockspaceError: With file and row, where something is missing, doubled or not a finite number.
    """
    everything = _rows(path)
    header, rows = _header(path, everything)
    image_at = _image_column(header, rows)
    columns = [name for i, name in enumerate(header) if i != image_at] if header else None
    if columns is not None and (not all(columns) or len(set(columns)) != len(columns) or not columns):
        raise RockspaceError(
            f"{path}: row {everything[0][0]}: the header needs distinct names, one a dimension; {_FORM}"
        )
    names, values = [], []
    for number, cells in rows:
        if len(cells) != len(header or rows[0][1]):
            raise RockspaceError(_unequal(path, number, cells, header, rows[0]))
        if image_at is not None:
            names.append(cells[image_at])
            cells = cells[:image_at] + cells[image_at + 1 :]
        values.append(_numbers(path, number, cells))
    table = pd.DataFrame(values, columns=columns or _names(path, dimensions, len(values[0])), dtype="float64")
    if image_at is not None:
        _refuse_doubled(path, rows, names)
        table.index = pd.Index(names)
    _refuse_constant(path, table)
    return table


def _rows(path: Path) -> Rows:
    """The cells of each row; the first row decides how they are separated."""
    lines = _lines(path)
    first = lines[0][1]
    if not first.startswith(",") and all(map(_is_number, first.replace(",", " ").split())):
        return [(number, _bare_cells(line)) for number, line in lines]
    delimiter = next((mark for mark in ";\t," if mark in first), " ")
    cells = csv.reader([line for _, line in lines], delimiter=delimiter, skipinitialspace=True)
    return [
        (number, [cell.strip() for cell in row if cell or delimiter != " "])
        for (number, _), row in zip(lines, cells, strict=True)
    ]


def _bare_cells(line: str) -> list[str]:
    """Split at commas, or else at white space; where both occur apart, the commas are decimal ones."""
    words = line.split()
    is_decimal = len(words) > 1 and not any(word.startswith(",") or word.endswith(",") for word in words)
    return words if is_decimal or "," not in line else [cell.strip() for cell in line.split(",")]


def _header(path: Path, rows: Rows) -> tuple[list[str] | None, Rows]:
    """Take the header off, where there is one: a first row without numbers, or with the word ``image``."""
    (number, first), *rest = rows
    if IMAGE_COLUMN not in first and first[0] and any(map(_is_number, first)):
        return None, rows
    if not rest:
        raise RockspaceError(f"{path}: row {number}: a header and nothing below it; expected one row an image")
    # R leaves out the name of the column of row names.
    unnamed = IMAGE_COLUMN not in first and all(len(cells) == len(first) + 1 for _, cells in rest)
    return ["", *first] if unnamed else first, rest


def _image_column(header: list[str] | None, rows: Rows) -> int | None:
    if header and IMAGE_COLUMN in header:
        return header.index(IMAGE_COLUMN)
    return 0 if (header and not header[0]) or not _is_number(rows[0][1][0]) else None


def _names(path: Path, dimensions: list[str], width: int) -> list[str]:
    names = dimensions or [f"dimension {i + 1}" for i in range(width)]
    if len(names) != width:
        raise RockspaceError(
            f"{path}: {width} columns, but config key dataset.dimensions names {len(names)}; make them agree"
        )
    return names


def _unequal(path: Path, number: int, cells: list[str], header: list[str] | None, first: tuple[int, list[str]]) -> str:
    if header:
        return f"{path}: row {number}: {len(cells)} cells where the header has {len(header)}"
    return f"{path}: row {number}: {len(cells)} numbers where row {first[0]} has {len(first[1])}"


def _number(cell: str) -> float:
    """A number as written with a decimal point, or with the decimal comma of half the world's spreadsheets."""
    return float(cell.replace(",", "."))


def _is_number(cell: str) -> bool:
    try:
        _number(cell)
    except ValueError:
        return False
    return True


def _lines(path: Path) -> list[tuple[int, str]]:
    """The lines that hold something, with their row numbers from 1."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise RockspaceError(f"{path}: the coordinates file is missing; check dataset.splits") from error
    except UnicodeDecodeError as error:
        raise RockspaceError(
            f"{path}: not a text file (byte {error.start} is not UTF-8); save it as text in UTF-8"
        ) from error
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not lines:
        raise RockspaceError(f"{path}: the coordinates file is empty; expected one row of numbers an image")
    return lines


def _numbers(path: Path, number: int, cells: list[str]) -> list[float]:
    values = []
    for cell in cells:
        try:
            value = _number(cell)
        except ValueError:
            raise RockspaceError(f"{path}: row {number}: found {cell!r} where a number is expected; {_FORM}") from None
        if not math.isfinite(value):
            raise RockspaceError(f"{path}: row {number}: found {cell!r}; every coordinate must be finite")
        values.append(value)
    return values


def _refuse_doubled(path: Path, rows: Rows, names: list[str]) -> None:
    seen: set[str] = set()
    for (number, _), image in zip(rows, names, strict=True):
        if image in seen:
            raise RockspaceError(f"{path}: row {number}: image {image!r} stands there twice; keep one row")
        seen.add(image)


def _refuse_constant(path: Path, table: pd.DataFrame) -> None:
    for position, name in enumerate(table.columns, start=1):
        if len(table) > 1 and table[name].nunique() == 1:
            raise RockspaceError(f"{path}: column {position} ({name}) is the same in every row; take it out")


def _rows_of(path: Path, table: pd.DataFrame, images: pd.Series, everything: pd.Series) -> list[int]:
    """Return the row of each image: by name where the table has names, else by sorted order of the file names.

    A row may also be that of another image of ``everything``, in the other split.
    """
    if isinstance(table.index, pd.RangeIndex):
        if len(table) != len(images):
            raise RockspaceError(f"{path}: {len(table)} rows for {len(images)} images; each image needs one row")
        return list(range(len(images)))
    row_of = {PurePosixPath(name).name: row for row, name in enumerate(table.index)}
    for image_id, file in images.items():
        if file not in row_of and image_id not in row_of:
            raise RockspaceError(f"{path}: no row for image '{file}'; add one or take the image out")
    known = {row_of.get(file, row_of.get(image_id)) for image_id, file in everything.items()}
    unmatched = sorted(set(range(len(table))) - known)
    if unmatched:
        raise RockspaceError(f"{path}: image '{table.index[unmatched[0]]}' has a row but no file among the images")
    return [row_of.get(file, row_of.get(image_id)) for image_id, file in images.items()]


def _check_dimensions(tables: dict[str, pd.DataFrame]) -> None:
    (split, first), *others = ((split, list(table.columns)) for split, table in tables.items())
    for other, columns in others:
        if columns != first:
            raise RockspaceError(f"coordinates of the splits differ: {split} has {first}, {other} {columns}")


def read_coordinates_tables(paths: Sequence[str | Path]) -> pd.DataFrame | None:
    """Read ``coordinates/{split}.csv`` of one split or both, indexed by ``image_id``; None without a file."""
    tables = [pd.read_csv(path, dtype={"image_id": str}, keep_default_na=False) for path in paths]
    return pd.concat(tables).set_index("image_id") if tables else None
