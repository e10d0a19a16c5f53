"""What the machine, not the study, may lack, and what to do about it."""

import errno
import os
import re

from rockspace.errors import printable

_FULL = "no space is left for %s: free some and run again"
_NO_MEMORY = (
    "no memory is left for %s: run again with fewer jobs at once (a smaller --cores), and with a higher "
    "`ulimit -v` if there is one"
)
_NOT_ALLOWED = "no permission for %s: its owner can give it (to a group: `chmod -R g+rwX`), then run again"
_GONE = "the file system of %s is gone: mount it again and run again"
_FAULTS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: "a file would be larger than `ulimit -f` or the file system allows at %s: raise the limit and run again",
    errno.EIO: "the disk failed in reading or writing %s (input/output error): check it and run again",
    errno.EROFS: "the disk of %s is read-only: make it writable and run again",
    errno.ENOMEM: _NO_MEMORY,
    errno.EACCES: _NOT_ALLOWED,
    errno.EPERM: _NOT_ALLOWED,
    errno.EMFILE: "more files than `ulimit -n` allows are open at %s: raise the limit and run again",
    errno.ESTALE: _GONE,
    errno.ENOTCONN: _GONE,
}
# What is in the way of a file or folder: a folder in the place of a file, or the other way round.
_IN_THE_WAY = (errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.ELOOP)
# Without a number these words may be said of anything.
_SAID_OF_ANYTHING = (errno.EACCES, errno.EPERM, errno.ENOTCONN)
_IN_WORDS = {
    os.strerror(number).lower(): fault for number, fault in _FAULTS.items() if number not in _SAID_OF_ANYTHING
} | {
    "failed to map segment from shared object": _NO_MEMORY,
    "can't start new thread": _NO_MEMORY,
}


def fault_of_the_machine(error: BaseException | None, what: str) -> str | None:
    """Return what to do if an error, or what led to it, is a fault of the machine.

    Args:
        error: Of any kind.
        what: Where it happened, if the error names no file.
    """
    while error is not None:
        number = errno.ENOMEM if isinstance(error, MemoryError) else getattr(error, "errno", None)
        file = getattr(error, "filename", None)
        where = what if file is None else printable(os.fsdecode(file))
        is_of_a_socket = number == errno.ENOTCONN and file is None
        fault = _FAULTS[number] % where if number in _FAULTS else fault_in_words(str(error), where)
        if fault is not None and not is_of_a_socket:
            return fault
        if number in _IN_THE_WAY and file is not None:
            # Of a rename, what was to be replaced.
            place = getattr(error, "filename2", None) or file
            return unusable(printable(os.fsdecode(place)), os.strerror(number))
        error = error.__cause__ or error.__context__
    return None


def unusable(file: str, why: str) -> str:
    """Say that a file or folder cannot be used, for a reason in the system's words."""
    return f"{file} cannot be used ({why.lower()}): mend that and run again"


def fault_in_words(text: str, what: str) -> str | None:
    """Return what to do if a text tells of a fault of the machine, as libraries and stack traces do in words alone."""
    by_number = [_FAULTS.get(int(number)) for number in re.findall(r"\[Errno (\d{1,3})\] \w", text)]
    by_words = [fault for words, fault in _IN_WORDS.items() if words in text.lower()]
    return next((fault % what for fault in (*by_number, *by_words) if fault), None)
