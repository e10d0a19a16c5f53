"""Human coordinates: what multidimensional scaling made of people's similarity judgments."""

import csv
import math
from pathlib import Path

import pandas as pd

from rockspace.errors import RockspaceError

IMAGE_COLUMN = "image"


def read_coordinates(path: Path, dimensions: list[str]) -> pd.DataFrame:
    """Read a coordinates file: bare rows of numbers, or a CSV with a column ``image``.

    Args:
        path: Text file. Bare rows are separated by white space or commas and follow the images' sorted names.
        dimensions: Names for the columns of bare rows; empty names them ``dimension 1``, ``dimension 2``, ...

    Returns:
        One float64 column a dimension. The index holds the image names of a CSV, else 0, 1, 2, ...

    Raises:
        RockspaceError: With file and row, where something is missing, doubled or not a finite number.
    """
    lines = _lines(path)
    first = next(csv.reader([lines[0][1]]))
    named = IMAGE_COLUMN in [cell.strip() for cell in first]
    if named:
        return _named_rows(path, lines)
    rows = [_numbers(path, number, line.replace(",", " ").split()) for number, line in lines]
    width = len(rows[0])
    for (number, _), row in zip(lines, rows, strict=True):
        if len(row) != width:
            raise RockspaceError(f"{path}: row {number}: {len(row)} numbers where row {lines[0][0]} has {width}")
    names = dimensions or [f"dimension {i + 1}" for i in range(width)]
    if len(names) != width:
        raise RockspaceError(
            f"{path}: {width} columns, but config key dataset.dimensions names {len(names)}; make them agree"
        )
    table = pd.DataFrame(rows, columns=names, dtype="float64")
    _refuse_constant(path, table)
    return table


def _lines(path: Path) -> list[tuple[int, str]]:
    """The lines that hold something, with their row numbers from 1."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise RockspaceError(f"{path}: the coordinates file is missing; check dataset.splits") from error
    except UnicodeDecodeError as error:
        raise RockspaceError(f"{path}: not a text file (byte {error.start}); expected rows of numbers") from error
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not lines:
        raise RockspaceError(f"{path}: the coordinates file is empty; expected one row of numbers an image")
    return lines


def _numbers(path: Path, number: int, cells: list[str]) -> list[float]:
    values = []
    for cell in cells:
        try:
            value = float(cell)
        except ValueError:
            raise RockspaceError(f"{path}: row {number}: found {cell!r} where a number is expected") from None
        if not math.isfinite(value):
            raise RockspaceError(f"{path}: row {number}: found {cell!r}; every coordinate must be finite")
        values.append(value)
    return values


def _named_rows(path: Path, lines: list[tuple[int, str]]) -> pd.DataFrame:
    header = [cell.strip() for cell in next(csv.reader([lines[0][1]]))]
    image_at = header.index(IMAGE_COLUMN)
    columns = [name for i, name in enumerate(header) if i != image_at]
    if len(set(columns)) != len(columns) or not columns:
        raise RockspaceError(f"{path}: row {lines[0][0]}: the header needs distinct names, one a dimension")
    values: dict[str, list[float]] = {}
    for number, line in lines[1:]:
        cells = [cell.strip() for cell in next(csv.reader([line]))]
        if len(cells) != len(header):
            raise RockspaceError(f"{path}: row {number}: {len(cells)} cells where the header has {len(header)}")
        image = cells.pop(image_at)
        if image in values:
            raise RockspaceError(f"{path}: row {number}: image {image!r} stands there twice; keep one row")
        values[image] = _numbers(path, number, cells)
    table = pd.DataFrame.from_dict(values, orient="index", columns=columns, dtype="float64")
    _refuse_constant(path, table)
    return table


def _refuse_constant(path: Path, table: pd.DataFrame) -> None:
    for position, name in enumerate(table.columns, start=1):
        if len(table) > 1 and table[name].nunique() == 1:
            raise RockspaceError(f"{path}: column {position} ({name}) is the same in every row; take it out")
