"""Networks as the stages need them: to start training from, and for inference."""

import json
import logging
import shutil
import zipfile
from pathlib import Path
from typing import Any

import keras

from rockspace.artifacts import read_json, replacing
from rockspace.errors import RockspaceError
from rockspace.network_kinds import RANDOM
from rockspace.networks.by_kind import module_of
from rockspace.networks.classifier import pooled_backbone

log = logging.getLogger(__name__)


def starting_backbone(model: dict[str, Any], image_size: int, weights: str | Path | None, seed: int = 0) -> keras.Model:
    """Build a model's backbone up to its features, with its pretrained weights.

    Args:
        model: ``backbone``, ``output_layer``, ``preprocessing``, ``feature_layers`` and ``pooling``, as in an item of the
            configuration's ``models``, and ``weights`` if they are random although there is a file.
        image_size: Side of the images (pixels).
        weights: Weights file; None or empty for random weights.
        seed: Of the random weights.
    """
    # A file that also says what layers there are is read for random weights, too.
    options = {"pretrained": False} if model.get("weights") == RANDOM else {}
    backbone = module_of(model["backbone"]).build(
        model["backbone"],
        image_size=image_size,
        weights=Path(weights) if weights else None,
        output_layer=model["output_layer"],
        preprocessing=model["preprocessing"],
        seed=seed,
        **options,
    )
    return pooled_backbone(backbone, model["feature_layers"], model["pooling"])


def precision_of(phase: str, setting: str, decided: str | Path | None) -> str:
    """Return the precision of a phase (``train`` or ``embed``), and log it.

    Args:
        phase: Key of the file.
        setting: The configuration's ``precision``.
        decided: File of the precisions that a study has decided on once, for the setting ``auto``.
    """
    precision = read_json(decided)[phase] if decided else setting
    log.info("precision (%s): %s", phase, precision)
    return precision


def load_classifier(path: str | Path) -> keras.Model:
    """Load a saved classifier; nothing in the file can run code.

    Raises:
        RockspaceError: Where the file is damaged.
    """
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, OSError, KeyError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())[:200]
        raise RockspaceError(f"{path}: cannot be loaded ({reason}); delete it and run again") from error


def save_classifier(network: keras.Model, path: str | Path) -> None:
    """Save a classifier for `load_classifier`: the same bytes for the same network, whenever it is saved."""
    with replacing(path) as partial:
        dated = partial.with_name("dated.keras")
        network.save(dated)
        with zipfile.ZipFile(dated) as saved, zipfile.ZipFile(partial, "w") as archive:
            for name in saved.namelist():
                with saved.open(name) as content, archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as copy:
                    if name == "metadata.json":
                        metadata = {key: value for key, value in json.load(content).items() if key != "date_saved"}
                        copy.write(json.dumps(metadata).encode())
                    else:
                        shutil.copyfileobj(content, copy)
