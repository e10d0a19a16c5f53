"""Arrays and data frames in files of NumPy, MATLAB, Parquet and JSON, with the columns of names beside them."""

import json
import math
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from rockspace.config_files import without_repetition
from rockspace.errors import RockspaceError, listed, printable
from rockspace.limits import MAX_EXPANSION, unpacks_too_far

SUFFIXES = frozenset({".npy", ".npz", ".mat", ".parquet", ".pq", ".json", ".jsonl", ".ndjson"})
_MATLAB_NESTED = ("cell", "struct", "object", "opaque", "sparse")  # whose shape does not say how many numbers they hold
_MATLAB_HEADER_BYTES, _MATLAB_COMPRESSED = 128, 15
_STARTS = {".npy": b"\x93NUMPY", ".npz": b"PK"}
MAX_BYTES = 8_000_000_000  # two thousand numbers for each of a million images
CHUNK_BYTES = 1 << 20  # read at a time
NUMBER_BYTES = 8  # in MATLAB and Parquet files, which say how many numbers they hold; at most
JSON_IN_MEMORY = 20  # times its size as text
# Byte order marks, spaces without width, and what turns the direction of writing, which programs add to what is copied.
INVISIBLE = re.compile("[\ufeff\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069]")
VARIABLE = "config key dataset.columns.variable"
"""Where a user says which of several arrays holds people's coordinates."""


class Frame(NamedTuple):
    """A file of arrays, with a row for each image.

    Attributes:
        cells: Its columns, with their own types.
        unnamed: Those that have no name in the file; these are called ``column 1``, ``column 2``, ...
        matrix: Those that are one array of numbers, or one column of lists, beside which other columns stand; empty where the
            file does not say which belong together.
    """

    cells: pd.DataFrame
    unnamed: frozenset[str] = frozenset()
    matrix: frozenset[str] = frozenset()


def read_frame(path: Path, variable: str | None = None, key: str = VARIABLE) -> Frame:
    """Read a file of arrays as a data frame with a row for each image, with its own types.

    Args:
        path: ``.npy`` (an array of rows, or of records), ``.npz`` and ``.mat`` (a matrix, and vectors with an item for each
            of its rows), ``.parquet`` (columns of lists become several), ``.json`` (a mapping from names to rows, a list of
            records, or a mapping of columns) or ``.jsonl`` (a record each line).
        variable: Which matrix of several in a ``.npz`` or ``.mat`` file, or which of several columns of lists.
        key: Where the user says that, for messages.

    Raises:
        RockspaceError: The file cannot be read, or which of its arrays is meant is open.
    """
    try:
        _check_size(path)
        with path.open("rb") as file:
            start = file.read(6)
        if not start.startswith(_STARTS.get(path.suffix.lower(), b"")):
            raise ValueError("it starts otherwise")
        match path.suffix.lower():
            case ".npy":
                with path.open("rb") as file:
                    array = np.load(file, allow_pickle=False)
                    if file.read(1):
                        raise ValueError("something follows its array")
                return _of_array(path, array)
            case ".npz":
                with np.load(path, allow_pickle=False) as arrays:
                    if len(set(arrays.files)) < len(arrays.files):
                        raise ValueError("two of its arrays have the same name")
                    return _of_variables(path, {name: arrays[name] for name in arrays.files}, variable, key)
            case ".mat":
                return _of_variables(path, _matlab_variables(path), variable, key)
            case ".json" | ".jsonl" | ".ndjson":
                return _of_json(path, variable, key)
            case _:
                return _of_parquet(path, variable, key)
    except FileNotFoundError as error:
        raise RockspaceError(f"{path}: the file is missing; check dataset.splits") from error
    except RockspaceError:
        raise
    except Exception as error:  # Readers of damaged files raise whatever they stumble on.
        if "allow_pickle" in str(error):
            raise RockspaceError(
                f"{path}: holds Python objects; save numbers as an array of floats and names as an array of text (dtype=str)"
            ) from error
        raise RockspaceError(
            f"{path}: cannot be read as a {path.suffix} file ({_line(error)}); save it again"
        ) from error


def _check_size(path: Path) -> None:
    """Refuse a file whose arrays would fill the memory, however small it is itself."""
    stored = path.stat().st_size
    match path.suffix.lower():
        case ".npz":
            with zipfile.ZipFile(path) as file:
                size = sum(each.file_size for each in file.infolist())
        case ".json" | ".jsonl" | ".ndjson":
            size = stored * JSON_IN_MEMORY
        case _:
            size = stored
    _check_bytes(path, size)


def _check_bytes(path: Path, size: int) -> None:
    stored = path.stat().st_size
    if size > MAX_BYTES or unpacks_too_far(stored, size):
        raise RockspaceError(
            f"{path}: its content takes {size:,} bytes; at most {MAX_BYTES:,} are read, and {MAX_EXPANSION} times those of the file"
        )


def as_text(values: Sequence[Any]) -> list[str]:
    """Write each value of a column so that reading it gives the same number; missing values become empty."""
    return [_cell(value) for value in values]


def _cell(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        return printable(" ".join(INVISIBLE.sub("", value).split()), len(value))
    if value is None or value is pd.NA or value is pd.NaT or (np.isscalar(value) and value != value):  # NaN
        return ""
    return str(value)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _of_array(path: Path, array: np.ndarray) -> Frame:
    if array.dtype.names:
        return Frame(pd.DataFrame({name: array[name] for name in array.dtype.names}))
    frame = pd.DataFrame(_rows(path, "its array", array))
    frame.columns = [f"column {i}" for i in range(1, frame.shape[1] + 1)]
    return Frame(frame, frozenset(frame.columns))


def _rows(path: Path, what: str, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "fiubUS" or array.ndim not in (1, 2) or not array.nbytes:
        shape = " x ".join(map(str, array.shape)) or "a single value"
        raise RockspaceError(f"{path}: {what} is {shape} of type {array.dtype}; expected numbers, a row for each image")
    return array


def _of_variables(path: Path, variables: Mapping[str, np.ndarray], wanted: str | None, key: str) -> Frame:
    """Put the matrix and the vectors that have an item for each of its rows side by side."""
    if wanted is not None and wanted not in variables:
        raise RockspaceError(f"{path}: no variable {wanted!r} ({key}); it has {listed(variables)}")
    # Names in one row, or in one column, as of MATLAB.
    variables = {
        name: array.ravel() if array.dtype.kind in "SU" and array.size in array.shape else array
        for name, array in variables.items()
    }
    is_number = {name: array.dtype.kind in "fiu" for name, array in variables.items()}
    vectors = {name: array for name, array in variables.items() if array.ndim == 1 and array.size > 1}
    matrices = [name for name, array in variables.items() if is_number[name] and array.ndim == 2 and array.size]
    if wanted is None and len(matrices) > 1:
        shapes = (f"{name} ({' x '.join(map(str, variables[name].shape))})" for name in matrices)
        raise RockspaceError(f"{path}: several matrices, {listed(shapes)}; name one in {key}")
    name = wanted or next(iter(matrices), None)
    deep = [other for other, array in variables.items() if is_number[other] and array.ndim > 2]
    if name is None and deep and not any(is_number[vector] for vector in vectors):
        _rows(path, f"variable {deep[0]!r}", variables[deep[0]])
    if name is None:
        lengths = {len(vector) for vector in vectors.values()}
        if len(lengths) != 1:
            raise RockspaceError(f"{path}: no matrix of numbers in it; it has {listed(variables) or 'nothing'}")
        if path.suffix == ".npz" and all(is_number[vector] for vector in vectors):
            return _named_rows(vectors)
        return Frame(pd.DataFrame(vectors))
    matrix = _of_array(path, _rows(path, f"variable {name!r}", variables[name])).cells
    beside = {other: vector for other, vector in vectors.items() if other != name and len(vector) == len(matrix)}
    matrix.columns = [f"column {i}" for i in range(len(beside) + 1, len(beside) + matrix.shape[1] + 1)]
    columns = frozenset(matrix.columns)
    return Frame(
        pd.concat([pd.DataFrame(beside), matrix], axis=1), columns, columns if is_number[name] else frozenset()
    )


def _matlab_variables(path: Path) -> dict[str, np.ndarray]:
    import scipy.io

    try:
        held = scipy.io.whosmat(path)
        size = NUMBER_BYTES * sum(math.prod(shape) for _, shape, _ in held)
        if any(kind in _MATLAB_NESTED for _, _, kind in held):
            size += _inflated_bytes(path)
        _check_bytes(path, size)
        found = scipy.io.loadmat(path, simplify_cells=True)
    except (scipy.io.matlab.MatReadError, zlib.error, KeyError) as error:
        raise ValueError(error) from error
    except NotImplementedError as error:
        raise RockspaceError(
            f"{path}: MATLAB's version 7.3, which is not read; save it with save(..., '-v7')"
        ) from error
    variables: dict[str, np.ndarray] = {}
    for name, value in found.items():
        if not name.startswith("__"):
            # Fields of a structure, or of an array of structures, by their name with its own before it.
            if isinstance(value, list | np.ndarray) and len(value) and all(isinstance(item, dict) for item in value):
                value = {field: _stacked([item.get(field, "") for item in value]) for field in value[0]}
            fields = {f"{name}.{field}": part for field, part in value.items()} if isinstance(value, dict) else {}
            variables |= {key: _plain(part) for key, part in (fields or {name: value}).items()}
    return variables


def _inflated_bytes(path: Path) -> int:
    """Count the bytes in a MATLAB file of version 5 to 7 with its variables unpacked, up to more than are read."""
    size = 0
    with path.open("rb") as file:
        order = "<" if file.read(_MATLAB_HEADER_BYTES).endswith(b"IM") else ">"
        while len(tag := file.read(8)) == 8:
            kind, left = struct.unpack(f"{order}II", tag)
            if kind != _MATLAB_COMPRESSED:
                size += left
                file.seek(left, os.SEEK_CUR)
                continue
            unpacking = zlib.decompressobj()
            while size <= MAX_BYTES and left and (packed := file.read(min(left, CHUNK_BYTES))):
                left -= len(packed)
                while packed and size <= MAX_BYTES:
                    size += len(unpacking.decompress(packed, CHUNK_BYTES))
                    packed = unpacking.unconsumed_tail
            if size > MAX_BYTES:
                break
    return size


def _stacked(items: list[Any]) -> Any:
    """What an array of structures has in a field: numbers as rows of a matrix."""
    are_numbers = all(isinstance(item, int | float | np.ndarray) for item in items)
    return np.array(items, dtype=np.float64) if are_numbers else items


def _plain(value: Any) -> np.ndarray:
    """A cell array of texts, or a matrix of characters, as an array of text without padding."""
    array = np.asarray(value) if not isinstance(value, list) else np.array(value, dtype=object)
    if array.dtype.kind == "O" and all(isinstance(item, str) for item in array.flat):
        array = array.astype(str)
    return np.char.strip(array) if array.dtype.kind == "U" else array


def _named_rows(rows: Mapping[str, Any]) -> Frame:
    """A mapping from the name of each image to its numbers."""
    frame = pd.DataFrame(np.stack([np.asarray(row) for row in rows.values()]))
    frame.columns = [f"column {i}" for i in range(2, frame.shape[1] + 2)]
    matrix = frozenset(frame.columns)
    frame.insert(0, "column 1", list(rows))
    return Frame(frame, frozenset(frame.columns), matrix)


def _of_parquet(path: Path, variable: str | None, key: str) -> Frame:
    try:
        import pyarrow.parquet

        described = pyarrow.parquet.read_metadata(path)
        groups = [described.row_group(i) for i in range(described.num_row_groups)]
        values = sum(group.column(i).num_values for group in groups for i in range(group.num_columns))
        _check_bytes(path, NUMBER_BYTES * values)
        # A text that rows repeat is stored once, and stays one until it is known how long all are.
        leaves = [described.schema.column(i) for i in range(described.num_columns)]
        texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
        table = pyarrow.parquet.read_table(path, read_dictionary=texts)
        _check_bytes(path, sum(_text_bytes(chunk) for column in table.columns for chunk in column.chunks))
    except ImportError as error:
        raise RockspaceError(
            f"{path}: Parquet files need pyarrow (`pip install pyarrow`), or save it as CSV"
        ) from error
    return _of_frame(path, table.to_pandas(), variable, key)


def _text_bytes(array: Any) -> int:
    """The length of all texts of an Arrow array, also of those in lists and structures, where it holds each of them once."""
    import pyarrow
    from pyarrow import compute

    if pyarrow.types.is_nested(array.type):
        parts = array.flatten()
        return sum(map(_text_bytes, parts if isinstance(parts, list) else [parts]))
    if not pyarrow.types.is_dictionary(array.type):
        return 0
    return compute.sum(compute.binary_length(array.dictionary).take(array.indices)).as_py() or 0


def _of_frame(path: Path, frame: pd.DataFrame, variable: str | None, key: str) -> Frame:
    """Make columns of the index, and of each item of lists."""
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index(names=[f"{name or ''}" for name in frame.index.names])
    parts: dict[str, Any] = {}
    matrix: frozenset[str] = frozenset()
    columns = [(str(name), frame.iloc[:, i]) for i, name in enumerate(frame)]
    lists = [
        name for name, column in columns if len(column) and all(isinstance(each, list | np.ndarray) for each in column)
    ]
    if variable in lists:
        columns = [(name, column) for name, column in columns if name == variable or name not in lists]
    elif len(lists) > 1:
        raise RockspaceError(f"{path}: several columns of lists, {listed(lists)}; name one in {key}")
    for name, column in columns:
        if name in lists:
            lengths = {len(value) for value in column}
            if len(lengths) > 1:
                raise RockspaceError(f"{path}: column {name!r} holds lists of {min(lengths)} to {max(lengths)} numbers")
            items = _rows(path, f"column {name!r}", np.array([_nested(value) for value in column]))
            parts |= {f"{name} {i}": items[:, i - 1] for i in range(1, items.shape[1] + 1)}
            matrix = frozenset(f"{name} {i}" for i in range(1, items.shape[1] + 1))
        else:
            parts[name or f"column {len(parts) + 1}"] = column.to_numpy()
    unnamed = {"column 1"} if "" in map(str, frame) else set()
    return Frame(pd.DataFrame(parts), frozenset(unnamed), matrix)


def _nested(value: Any) -> Any:
    """Lists in lists, which pandas gives as arrays of arrays, as lists."""
    return [_nested(item) for item in value] if isinstance(value, list | np.ndarray) else value


def _of_json(path: Path, variable: str | None, key: str) -> Frame:
    text = path.read_text(encoding="utf-8-sig")
    read = partial(json.loads, object_pairs_hook=partial(without_repetition, path))
    try:
        value = read(text)
    except ValueError:
        value = [read(line) for line in text.split("\n") if line.strip()]
    if isinstance(value, dict) and {"columns", "index", "data"} == {*value}:  # pandas' orient="split"
        return _of_frame(path, pd.DataFrame(value["data"], value["index"], value["columns"]), variable, key)
    if isinstance(value, dict):  # records with a description beside them
        records = [item for item in value.values() if isinstance(item, list) and item and isinstance(item[0], dict)]
        value = records[-1] if len(records) == 1 else value
    if isinstance(value, dict) and value:
        items = list(value.values())
        if all(isinstance(item, dict) for item in items):
            # Pandas' mapping from columns to cells, of which some are texts throughout; or one from names to records.
            kinds = [{isinstance(cell, str) for cell in item.values()} for item in items]
            if {True} in kinds and {False} in kinds and len({tuple(item) for item in items}) == 1:
                return _of_frame(path, pd.DataFrame(value).reset_index(drop=True), variable, key)
            value = [{"": name} | item for name, item in value.items()]
        elif all(isinstance(item, list) for item in items):
            if (
                all(isinstance(cell, int | float | None) for item in items for cell in item)
                and len(set(map(len, items))) == 1
            ):
                return _named_rows(value)
            return _of_frame(path, pd.DataFrame(value), variable, key)
    if isinstance(value, list) and all(
        isinstance(item, list) for item in value
    ):  # records of several people, as of JATOS
        together = list(chain.from_iterable(value))
        value = together if any(isinstance(item, dict) for item in together) else value
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return _of_frame(path, pd.DataFrame(value), variable, key)
    if isinstance(value, list) and value and len({type(item) for item in value} & {list, str}) == 1:
        return _of_array(path, np.array(value))
    raise RockspaceError(f"{path}: neither a mapping from images to numbers nor a list of records")
