"""From the archive's files to images filed by label, if they have labels, and their catalog.

Apart from `rockspace.data.catalog`, so that a change here trains nothing again that has the same catalog.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
from tqdm import tqdm

from rockspace.artifacts import link_or_copy, replacing
from rockspace.config import source_of_labels
from rockspace.data.catalog import COLUMNS, NO_LABEL, label_names
from rockspace.data.directory import list_folder
from rockspace.data.images import read_rgb
from rockspace.data.pairing import images_by_table, pair
from rockspace.data.patterns import MissingError, several
from rockspace.data.row_names import read_image_table
from rockspace.data.splits import divided, drawn_splits, match_name
from rockspace.data.tables import is_missing, is_number, number
from rockspace.errors import RockspaceError


def build_catalog(raw: Path, dataset: dict[str, Any]) -> pd.DataFrame:
    """Say which image belongs to which split, and what its label and superclass are, if it has any.

    Args:
        raw: Folder with the archive's files.
        dataset: The section of the configuration.

    Returns:
        One row an image with the columns of `COLUMNS`: ``image_id`` is the file's name without its suffix, with as many
        folders before it as tell it from the others; ``label`` is empty for a validation image without one, and for all
        images of a study without labels; ``path`` is where it will be below the study's folder, ``file`` where
        it is in the archive. Training images come first; within a split they are in plain order of their file names.

    Raises:
        RockspaceError: With the file, for the first thing that does not fit.
    """
    splits = dataset["splits"]
    pools = {split: sorted_images(raw, given["images"]) for split, given in splits.items() if "images" in given}
    sets = pools if "validation" in pools else divided(raw, dataset, pools["train"])
    catalog = pd.concat(
        [pd.DataFrame({"file": files, "split": split}) for split, files in sets.items()], ignore_index=True
    )
    twice = catalog.loc[catalog["file"].duplicated(), "file"]
    if len(twice):
        raise RockspaceError(
            f"{twice.iloc[0]} is a training image and a validation image ({len(twice)} such images); narrow the patterns in "
            "dataset.splits.*.images, or pick validation images with dataset.splits.validation.fraction, list, tokens or column"
        )
    catalog["image_id"] = shortest_ends(catalog["file"].tolist())
    source = source_of_labels(dataset)
    unused = set(pools["train"]).difference(catalog["file"])
    labels = _labels(source, raw, dataset, sets, [file for file in pools["train"] if file in unused])
    catalog = catalog.merge(labels, on="file", validate="one_to_one")
    if source != "none":
        _check_every_training_image_has_a_label(catalog)
    if "fraction" in splits["validation"]:
        catalog["split"] = drawn_splits(catalog["label"], **splits["validation"])
    catalog = catalog.sort_values("split", kind="stable")  # training comes first
    folder = "images/" + catalog["split"] + "/" + catalog["label"].map(lambda label: f"{label}/" if label else "")
    catalog["path"] = folder + catalog["image_id"] + catalog["file"].map(lambda file: PurePosixPath(file).suffix)
    catalog = catalog[COLUMNS].reset_index(drop=True)
    if source != "none":
        _check_superclasses(catalog)
        _check_labels(catalog)
    return catalog


def sorted_images(raw: Path, patterns: str | Sequence[str]) -> list[str]:
    """Return the files that one of several patterns names, relative to ``raw``, in plain order of their names."""
    try:
        files = sorted(map(PurePosixPath, list_folder(raw, several(patterns))))
    except MissingError as error:
        raise RockspaceError(f"{raw}: no image matches {error.pattern!r}; check dataset.splits.*.images") from None
    return list(map(str, sorted(files, key=lambda file: file.name)))


def restructure(raw: Path, catalog: pd.DataFrame, images: Path) -> None:
    """Lay the images out by split, and by label if they have one, each decoded once to see that it is whole.

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


def _labels(
    source: str, raw: Path, dataset: Mapping[str, Any], sets: Mapping[str, list[str]], unused: list[str]
) -> pd.DataFrame:
    """Return ``file``, ``label``, ``superclass`` and ``where``, which says in an error where the label was looked for."""
    files = [file for files in sets.values() for file in files]
    match source:
        case "table":
            rows = _labels_in_tables(raw, dataset, sets, unused)
        case "names":
            rows = (_labels_in_name(dataset["filename"], file) for file in files)
        case "folders":
            rows = ((file, PurePosixPath(file).parent.name, "", file) for file in files)
        case _:
            rows = ((file, NO_LABEL, "", file) for file in files)
    labels = pd.DataFrame(rows, columns=["file", "label", "superclass", "where"])
    labels["label"] = [_checked_label(*given) for given in zip(labels["label"], labels["where"], strict=True)]
    labels["superclass"] = labels["superclass"].where(labels["label"] != NO_LABEL, "")
    return labels


def _labels_in_name(pattern: str, file: str) -> tuple[str, str, str, str]:
    match = match_name(pattern, file)
    if match is None:
        raise RockspaceError(
            f"{file}: the name does not match dataset.filename ({pattern}); rename it or change the key"
        )
    return file, match["label"] or NO_LABEL, match.groupdict().get("superclass") or "", file


def _labels_in_tables(
    raw: Path, dataset: Mapping[str, Any], sets: Mapping[str, list[str]], unused: list[str]
) -> Iterator[tuple[str, str, str, str]]:
    """Read labels from a column of a table: one of their own, which may lack images, or that of the coordinates."""
    columns = dataset["columns"]
    table_of = {}
    for split in sets:
        # Of images that a rule picks, everything stands in the tables of the images that they are picked from.
        given = dataset["splits"][split if "images" in dataset["splits"][split] else "train"]
        table_of[split] = (given["labels"], None) if "labels" in given else (given["coordinates"], given.get("names"))
    own = {given.get("labels") for given in dataset["splits"].values()}
    for (name, names), files, others in images_by_table(table_of, {**sets, "unused": unused}):
        table, image = read_image_table(
            raw / name, files, others=others, columns=columns, names=raw / names if names else None
        )
        pairing = pair(table, files, others=others, column=image, order=dataset.get("order"), partial=name in own)
        for role in ("label", "superclass"):
            if role in columns:
                table.require(columns[role], f"dataset.columns.{role}")
        for file, row in zip(files, pairing.rows, strict=True):
            if row < 0:
                yield file, NO_LABEL, "", f"{table.path}: no row for image {file!r}"
                continue
            cells = table.cells.iloc[row]
            label, above = (cells[columns[role]] if role in columns else "" for role in ("label", "superclass"))
            where = f"{table.path}: row {cells.name}: column {columns['label']!r} holds {label!r}"
            yield file, NO_LABEL if is_missing(label) else label, "" if is_missing(above) else above, where


def _checked_label(label: str, where: str) -> str:
    label = unicodedata.normalize("NFC", label.strip())  # macOS writes accents as letters of their own
    if label in {".", ".."} or "/" in label:
        raise RockspaceError(f"{where}: the label is {label!r}, which is not a valid folder name; check dataset.labels")
    return label


def _check_every_training_image_has_a_label(catalog: pd.DataFrame) -> None:
    without = catalog[(catalog["split"] == "train") & (catalog["label"] == NO_LABEL)]
    if len(without):
        raise RockspaceError(
            f"{without['where'].iloc[0]}: no label, which every training image needs ({len(without)} have none); add it, "
            "or set dataset.labels to none"
        )


def _check_superclasses(catalog: pd.DataFrame) -> None:
    superclasses = catalog[catalog["label"] != NO_LABEL].groupby("label")["superclass"].nunique()
    for label in superclasses.index[superclasses > 1]:
        raise RockspaceError(f"label '{label}' has images of several superclasses; check dataset.filename")


def _check_labels(catalog: pd.DataFrame) -> None:
    spellings: dict[str | float, str] = {}
    for label in catalog.loc[catalog["label"] != NO_LABEL, "label"].unique():
        key = number(label) if is_number(label) else " ".join(label.casefold().split())
        if (other := spellings.setdefault(key, label)) != label:
            raise RockspaceError(f"labels '{other}' and '{label}' differ in their spelling alone; write them alike")
    labels = label_names(catalog)
    if len(labels) < 2:
        raise RockspaceError(
            f"only one label, {labels[0]!r}, which tells no images apart; check dataset.labels, or set it to none"
        )
