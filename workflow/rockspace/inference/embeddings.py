"""Embeddings: the activations of named layers, one vector an image."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rockspace.artifacts import StoredArrays


@dataclass(frozen=True)
class Embeddings(StoredArrays):
    """One layer's embedding of both splits.

    Attributes:
        image_id: ``(n,)`` names.
        split: ``(n,)`` ``train`` or ``validation``.
        label: ``(n,)`` label names; empty for an image without one.
        embedding: ``(n, d)`` float32.
    """

    image_id: np.ndarray
    split: np.ndarray
    label: np.ndarray
    embedding: np.ndarray

    def table(self) -> pd.DataFrame:
        """Return ``image_id``, ``split``, ``label`` and one column a feature: ``feature 1``, ``feature 2``, ..."""
        features = {f"feature {i + 1}": values for i, values in enumerate(self.embedding.T)}
        return pd.DataFrame({"image_id": self.image_id, "split": self.split, "label": self.label, **features})

    @classmethod
    def of(cls, catalog: pd.DataFrame, embedding: np.ndarray) -> "Embeddings":
        """Take one layer ``(n, d)``, in the catalog's order."""
        image_id, split, label = (catalog[name].to_numpy(str) for name in ("image_id", "split", "label"))
        return cls(image_id, split, label, embedding)
