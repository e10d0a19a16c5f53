"""A proposed ``dataset`` section for a folder of images and coordinates."""

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from rockspace.data.pairing import READABLE, UNREADABLE, Pairing, pair, recognised
from rockspace.data.patterns import select
from rockspace.data.tables import Table, read_table
from rockspace.errors import RockspaceError, listed
from rockspace.people.reading import LABEL_COLUMNS, SUPERCLASS_COLUMNS, read_coordinates

TABLES = {".csv", ".tsv", ".txt", ".dat", ".tab"}
OTHER_TABLES = {
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
}
FRACTION = 0.25  # of one set of images that validates

# How file names tell the label, the more particular ones first.
_STEMS = (
    r"(?P<superclass>[A-Z])_(?P<label>.+?)_(?P<token>\d+)(?:_\d+)?",
    r"(?P<label>.+?)[ _-]*\d+[a-z]?",
    r"(?P<label>[^_-]+)[_-].+",
)
_NUMBERED_LABELS = r"(?P<label>\d+)[_-]\d+"
_LABEL_FOLDERS = "(?:.*/)?(?P<label>[^/]+)/[^/]+"
_TRAINING, _VALIDATION = r"train(ing|ed)?", r"(val(id(ation)?)?|test(ing)?|held.?out|dev)"
_BY_HAND = "write the section 'dataset' by hand (docs/own-data.md)"


def propose_dataset(folder: Path) -> dict[str, Any]:
    """Look through a folder of images with coordinates, and say how it can be read.

    Labels come from a column that is called so, from the folders that the images lie in, or from the file names up to a
    number. Two sets of images with a table each, or folders called ``train`` and ``validation``, become the two splits; of
    a single set, a quarter of each label validates.

    Args:
        folder: Anything with images (below it too) and one table of coordinates for each set; links are followed.

    Returns:
        The ``dataset`` section of a config.

    Raises:
        RockspaceError: No images, no coordinates for them or two tables that may be them, or no labels.
    """
    files = _visible_files(folder)
    images = [file for file in files if file.suffix.lower() in READABLE]
    if not images:
        raise RockspaceError(f"{folder}: no images there (looked for {', '.join(sorted(READABLE))})")
    tables = [str(file) for file in files if file.suffix.lower() in TABLES]
    if not tables:
        other = next((f"; save {file} as CSV" for file in files if file.suffix.lower() in OTHER_TABLES), "")
        raise RockspaceError(f"{folder}: no file of coordinates ({', '.join(sorted(TABLES))}) there{other}")
    sets, chosen = _coordinates(folder, images, tables, files)
    splits: dict[str, dict[str, Any]] = {
        split: {"images": _pattern(folder, sets[split], files), "coordinates": file} for split, file in chosen.items()
    }
    dataset: dict[str, Any] = {"source": "directory", "directory": str(folder), "splits": splits, "dimensions": []}
    labels = _label_columns(folder, sets, chosen, tables)
    if labels:
        dataset["columns"], files_of = labels
        for split, file in files_of.items():
            splits[split] |= {"labels": file} if file != chosen[split] else {}
    else:
        dataset["filename"] = _filename(folder, images, [split["images"] for split in splits.values()])
    if len(splits) == 1:
        splits["validation"] = {"fraction": FRACTION, "seed": 0}
    return dataset


def _visible_files(folder: Path) -> list[PurePosixPath]:
    """All files below a folder, relative to it; nothing hidden, and no folder twice where links go in circles."""
    if not folder.is_dir():
        raise RockspaceError(f"{folder} is not a folder; it must hold images and their coordinates")
    found, seen = [], set()
    for place, below, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        below.sort()
        below[:] = [] if real in seen else [name for name in below if not name.startswith(".")]
        if real not in seen:
            relative = PurePosixPath(Path(place).relative_to(folder).as_posix())
            found += [relative / name for name in names if not name.startswith(".") and Path(place, name).is_file()]
        seen.add(real)
    return sorted(found)


def _top_folders(images: Sequence[PurePosixPath]) -> dict[str, list[PurePosixPath]]:
    """The images by the first folders that not all of them share."""
    depth = 0
    while all(len(image.parts) > depth + 1 for image in images) and len({image.parts[depth] for image in images}) == 1:
        depth += 1
    sets: dict[str, list[PurePosixPath]] = {}
    for image in images:
        sets.setdefault(image.parts[depth] if len(image.parts) > depth + 1 else "", []).append(image)
    return sets


def _named_splits(folder: Path, tops: Mapping[str, list[PurePosixPath]]) -> dict[str, list[PurePosixPath]]:
    """The images of each split, where the folders' names say which is which; else nothing."""
    training = [name for name in tops if re.fullmatch(_TRAINING, name, re.IGNORECASE)]
    others = [name for name in tops if re.fullmatch(_VALIDATION, name, re.IGNORECASE)]
    if len(tops) < 2 or len(training) + len(others) < len(tops):
        return {}
    if len(training) != 1 or len(others) != 1:
        raise RockspaceError(
            f"{folder}: the folders {listed(sorted(tops))} look like splits, and a study has two, one to train and one to "
            f"validate; {_BY_HAND}"
        )
    return {"train": tops[training[0]], "validation": tops[others[0]]}


def _coordinates(
    folder: Path, images: Sequence[PurePosixPath], tables: Sequence[str], files: Sequence[PurePosixPath]
) -> tuple[dict[str, list[PurePosixPath]], dict[str, str]]:
    """The images of each split, and the one table that gives them coordinates."""
    tops = _top_folders(images)
    splits = _named_splits(folder, tops)
    reasons: dict[str, str] = {}
    table = _only_fitting(folder, tables, images, (), reasons)
    if table is not None:
        splits = splits or {"train": list(images)}
        return splits, dict.fromkeys(splits, table)
    if len(tops) == 2:
        larger_first = sorted(tops.values(), key=len, reverse=True)
        splits = splits or dict(zip(("train", "validation"), larger_first, strict=True))
        chosen: dict[str, str | None] = {}
        for split, others in (("train", "validation"), ("validation", "train")):
            # A table of one split fits the other as well where their images have the same names.
            left = [table for table in tables if table != chosen.get(others)]
            chosen[split] = _only_fitting(folder, left, splits[split], splits[others], reasons)
        found = {split: table for split, table in chosen.items() if table is not None}
        if len(found) == len(chosen):
            return splits, found
    closest = max(reasons, key=lambda table: _closeness(folder / table, images))
    counts = ", ".join(f"{len(found)} in '{top or '.'}'" for top, found in list(tops.items())[:5])
    unreadable = [file for file in files if file.suffix.lower() in UNREADABLE]
    hint = (
        f"; {len(unreadable)} files such as '{unreadable[0]}' have a format that is not read, so save them as JPEG or PNG"
        if unreadable
        else ""
    )
    raise RockspaceError(f"{folder}: no table fits the images ({counts}): {reasons[closest]}{hint}")


def _only_fitting(
    folder: Path,
    tables: Sequence[str],
    images: Sequence[PurePosixPath],
    others: Sequence[PurePosixPath],
    reasons: dict[str, str],
) -> str | None:
    """The table with coordinates of these images, if there is one; why others do not fit goes to ``reasons``."""
    fitting = []
    # A file of far fewer lines than images is some other file, of which there may be hundreds.
    likely = [table for table in tables if 2 * _count_lines(folder / table) >= len(images)] or tables[:1]
    for table in likely:
        try:
            read_coordinates(folder / table, list(map(str, images)), others=list(map(str, others)))
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
    folder: Path, chosen: str, tables: Sequence[str], images: Sequence[PurePosixPath], others: Sequence[PurePosixPath]
) -> None:
    """Refuse rows without names where another table lists the images in another order, which may be that of the rows."""

    def paired(table: str) -> Pairing:
        return pair(read_table(folder / table), list(map(str, images)), others=list(map(str, others)))

    rows = paired(chosen)
    for table in tables if rows.names is None else ():
        try:
            listed_rows = paired(table)
        except RockspaceError:
            if 2 * _closeness(folder / table, images)[0] >= len(images):
                raise  # the images are named there, if not all of them
            continue
        if listed_rows.names is not None and (listed_rows.rows != rows.rows).any():
            raise RockspaceError(
                f"{folder}: the rows of {chosen} have no names, and {table} lists the images in another order than that of "
                "their names; put names and coordinates into one table"
            )


def _closeness(path: Path, images: Sequence[PurePosixPath]) -> tuple[int, int]:
    """How close a table comes to one of these images: by the number that it names, then by its length."""
    try:
        named = recognised(read_table(path), list(map(str, images)))
    except RockspaceError:
        named = 0
    return named, -abs(_count_lines(path) - len(images))


def _count_lines(path: Path) -> int:
    return len(path.read_bytes().replace(b"\r", b"\n").split(b"\n"))


def _label_columns(
    folder: Path, splits: Mapping[str, list[PurePosixPath]], chosen: Mapping[str, str], tables: Sequence[str]
) -> tuple[dict[str, str], dict[str, str]] | None:
    """The columns of labels, and the file of each split that has them: that of the coordinates, or one of their own."""
    if columns := _columns_of_labels(folder, splits, chosen):
        return columns, dict(chosen)
    own = {
        table: columns
        for table in tables
        if (columns := _columns_of_labels(folder, splits, dict.fromkeys(splits, table)))
    }
    if len(own) > 1:
        raise RockspaceError(f"{folder}: {listed(own)} each give all images a label; {_BY_HAND}")
    return next(((columns, dict.fromkeys(splits, table)) for table, columns in own.items()), None)


def _columns_of_labels(
    folder: Path, splits: Mapping[str, list[PurePosixPath]], files: Mapping[str, str]
) -> dict[str, str]:
    """Columns that are called labels, if the tables of the splits have them for all images."""
    labels: list[str] = []
    columns: dict[str, str] = {}
    for split, images in splits.items():
        others = [str(image) for other, found in splits.items() if other != split for image in found]
        try:
            table = read_table(folder / files[split])
            pairing = pair(table, list(map(str, images)), others=others)
        except RockspaceError:
            return {}
        columns = {
            role: name
            for role, words in (("label", LABEL_COLUMNS), ("superclass", SUPERCLASS_COLUMNS))
            if (name := _column_called(table, words)) and name != pairing.names
        }
        if "label" not in columns or pairing.names is None:
            return {}
        labels += table.cells[columns["label"]].iloc[pairing.rows].tolist()
    counts = Counter(labels)
    return columns if len(counts) > 1 and min(counts.values()) > 1 and "" not in counts else {}


def _column_called(table: Table, words: Sequence[str]) -> str | None:
    """The column that is called by the first of these words."""
    named = {name.strip().lower(): name for name in table.cells if name not in table.unnamed}
    return next((named[word] for word in words if word in named), None)


def _pattern(folder: Path, images: Sequence[PurePosixPath], files: Sequence[PurePosixPath]) -> str:
    """The glob that names these images and no other file."""
    depth = {len(image.parts) for image in images}
    if len(depth) > 1:
        raise RockspaceError(
            f"{folder}: images lie at different depths, such as {images[0]} and {images[-1]}; {_BY_HAND}"
        )
    columns = zip(*(image.parent.parts for image in images), strict=True)
    folders = [names[0] if len(set(names)) == 1 else "*" for names in columns]
    wanted = set(images)
    for name in _file_globs({image.suffix for image in images}):
        pattern = "/".join([*folders, name])
        if set(map(PurePosixPath, select(map(str, files), pattern))) == wanted:
            return pattern
    raise RockspaceError(f"{folder}: no single pattern names the images alone; put them in a folder of their own")


def _file_globs(suffixes: set[str]) -> list[str]:
    first = sorted(suffixes)[0]
    any_case = "".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in first.lower())
    return [f"*{first}", f"*{any_case}", "*.[jJ][pP]*[gG]", "*"]


def _filename(folder: Path, images: Sequence[PurePosixPath], patterns: Sequence[str]) -> str:
    """The expression that finds the labels: the folders that a pattern leaves open, or a part of the file names."""
    if all(PurePosixPath(pattern).parent.name == "*" for pattern in patterns):
        return _LABEL_FOLDERS
    suffixes = sorted({image.suffix.lstrip(".") for image in images})
    ending = rf"\.{suffixes[0]}" if len(suffixes) == 1 else rf"\.(?:{'|'.join(suffixes)})"
    for stem in (*_STEMS, _NUMBERED_LABELS):
        found = [re.fullmatch(stem + ending, image.name) for image in images]
        if all(found) and _usable(Counter(match["label"] for match in found if match), words=stem != _NUMBERED_LABELS):
            return stem + ending
    raise RockspaceError(
        f"{folder}: no label found in names such as '{images[0].name}', and no column called {', '.join(LABEL_COLUMNS[:4])}; "
        f"{_BY_HAND}"
    )


def _usable(labels: Counter[str], words: bool) -> bool:
    """Whether these can be labels: several, each of several images, with letters if ``words``."""
    are_words = all(re.search(r"[^\W\d_]", label) for label in labels)
    return len(labels) > 1 and min(labels.values()) > 1 and (are_words or not words)
