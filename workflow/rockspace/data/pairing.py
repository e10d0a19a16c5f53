"""Matching of the rows of a table to images: by names if these are recognized, otherwise by order only if it is unambiguous."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from natsort import natsort_keygen, ns

from rockspace.data.tables import Table, are_integers, are_numbers, number
from rockspace.errors import RockspaceError

READABLE = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"})
UNREADABLE = frozenset(
    {".heic", ".heif", ".avif", ".svg", ".pdf", ".eps", ".psd", ".raw", ".cr2", ".cr3", ".nef", ".arw", ".dng", ".jp2"}
)
ORDERS = ("name", "natural", "path")
SHORTEST_NUMBERING = 3  # rows; with fewer, 1, 2 may be coordinates

# The last words of a header count: "Stim Nr" and "imageID" number images, "number of legs" and "object size" do not.
_NUMBERING = re.compile(
    r"(?:.*[\W_])?(?:(?:id|idx|index|no|nr|num|number|row|obs|case|order|position|trial|"
    r"image|img|file|name|stim|stimulus|photo|picture|item|object)s?[\W_]*)+\d*|#|unnamed.*|\.\.\.\d+",
)
_RANKS = re.compile(r"(?:.*[\W_])?rank(?:s|ed|ing)?(?:[\W_].*)?")
_PEOPLE = re.compile(
    r"(?:participant|subject|subj|person|rater|judge|worker|observer)s?(?:[\W_]*(?:id|nr|no|code|number))?"
)
_natural = natsort_keygen(alg=ns.IGNORECASE)


@dataclass(frozen=True)
class Pairing:
    """The row of each image.

    Attributes:
        rows: Position of the row of each image, or -1 for images without one.
        names: The column that names the images; None for rows without names.
        numbering: Columns that only number the rows.
        how: How rows were matched, in words.
    """

    rows: np.ndarray
    names: str | None
    numbering: tuple[str, ...]
    how: str


@dataclass(frozen=True)
class _Match:
    """One column compared with the images: for each row, the best matches of its cell."""

    column: str
    found: list[list[int]]
    by_number: bool = False

    def recognised(self) -> int:
        """The number of images that its cells match."""
        return len({image for likely in self.found for image in likely})


def pair(
    table: Table,
    images: Sequence[str],
    *,
    others: Sequence[str] = (),
    column: str | None = None,
    dimensions: Sequence[str] = (),
    order: str | None = None,
    partial: bool = False,
) -> Pairing:
    """Find the row of each image.

    A column names the images if its cells are their paths, ends of paths, or file names, in whatever case and
    Unicode form, with this, another or no image suffix; or else their numbers. Without such a column, rows follow the
    images, provided that the plain order of names, the natural one (2 before 10) and the order of paths agree or ``order``
    says which it is; a column that counts 1, 2, 3, ... down the rows is then left out.

    Args:
        table: From `rockspace.data.tables.read_table`.
        images: Paths of the images that need a row, separated by ``/``.
        others: Paths of images that may have one.
        column: The column that names the images; None detects it.
        dimensions: Columns that are dimensions, not names.
        order: One of `ORDERS`, for rows without names.
        partial: Whether images without a row are allowed.

    Raises:
        RockspaceError: With file and row: an image has no row or two, a row matches no image or two, or two columns or
            orders are equally plausible.
    """
    if column is not None and column not in table.cells:
        present = ", ".join(map(repr, list(table.cells)[:5]))
        raise RockspaceError(f"{table.path}: no column {column!r} (config key dataset.columns.image); it has {present}")
    numbering = tuple(name for name in table.cells if column != name and _numbers_rows(table, name))
    wanted = (
        [column]
        if column
        else [name for name in table.cells if name not in dimensions and _may_name(table, name, numbering)]
    )
    known = [*images, *others]
    needed = len(images)
    matches = [_by_text(table, name, known, needed) for name in wanted]
    whole = [match for match in matches if not _faults(table, match, known, needed, partial)]
    if not whole:
        loosely = [_by_text(table, name, known, needed, loosely=True) for name in wanted]
        whole = [match for match in loosely if not _faults(table, match, known, needed, partial)]
    if not whole:
        by_number = [_by_number(table, name, known) for name in wanted]
        whole = [m for m in by_number if m and not _faults(table, m, known, needed, partial)]
    doubtful = [name for name in table.cells if name not in (*wanted, *numbering, *dimensions)]
    if whole:
        _refuse_two_columns(table, whole, known)
        best = whole[0]
        if not column and are_integers(table.cells[best.column].tolist()) and not _is_called_so(table, best.column):
            _refuse_names_or_dimensions(table, doubtful, known, needed, partial)  # ranks may stand in all columns
        counts = tuple(name for name in table.cells if name != best.column and _may_number(table, name))
        means = "the numbers in the images' names" if best.by_number else "the images"
        return Pairing(_rows_of(best, len(images)), best.column, counts, f"{_column(table, best.column)} names {means}")
    matches = [match for match in matches if column or not _are_ratings(table, match.column)]
    closest = max(matches, key=_Match.recognised, default=None)
    if closest and (column or 2 * closest.recognised() >= min(len(closest.found), needed)):
        raise RockspaceError(_faults(table, closest, known, needed, partial)[0])
    _refuse_names_or_dimensions(table, doubtful, known, needed, partial)
    _refuse_unknown_names(table, images, (*numbering, *dimensions))
    return _by_order(table, images, order, numbering)


def recognised(table: Table, images: Sequence[str]) -> int:
    """How many of these images the cells of any one column name, whatever else is wrong with the table."""
    columns = [name for name in table.cells if not are_numbers(table.cells[name].tolist())]
    return max((_by_text(table, name, images, len(images)).recognised() for name in columns), default=0)


def _by_text(table: Table, column: str, images: Sequence[str], needed: int, loosely: bool = False) -> _Match:
    """Match the cells of a column with the ends of image paths; the longest common end wins.

    Of several images with that end, those that need a row come before those that may have one.
    Matched loosely, ``Cat 1`` is ``cat_01``: leading zeros and separators are ignored.
    """
    ends: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, image in enumerate(images):
        parts = _parts(image, loosely)
        for length in range(1, len(parts) + 1):
            ends[parts[:length]].append(i)
    found, lengths = [], []
    for cell in table.cells[column]:
        parts = _parts(cell, loosely)
        length = next((n for n in range(len(parts), 0, -1) if parts[:n] in ends), 0)
        likely = ends[parts[:length]] if length else []
        for same in (_folded, str):  # files that differ in their suffix or in case alone
            exact = [i for i in likely if same(_name(images[i])) == same(_name(cell))]
            likely = exact if len(likely) > 1 and exact else likely
        likely = [i for i in likely if i < needed] or likely
        found.append(likely)
        lengths.append(length)
    # Of two rows with one file name, the one whose folders are the image's own is the image's.
    longest: dict[int, int] = {}
    for likely, length in zip(found, lengths, strict=True):
        for i in likely:
            longest[i] = max(longest.get(i, 0), length)
    return _Match(
        column, [[i for i in likely if longest[i] == length] for likely, length in zip(found, lengths, strict=True)]
    )


def _by_number(table: Table, column: str, images: Sequence[str]) -> _Match | None:
    """Match integers with the one number in which image names differ; None if this is impossible."""
    cells = table.cells[column].tolist()
    pieces = [re.split(r"(\d+)", PurePosixPath(_folded(image)).stem) for image in images]
    if not are_integers(cells) or len({tuple(words[::2]) for words in pieces}) > 1:
        return None
    figures = [[int(figure) for figure in words[1::2]] for words in pieces]
    differing = [position for position in zip(*figures, strict=True) if len(set(position)) > 1]
    if len(differing) != 1 or len(set(differing[0])) < len(images):
        return None
    image_of = {figure: i for i, figure in enumerate(differing[0])}
    values = [number(cell) for cell in cells]
    return _Match(column, [[image_of[value]] if value in image_of else [] for value in values], by_number=True)


def _faults(table: Table, match: _Match, images: Sequence[str], needed: int, partial: bool) -> list[str]:
    """What keeps a column from naming the images; one line for the first thing, or nothing."""
    cells = table.cells[match.column]
    taken: dict[int, int] = {}
    for line, cell, likely in zip(cells.index, cells, match.found, strict=True):
        where = f"{table.path}: row {line}"
        if not cell:
            return [f"{where}: no name in {_column(table, match.column)}; write the image's or remove the row"]
        if not likely:
            return [f"{where}: image {cell!r} has a row but no file{_cause(cell, images)}"]
        if len(likely) > 1:
            names = " or ".join(repr(images[i]) for i in likely[:2])
            return [f"{where}: {cell!r} may be {names}; give more of its path"]
        if likely[0] in taken:
            return [f"{where}: duplicate row for image {cell!r}, as row {taken[likely[0]]}; keep one row"]
        taken[likely[0]] = line
    missing = [image for i, image in enumerate(images[:needed]) if i not in taken]
    if missing and not partial:
        name = _name(missing[0])
        more = f" ({len(missing)} such images)" if len(missing) > 1 else ""
        return [f"{table.path}: no row for image '{name}'{more}; add one or remove the image"]
    return []


def _cause(cell: str, images: Sequence[str]) -> str:
    suffix = PurePosixPath(cell.replace("\\", "/")).suffix
    if suffix.lower() in UNREADABLE:
        return f"; {suffix} is a format that is not read, so save the photographs as JPEG or PNG"
    return f"; remove the row or add the image (images have names such as '{_name(images[0])}')"


def _refuse_names_or_dimensions(
    table: Table, columns: Sequence[str], images: Sequence[str], needed: int, partial: bool
) -> None:
    """Refuse columns that would name the images as well, but may as well be dimensions."""
    for name in columns:
        candidates = [_by_text(table, name, images, needed), _by_number(table, name, images)]
        if any(match and not _faults(table, match, images, needed, partial) for match in candidates):
            raise RockspaceError(
                f"{table.path}: {_column(table, name)} may name the images or be a dimension; set config key "
                "dataset.columns.image or dataset.dimensions"
            )


def _refuse_two_columns(table: Table, matches: Sequence[_Match], images: Sequence[str]) -> None:
    first, *others = matches
    for other in others:
        for line, one, two in zip(table.cells.index, first.found, other.found, strict=True):
            if one != two:
                raise RockspaceError(
                    f"{table.path}: row {line}: column {first.column!r} names {images[one[0]]!r} and column "
                    f"{other.column!r} {images[two[0]]!r}; set config key dataset.columns.image to the one that names the images"
                )


def _refuse_unknown_names(table: Table, images: Sequence[str], known: Sequence[str]) -> None:
    """Refuse rows that do bear names or numbers of their own, which match no image."""
    for column in table.cells:
        cells, is_first = table.cells[column].tolist(), column == table.cells.columns[0]
        is_text = any(cells) and not are_numbers(cells)
        has_word = _is_called_so(table, column)
        numbers_images = (
            column not in known
            and are_integers(cells)
            and len(cells) >= SHORTEST_NUMBERING
            and (has_word or (is_first and set(map(number, cells)) in counts(len(cells))))
        )
        if numbers_images or (is_text and len(set(cells)) == len(cells) and _is_mostly_text(cells)):
            raise RockspaceError(
                f"{table.path}: {_column(table, column)} seems to name the images, but {cells[0]!r} (row "
                f"{table.cells.index[0]}) is not an image; images have names such as '{_name(images[0])}'"
            )


def _by_order(table: Table, images: Sequence[str], order: str | None, numbering: tuple[str, ...]) -> Pairing:
    """Bare rows: accepted where the orders that are as likely agree."""
    if len(table.cells) != len(images):
        folder = PurePosixPath(images[0]).parent
        raise RockspaceError(
            f"{table.path}: {len(table.cells)} rows without names for {len(images)} images in '{folder}'; each image needs one row"
        )
    first = table.cells.columns[0]
    if _PEOPLE.fullmatch(first.lower()):
        raise RockspaceError(f"{table.path}: its rows seem to be people ({_column(table, first)}), not images")
    rows = np.empty(len(images), dtype=np.int64)
    rows[ordered(images, order or "name")] = np.arange(len(images))
    if order is None:
        sequences = {name: ordered(images, name) for name in _WORDS}
        for name in _WORDS:
            for row, (one, other) in enumerate(zip(sequences["name"], sequences[name], strict=True)):
                if one != other:
                    raise RockspaceError(
                        f"{table.path}: row {table.cells.index[row]} without a name may be '{images[one]}' ({_WORDS['name']}) or "
                        f"'{images[other]}' ({_WORDS[name]}); name the images in a column, or set dataset.order to "
                        f"{', '.join(ORDERS[:-1])} or {ORDERS[-1]}"
                    )
        _refuse_words_of_others(table, images, rows)
    return Pairing(rows, None, numbering, f"rows without names, in the {_WORDS[order or 'name']}")


def _refuse_words_of_others(table: Table, images: Sequence[str], rows: np.ndarray) -> None:
    """Refuse rows without names whose words, such as labels, do not stand in their own images' paths."""
    paths = [_folded(image) for image in images]
    for column in table.cells:
        words = [_folded(word) for word in table.cells[column]]
        if not _is_mostly_text(words) or len(set(words)) == 1:
            continue
        for image, path, row in zip(images, paths, rows, strict=True):
            if not re.search(rf"(?<![^\W\d_]){re.escape(words[row])}(?![^\W\d_])", path):
                raise RockspaceError(
                    f"{table.path}: row {table.cells.index[row]} without a name would be '{image}' by order, but its "
                    f"{_column(table, column).removeprefix('the ')} says {table.cells[column].iloc[row]!r}; name the images in a "
                    "column, or set dataset.order"
                )


_WORDS = {
    "name": "order of file names",
    "natural": "natural order of paths",
    "path": "order of paths",
    "stem": "order of names without suffix",
    "letters": "order of letters and digits alone, as R and file managers have it",
}


def ordered(images: Sequence[str], order: str) -> list[int]:
    """Return the positions of images in an order.

    Args:
        images: Their paths, separated by ``/``.
        order: ``name`` (plain order of file names), ``path`` (plain order of folders, then of file names) or
            ``natural`` (as ``path``, with 2 before 10 and whatever the case). To compare with, also ``stem`` (as ``name``,
            without suffixes) and ``letters`` (of these, letters and digits alone).
    """
    paths = [PurePosixPath(image).parts for image in images]
    keys = {
        "name": lambda i: (paths[i][-1], paths[i]),
        "path": lambda i: paths[i],
        "stem": lambda i: (PurePosixPath(paths[i][-1]).stem, paths[i]),
        "letters": lambda i: (re.sub(r"[\W_]", "", PurePosixPath(paths[i][-1]).stem.casefold()), paths[i]),
        "natural": lambda i: ([_natural(part) for part in paths[i]], paths[i]),
    }
    return sorted(range(len(images)), key=keys[order])


def _rows_of(match: _Match, images: int) -> np.ndarray:
    rows = np.full(images, -1, dtype=np.int64)
    for row, (image,) in enumerate(match.found):
        if image < images:
            rows[image] = row
    return rows


def counts(length: int) -> tuple[set[float], set[float]]:
    """1, 2, 3, ... and 0, 1, 2, ..., as many as there are rows."""
    return set(map(float, range(1, length + 1))), set(map(float, range(length)))


def _may_name(table: Table, column: str, numbering: Sequence[str]) -> bool:
    """Whether a column may name images: any of text; of whole numbers, the first one or one that is called so."""
    if not are_numbers(table.cells[column].tolist()):
        return True
    if column not in table.unnamed and _RANKS.fullmatch(column.lower()):
        return False
    return (column not in numbering or column not in table.unnamed) and (
        column == _first_after_index(table) or _stands_as_index(table, column)
    )


def _first_after_index(table: Table) -> str:
    """The first column behind those that pandas or R put before a table's own."""
    return next((name for name in table.cells if not _is_index(table, name)), table.cells.columns[0])


def _stands_as_index(table: Table, column: str) -> bool:
    is_first = column == table.cells.columns[0] and not _RANKS.fullmatch(column.lower())
    return is_first or _is_called_so(table, column)


def _is_called_so(table: Table, column: str) -> bool:
    """Whether a column is called as if it numbered or named rows."""
    return column not in table.unnamed and _NUMBERING.fullmatch(column.lower()) is not None


def _is_index(table: Table, column: str) -> bool:
    is_apart = (column in table.unnamed and table.has_header) or (column == "X" == table.cells.columns[0])  # R's name
    return is_apart and are_integers(table.cells[column].tolist())


def _numbers_rows(table: Table, column: str) -> bool:
    """Whether a column only counts the rows: 1, 2, 3, ... or 0, 1, 2, ... where an index would stand."""
    cells = [re.sub(r"[.,]0+$", "", cell) for cell in table.cells[column]]
    counts = [str(i) for i in range(len(cells) + 1)]
    return len(cells) >= SHORTEST_NUMBERING and cells in (counts[1:], counts[:-1]) and _stands_as_index(table, column)


def _may_number(table: Table, column: str) -> bool:
    """Whether a column beside one of names numbers its rows, in any order: pandas' index of rows that were shuffled."""
    cells = table.cells[column].tolist()
    is_called_so = _is_called_so(table, column) and len(set(cells)) == len(cells)
    return are_integers(cells) and (is_called_so or _is_index(table, column))


def _are_ratings(table: Table, column: str) -> bool:
    """Whether these are whole numbers that repeat, in a column that is not called as if it named images."""
    cells = table.cells[column].tolist()
    repeat = len(set(cells)) < len(cells) and not any(re.match(r"0\d", cell) for cell in cells)
    return repeat and not _is_called_so(table, column) and are_integers(cells)


def _is_mostly_text(cells: Sequence[str]) -> bool:
    return 2 * sum(are_numbers([cell]) for cell in cells) < len(cells)


def _column(table: Table, column: str) -> str:
    return f"the {column}" if column in table.unnamed else f"column {column!r}"


def _name(path: str) -> str:
    return PurePosixPath(path.replace("\\", "/")).name


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text.replace("\\", "/").casefold())


def _parts(name: str, loosely: bool = False) -> tuple[str, ...]:
    """The segments of a path from its end, without an image's suffix."""
    parts = [part for part in " ".join(_folded(name).split()).split("/") if part not in ("", ".")]
    while parts and PurePosixPath(parts[-1]).suffix in READABLE | UNREADABLE:  # scan.jpg.png
        parts[-1] = PurePosixPath(parts[-1]).stem
    if loosely:
        parts = [re.sub(r"[\s_-]+", " ", re.sub(r"(?<!\d)0+(?=\d)", "", part)) for part in parts]
    return tuple(reversed(parts))
