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
from rockspace.training.augmentation import TRAINING_STREAM, Augmentation, augmented_views, plain_views

SHUFFLE_BUFFER = 1024
"""Images held for shuffling, which bounds the memory: 200 MB at 256 x 256 pixels."""

PARALLEL_BATCHES = 4
"""Batches in the making at once; each is spread over the threads of the process, so more would only take memory."""


@dataclass(frozen=True)
class View:
    """One random view of every image.

    Attributes:
        augmentation: How far it may stray.
        seed: Seed of the view.
        number: Which view, counted from 0.
        stream: ``augmentation.TRAINING_STREAM`` or ``augmentation.TEST_STREAM``.
    """

    augmentation: Augmentation
    seed: int
    number: int
    stream: int = TRAINING_STREAM


@dataclass(frozen=True)
class ImageSet:
    """Stored images of one split, or a part of them, as a source of batches.

    Attributes:
        shards: TFRecord files, in order.
        geometry: As they were written.
        image_ids: Names of all stored images.
        members: ``(n_stored,)`` bool, which images belong to this set.
        n_labels: Number of labels in the whole study; 0 where none are known.
        labels: ``(n_stored,)`` label indices of all stored images; empty where none are known.
        coordinates: ``(n_stored, k)`` float32, people's coordinates of all stored images; ``k`` is 0 where none are known.
        first_position: Position of the first stored image in its split; not 0 where only a later shard is read.
        objective: Decides the targets in a batch.
    """

    shards: tuple[Path, ...]
    geometry: Geometry
    image_ids: tuple[str, ...]
    members: np.ndarray
    n_labels: int
    labels: np.ndarray
    coordinates: np.ndarray
    first_position: int = 0
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
        image_ids, positions = zip(*records, strict=True)
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
            positions[0],
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

    def plain(self, batch_size: int) -> tf.data.Dataset:
        """Return batches of images as they are, once through, in order, with their targets."""

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

            of_epoch = tf.random.experimental.stateless_fold_in(tf.constant([seed, 1], tf.int64), epoch)
            order = tf.random.stateless_uniform([], of_epoch, maxval=tf.int64.max, dtype=tf.int64)
            shuffled = self._records().shuffle(SHUFFLE_BUFFER, seed=order, reshuffle_each_iteration=False)
            return shuffled.batch(batch_size).map(view, num_parallel_calls=PARALLEL_BATCHES)

        return untuned(tf.data.Dataset.range(first_epoch, first_epoch + epochs).flat_map(one_epoch).prefetch(2))

    def pixels(self, batch_size: int, view: View | None = None) -> tf.data.Dataset:
        """Return batches of the images as they are, or of one random view, once through, in order, without targets."""

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
        return records.filter(lambda record: tf.gather(members, record["position"] - self.first_position))

    def _targets(self, record: dict[str, tf.Tensor]) -> Any:
        stored = record["position"] - self.first_position
        one_hot = tf.one_hot(tf.gather(tf.constant(self.labels), stored), self.n_labels)
        return self.objective.targets(one_hot, tf.gather(tf.constant(self.coordinates), stored))
