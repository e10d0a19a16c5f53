"""Augmentation: random views of stored images, decided by seed, epoch and image alone."""

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import tensorflow as tf

from rockspace.data.tfrecords import Geometry


@dataclass(frozen=True)
class Augmentation:
    """Augmentation range; see the ``augmentation`` section of the configuration.

    Attributes:
        rotation: Largest rotation to either side (degrees).
        shear: Largest shear to either side (degrees).
        zoom: Largest change of scale (0.2: between 0.8 and 1.2 times).
        shift: Largest shift along each axis (share of the side).
        horizontal_flip: Mirror left and right, in half of the views.
        vertical_flip: Mirror top and bottom, in half of the views.
        crop: Least and largest share of the picture's area that a view shows, from anywhere in the picture.
    """

    rotation: float = 0.0
    shear: float = 0.0
    zoom: float = 0.0
    shift: float = 0.0
    horizontal_flip: bool = False
    vertical_flip: bool = False
    crop: tuple[float, float] = (1.0, 1.0)

    @classmethod
    def from_config(cls, section: dict[str, Any]) -> "Augmentation":
        """Take the ``augmentation`` section of the configuration."""
        return cls(**(section | {"crop": tuple(section.get("crop", cls.crop))}))


class Stream(IntEnum):
    """What random numbers are for; those of one stream are independent of those of another with the same seed."""

    TRAINING_VIEWS = 0
    ORDER = 1
    TEST_VIEWS = 2


class View(NamedTuple):
    """One random view of every image.

    Attributes:
        augmentation: Augmentation range.
        seed: Seed of the view.
        number: Which view, counted from 0; in training the epoch.
        stream: ``TRAINING_VIEWS`` or ``TEST_VIEWS``: other views for the same seed.
    """

    augmentation: Augmentation
    seed: int
    number: int | tf.Tensor
    stream: Stream = Stream.TRAINING_VIEWS


# Random numbers behind a view, and further ones behind a crop, which leave the others as they are.
DRAWS, CROP_DRAWS = 7, 3

# How many stored pixels may fall on a seen one, along a side, before a view is averaged over several samples.
SHARP_UP_TO = 1.5


def augmented_views(images: tf.Tensor, positions: tf.Tensor, geometry: Geometry, view: View) -> tf.Tensor:
    """Draw one random view of each image.

    Args:
        images: ``(n, stored_size, stored_size, 3)`` uint8.
        positions: ``(n,)`` int64, the images' positions in their split: what makes each draw its own.
        geometry: Stored and seen sizes, and the background.
        view: Which view.

    Returns:
        ``(n, image_size, image_size, 3)`` float32, 0 to 255.
    """
    of_seed = tf.constant([view.seed, view.stream], tf.int64)
    of_view = tf.random.experimental.stateless_fold_in(of_seed, tf.cast(view.number, tf.int64))

    def draw(position: tf.Tensor) -> tf.Tensor:
        of_image = tf.random.experimental.stateless_fold_in(of_view, position)
        draws = tf.random.stateless_uniform([DRAWS], of_image, -1.0, 1.0)
        if view.augmentation.crop == (1.0, 1.0):
            return draws
        of_crop = tf.random.experimental.stateless_fold_in(of_image, tf.constant(1, tf.int64))
        return tf.concat([draws, tf.random.stateless_uniform([CROP_DRAWS], of_crop, -1.0, 1.0)], axis=0)

    draws = tf.map_fn(draw, positions, fn_output_signature=tf.float32)
    return _resample(images, _transforms(draws, geometry, view.augmentation), geometry)


def plain_views(images: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    """Bring each image to the seen size, unchanged otherwise: ``(n, image_size, image_size, 3)`` float32, 0 to 255."""
    # The same as a random view with an empty augmentation range, in a fifth of the time.
    samples = _samples(geometry)
    finer = tf.image.resize(images, [geometry.image_size * samples] * 2, method="bilinear")
    return _averaged(tf.cast(finer, tf.float32), samples, geometry)


def _transforms(draws: tf.Tensor, geometry: Geometry, augmentation: Augmentation) -> tf.Tensor:
    """Turn draws ``(n, 7)``, or ``(n, 10)`` with those of a crop, from -1 to 1 into maps ``(n, 8)`` from seen to stored pixels.

    Rotation, shear, scale and flips are composed first, so that each pixel is interpolated once.
    """
    angle, shear, zoom, across, down, left_right, top_bottom, *of_crop = tf.unstack(draws, axis=1)
    angle = angle * math.radians(augmentation.rotation)
    shear = tf.tan(shear * math.radians(augmentation.shear))
    scale = geometry.stored_size / geometry.image_size / (1.0 + zoom * augmentation.zoom)
    across, down = across * augmentation.shift, down * augmentation.shift
    if of_crop:
        smallest, largest = augmentation.crop
        side = tf.sqrt(smallest + (largest - smallest) * (of_crop[0] + 1.0) / 2.0)
        scale, room = scale * side, (1.0 - side) / 2.0
        across, down = across + room * of_crop[1], down + room * of_crop[2]
    flip_x = tf.where((left_right < 0) & augmentation.horizontal_flip, -1.0, 1.0)
    flip_y = tf.where((top_bottom < 0) & augmentation.vertical_flip, -1.0, 1.0)
    cos, sin = tf.cos(angle), tf.sin(angle)
    xx, xy = scale * flip_x * cos, scale * flip_y * (shear * cos - sin)
    yx, yy = scale * flip_x * sin, scale * flip_y * (shear * sin + cos)
    seen, stored = (geometry.image_size - 1) / 2, (geometry.stored_size - 1) / 2
    x0 = stored + across * geometry.stored_size - seen * (xx + xy)
    y0 = stored + down * geometry.stored_size - seen * (yx + yy)
    nothing = tf.zeros_like(xx)
    return tf.stack([xx, xy, x0, yx, yy, y0, nothing, nothing], axis=1)


def _samples(geometry: Geometry) -> int:
    """Return over how many samples, along a side, each seen pixel is averaged."""
    ratio = geometry.stored_size / geometry.image_size
    return round(ratio) if ratio > SHARP_UP_TO else 1


def _averaged(finer: tf.Tensor, samples: int, geometry: Geometry) -> tf.Tensor:
    seen = tf.nn.avg_pool2d(finer, samples, samples, "VALID") if samples > 1 else finer
    return tf.ensure_shape(seen, [None, geometry.image_size, geometry.image_size, 3])


def _resample(images: tf.Tensor, transforms: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    # The op fills with one number for all channels, so colours are taken relative to the background.
    background = tf.constant(geometry.background, tf.float32)
    samples = _samples(geometry)
    views = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images, tf.float32) - background,
        transforms=_finer(transforms, samples),
        output_shape=[geometry.image_size * samples] * 2,
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
    return _averaged(views, samples, geometry) + background


def _finer(transforms: tf.Tensor, samples: int) -> tf.Tensor:
    """Return maps ``(n, 8)`` to stored pixels from a grid ``samples`` times as fine as that of the seen pixels.

    Seen pixel ``u`` becomes the fine pixels ``u * samples`` to ``u * samples + samples - 1``, whose middle is ``u``.
    """
    if samples == 1:
        return transforms
    xx, xy, x0, yx, yy, y0, *rest = tf.unstack(transforms, axis=1)
    middle = (samples - 1) / 2
    xx, xy, yx, yy = (factor / samples for factor in (xx, xy, yx, yy))
    return tf.stack([xx, xy, x0 - middle * (xx + xy), yx, yy, y0 - middle * (yx + yy), *rest], axis=1)
