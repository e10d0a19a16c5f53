"""Matching the rows of a table to images: by names where these are recognised, else by order where that is unambiguous."""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import numpy as np
from natsort import natsort_keygen, ns

from rockspace.data.images import SUFFIXES
from rockspace.data.tables import Table, are_integers, are_numbers, number
from rockspace.errors import RockspaceError, listed

OTHER_SUFFIXES = (  # of images that are not read
    frozenset(
        {".heic", ".heif", ".svg", ".pdf", ".eps", ".psd", ".raw", ".cr2", ".cr3", ".nef", ".arw", ".dng", ".jp2"}
    )
    - SUFFIXES
)
_ANY_SUFFIXES = SUFFIXES | OTHER_SUFFIXES
ORDERS = ("name", "natural", "path")
LONGEST_HEADER = 200  # characters
SHORTEST_NUMBERING = 3  # rows; with fewer, 1, 2 may be coordinates

# The last words of a header count: "Stim Nr" and "imageID" number images, "number of legs" and "object size" do not.
_NUMBERING = re.compile(
    r"(?:.*[\W_])?(?:(?:id|idx|index|no|nr|num|number|row|obs|case|order|position|trial|"
    r"image|img|file|name|stim|stimulus|photo|picture|item|object)s?[\W_]*)+\d*|#|unnamed.*|\.\.\.\d+",
)
_RANKS = re.compile(r"(?:.*[\W_])?rank(?:s|ed|ing)?(?:[\W_].*)?")
PEOPLE = re.compile(
    r"(?:participant|subject|subj|person|rater|judge|worker|observer|respondent|proband|user|prolific|vpn?|ppn)s?"
    r"(?:[\W_]*(?:private|public))?(?:[\W_]*(?:p?id|nr|no|code|number|idx))?"
)
_SCIENTIFIC = re.compile(r"\d(?:[.,]\d+)?E\+\d+")  # as spreadsheets shorten long numbers
_NUMBERS = "the numbers in the images' names"
_natural = natsort_keygen(alg=ns.IGNORECASE)

TableFile = TypeVar("TableFile", bound=Hashable)


@dataclass(frozen=True)
class Pairing:
    """The row of each image.

    Attributes:
        rows: Position of the row of each image, or -1 for images without one.
        names: The column that names the images; None for rows without names.
        numbering: Columns that only number the rows.
        how: How rows were matched, in words.
        left_out: The names in rows of no image.
        by_number: Whether numbers were matched rather than names.
    """

    rows: np.ndarray
    names: str | None
    numbering: tuple[str, ...]
    how: str
    left_out: tuple[str, ...] = ()
    by_number: bool = False


@dataclass(frozen=True)
class _Images:
    """Paths of images; the first ``needed`` need a row, unless ``partial``."""

    paths: list[str]
    needed: int
    partial: bool


@dataclass(frozen=True)
class _Match:
    """One column compared with the images.

    Attributes:
        column: Its name.
        found: For each row, the best matches of its cell.
        fault: Why the column does not name the images, in one line, or None.
        what: What the cells name, in words.
    """

    column: str
    found: list[list[int]]
    fault: str | None
    what: str = "the images"

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
    Unicode form, with this, another or no image suffix; or else their numbers, or the folders that hold them, each with a row for
    all its images; or their words, where all file names begin or end with a number besides. If all images have their rows by name, further rows are of other images. Without such a column, rows follow the
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
    if column is not None:
        table.require(column, "dataset.columns.image")
    known = _Images([*images, *others], len(images), partial)
    free = [name for name in table.cells if name != column and name not in dimensions]
    numbering = tuple(name for name in free if _counts_rows(table, name))
    candidates = [column] if column else [name for name in free if _may_name(table, name, numbering)]
    rest = [name for name in free if name not in (*candidates, *numbering)]
    matches = [_by_text(table, name, known) for name in candidates]
    loosely = (_by_text(table, name, known, loosely=True) for name in candidates)
    by_number = (_by_number(table, name, known) for name in candidates)
    by_folder = (_by_folder(table, name, known) for name in candidates)
    by_words = (_by_words(table, name, known) for name in candidates)
    for compared in (matches, loosely, by_number, by_folder, by_words):
        whole = [match for match in compared if not match.fault]
        if not whole:
            continue
        best = whole[0]
        _refuse_two_columns(table, whole, known)
        if not column and are_integers(table.cells[best.column]) and not is_called_like_names(table, best.column):
            _refuse_names_or_dimensions(table, rest, known)  # ranks may stand in all columns
        rows = np.full(len(images), -1, dtype=np.int64)
        for row, likely in enumerate(best.found):
            for image in likely:
                if image < len(images):
                    rows[image] = row
        numbering = tuple(name for name in free if name != best.column and _may_number(table, name))
        left_out = [cell for cell, likely in zip(table.cells[best.column], best.found, strict=True) if not likely]
        how = f"{table.in_words(best.column)} names {best.what}"
        how += f" (rows of no image are left out: {listed(left_out)})" if left_out else ""
        is_number = best.what == _NUMBERS or are_integers(table.cells[best.column])
        return Pairing(rows, best.column, numbering, how, tuple(left_out), is_number)
    _refuse_images_in_columns(table, images)
    matches = [match for match in matches if column or not _are_ratings(table, match.column)]
    closest = max(matches, key=_Match.recognised, default=None)
    if closest and (column or 2 * closest.recognised() >= min(len(closest.found), len(images))):
        raise RockspaceError(closest.fault)
    _refuse_names_or_dimensions(table, rest, known)
    _refuse_unknown_names(table, images, (*numbering, *dimensions))
    return _by_order(table, images, order, numbering)


def images_by_table(
    table_of: Mapping[str, TableFile], images_of: Mapping[str, Sequence[str]]
) -> Iterator[tuple[TableFile, list[str], list[str]]]:
    """Yield each table with the images of all splits that it is for, and all other images.

    A name that images of several splits share is ambiguous in a table that is for all of them.

    Args:
        table_of: The table of each split.
        images_of: The paths of the images of each split, and of any others.
    """
    for table in dict.fromkeys(table_of.values()):
        own, others = (
            [
                image
                for split, images in images_of.items()
                if (table_of.get(split) == table) == is_own
                for image in images
            ]
            for is_own in (True, False)
        )
        yield table, own, others


def recognised(table: Table, images: Sequence[str]) -> int:
    """The largest number of these images that a single column names, whatever else is wrong with the table."""
    columns = [name for name in table.cells if not are_numbers(table.cells[name])]
    known = _Images(list(images), len(images), partial=True)
    return max((_by_text(table, name, known).recognised() for name in columns), default=0)


def _by_text(table: Table, column: str, images: _Images, loosely: bool = False) -> _Match:
    """Match the cells of a column with the ends of image paths; the longest common end wins.

    Of several images with that end, those that need a row come before those that may have one.
    Matched loosely, ``Cat 1`` is ``cat_01``: leading zeros and separators are ignored.
    """
    ends: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, image in enumerate(images.paths):
        parts = _parts(image, loosely)
        for length in range(1, len(parts) + 1):
            ends[parts[:length]].append(i)
    deepest = max(map(len, ends), default=0)
    found: list[tuple[int, list[int]]] = []
    longest: dict[int, int] = defaultdict(int)
    for cell in table.cells[column]:
        parts = _parts(cell, loosely)
        length = next((n for n in range(min(len(parts), deepest), 0, -1) if parts[:n] in ends), 0)
        likely = ends[parts[:length]] if length else []
        for same in (_folded, _without_suffix, str):  # files that differ in their suffix or in case alone
            exact = [i for i in likely if same(_end(images.paths[i], length)) == same(_end(cell, length))]
            likely = exact if len(likely) > 1 and exact else likely
        likely = [i for i in likely if i < images.needed] or likely
        found.append((length, likely))
        for i in likely:
            longest[i] = max(longest[i], length)
    # Of two rows with one file name, the one whose folders are the image's own is the image's.
    best = [[i for i in likely if longest[i] == length] for length, likely in found]
    return _Match(column, best, _fault(table, column, best, images))


def _by_number(table: Table, column: str, images: _Images) -> _Match:
    """Match numbers with the one in which the images' names differ, if these, and the cells, differ in nothing else.

    Words around the numbers may be missing on one side: ``7`` and ``stim007``, ``stim7`` and ``007.png``.
    """
    words, figures = _numbered([PurePosixPath(_folded(image)).stem for image in images.paths])
    cells = list(table.cells[column])
    if are_integers(cells):
        own_words, own = set[str](), [int(number(cell)) for cell in cells]
    else:
        own_words, own = _numbered(["".join(reversed(_parts(cell)[:1])) for cell in cells])
    # Words of both sides that differ may tell of other images.
    image_of = (
        {figure: i for i, figure in enumerate(figures)} if not (words and own_words) or words == own_words else {}
    )
    found = [[image_of[figure]] if figure in image_of else [] for figure in own] or [[] for _ in cells]
    return _Match(column, found, _fault(table, column, found, images), _NUMBERS)


def _numbered(names: Sequence[str]) -> tuple[set[str], list[int]]:
    """The words that all of these names have, and their numbers, if they differ in one number alone; else nothing."""
    pieces = [re.split(r"(\d{1,4000})", name) for name in names]  # more are no integer to Python
    if len({tuple(parts[::2]) for parts in pieces}) == 1:
        positions = zip(*([int(figure) for figure in parts[1::2]] for parts in pieces), strict=True)
        differing = [position for position in positions if len(set(position)) > 1]
        if len(differing) == 1 and len(set(differing[0])) == len(pieces):
            return {word for part in pieces[0][::2] for word in re.split(r"[\W_]+", part) if word}, list(differing[0])
    return set(), []


def _by_folder(table: Table, column: str, images: _Images) -> _Match:
    """Match the names of the folders that directly hold the images, each with all its images."""
    images_in: dict[str, list[int]] = defaultdict(list)
    for i, image in enumerate(images.paths):
        images_in[_folded(PurePosixPath(image).parent.name)].append(i)
    found = [images_in.get(_folded(cell), []) if cell else [] for cell in table.cells[column]]
    return _Match(column, found, _fault(table, column, found, images, alone=False), "the folders of the images")


def _by_words(table: Table, column: str, images: _Images) -> _Match:
    """Match what the images' names say besides the number that all begin or end with: ``acorn`` and ``acorn_01b.jpg``."""
    words = [next(iter(_parts(image, loosely=True)), "") for image in images.paths]
    for number_at_end in (re.compile(r"^\d+[a-z]? "), re.compile(r" \d+[a-z]?$")):
        if all(map(number_at_end.search, words)):
            words = [number_at_end.sub("", word) for word in words]
    image_of = {word: i for i, word in enumerate(words)} if len({*words}) == len(words) else {}
    cells = ["".join(_parts(cell, loosely=True)[:1]) for cell in table.cells[column]]
    found = [[image_of[cell]] if cell in image_of else [] for cell in cells]
    return _Match(column, found, _fault(table, column, found, images), "the words in the images' names")


def _fault(
    table: Table, column: str, found: Sequence[Sequence[int]], images: _Images, alone: bool = True
) -> str | None:
    """The first reason, in one line, why a column with these matches does not name the images.

    Where all images that need a row are known, there may be rows of others; if not ``alone``, a row may be of several images.
    """
    cells = table.cells[column]
    known = {i for likely in found for i in likely}
    are_names = not are_integers(cells) or is_called_like_names(table, column)
    may_have_others = are_names and known >= set(range(images.needed))
    taken: dict[int, int] = {}
    for line, cell, likely in zip(cells.index, cells, found, strict=True):
        where = f"{table.path}: row {line}"
        if not cell:
            return f"{where}: no name in {table.in_words(column)}; write the image's or remove the row"
        if not likely and not (may_have_others and PurePosixPath(cell).suffix.lower() not in OTHER_SUFFIXES):
            return f"{where}: image {cell!r} has a row but no file{_cause(cell, images.paths)}"
        if len(likely) > 1 and alone:
            names = " or ".join(repr(images.paths[i]) for i in likely[:2])
            return f"{where}: {cell!r} may be {names}; give more of its path"
        for image in likely:
            if image in taken:
                return f"{where}: duplicate row for image {cell!r}, as row {taken[image]}; {_instead_of_rows(table, column)}"
            taken[image] = line
    missing = [image for i, image in enumerate(images.paths[: images.needed]) if i not in taken]
    if missing and not images.partial:
        more = f" ({len(missing)} such images)" if len(missing) > 1 else ""
        return f"{table.path}: no row for image '{_name(missing[0])}'{more}; add one or remove the image"
    return None


def _instead_of_rows(table: Table, column: str) -> str:
    """What to do where images have several rows, which may be of a long table."""
    others = [name for name in table.cells if name not in (column, *table.unnamed)]
    values = [name for name in others if are_numbers(table.cells[name])]
    dimensions = [name for name in others if name not in values and not table.cells.duplicated([column, name]).any()]
    if len(dimensions) == 1 and values:
        return (
            f"if this is a long table, with a row for each image and each {dimensions[0]!r}, set config key dataset.columns: "
            f"{{image: {column}, dimension: {dimensions[0]}, value: {values[0]}}}; else keep one row"
        )
    return "keep one row"


def _cause(cell: str, images: Sequence[str]) -> str:
    suffix = PurePosixPath(cell.replace("\\", "/")).suffix
    if suffix.lower() in OTHER_SUFFIXES:
        return f"; {suffix} is a format that is not read, so save the photographs as JPEG or PNG"
    return f"; remove the row or add the image (images have names such as '{_name(images[0])}')"


def _refuse_names_or_dimensions(table: Table, columns: Sequence[str], images: _Images) -> None:
    """Refuse columns that match the images but may be dimensions."""
    for name in columns:
        if not (_by_text(table, name, images).fault and _by_number(table, name, images).fault):
            raise RockspaceError(
                f"{table.path}: {table.in_words(name)} may name the images or be a dimension; set config key "
                "dataset.columns.image or dataset.dimensions"
            )


def _refuse_images_in_columns(table: Table, images: Sequence[str]) -> None:
    """Refuse a table whose header names the images."""
    header = {folded_name(name) for name in table.cells}
    named = [image for image in images if folded_name(image) in header]
    if len(named) >= SHORTEST_NUMBERING and 2 * len(named) >= len(images):
        raise RockspaceError(
            f"{table.path}: its columns are called like the images, such as '{_name(named[0])}'; transpose it"
        )


def _refuse_two_columns(table: Table, matches: Sequence[_Match], images: _Images) -> None:
    first, *others = matches
    for other in others:
        for line, one, two in zip(table.cells.index, first.found, other.found, strict=True):
            if one != two:
                names = [repr(images.paths[each[0]]) if each else "no image" for each in (one, two)]
                raise RockspaceError(
                    f"{table.path}: row {line}: {table.in_words(first.column)} names {names[0]} and "
                    f"{table.in_words(other.column)} {names[1]}; set config key dataset.columns.image to the one that names the images"
                )


def _refuse_unknown_names(table: Table, images: Sequence[str], known: Sequence[str]) -> None:
    """Refuse rows with names or numbers that match no image."""
    for column in (name for name in table.cells if name not in known):
        cells, is_first = table.cells[column], column == table.cells.columns[0]
        numbers_images = (
            (are_integers(cells) or all(map(_SCIENTIFIC.fullmatch, cells)))
            and len(cells) >= SHORTEST_NUMBERING
            and (is_called_like_names(table, column) or (is_first and set(map(number, cells)) in counts(len(cells))))
        )
        is_text = any(cells) and not are_numbers(cells)
        if numbers_images or (is_text and cells.is_unique and _is_mostly_text(cells)):
            raise RockspaceError(
                f"{table.path}: {table.in_words(column)} seems to name the images, but {cells.iloc[0]!r} (row "
                f"{cells.index[0]}) is not an image; images have names such as '{_name(images[0])}'"
            )


def _by_order(table: Table, images: Sequence[str], order: str | None, numbering: tuple[str, ...]) -> Pairing:
    """Pair rows without names, if all plausible orders agree."""
    if len(table.cells) != len(images):
        folder = PurePosixPath(images[0]).parent
        folders = {PurePosixPath(image).parent for image in images}
        of_folders = ", or the name of its folder in each row" if len(table.cells) == len(folders) > 1 else ""
        turned = f", and it has {len(images)} columns: transpose it" if table.cells.shape[1] == len(images) else ""
        raise RockspaceError(
            f"{table.path}: {len(table.cells)} rows without names for {len(images)} images in '{folder}'; each image needs one row{turned}{of_folders}"
        )
    refuse_people(table)
    sequence = ordered(images, order or "name")
    rows = np.empty(len(images), dtype=np.int64)
    rows[sequence] = np.arange(len(images))
    if order is None:
        for other_order, words in _WORDS.items():
            for line, one, other in zip(table.cells.index, sequence, ordered(images, other_order), strict=True):
                if one != other:
                    raise RockspaceError(
                        f"{table.path}: row {line} without a name may be '{images[one]}' ({_WORDS['name']}) or "
                        f"'{images[other]}' ({words}); name the images in a column, or set dataset.order to "
                        f"{', '.join(ORDERS[:-1])} or {ORDERS[-1]}"
                    )
        _refuse_words_of_others(table, images, rows)
    return Pairing(rows, None, numbering, f"rows without names, in the {_WORDS[order or 'name']}")


def refuse_people(table: Table) -> None:
    """Refuse a table without names of images whose first column numbers people."""
    first = next(iter(table.cells), "")
    if PEOPLE.fullmatch(first.lower()):
        raise RockspaceError(f"{table.path}: its rows seem to be people ({table.in_words(first)}), not images")


def _refuse_words_of_others(table: Table, images: Sequence[str], rows: np.ndarray) -> None:
    """Refuse rows without names whose words, such as labels, do not occur in the paths of the images they would belong to."""
    for column in table.cells:
        cells = table.cells[column].iloc[rows]
        words = cells.map(_folded)
        if not _is_mostly_text(words) or words.nunique() == 1:
            continue
        for image, line, word in zip(images, words.index, words, strict=True):
            if not re.search(rf"(?<![^\W\d_]){re.escape(word)}(?![^\W\d_])", _folded(image)):
                raise RockspaceError(
                    f"{table.path}: row {line} without a name would be '{image}' by order, but its "
                    f"{table.in_words(column).removeprefix('the ')} says {cells[line]!r}; name the images in a "
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


def counts(length: int) -> tuple[set[float], set[float]]:
    """1, 2, 3, ... and 0, 1, 2, ..., as many as there are rows."""
    return set(map(float, range(1, length + 1))), set(map(float, range(length)))


def _may_name(table: Table, column: str, numbering: Sequence[str]) -> bool:
    """Whether a column may name images: any of text; of whole numbers, the first one or one with such a header."""
    if not are_numbers(table.cells[column]):
        return True
    if _RANKS.fullmatch(column.lower()) or (column in numbering and column in table.unnamed):
        return False
    # Behind those that pandas or R put before a table's own.
    first = next((name for name in table.cells if not _is_index(table, name)), table.cells.columns[0])
    return column in (first, table.cells.columns[0]) or is_called_like_names(table, column)


def is_called_like_names(table: Table, column: str) -> bool:
    """Whether a column has a header such as those of columns that name or number images."""
    # Its last words say it, and are soon compared.
    return _NUMBERING.fullmatch(column.lower()[-LONGEST_HEADER:]) is not None


def _is_index(table: Table, column: str) -> bool:
    """Whether this is an index, as pandas and R put before the named columns of a table; a matrix stands behind its names."""
    are_before = len(table.unnamed) == 1 or table.cells.columns[-1] not in table.unnamed
    is_apart = (column in table.unnamed and table.has_header and are_before) or (
        column == "X" == table.cells.columns[0]
    )
    return is_apart and are_integers(table.cells[column])


def _counts_rows(table: Table, column: str) -> bool:
    """Whether a column only counts the rows: 1, 2, 3, ... or 0, 1, 2, ... where an index would stand."""
    cells = [re.sub(r"[.,]0+$", "", cell) for cell in table.cells[column]]
    counted = [str(i) for i in range(len(cells) + 1)]
    may_be_index = column == table.cells.columns[0] and not _RANKS.fullmatch(column.lower())
    may_be_index |= is_called_like_names(table, column)
    return may_be_index and len(cells) >= SHORTEST_NUMBERING and cells in (counted[1:], counted[:-1])


def _may_number(table: Table, column: str) -> bool:
    """Whether a column beside one of names numbers its rows, in any order: pandas' index of rows that were shuffled."""
    cells = table.cells[column]
    is_numbering = is_called_like_names(table, column) and cells.is_unique
    return are_integers(cells) and (is_numbering or _is_index(table, column))


def _are_ratings(table: Table, column: str) -> bool:
    """Whether these are whole numbers that repeat, under a header unlike those of image names."""
    cells = table.cells[column]
    repeat = not cells.is_unique and not any(re.match(r"0\d", cell) for cell in cells)
    return repeat and not is_called_like_names(table, column) and are_integers(cells)


def _is_mostly_text(cells: Sequence[str]) -> bool:
    return 2 * sum(are_numbers([cell]) for cell in cells) < len(cells)


def _name(path: str) -> str:
    return PurePosixPath(path.replace("\\", "/")).name


def _end(path: str, length: int) -> str:
    """The last segments of a path."""
    return "/".join(path.replace("\\", "/").split("/")[-length:])


def _without_suffix(path: str) -> str:
    stem, suffix = os.path.splitext(path)
    return stem if suffix.lower() in SUFFIXES else path


def folded_name(name: str) -> str:
    """The last segment of a path in lower case, without an image's suffix."""
    return next(iter(_parts(name)), "")


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text.replace("\\", "/").casefold())


def _parts(name: str, loosely: bool = False) -> tuple[str, ...]:
    """The segments of a path or of that of an address, from its end, without an image's suffix."""
    name = unquote(urlsplit(name).path) if "://" in name else name
    parts = [part for part in " ".join(_folded(name).split()).split("/") if part not in ("", ".")]
    while parts and (split := os.path.splitext(parts[-1]))[1] in _ANY_SUFFIXES:  # scan.jpg.png
        parts[-1] = split[0]
    if loosely:
        parts = [re.sub(r"[\s_-]+", " ", re.sub(r"(?<!\d)0+(?=\d)", "", part)) for part in parts]
    return tuple(reversed(parts))
