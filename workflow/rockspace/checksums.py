"""Records of artifacts: the SHA-256 of what a stage wrote, compared by the stages that read it.

A record is on disk before its artifact has its name (`rockspace.artifacts.replacing`), and changes only with it: where a
stage was interrupted, there may be a record without an artifact, never a new artifact without a record.

Each lies in a folder ``.checksums`` beside its artifact, so both move together, as ``sha256sum`` writes it:
``cd results/rocks && sha256sum --check .checksums/*`` checks them too.
"""

import errno
import hashlib
import stat
from collections.abc import Iterable
from functools import lru_cache
from io import BufferedReader
from pathlib import Path, PurePosixPath

from rockspace.errors import RockspaceError, is_printable

FOLDER = ".checksums"
TIMESTAMP = ".snakemake_timestamp"
"""File that Snakemake puts into a folder once its stage has ended."""


def record_of(artifact: Path) -> Path:
    """Return the file with the record of an artifact."""
    return artifact.parent / FOLDER / artifact.name


def record_text(artifact: Path, sha256: str | None = None) -> str:
    """Return the record of a file, or of every file in a folder: a line of SHA-256 and name for each.

    Args:
        artifact: File or folder, read to its end.
        sha256: Of the file, if it is known; it is then not read.
    """
    files = sorted(file for file in artifact.rglob("*") if file.is_file()) if artifact.is_dir() else [artifact]
    return "".join(f"{sha256 or _sha256(file)}  {file.relative_to(artifact.parent).as_posix()}\n" for file in files)


def verified(file: str | Path) -> Path:
    """Return the path of a file, once it has been seen to be what its stage wrote.

    Args:
        file: An artifact, or a file in an artifact that is a folder. One that no stage wrote, such as weights
            of the user's own, passes as it is.

    Raises:
        RockspaceError: Naming the file, if it is damaged, was edited, or is gone.
    """
    file = Path(file)
    for artifact in (file, *file.parents):
        digests = _recorded(record_of(artifact)) if artifact.name else None
        if digests is not None:
            break
    else:
        return file
    try:
        if _sha256(file) == digests.get(file.relative_to(artifact.parent).as_posix()):
            return file
        fault = "it has changed since its stage wrote it"
    except FileNotFoundError:
        if not artifact.exists():
            raise RockspaceError(f"{artifact}: it is gone: run again, which makes it again") from None
        fault = f"it is gone from {artifact}"
    except OSError as error:
        fault = f"it cannot be read ({error.strerror})"
    raise RockspaceError(
        f"{file}: {fault}: delete {artifact} and run again, or, to keep a change made on purpose, "
        f"delete {record_of(artifact)}"
    )


def verify_files(artifacts: Iterable[str | Path]) -> None:
    """Verify the artifacts that are files; the files of a folder are verified as they are read."""
    for artifact in map(Path, artifacts):
        digests = _recorded(record_of(artifact)) or {}
        if artifact.name in digests or not artifact.is_dir():
            verified(artifact)


def verify_artifact(artifact: Path) -> bool:
    """Verify an artifact: a file, or a folder with every file that is in it, or was when it was recorded.

    Returns:
        Whether it has a record.

    Raises:
        RockspaceError: As for `verified`, for the first such file.
    """
    digests = _recorded(record_of(artifact))
    if digests is None:
        return False
    if not artifact.is_dir():
        verified(artifact)
        return True
    there = {file.relative_to(artifact.parent).as_posix() for file in artifact.rglob("*") if file.is_file()}
    for name in sorted(there - {f"{artifact.name}/{TIMESTAMP}"} | set(digests)):
        verified(artifact.parent / name)
    return True


def _recorded(record: Path) -> dict[str, str] | None:
    try:
        return _parsed(record, record.stat().st_mtime_ns)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise RockspaceError(
            f"{record}: the record cannot be read ({error.strerror}): delete it and the artifact, and run again"
        ) from error


@lru_cache(maxsize=8)
def _parsed(record: Path, _modified_ns: int) -> dict[str, str]:
    with open_regular(record) as stream:
        lines = stream.read().decode("utf-8", errors="replace").splitlines()
    digests = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    for name in digests:
        path = PurePosixPath(name)
        if path.parts[:1] != (record.name,) or ".." in path.parts or not is_printable(name):
            raise RockspaceError(
                f"{record}: the record is damaged (it has a file {name!r}): delete it and the artifact, and run again"
            )
    return digests


def open_regular(file: Path) -> BufferedReader:
    """Open a regular file to read its bytes; of a pipe in its place, opening would never end."""
    if not stat.S_ISREG(file.stat().st_mode):
        raise OSError(errno.EINVAL, "no regular file", str(file))
    return file.open("rb")


def _sha256(file: Path) -> str:
    with open_regular(file) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
