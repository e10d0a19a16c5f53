"""Mixing: training on blends of two images of a batch, with the same blend of their targets."""

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf


@dataclass(frozen=True)
class Mixing:
    """How strongly images are mixed; with both kinds, each batch takes either at even odds.

    Attributes:
        mixup: Both parameters of the beta distribution of the first image's share; 0 leaves images alone.
        cutmix: The same for rectangles that the second image covers; 0 leaves images alone.

    References:
        Zhang, H. et al. (2018). mixup: Beyond empirical risk minimization. ICLR.
        Yun, S. et al. (2019). CutMix: Regularization strategy to train strong classifiers with localizable features. ICCV.
    """

    mixup: float = 0.0
    cutmix: float = 0.0

    @classmethod
    def from_config(cls, section: dict[str, Any]) -> "Mixing":
        """Take ``mixup`` and ``cutmix`` of a training section of the configuration."""
        return cls(section["mixup"], section["cutmix"])

    def __bool__(self) -> bool:
        return self.mixup > 0 or self.cutmix > 0


def mixed(images: tf.Tensor, targets: Any, mixing: Mixing, seed: tf.Tensor) -> tuple[tf.Tensor, Any]:
    """Mix every image of a batch with another of the batch.

    Args:
        images: ``(n, height, width, channels)``.
        targets: ``(n, ...)`` float, or a dictionary of such.
        mixing: How strongly.
        seed: ``(2,)`` int64; decides the partners and the shares.

    Returns:
        Images and targets of the same shapes.
    """
    partners = tf.argsort(tf.random.stateless_uniform([tf.shape(images)[0]], _fold(seed, 0)))
    if mixing.mixup and mixing.cutmix:
        blend = tf.random.stateless_uniform([], _fold(seed, 1)) < 0.5
        return tf.cond(
            blend,
            lambda: _mixup(images, targets, partners, mixing.mixup, seed),
            lambda: _cutmix(images, targets, partners, mixing.cutmix, seed),
        )
    if mixing.mixup:
        return _mixup(images, targets, partners, mixing.mixup, seed)
    return _cutmix(images, targets, partners, mixing.cutmix, seed)


def _mixup(
    images: tf.Tensor, targets: Any, partners: tf.Tensor, alpha: float, seed: tf.Tensor
) -> tuple[tf.Tensor, Any]:
    share = _beta(alpha, seed)
    return _blend(images, partners, share), _blend_all(targets, partners, share)


def _cutmix(
    images: tf.Tensor, targets: Any, partners: tf.Tensor, alpha: float, seed: tf.Tensor
) -> tuple[tf.Tensor, Any]:
    """Cover a rectangle with the same one of the partner; what the border cuts off is taken off its share."""
    height, width = (tf.cast(side, tf.float32) for side in tf.unstack(tf.shape(images)[1:3]))
    half = tf.sqrt(1.0 - _beta(alpha, seed)) / 2
    middle = tf.random.stateless_uniform([2], _fold(seed, 4))
    covered = _within(middle[0], half, height)[:, None] & _within(middle[1], half, width)[None, :]
    share = 1.0 - tf.reduce_mean(tf.cast(covered, tf.float32))
    return tf.where(covered[None, :, :, None], tf.gather(images, partners), images), _blend_all(
        targets, partners, share
    )


def _within(middle: tf.Tensor, half: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Return which pixels of a side lie within ``half`` (share of the side) of ``middle``."""
    places = (tf.range(size) + 0.5) / size
    return tf.abs(places - middle) < half


def _beta(alpha: float, seed: tf.Tensor) -> tf.Tensor:
    one, other = (tf.random.stateless_gamma([], _fold(seed, stream), alpha) for stream in (2, 3))
    return tf.math.divide_no_nan(one, one + other)


def _blend(values: tf.Tensor, partners: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    return share * values + (1.0 - share) * tf.gather(values, partners)


def _blend_all(targets: Any, partners: tf.Tensor, share: tf.Tensor) -> Any:
    return keras.tree.map_structure(lambda values: _blend(values, partners, share), targets)


def _fold(seed: tf.Tensor, stream: int) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(seed, tf.constant(stream, tf.int64))
