"""Fingerprints: whether a checkpoint belongs to the very training that is about to start."""

import hashlib
import json
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from rockspace.data import tfrecords
from rockspace.networks import device


def fingerprint(*parts: Any) -> str:
    """Return a hash of what decides a training, and of the code and libraries that carry it out.

    Args:
        parts: Plain values, arrays, models (architecture and weights), paths (the content of the file), and lists,
            dictionaries and data classes of these. A data class's fields with ``compare=False`` do not count.
    """
    digest = hashlib.sha256(_code().encode())
    _digest(parts, digest)
    return digest.hexdigest()


@cache
def _code() -> str:
    """The libraries' versions and this package's code, as far as they decide a training."""
    packages = (Path(__file__).parent, Path(device.__file__).parent)
    modules = sorted([*(m for package in packages for m in package.glob("*.py")), Path(tfrecords.__file__)])
    code = hashlib.sha256(b"".join(module.read_bytes() for module in modules))
    return f"tensorflow {tf.__version__} keras {keras.__version__} numpy {np.__version__} {code.hexdigest()}"


def _digest(part: Any, digest: Any) -> None:
    """Feed ``part`` to ``digest``, each value behind its type and size so that no two parts read alike."""
    if isinstance(part, keras.Model):
        # How it is compiled follows from the recipe, and has names that Keras counts up in a process.
        architecture = {key: value for key, value in json.loads(part.to_json()).items() if key != "compile_config"}
        part = [json.dumps(architecture), *part.get_weights()]
    elif isinstance(part, dict):
        part = sorted(part.items())
    elif is_dataclass(part):
        part = [(field.name, getattr(part, field.name)) for field in fields(part) if field.compare]
    if isinstance(part, np.ndarray | np.generic):
        array = np.ascontiguousarray(part)
        digest.update(f"array {array.dtype} {array.shape} ".encode())
        digest.update(array.view(np.uint8))
    elif isinstance(part, Path):
        with part.open("rb") as file:
            digest.update(b"file " + hashlib.file_digest(file, "sha256").digest())
    elif isinstance(part, list | tuple):
        digest.update(f"list {len(part)} ".encode())
        for item in part:
            _digest(item, digest)
    elif part is None or isinstance(part, bool | int | float | str):
        text = repr(part).encode()
        digest.update(f"{type(part).__name__} {len(text)} ".encode() + text)
    else:
        raise TypeError(f"no fingerprint of a {type(part).__name__}")
