"""A proposed ``dataset`` section for a folder of images and coordinates."""

import contextlib
import math
import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import yaml

from rockspace.config import VALIDATION_RULES, check_part, differing, has_folder
from rockspace.data import arrays
from rockspace.data.images import SUFFIXES
from rockspace.data.long_tables import long_columns
from rockspace.data.pairing import OTHER_SUFFIXES, Pairing, folded_name, pair, recognised
from rockspace.data.patterns import MAX_FOLDERS, select, several
from rockspace.data.row_names import Listing, listed_images, listing, name_rows, read_image_table, refuse_unknown_names
from rockspace.data.splits import match_name, split_of
from rockspace.data.tables import Table, are_integers, are_numbers, is_missing, read_lines, read_table
from rockspace.errors import RockspaceError, listed
from rockspace.people.conditions import choice_files
from rockspace.people.reading import LABEL_COLUMNS, SUPERCLASS_COLUMNS, Reading, read_coordinates

TEXTS = (".csv", ".dat", ".tab", ".tsv", ".txt")
TABLES = (*TEXTS, *sorted(arrays.SUFFIXES))
OTHER_TABLES = (
    ".xlsx",
    ".xls",
    ".ods",
    ".numbers",
    ".rds",
    ".rdata",
    ".sav",
    ".h5",
    ".hdf5",
    ".pkl",
    ".pt",
    ".gz",
    ".zip",
)
SPLIT_COLUMNS = ("split", "set", "partition", "subset", "phase")
FRACTION = 0.25  # of a single set of images that is drawn for validation
GIVEN = ("dimensions", "columns", "labels", "order", "filename", "splits")
"""Keys of a ``dataset`` section that may be given beside ``folder``."""

# How labels are read from file names, the most specific expression first; the last one is for labels that are numbers.
_STEMS = (
    r"(?P<superclass>[A-Z])_(?P<label>.+?)_(?P<token>\d+)(?:_\d+)?",
    r"(?P<label>.+?)[ ,_-]*\d+[a-z]?",
    r"(?P<label>[^_-]+)[_-].+",
    r"(?P<label>\d+)[_-]\d+",
)
_TRAINING, _VALIDATION = r"train(ing|ed)?", r"(val(id(ation)?)?|test(ing)?|held.?out|dev)"
_SPLIT_FLAG = rf"(?:is[\W_]?)?(?:{_TRAINING}|{_VALIDATION})(?:[\W_]?(?:set|img|image|item))?"  # the header of a column of yes and no
_LIST = r"(?:.*[\W_])?(?:{})(?:[\W_]*(?:list|files?|images?|names?|ids?|set|split|stimuli))?"
_BY_HAND = "write the section 'dataset' by hand (docs/own-data.md)"


def with_proposed_dataset(config: Mapping[str, Any], default: Path) -> dict[str, Any]:
    """Return a configuration whose ``dataset`` is a folder, or has a ``folder``, with what `propose_dataset` says of it.

    Args:
        config: As Snakemake hands it over, laid over the default configuration.
        default: The file of that; what is the same there was not given by the user.

    Raises:
        RockspaceError: As for `propose_dataset`, or a key is given that the folder decides.
    """
    if not has_folder(config):
        return dict(config)
    dataset = config["dataset"]
    if isinstance(dataset, str):
        dataset = {"folder": dataset}
    defaults = (yaml.safe_load(default.read_text(encoding="utf-8")) or {}) if default.is_file() else {}
    below = defaults.get("dataset")
    # Where the default itself has the folder, all that it says is the user's.
    given = differing(dataset, below if isinstance(below, Mapping) and "folder" not in below else {})
    folder = given.pop("folder")
    if others := [key for key in given if key not in GIVEN]:
        raise RockspaceError(
            f"config: dataset.{others[0]}: found beside dataset.folder, from which it is detected; allowed there: {', '.join(GIVEN)}"
        )
    check_part({"dataset": given})
    models: Any = config.get("models")
    keys = ("embeddings", "names")
    apart = [
        each.get(key)
        for each in (models if isinstance(models, list) else ())
        if isinstance(each, Mapping)
        for key in keys
    ]
    files = [Path(file) for file in apart if isinstance(file, str)]
    for text in _texts(config.get("choices")):
        with contextlib.suppress(RockspaceError):  # no file, as most words of that section
            files += choice_files([text])
    return {**config, "dataset": propose_dataset(Path(str(folder)), given, apart=files)}


def _texts(part: Any) -> Iterator[str]:
    """All texts in a part of a configuration that was not validated yet."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, Mapping | list):
        for each in part.values() if isinstance(part, Mapping) else part:
            yield from _texts(each)


def propose_dataset(
    folder: Path, given: Mapping[str, Any] | None = None, *, apart: Sequence[Path] = ()
) -> dict[str, Any]:
    """Look through a folder of images with coordinates, and say how it can be read.

    Labels come from a column that is called so, from the folders of the images, or from the file names up to a
    number; where none of these groups the images, there are none. Two sets of images with a table each, folders called ``train``
    and ``validation``, a column ``split`` or lists called so become the two splits; else a quarter of the images (of each label)
    is drawn for validation.

    Args:
        folder: Anything with images (below it too) and one table of coordinates for each set; links are followed.
        given: Keys of the section that are known: they stand.
        apart: Files that hold something else.

    Returns:
        The ``dataset`` section of a config.

    Raises:
        RockspaceError: No images, or no coordinates for the images, or two tables that may hold them.
    """
    given = given or {}
    others = {file.resolve() for file in apart}
    files = [file for file in _visible_files(folder) if (folder / file).resolve() not in others]
    look = _Folder(folder, files, given)
    images_of, source_of = _splits(look)
    _refuse_unread_images(look, images_of, source_of)
    splits: dict[str, dict[str, Any]] = {
        split: {"images": _patterns(folder, images_of[split], files), "coordinates": source.table}
        | ({"names": source.names} if source.names else {})
        for split, source in source_of.items()
    }
    columns: dict[str, str] = {}
    for source in source_of.values():
        columns |= source.columns
    dataset: dict[str, Any] = {"source": "directory", "directory": str(folder), "splits": splits, "dimensions": []}
    dataset |= {key: value for key, value in given.items() if key in ("dimensions", "order", "labels", "filename")}
    roles, labels = _labels(look, images_of, source_of, splits, columns | given.get("columns", {}))
    dataset |= roles
    if len(splits) == 1:
        splits["validation"] = {}
    for split in splits:
        splits[split] |= given.get("splits", {}).get(split, {})
    if not {"images", *VALIDATION_RULES} & {*splits["validation"]}:
        # Of each label, one image is the least.
        fraction = max(FRACTION, math.ceil(100 * labels / len(look.images)) / 100)
        rule = _rule(look, images_of["train"], source_of["train"], splits)
        splits["validation"] |= rule or {"fraction": fraction, "seed": 0}
    return dataset


class AmbiguousError(RockspaceError):
    """A table can be read in two ways, so that it is not passed over for another."""


@dataclass(frozen=True)
class _Source:
    """Where coordinates come from: a table, the file with the names of its rows, and the columns of a long table."""

    table: str
    names: str | None = None
    columns: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Folder:
    """A folder, its visible files, and what is known of it."""

    path: Path
    files: list[str]
    given: Mapping[str, Any]

    @cached_property
    def images(self) -> list[str]:
        """The images, or those that the given patterns match."""
        images = _with_suffix(self.files, SUFFIXES)
        if not images:
            raise RockspaceError(f"{self.path}: no images there (looked for {listed(sorted(SUFFIXES))})")
        patterns = [
            pattern
            for split in self.given.get("splits", {}).values()
            if isinstance(split, Mapping)
            for pattern in several(split.get("images", []))
        ]
        wanted = {image for pattern in patterns for image in select(images, pattern)}
        return [image for image in images if image in wanted] if wanted else images

    @cached_property
    def tables(self) -> list[str]:
        """The files that may be tables, or those that are given as coordinates."""
        tables = _with_suffix(self.files, TABLES)
        if not tables:
            other = next((f"; save {file} as CSV" for file in _with_suffix(self.files, OTHER_TABLES)), "")
            raise RockspaceError(f"{self.path}: no file of coordinates ({listed(TABLES)}) there{other}")
        wanted = [
            split.get("coordinates") for split in self.given.get("splits", {}).values() if isinstance(split, Mapping)
        ]
        return [table for table in wanted if table in self.files] or tables

    def read(self, source: _Source, images: Sequence[str], others: Sequence[str] = ()) -> Reading:
        dimensions = self.given.get("dimensions")
        return read_coordinates(
            self.path / source.table,
            images,
            others=others,
            dimensions=dimensions if isinstance(dimensions, list) else (),  # a mapping is for files by their names
            columns=source.columns | self.given.get("columns", {}),
            order=self.given.get("order"),
            names=self.path / source.names if source.names else None,
        )

    def rows(self, source: _Source, images: Sequence[str], others: Sequence[str]) -> tuple[Table, Pairing]:
        """The cells of a source, and the row of each image in them."""
        names = self.path / source.names if source.names else None
        columns = source.columns | self.given.get("columns", {})
        table, image = read_image_table(self.path / source.table, images, others=others, columns=columns, names=names)
        return table, pair(table, images, others=others, column=image, order=self.given.get("order"))

    @cached_property
    def listings(self) -> dict[str, Listing | RockspaceError]:
        """The files that name at least half of the images, or what is wrong with them."""
        found: dict[str, Listing | RockspaceError] = {}
        for file in _with_suffix(self.files, TABLES):
            try:
                found[file] = listing(self.path / file, self.images)
            except RockspaceError as error:
                if 2 * _closeness(self.path / file, self.images)[0] >= len(self.images):
                    found[file] = error
        return found

    def are_names(self, file: str) -> bool:
        """Whether a file holds names of all images and nothing else."""
        found = self.listings.get(file)
        return isinstance(found, Listing) and found.is_pure


def _refuse_unread_images(look: _Folder, images_of: Mapping[str, list[str]], source_of: Mapping[str, _Source]) -> None:
    """Refuse to leave out rows of images in a format that is not read."""
    unread = {folded_name(file): file for file in _with_suffix(look.files, OTHER_SUFFIXES)}
    for split, source in source_of.items() if unread else ():
        others = _of_other_splits(images_of, split)
        left_out = look.read(source, images_of[split], others).pairing.left_out
        if file := next((unread[folded_name(cell)] for cell in left_out if folded_name(cell) in unread), None):
            raise RockspaceError(
                f"{look.path}: {source.table} has a row for {file}, which has a format that is not read; save it as JPEG or PNG"
            )


def _of_other_splits(images_of: Mapping[str, list[str]], split: str) -> list[str]:
    return [image for other, images in images_of.items() if other != split for image in images]


def _visible_files(folder: Path) -> list[str]:
    """All files below a folder, relative to it, but for hidden ones; a folder that links lead to again is left out."""
    if not os.path.isdir(folder):
        raise RockspaceError(f"{folder} is not a folder; it must hold images and their coordinates")
    found, seen = [], set()
    for place, below, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        below.sort()
        below[:] = [] if real in seen else [name for name in below if not name.startswith(".")]
        if real not in seen:
            files = (Path(place, name) for name in names if not name.startswith("."))
            found += [file.relative_to(folder) for file in files if os.path.isfile(file)]
        seen.add(real)
        if len(seen) > MAX_FOLDERS:
            raise RockspaceError(
                f"{folder}: more than {MAX_FOLDERS:,} folders below it, such as {place}; give a folder of images and coordinates "
                f"alone, without links to others, or {_BY_HAND}"
            )
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


def _splits(look: _Folder) -> tuple[dict[str, list[str]], dict[str, _Source]]:
    """The images of each split, and what gives them coordinates."""
    tops = _top_folders(look.images)
    splits = _given_splits(look) or _named_splits(look.path, tops)
    reasons: dict[str, str] = {}
    if source := _source_for(look, look.tables, look.images, (), reasons):
        splits = splits or {"train": look.images}
        return splits, dict.fromkeys(splits, source)
    if len(tops) == 2 or len(splits) == 2:
        larger_first = sorted(tops.values(), key=len, reverse=True)
        splits = splits or dict(zip(("train", "validation"), larger_first, strict=True))
        chosen: dict[str, _Source] = {}
        for split, other in (("train", "validation"), ("validation", "train")):
            # A table of one split fits the other as well if their images have the same names.
            taken = {source.table for source in chosen.values()}
            left = [table for table in look.tables if table not in taken]
            if source := _source_for(look, left, splits[split], splits[other], reasons):
                chosen[split] = source
        if len(chosen) == 2:
            return splits, chosen
    of_numbers = [table for table in reasons if not look.are_names(table)]
    closest = max(
        of_numbers or reasons,
        key=lambda table: (_has_decimals(look.path / table), *_closeness(look.path / table, look.images)),
    )
    counts = ", ".join(f"{len(found)} in '{top or '.'}'" for top, found in list(tops.items())[:5])
    unreadable = _with_suffix(look.files, OTHER_SUFFIXES)
    hint = (
        f"; {len(unreadable)} files such as '{unreadable[0]}' have a format that is not read, so save them as JPEG or PNG"
        if unreadable
        else ""
    )
    hint += "; if only some of the images are meant, give their pattern in dataset.splits.train.images" * (
        len(tops) > 1
    )
    raise RockspaceError(f"{look.path}: no table fits the images ({counts}): {reasons[closest]}{hint}")


def _given_splits(look: _Folder) -> dict[str, list[str]]:
    """The images of each split, if the configuration has patterns for both."""
    given = look.given.get("splits", {})
    patterns = {split: given.get(split, {}).get("images") for split in ("train", "validation")}
    if not all(patterns.values()):
        return {}
    images_of: dict[str, list[str]] = {}
    for split, own in patterns.items():
        images_of[split] = list(dict.fromkeys(image for each in several(own) for image in select(look.images, each)))
        if not images_of[split]:
            raise RockspaceError(f"{look.path}: no image matches {own!r}; check dataset.splits.{split}.images")
    return images_of


def _source_for(
    look: _Folder, tables: Sequence[str], images: Sequence[str], others: Sequence[str], reasons: dict[str, str]
) -> _Source | None:
    """What gives these images coordinates, if there is one; why other tables do not goes to ``reasons``."""
    fitting: dict[str, tuple[_Source, Reading]] = {}
    # A file with far fewer lines than there are images, or folders of them, is not their table; there may be hundreds of such.
    folders = len({PurePosixPath(image).parent for image in images})
    fewest = min(len(images), folders if folders > 1 else len(images))
    likely = [table for table in tables if 2 * _count_lines(look.path / table) >= fewest] or tables[:1]
    for table in likely:
        try:
            fitting[table] = _read(look, table, images, others)
        except AmbiguousError:
            raise
        except RockspaceError as error:
            reasons.setdefault(table, str(error))
    for source, _ in list(fitting.values()):
        fitting.pop(source.names or "", None)  # a key to another table
    # The numbers of classes, or 0 and 1 for splits, are no coordinates beside others.
    fitting = {table: each for table, each in fitting.items() if not _are_codes(each[1].table)} or fitting
    if not _agree([reading for _, reading in fitting.values()]):
        raise RockspaceError(
            f"{look.path}: {listed(fitting)} each give all images coordinates; name one in dataset.splits.train.coordinates, "
            "or take the others out of the folder"
        )
    return next((source for source, _ in fitting.values()), None)


def _are_codes(coordinates: pd.DataFrame) -> bool:
    """Whether they are a single column of whole numbers from 0 or 1 on without a gap."""
    values = np.unique(coordinates.to_numpy())
    return coordinates.shape[1] == 1 and values[0] in (0, 1) and (np.diff(values) == 1).all()


def _read(look: _Folder, table: str, images: Sequence[str], others: Sequence[str]) -> tuple[_Source, Reading]:
    """Read a table, with the names of its rows from another file where they are there."""
    path = look.path / table
    columns = {} if "dimension" in look.given.get("columns", {}) else long_columns(read_table(path))
    given = look.given.get("splits", {}).get("train", {}).get("names")
    source = _Source(table, given, columns)
    try:
        reading = look.read(source, images, others)
    except RockspaceError as fault:
        named = None if given else _named_elsewhere(look, source, images, others, fault)
        if named is None:
            raise
        return named
    if given:
        return source, reading
    if reading.pairing.names:
        if reading.pairing.by_number:  # of numbers, but not of names, a key may say otherwise
            _refuse_another_key(look, source, images, others, reading)
        return source, reading
    if named := _named_elsewhere(look, source, images, others, reading):
        return named
    for file in _with_suffix(look.files, TABLES):
        if file not in look.listings:
            try:
                refuse_unknown_names(look.path / file, path, len(reading.table))
            except RockspaceError as error:
                raise AmbiguousError(str(error)) from error
    return source, reading


def _named_elsewhere(
    look: _Folder, source: _Source, images: Sequence[str], others: Sequence[str], alone: Reading | RockspaceError
) -> tuple[_Source, Reading] | None:
    """A table with the names of its rows from another file, if there is one; ``alone`` is its reading by order, or why there is none."""
    found: dict[str, tuple[_Source, Reading]] = {}
    for file, names in look.listings.items():
        if file == source.table:
            continue
        if isinstance(names, RockspaceError):
            raise alone if isinstance(alone, RockspaceError) else names
        named = replace(source, names=file)
        is_key = names.is_pure or _is_joined(look, named, images, others)
        if is_key and (reading := _read_if_whole(look, named, images, others)):
            if isinstance(alone, RockspaceError) or not _agree([alone, reading]):
                found[file] = named, reading
        elif isinstance(alone, Reading) and names.is_in_another_order(alone.pairing.rows, images):
            raise AmbiguousError(
                f"{look.path}: the rows of {source.table} have no names, and {file} lists the images in another order than that of "
                "their names; put names and coordinates into one table"
            )
    if not found:
        return None
    if not _agree([reading for _, reading in found.values()]):
        raise AmbiguousError(
            f"{look.path}: {listed(found)} each name the rows of {source.table}, in different ways; name one in "
            "dataset.splits.train.names, or take the others out of the folder"
        )
    return next(iter(found.values()))


def _refuse_another_key(
    look: _Folder, source: _Source, images: Sequence[str], others: Sequence[str], own: Reading
) -> None:
    """Refuse a table with numbers of images if these are ids in another file, which say otherwise."""
    for file, names in look.listings.items():
        named = replace(source, names=file)
        if file == source.table or isinstance(names, RockspaceError) or not _is_joined(look, named, images, others):
            continue
        reading = _read_if_whole(look, named, images, others)
        if reading and not _agree([own, reading]):
            raise AmbiguousError(
                f"{look.path}: {source.table} names the images itself, and otherwise by {file}; name that in dataset.splits.train.names "
                "or take it out of the folder"
            )


def _read_if_whole(look: _Folder, source: _Source, images: Sequence[str], others: Sequence[str]) -> Reading | None:
    with contextlib.suppress(RockspaceError):
        return look.read(source, images, others)
    return None


def _agree(readings: Sequence[Reading]) -> bool:
    """Whether all of these give the images the same coordinates."""
    return all(np.array_equal(readings[0].table, reading.table) for reading in readings)


def _is_joined(look: _Folder, source: _Source, images: Sequence[str], others: Sequence[str]) -> bool:
    """Whether the names of another file belong to the rows of a table by ids that both have."""
    try:
        table, _ = read_image_table(look.path / source.table, images, columns=source.columns)
        return name_rows(table, look.path / str(source.names), images, others=others)[2]
    except RockspaceError:
        return False


def _closeness(path: Path, images: Sequence[str]) -> tuple[int, float]:
    """How close a table comes to one of these images: by the number that it names, then by its length."""
    try:
        named = recognised(read_table(path), images)
    except RockspaceError:
        named = 0
    return named, -abs(_count_lines(path) - len(images))


def _has_decimals(path: Path) -> bool:
    """Whether a table has a column of numbers that are not all whole: one of labels, which names all images, has none."""
    try:
        columns = [cells for _, cells in read_table(path).cells.items()]
    except RockspaceError:
        return False
    return any(are_numbers(cells) and not are_integers(cells) for cells in columns)


def _names_any(path: Path, images: Sequence[str]) -> bool:
    """Whether a file that cannot be read as a list of images, or as a table, names one of them."""
    lines = read_lines(path) if path.suffix.lower() in TEXTS else []
    return bool({*map(folded_name, lines)} & {*map(folded_name, images)}) or _closeness(path, images)[0] > 0


def _count_lines(path: Path) -> float:
    """The number of lines of a text, or of a bound on the rows of another file."""
    if path.suffix.lower() not in TEXTS:
        return np.inf
    return len(path.read_bytes().replace(b"\r", b"\n").split(b"\n"))


def _labels(
    look: _Folder,
    images_of: Mapping[str, list[str]],
    source_of: Mapping[str, _Source],
    splits: dict[str, dict[str, Any]],
    columns: dict[str, str],
) -> tuple[dict[str, Any], int]:
    """The keys that say where labels come from, and how many labels there are; a table of labels goes into ``splits``."""
    roles: dict[str, Any] = {"columns": columns} if columns else {}
    given = look.given.get("labels") or ("table" if columns.get("label") else None)
    faults: list[str] = []
    if given == "none":
        return roles, 0
    if given in ("table", None) and (found := _label_columns(look, images_of, source_of, columns, faults)):
        own, labels_of, labels = found
        for split, table in labels_of.items():
            splits[split] |= {"labels": table} if table != source_of[split].table else {}
        return {"columns": columns | own}, labels
    folders = _folders(images_of)
    if given in ("folders", None) and not look.given.get("filename") and _are_labels(folders, "the folders", faults):
        return roles | {"labels": "folders"}, len(folders)
    stems = [look.given["filename"]] if "filename" in look.given else _STEMS
    stems = [stem for stem in stems if "label" in re.compile(stem).groupindex]
    if given in ("names", None) and (names := _filename(look.images, stems, faults)):
        return roles | {"filename": names[0]}, names[1]
    if faults or given:
        fault = next(iter(faults), "no labels found")
        raise RockspaceError(f"{look.path}: {fault}; mend it, set dataset.labels to none, or {_BY_HAND}")
    return roles | {"labels": "none"}, 0


def _label_columns(
    look: _Folder,
    images_of: Mapping[str, list[str]],
    source_of: Mapping[str, _Source],
    columns: Mapping[str, str],
    faults: list[str],
) -> tuple[dict[str, str], Mapping[str, str], int] | None:
    """The columns of labels, the table of each split that has them (that of the coordinates, or one of their own), and their number.

    Why columns with such a name are no labels goes to ``faults``.
    """
    if found := _columns_of_labels(look, images_of, source_of, columns, faults):
        return found[0], {split: source.table for split, source in source_of.items()}, found[1]
    coordinates = {source.table for source in source_of.values()}
    tables = [table for table in _with_suffix(look.files, TABLES) if table not in coordinates]
    own = {
        table: found
        for table in tables
        if (found := _columns_of_labels(look, images_of, dict.fromkeys(images_of, _Source(table)), columns, faults))
    }
    if len(own) > 1:
        raise RockspaceError(f"{look.path}: {listed(own)} each give all images a label; {_BY_HAND}")
    if not own:
        return None
    table, (called, labels) = own.popitem()
    return called, dict.fromkeys(images_of, table), labels


def _columns_of_labels(
    look: _Folder,
    images_of: Mapping[str, list[str]],
    source_of: Mapping[str, _Source],
    given: Mapping[str, str],
    faults: list[str],
) -> tuple[dict[str, str], int] | None:
    """Columns that are called labels, and how many these are, if the tables of the splits have them for all images."""
    labels: Counter[str] = Counter()
    columns: dict[str, str] = {}
    words = {"label": LABEL_COLUMNS, "superclass": SUPERCLASS_COLUMNS}
    words |= {role: (given[role].strip().lower(),) for role in words if role in given}
    for split, source in source_of.items():
        others = _of_other_splits(images_of, split)
        try:
            table, pairing = look.rows(source, images_of[split], others)
        except RockspaceError:
            return None
        called = {role: _column_called(table, names) for role, names in words.items()}
        columns = {role: name for role, name in called.items() if name and name != pairing.names}
        if "label" not in columns or pairing.names is None:
            return None
        if split == "train":  # validation images may have none, or others
            labels.update("" if is_missing(cell) else cell for cell in table.cells[columns["label"]].iloc[pairing.rows])
    where = (
        f"the cells of column {columns['label']!r} of {listed(sorted({source.table for source in source_of.values()}))}"
    )
    return (columns, len(labels)) if "label" in given or _are_labels(labels, where, faults) else None


def _column_called(table: Table, words: Sequence[str]) -> str | None:
    """The column that is called by the first of these words."""
    named = {name.strip().lower(): name for name in table.cells if name not in table.unnamed}
    return next((named[word] for word in words if word in named), None)


def _folders(images_of: Mapping[str, list[str]]) -> Counter[str]:
    """The folders that directly hold the images, where they divide the images of each split, all as deep."""
    of_split = {split: [PurePosixPath(image).parent.name for image in images] for split, images in images_of.items()}
    depths = {len(PurePosixPath(image).parts) for images in images_of.values() for image in images}
    are_several = len(depths) == 1 and all(len(set(folders)) > 1 for folders in of_split.values())
    return Counter(folder for folders in of_split.values() for folder in folders) if are_several else Counter()


def _filename(images: Sequence[str], stems: Sequence[str], faults: list[str]) -> tuple[str, int] | None:
    """The expression that finds labels in the file names, and how many, if one of these stems does, or a whole expression."""
    suffixes = sorted({PurePosixPath(image).suffix.lstrip(".") for image in images})
    ending = rf"\.{suffixes[0]}" if len(suffixes) == 1 else rf"\.(?:{'|'.join(suffixes)})"
    for stem in stems:
        expression = stem + ending if stem in _STEMS else stem
        matches = [match for image in images if (match := match_name(expression, image))]
        labels = Counter(match["label"] for match in matches)
        are_words = all(re.search(r"[^\W\d_]", label) for label in labels)
        if len(matches) < len(images) or not (are_words or stem == stems[-1]):
            continue
        if _are_labels(labels, f"names such as '{matches[0].string}'", faults):
            return expression, len(labels)
    return None


def _are_labels(counts: Counter[str], where: str, faults: list[str]) -> bool:
    """Whether these are labels: several, each of several images. If some of them alone are not, the reason is a fault."""
    without, labels = counts[""], {label: count for label, count in counts.items() if label}
    lonely = [label for label, count in labels.items() if count < 2]
    if len(labels) < 2 or 2 * len(lonely) >= counts.total():
        return False
    if without:
        faults.append(f"{where} give no labels: {without} of {counts.total()} images have none")
    elif lonely:
        faults.append(f"{where} give no labels: {lonely[0]!r} has a single image ({len(lonely)} such labels)")
    return not without and not lonely


def _rule(look: _Folder, images: list[str], source: _Source, splits: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """What picks validation images out of one set: a column of splits or a list, if there is one."""
    tables = [source, *([_Source(splits["train"]["labels"])] if "labels" in splits["train"] else [])]
    for each in tables:
        table, pairing = look.rows(each, images, ())
        for column in (name for name in table.cells if name.strip().lower() in SPLIT_COLUMNS):
            kinds = {cell: split_of(cell) for cell in table.cells[column].iloc[pairing.rows]}
            unknown = [cell for cell, split in kinds.items() if split is None]
            if unknown and (len(unknown) < len(kinds) or column.strip().lower() == "split"):
                raise RockspaceError(
                    f"{look.path}: column {column!r} of {each.table} has {listed(sorted(kinds))}, and {unknown[0]!r} is no split; "
                    "write train or validation (or test, held-out)"
                )
            if not unknown and len(set(kinds.values())) > 1:
                return {"column": column}
        for column in (name for name in table.cells if re.fullmatch(_SPLIT_FLAG, name.strip(), re.IGNORECASE)):
            if {cell.casefold() for cell in table.cells[column]} in ({"true", "false"}, {"yes", "no"}, {"0", "1"}):
                raise RockspaceError(
                    f"{look.path}: column {column!r} of {each.table} seems to say which images train; call it split, with train or "
                    "validation in each row, or give a rule of dataset.splits.validation"
                )
    used = {source.table, source.names, splits["train"].get("labels")}
    lists = {
        split: [file for file in _lists(look, words, images) if file not in used]
        for split, words in (("train", _TRAINING), ("validation", _VALIDATION))
    }
    if not lists["train"] and not lists["validation"]:
        return {}
    if len(lists["validation"]) != 1 or len(lists["train"]) > 1:
        raise RockspaceError(
            f"{look.path}: {listed([*lists['train'], *lists['validation']])} look like lists of splits, and a study has two, one to train "
            "and one to validate; name one in dataset.splits.validation.list"
        )
    if lists["train"]:
        splits["train"]["list"] = lists["train"][0]
    return {"list": lists["validation"][0]}


def _lists(look: _Folder, words: str, images: Sequence[str]) -> list[str]:
    """The files called by one of these words that list some of the images, and nothing else."""
    found = []
    for file in _with_suffix(look.files, TABLES):
        if re.fullmatch(_LIST.format(words), PurePosixPath(file).stem, re.IGNORECASE):
            try:
                listed_images(look.path / file, images)
            except RockspaceError:
                if _names_any(look.path / file, images):
                    raise
                continue  # it lists other images
            found.append(file)
    return found


def _patterns(folder: Path, images: Sequence[str], files: Sequence[str]) -> str | list[str]:
    """The fewest globs that match these images and no other file: one, or one for each depth and suffix."""
    if pattern := _pattern(images, files):
        return pattern
    groups: dict[tuple[int, str], list[str]] = {}
    for image in images:
        path = PurePosixPath(image)
        groups.setdefault((len(path.parts), path.suffix.lower()), []).append(image)
    patterns = [pattern for group in groups.values() if (pattern := _pattern(group, files))]
    if len(patterns) < len(groups):
        raise RockspaceError(f"{folder}: no patterns match the images alone; put them in a folder of their own")
    return patterns


def _pattern(images: Sequence[str], files: Sequence[str]) -> str | None:
    """The glob that matches these images and no other file, if there is one."""
    folders = [PurePosixPath(image).parent.parts for image in images]
    if len(set(map(len, folders))) > 1:
        return None
    levels = [names[0] if len(set(names)) == 1 else "*" for names in zip(*folders, strict=True)]
    suffix = min(PurePosixPath(image).suffix for image in images)
    any_case = "".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in suffix.lower())
    for name in (f"*{suffix}", f"*{any_case}", "*.[jJ][pP]*[gG]", "*"):
        pattern = "/".join([*levels, name])
        if set(select(files, pattern)) == set(images):
            return pattern
    return None
