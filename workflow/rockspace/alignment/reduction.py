"""Two ways to bring features and coordinates to the same number of dimensions."""

from __future__ import annotations

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from rockspace.alignment.procrustes import Procrustes

REDUCTIONS = ("pca", "zero_pad")


def reducer(reduction: str, learn: np.ndarray, k: int) -> TransformerMixin:
    """Return the reduction that precedes the rotation, not yet fitted.

    Args:
        reduction: `pca` keeps the k strongest principal components of the features; `zero_pad` keeps all
            features, and the coordinates are padded with zeros inside `Procrustes`.
        learn: Features of the images that it will be fitted on, shape (n, d); only their number counts here.
        k: Number of human dimensions.
    """
    if reduction == "zero_pad":
        return FunctionTransformer()
    return PCA(min(k, learn.shape[1], len(learn) - 1), svd_solver="full")


def reduced_procrustes(reduction: str, learn: np.ndarray, k: int, reflection: bool) -> Pipeline:
    """Return a reduction and a rotation as one estimator, not yet fitted; see `reducer`."""
    return make_pipeline(reducer(reduction, learn, k), Procrustes(reflection=reflection))
