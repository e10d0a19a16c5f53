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
    """List the files below ``source`` that ``patterns`` match.

    Args:
        source: folder with the layout of the archive; links are followed, except those to a folder that contains them.
        patterns: globs relative to it, such as ``360 Rocks/*.jpg``.

    Returns:
        The files by their path relative to ``source``, sorted.

    Raises:
        RockspaceError: ``source`` is not a readable folder, or a pattern matches nothing.
    """
    if not source.is_dir():
        raise RockspaceError(f"dataset.directory: {source} is not a folder; it must hold a copy of the archive")
    return find(source, _children, patterns, f"the folder {str(source)!r}")


def take(source: Path, patterns: Sequence[str], folder: Path) -> list[Entry]:
    """Copy the files of ``source`` that ``patterns`` match into ``folder``.

    Args:
        source: as for ``list_folder``; it is left unchanged.
        patterns: as for ``list_folder``.
        folder: an existing folder.

    Returns:
        The entry of each file, sorted by path.

    Raises:
        RockspaceError: a file cannot be read, or as for ``list_folder``.
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
    """Whether a link leads to a folder that contains it, so that following it would never end."""
    target = Path(os.path.realpath(link))
    return any(target == Path(os.path.realpath(folder)) for folder in link.parents)
