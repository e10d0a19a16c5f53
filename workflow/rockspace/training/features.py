"""Features: the outputs of the frozen backbone for each image and its augmented views, computed once."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from rockspace.artifacts import write_arrays
from rockspace.data.catalog import label_indices
from rockspace.people.coordinates import coordinates_of
from rockspace.training.augmentation import Augmentation, View
from rockspace.training.pipeline import BATCH_SIZE, ImageSet, outputs_by_view

STORED = ("image_id", "plain", "views")
"""What a file holds; labels and coordinates are joined where they are used."""

VIEW_SEED = 0
"""Views of the frozen phase are the same for every seed, so that all seeds share one features file."""


@dataclass(frozen=True)
class Features:
    """Pooled features of one split.

    Attributes:
        image_id: ``(n,)`` names.
        label: ``(n,)`` label indices, -1 for an image without a label of the network; empty where none are known.
        plain: ``(n, d)`` float32, of the images as they are.
        views: ``(n, n_views, d)`` float32, of augmented views; ``n_views`` may be 0.
        coordinates: ``(n, k)`` float32, people's coordinates; ``k`` is 0 where none are known.
    """

    image_id: np.ndarray
    label: np.ndarray
    plain: np.ndarray
    views: np.ndarray
    coordinates: np.ndarray

    def save(self, path: Path) -> None:
        """Write an ``npz`` file of names and features."""
        write_arrays(path, {name: getattr(self, name) for name in STORED})

    def standardized(self, mean: np.ndarray, deviation: np.ndarray) -> "Features":
        """Return ``(x - mean) / deviation`` for every feature; both ``(d,)``."""
        plain, views = (self.plain - mean) / deviation, (self.views - mean) / deviation
        return replace(self, plain=plain, views=views)

    def subset(self, members: np.ndarray) -> "Features":
        """Return the images for which ``members`` ``(n,)`` is true."""
        parts = {name: getattr(self, name)[members] for name in (*STORED, "label", "coordinates")}
        return replace(self, **parts)

    @classmethod
    def load(
        cls, paths: Sequence[str | Path], catalog: pd.DataFrame, coordinates: pd.DataFrame | None = None
    ) -> "Features":
        """Read the shards of a split in the catalog's order, one array after the other, so that few lie in memory twice.

        Args:
            paths: What `save` wrote.
            catalog: Where the labels are; from `rockspace.data.catalog.read_catalog`.
            coordinates: People's, indexed by ``image_id``, for a network that learns them.
        """
        with ExitStack() as files:
            shards = [files.enter_context(np.load(path, allow_pickle=False)) for path in paths]
            place = {name: i for i, name in enumerate(catalog["image_id"])}
            names = np.concatenate([shard["image_id"] for shard in shards]).tolist()
            order = np.argsort([place.get(name, -1) for name in names])
            arrays = {name: np.concatenate([shard[name] for shard in shards])[order] for name in STORED}
        names = arrays["image_id"].tolist()
        return cls(**arrays, label=label_indices(catalog, names), coordinates=coordinates_of(coordinates, names))


def compute_features(
    network: Callable[[tf.Tensor], tf.Tensor],
    images: ImageSet,
    augmentation: Augmentation,
    *,
    views: int,
    batch_size: int = BATCH_SIZE,
) -> Features:
    """Run the frozen backbone over every image once as it is, and once for each augmented view.

    Args:
        network: The pooled backbone, from images to ``(n, d)``.
        images: The images.
        augmentation: Augmentation range.
        views: Number of augmented views, 0 for none.
        batch_size: Images per step.
    """
    each = [None, *(View(augmentation, VIEW_SEED, number) for number in range(views))]
    plain, *augmented = outputs_by_view(network, images, each, batch_size, "extracting features")
    stacked = np.stack(augmented, axis=1) if views else np.empty((len(plain), 0, plain.shape[1]), np.float32)
    return Features(np.array(images.image_ids), images.labels, plain, stacked, images.coordinates)
