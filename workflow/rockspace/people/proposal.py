"""What the ``dataset`` section should say about a folder that somebody has: images and their coordinates."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from rockspace.errors import RockspaceError
from rockspace.people.coordinates import read_coordinates

IMAGES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"}
TABLES = {".csv", ".tsv", ".txt"}
FRACTION = 0.25  # of one set of images that validates

# How file names tell the label, the more particular ones first.
_STEMS = (
    r"(?P<superclass>[A-Z])_(?P<label>.+?)_(?P<token>\d+)(?:_\d+)?",
    r"(?P<label>.+?)[ _-]*\d+[a-z]?",
    r"(?P<label>[^_-]+)[_-].+",
)
_LABEL_FOLDERS = "(?:.*/)?(?P<label>[^/]+)/[^/]+"
_BY_HAND = "write the section 'dataset' by hand (docs/own-data.md)"


def propose_dataset(folder: Path) -> dict[str, Any]:
    """Look through a folder of images with coordinates, and say how it can be read.

    Labels come from the folders that the images lie in, or from the file names up to a number. Two sets of images with
    a table each, or folders called ``train`` and ``validation``, become the two splits; of a single set, a quarter
    of each label validates.

    Args:
        folder: Anything with images (below it too) and one or two tables of coordinates.

    Returns:
        The ``dataset`` section of a config.

    Raises:
        RockspaceError: No images, no coordinates for them, or no labels in their names.
    """
    files = _visible_files(folder)
    images = sorted(file for file in files if file.suffix.lower() in IMAGES)
    if not images:
        raise RockspaceError(f"{folder}: no images there (looked for {', '.join(sorted(IMAGES))})")
    splits = _splits(folder, images, _tables(folder, files), files)
    return {
        "source": "directory",
        "directory": str(folder),
        "filename": _filename(folder, images, [split["images"] for split in splits.values() if "images" in split]),
        "splits": splits,
        "dimensions": [],
    }


def _visible_files(folder: Path) -> list[PurePosixPath]:
    """All files below a folder, relative to it; nothing hidden."""
    if not folder.is_dir():
        raise RockspaceError(f"{folder} is not a folder; it must hold images and their coordinates")
    paths = (PurePosixPath(file.relative_to(folder).as_posix()) for file in folder.rglob("*") if file.is_file())
    return sorted(path for path in paths if not any(part.startswith(".") for part in path.parts))


def _tables(folder: Path, files: list[PurePosixPath]) -> dict[str, pd.DataFrame]:
    """Every text file that can be read as coordinates."""
    tables, refused = {}, []
    for file in files:
        if file.suffix.lower() in TABLES:
            try:
                tables[str(file)] = read_coordinates(folder / file, [])
            except RockspaceError as error:
                refused.append(str(error))
    if not tables:
        reason = f"; {refused[0]}" if refused else ""
        raise RockspaceError(f"{folder}: no file of coordinates ({', '.join(sorted(TABLES))}) there{reason}")
    return tables


def _splits(
    folder: Path, images: list[PurePosixPath], tables: Mapping[str, pd.DataFrame], files: list[PurePosixPath]
) -> dict[str, dict[str, Any]]:
    sets = _by_top_folder(images)
    train, validation = _training_first(sets)
    whole = [name for name, table in tables.items() if _covers(table, images)]
    if whole and validation is None:
        pattern = _pattern(folder, images, files)
        return {"train": {"images": pattern, "coordinates": whole[0]}, "validation": {"fraction": FRACTION, "seed": 0}}
    if whole:
        if isinstance(tables[whole[0]].index, pd.RangeIndex):
            raise RockspaceError(f"{folder / whole[0]}: bare rows for two folders; name the images in a first column")
        tables_of = {train: whole[0], validation: whole[0]}
    else:
        tables_of = {top: next((n for n, t in tables.items() if _covers(t, sets[top])), None) for top in sets}
        if len(sets) != 2 or None in tables_of.values():
            raise RockspaceError(f"{folder}: {_counts(sets, tables)}, which do not go together; {_BY_HAND}")
        train, validation = _training_first(sets) if validation else sorted(sets, key=lambda top: -len(sets[top]))
    return {
        split: {"images": _pattern(folder, sets[top], files), "coordinates": tables_of[top]}
        for split, top in (("train", train), ("validation", validation))
    }


def _by_top_folder(images: list[PurePosixPath]) -> dict[str, list[PurePosixPath]]:
    sets: dict[str, list[PurePosixPath]] = {}
    for image in images:
        sets.setdefault(image.parts[0] if len(image.parts) > 1 else "", []).append(image)
    return sets


def _training_first(sets: Mapping[str, Any]) -> tuple[str, str | None]:
    """The two folders whose names say that they are training and validation images."""
    if len(sets) == 2:
        for train, other in (sorted(sets), sorted(sets, reverse=True)):
            if re.match("train", train, re.IGNORECASE) and re.match("val|test|held", other, re.IGNORECASE):
                return train, other
    return "", None


def _covers(table: pd.DataFrame, images: list[PurePosixPath]) -> bool:
    """Whether a table has a row for each of these images: by name, or as many bare rows."""
    if isinstance(table.index, pd.RangeIndex):
        return len(table) == len(images)
    names = {PurePosixPath(name).name for name in table.index}
    return len(names) == len(images) and all(image.name in names or image.stem in names for image in images)


def _pattern(folder: Path, images: list[PurePosixPath], files: list[PurePosixPath]) -> str:
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
        if {file for file in files if _matches(file, pattern)} == wanted:
            return pattern
    raise RockspaceError(f"{folder}: no single pattern names the images alone; put them in a folder of their own")


def _matches(file: PurePosixPath, pattern: str) -> bool:
    return len(file.parts) == pattern.count("/") + 1 and file.match(pattern)


def _file_globs(suffixes: set[str]) -> list[str]:
    first = sorted(suffixes)[0]
    any_case = "".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in first.lower())
    return [f"*{first}", f"*{any_case}", "*.[jJ][pP]*[gG]", "*"]


def _filename(folder: Path, images: list[PurePosixPath], patterns: list[str]) -> str:
    """The expression that finds the labels: the folders that a pattern leaves open, or a part of the file names."""
    if all(PurePosixPath(pattern).parent.name == "*" for pattern in patterns):
        return _LABEL_FOLDERS
    suffixes = sorted({image.suffix.lstrip(".") for image in images})
    ending = rf"\.{suffixes[0]}" if len(suffixes) == 1 else rf"\.(?:{'|'.join(suffixes)})"
    for stem in _STEMS:
        found = [re.fullmatch(stem + ending, image.name) for image in images]
        if all(found) and _usable(Counter(match["label"] for match in found)):
            return stem + ending
    raise RockspaceError(f"{folder}: no label found in names such as '{images[0].name}'; {_BY_HAND}")


def _usable(labels: Counter) -> bool:
    """Whether these can be labels: several words, each of several images."""
    return len(labels) > 1 and min(labels.values()) > 1 and all(re.search(r"[^\W\d_]", label) for label in labels)


def _counts(sets: Mapping[str, list[PurePosixPath]], tables: Mapping[str, pd.DataFrame]) -> str:
    images = ", ".join(f"{len(found)} images in '{top or '.'}'" for top, found in sets.items())
    rows = ", ".join(f"{len(table)} rows in '{name}'" for name, table in tables.items())
    return f"{images}; {rows}"
