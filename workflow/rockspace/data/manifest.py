"""Manifests of archives: path, size, checksums and source of each file."""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from rockspace.artifacts import read_json, write_json
from rockspace.data.names import check_path
from rockspace.errors import RockspaceError

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, order=True)
class Entry:
    """One file of the archive.

    Attributes:
        path: relative to ``raw/``, segments separated by ``/``.
        size: bytes.
        md5: 32 hexadecimal digits.
        sha256: 64 hexadecimal digits.
        url: where it was downloaded from; None where it was copied or drawn.
    """

    path: str
    size: int
    md5: str
    sha256: str
    url: str | None = None


def describe(file: Path, path: str, url: str | None = None) -> Entry:
    """Read ``file`` to its end and return its entry.

    Args:
        file: the file.
        path: its path in the archive.
        url: where it was downloaded from.
    """
    size, md5, sha256 = 0, hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            size += len(chunk)
            md5.update(chunk)
            sha256.update(chunk)
    return Entry(path, size, md5.hexdigest(), sha256.hexdigest(), url)


def write_manifest(manifest: Path, entries: Iterable[Entry]) -> None:
    """Write ``entries`` sorted by path; the same files give the same bytes."""
    write_json(manifest, [asdict(entry) for entry in sorted(entries)])


def read_manifest(manifest: Path) -> list[Entry]:
    """Read what ``write_manifest`` wrote.

    Raises:
        RockspaceError: the manifest is missing or malformed, or names a path outside ``raw/``.
    """
    try:
        entries = [Entry(**fields) for fields in read_json(manifest)]
        for entry in entries:
            check_path(entry.path)
    except OSError as error:
        raise RockspaceError(f"{manifest} cannot be read ({error.strerror}): {_REDO}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise RockspaceError(f"{manifest} is not a manifest of the archive: {_REDO}") from error
    return entries


def verify(raw: Path, manifest: Path) -> list[Entry]:
    """Read every file that ``manifest`` lists and compare it with its entry.

    Returns:
        The entries, sorted by path.

    Raises:
        RockspaceError: naming the first file that is missing or differs.
    """
    entries = read_manifest(manifest)
    for entry in entries:
        file = raw / entry.path
        try:
            found = describe(file, entry.path, entry.url)
        except FileNotFoundError:
            raise RockspaceError(f"{file} is missing, but {manifest.name} lists it: {_REDO}") from None
        except OSError as error:
            raise RockspaceError(f"{file} cannot be read ({error.strerror}): {_REDO}") from error
        if found != entry:
            raise RockspaceError(f"{file} is not the file that {manifest.name} lists: {_REDO}")
    return entries


def lost_files(raw: Path, manifest: Path) -> list[str]:
    """Return the files of ``manifest`` that are missing from ``raw`` or have another size.

    Checks existence and size only; see `verify`. Without a manifest nothing is known to be lost; one that cannot be
    read is itself lost.
    """
    if not manifest.exists():
        return []
    try:
        entries = read_manifest(manifest)
    except RockspaceError:
        return [manifest.name]
    return [entry.path for entry in entries if not _has_size(raw / entry.path, entry.size)]


_REDO = "download the archive again with `--forcerun download`"


def _has_size(file: Path, size: int) -> bool:
    return file.is_file() and file.stat().st_size == size
