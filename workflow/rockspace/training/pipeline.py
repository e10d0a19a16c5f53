"""The input pipeline: from TFRecords to batches, streamed, and rebuilt for any epoch alone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from tqdm import tqdm

from rockspace.data.catalog import label_indices, label_names
from rockspace.data.tfrecords import Geometry, iter_metadata, read_records, untuned
from rockspace.errors import RockspaceError
from rockspace.networks.objectives import Objective
from rockspace.people.coordinates import coordinates_of
from rockspace.training.augmentation import Augmentation, Stream, View, augmented_views, plain_views

SHUFFLE_BUFFER = 1024
"""Images held for shuffling, which bounds the memory: 200 MB at 256 x 256 pixels. They are stored in a random order, so that
each epoch's is a random one at any size; the buffer makes it another one."""

PARALLEL_BATCHES = 4
"""Batches in the making at once; each is spread over the threads of the process, so more would only take memory."""

BATCH_SIZE = 32
"""Images per step where nothing is trained."""


@dataclass(frozen=True)
class ImageSet:
    """Stored images of one split, or a part of them, as a source of batches.

    Attributes:
        shards: TFRecord files, in order.
        geometry: As they were written.
        image_ids: Names of all stored images, in the catalog's order, like all that follows.
        members: ``(n_stored,)`` bool, which images belong to this set.
        n_labels: Number of labels in the whole study; 0 where none are known.
        labels: ``(n_stored,)`` label indices of all stored images, -1 for an image without a label of the network; empty
            where none are known.
        coordinates: ``(n_stored, k)`` float32, people's coordinates of all stored images; ``k`` is 0 where none are known.
        positions: ``(n_stored,)`` their positions in the catalog's split, rising; not all of them where one shard is read.
        stored: ``(n_stored,)`` which of them each record of the files is, one record after the other.
        objective: Decides the targets in a batch.
    """

    shards: tuple[Path, ...]
    geometry: Geometry
    image_ids: tuple[str, ...]
    members: np.ndarray
    n_labels: int
    labels: np.ndarray
    coordinates: np.ndarray
    positions: np.ndarray
    stored: np.ndarray
    objective: Objective = field(default_factory=Objective)

    @classmethod
    def open(
        cls,
        shards: Sequence[str | Path],
        geometry: Geometry,
        catalog: pd.DataFrame | None = None,
        coordinates: pd.DataFrame | None = None,
    ) -> "ImageSet":
        """Read the names of stored images; pixels are read when batches are.

        Args:
            shards: TFRecord files of one split, in order.
            geometry: As they were written.
            catalog: Where the labels are, for training; from `rockspace.data.catalog.read_catalog`.
            coordinates: People's, indexed by ``image_id``, for a network that learns them.
        """
        paths = tuple(Path(s) for s in shards)
        records = list(iter_metadata(paths))
        if not records:
            raise RockspaceError(f"{paths[0]}: holds no image; lower tfrecords.shards, which may not exceed the images")
        positions = np.array([position for _, position in records])
        order = np.argsort(positions)
        image_ids = tuple(records[i][0] for i in order)
        labels = np.empty(0, int) if catalog is None else label_indices(catalog, image_ids)
        n_labels = 0 if catalog is None else len(label_names(catalog))
        return cls(
            paths,
            geometry,
            image_ids,
            np.ones(len(image_ids), bool),
            n_labels,
            labels,
            coordinates_of(coordinates, image_ids),
            positions[order],
            np.argsort(order),
        )

    def subset(self, chosen: np.ndarray) -> "ImageSet":
        """Return those images of this set for which ``chosen`` ``(n,)`` is true."""
        members = np.zeros_like(self.members)
        members[self.members] = chosen
        return replace(self, members=members)

    def with_objective(self, objective: Objective) -> "ImageSet":
        """Return the same images, with batches that carry the targets of ``objective``."""
        return replace(self, objective=objective)

    def __len__(self) -> int:
        return int(self.members.sum())

    @property
    def label(self) -> np.ndarray:
        """``(n,)`` label indices of the images of this set."""
        return self.labels[self.members]

    def steps(self, batch_size: int) -> int:
        """Return the number of batches in an epoch; the last may be smaller."""
        return -(-len(self) // batch_size)

    def in_order(self, values: np.ndarray) -> np.ndarray:
        """Bring values ``(n, ...)``, one for each image in the order of `plain` and `pixels`, into that of the catalog."""
        return values[np.argsort(self.stored[self.members[self.stored]])]

    def plain(self, batch_size: int) -> tf.data.Dataset:
        """Return batches of images as they are, once through, in the order of the files, with their targets."""
        return self._mapped(lambda record: (self._view(record, None), self._targets(record)), batch_size)

    def augmented(
        self,
        augmentation: Augmentation,
        *,
        seed: int,
        batch_size: int,
        first_epoch: int = 0,
        first_step: int = 0,
        epochs: int = 1,
    ) -> tf.data.Dataset:
        """Return shuffled batches of random views, epoch after epoch, with their targets.

        An epoch's order depends on ``(seed, epoch)`` and a view on ``(seed, epoch, image)``, so a run that
        starts at step ``first_step`` of ``first_epoch`` sees what an uninterrupted one would have seen. Of what it skips,
        no view is made.
        """

        def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
            def example(record: dict[str, tf.Tensor]) -> tuple[tf.Tensor, Any]:
                return self._view(record, View(augmentation, seed, epoch)), self._targets(record)

            of_epoch = tf.random.experimental.stateless_fold_in(tf.constant([seed, Stream.ORDER], tf.int64), epoch)
            order = tf.random.stateless_uniform([], of_epoch, maxval=tf.int64.max, dtype=tf.int64)
            shuffled = self._records().shuffle(SHUFFLE_BUFFER, seed=order, reshuffle_each_iteration=False)
            skipped = tf.where(epoch == first_epoch, tf.constant(first_step * batch_size, tf.int64), 0)
            return shuffled.skip(skipped).batch(batch_size).map(example, num_parallel_calls=PARALLEL_BATCHES)

        return untuned(tf.data.Dataset.range(first_epoch, first_epoch + epochs).flat_map(one_epoch).prefetch(2))

    def pixels(self, batch_size: int, view: View | None = None) -> tf.data.Dataset:
        """Return batches of the images as they are, or of one random view, once through, in the order of the files."""
        return self._mapped(lambda record: self._view(record, view), batch_size)

    def _view(self, record: dict[str, tf.Tensor], view: View | None) -> tf.Tensor:
        if view is None:
            return plain_views(record["image"], self.geometry)
        return augmented_views(record["image"], record["position"], self.geometry, view)

    def _mapped(self, example: Callable[..., Any], batch_size: int) -> tf.data.Dataset:
        batches = self._records().batch(batch_size).map(example, num_parallel_calls=PARALLEL_BATCHES)
        return untuned(batches.apply(tf.data.experimental.assert_cardinality(self.steps(batch_size))).prefetch(2))

    def _records(self) -> tf.data.Dataset:
        records = read_records(self.shards, self.geometry)
        if self.members.all():
            return records
        members = tf.constant(self.members)
        return records.filter(lambda record: tf.gather(members, self._rows(record["position"][None]))[0])

    def _rows(self, positions: tf.Tensor) -> tf.Tensor:
        """Return which stored images are at ``positions`` ``(n,)``."""
        return tf.searchsorted(tf.constant(self.positions), positions)

    def _targets(self, record: dict[str, tf.Tensor]) -> Any:
        rows = self._rows(record["position"])
        one_hot = tf.one_hot(tf.gather(tf.constant(self.labels), rows), self.n_labels)
        return self.objective.targets(one_hot, tf.gather(tf.constant(self.coordinates), rows))


def outputs_by_view(
    network: Callable[[tf.Tensor], Any],
    images: ImageSet,
    views: Sequence[View | None],
    batch_size: int = BATCH_SIZE,
    progress: str = "",
) -> Iterator[Any]:
    """Run a network over one view of all images after the other.

    Args:
        network: From pixels to an array, or to arrays by name.
        images: The images.
        views: Which views; None is the images as they are.
        batch_size: Images per step.
        progress: What the progress bar says.

    Yields:
        What the network returns, for all images in the catalog's order.
    """
    with tqdm(total=images.steps(batch_size) * len(views), desc=progress, unit="batch") as bar:
        for view in views:
            parts = []
            for batch in images.pixels(batch_size, view):
                parts.append(keras.tree.map_structure(np.asarray, network(batch)))
                bar.update()
            yield keras.tree.map_structure(lambda *arrays: images.in_order(np.concatenate(arrays)), *parts)
