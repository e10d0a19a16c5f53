"""File names from archives: which are accepted, and where their files are written."""

import re
import unicodedata
from pathlib import Path

from rockspace.errors import RockspaceError, is_printable

LONGEST_NAME_BYTES = 255  # what ext4, XFS, APFS and NTFS allow for one name

_DRIVE_LETTER = re.compile(r"[A-Za-z]:")


def composed(name: str) -> str:
    """Return a name with each accented letter as one character, however it was typed; a Mac writes accents behind letters."""
    return unicodedata.normalize("NFC", name)


def check_name(name: str) -> str:
    """Return ``name`` if it is a valid name of one file or folder.

    Args:
        name: one segment of a path, as an archive lists it.

    Raises:
        RockspaceError: `fault_of` finds a fault.
    """
    if fault := fault_of(name):
        raise RockspaceError(f"file name {shown(name)} in the archive is refused: {fault}; rename the file")
    return name


def fault_of(name: str) -> str | None:
    """Return why ``name`` is not a valid file name, or None.

    It is empty, ``.`` or ``..``, holds a separator of any system, a control character (also one that turns the direction
    of writing) or a drive letter, cannot be encoded, or is longer than file systems allow.
    """
    if name in ("", ".", ".."):
        return "it names no file"
    if "/" in name or "\\" in name:
        return "it contains a path separator"
    if _DRIVE_LETTER.match(name):
        return "it starts with a drive letter"
    try:
        is_long = len(name.encode()) > LONGEST_NAME_BYTES
    except UnicodeEncodeError:
        return "it is not valid Unicode"
    if not is_printable(name):
        return "it contains a control character"
    return f"it is longer than {LONGEST_NAME_BYTES} bytes" if is_long else None


def check_path(path: str) -> str:
    """Return ``path`` if each of its segments, separated by ``/``, passes ``check_name``."""
    for name in path.split("/"):
        check_name(name)
    return path


def place(root: Path, path: str) -> Path:
    """Return the path of a file below ``root``, and create its folders.

    Raises:
        RockspaceError: ``path`` would leave ``root``, by its name or through a symbolic link.
    """
    target = root
    for name in check_path(path).split("/"):
        if target != root:
            target.mkdir(exist_ok=True)
        target = target / name
        if target.is_symlink():
            raise RockspaceError(
                f"{target} is a symbolic link, and the archive is not written through links: remove it"
            )
    return target


def shown(name: str, longest: int = 80) -> str:
    """``name`` in ASCII on one line."""
    return ascii(name if len(name) <= longest else name[:longest] + "...")
