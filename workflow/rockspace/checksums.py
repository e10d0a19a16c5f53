"""Checksums of artifacts: recorded by the stage that writes them, compared by the stages that read them.

Each lies in a folder ``.checksums`` beside its artifact, so both move together, as ``sha256sum`` writes it:
``cd results/rocks && sha256sum --check .checksums/*`` checks them too.
"""

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from rockspace.artifacts import replacing
from rockspace.errors import RockspaceError

FOLDER = ".checksums"


def record(artifact: str | Path) -> None:
    """Write down the SHA-256 of a file, or of every file in a folder."""
    artifact = Path(artifact)
    files = sorted(file for file in artifact.rglob("*") if file.is_file()) if artifact.is_dir() else [artifact]
    lines = [f"{_sha256(file)}  {file.relative_to(artifact.parent).as_posix()}\n" for file in files]
    with replacing(_record_of(artifact)) as partial:
        partial.write_text("".join(lines), encoding="utf-8")


def forget(artifacts: Iterable[str | Path]) -> None:
    """Remove the checksums of artifacts that are about to be made again."""
    for artifact in map(Path, artifacts):
        _record_of(artifact).unlink(missing_ok=True)


def verified(file: str | Path) -> Path:
    """Return the path of a file, once it has been seen to be what its stage wrote.

    Args:
        file: An artifact, or a file in an artifact that is a folder. One that no stage wrote, such as weights
            of the user's own, passes as it is.

    Raises:
        RockspaceError: Naming the file, if it is damaged, was edited, or is gone from its folder.
    """
    file = Path(file)
    for artifact in (file, *file.parents):
        digests = _recorded(_record_of(artifact)) if artifact.name else {}
        if digests:
            break
    else:
        return file
    name = file.relative_to(artifact.parent).as_posix()
    try:
        if _sha256(file) == digests.get(name):
            return file
        fault = "it has changed since its stage wrote it"
    except OSError as error:
        fault = f"it cannot be read ({error.strerror})"
    raise RockspaceError(
        f"{file}: {fault}: delete {artifact} and run again, or, to keep a change made on purpose, "
        f"delete {_record_of(artifact)}"
    )


def verify_files(artifacts: Iterable[str | Path]) -> None:
    """Verify the artifacts that are files; the files of a folder are verified as they are read."""
    for artifact in map(Path, artifacts):
        if not artifact.is_dir():
            verified(artifact)


def _record_of(artifact: Path) -> Path:
    return artifact.parent / FOLDER / artifact.name


def _recorded(record: Path) -> dict[str, str]:
    try:
        return _parsed(record, record.stat().st_mtime_ns)
    except (FileNotFoundError, NotADirectoryError):
        return {}


@lru_cache(maxsize=8)
def _parsed(record: Path, _modified_ns: int) -> dict[str, str]:
    lines = record.read_text(encoding="utf-8", errors="replace").splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
