"""How files of people's coordinates are read.

Apart from `rockspace.people.coordinates`, so that a change here trains nothing again that has the same coordinates.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from rockspace.data.catalog import NO_LABEL, SPLITS
from rockspace.data.pairing import Pairing, counts, images_by_table, pair
from rockspace.data.row_names import read_image_table
from rockspace.data.tables import Table, are_integers, are_numbers, is_missing, is_number, number, numbers
from rockspace.errors import RockspaceError, listed

LABEL_COLUMNS = ("label", "subtype", "category", "class", "kind", "type", "species", "concept")
SUPERCLASS_COLUMNS = ("superclass", "supercategory", "superordinate")
_RESERVED = {"image_id", "individual"}  # columns of the artifacts
_OTHER_CODES = re.compile(
    r"(?:sub_?)?(?:condition|group|cluster|split|fold|set|block|session|batch|list|subject|participant|gender|sex|age)s?"
)
_OF_PEOPLE = r"(?:rater|judge|rating|response|participant|subject|observer|trial|observation|vote)s?"
_COUNTS = re.compile(
    rf"n|count|{_OF_PEOPLE}|(?:n|num|number|count)[\W_](?:of[\W_])?{_OF_PEOPLE}|{_OF_PEOPLE}[\W_](?:n|count|number)"
)
# Times of stimuli and responses, and PsychoPy's counters of trials.
_LOGS = re.compile(
    r"(?:.*[\W_])?(?:rt|(?:onset|offset)(?:[\W_]?time)?|(?:reaction|response)[\W_]?times?|latency|time[\W_]?stamp|time[\W_]?elapsed)|"
    r"duration[\W_]+in[\W_]+seconds[\W_]*|trials?\w*\.this\w+"
)
_SPREAD = r"(?:sd|sem?|spp|variance|std(?:[\W_]*(?:err(?:or)?|dev(?:iation)?))?|stderr)"
_LIMIT = rf"(?:{_SPREAD}|var|ci|(?:ci[\W_]*)?(?:lower|upper|lwr|upr|ll|ul)|ci[\W_]*(?:low|high)|min|max|n)"
_MEAN = r"(?:m|mn|mean|avg|average)"
# As they stand without a sign between: valmn and valsd, meanSize and stdSize.
_LONG_SPREAD, _LONG_MEAN = r"(?:sd|sem|std|stderr)", r"(?:mn|mean|avg)"
# An ordinary number between signs or before a unit or spread: 50 %, 1.234,5, 0.53**, (0.5), 0.5 cm, 0.5 (0.1), 0.5D+00.
_LIKE_NUMBER = re.compile(
    r"(?:np\.float\d+)?[^\w.,]*(?:[\d.,' ]*\d[\d.,' ]*\W*|"
    r"\d*[.,]\d+(?:d[+-]?\d+|[+-]\d.*[ij]|\s*(?:±|\+/-|\(|\[).*|\s*[^\W\d]{1,4}))",
    re.IGNORECASE,
)
_LONGEST_LIKE_NUMBER = 100  # characters
# What stands for missing values in SPSS, MATLAB and many a questionnaire.
_MISSING_CODE = re.compile(r"(?:[-\u2212]9|[-+\u2212]?(?:99+(?:[.,]9+)?|77+|88+))(?:[.,]0+)?")
_MIN_ROWS_OF_CODES = 6  # fewer rows of whole numbers tell nothing


@dataclass(frozen=True)
class Reading:
    """Coordinates of images, and which columns they were read from.

    Attributes:
        table: One float64 column a dimension; the index holds the images' paths.
        file: Name of the file.
        pairing: How the rows were matched with the images.
        labels: The columns of labels and superclasses.
        ignored: Why each other column was left out.
    """

    table: pd.DataFrame
    file: str
    pairing: Pairing
    labels: tuple[str, ...]
    ignored: Mapping[str, str]

    def in_words(self, *, whole: bool = False) -> list[str]:
        """Three lines: file and names, dimensions and labels, what was ignored; the first few of each, or if ``whole`` all."""
        write = ", ".join if whole else listed
        left_out = [f"{name} ({reason})" for name, reason in self.ignored.items()]
        return [
            f"{self.file}: {self.pairing.how}, {len(self.table)} images",
            f"dimensions: {write(self.table.columns)}" + (f"; labels: {write(self.labels)}" if self.labels else ""),
            f"ignored: {write(left_out) or 'nothing'}",
        ]


def people_coordinates(
    raw: Path, dataset: Mapping[str, Any], catalog: pd.DataFrame
) -> tuple[dict[str, pd.DataFrame], list[Reading]]:
    """Read the coordinates files and give each image of the catalog its row.

    Args:
        raw: Folder with the archive's files.
        dataset: The section of the configuration.
        catalog: From `rockspace.data.restructuring.build_catalog`.

    Returns:
        For each split its coordinates, indexed by ``image_id`` in the catalog's order; and how each file was read.

    Raises:
        RockspaceError: With file and row, for the first thing that does not fit.
    """
    splits = dataset["splits"]
    given = {
        split: (files["coordinates"], files.get("names")) for split, files in splits.items() if "coordinates" in files
    }
    file_of = {split: given.get(split, given["train"]) for split in SPLITS}
    images_of = {split: catalog.loc[catalog["split"] == split, "file"].tolist() for split in SPLITS}
    readings = []
    for (file, names), images, others in images_by_table(file_of, images_of):
        reading = read_coordinates(
            raw / file,
            images,
            others=others,
            dimensions=dataset["dimensions"],
            columns=dataset.get("columns", {}),
            order=dataset.get("order"),
            names=raw / names if names else None,
        )
        readings.append(replace(reading, file=file))  # with its folder
    _check_dimensions(readings)
    if not dataset["dimensions"]:
        _refuse_codes_of_labels(readings, catalog.set_index("file")["label"])
    id_of = dict(zip(catalog["file"], catalog["image_id"], strict=True))
    table = pd.concat([reading.table for reading in readings]).rename(index=id_of).rename_axis("image_id")
    return {split: table.loc[catalog.loc[catalog["split"] == split, "image_id"]] for split in SPLITS}, readings


def read_coordinates(
    path: Path,
    images: Sequence[str],
    *,
    others: Sequence[str] = (),
    dimensions: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
    order: str | None = None,
    names: Path | None = None,
    partial: bool = False,
) -> Reading:
    """Read a coordinates file: find the row of each image, and the columns that are dimensions.

    A column is a dimension if it holds numbers that differ and that are neither names nor numbers of images, nor labels.

    Args:
        path: Anything that `rockspace.data.row_names.read_image_table` reads.
        images: Paths of the images that need a row, separated by ``/``.
        others: Paths of images that may have one.
        dimensions: Where the file names its columns, those to take; where it does not, their names. Empty takes all, and
            names them ``dimension 1``, ... where the file does not.
        columns: ``dataset.columns`` of the configuration: which column is which, where that is known.
        order: The order of rows without names, one of `rockspace.data.pairing.ORDERS`.
        names: The file with the names of the rows; see `rockspace.data.row_names.name_rows`.
        partial: Whether images, or single numbers of them, may be missing; such images are then left out.

    Returns:
        The coordinates, in the order of the images, and how they were read.

    Raises:
        RockspaceError: With file and row, for the first thing that does not fit.
    """
    columns = columns or {}
    table, image = read_image_table(path, images, others=others, columns=columns, names=names)
    _refuse_matrix(table, images)
    own = [name for name in dimensions if name in table.cells]
    try:
        pairing = pair(table, images, others=others, column=image, dimensions=own, order=order, partial=partial)
    except RockspaceError:
        # Names that dataset.dimensions lists are refused as such before they are missed as names.
        for name in own:
            numbers(table, name, gaps=partial)
        raise
    if pairing.left_out:
        rows, positions = np.unique(pairing.rows, return_inverse=True)
        table, pairing = replace(table, cells=table.cells.iloc[rows]), replace(pairing, rows=positions)
    labels = tuple(columns[role] for role in ("label", "superclass") if columns.get(role) in table.cells)
    taken, ignored = _dimensions(table, {pairing.names, *labels}, pairing.numbering, dimensions, partial)
    # Another file may write the accents of a name in another way.
    taken = {unicodedata.normalize("NFC", name): column for name, column in taken.items()}
    values = pd.DataFrame({name: numbers(table, column, gaps=partial) for name, column in taken.items()})
    for name, column in taken.items():
        _refuse_missing_codes(table, column, values[name].to_numpy())
    has_row = pairing.rows >= 0
    kept = values.iloc[pairing.rows[has_row]].set_axis(np.array(images, dtype=object)[has_row])
    return Reading(
        table=kept.dropna() if partial else kept,
        file=path.name,
        pairing=pairing,
        labels=labels,
        ignored=ignored,
    )


def _dimensions(
    table: Table, known: set[str | None], numbering: Sequence[str], wanted: Sequence[str], partial: bool
) -> tuple[dict[str, str], dict[str, str]]:
    """The column of each dimension, and why each other column is none."""
    # Columns of numbers that only their order tells apart.
    bare = [name for name in table.unnamed if name not in {*known, *numbering} and are_numbers(table.cells[name])]
    if wanted and (not bare or {*wanted} & {*table.cells}):
        for name in wanted:
            table.require(name, "dataset.dimensions")
        others = [name for name in table.cells if name not in wanted and name not in known]
        return {name: name for name in wanted}, dict.fromkeys(others, "not in dataset.dimensions")
    taken, ignored = [], {}
    spreads = _spreads(list(table.cells))
    for column in table.cells:
        if column in known:
            continue
        if reason := _reason_to_ignore(table, column, numbering, spreads, constant=not (partial or wanted)):
            ignored[column] = reason
        else:
            taken.append(column)
    if not taken:
        raise RockspaceError(f"{table.path}: no column of numbers that differ; its columns are {listed(table.cells)}")
    if wanted and len(wanted) != len(taken):
        raise RockspaceError(
            f"{table.path}: {len(taken)} columns of coordinates, but config key dataset.dimensions names {len(wanted)}; make them agree"
        )
    if not wanted:
        _refuse_doubtful(table, taken, partial)
    if {*taken} <= table.unnamed:
        return dict(zip(wanted or [f"dimension {i}" for i in range(1, len(taken) + 1)], taken, strict=True)), ignored
    return dict(zip(wanted or taken, taken, strict=True)), ignored


def _reason_to_ignore(
    table: Table, column: str, numbering: Sequence[str], spreads: Collection[str], constant: bool
) -> str | None:
    cells = table.cells[column]
    word = "" if column in table.unnamed else column.strip().lower()
    if column in numbering:
        return "numbers the rows"
    # Numbers with decimals are neither: faces are rated for how kind they are, and for their age.
    may_be_codes = not are_numbers(cells) or are_integers(cells)
    if word in LABEL_COLUMNS + SUPERCLASS_COLUMNS and may_be_codes:
        return "labels"
    if not are_numbers(cells):
        # A word among numbers is a fault, and the error names its row.
        return None if 2 * sum(map(_is_like_number, cells)) >= len(cells) else "text"
    if _OTHER_CODES.fullmatch(word) and may_be_codes:
        return "codes"
    if _LOGS.fullmatch(word):
        return "times or numbers of trials"
    if word and column in spreads:
        return "spread"
    if _COUNTS.fullmatch(word) and are_integers(cells):
        return "counts"
    if constant and len(cells) > 1 and cells.nunique() == 1:
        if column in table.unnamed:
            raise RockspaceError(f"{table.path}: {column} is the same in every row; remove it")
        return "the same in every row"
    return None


def _spreads(columns: Sequence[str]) -> set[str]:
    """The columns that are called by a measure of spread: ``sd``, or ``x_sd`` beside ``x`` or ``x_mean``, or ``xsd`` beside ``xmean``."""

    def without(before: str, after: str, name: str, sign: str = r"[\W_]+") -> str:
        return re.sub(rf"^{before}{sign}|{sign}{after}$", "", name)

    words = {column: column.strip().lower() for column in columns}
    means = {without(_MEAN, _MEAN, word) for word in words.values()}
    # A word may end like this by chance, unless that of a mean differs in nothing else.
    long_means = {rest for word in words.values() if (rest := without(_LONG_MEAN, _LONG_MEAN, word, "")) != word}

    def is_spread(word: str) -> bool:
        of, of_long = without(_SPREAD, _LIMIT, word), without(_LONG_SPREAD, _LONG_SPREAD, word, "")
        is_beside_mean = (of != word and of in means) or (of_long != word and of_long in long_means)
        return is_beside_mean or re.fullmatch(_SPREAD, word) is not None

    return {column for column, word in words.items() if is_spread(word)}


def _is_like_number(cell: str) -> bool:
    return is_number(cell) or (len(cell) <= _LONGEST_LIKE_NUMBER and _LIKE_NUMBER.fullmatch(cell) is not None)


def _refuse_doubtful(table: Table, taken: Sequence[str], partial: bool) -> None:
    """Refuse reserved names, and whole numbers that may be codes because other dimensions have decimals."""
    reserved = next((name for name in taken if name in _RESERVED), None)
    if reserved is not None:
        raise RockspaceError(f"{table.path}: a dimension cannot be called {reserved!r}; rename the column")
    if partial or len(table.cells) < _MIN_ROWS_OF_CODES:
        return
    values: dict[str, np.ndarray] = {}
    of_values: dict[tuple[float, ...], str] = {}
    for name in taken:
        values[name] = numbers(table, name)
        if (first := of_values.setdefault(tuple(values[name]), name)) != name:
            raise RockspaceError(
                f"{table.path}: columns {first!r} and {name!r} are the same; list the dimensions in config key dataset.dimensions, or remove one"
            )
    whole = [name for name in taken if are_integers(table.cells[name])]
    counted = [name for name in whole if set(values[name]) in counts(len(table.cells))]
    if 0 < len(counted) < len(taken):
        raise RockspaceError(
            f"{table.path}: column {counted[0]!r} counts to {len(table.cells)} in some order, as row numbers or ranks do; list the "
            "dimensions in config key dataset.dimensions, or remove it"
        )
    for name in whole if len(whole) < len(taken) else []:
        own = values[name]
        if (own >= 0).all() and 2 * len(np.unique(own)) <= len(own):
            raise RockspaceError(
                f"{table.path}: column {name!r} holds whole numbers ({own.min():.0f} to {own.max():.0f}) where others have "
                "decimals, so it may be a code; list the dimensions in config key dataset.dimensions, or remove it"
            )


def _refuse_missing_codes(table: Table, column: str, values: np.ndarray) -> None:
    """Refuse 99, -999 and the like far from all other numbers, and a negative integer among positive ones without 0."""
    cells = table.cells[column]
    is_code = cells.map(lambda cell: _MISSING_CODE.fullmatch(cell) is not None).to_numpy()
    kept = values[~is_code & ~np.isnan(values)]
    if len(kept) < 3:  # too few to tell
        return
    is_code = is_code & ((values - kept.max() > np.ptp(kept)) | (kept.min() - values > np.ptp(kept)))
    negative = values < 0
    are_ratings = len(cells) >= _MIN_ROWS_OF_CODES and are_integers(cells) and 0 not in values
    if are_ratings and len(set(values[negative])) == 1 and len(set(values[~negative])) > 2:
        is_code = is_code | negative
    if is_code.any() and not is_code.all():
        line, cell = next(each for each, is_one in zip(cells.items(), is_code, strict=True) if is_one)
        raise RockspaceError(
            f"{table.path}: row {line}: {cell!r} ({table.in_words(column)}) stands apart from all other numbers, "
            f"as codes of missing values do; leave it out, or write it as {number(cell) / 10:g}e1 if it is a coordinate"
        )


def _refuse_matrix(table: Table, images: Sequence[str]) -> None:
    """Refuse a square matrix of (dis)similarities or confusions between images, or half of one.

    It is symmetric, or each image is closer to itself than to others, or its columns are the images.
    """
    columns = [name for name in table.cells if all(is_number(cell) or is_missing(cell) for cell in table.cells[name])]
    n = len(table.cells)
    if n < 3 or len(columns) < n:
        return
    # Row numbers may stand before it.
    matrix = np.column_stack([numbers(table, name, gaps=True) for name in columns[-n:]])
    matrix = np.where(np.isnan(matrix), matrix.T, matrix)
    own, spread = np.diag(matrix), np.nanmax(np.abs(matrix))
    others = np.where(np.eye(n, dtype=bool), np.nan, matrix)
    is_extreme = (own <= np.nanmin(others, axis=1)).all() or (own >= np.nanmax(others, axis=1)).all()
    names = {PurePosixPath(name).stem.casefold() for name in columns}
    is_symmetric = np.allclose(matrix, matrix.T, atol=1e-3 * spread, equal_nan=True)
    has_constant_diagonal = np.unique(own[~np.isnan(own)]).size <= 1
    if is_symmetric and (has_constant_diagonal or n >= _MIN_ROWS_OF_CODES):
        kind = f"a symmetric matrix of {n} x {n} (dis)similarities"
    elif n >= _MIN_ROWS_OF_CODES and is_extreme:
        kind = f"a matrix of {n} x {n} (dis)similarities or confusions, each least or largest on its diagonal"
    elif len(columns) == n and names >= {PurePosixPath(image).stem.casefold() for image in images}:
        kind = "a matrix whose columns are the images"
    elif n >= _MIN_ROWS_OF_CODES and len(columns) == n and not table.has_header:
        raise RockspaceError(
            f"{table.path}: {n} x {n} numbers without names may be coordinates with images in columns, or (dis)similarities; "
            "name the dimensions in a header"
        )
    else:
        return
    raise RockspaceError(
        f"{table.path}: {kind}, not coordinates; scale it to a few dimensions first (multidimensional scaling), one row per image"
    )


def _refuse_codes_of_labels(readings: Sequence[Reading], label_of: pd.Series) -> None:
    """Refuse a dimension beside others on which all images of a label are the same: whatever it is called, it codes labels."""
    table = pd.concat([reading.table for reading in readings])
    labels = label_of[table.index].to_numpy()
    table, labels = table[labels != NO_LABEL], labels[labels != NO_LABEL]
    if len(set(labels)) == len(labels):
        return
    constant = (table.groupby(labels).nunique() <= 1).all()
    if constant.any() and not constant.all():
        raise RockspaceError(
            f"{readings[0].file}: column {constant.idxmax()!r} is the same for all images of a label, so it may code labels; list "
            "the dimensions in config key dataset.dimensions, or remove it"
        )


def _check_dimensions(readings: Sequence[Reading]) -> None:
    first, *others = readings
    for other in others:
        if list(other.table) != list(first.table):
            raise RockspaceError(
                f"the splits have different dimensions: {first.file} has {listed(first.table)}, {other.file} {listed(other.table)}"
            )
