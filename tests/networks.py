"""Networks and images that several tests share."""

from functools import cache

import keras
import numpy as np
from scipy import ndimage

from rockspace.networks import backbones

# One of each family; the others differ in depth and width alone.
FAMILIES = (
    "resnet50",
    "resnet50_v2",
    "efficientnet_b0",
    "efficientnet_v2_b0",
    "convnext_tiny",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "densenet121",
    "vgg16",
    "inception_v3",
    "xception",
    "efficientnet_lite0",
)
IMAGE_SIZE = 80


@cache
def backbone(name: str) -> keras.Model:
    """A backbone whose batch norms have statistics and coefficients far from the neutral ones they start with."""
    model = backbones.build(name, image_size=IMAGE_SIZE, weights=None, seed=1)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = layer.moving_mean.shape
            layer.moving_mean.assign(rng.normal(0, 0.3, shape))
            layer.moving_variance.assign(rng.uniform(0.3, 2, shape))
            if layer.center:
                layer.beta.assign(rng.normal(0, 0.3, shape))
            if layer.scale:
                layer.gamma.assign(rng.uniform(0.5, 1.5, shape))
    return model


@cache
def textures(count: int = 2, size: int = IMAGE_SIZE) -> np.ndarray:
    """Images (count, size, size, 3) of coloured grain, coarse and fine, 0..255 float32."""
    rng = np.random.default_rng(5)
    images = [ndimage.gaussian_filter(rng.normal(size=(size, size, 3)), (i + 1, i + 1, 0)) for i in range(count)]
    scaled = [(image - image.min()) / np.ptp(image) * 255 for image in images]
    return np.stack(scaled).astype(np.float32)


def relative_difference(actual: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, as a share of the largest value."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    return float(np.abs(actual - expected).max() / np.abs(expected).max())
