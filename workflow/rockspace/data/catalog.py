"""The catalog: which image is what, and which row of the coordinates is its own."""

import re
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
from tqdm import tqdm

from rockspace.artifacts import link_or_copy, replacing
from rockspace.data.coordinates import read_coordinates
from rockspace.data.images import read_rgb
from rockspace.errors import RockspaceError

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
    rows, coordinates = [], {}
    for split in SPLITS:
        files = sorted_images(raw, dataset["splits"][split]["images"])
        entries = [_entry(file, split, dataset["filename"]) for file in files]
        table = read_coordinates(raw / dataset["splits"][split]["coordinates"], dataset["dimensions"])
        at = _rows(raw / dataset["splits"][split]["coordinates"], table, files)
        for entry, row in zip(entries, at, strict=True):
            entry["row"] = row
        coordinates[split] = table.iloc[at].set_axis([e["image_id"] for e in entries]).rename_axis("image_id")
        rows += entries
    catalog = pd.DataFrame(rows, columns=COLUMNS)
    _check_names(catalog)
    _check_splits(catalog, coordinates)
    return catalog, coordinates


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
    """Read ``catalog.csv``; labels such as ``NA`` stay text."""
    return pd.read_csv(path, dtype={"row": "int64"}, keep_default_na=False)


def _entry(file: Path, split: str, pattern: str) -> dict[str, Any]:
    match = re.fullmatch(pattern, file.name)
    if match is None:
        raise RockspaceError(
            f"{file}: the name does not match dataset.filename ({pattern}); rename it or change the key"
        )
    label = (match["label"] or "").strip()
    if label in {"", ".", ".."}:
        raise RockspaceError(f"{file}: the label is {label!r}, which names no folder; check dataset.filename")
    return {
        "image_id": file.stem,
        "split": split,
        "label": label,
        "superclass": match.groupdict().get("superclass") or "",
        "path": f"images/{split}/{label}/{file.name}",
    }


def _rows(path: Path, table: pd.DataFrame, files: list[Path]) -> list[int]:
    """Return the row of each file: by name where the table has names, else by sorted order."""
    if isinstance(table.index, pd.RangeIndex):
        if len(table) != len(files):
            raise RockspaceError(
                f"{path}: {len(table)} rows for {len(files)} images in '{files[0].parent}'; each image needs one row"
            )
        return list(range(len(files)))
    row_of = {name: row for row, name in enumerate(table.index)}
    rows = [row_of.get(file.name, row_of.get(file.stem)) for file in files]
    for file, row in zip(files, rows, strict=True):
        if row is None:
            raise RockspaceError(f"{path}: no row for image '{file.name}'; add one or take the image out")
    unmatched = sorted(set(range(len(table))) - set(rows))
    if unmatched:
        raise RockspaceError(
            f"{path}: image '{table.index[unmatched[0]]}' has a row but no file in '{files[0].parent}'"
        )
    return rows


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


def _check_splits(catalog: pd.DataFrame, coordinates: dict[str, pd.DataFrame]) -> None:
    labels = {split: set(catalog.loc[catalog["split"] == split, "label"]) for split in SPLITS}
    unseen = sorted(labels["validation"] - labels["train"])
    if unseen:
        raise RockspaceError(
            f"label '{unseen[0]}' has validation images but no training image; add some or take it out"
        )
    if len(labels["train"]) < 2:
        raise RockspaceError(f"only one label, '{next(iter(labels['train']))}'; a classifier needs at least two")
    train, validation = (list(coordinates[split].columns) for split in SPLITS)
    if train != validation:
        raise RockspaceError(f"coordinates of the splits differ: training has {train}, validation {validation}")
