"""From the archive's files to images filed by label, and their catalog.

Apart from `rockspace.data.catalog`, so that a change here trains nothing again that has the same catalog.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split
from tqdm import tqdm

from rockspace.artifacts import link_or_copy, replacing
from rockspace.data.catalog import COLUMNS, SPLITS
from rockspace.data.directory import list_folder
from rockspace.data.images import read_rgb
from rockspace.data.pairing import images_by_table, pair
from rockspace.data.patterns import MissingError
from rockspace.data.tables import is_number, number, read_table
from rockspace.errors import RockspaceError


def build_catalog(raw: Path, dataset: dict[str, Any]) -> pd.DataFrame:
    """Say which image belongs to which split, label and superclass.

    Args:
        raw: Folder with the archive's files.
        dataset: The section of the configuration.

    Returns:
        One row an image with the columns of `COLUMNS`: ``image_id`` is the file's name without its suffix, with as many
        folders before it as tell it from the others; ``path`` is where it will be below the study's folder, ``file`` where
        it is in the archive. Training images come first; within a split they are in plain order of their file names.

    Raises:
        RockspaceError: With the file, for the first thing that does not fit.
    """
    sets = {
        split: sorted_images(raw, given["images"]) for split, given in dataset["splits"].items() if "images" in given
    }
    catalog = pd.concat(
        [pd.DataFrame({"file": files, "split": split}) for split, files in sets.items()], ignore_index=True
    )
    twice = catalog.loc[catalog["file"].duplicated(), "file"]
    if len(twice):
        raise RockspaceError(
            f"{twice.iloc[0]} is a training image and a validation image ({len(twice)} such images); narrow the patterns in "
            "dataset.splits.*.images, or draw validation images with dataset.splits.validation.fraction"
        )
    catalog["image_id"] = shortest_ends(catalog["file"].tolist())
    has_label_column = dataset.get("columns", {}).get("label")
    labels = _labels_in_tables(raw, dataset, sets) if has_label_column else _labels_in_names(dataset, sets)
    catalog = catalog.merge(labels, on="file", validate="one_to_one")
    if "fraction" in dataset["splits"]["validation"]:
        catalog["split"] = _drawn_splits(catalog["label"], **dataset["splits"]["validation"])
    catalog = catalog.sort_values("split", kind="stable")  # training comes first
    catalog["path"] = "images/" + catalog["split"] + "/" + catalog["label"] + "/" + catalog["image_id"]
    catalog["path"] += catalog["file"].map(lambda file: PurePosixPath(file).suffix)
    catalog = catalog[COLUMNS].reset_index(drop=True)
    _check_superclasses(catalog)
    _check_labels(catalog)
    return catalog


def sorted_images(raw: Path, pattern: str) -> list[str]:
    """Return the files that ``pattern`` names, relative to ``raw``, in plain order of their names."""
    try:
        files = sorted(map(PurePosixPath, list_folder(raw, [pattern])))
    except MissingError:
        raise RockspaceError(f"{raw}: no image matches '{pattern}'; check dataset.splits.*.images") from None
    return list(map(str, sorted(files, key=lambda file: file.name)))


def restructure(raw: Path, catalog: pd.DataFrame, images: Path) -> None:
    """Lay the images out as ``images/{split}/{label}/``, each decoded once to see that it is whole.

    Args:
        raw: Folder with the archive's files.
        catalog: From `build_catalog`.
        images: Folder to make; it appears only when every image is in its place.
    """
    with replacing(images) as partial:
        rows = zip(catalog["path"], catalog["file"], strict=True)
        for path, file in tqdm(rows, total=len(catalog), desc="checking images", unit="image"):
            read_rgb(raw / file)
            link_or_copy(raw / file, partial / PurePosixPath(path).relative_to(images.name))


def shortest_ends(files: Sequence[str]) -> list[str]:
    """Name each file by the shortest end of its path that no other file has; by its suffix where nothing else differs."""
    stems = [PurePosixPath(file).with_suffix("").parts for file in files]
    ends = Counter(parts[-depth:] for parts in stems for depth in range(1, len(parts) + 1))
    ids = []
    for file, parts in zip(files, stems, strict=True):
        own = next((parts[-depth:] for depth in range(1, len(parts) + 1) if ends[parts[-depth:]] == 1), None)
        ids.append("/".join(own) if own else file)
    return ids


def _labels_in_names(dataset: Mapping[str, Any], sets: Mapping[str, list[str]]) -> pd.DataFrame:
    """Take the files' names apart, or their paths where the pattern has a slash."""
    pattern, rows = dataset["filename"], []
    for file in (file for files in sets.values() for file in files):
        match = re.fullmatch(pattern, file if "/" in pattern else PurePosixPath(file).name)
        if match is None:
            raise RockspaceError(
                f"{file}: the name does not match dataset.filename ({pattern}); rename it or change the key"
            )
        label = _checked_label(match["label"] or "", file, "dataset.filename")
        rows.append({"file": file, "label": label, "superclass": match.groupdict().get("superclass") or ""})
    return pd.DataFrame(rows)


def _labels_in_tables(raw: Path, dataset: Mapping[str, Any], sets: Mapping[str, list[str]]) -> pd.DataFrame:
    """Read labels from a column of a table: one of their own, or that of the coordinates."""
    rows, columns = [], dataset["columns"]
    superclass = columns.get("superclass")
    table_of = {
        split: given.get("labels") or given["coordinates"]
        for split, given in dataset["splits"].items()
        if split in sets
    }
    for name, files, others in images_by_table(table_of, sets):
        table = read_table(raw / name)
        pairing = pair(table, files, others=others, column=columns.get("image"), order=dataset.get("order"))
        for role in ("label", "superclass"):
            if role in columns:
                table.require(columns[role], f"dataset.columns.{role}")
        for file, (line, cells) in zip(files, table.cells.iloc[pairing.rows].iterrows(), strict=True):
            label = _checked_label(cells[columns["label"]], f"{table.path}: row {line}", "it")
            rows.append({"file": file, "label": label, "superclass": cells[superclass] if superclass else ""})
    return pd.DataFrame(rows)


def _checked_label(label: str, where: str, cause: str) -> str:
    label = unicodedata.normalize("NFC", label.strip())  # macOS writes accents as letters of their own
    if label in {"", ".", ".."} or "/" in label:
        raise RockspaceError(f"{where}: the label is {label!r}, which is not a valid folder name; check {cause}")
    return label


def _drawn_splits(labels: pd.Series, fraction: float, seed: int, **_: Any) -> np.ndarray:
    """Draw a stratified part of the images to validate with."""
    try:
        _, drawn = train_test_split(np.arange(len(labels)), test_size=fraction, stratify=labels, random_state=seed)
    except ValueError as error:
        raise RockspaceError(
            f"config: dataset.splits.validation.fraction: {fraction} of {len(labels)} images cannot hold one image of "
            f"each of the {labels.nunique()} labels; raise it, add images, or check the labels ({error})"
        ) from error
    return np.where(np.isin(np.arange(len(labels)), drawn), "validation", "train")


def _check_superclasses(catalog: pd.DataFrame) -> None:
    superclasses = catalog.groupby("label")["superclass"].nunique()
    for label in superclasses.index[superclasses > 1]:
        raise RockspaceError(f"label '{label}' has images of several superclasses; check dataset.filename")


def _check_labels(catalog: pd.DataFrame) -> None:
    spellings: dict[str | float, str] = {}
    for label in catalog["label"].unique():
        key = number(label) if is_number(label) else " ".join(label.casefold().split())
        if (other := spellings.setdefault(key, label)) != label:
            raise RockspaceError(f"labels '{other}' and '{label}' differ in their spelling alone; write them alike")
    labels = {split: set(catalog.loc[catalog["split"] == split, "label"]) for split in SPLITS}
    unseen = sorted(labels["validation"] - labels["train"])
    if unseen:
        raise RockspaceError(
            f"label '{unseen[0]}' has validation images but no training image; add some or remove the label"
        )
    if len(labels["train"]) < 2:
        raise RockspaceError(f"only one label, '{next(iter(labels['train']))}'; a classifier needs at least two")
