"""Networks as the stages need them: to start training from, and for inference."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras
import tensorflow as tf

from rockspace.artifacts import read_json
from rockspace.errors import RockspaceError
from rockspace.networks.backbones import build
from rockspace.networks.folding import fold
from rockspace.networks.precision import choose, fast_inference

log = logging.getLogger(__name__)


def starting_backbone(model: dict[str, Any], image_size: int, weights: str | Path | None, seed: int = 0) -> keras.Model:
    """Build a model's backbone with its pretrained weights.

    Args:
        model: ``backbone``, ``output_layer`` and ``preprocessing``, as in an item of the configuration's ``models``.
        image_size: Side of the images (pixels).
        weights: Weights file; None or empty for random weights.
        seed: Of the random weights.
    """
    return build(
        model["backbone"],
        image_size=image_size,
        weights=Path(weights) if weights else None,
        output_layer=model["output_layer"],
        preprocessing=model["preprocessing"],
        seed=seed,
    )


def precision_setting(setting: str, decided: str | Path | None) -> str | dict[str, str]:
    """Return the configuration's ``precision``, or for ``auto`` what a study has decided once: precisions by phase."""
    return read_json(decided) if decided else setting


def precision_for(setting: str | Mapping[str, str], backbone: str, phase: str) -> str:
    """Return the precision of a phase (``train`` or ``embed``), and log it; ``auto`` lets the hardware decide."""
    if isinstance(setting, Mapping):
        setting = setting[phase]
    precision = choose(backbone, phase) if setting == "auto" else setting
    log.info("%s: %s in %s", backbone, phase, precision)
    return precision


def load_classifier(path: str | Path) -> keras.Model:
    """Load a saved classifier; nothing in the file can run code.

    Raises:
        RockspaceError: Where the file is damaged.
    """
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, OSError, KeyError, BadZipFile) as error:
        reason = " ".join(str(error).split())[:200]
        raise RockspaceError(f"{path}: cannot be loaded ({reason}); delete it and run again") from error


def for_inference(
    network: keras.Model, setting: str | Mapping[str, str], backbone: str
) -> tuple[Callable[[tf.Tensor], Any], str]:
    """Return a function with the outputs of ``network``, as fast as the hardware allows, and its arithmetic."""
    precision = precision_for(setting, backbone, "embed")
    return fast_inference(fold(network), precision), precision
