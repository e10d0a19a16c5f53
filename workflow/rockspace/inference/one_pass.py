"""One pass of a trained network over stored images: its outputs and its layers, one row per image."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from rockspace.artifacts import write_arrays
from rockspace.errors import RockspaceError

OUTPUT, LAYER = "output/", "layer/"
"""What the names of arrays begin with."""


def save_pass(path: str | Path, image_ids: Sequence[str], arrays: Mapping[str, np.ndarray], precision: str) -> None:
    """Write the outputs of the model of `rockspace.inference.prediction.one_pass_model` for one shard."""
    write_arrays(path, {"image_id": np.array(image_ids), "precision": np.array(precision), **arrays})


def load_outputs(paths: Sequence[str | Path], image_ids: Sequence[str]) -> tuple[dict[str, np.ndarray], str]:
    """Read the outputs of a network by name, ``(n, ...)`` in the order of ``image_ids``, and its precision.

    Args:
        paths: What `save_pass` wrote, for all shards of both splits.
        image_ids: The images, as the catalog has them.

    Raises:
        RockspaceError: Where an image is in no shard.
    """
    with np.load(paths[0], allow_pickle=False) as shard:
        names = [name for name in shard.files if name.startswith(OUTPUT)]
        precision = str(shard["precision"])
    return {name.removeprefix(OUTPUT): array for name, array in _load(paths, image_ids, names).items()}, precision


def load_layer(paths: Sequence[str | Path], image_ids: Sequence[str], layer: str) -> np.ndarray:
    """Read the activations ``(n, d)`` of one layer; arguments and errors as for `load_outputs`."""
    return _load(paths, image_ids, [f"{LAYER}{layer}"])[f"{LAYER}{layer}"]


def _load(paths: Sequence[str | Path], image_ids: Sequence[str], names: Sequence[str]) -> dict[str, np.ndarray]:
    shards = []
    for path in paths:
        with np.load(path, allow_pickle=False) as shard:
            shards.append({name: shard[name] for name in ("image_id", *names)})
    row_of = {name: row for row, name in enumerate(np.concatenate([shard["image_id"] for shard in shards]))}
    missing = [name for name in image_ids if name not in row_of]
    if missing:
        raise RockspaceError(f"{paths[0]}: no image '{missing[0]}'; run again with `--forcerun infer`")
    order = [row_of[name] for name in image_ids]
    return {name: np.concatenate([shard[name] for shard in shards])[order] for name in names}
