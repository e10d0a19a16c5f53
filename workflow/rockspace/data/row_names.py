"""Names of images that stand apart from what they name: the rows of another file, or a list of images."""

import contextlib
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rockspace.data import arrays
from rockspace.data.long_tables import widened
from rockspace.data.pairing import Pairing, folded_name, is_called_like_names, pair, refuse_people
from rockspace.data.tables import (
    Table,
    are_integers,
    are_numbers,
    is_integer,
    number,
    numbers,
    read_lines,
    read_table,
    table_of_frame,
    without_comments,
)
from rockspace.errors import RockspaceError

# What stands over a list of names; `x` is R's.
_HEADER = re.compile(
    r"(?:.*[\W_])?\w*(?:id|name|image|img|file|path|photo|picture|stim|stimulus|stimuli|concept|word|object|item|x|v\d+)s?",
    re.IGNORECASE,
)

_CALLED_LIKE_NAMES = re.compile(
    r"(?:.*[\W_])?(?:file|image|img|stim|stimulus|item|object|concept|unique)?[\W_]?(?:names?|ids?|stimuli|order|files?|list|concepts?)",
    re.IGNORECASE,
)

_LABELS = re.compile(
    r"(?:.*[\W_])?(?:labels?|class(?:es)?|category|target|split|fold|cluster)(?:[\W_]?ids?)?", re.IGNORECASE
)

log = logging.getLogger(__name__)


def name_rows(
    table: Table, names: Path, images: Sequence[str], *, others: Sequence[str] = (), column: str | None = None
) -> tuple[Table, str, bool]:
    """Put the images that another file names before the rows of a table.

    The file has one name for each row, in the order of the rows; or it is a key, with the images in one column and in another
    one what the table has in a column of its own.

    Args:
        table: From `rockspace.data.tables.read_table`.
        names: The file with the names of the images: one in each line, or any table.
        images: Paths of the images that need a row, separated by ``/``.
        others: Paths of images that may have one.
        column: The column of ``names`` that names the images; None detects it.

    Returns:
        The table with a further first column, what that is called, and whether ids led to the names rather than their order.

    Raises:
        RockspaceError: The file names no images, has as few or as many names as no row, or fits the rows in two ways.
    """
    try:
        key, pairing = _naming(names, images, others=others, column=column)
    except RockspaceError as error:
        lines = {len(reading.cells) for reading in _readings(names)}
        if len(table.cells) in lines or len(table.cells) != len(images):
            raise
        # What is missing or too much decides which row is whose.
        raise RockspaceError(
            f"{names}: {min(lines)} names for the {len(table.cells)} rows of {table.path}, whose order they follow; compare both "
            f"line by line ({error})"
        ) from error
    named = str(pairing.names)
    cells = key.cells[named]
    by_ids = _joined(table, key, named)
    if by_ids is None:
        if len(cells) != len(table.cells):
            raise RockspaceError(
                f"{names}: {len(cells)} names for the {len(table.cells)} rows of {table.path}, and no column that both have; "
                "it needs a name for each row, or a column of the table's ids"
            )
        refuse_people(table)
        _refuse_numbered(key, named)
    title = f"column of {names.name}"
    with_names = table.cells.copy()
    with_names.insert(0, title, list(cells) if by_ids is None else by_ids)
    return Table(table.path, with_names, table.unnamed | {title}), title, by_ids is not None


def read_image_table(
    path: Path,
    images: Sequence[str],
    *,
    others: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
    names: Path | None = None,
) -> tuple[Table, str | None]:
    """Read a table with a row for each image, whose names may be in another file, or with one for each image and dimension.

    Args:
        path: Anything that `rockspace.data.tables.read_table` reads.
        images: Paths of the images that need a row, separated by ``/``.
        others: Paths of images that may have one.
        columns: ``dataset.columns`` of the configuration.
        names: The file with the names of the rows; see `name_rows`.

    Returns:
        The table with a row for each image, and the column that names them, where that is known.

    Raises:
        RockspaceError: With file and row, for the first thing that does not fit.
    """
    columns = columns or {}
    table = read_table(path, variable=columns.get("variable"))
    if "dimension" in columns and {columns["dimension"], columns["value"]} & {*table.cells}:
        for role in ("dimension", "value"):
            table.require(columns[role], f"dataset.columns.{role}")
        table = widened(table, columns)
    if names is None:
        return table, columns.get("image")
    in_names = columns.get("image") if columns.get("image") not in table.cells else None
    table, title, _ = name_rows(table, names, images, others=others, column=in_names)
    return table, title


def listed_images(path: Path, images: Sequence[str]) -> list[str]:
    """Return those of ``images`` that a list names, in their order.

    Args:
        path: A file with a name of an image in each line, or any table with a column of them.
        images: Paths, separated by ``/``.

    Raises:
        RockspaceError: With the row, of a name that is no image, or twice there, or may be two images.
    """
    _, pairing = _naming(path, images, partial=True)
    return [image for image, row in zip(images, pairing.rows, strict=True) if row >= 0]


def read_matrix(
    path: Path, images: Sequence[str], *, names: Path | None = None, variable: str | None = None
) -> np.ndarray:
    """Read a row of numbers for each image, such as an embedding; rows of no image may hold anything.

    Args:
        path: ``.npy``, ``.npz``, ``.mat``, ``.parquet``, ``.json`` or a text table.
        images: Paths of the images, separated by ``/``, each of which needs a row.
        names: A file with the names of the rows, where ``path`` has none; see `name_rows`.
        variable: Which matrix of several in a ``.npz`` or ``.mat`` file.

    Returns:
        ``(n, d)`` float64, finite in float32, too, in the order of the images.

    Raises:
        RockspaceError: With file and row, for the first thing that does not fit.
    """
    values = None
    if path.suffix.lower() in arrays.SUFFIXES:
        frame, unnamed, matrix = arrays.read_frame(path, variable, "output_layer of the model")
        # Other numbers beside a matrix are ids or labels, as whole numbers beside others are.
        is_value = np.array([name in matrix if matrix else kind.kind == "f" for name, kind in frame.dtypes.items()])
        if is_value.any():  # thousands of columns need not become text
            values, frame = frame.loc[:, is_value].to_numpy(np.float64), frame.loc[:, ~is_value]
        table = table_of_frame(path, frame, unnamed & {*frame})
    else:
        table = read_table(path)
    title = None
    if names is not None:
        table, title, _ = name_rows(table, names, images)
    if not table.cells.shape[1]:
        raise RockspaceError(f"{path}: no column names the images; give the names of its rows in a file of their own")
    pairing = pair(table, images, column=title)
    log.info("%s: %d rows for %d images; %s", path, len(table.cells), len(images), pairing.how)
    if pairing.names is None:
        raise RockspaceError(f"{path}: no column names the images; give the names of its rows in a file of their own")
    if values is None:
        left_out = {pairing.names, *pairing.numbering}
        columns = [name for name in table.cells if name not in left_out and are_numbers(table.cells[name])]
        if not columns:
            raise RockspaceError(f"{path}: no column of numbers; save the embeddings as an array of floats")
        # Numbers of categories are no features.
        labels = [name for name in columns if _LABELS.fullmatch(name) and are_integers(table.cells[name])]
        columns = [name for name in columns if name not in labels] or columns
        values = np.column_stack([numbers(table, name) for name in columns])
    rows = values[pairing.rows]
    for image, row, place in zip(images, rows, pairing.rows, strict=True):
        if not (np.abs(row) <= np.finfo(np.float32).max).all():
            raise RockspaceError(
                f"{path}: row {place + 1}, of {image!r}: a number that is missing or not finite; every image needs a whole row"
            )
    return rows


@dataclass(frozen=True)
class Listing:
    """A file that names all images.

    Attributes:
        row_of: The row of each image.
        is_pure: Whether it holds at most ids or numbers beside the names.
    """

    row_of: Mapping[str, int]
    is_pure: bool

    def is_in_another_order(self, rows: np.ndarray, images: Sequence[str]) -> bool:
        """Whether it lists these images, each in a row of its own, in another order than that of their ``(n,)`` rows."""
        own = np.array([self.row_of[image] for image in images])
        return len(np.unique(own)) == len(own) and bool((np.argsort(own) != np.argsort(rows)).any())


def listing(path: Path, images: Sequence[str]) -> Listing:
    """Read a file that names all images.

    Raises:
        RockspaceError: It does not.
    """
    table, pairing = _naming(path, images)
    columns = (cells for name, cells in table.cells.items() if name != pairing.names)
    is_pure = all(cells.is_unique and (are_integers(cells) or not are_numbers(cells)) for cells in columns)
    return Listing(dict(zip(images, pairing.rows.tolist(), strict=True)), is_pure)


def refuse_unknown_names(path: Path, table: Path, rows: int) -> None:
    """Refuse a file that is called like one of names, and may have those of a table's rows, but names no images.

    Raises:
        RockspaceError: It cannot be read, or has as many different words as the table has rows.
    """
    if not _CALLED_LIKE_NAMES.fullmatch(path.stem) or path == table:
        return
    try:
        columns = [cells for reading in _readings(path) for _, cells in reading.cells.items()]
        if not any(len(cells) == rows and cells.is_unique and not are_numbers(cells) for cells in columns):
            return
        reason = f"{columns[0].iloc[0]!r} is not an image"
    except RockspaceError as error:
        reason = str(error)
    raise RockspaceError(
        f"{table}: its rows have no names, and {path.name}, which may have them, names no images ({reason}); correct it, or take "
        "it out of the folder"
    )


def _naming(path: Path, images: Sequence[str], **options: Any) -> tuple[Table, Pairing]:
    """The reading of a file in which a column names images, with the fewest names of none, and how it does."""
    found: list[tuple[Table, Pairing]] = []
    fault = RockspaceError(f"{path}: no column names the images")
    for table in reversed(_readings(path)):
        try:
            pairing = pair(table, images, **options)
        except RockspaceError as error:
            fault = error
            continue
        if pairing.names is not None:
            found.append((table, pairing))
    if not found:
        raise fault
    # The line `1 cat/cat_01.jpg` ends as the path of an image does, but holds an id and a path: the table comes first.
    return min(found, key=lambda reading: len(reading[1].left_out))


def _readings(path: Path) -> list[Table]:
    """A file as names that fill its lines, without the first one if it may be a header, and as a table."""
    if path.suffix.lower() in arrays.SUFFIXES:
        return [read_table(path)]
    lines = enumerate(without_comments(read_lines(path))[0], start=1)
    names = {i: line.strip().strip("\"'") for i, line in lines if line.strip()}
    if not names:
        raise RockspaceError(f"{path}: the file is empty; expected names of images")
    whole = Table(path, pd.DataFrame({"column 1": names}, dtype=str), frozenset({"column 1"}))
    readings = [whole]
    if len(names) > 1 and _HEADER.fullmatch(whole.cells.iloc[0, 0]):
        readings.append(Table(path, whole.cells.iloc[1:], whole.unnamed))
    with contextlib.suppress(RockspaceError):  # names with commas make no table
        readings.append(read_table(path))
    return readings


def _joined(table: Table, key: Table, named: str) -> list[str] | None:
    """The image of each row by a column of ids that a table and its key have in common, if there is one."""
    found: dict[tuple[str, ...], str] = {}
    in_table, in_key = _columns_of_ids(table), _columns_of_ids(key)
    for other, ids in in_key.items():
        image_of = dict(zip(ids, key.cells[named], strict=True))
        for own, rows in in_table.items():
            if {*rows} <= image_of.keys():
                how = f"by {table.in_words(own)} and {key.in_words(other)}"
                found.setdefault(tuple(image_of[row] for row in rows), how)
                if are_integers(table.cells[own]) and not is_called_like_names(table, own) and len(rows) == len(ids):
                    found.setdefault(tuple(key.cells[named]), "in the order of its rows")  # they may be ranks
    if len(found) > 1:
        one, two = list(found.values())[:2]
        raise RockspaceError(
            f"{key.path}: names the rows of {table.path} {one}, or otherwise {two}; leave one column of ids and one of images in it"
        )
    return list(next(iter(found))) if found else None


def _columns_of_ids(table: Table) -> dict[str, list[float | str]]:
    """The columns of texts or whole numbers of which none occurs twice."""
    columns = {name: cells for name, cells in table.cells.items() if cells.is_unique}
    ids = {
        str(name): [_identity(cell) for cell in cells]
        for name, cells in columns.items()
        if are_integers(cells) or not are_numbers(cells)
    }
    return {name: own for name, own in ids.items() if len({*own}) == len(own)}


def _identity(cell: str) -> float | str:
    return number(cell) if is_integer(cell) else folded_name(cell)


def _refuse_numbered(key: Table, named: str) -> None:
    """Refuse names by order if a column beside them numbers them in another order."""
    for column in key.cells:
        cells = key.cells[column]
        if column == named or not are_integers(cells) or not cells.is_unique:
            continue
        values = [number(cell) for cell in cells]
        if values != sorted(values):
            raise RockspaceError(
                f"{key.path}: {key.in_words(column)} numbers the images in another order than that of its rows, so which row of the "
                "table belongs to which is open; sort it, or put the numbers into the table"
            )
