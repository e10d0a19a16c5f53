"""TFRecords: the pixels of every image, decoded once, beside its name."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
from tqdm import tqdm

from rockspace.artifacts import replacing
from rockspace.checksums import verified
from rockspace.data.images import read_rgb, square

ORDER_SEED = 0
"""Of the order in which the images of a split are stored."""

METADATA = {
    "image_id": tf.io.FixedLenFeature([], tf.string),
    "position": tf.io.FixedLenFeature([], tf.int64),
}


@dataclass(frozen=True)
class Geometry:
    """How photographs are stored and seen.

    Attributes:
        image_size: Side of what a network sees (pixels).
        margin: Pixels stored beyond that.
        fit: ``pad``, ``crop`` or ``stretch``.
        background: Red, green, blue, 0 to 255.
    """

    image_size: int
    margin: int
    fit: str
    background: tuple[int, int, int]

    @classmethod
    def from_config(cls, section: dict[str, Any]) -> "Geometry":
        """Take the ``tfrecords`` section of the configuration."""
        return cls(section["image_size"], section["margin"], section["fit"], tuple(section["background"]))

    @property
    def stored_size(self) -> int:
        """Side of the stored square (pixels)."""
        return self.image_size + self.margin


def shard_bounds(n_images: int, shard: int, shards: int) -> tuple[int, int]:
    """Return the first and one past the last record of a shard; sizes differ by one at most."""
    return n_images * shard // shards, n_images * (shard + 1) // shards


def write_shard(
    output: Path,
    catalog: pd.DataFrame,
    images_root: Path,
    geometry: Geometry,
    *,
    split: str,
    shard: int,
    shards: int,
) -> None:
    """Write one shard of a split; the same input gives the same bytes.

    The images of a split are stored in a random order that goes through all shards, since whoever shuffles a stream can
    hold only so many of them: in the catalog's order, a buffer holds a few labels.

    Args:
        output: The TFRecord file.
        catalog: All images of both splits.
        images_root: Folder that the catalog's paths start from.
        geometry: How images are stored.
        split: ``train`` or ``validation``.
        shard: Which shard, from 0.
        shards: How many there are.
    """
    images = catalog[catalog["split"] == split].reset_index(drop=True)
    order = np.random.default_rng(ORDER_SEED).permutation(len(images))
    first, last = shard_bounds(len(images), shard, shards)
    with replacing(output) as partial, tf.io.TFRecordWriter(str(partial)) as writer:
        for position in tqdm(order[first:last].tolist(), desc=f"storing {split} images", unit="image"):
            image = images.iloc[position]
            pixels = square(
                read_rgb(verified(images_root / image["path"]), geometry.background),
                geometry.stored_size,
                geometry.fit,
                geometry.background,
            )
            features = {
                "image": _bytes(pixels.tobytes()),
                "image_id": _bytes(image["image_id"].encode()),
                "position": tf.train.Feature(int64_list=tf.train.Int64List(value=[position])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString(deterministic=True))


def read_records(shards: Sequence[Path], geometry: Geometry) -> tf.data.Dataset:
    """Read stored images in order.

    Args:
        shards: TFRecord files of one split, in order.
        geometry: As they were written.

    Returns:
        Dictionaries of ``image`` (stored_size, stored_size, 3) uint8, ``image_id`` (string) and
        ``position`` (in the catalog's split, from 0), one an image.
    """
    side = geometry.stored_size
    layout = METADATA | {"image": tf.io.FixedLenFeature([], tf.string)}

    def parse(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        record = tf.io.parse_single_example(serialized, layout)
        record["image"] = tf.reshape(tf.io.decode_raw(record["image"], tf.uint8), [side, side, 3])
        return record

    return tf.data.TFRecordDataset([str(s) for s in shards]).map(parse)


def iter_metadata(shards: Sequence[Path]) -> Iterator[tuple[str, int]]:
    """Yield name and position in the catalog's split of every stored image, in the order of the files.

    No pixel is decoded.
    """
    records = tf.data.TFRecordDataset([str(s) for s in shards])
    metadata = records.map(lambda serialized: tf.io.parse_single_example(serialized, METADATA))
    for record in untuned(metadata).as_numpy_iterator():
        yield record["image_id"].decode(), int(record["position"])


def _bytes(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Return the dataset, to be run as it is written: TensorFlow does not tune it meanwhile."""
    options = tf.data.Options()
    # TensorFlow's tuner sleeps ever longer, up to a minute, and may miss that its iterator has ended: whoever let go of
    # the iterator then waits until it wakes (TensorFlow 2.21). Ten seconds in each pass over 360 photographs were lost.
    options.autotune.enabled = False
    return dataset.with_options(options)
