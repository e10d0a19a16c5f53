"""A proposed ``dataset`` section for a folder of images and coordinates."""

import os
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from rockspace.data.images import SUFFIXES
from rockspace.data.pairing import OTHER_SUFFIXES, folded_name, images_by_table, pair, recognised
from rockspace.data.patterns import select
from rockspace.data.tables import Table, read_table
from rockspace.errors import RockspaceError, listed
from rockspace.people.reading import LABEL_COLUMNS, SUPERCLASS_COLUMNS, read_coordinates

TABLES = (".csv", ".dat", ".tab", ".tsv", ".txt")
OTHER_TABLES = (
    ".xlsx",
    ".xls",
    ".ods",
    ".numbers",
    ".npy",
    ".npz",
    ".mat",
    ".rds",
    ".rdata",
    ".sav",
    ".json",
    ".parquet",
)
FRACTION = 0.25  # of a single set of images that is drawn for validation

# How labels are read from file names, the most specific expression first; the last one is for labels that are numbers.
_STEMS = (
    r"(?P<superclass>[A-Z])_(?P<label>.+?)_(?P<token>\d+)(?:_\d+)?",
    r"(?P<label>.+?)[ _-]*\d+[a-z]?",
    r"(?P<label>[^_-]+)[_-].+",
    r"(?P<label>\d+)[_-]\d+",
)
_LABEL_FOLDERS = "(?:.*/)?(?P<label>[^/]+)/[^/]+"
_TRAINING, _VALIDATION = r"train(ing|ed)?", r"(val(id(ation)?)?|test(ing)?|held.?out|dev)"
_BY_HAND = "write the section 'dataset' by hand (docs/own-data.md)"


def propose_dataset(folder: Path) -> dict[str, Any]:
    """Look through a folder of images with coordinates, and say how it can be read.

    Labels come from a column that is called so, from the folders of the images, or from the file names up to a
    number. Two sets of images with a table each, or folders called ``train`` and ``validation``, become the two splits; of
    a single set, a quarter of the images of each label is drawn for validation.

    Args:
        folder: Anything with images (below it too) and one table of coordinates for each set; links are followed.

    Returns:
        The ``dataset`` section of a config.

    Raises:
        RockspaceError: No images, no labels, or no coordinates for the images, or two tables that may hold them.
    """
    files = _visible_files(folder)
    images = _with_suffix(files, SUFFIXES)
    if not images:
        raise RockspaceError(f"{folder}: no images there (looked for {', '.join(sorted(SUFFIXES))})")
    tables = _with_suffix(files, TABLES)
    if not tables:
        other = next((f"; save {file} as CSV" for file in _with_suffix(files, OTHER_TABLES)), "")
        raise RockspaceError(f"{folder}: no file of coordinates ({', '.join(TABLES)}) there{other}")
    images_of, table_of = _splits(folder, images, tables, files)
    _refuse_unread_images(folder, images_of, table_of, files)
    splits: dict[str, dict[str, Any]] = {
        split: {"images": _pattern(folder, images_of[split], files), "coordinates": table}
        for split, table in table_of.items()
    }
    dataset: dict[str, Any] = {"source": "directory", "directory": str(folder), "splits": splits, "dimensions": []}
    faults: list[str] = []
    labels = _label_columns(folder, images_of, table_of, tables, faults)
    if labels:
        dataset["columns"], labels_of = labels
        for split, table in labels_of.items():
            splits[split] |= {"labels": table} if table != table_of[split] else {}
    else:
        dataset["filename"] = _filename(folder, images, [split["images"] for split in splits.values()], faults)
    if len(splits) == 1:
        splits["validation"] = {"fraction": FRACTION, "seed": 0}
    return dataset


def _refuse_unread_images(
    folder: Path, images_of: Mapping[str, list[str]], table_of: Mapping[str, str], files: Sequence[str]
) -> None:
    """Refuse to leave out rows of images in a format that is not read."""
    unread = {folded_name(file): file for file in _with_suffix(files, OTHER_SUFFIXES)}
    for name, images, others in images_by_table(table_of, images_of) if unread else ():
        left_out = pair(read_table(folder / name), images, others=others).left_out
        if file := next((unread[folded_name(cell)] for cell in left_out if folded_name(cell) in unread), None):
            raise RockspaceError(
                f"{folder}: {name} has a row for {file}, which has a format that is not read; save it as JPEG or PNG"
            )


def _visible_files(folder: Path) -> list[str]:
    """All files below a folder, relative to it, but for hidden ones; a folder that links lead to again is left out."""
    if not folder.is_dir():
        raise RockspaceError(f"{folder} is not a folder; it must hold images and their coordinates")
    found, seen = [], set()
    for place, below, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        below.sort()
        below[:] = [] if real in seen else [name for name in below if not name.startswith(".")]
        if real not in seen:
            files = (Path(place, name) for name in names if not name.startswith("."))
            found += [file.relative_to(folder) for file in files if file.is_file()]
        seen.add(real)
    return [file.as_posix() for file in sorted(found)]


def _with_suffix(files: Sequence[str], suffixes: Collection[str]) -> list[str]:
    return [file for file in files if PurePosixPath(file).suffix.lower() in suffixes]


def _top_folders(images: Sequence[str]) -> dict[str, list[str]]:
    """The images by the first folder in which their paths differ."""
    common = os.path.commonpath([str(PurePosixPath(image).parent) for image in images])
    sets: dict[str, list[str]] = {}
    for image in images:
        below = PurePosixPath(image).relative_to(common).parts
        sets.setdefault(below[0] if len(below) > 1 else "", []).append(image)
    return sets


def _named_splits(folder: Path, tops: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The images of each split, if the folders' names say which is which; else nothing."""
    training = [name for name in tops if re.fullmatch(_TRAINING, name, re.IGNORECASE)]
    others = [name for name in tops if re.fullmatch(_VALIDATION, name, re.IGNORECASE)]
    are_labels = len(training) + len(others) < len(tops) and not (training and others)
    if len(tops) < 2 or are_labels:
        return {}
    if len(training) != 1 or len(others) != 1 or len(tops) > 2:
        raise RockspaceError(
            f"{folder}: the folders {listed(sorted(tops))} look like splits, and a study has two, one to train and one to "
            f"validate; {_BY_HAND}"
        )
    return {"train": tops[training[0]], "validation": tops[others[0]]}


def _splits(
    folder: Path, images: Sequence[str], tables: Sequence[str], files: Sequence[str]
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """The images of each split, and the table that gives them coordinates."""
    tops = _top_folders(images)
    splits = _named_splits(folder, tops)
    reasons: dict[str, str] = {}
    if table := _table_for(folder, tables, images, (), reasons):
        splits = splits or {"train": list(images)}
        return splits, dict.fromkeys(splits, table)
    if len(tops) == 2:
        larger_first = sorted(tops.values(), key=len, reverse=True)
        splits = splits or dict(zip(("train", "validation"), larger_first, strict=True))
        chosen: dict[str, str] = {}
        for split, other in (("train", "validation"), ("validation", "train")):
            # A table of one split fits the other as well if their images have the same names.
            left = [table for table in tables if table not in chosen.values()]
            if table := _table_for(folder, left, splits[split], splits[other], reasons):
                chosen[split] = table
        if len(chosen) == 2:
            return splits, chosen
    closest = max(reasons, key=lambda table: _closeness(folder / table, images))
    counts = ", ".join(f"{len(found)} in '{top or '.'}'" for top, found in list(tops.items())[:5])
    unreadable = _with_suffix(files, OTHER_SUFFIXES)
    hint = (
        f"; {len(unreadable)} files such as '{unreadable[0]}' have a format that is not read, so save them as JPEG or PNG"
        if unreadable
        else ""
    )
    raise RockspaceError(f"{folder}: no table fits the images ({counts}): {reasons[closest]}{hint}")


def _table_for(
    folder: Path, tables: Sequence[str], images: Sequence[str], others: Sequence[str], reasons: dict[str, str]
) -> str | None:
    """The table with coordinates of these images, if there is one; why others do not fit goes to ``reasons``."""
    fitting = []
    # A file with far fewer lines than there are images is not their table; there may be hundreds of such files.
    likely = [table for table in tables if 2 * _count_lines(folder / table) >= len(images)] or tables[:1]
    for table in likely:
        try:
            read_coordinates(folder / table, images, others=others)
            fitting.append(table)
        except RockspaceError as error:
            reasons.setdefault(table, str(error))
    if len(fitting) > 1:
        raise RockspaceError(
            f"{folder}: {listed(fitting)} each give all images coordinates; name one in dataset.splits.train.coordinates, "
            "or take the others out of the folder"
        )
    if fitting:
        _refuse_other_lists(folder, fitting[0], [table for table in likely if table not in fitting], images, others)
    return fitting[0] if fitting else None


def _refuse_other_lists(
    folder: Path, chosen: str, tables: Sequence[str], images: Sequence[str], others: Sequence[str]
) -> None:
    """Refuse rows without names if another table, which may be their names, lists the images in another order."""
    rows = pair(read_table(folder / chosen), images, others=others)
    for table in tables if rows.names is None else ():
        try:
            names = pair(read_table(folder / table), images, others=others)
        except RockspaceError:
            if 2 * _closeness(folder / table, images)[0] >= len(images):
                raise  # it names images, but not all of them
            continue
        if names.names is not None and (names.rows != rows.rows).any():
            raise RockspaceError(
                f"{folder}: the rows of {chosen} have no names, and {table} lists the images in another order than that of "
                "their names; put names and coordinates into one table"
            )


def _closeness(path: Path, images: Sequence[str]) -> tuple[int, int]:
    """How close a table comes to one of these images: by the number that it names, then by its length."""
    try:
        named = recognised(read_table(path), images)
    except RockspaceError:
        named = 0
    return named, -abs(_count_lines(path) - len(images))


def _count_lines(path: Path) -> int:
    return len(path.read_bytes().replace(b"\r", b"\n").split(b"\n"))


def _label_columns(
    folder: Path,
    images_of: Mapping[str, list[str]],
    table_of: Mapping[str, str],
    tables: Sequence[str],
    faults: list[str],
) -> tuple[dict[str, str], Mapping[str, str]] | None:
    """The columns of labels, and the table of each split that has them: that of the coordinates, or one of their own.

    Why columns with such a name are no labels goes to ``faults``.
    """
    if columns := _columns_of_labels(folder, images_of, table_of, faults):
        return columns, table_of
    found = {table: _columns_of_labels(folder, images_of, dict.fromkeys(images_of, table), faults) for table in tables}
    having = [table for table in tables if found[table]]
    if len(having) > 1:
        raise RockspaceError(f"{folder}: {listed(having)} each give all images a label; {_BY_HAND}")
    return (found[having[0]], dict.fromkeys(images_of, having[0])) if having else None


def _columns_of_labels(
    folder: Path, images_of: Mapping[str, list[str]], table_of: Mapping[str, str], faults: list[str]
) -> dict[str, str]:
    """Columns that are called labels, if the tables of the splits have them for all images."""
    labels: Counter[str] = Counter()
    columns: dict[str, str] = {}
    for name, images, others in images_by_table(table_of, images_of):
        try:
            table = read_table(folder / name)
            pairing = pair(table, images, others=others)
        except RockspaceError:
            return {}
        roles = {"label": LABEL_COLUMNS, "superclass": SUPERCLASS_COLUMNS}
        called = {role: _column_called(table, words) for role, words in roles.items()}
        columns = {role: name for role, name in called.items() if name and name != pairing.names}
        if "label" not in columns or pairing.names is None:
            return {}
        labels.update(table.cells[columns["label"]].iloc[pairing.rows])
    if fault := _fault_of_labels(labels):
        faults.append(
            f"column {columns['label']!r} of {listed(sorted(set(table_of.values())))} gives no labels: {fault}"
        )
    return {} if fault else columns


def _column_called(table: Table, words: Sequence[str]) -> str | None:
    """The column that is called by the first of these words."""
    named = {name.strip().lower(): name for name in table.cells if name not in table.unnamed}
    return next((named[word] for word in words if word in named), None)


def _pattern(folder: Path, images: Sequence[str], files: Sequence[str]) -> str:
    """The glob that matches these images and no other file."""
    folders = [PurePosixPath(image).parent.parts for image in images]
    if len(set(map(len, folders))) > 1:
        raise RockspaceError(
            f"{folder}: images lie at different depths, such as {images[0]} and {images[-1]}; {_BY_HAND}"
        )
    levels = [names[0] if len(set(names)) == 1 else "*" for names in zip(*folders, strict=True)]
    suffix = min(PurePosixPath(image).suffix for image in images)
    any_case = "".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in suffix.lower())
    for name in (f"*{suffix}", f"*{any_case}", "*.[jJ][pP]*[gG]", "*"):
        pattern = "/".join([*levels, name])
        if set(select(files, pattern)) == set(images):
            return pattern
    raise RockspaceError(f"{folder}: no single pattern matches the images alone; put them in a folder of their own")


def _filename(folder: Path, images: Sequence[str], patterns: Sequence[str], faults: Sequence[str]) -> str:
    """The expression that finds the labels: in the folders that a pattern leaves open, or in the file names."""
    if all(PurePosixPath(pattern).parent.name == "*" for pattern in patterns):
        return _LABEL_FOLDERS
    names = [PurePosixPath(image).name for image in images]
    suffixes = sorted({PurePosixPath(name).suffix.lstrip(".") for name in names})
    ending = rf"\.{suffixes[0]}" if len(suffixes) == 1 else rf"\.(?:{'|'.join(suffixes)})"
    of_names: list[str] = []
    for stem in _STEMS:
        matches = [re.fullmatch(stem + ending, name) for name in names]
        labels = Counter(match["label"] for match in matches if match)
        are_words = all(re.search(r"[^\W\d_]", label) for label in labels)
        if not all(matches) or not (are_words or stem == _STEMS[-1]):
            continue
        fault = _fault_of_labels(labels)
        if not fault:
            return stem + ending
        of_names.append(f"names such as '{names[0]}' give no labels: {fault}")
    unknown = f"no label found in names such as '{names[0]}', and no column called {', '.join(LABEL_COLUMNS[:4])}"
    raise RockspaceError(f"{folder}: {next(iter((*faults, *of_names)), unknown)}; {_BY_HAND}")


def _fault_of_labels(counts: Counter[str]) -> str | None:
    """Why these are no labels: there must be several, each of several images, and none may be empty."""
    if "" in counts:
        return "an image has none"
    if len(counts) < 2:
        return f"{next(iter(counts))!r} is the only one"
    lonely = next((label for label, count in counts.items() if count < 2), None)
    return lonely and f"{lonely!r} has a single image"
