"""Embeddings: the activations of named layers, one vector an image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from rockspace.artifacts import read_arrays, write_arrays
from rockspace.errors import RockspaceError


@dataclass(frozen=True)
class Embeddings:
    """One layer's embedding of both splits.

    Attributes:
        image_id: ``(n,)`` names.
        split: ``(n,)`` ``train`` or ``validation``.
        label: ``(n,)`` label names.
        embedding: ``(n, d)`` float32.
    """

    image_id: np.ndarray
    split: np.ndarray
    label: np.ndarray
    embedding: np.ndarray

    def save(self, path: Path) -> None:
        """Write an ``npz`` file with the attributes as arrays."""
        write_arrays(path, vars(self))

    def table(self) -> pd.DataFrame:
        """Return ``image_id``, ``split``, ``label`` and one column a feature: ``feature 1``, ``feature 2``, ..."""
        names = [f"feature {i + 1}" for i in range(self.embedding.shape[1])]
        table = pd.DataFrame(self.embedding, columns=names)
        for position, name in enumerate(("image_id", "split", "label")):
            table.insert(position, name, getattr(self, name))
        return table

    @classmethod
    def load(cls, path: str | Path) -> "Embeddings":
        """Read what `save` wrote."""
        return cls(**read_arrays(path))


def save_activations(path: Path, image_ids: Sequence[str], layers: Mapping[str, np.ndarray]) -> None:
    """Write the pooled activations of one shard: ``image_id`` and one array ``(n, d)`` a layer."""
    write_arrays(path, {"image_id": np.array(image_ids), **layers})


def join_activations(paths: Sequence[str | Path], layer: str, catalog: pd.DataFrame) -> Embeddings:
    """Put one layer of all shards together, in the catalog's order.

    Args:
        paths: What `save_activations` wrote, for all shards of both splits.
        layer: Name of the layer.
        catalog: Says split and label of each image.

    Raises:
        RockspaceError: Where an image of the catalog is in no shard.
    """
    names, values = [], []
    for path in paths:
        with np.load(path, allow_pickle=False) as shard:
            names.append(shard["image_id"])
            values.append(shard[layer])
    row_of = {name: row for row, name in enumerate(np.concatenate(names))}
    missing = [name for name in catalog["image_id"] if name not in row_of]
    if missing:
        raise RockspaceError(f"{paths[0]}: no activations of image '{missing[0]}'; run the stage 'activations' again")
    order = [row_of[name] for name in catalog["image_id"]]
    image_id, split, label = (catalog[name].to_numpy(str) for name in ("image_id", "split", "label"))
    return Embeddings(image_id, split, label, np.concatenate(values)[order])
