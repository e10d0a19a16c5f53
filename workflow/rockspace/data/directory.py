"""A local copy of the archive."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from rockspace.artifacts import copy
from rockspace.data.manifest import Entry, describe
from rockspace.data.names import place
from rockspace.data.patterns import Child, find
from rockspace.data.web import MAX_FILE_BYTES
from rockspace.errors import RockspaceError


def list_folder(source: Path, patterns: Sequence[str]) -> dict[str, Path]:
    """List the files below ``source`` that ``patterns`` match.

    Args:
        source: folder with the layout of the archive; links are followed, except those to a folder that contains them.
        patterns: globs relative to it, such as ``360 Rocks/*.jpg``.

    Returns:
        The files by their path relative to ``source``, sorted.

    Raises:
        RockspaceError: ``source`` is not a readable folder, or a pattern matches nothing, or a file is none that
            ends, such as a pipe, or longer than an archive may hold.
    """
    if not os.path.isdir(source):
        raise RockspaceError(f"dataset.directory: {source} is not a folder; it must hold a copy of the archive")
    # The real paths of each folder and of those that it was reached through.
    real: dict[Path, tuple[str, ...]] = {source: (os.path.realpath(source),)}

    def children(folder: Path) -> Iterator[Child]:
        above = real[folder]
        try:
            with os.scandir(above[0]) as entries:
                for entry in entries:
                    path = folder / entry.name
                    is_folder = os.path.isdir(entry.path)
                    if is_folder:
                        target = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
                        if target in above:  # following the link would never end
                            continue
                        real[path] = (target, *above)
                    yield Child(entry.name, is_folder, path)
        except OSError as error:
            raise RockspaceError(f"{folder} cannot be listed: {error.strerror}") from error

    found = find(source, children, patterns, f"the folder {str(source)!r}")
    for file in found.values():
        if file.exists() and not file.is_file():
            raise RockspaceError(
                f"{file} is no regular file but a pipe, socket or device; narrow the pattern or remove it"
            )
        if file.exists() and file.stat().st_size > MAX_FILE_BYTES:
            raise RockspaceError(f"{file}: longer than {MAX_FILE_BYTES:,} bytes; narrow the pattern or remove it")
    return found


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
        try:
            copy(file, place(folder, path))
            entries.append(describe(folder / path, path))
        except OSError as error:
            raise RockspaceError(f"{file} cannot be copied to {folder}: {error.strerror}") from error
    return entries
