"""Augmented views depend on seed, epoch and image alone, and are what the geometry says."""

import numpy as np
import pandas as pd
import pytest
import scipy.ndimage
import tensorflow as tf
from PIL import Image

from rockspace.data.catalog import read_catalog
from rockspace.data.tfrecords import Geometry, write_shard
from rockspace.training.augmentation import Augmentation, View, _transforms, augmented_views, plain_views
from rockspace.training.pipeline import SHUFFLE_BUFFER, ImageSet

STRONG = Augmentation(rotation=180, shear=20, zoom=0.3, shift=0.1, horizontal_flip=True, vertical_flip=True)


def arrays(batches):
    return [(images.numpy(), labels.numpy()) for images, labels in batches]


@pytest.mark.parametrize("first_step", range(4))
def test_any_epoch_can_be_rebuilt_alone_from_any_step_on(train_set, first_step):
    whole = arrays(train_set.augmented(STRONG, seed=3, batch_size=10, epochs=4))
    rest = arrays(
        train_set.augmented(STRONG, seed=3, batch_size=10, first_epoch=2, first_step=first_step, epochs=2),
    )
    assert len(whole) == 12
    for (images, labels), (again, labels_again) in zip(whole[6 + first_step :], rest, strict=True):
        np.testing.assert_array_equal(images, again)
        np.testing.assert_array_equal(labels, labels_again)


def test_epochs_and_seeds_differ_in_order_and_in_views(train_set):
    first, second = (arrays(train_set.augmented(STRONG, seed=3, batch_size=24, epochs=2))[i] for i in (0, 1))
    other = arrays(train_set.augmented(STRONG, seed=4, batch_size=24, epochs=1))[0]
    assert not np.array_equal(first[1], second[1])
    assert not np.array_equal(first[1], other[1])
    assert np.abs(first[0] - other[0]).mean() > 1


def test_an_images_view_is_the_same_whatever_else_is_in_the_batch(train_set, geometry):
    images, positions = (
        tf.constant(np.random.default_rng(0).integers(0, 255, (6, 40, 40, 3)), tf.uint8),
        tf.range(6, dtype=tf.int64),
    )
    together = augmented_views(images, positions, geometry, View(STRONG, 5, 2))
    alone = augmented_views(images[4:5], positions[4:5], geometry, View(STRONG, 5, 2))
    np.testing.assert_array_equal(together[4], alone[0])


def test_no_stream_is_tuned_by_a_thread_that_outsleeps_its_end(train_set):
    streams = (
        train_set.pixels(4),
        train_set.plain(4),
        train_set.augmented(STRONG, seed=0, batch_size=4, epochs=2).take(3),
    )
    assert [stream.options().autotune.enabled for stream in streams] == [False] * 3


def test_every_image_of_the_set_comes_once_an_epoch_and_no_other(train_set):
    members = np.arange(24) % 3 == 0
    part = train_set.subset(members)
    labels = np.concatenate([labels for _, labels in arrays(part.augmented(STRONG, seed=0, batch_size=5, epochs=1))])
    np.testing.assert_array_equal(labels.sum(axis=0), np.bincount(train_set.labels[members]))
    assert part.steps(5) == 2
    plain = part.in_order(np.concatenate([labels for _, labels in arrays(part.plain(5))]))
    np.testing.assert_array_equal(plain.argmax(axis=1), train_set.labels[members])


def test_a_later_shard_alone_can_be_split_too(study, geometry):
    later = ImageSet.open(sorted(study.glob("train-*.tfrecord"))[1:], geometry, read_catalog(study / "catalog.csv"))
    part = later.subset(np.arange(12) >= 8)
    assert sum(len(labels) for _, labels in part.plain(4)) == 4


def test_the_first_batches_hold_their_share_of_the_labels_at_any_size(tmp_path):
    """With labels that follow each other in the catalog, and three times as many images as are held for shuffling."""
    pixels, rows = Geometry(4, 0, "pad", (0, 0, 0)), []
    for label in range(30):
        Image.new("RGB", (4, 4), (label, 0, 0)).save(tmp_path / f"{label}.png")
        rows += [(f"{label}_{i}", "train", f"{label:02}", f"{label}.png") for i in range(100)]
    catalog = pd.DataFrame(rows, columns=["image_id", "split", "label", "path"])
    for shard in range(2):
        write_shard(tmp_path / f"{shard}", catalog, tmp_path, pixels, split="train", shard=shard, shards=2)
    images = ImageSet.open([tmp_path / "0", tmp_path / "1"], pixels, catalog)
    assert len(images) > 2 * SHUFFLE_BUFFER
    batches = images.augmented(Augmentation(), seed=0, batch_size=60)
    labels = [np.unique(targets.numpy().argmax(axis=1)) for _, targets in batches.take(5)]
    # Of 60 drawn at random from 30 labels, 26 labels are expected, and fewer than 20 in one of a million.
    assert min(map(len, labels)) >= 20


def test_what_is_streamed_in_the_order_of_the_files_is_brought_into_that_of_the_catalog(train_set):
    whole = train_set.subset(np.arange(24) % 5 != 0)
    labels = whole.in_order(np.concatenate([targets for _, targets in arrays(whole.plain(7))])).argmax(axis=1)
    np.testing.assert_array_equal(labels, train_set.labels[whole.members])
    assert train_set.image_ids == tuple(sorted(train_set.image_ids))


def test_a_plain_view_without_margin_is_the_stored_image():
    images = np.random.default_rng(0).integers(0, 255, (2, 32, 32, 3)).astype(np.uint8)
    views = plain_views(tf.constant(images), Geometry(32, 0, "pad", (255, 255, 255)))
    np.testing.assert_allclose(views, images, atol=1e-4)


@pytest.mark.parametrize("margin", [8, 24, 70])
def test_a_plain_view_is_the_random_one_that_strays_nowhere(margin):
    geometry = Geometry(32, margin, "pad", (200, 10, 30))
    images = np.full((2, 32 + margin, 32 + margin, 3), geometry.background, np.uint8)
    images[:, 3:-3, 3:-3] = np.random.default_rng(0).integers(0, 255, images[:, 3:-3, 3:-3].shape)
    nowhere = View(Augmentation(), 0, 0)
    expected = augmented_views(tf.constant(images), tf.range(2, dtype=tf.int64), geometry, nowhere)
    np.testing.assert_allclose(plain_views(tf.constant(images), geometry), expected, atol=0.01)


@pytest.mark.parametrize("column", range(7))
def test_a_view_is_what_scipy_makes_of_the_same_affine_map(column, geometry):
    images = scipy.ndimage.gaussian_filter(np.random.default_rng(1).uniform(0, 255, (1, 40, 40, 3)), (0, 2, 2, 0))
    images = images.astype(np.uint8)
    draws = np.zeros((1, 7), np.float32)
    draws[0, column] = -0.7
    xx, xy, x0, yx, yy, y0, _, _ = _transforms(tf.constant(draws), geometry, STRONG).numpy()[0]
    from rockspace.training.augmentation import _resample

    view = _resample(tf.constant(images), _transforms(tf.constant(draws), geometry, STRONG), geometry)[0].numpy()
    for channel in range(3):
        expected = scipy.ndimage.affine_transform(
            images[0, :, :, channel].astype(float),
            [[yy, yx], [xy, xx]],
            offset=[y0, x0],
            output_shape=(32, 32),
            order=1,
            mode="grid-constant",
            cval=255.0,
        )
        np.testing.assert_allclose(view[:, :, channel], expected, atol=0.05)


def test_what_lies_outside_a_photograph_is_background():
    white_on_red = Geometry(32, 0, "pad", (200, 10, 30))
    images = tf.zeros([1, 32, 32, 3], tf.uint8)
    shifted = Augmentation(shift=0.5)
    views = [augmented_views(images, tf.constant([0], tf.int64), white_on_red, View(shifted, 0, e)) for e in range(5)]
    corners = np.concatenate([np.asarray(view)[0, [0, 0, -1, -1], [0, -1, 0, -1]] for view in views])
    assert (np.abs(corners - [200, 10, 30]).max(axis=1) < 1e-3).any()
