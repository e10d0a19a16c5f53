"""Files that are whole or not there: written under a temporary name, recorded, then renamed."""

import errno
import fcntl
import glob
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import numpy as np

from rockspace.checksums import open_regular, record_of, record_text
from rockspace.formulas import refuse_formulas

if TYPE_CHECKING:
    import pandas as pd

FICLONE = 0x40049409
"""Linux's request to share a file's blocks with another; other systems do not know it."""

LOCK = ".lock"
"""File in a temporary folder, locked by the process that writes there."""


_recorded: set[str] = set()


@contextmanager
def recording(artifacts: Iterable[str | Path]) -> Iterator[None]:
    """Have `replacing` record these artifacts, which the block writes; see `rockspace.checksums`.

    Raises:
        RuntimeError: The block wrote one of them otherwise.
    """
    names = set(map(os.path.abspath, artifacts))
    _recorded.update(names)
    try:
        yield
    finally:
        _recorded.difference_update(names)
    if without := sorted(name for name in names if os.path.exists(name) and not record_of(Path(name)).exists()):
        raise RuntimeError(f"{without[0]} was not written by rockspace.artifacts")


@contextmanager
def replacing(path: str | Path, sha256: str | None = None) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its name once the block succeeds.

    The temporary path keeps the suffix of ``path`` (Keras and matplotlib choose the format by it) and
    does not exist yet, so the block may create a file or a folder there. If the block raises, what
    it left is removed and an older ``path`` stays as it was. What a killed process left is removed by the
    next one that writes ``path``; several processes may write it at once, and the last one that ends gives its content.

    Before it takes its name, its content is on disk, and, of an artifact (see `recording`), its record too. So whenever
    the power fails, ``path`` is not there, or is whole and has its record.

    Args:
        path: File or folder.
        sha256: Of the content, where it is known before it is written; otherwise what has been written is read.
    """
    path = Path(path)
    _make_folder(path.parent)
    # Of a name that is nearly as long as a name may be, its beginning.
    prefix = f".partial-{os.fsdecode(os.fsencode(path.name)[:200])}-"
    for left in path.parent.glob(f"{glob.escape(prefix)}*"):
        _remove_if_left(left)
    with _folder_in_use(path.parent, prefix) as folder:
        partial = folder / path.name
        yield partial
        is_artifact = os.path.abspath(path) in _recorded
        record = record_text(partial, sha256) if is_artifact else ""
        for file in (*partial.rglob("*"), partial):
            to_disk(file)
        # An older artifact that was removed before does not come back.
        to_disk(path.parent)
        if is_artifact:
            write_text(record_of(path), record)
        if partial.is_dir() and path.is_dir():
            os.replace(path, folder / ".older")
        os.replace(partial, path)
        to_disk(path.parent)
    # The temporary folder, which is gone, does not come back.
    to_disk(path.parent)


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, whose names survive a loss of power."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in missing:
        to_disk(each.parent)


def to_disk(path: Path) -> None:
    """Wait until a file's content, or the names in a folder, would survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot do it to folders, and need not.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP) or not path.is_dir():
            raise
    finally:
        os.close(descriptor)


@contextmanager
def _folder_in_use(parent: Path, prefix: str) -> Iterator[Path]:
    """Make a temporary folder that other processes leave alone while this one lives."""
    lock = None
    while lock is None:
        # Not by `tempfile`, whose folders only their owner can enter: another user of the study removes them too.
        folder = parent / f"{prefix}{secrets.token_hex(8)}"
        folder.mkdir()
        lock = _locked(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.close()


def _locked(folder: Path) -> BinaryIO | None:
    """Lock a new temporary folder; None if another process took it for one that was left, and removes it."""
    try:
        lock = (folder / LOCK).open("wb")
    except FileNotFoundError:
        return None
    if _is_locked_elsewhere(lock) or not (folder / LOCK).exists():
        lock.close()
        return None
    return lock


def _is_locked_elsewhere(file: BinaryIO) -> bool:
    """Lock a file until it is closed, where the file system knows locks; return whether another process has it locked."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no locks here, so no process removes what another may have left
        return False
    return False


def _remove_if_left(folder: Path) -> None:
    """Remove a temporary folder, unless a living process has it locked, or the file system cannot tell."""
    if folder.is_symlink():  # which leads elsewhere
        return
    # A link is not followed, and no other end of a pipe is waited for.
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    with suppress(OSError), os.fdopen(os.open(folder / LOCK, flags, 0o666), "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)


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
    content = text.encode()
    with replacing(path, hashlib.sha256(content).hexdigest()) as partial:
        partial.write_bytes(content)


def write_json(path: str | Path, content: Any) -> None:
    """Write ``content`` as indented JSON; NaN is refused, since JSON has none."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read what `write_json` wrote."""
    with open_regular(Path(path)) as stream:
        return json.loads(stream.read().decode("utf-8"))


def write_csv(path: str | Path, table: "pd.DataFrame", *, index: bool = False) -> None:
    """Write a table as CSV, with its index as the first column if ``index``.

    Raises:
        RockspaceError: A name or a text in it would be computed by a spreadsheet.
    """
    name = Path(path).name
    refuse_formulas(map(str, table.columns), f"{name}: a column")
    if index:
        refuse_formulas(table.index, f"{name}: column {table.index.name!r}")
    for column, values in table.select_dtypes(exclude=["number", "bool"]).items():
        refuse_formulas(values.unique(), f"{name}: column {column!r}")
    write_text(path, table.to_csv(index=index))


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
