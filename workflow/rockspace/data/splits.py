"""Which images train and which validate, where a rule picks the validation images out of the training images."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from rockspace.data.catalog import NO_LABEL, SPLITS
from rockspace.data.pairing import pair
from rockspace.data.patterns import MATCHING_S
from rockspace.data.row_names import listed_images, read_image_table
from rockspace.errors import RockspaceError, listed
from rockspace.limits import time_limit

_KEY = "config: dataset.splits.validation"
# What a column of splits calls them.
_WORDS = {
    "train": re.compile(r"tr|train(?:ing|ed)?(?:[\W_]?(?:set|split|images?))?|learn(?:ing)?|fit|calibration"),
    "validation": re.compile(
        r"(?:v|val|valid|validation|te|test|testing|held[\W_]?out|hold[\W_]?out|dev|eval|evaluation)(?:[\W_]?(?:set|split|images?))?"
    ),
}


def divided(raw: Path, dataset: Mapping[str, Any], files: Sequence[str]) -> dict[str, list[str]]:
    """Divide one set of images by lists, tokens or a column of the configuration; without these, all of them train.

    Args:
        raw: Folder with the archive's files.
        dataset: The section of the configuration.
        files: Paths of the images below it.

    Returns:
        The images of each split, in their order; images in no list are in neither.

    Raises:
        RockspaceError: An image is in both splits or in neither without a word, a split is empty, or a value is of none.
    """
    train, validation = (dataset["splits"][split] for split in SPLITS)
    training = listed_images(raw / train["list"], files) if "list" in train else list(files)
    if "list" in validation:
        held_out = listed_images(raw / validation["list"], files)
        both = sorted({*training} & {*held_out}) if "list" in train else []
        if both:
            raise RockspaceError(
                f"{raw / validation['list']}: {both[0]!r} is in {train['list']} too ({len(both)} such images); an image trains or validates"
            )
    elif "tokens" in validation:
        held_out = _of_tokens(dataset["filename"], validation["tokens"], training)
    elif "column" in validation:
        held_out = _of_column(raw, dataset, validation["column"], training)
    else:
        return {"train": training}
    sets = {"train": [file for file in training if file not in set(held_out)], "validation": held_out}
    rule = next(key for key in ("list", "tokens", "column") if key in validation)
    for split, images in sets.items():
        if not images:
            raise RockspaceError(f"{_KEY}.{rule}: {validation[rule]!r} leaves no {split} image of {len(training)}")
    return sets


def drawn_splits(labels: pd.Series, fraction: float, seed: int, **_: Any) -> np.ndarray:
    """Draw a part of the images to validate with, stratified by label where there are labels."""
    from sklearn.model_selection import train_test_split  # slow, and not needed to look through a folder

    images = np.arange(len(labels))
    strata = None if (labels == NO_LABEL).all() else labels
    try:
        _, drawn = train_test_split(images, test_size=fraction, stratify=strata, random_state=seed)
    except ValueError as error:
        each = "" if strata is None else f" of each of the {labels.nunique()} labels"
        otherwise = "" if strata is None else ", or set dataset.labels to none"
        raise RockspaceError(
            f"{_KEY}.fraction: {fraction} of {len(labels)} images cannot hold one image{each}; "
            f"raise it, add images{otherwise} ({error})"
        ) from error
    return np.where(np.isin(images, drawn), "validation", "train")


def split_of(value: str) -> str | None:
    """Return the split that a word means, if it means one."""
    word = value.strip().casefold()
    return next((split for split, words in _WORDS.items() if words.fullmatch(word)), None)


def match_name(pattern: str, file: str) -> re.Match[str] | None:
    """Match ``dataset.filename`` with a file's name, or with its path where the pattern has a slash."""
    name = file if "/" in pattern else PurePosixPath(file).name
    message = f"config: dataset.filename: {pattern!r} takes too long to be compared with {name!r}; avoid repetitions inside each other"
    with time_limit(MATCHING_S, message):
        return re.fullmatch(pattern, name)


def _of_tokens(pattern: str, tokens: str, files: Sequence[str]) -> list[str]:
    """The images whose token lies in one of the ranges, such as ``13-16,20``."""
    ranges = [
        range(int(first), int(last or first) + 1) for first, last in re.findall(r"(\d+)(?:\s*-\s*(\d+))?", tokens)
    ]
    token_of: dict[str, str] = {}
    for file in files:
        match = match_name(pattern, file)
        token = match["token"] if match else None
        if token is None or not token.isdecimal():
            raise RockspaceError(f"{file}: dataset.filename ({pattern}) finds no token in its name that is a number")
        token_of[file] = token
    held_out = [file for file, token in token_of.items() if any(int(token) in each for each in ranges)]
    if not held_out or len(held_out) == len(files):
        found = sorted({int(token) for token in token_of.values()})
        raise RockspaceError(
            f"{_KEY}.tokens: found {tokens!r}; allowed: some of the tokens in the names, {found[0]} to {found[-1]}"
        )
    return held_out


def _of_column(raw: Path, dataset: Mapping[str, Any], column: str, files: Sequence[str]) -> list[str]:
    """The images that a column of the table of labels, or else of coordinates, says are to validate."""
    train, columns = dataset["splits"]["train"], dataset.get("columns", {})
    for key in ("labels", "coordinates"):
        if key not in train:
            continue
        names = raw / train["names"] if key == "coordinates" and "names" in train else None
        table, image = read_image_table(raw / train[key], files, columns=columns, names=names)
        if column in table.cells or key == "coordinates":
            break
    table.require(column, "dataset.splits.validation.column")
    pairing = pair(table, files, column=image, order=dataset.get("order"))
    cells = table.cells[column].iloc[pairing.rows]
    kinds = {cell: split_of(cell) for cell in cells}
    if unknown := [(line, cell) for line, cell in cells.items() if kinds[cell] is None]:
        line, cell = unknown[0]
        raise RockspaceError(
            f"{table.path}: row {line}: found {cell!r} in column {column!r}, which is no split; write train or validation "
            f"(or test, held-out); the column has {listed(sorted(kinds))}"
        )
    several = [cell for cell, split in kinds.items() if split == "validation"]
    if len({cell.strip().casefold() for cell in several}) > 1:
        raise RockspaceError(
            f"{table.path}: column {column!r} has {listed(sorted(kinds))}, and a study has two splits, one to train and one to "
            "validate; name the images of one of them in config key dataset.splits.validation.list, and of the other in train.list"
        )
    return [file for file, cell in zip(files, cells, strict=True) if kinds[cell] == "validation"]
