"""One pass of a trained network over stored images: its outputs and its layers, one row per image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rockspace.artifacts import write_arrays
from rockspace.errors import RockspaceError

OUTPUT, LAYER = "output/", "layer/"
"""What the names of arrays begin with."""


@dataclass(frozen=True)
class OnePass:
    """What a network says of images.

    Attributes:
        image_id: ``(n,)`` names.
        outputs: By name (``predictions``, ``coordinates``), ``(n, ...)``.
        layers: By name, ``(n, d)``.
        precision: Arithmetic that it was computed in.
    """

    image_id: np.ndarray
    outputs: dict[str, np.ndarray]
    layers: dict[str, np.ndarray]
    precision: str


def save_pass(path: str | Path, image_ids: Sequence[str], arrays: Mapping[str, np.ndarray], precision: str) -> None:
    """Write the outputs of the model of `rockspace.inference.prediction.one_pass_model` for one shard."""
    write_arrays(path, {"image_id": np.array(image_ids), "precision": np.array(precision), **arrays})


def load_pass(paths: Sequence[str | Path], image_ids: Sequence[str], *, layers: Sequence[str] | None = None) -> OnePass:
    """Put all shards together, in the order of ``image_ids``.

    Args:
        paths: What `save_pass` wrote, for all shards of both splits.
        image_ids: The images, as the catalog has them.
        layers: The layers to read; None reads the outputs alone.

    Raises:
        RockspaceError: Where an image is in no shard.
    """
    shards = []
    for path in paths:
        with np.load(path, allow_pickle=False) as shard:
            wanted = [f"{LAYER}{name}" for name in layers or ()] + [
                name for name in shard.files if layers is None and name.startswith(OUTPUT)
            ]
            shards.append({name: shard[name] for name in ("image_id", "precision", *wanted)})
    row_of = {name: row for row, name in enumerate(np.concatenate([shard["image_id"] for shard in shards]))}
    missing = [name for name in image_ids if name not in row_of]
    if missing:
        raise RockspaceError(f"{paths[0]}: no image '{missing[0]}'; run again with `--forcerun infer`")
    order = [row_of[name] for name in image_ids]
    arrays = {name: np.concatenate([shard[name] for shard in shards])[order] for name in wanted}
    return OnePass(
        image_id=np.array(image_ids),
        outputs={name.removeprefix(OUTPUT): array for name, array in arrays.items() if name.startswith(OUTPUT)},
        layers={name.removeprefix(LAYER): array for name, array in arrays.items() if name.startswith(LAYER)},
        precision=str(shards[0]["precision"]),
    )
