"""Digests of the user's own files, by which, and not by their ages, it is decided which stages run again."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from rockspace.artifacts import read_json, write_json
from rockspace.errors import RockspaceError


def digest_of(files: Mapping[str, Path] | None, record: Path, *, keep: bool) -> str | None:
    """Return a hash of the names and contents of files.

    A file is read again if its path, size or one of its times of change differs from the record; one of these cannot be
    set back.

    Args:
        files: Files by the names that count; None if they cannot be reached, which are then taken to be as recorded.
        record: JSON file of what was read before.
        keep: Whether to write the record; one process of a run is enough.

    Returns:
        16 hexadecimal digits; None if there are no files.

    Raises:
        RockspaceError: A file cannot be read.
    """
    try:
        known = read_json(record)
    except (OSError, ValueError):
        known = {}
    found = known if files is None else {name: _seen(file, known.get(name)) for name, file in files.items()}
    if keep and found != known:
        write_json(record, found)
    contents = sorted((name, seen[-1]) for name, seen in found.items())
    return hashlib.sha256(json.dumps(contents).encode()).hexdigest()[:16] if contents else None


def _seen(file: Path, known: list | None) -> list:
    """Path, size, times of change (ns) and SHA-256 of a file."""
    try:
        status = file.stat()
        mark = [str(file), status.st_size, status.st_mtime_ns, status.st_ctime_ns]
        if known is not None and known[:-1] == mark:
            return known
        with file.open("rb") as stream:
            return [*mark, hashlib.file_digest(stream, "sha256").hexdigest()]
    except OSError as error:
        raise RockspaceError(f"{file} cannot be read: {error.strerror}") from error
