"""Files that are whole or not there: written under a temporary name, then renamed."""

import fcntl
import glob
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

FICLONE = 0x40049409
"""Linux's request to share a file's blocks with another; other systems do not know it."""


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its name once the block succeeds.

    The temporary path keeps the suffix of ``path`` (Keras and matplotlib choose the format by it) and
    does not exist yet, so the block may create a file or a folder there. If the block raises, what
    it left is removed and an older ``path`` stays as it was. What a killed process left is removed by the
    next one that writes ``path``.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".partial-{path.name}-"
    for left in path.parent.glob(f"{glob.escape(prefix)}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=prefix) as folder:
        partial = Path(folder) / path.name
        yield partial
        if partial.is_dir():
            if path.is_dir():
                os.replace(path, Path(folder) / ".older")
        else:
            _to_disk(partial)
        os.replace(partial, path)


def _to_disk(file: Path) -> None:
    """Without it, a loss of power could leave the new name with none of its content."""
    with file.open("rb") as stream:
        os.fsync(stream.fileno())


def copy(source: Path, target: Path) -> None:
    """Copy a file; where the file system can, both share their blocks until one of them is written to."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as content, target.open("xb") as other:
        try:
            fcntl.ioctl(other, FICLONE, content.fileno())
        except OSError:
            shutil.copyfileobj(content, other)


def link_or_copy(source: Path, target: Path) -> None:
    """Give an artifact a second name; across file systems, copy it. Not for files of the user's own: see `copy`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)


def write_text(path: str | Path, text: str) -> None:
    """Write text in UTF-8."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: str | Path, content: Any) -> None:
    """Write ``content`` as indented JSON; NaN is refused, since JSON has none."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read what `write_json` wrote."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_csv(path: str | Path, table: "pd.DataFrame", *, index: bool = False) -> None:
    """Write a table as CSV, with its index as the first column if ``index``."""
    with replacing(path) as partial:
        table.to_csv(partial, index=index)


def write_arrays(path: str | Path, arrays: Mapping[str, np.ndarray | None]) -> None:
    """Write an ``npz`` file of named arrays; a name for None is left out."""
    with replacing(path) as partial:
        np.savez(partial, allow_pickle=False, **{name: value for name, value in arrays.items() if value is not None})


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """Read what `write_arrays` wrote; nothing in the file can run code."""
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


class StoredArrays:
    """A data class of arrays and numbers that is stored as an ``npz`` file; attributes that are None are left out."""

    def save(self, path: str | Path) -> None:
        """Write the attributes as arrays by their names."""
        write_arrays(path, vars(self))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote."""
        return cls(**{name: array if array.ndim else array[()] for name, array in read_arrays(path).items()})
