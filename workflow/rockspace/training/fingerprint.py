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
    text = json.dumps([_code(), *parts], default=_described, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _described(part: Any) -> Any:
    """Return what stands in JSON for a value that it has no form for."""
    if isinstance(part, keras.Model):
        # How it is compiled follows from the recipe, and has names that Keras counts up in a process.
        architecture = json.loads(part.to_json())
        return [{key: value for key, value in architecture.items() if key != "compile_config"}, part.get_weights()]
    if is_dataclass(part):
        return {field.name: getattr(part, field.name) for field in fields(part) if field.compare}
    if isinstance(part, np.ndarray | np.generic):
        content = hashlib.sha256(np.ascontiguousarray(part).tobytes())
        return {"array": str(part.dtype), "shape": part.shape, "sha256": content.hexdigest()}
    if isinstance(part, Path):
        with part.open("rb") as file:
            return {"file": hashlib.file_digest(file, "sha256").hexdigest()}
    raise TypeError(f"no fingerprint of a {type(part).__name__}")


@cache
def _code() -> str:
    """The libraries' versions and this package's code, as far as they decide a training."""
    packages = (Path(__file__).parent, Path(device.__file__).parent)
    modules = sorted([*(m for package in packages for m in package.glob("*.py")), Path(tfrecords.__file__)])
    code = hashlib.sha256(b"".join(module.read_bytes() for module in modules))
    return f"tensorflow {tf.__version__} keras {keras.__version__} numpy {np.__version__} {code.hexdigest()}"
