"""Which files of an archive the config asks for: glob patterns relative to its root."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import takewhile
from typing import Any, Generic, NamedTuple, TypeVar

from rockspace.data.names import check_name
from rockspace.errors import RockspaceError

SHOWN_NAMES = 8  # how many names an error lists before it says how many more there are

Item = TypeVar("Item")


class Child(NamedTuple, Generic[Item]):
    """One entry of a folder, wherever the folder is; ``item`` is what its owner knows it by."""

    name: str
    is_folder: bool
    item: Item


def wanted_patterns(splits: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The patterns that the splits of the config name, each once, in their order.

    Args:
        splits: the config's ``dataset.splits``: a mapping with ``images``, ``coordinates`` and, where given,
            ``individual`` each.

    Raises:
        RockspaceError: a pattern is absolute or climbs out of the archive.
    """
    patterns = [
        split[key] for split in splits.values() for key in ("images", "coordinates", "individual") if split.get(key)
    ]
    for pattern in patterns:
        if any(segment in ("", ".", "..") for segment in pattern.split("/")):
            raise RockspaceError(
                f"dataset.splits: the pattern {pattern!r} must be relative to the archive's root, "
                "such as '360 Rocks/*.jpg'"
            )
    return list(dict.fromkeys(patterns))


def matches(path: str, pattern: str) -> bool:
    """Whether ``pattern`` names ``path``: ``*`` stays within a folder, ``**`` crosses folders.

    As in a shell, a name that starts with a dot is found only by a pattern that does so too.
    """
    return _matches(path.split("/"), pattern.split("/"))


def may_hold(folder: str, pattern: str) -> bool:
    """Whether ``pattern`` can name something below ``folder``."""
    segments = pattern.split("/")
    for name in folder.split("/"):
        if segments and segments[0] == "**":
            return True
        if len(segments) < 2 or not _segment_matches(name, segments[0]):
            return False
        segments = segments[1:]
    return True


def find(
    root: Item,
    children: Callable[[Item], Iterable[Child[Item]]],
    patterns: Sequence[str],
    where: str,
) -> dict[str, Item]:
    """Find the files that ``patterns`` name, entering only the folders that can hold one.

    Args:
        root: the archive's root, as ``children`` knows it.
        children: gives the entries of one folder.
        patterns: each must name at least one file.
        where: the archive, in words, for errors.

    Returns:
        The item of each file by its path relative to the root, sorted by path.

    Raises:
        RockspaceError: a pattern names nothing, two different files have one path, or a name is refused.
    """
    found: dict[str, Item] = {}
    seen: list[str] = []
    pending = deque([("", root)])
    while pending:
        folder, item = pending.popleft()
        for child in children(item):
            path = folder + child.name
            seen.append(f"{path}/" if child.is_folder else path)
            is_wanted = may_hold if child.is_folder else matches
            if not any(is_wanted(path, pattern) for pattern in patterns):
                continue
            check_name(child.name)
            if child.is_folder:
                pending.append((f"{path}/", child.item))
            elif found.setdefault(path, child.item) != child.item:
                raise RockspaceError(f"{where} lists {path!r} twice, with different contents")
    for pattern in patterns:
        if not any(matches(path, pattern) for path in found):
            raise RockspaceError(f"{pattern!r} names no file in {where}; there: {_nearby(seen, pattern)}")
    return dict(sorted(found.items()))


def _matches(names: Sequence[str], segments: Sequence[str]) -> bool:
    if not segments:
        return not names
    if segments[0] == "**":
        visible = sum(1 for _ in takewhile(lambda name: not name.startswith("."), names))
        rest = segments[1:] or ["*"]
        return any(_matches(names[start:], rest) for start in range(visible + 1))
    return bool(names) and _segment_matches(names[0], segments[0]) and _matches(names[1:], segments[1:])


def _segment_matches(name: str, segment: str) -> bool:
    return fnmatchcase(name, segment) and (segment.startswith(".") or not name.startswith("."))


def _nearby(seen: Sequence[str], pattern: str) -> str:
    """The names in the deepest folders that were entered for ``pattern``."""
    folders = [(path.rstrip("/").rpartition("/")[0], path) for path in seen]
    entered = [(folder, path) for folder, path in folders if not folder or may_hold(folder, pattern)]
    deepest = max((folder.count("/") + bool(folder) for folder, _ in entered), default=0)
    names = sorted(path for folder, path in entered if folder.count("/") + bool(folder) == deepest)
    shown = ", ".join(map(ascii, names[:SHOWN_NAMES])) or "nothing"
    return shown if len(names) <= SHOWN_NAMES else f"{shown} and {len(names) - SHOWN_NAMES} more"
