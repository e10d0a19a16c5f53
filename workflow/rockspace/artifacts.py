"""Files that are whole or not there: written under a temporary name, then renamed."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its name once the block succeeds.

    The temporary path keeps the suffix of ``path`` (Keras and matplotlib choose the format by it) and
    does not exist yet, so the block may create a file or a folder there. If the block raises, what
    it left is removed and an older ``path`` stays as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".partial-") as folder:
        partial = Path(folder) / path.name
        yield partial
        if path.is_dir() and partial.is_dir():
            shutil.rmtree(path)
        os.replace(partial, path)


def link_or_copy(source: Path, target: Path) -> None:
    """Give the file ``source`` a second name; across file systems, copy it. Never moves anything."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)


def write_json(path: str | Path, content: Any) -> None:
    """Write ``content`` as indented JSON; NaN is refused, since JSON has none."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
