"""Tables as written by R, pandas, NumPy, MATLAB, SPSS and spreadsheets, read as text, cell by cell."""

import csv
import io
import os
import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, takewhile
from pathlib import Path
from typing import Any

import clevercsv.detect
import numpy as np
import pandas as pd

from rockspace.data import arrays
from rockspace.errors import RockspaceError, is_printable, listed

DELIMITERS = [",", ";", "\t", "|", " "]
MOST_CELLS = 5_000_000  # of an array that is read as text; there are embeddings with more
MAX_BYTES = 500_000_000  # of a text file
MAX_LINES, MAX_CELLS = 10_000_000, 50_000_000  # of one; each cell takes some 150 bytes of memory, whatever its length
MAX_LINE, MAX_COLUMNS = 500_000, 20_000  # characters; wider than embeddings that anyone writes as text
SNIFFED_LINES, SNIFFED_CHARACTERS = 100, 200_000  # for detecting the delimiter
# In lower case; the last two are dashes.
MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none", ".", "-", "--", "\u2013", "\u2014"})

_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d+)?|[+-]?inf(?:inity)?", re.IGNORECASE)
_LARGEST = 1e30  # networks compute in 32 bits; what lies beyond marks missing values
_MINUS = re.compile(r"^[\u2010-\u2013\u2212\ufe63\uff0d]|(?<=[eE])\u2212")
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")  # thousands as English writes them, or three decimals
_INTEGER = re.compile(r"[+-]?\d{1,15}(?:[.,]0+)?")  # longer ones are no numbers that a computer tells apart
_JSON = re.compile(r'\s*(?:\[\s*[\[{]|{\s*")')
_COMMENT = re.compile(r"\s*[#%]+")
_SEPARATOR_LINE = re.compile(r"\s*\"?sep=(.)\"?\s*", re.IGNORECASE)  # what Excel reads and writes on top of a CSV
# Names of a column of image names, which identify a header whose other cells are numbers.
_NAMES_WORD = re.compile(
    r"(?:.*[\W_])?(?:image|img|file|file ?name|name|stim|stimulus|photo|picture|item|object|path|id)s?(?:[\W_].*)?"
)

_AS_ARRAY = "save so large a table as .npy, .npz or .parquet"

Row = tuple[int, list[str]]  # line number, from 1, and cells


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        path: The file.
        cells: One text column for each column of the file; the index holds line numbers, from 1. A column
            without a name is called ``column 1``, ``column 2``, ...
        unnamed: The columns without a name in the file.
        comments: How many lines among the rows, with as many cells, are left out since they begin as comments do.
    """

    path: Path
    cells: pd.DataFrame
    unnamed: frozenset[str]
    comments: int = 0

    def __post_init__(self) -> None:
        """Refuse names of columns that a terminal or a page would obey, and two that look the same."""
        found: set[str] = set()
        for name in self.cells:
            if not is_printable(name):
                raise RockspaceError(f"{self.path}: a control character in the name of column {name!r}; rename it")
            if (composed := unicodedata.normalize("NFC", name)) in found:
                raise RockspaceError(
                    f"{self.path}: two columns are called {composed!r}, accents written in two ways; rename one"
                )
            found.add(composed)

    @property
    def has_header(self) -> bool:
        """Whether the file names any column."""
        return len(self.unnamed) < self.cells.shape[1]

    def require(self, column: str, key: str) -> None:
        """Refuse the table if it lacks a column that a config key names."""
        if column not in self.cells:
            raise RockspaceError(
                f"{self.path}: no column {column!r} (config key {key}); its columns are {listed(self.cells)}"
            )

    def in_words(self, column: str) -> str:
        """Name a column in a message."""
        return f"the {column}" if column in self.unnamed else f"column {column!r}"


def read_table(path: Path, *, has_header: bool = False, variable: str | None = None) -> Table:
    """Read a table with any delimiter, encoding, header and decimal mark; every cell remains text.

    Files of arrays (``.npy``, ``.npz``, ``.mat``, ``.parquet``, ``.json``) are read by `rockspace.data.arrays.read_frame`.

    Lines that start with ``#`` or ``%`` are comments; without a header, the last comment above the rows names the columns
    if it has as many words, as written by NumPy's ``savetxt``. Text above the table is skipped.

    Args:
        path: A text file in UTF-8, UTF-16 or Windows-1252, or a file of arrays.
        has_header: Whether it certainly has a header, whose names may be numbers; otherwise a header is detected.
        variable: Which matrix of several in a ``.npz`` or ``.mat`` file.

    Raises:
        RockspaceError: With file and row: no text, no table, rows of unequal length, duplicate names in the header, or
            commas that may separate columns or decimals.
    """
    if path.suffix.lower() in arrays.SUFFIXES:
        frame, unnamed, _ = arrays.read_frame(path, variable)
        if frame.size > MOST_CELLS or frame.shape[1] > MAX_COLUMNS:
            raise RockspaceError(
                f"{path}: {len(frame)} x {frame.shape[1]} cells are too many for a table of coordinates"
            )
        return table_of_frame(path, frame, unnamed)
    lines = read_lines(path)
    for line, text in enumerate(lines, start=1):
        if len(text) > MAX_LINE:
            raise RockspaceError(f"{path}: row {line}: longer than {MAX_LINE:,} characters; {_AS_ARRAY}")
    if lines and _JSON.match(lines[0]):
        raise RockspaceError(f"{path}: JSON, not a table; call it {path.stem}.json")
    given = _SEPARATOR_LINE.fullmatch(lines[0]) if lines else None
    whole = ["", *lines[1:]] if given else lines
    lines, comment = without_comments(whole)
    delimiter, quote = _dialect(lines, has_header)
    delimiter = given[1] if given else delimiter
    rows = _parsed(path, lines, delimiter, quote)
    if not rows:
        raise RockspaceError(f"{path}: the file is empty; expected one row per image")
    header, is_whole, rows = _header_and_rows(path, rows, delimiter, has_header)
    if header is None and comment is not None:
        header = _names_in(comment, delimiter, len(rows[0][1]))
    if delimiter == "," and not is_whole:
        _refuse_decimal_commas(path, rows, bare=header is None)
    table, width = _table(path, header, rows), len(rows[0][1])
    among = zip(whole[rows[0][0] :], lines[rows[0][0] :], strict=True)
    return replace(table, comments=sum(text != kept and _width([text], delimiter) == width for text, kept in among))


def table_of_frame(path: Path, frame: pd.DataFrame, unnamed: frozenset[str] = frozenset()) -> Table:
    """Write the values of a data frame as the cells of a table."""
    cells = {name: arrays.as_text(frame[name].tolist()) for name in frame}
    return Table(path, pd.DataFrame(cells, index=range(1, len(frame) + 1), dtype=str), unnamed)


def is_missing(cell: str) -> bool:
    """Whether a cell is empty or marks a missing value."""
    return cell.lower() in MISSING


def is_number(cell: str) -> bool:
    """Whether a cell is a number with a decimal point or comma; ``1_01``, ``007a`` and ``0x1F`` are not."""
    return _NUMBER.fullmatch(_plain(cell)) is not None


def is_integer(cell: str) -> bool:
    """Whether a cell is an integer, or one that a spreadsheet wrote as ``7.0``."""
    return _INTEGER.fullmatch(_plain(cell)) is not None


def number(cell: str) -> float:
    """The number in a cell that `is_number`, with a decimal point or a decimal comma."""
    return float(_plain(cell).replace(",", "."))


def are_numbers(cells: Sequence[str]) -> bool:
    """Whether all cells are numbers or missing, and at least one is a number."""
    kept = [cell for cell in cells if not is_missing(cell)]
    return bool(kept) and all(map(is_number, kept))


def are_integers(cells: Sequence[str]) -> bool:
    """Whether all cells are integers."""
    return len(cells) > 0 and all(map(is_integer, cells))


def numbers(table: Table, column: str, *, gaps: bool = False) -> np.ndarray:
    """Return a column as numbers.

    Args:
        table: From `read_table`.
        column: One of its columns.
        gaps: Whether missing values are allowed; they become NaN.

    Raises:
        RockspaceError: With file and row: a cell is not a finite number, cells differ in the decimal mark, or commas may
            separate thousands.
    """
    values: list[float] = []
    marks: dict[str, int] = {}
    for line, cell in table.cells[column].items():
        if is_missing(cell) and gaps:
            values.append(np.nan)
            continue
        if cell and (is_missing(cell) or (is_number(cell) and not np.isfinite(number(cell)))):
            raise RockspaceError(f"{table.path}: row {line}: found {cell!r}; every coordinate must be finite")
        if not is_number(cell):
            raise RockspaceError(f"{table.path}: row {line}: found {cell!r} where a number is expected ({column})")
        if abs(number(cell)) > _LARGEST:
            raise RockspaceError(
                f"{table.path}: row {line}: {cell!r} is too large for a coordinate ({column}); at most {_LARGEST:g}"
            )
        values.append(number(cell))
        marks |= {mark: line for mark in ".," if mark in cell}
    commas = [cell for cell in table.cells[column] if "," in cell]
    if 0 < len(commas) < np.isfinite(values).sum() and all(_GROUPED.fullmatch(_plain(cell)) for cell in commas):
        raise RockspaceError(
            f"{table.path}: {column}: the comma in {commas[0]!r} may separate thousands or decimals; write numbers without "
            "separators of thousands, or decimal points"
        )
    if len(marks) > 1:
        raise RockspaceError(
            f"{table.path}: {column}: a decimal point in row {marks['.']} and a comma in row {marks[',']}; use the same in all rows"
        )
    return np.array(values, dtype=np.float64)


def _plain(cell: str) -> str:
    """Replace a typographic minus sign, or a dash in its place, by a hyphen."""
    return _MINUS.sub("-", cell)


_CONTROL = re.compile(r"[\x01-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")


def read_lines(path: Path) -> list[str]:
    """Read the lines of a text file in UTF-8, UTF-16 or Windows-1252, whatever else a cell may hold that breaks lines."""
    return [line.removesuffix("\n") for line in io.StringIO(_decoded(path), newline=None)]


def _decoded(path: Path) -> str:
    try:
        with path.open("rb") as file:
            is_long = os.fstat(file.fileno()).st_size > MAX_BYTES
            content = file.read(0 if is_long else MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise RockspaceError(f"{path}: the file is missing; check dataset.splits") from error
    except OSError as error:
        raise RockspaceError(f"{path}: the file cannot be read: {error.strerror}") from error
    if is_long or len(content) > MAX_BYTES:
        raise RockspaceError(f"{path}: longer than {MAX_BYTES:,} bytes; {_AS_ARRAY}")
    if max(content.count(b"\n"), content.count(b"\r")) > MAX_LINES:
        raise RockspaceError(f"{path}: more than {MAX_LINES:,} lines; {_AS_ARRAY}")
    if content.startswith(b"PK\x03\x04"):
        raise RockspaceError(f"{path}: a workbook or archive, not a text file; save it as CSV")
    for encoding in _encodings(content):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        text = text.removesuffix("\x1a")  # by which DOS ended texts
        if "\0" in text:
            break
        control = _CONTROL.search(text)
        if control is None:
            return arrays.INVISIBLE.sub("", text)
        row = text.count("\n", 0, control.start()) + 1
        raise RockspaceError(
            f"{path}: row {row}: control character {control[0]!r}; remove it, or save the file again as UTF-8"
        )
    raise RockspaceError(f"{path}: not a text file; save it as text in UTF-8")


def _encodings(content: bytes) -> tuple[str, ...]:
    """The encodings to try, UTF-16 by its byte order mark, or by half of the bytes being zero."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ("utf-16",)
    for encoding, start in (("utf-16-le", 1), ("utf-16-be", 0)):
        half = content[start::2]
        if half and 4 * half.count(0) > 3 * len(half):
            return (encoding,)
    return ("utf-8-sig", "cp1252")


def without_comments(lines: list[str]) -> tuple[list[str], str | None]:
    """Blank comments, which keeps line numbers; also return the text of the last one above the rows."""
    comments = [i for i, line in enumerate(lines) if _COMMENT.match(line)]
    if 2 * len(comments) > sum(bool(line.strip()) for line in lines):
        # Names in rows may start with these characters.
        above = next((i for i, line in enumerate(lines) if line.strip() and not _COMMENT.match(line)), 0)
        comments = [i for i in comments if i < above]
    blanked = set(comments)
    first = next((i for i, line in enumerate(lines) if line.strip() and i not in blanked), 0)
    above_rows = [i for i in comments if i < first]
    kept = ["" if i in blanked else line for i, line in enumerate(lines)]
    return kept, _COMMENT.sub("", lines[above_rows[-1]], count=1).strip() if above_rows else None


def _dialect(lines: list[str], has_header: bool) -> tuple[str, str]:
    """Detect the delimiter and the quote character; a space represents any white space."""
    kept = [line.strip(" ") for line in lines if line.strip()][:SNIFFED_LINES]
    ends = list(accumulate(map(len, kept)))
    kept = kept[: max(2, bisect_right(ends, SNIFFED_CHARACTERS))]
    # Where header and rows have the same number of cells by one delimiter alone, texts with other signs in them do not matter.
    fitting = [each for each in DELIMITERS if has_header and each != " " and _width(kept, each) > 1]
    if len(fitting) == 1:
        return fitting[0], '"'
    found = clevercsv.detect.Detector().detect("\n".join(kept) + "\n", delimiters=DELIMITERS)
    delimiter = (found.delimiter if found else "") or " "
    return delimiter, "'" if found and found.quotechar == "'" else '"'


def _width(lines: list[str], delimiter: str) -> int:
    """How many cells each row has; 0 if they differ in that."""
    try:
        widths = {len(cells) for cells in csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter != "\t")}
    except csv.Error:
        return 0
    return widths.pop() if len(widths) == 1 else 0


def _parsed(path: Path, lines: list[str], delimiter: str, quote: str) -> list[Row]:
    if delimiter == " ":
        lines = [line.replace("\t", " ") for line in lines]
    escapes: dict[str, Any] = (
        {"doublequote": False, "escapechar": "\\"} if any('\\"' in line for line in lines) else {}
    )  # R's
    reader = csv.reader(
        (f"{line}\n" for line in lines),
        delimiter=delimiter,
        quotechar=quote,
        skipinitialspace=delimiter != "\t",
        **escapes,
    )
    rows, start, count = [], 1, 0
    try:
        for cells in reader:
            count += len(cells)
            if count > MAX_CELLS:
                raise RockspaceError(f"{path}: row {start}: more than {MAX_CELLS:,} cells up to here; {_AS_ARRAY}")
            cells = [" ".join(cell.split()) for cell in cells]
            cells = [cell for cell in cells if cell] if delimiter == " " else cells
            if len(cells) > MAX_COLUMNS:
                raise RockspaceError(f"{path}: row {start}: more than {MAX_COLUMNS:,} cells; {_AS_ARRAY}")
            if any(cells):
                rows.append((start, cells))
            start = reader.line_num + 1
    except csv.Error as error:
        raise RockspaceError(f"{path}: row {start}: cannot be read as a row of a table ({error})") from error
    return rows


def _header_and_rows(
    path: Path, rows: list[Row], delimiter: str, has_header: bool
) -> tuple[list[str] | None, bool, list[Row]]:
    """Return the header, whether it has a cell for each column, and the rows below; the most common width is the table's."""
    counts = Counter(len(cells) for _, cells in rows)
    most_common = max(counts, key=lambda count: (counts[count], count))
    width = most_common
    while width > 1 and all(not cells[width - 1] for _, cells in rows if len(cells) == most_common):
        width -= 1  # each row ends with a delimiter
    rows = [(line, cells if any(cells[width:]) else cells[:width]) for line, cells in rows]
    if width > 1:  # a spreadsheet pads titles with empty cells
        titles = takewhile(lambda row: row[1][0] and not any(row[1][1:]) and not is_number(row[1][0]), rows)
        for i, (line, cells) in enumerate(list(titles)):
            rows[i] = line, cells[:1]
    start = _first_of_numbers([cells for _, cells in rows], width)
    while start > 0 and len(rows[start - 1][1]) == width:
        start -= 1
    above, body = rows[:start], rows[start:]
    # R omits the name of the column of row names.
    is_short = (
        len(above) > 0 and len(above[-1][1]) == width - 1 and (has_header or not any(map(is_number, above[-1][1])))
    )
    header, is_whole = None, _is_header(body) or (has_header and not is_short)
    if is_whole:
        header, body = body[0][1], body[1:]
        if not body:
            raise RockspaceError(f"{path}: row {rows[start][0]}: a header without rows; expected one row per image")
    elif is_short:
        header, above = ["", *above[-1][1]], above[:-1]
    for line, cells in (*above, *body):
        is_prose = line < body[0][0] and not any(map(is_number, cells))
        if len(cells) != width and not is_prose:
            than = "the header has" if header else "other rows have"
            hint = "; decimal commas need another delimiter" if delimiter == "," and len(cells) > width else ""
            raise RockspaceError(f"{path}: row {line}: {len(cells)} cells, but {than} {width}{hint}")
    return header, is_whole, body


def _first_of_numbers(rows: list[list[str]], width: int) -> int:
    """The first row with numbers in the numeric columns; else the first of the table's width."""
    whole = [cells for cells in rows if len(cells) == width]
    of_numbers = [i for i in range(width) if 2 * sum(is_number(cells[i]) for cells in whole) > len(whole)]
    for i, cells in enumerate(rows):
        if len(cells) == width and of_numbers and all(is_number(cells[j]) for j in of_numbers):
            return i
    return next(i for i, cells in enumerate(rows) if len(cells) == width)


def _is_header(rows: list[Row]) -> bool:
    """Whether the first row is a header."""
    (_, first), rest = rows[0], [cells for _, cells in rows[1:] if len(cells) == len(rows[0][1])]
    counted = [str(i) for i in range(len(first))]
    if not rest:
        return not any(map(is_number, first)) and any(map(_is_word_for_names, first))
    of_numbers = [i for i in range(len(first)) if are_numbers([cells[i] for cells in rest])]
    words = [i for i in of_numbers if not is_number(first[i]) and not is_missing(first[i])]
    figures = [first[i] for i in of_numbers if is_number(first[i])]
    is_counted = len(figures) > 0 and figures in (counted[: len(figures)], [str(i + 1) for i in range(len(figures))])
    if words:
        return not figures or (is_counted and len(words) == 1)
    if not figures:
        return any(map(_is_word_for_names, first))
    if is_counted and (first[0] == "" or _is_word_for_names(first[0])):
        return True
    # column numbers that pandas writes for an array
    return first == counted and len(first) > 1 and any(not is_integer(cell) for cells in rest for cell in cells)


def _is_word_for_names(cell: str) -> bool:
    return _NAMES_WORD.fullmatch(cell.lower()) is not None


def _names_in(comment: str, delimiter: str, width: int) -> list[str] | None:
    """The names of the columns in a comment, if it has as many words as there are columns."""
    for words in (comment.split(delimiter), comment.split(","), comment.split("\t"), comment.split()):
        names = [word.strip().strip('"') for word in words]
        if len(names) == width and all(names) and not any(map(is_number, names)):
            return names
    return None


def _refuse_decimal_commas(path: Path, rows: list[Row], bare: bool) -> None:
    """Refuse integers between commas that may be two parts of a number with a decimal comma."""
    columns = [[cells[i] for _, cells in rows] for i in range(len(rows[0][1]))]
    counted = [str(i) for i in range(len(rows) + 1)]
    figures = [column for column in columns if are_numbers(column) and column not in (counted[1:], counted[:-1])]
    are_halves = all(re.fullmatch(r"[+-]?\d*", _plain(cell)) for column in figures for cell in column)
    if are_halves and figures and (len(figures) % 2 == 0 or not bare):
        line, cells = rows[0]
        raise RockspaceError(
            f"{path}: row {line}: '{','.join(cells)}' may hold decimal commas or whole numbers; write decimal points, "
            "separate columns by semicolons, or name every column in a header"
        )


def _table(path: Path, header: list[str] | None, rows: list[Row]) -> Table:
    given = header or [""] * len(rows[0][1])
    names = [name or f"column {i}" for i, name in enumerate(given, start=1)]
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise RockspaceError(f"{path}: the header needs distinct names, and has {twice!r} twice")
    cells = pd.DataFrame([cells for _, cells in rows], columns=names, index=[line for line, _ in rows], dtype=str)
    unnamed = {column for column, name in zip(names, given, strict=True) if not name}
    empty = {names[i] for i, name in enumerate(given) if not name and not any(row[i] for _, row in rows)}
    return Table(path, cells.drop(columns=list(empty)), frozenset(unnamed - empty))
