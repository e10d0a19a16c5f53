"""A local copy of the archive."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from rockspace.artifacts import copy
from rockspace.data.manifest import Entry, describe
from rockspace.data.names import place
from rockspace.data.patterns import Child, find
from rockspace.errors import RockspaceError


def list_folder(source: Path, patterns: Sequence[str]) -> dict[str, Path]:
    """List the files below ``source`` that ``patterns`` name.

    Args:
        source: folder with the layout of the archive; links are followed, but for those that lead back to a folder they lie in.
        patterns: globs relative to it, such as ``360 Rocks/*.jpg``.

    Returns:
        The files by their path relative to ``source``, sorted.

    Raises:
        RockspaceError: ``source`` is no folder that can be read, or has nothing for a pattern.
    """
    if not source.is_dir():
        raise RockspaceError(f"dataset.directory: {source} is not a folder; it must hold a copy of the archive")
    return find(source, _children, patterns, f"the folder {str(source)!r}")


def take(source: Path, patterns: Sequence[str], folder: Path) -> list[Entry]:
    """Copy the files of ``source`` that ``patterns`` name into ``folder``.

    Args:
        source: as for ``list_folder``; nothing in it is moved or changed.
        patterns: as for ``list_folder``.
        folder: an existing folder.

    Returns:
        The entry of each file, sorted by path; each has been read to its end.

    Raises:
        RockspaceError: naming the file that cannot be read, or as for ``list_folder``.
    """
    entries = []
    for path, file in tqdm(list_folder(source, patterns).items(), desc="taking", unit="file"):
        if file.exists() and not file.is_file():
            raise RockspaceError(
                f"{file} is no regular file but a pipe, socket or device; narrow the pattern or remove it"
            )
        try:
            copy(file, place(folder, path))
            entries.append(describe(folder / path, path))
        except OSError as error:
            raise RockspaceError(f"{file} cannot be copied to {folder}: {error.strerror}") from error
    return entries


def _children(folder: Path) -> Iterator[Child]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not (entry.is_symlink() and entry.is_dir() and _leads_back(Path(entry.path))):
                    yield Child(entry.name, entry.is_dir(), Path(entry.path))
    except OSError as error:
        raise RockspaceError(f"{folder} cannot be listed: {error.strerror}") from error


def _leads_back(link: Path) -> bool:
    """Whether a link leads to a folder that it lies in, so that following it would never end."""
    target = Path(os.path.realpath(link))
    return any(target == Path(os.path.realpath(folder)) for folder in link.parents)
