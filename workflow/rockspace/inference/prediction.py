"""What a network says of images, averaged over several views of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from rockspace.inference.evaluation import Outputs
from rockspace.networks.objectives import COORDINATES, PREDICTIONS
from rockspace.training.augmentation import Augmentation, Stream
from rockspace.training.pipeline import ImageSet, View


@dataclass(frozen=True)
class Views:
    """Which views of an image a network is asked about.

    Attributes:
        count: The image as it is, and ``count - 1`` augmented views.
        augmentation: How far those may stray.
        seed: Seed of those; none of them is a view that the same seed trains on.
    """

    count: int = 1
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0

    def each(self) -> list[View | None]:
        """Return the views, the image as it is first."""
        return [None, *(View(self.augmentation, self.seed, i, Stream.TEST_VIEWS) for i in range(self.count - 1))]


def answers(
    network: Callable[[tf.Tensor], dict[str, tf.Tensor]],
    images: ImageSet,
    batch_size: int,
    views: Views | None = None,
    doing: str = "evaluating",
) -> dict[str, np.ndarray]:
    """Return what a network says of every image, averaged over its views.

    Args:
        network: From pixels to arrays by name.
        images: The images.
        batch_size: Images per step.
        views: Which views; None for the images as they are.
        doing: What the progress bar says.

    Returns:
        ``(n, ...)`` float32 for each name, in the order of ``images.image_ids``.
    """
    looks = (views or Views()).each()
    total: dict[str, np.ndarray] = {}
    with tqdm(total=images.steps(batch_size) * len(looks), desc=doing, unit="batch") as bar:
        for view in looks:
            parts = []
            for batch in images.pixels(batch_size, view):
                parts.append(keras.tree.map_structure(np.asarray, network(batch)))
                bar.update()
            for name in parts[0]:
                values = images.in_order(np.concatenate([part[name] for part in parts]))
                total[name] = total[name] + values if name in total else values
    return {name: values / np.float32(len(looks)) for name, values in total.items()}


def outputs_of(
    said: dict[str, np.ndarray], images: ImageSet, split: str, labels: Sequence[str], dimensions: Sequence[str]
) -> Outputs:
    """Put what a network said of a set of images together with their names, labels and coordinates.

    Args:
        said: ``predictions``, ``coordinates`` or both, as from `answers` for `classifier.named_outputs`.
        images: The images.
        split: Name of their split.
        labels: Names of all labels, in order.
        dimensions: Names of the human dimensions.
    """
    coordinates, members = said.get(COORDINATES), images.members
    return Outputs(
        image_id=np.array(images.image_ids)[members],
        split=np.full(len(images), split),
        label=np.take(labels, images.labels[members]),
        labels=np.array(labels),
        probabilities=said.get(PREDICTIONS),
        coordinates=coordinates,
        observed=None if coordinates is None else images.coordinates[members],
        dimensions=None if coordinates is None else np.array(dimensions),
    )
