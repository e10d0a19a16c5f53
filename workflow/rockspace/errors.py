"""The one exception that is meant for the person who runs the workflow."""

import re
from collections.abc import Iterable

SHOWN_NAMES = 5
LONGEST_MESSAGE = 2000

# Control characters, line and paragraph separators, characters that turn the direction of writing, halves of characters.
_UNSEEN = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")


class RockspaceError(Exception):
    """What went wrong, where (file, row or key), and what to do, in one line.

    Everything else that is raised is a bug and keeps its stack trace. Names and values in a message may come from anywhere, so
    that it is made `printable`.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(printable(str(message)))


def printable(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """Return a text in one line that no terminal obeys: control characters as escapes, and its middle left out if it is longer."""
    if len(text) > longest:
        text = f"{text[: longest // 2]} ... {text[-(longest // 2) :]}"
    return _UNSEEN.sub(lambda match: ascii(match[0])[1:-1], text)


def is_printable(text: str) -> bool:
    """Return whether `printable` leaves a text of any length as it is."""
    return not _UNSEEN.search(text)


def listed(names: Iterable[object]) -> str:
    """Write names for a message: the first few, and how many more there are."""
    texts = [str(name) for name in names]
    more = f" and {len(texts) - SHOWN_NAMES} more" if len(texts) > SHOWN_NAMES else ""
    return ", ".join(texts[:SHOWN_NAMES]) + more
