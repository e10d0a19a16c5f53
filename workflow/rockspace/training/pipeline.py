"""The input pipeline: from TFRecords to batches, streamed, and rebuilt for any epoch alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from rockspace.data.catalog import label_indices, label_names
from rockspace.data.tfrecords import Geometry, iter_metadata, read_records, untuned
from rockspace.errors import RockspaceError
from rockspace.networks.objectives import Objective
from rockspace.people.coordinates import coordinates_of
from rockspace.training.augmentation import Augmentation, Stream, augmented_views, plain_views

SHUFFLE_BUFFER = 1024
"""Images held for shuffling, which bounds the memory: 200 MB at 256 x 256 pixels. They are stored in a random order, so that
each epoch's is a random one at any size; the buffer makes it another one."""

PARALLEL_BATCHES = 4
"""Batches in the making at once; each is spread over the threads of the process, so more would only take memory."""


@dataclass(frozen=True)
class View:
    """One random view of every image.

    Attributes:
        augmentation: Augmentation range.
        seed: Seed of the view.
        number: Which view, counted from 0.
        stream: ``TRAINING_VIEWS`` or ``TEST_VIEWS``.
    """

    augmentation: Augmentation
    seed: int
    number: int
    stream: Stream = Stream.TRAINING_VIEWS


@dataclass(frozen=True)
class ImageSet:
    """Stored images of one split, or a part of them, as a source of batches.

    Attributes:
        shards: TFRecord files, in order.
        geometry: As they were written.
        image_ids: Names of all stored images, in the catalog's order, like all that follows.
        members: ``(n_stored,)`` bool, which images belong to this set.
        n_labels: Number of labels in the whole study; 0 where none are known.
        labels: ``(n_stored,)`` label indices of all stored images; empty where none are known.
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

    def subset(self, members: np.ndarray) -> "ImageSet":
        """Return the images for which ``members`` ``(n_stored,)`` is true."""
        return replace(self, members=np.asarray(members, bool))

    def aiming_at(self, objective: Objective) -> "ImageSet":
        """Return the same images, with batches that carry the targets of ``objective``."""
        return replace(self, objective=objective)

    def __len__(self) -> int:
        return int(self.members.sum())

    def steps(self, batch_size: int) -> int:
        """Return the number of batches in an epoch; the last may be smaller."""
        return -(-len(self) // batch_size)

    def in_order(self, values: np.ndarray) -> np.ndarray:
        """Bring values ``(n, ...)``, one for each image in the order of `plain` and `pixels`, into that of the catalog."""
        return values[np.argsort(self.stored[self.members[self.stored]])]

    def plain(self, batch_size: int) -> tf.data.Dataset:
        """Return batches of images as they are, once through, in the order of the files, with their targets."""

        def view(record: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            return plain_views(record["image"], self.geometry), self._targets(record)

        return self._mapped(view, batch_size)

    def augmented(
        self,
        augmentation: Augmentation,
        *,
        seed: int,
        batch_size: int,
        first_epoch: int = 0,
        epochs: int = 1,
    ) -> tf.data.Dataset:
        """Return shuffled batches of random views, epoch after epoch, with their targets.

        An epoch's order depends on ``(seed, epoch)`` and a view on ``(seed, epoch, image)``, so a run that
        starts at ``first_epoch`` sees what an uninterrupted one would have seen.
        """

        def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
            def view(record: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
                images, positions = record["image"], record["position"]
                views = augmented_views(images, positions, self.geometry, augmentation, seed, epoch)
                return views, self._targets(record)

            of_epoch = tf.random.experimental.stateless_fold_in(tf.constant([seed, Stream.ORDER], tf.int64), epoch)
            order = tf.random.stateless_uniform([], of_epoch, maxval=tf.int64.max, dtype=tf.int64)
            shuffled = self._records().shuffle(SHUFFLE_BUFFER, seed=order, reshuffle_each_iteration=False)
            return shuffled.batch(batch_size).map(view, num_parallel_calls=PARALLEL_BATCHES)

        return untuned(tf.data.Dataset.range(first_epoch, first_epoch + epochs).flat_map(one_epoch).prefetch(2))

    def pixels(self, batch_size: int, view: View | None = None) -> tf.data.Dataset:
        """Return batches of the images as they are, or of one random view, once through, in the order of the files."""

        def look(record: dict[str, tf.Tensor]) -> tf.Tensor:
            images, positions = record["image"], record["position"]
            if view is None:
                return plain_views(images, self.geometry)
            number = tf.constant(view.number, tf.int64)
            return augmented_views(images, positions, self.geometry, view.augmentation, view.seed, number, view.stream)

        return self._mapped(look, batch_size)

    def _mapped(self, view: Callable[..., Any], batch_size: int) -> tf.data.Dataset:
        batches = self._records().batch(batch_size).map(view, num_parallel_calls=PARALLEL_BATCHES)
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
