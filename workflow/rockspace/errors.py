"""The one exception that is meant for the person who runs the workflow."""

from collections.abc import Iterable


class RockspaceError(Exception):
    """What went wrong, where (file, row or key), and what to do, in one line.

    Everything else that is raised is a bug and keeps its stack trace.
    """


SHOWN_NAMES = 5


def listed(names: Iterable[object]) -> str:
    """Write names for a message: the first few, and how many more there are."""
    texts = [str(name) for name in names]
    more = f" and {len(texts) - SHOWN_NAMES} more" if len(texts) > SHOWN_NAMES else ""
    return ", ".join(texts[:SHOWN_NAMES]) + more
