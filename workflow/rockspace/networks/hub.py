"""Presets of KerasHub as backbones."""

from pathlib import Path
from typing import NoReturn

from rockspace.errors import RockspaceError
from rockspace.networks.layer_names import Layers


def layers(backbone: str) -> Layers:
    """Return the names of a preset's layers."""
    _refuse(backbone)


def build(
    backbone: str,
    *,
    image_size: int,
    weights: Path | None,
    output_layer: str | None = None,
    preprocessing: str = "backbone",
    seed: int = 0,
) -> NoReturn:
    """Build a preset; see `rockspace.networks.backbones.build`."""
    _refuse(backbone)


def fetch(backbone: str, destination: Path) -> None:
    """Write the weights of a preset to ``destination``."""
    _refuse(backbone)


def _refuse(backbone: str) -> NoReturn:
    raise RockspaceError(f"{backbone}: presets of KerasHub cannot be used yet")
