"""A bound in seconds for what may never end, such as a pattern that backtracks."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rockspace.errors import RockspaceError


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
