"""Bounds for what may never end: seconds, for a pattern that backtracks, and bytes, for a small file that unpacks to any number."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rockspace.errors import RockspaceError

MAX_EXPANSION = 200  # times a file's own size, or a megabyte, that it may unpack to; only zeros without end take less


def unpacks_too_far(stored: int, unpacked: int) -> bool:
    """Whether a file of ``stored`` bytes holds ``unpacked`` bytes that nobody stores in so few."""
    return unpacked > MAX_EXPANSION * max(stored, 1_000_000)


@contextmanager
def time_limit(seconds: float, message: str) -> Iterator[None]:
    """End a block that takes too long, by a signal, which Python's regular expressions heed as well.

    Only the main thread of a process receives signals; in others the block has no limit.

    Args:
        seconds: More than 0.
        message: Of the error.

    Raises:
        RockspaceError: The block took longer.
    """

    def give_up(*_: object) -> None:
        raise RockspaceError(message)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGALRM, give_up)
    remaining, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, remaining, interval)
        signal.signal(signal.SIGALRM, handler)
