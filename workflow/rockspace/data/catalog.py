"""The catalog: which image is what, and which row of the coordinates is its own."""

import re
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split
from tqdm import tqdm

from rockspace.artifacts import link_or_copy, replacing
from rockspace.data.images import read_rgb
from rockspace.errors import RockspaceError
from rockspace.people.coordinates import read_coordinates

SPLITS = ("train", "validation")
COLUMNS = ["image_id", "split", "label", "superclass", "path", "row"]


def build_catalog(raw: Path, dataset: dict[str, Any]) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Match images, labels and coordinates of both splits, and check them.

    Args:
        raw: Folder with the archive's files.
        dataset: The section of the configuration.

    Returns:
        The catalog, with the columns of `COLUMNS` (``path`` as it will be below the study's folder, ``row``
        counted from 0), and for each split its coordinates, indexed by ``image_id`` in the catalog's order.

    Raises:
        RockspaceError: With file and row, for the first thing that does not fit.
    """
    sets = {split: given for split, given in dataset["splits"].items() if "images" in given}
    files = {split: sorted_images(raw, given["images"]) for split, given in sets.items()}
    images, tables = [], []
    for split, given in sets.items():
        path = raw / given["coordinates"]
        table = read_coordinates(path, dataset["dimensions"])
        elsewhere = {file for other in sets if other != split for file in files[other]}
        rows = _rows(path, table, files[split], elsewhere)
        entries = [_entry(file.relative_to(raw), dataset["filename"]) for file in files[split]]
        images.append(pd.DataFrame(entries).assign(split=split, row=rows))
        tables.append(table.iloc[rows])
    _check_dimensions(dict(zip(sets, tables, strict=True)))
    catalog, table = pd.concat(images, ignore_index=True), pd.concat(tables, ignore_index=True)
    if "fraction" in dataset["splits"]["validation"]:
        catalog["split"] = _drawn_splits(catalog["label"], **dataset["splits"]["validation"])
    catalog = catalog.sort_values("split", kind="stable")  # training comes first
    table = table.loc[catalog.index].set_axis(catalog["image_id"])
    catalog["path"] = "images/" + catalog["split"] + "/" + catalog["label"] + "/" + catalog["file"]
    catalog = catalog[COLUMNS].reset_index(drop=True)
    _check_names(catalog)
    _check_labels(catalog)
    return catalog, {split: table[(catalog["split"] == split).to_numpy()] for split in SPLITS}


def image_files(raw: Path, dataset: dict[str, Any], catalog: pd.DataFrame) -> list[Path]:
    """Return the file in ``raw`` of each image of the catalog."""
    patterns = [given["images"] for given in dataset["splits"].values() if "images" in given]
    files = {file.stem: file for pattern in patterns for file in sorted_images(raw, pattern)}
    return [files[image_id] for image_id in catalog["image_id"]]


def sorted_images(raw: Path, pattern: str) -> list[Path]:
    """Return the files that ``pattern`` names, in plain sorted order of their names."""
    files = sorted((f for f in raw.glob(pattern) if f.is_file()), key=lambda f: f.name)
    if not files:
        raise RockspaceError(f"{raw}: no image matches '{pattern}'; check dataset.splits.*.images")
    return files


def label_names(catalog: pd.DataFrame) -> list[str]:
    """Return the labels in the order that a network's outputs have: sorted."""
    return sorted(catalog["label"].unique())


def restructure(raw: Path, catalog: pd.DataFrame, files: list[Path], images: Path) -> None:
    """Lay the images out as ``images/{split}/{label}/``, each decoded once to see that it is whole.

    Args:
        raw: Folder with the archive's files.
        catalog: From `build_catalog`.
        files: The image files, in the catalog's order.
        images: Folder to make; it appears only when every image is in its place.
    """
    with replacing(images) as partial:
        rows = zip(catalog["path"], files, strict=True)
        for path, file in tqdm(rows, total=len(files), desc="checking images", unit="image"):
            read_rgb(file)
            link_or_copy(file, partial / PurePosixPath(path).relative_to(images.name))


def read_catalog(path: Path) -> pd.DataFrame:
    """Read ``catalog.csv``; names and labels such as ``NA`` or ``007`` stay text."""
    return pd.read_csv(path, dtype=dict.fromkeys(COLUMNS, str) | {"row": "int64"}, keep_default_na=False)


def _entry(file: Path, pattern: str) -> dict[str, str]:
    """Take a file's name apart, or its path where the pattern has a slash."""
    match = re.fullmatch(pattern, file.as_posix() if "/" in pattern else file.name)
    if match is None:
        raise RockspaceError(
            f"{file}: the name does not match dataset.filename ({pattern}); rename it or change the key"
        )
    label = (match["label"] or "").strip()
    if label in {"", ".", ".."} or "/" in label:
        raise RockspaceError(f"{file}: the label is {label!r}, which is no name for one folder; check dataset.filename")
    superclass = match.groupdict().get("superclass") or ""
    return {"image_id": file.stem, "label": label, "superclass": superclass, "file": file.name}


def _rows(path: Path, table: pd.DataFrame, files: list[Path], elsewhere: set[Path]) -> list[int]:
    """Return the row of each file: by name where the table has names, else by sorted order.

    A row may also be that of an image ``elsewhere``, in the other split.
    """
    if isinstance(table.index, pd.RangeIndex):
        if len(table) != len(files):
            raise RockspaceError(
                f"{path}: {len(table)} rows for {len(files)} images in '{files[0].parent}'; each image needs one row"
            )
        return list(range(len(files)))
    row_of = {PurePosixPath(name).name: row for row, name in enumerate(table.index)}
    rows = [row_of.get(file.name, row_of.get(file.stem)) for file in files]
    for file, row in zip(files, rows, strict=True):
        if row is None:
            raise RockspaceError(f"{path}: no row for image '{file.name}'; add one or take the image out")
    known = set(rows) | {row_of.get(file.name, row_of.get(file.stem)) for file in elsewhere}
    unmatched = sorted(set(range(len(table))) - known)
    if unmatched:
        raise RockspaceError(
            f"{path}: image '{table.index[unmatched[0]]}' has a row but no file in '{files[0].parent}'"
        )
    return rows


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


def _check_names(catalog: pd.DataFrame) -> None:
    for image_id, count in Counter(catalog["image_id"]).items():
        if count > 1:
            paths = catalog.loc[catalog["image_id"] == image_id, "path"].tolist()
            raise RockspaceError(
                f"image name '{image_id}' stands {count} times ({', '.join(paths)}); rename all but one"
            )
    superclasses = catalog.groupby("label")["superclass"].nunique()
    for label in superclasses.index[superclasses > 1]:
        raise RockspaceError(f"label '{label}' has images of several superclasses; check dataset.filename")


def _check_labels(catalog: pd.DataFrame) -> None:
    labels = {split: set(catalog.loc[catalog["split"] == split, "label"]) for split in SPLITS}
    unseen = sorted(labels["validation"] - labels["train"])
    if unseen:
        raise RockspaceError(
            f"label '{unseen[0]}' has validation images but no training image; add some or take it out"
        )
    if len(labels["train"]) < 2:
        raise RockspaceError(f"only one label, '{next(iter(labels['train']))}'; a classifier needs at least two")


def _check_dimensions(tables: dict[str, pd.DataFrame]) -> None:
    (split, first), *others = ((split, list(table.columns)) for split, table in tables.items())
    for other, columns in others:
        if columns != first:
            raise RockspaceError(f"coordinates of the splits differ: {split} has {first}, {other} {columns}")
