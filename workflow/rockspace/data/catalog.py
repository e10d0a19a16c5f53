"""The catalog: which image is of which split and label."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split
from tqdm import tqdm

from rockspace.artifacts import link_or_copy, replacing
from rockspace.data.images import read_rgb
from rockspace.errors import RockspaceError

SPLITS = ("train", "validation")
COLUMNS = ["image_id", "split", "label", "superclass", "path"]


def build_catalog(raw: Path, dataset: dict[str, Any]) -> pd.DataFrame:
    """Say which image belongs to which split, label and superclass.

    Args:
        raw: Folder with the archive's files.
        dataset: The section of the configuration.

    Returns:
        One row an image with the columns of `COLUMNS`, ``path`` as it will be below the study's folder. Training images
        come first; within a split they are in plain sorted order of their file names.

    Raises:
        RockspaceError: With the file, for the first thing that does not fit.
    """
    sets = {split: given["images"] for split, given in dataset["splits"].items() if "images" in given}
    images = [
        pd.DataFrame(
            [_entry(file.relative_to(raw), dataset["filename"]) for file in sorted_images(raw, pattern)]
        ).assign(split=split)
        for split, pattern in sets.items()
    ]
    catalog = pd.concat(images, ignore_index=True)
    if "fraction" in dataset["splits"]["validation"]:
        catalog["split"] = _drawn_splits(catalog["label"], **dataset["splits"]["validation"])
    catalog = catalog.sort_values("split", kind="stable")  # training comes first
    catalog["path"] = "images/" + catalog["split"] + "/" + catalog["label"] + "/" + catalog["file"]
    catalog = catalog[COLUMNS].reset_index(drop=True)
    _check_names(catalog)
    _check_labels(catalog)
    return catalog


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


def label_indices(catalog: pd.DataFrame, image_ids: Sequence[str]) -> np.ndarray:
    """Return ``(n,)`` the place of each image's label in `label_names`.

    Raises:
        RockspaceError: Where an image is not in the catalog.
    """
    index_of = {name: i for i, name in enumerate(label_names(catalog))}
    label_of = dict(zip(catalog["image_id"], catalog["label"], strict=True))
    for image in image_ids:
        if image not in label_of:
            raise RockspaceError(f"image '{image}' is not in catalog.csv; run again with `--forcerun tfrecords`")
    return np.array([index_of[label_of[image]] for image in image_ids])


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
    return pd.read_csv(path, dtype=dict.fromkeys(COLUMNS, str), keep_default_na=False)


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
