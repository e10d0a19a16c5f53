"""Settings of libraries that decide what is computed: the standard ones, whatever the user's files and environment say."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KERAS_HOME = Path(__file__).parent
"""Folder of a ``keras.json`` with Keras' own defaults; a package of its own, since its data files count as its code."""


@contextmanager
def standard_settings() -> Iterator[None]:
    """Keep a block that imports Keras, or starts a process that does, from ``~/.keras/keras.json`` and ``KERAS_*``.

    The user's environment is as it was after the block: Keras reads it as it is imported, and its cache of weights serves later.
    """
    of_user = {name: value for name, value in os.environ.items() if name.startswith("KERAS_")}
    for name in of_user:
        del os.environ[name]
    os.environ |= {"KERAS_HOME": str(KERAS_HOME), "KERAS_BACKEND": "tensorflow"}
    try:
        yield
    finally:
        del os.environ["KERAS_HOME"], os.environ["KERAS_BACKEND"]
        os.environ |= of_user
