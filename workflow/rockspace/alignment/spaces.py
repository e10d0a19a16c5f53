"""Two descriptions of the same images, side by side: a model's features and people's coordinates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from rockspace.errors import RockspaceError


class UnusableSpaces(RockspaceError, ValueError):
    """Spaces that no statistic can be computed on; a `ValueError` too, as scikit-learn's callers expect."""


@dataclass(frozen=True)
class Spaces:
    """The images of one split in both spaces.

    Attributes:
        image_id: Name of each image, shape (n,).
        label: Subtype of each image, empty for an image without one, shape (n,).
        features: The model's space, shape (n, d).
        coordinates: The human space, shape (n, k).
    """

    image_id: np.ndarray
    label: np.ndarray
    features: np.ndarray
    coordinates: np.ndarray

    def __len__(self) -> int:
        return len(self.image_id)

    @property
    def subtype(self) -> np.ndarray | None:
        """What each image is resampled and exchanged with; see `subtypes_of`."""
        return subtypes_of(self.label, self.image_id)

    def labelled(self) -> Spaces:
        """Return the images that have a label."""
        rows = self.label != ""
        return Spaces(self.image_id[rows], self.label[rows], self.features[rows], self.coordinates[rows])


def subtypes_of(labels: ArrayLike, image_ids: ArrayLike) -> np.ndarray | None:
    """Return what each image is resampled and exchanged with: the images of its label, or, without one, itself alone.

    Args:
        labels: Label of each image, empty for an image without one, shape (n,).
        image_ids: Name of each image, shape (n,).

    Returns:
        A text for each image, shape (n,); None if no image has a label, so that there is nothing but images.
    """
    labels = np.asarray(labels, str)
    without = labels == ""
    if without.all():
        return None
    # A label is the name of a folder, so none has a slash.
    return np.where(without, np.char.add("/", np.asarray(image_ids, str)), labels)


def checked_space(space: np.ndarray, name: str, minimum: int = 3, spread: bool = True) -> np.ndarray:
    """Return a space as a float64 matrix, or say what is wrong with it.

    Args:
        space: Shape (images, dimensions) or (images,).
        name: What the error calls it.
        minimum: Fewest images that the statistic makes sense for.
        spread: Whether images must not all lie in one point.

    Raises:
        UnusableSpaces: Not a matrix of finite numbers, too few images, or all images in one point.
    """
    try:
        space = np.asarray(space, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UnusableSpaces(f"{name}: not a matrix of numbers ({error})") from None
    space = space[:, None] if space.ndim == 1 else space
    if space.ndim != 2 or space.shape[1] == 0:
        raise UnusableSpaces(f"{name}: shape {space.shape}; needed: one row per image, one column per dimension")
    if len(space) < minimum:
        raise UnusableSpaces(f"{name}: {len(space)} image(s), n_samples={len(space)}; at least {minimum} are needed")
    checked_finite(space, name)
    if spread and not np.ptp(space, axis=0).any():
        raise UnusableSpaces(f"{name}: all {len(space)} images lie in one point, so there is no shape to compare")
    return space


def checked_finite(space: np.ndarray, name: str) -> np.ndarray:
    """Return a matrix as it is if all of it is finite.

    Raises:
        UnusableSpaces: Names the first row and column that contain NaN or infinity.
    """
    if not np.isfinite(space).all():
        row, column = np.argwhere(~np.isfinite(space))[0]
        raise UnusableSpaces(
            f"{name}: NaN or infinity in row {row + 1}, column {column + 1}; "
            "remove the image or fix the step that produced it"
        )
    return space


def checked_pair(features: np.ndarray, coordinates: np.ndarray, minimum: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return both spaces as float64 matrices with the same number of rows.

    Args:
        features: Shape (n, d).
        coordinates: Shape (n, k).
        minimum: Fewest images that the statistic makes sense for.

    Raises:
        UnusableSpaces: As `checked_space`, or the rows differ in number.
    """
    features = checked_space(features, "features", minimum)
    coordinates = checked_space(coordinates, "coordinates", minimum)
    if len(features) != len(coordinates):
        raise UnusableSpaces(
            f"features have {len(features)} rows and coordinates {len(coordinates)}; "
            "both need one row for each image, in the same order"
        )
    return features, coordinates


def centred(space: np.ndarray) -> np.ndarray:
    """Return a space (or a stack of them: ..., n, d) with its centroid at the origin, in double precision."""
    space = np.asarray(space, np.float64)
    return space - space.mean(axis=-2, keepdims=True)


def correlations(predicted: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Return Pearson's r of each dimension; a dimension that is constant on either side has r = 0.

    Args:
        predicted: Shape (..., n, k).
        observed: Shape (..., n, k).

    Returns:
        Shape (..., k), each in [-1, 1].
    """
    predicted, observed = _without_rounding(predicted), _without_rounding(observed)
    products = np.einsum("...nk,...nk->...k", predicted, observed)
    norms = np.linalg.norm(predicted, axis=-2) * np.linalg.norm(observed, axis=-2)
    return np.clip(np.divide(products, norms, out=np.zeros_like(products), where=norms > 0), -1.0, 1.0)


def _without_rounding(space: np.ndarray) -> np.ndarray:
    """Centre a space, and make the columns exactly zero that differ from a constant by rounding alone."""
    largest = np.abs(space).max(axis=-2, keepdims=True)
    space = centred(space)
    noise = np.abs(space).max(axis=-2, keepdims=True) <= 16 * np.finfo(np.float64).eps * largest
    return np.where(noise, 0.0, space)


def read_spaces(embeddings: str | Path, coordinates: str | Path, split: str) -> Spaces:
    """Read the images of one split, and check that both files have the same ones.

    Args:
        embeddings: npz with `image_id`, `split`, `label` and `embedding`.
        coordinates: CSV with `image_id` and one column for each human dimension.
        split: Which images to take from `embeddings`.

    Raises:
        UnusableSpaces: The files disagree about the images, or hold something other than finite numbers.
    """
    with np.load(embeddings, allow_pickle=False) as arrays:
        missing = {"image_id", "split", "label", "embedding"} - set(arrays.files)
        if missing:
            raise UnusableSpaces(f"{embeddings}: no array {sorted(missing)[0]!r}; delete it and run again")
        chosen = arrays["split"] == split
        image_id, label = arrays["image_id"][chosen], arrays["label"][chosen]
        features = arrays["embedding"][chosen]
    table = read_coordinates(coordinates)
    _check_same_images(image_id, table.index.to_numpy(), embeddings, coordinates)
    table = table.loc[image_id]
    return Spaces(
        image_id=image_id,
        label=label,
        features=checked_space(features, f"{embeddings} ({split})"),
        coordinates=checked_space(table.to_numpy(), str(coordinates)),
    )


def read_coordinates(path: str | Path) -> pd.DataFrame:
    """Read people's coordinates by image; a person or an image may be called NA."""
    return pd.read_csv(path, dtype={"individual": str, "image_id": str}, keep_default_na=False).set_index("image_id")


def read_people(coordinates: str | Path, label_of: Mapping[str, str]) -> Spaces:
    """Read people's coordinates of one split, which then stand for features too.

    Args:
        coordinates: CSV with `image_id` and one column for each human dimension.
        label_of: Subtype of each image.

    Raises:
        UnusableSpaces: The file holds something other than finite numbers.
    """
    table = read_coordinates(coordinates)
    space = checked_space(table.to_numpy(), str(coordinates))
    return Spaces(table.index.to_numpy(str), np.array([label_of[image] for image in table.index]), space, space)


def read_individuals(embeddings: str | Path, individuals: dict[str, str | Path]) -> list[tuple[np.ndarray, ...]] | None:
    """Read the coordinates of single people (or of halves of them) for the noise ceiling.

    Args:
        embeddings: npz whose images, in their order, the coordinates are brought to.
        individuals: By split, a CSV with `individual`, `image_id` and one column for each human dimension;
            `validation` alone, or `train` too.

    Returns:
        For each individual the coordinates of each split, `train` first, with NaN where an image was not judged;
        None without a file for `validation`.

    Raises:
        UnusableSpaces: An individual has an image twice, or one that the embeddings lack.
    """
    if "validation" not in individuals:
        return None
    with np.load(embeddings, allow_pickle=False) as arrays:
        order = {split: arrays["image_id"][arrays["split"] == split] for split in individuals}
    tables = {split: read_coordinates(individuals[split]) for split in ("train", "validation") if split in individuals}
    people = sorted(set().union(*(table["individual"] for table in tables.values())))
    return [
        tuple(_one_person(table, name, order[split], individuals[split]) for split, table in tables.items())
        for name in people
    ]


def _one_person(table: pd.DataFrame, name: str, order: np.ndarray, path: str | Path) -> np.ndarray:
    own = table[table["individual"] == name].drop(columns="individual")
    where = f"{path} (individual {name})"
    _check_once(own.index, where)
    absent = sorted(set(own.index) - set(order))
    if absent:
        raise UnusableSpaces(f"{where}: image {absent[0]!r} has no embedding ({len(absent)} such)")
    checked_finite(own.to_numpy(np.float64), where)
    return own.reindex(order).to_numpy(np.float64)


def read_dimensions(coordinates: str | Path) -> list[str]:
    """Return the names of the human dimensions, in the order of the file's columns."""
    return list(pd.read_csv(coordinates, nrows=0).columns.drop("image_id"))


def _check_once(ids: Iterable[Any], name: str | Path) -> None:
    twice = pd.Series(ids)[pd.Series(ids).duplicated()]
    if len(twice):
        raise UnusableSpaces(f"{name}: image {str(twice.iloc[0])!r} occurs twice")


def _check_same_images(ours: np.ndarray, theirs: np.ndarray, embeddings: str | Path, coordinates: str | Path) -> None:
    for name, ids in ((embeddings, ours), (coordinates, theirs)):
        _check_once(ids, name)
    for here, there, name, other in ((ours, theirs, coordinates, embeddings), (theirs, ours, embeddings, coordinates)):
        absent = sorted(set(here) - set(there))
        if absent:
            raise UnusableSpaces(f"{name}: no image {str(absent[0])!r}, which {other} has ({len(absent)} such)")
