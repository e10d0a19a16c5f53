"""Which files of an archive the configuration selects: glob patterns relative to its root."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any, Generic, NamedTuple, TypeVar

from wcmatch import glob

from rockspace.data.names import check_name, composed, fault_of, shown
from rockspace.errors import RockspaceError, listed
from rockspace.limits import time_limit

MAX_DEPTH = 100  # folders within folders; no archive has as many
MAX_FOLDERS = 20_000  # ways to them count, where links lead to one folder from several
MAX_ENTRIES = 2_000_000  # of all folders that are listed
MATCHING_S = 2  # for one name; of patterns with several `**`, some take longer than anyone can wait
# As in a shell with globstar, the same on every system: case counts, and hidden names want a pattern with a dot.
_FLAGS = glob.GLOBSTAR | glob.CASE | glob.FORCEUNIX

Item = TypeVar("Item")
log = logging.getLogger(__name__)


class MissingError(RockspaceError):
    """A pattern matches no file."""

    def __init__(self, message: str, pattern: str):
        super().__init__(message)
        self.pattern = pattern


class Child(NamedTuple, Generic[Item]):
    """One entry of a folder, local or remote; ``item`` identifies it to the caller."""

    name: str
    is_folder: bool
    item: Item


def wanted_patterns(splits: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the patterns of the splits of the config, each once, in their order.

    Args:
        splits: the config's ``dataset.splits``: a mapping with ``images`` (one pattern or several), ``coordinates`` and, where
            given, ``list``, ``names``, ``labels`` and ``individual`` each.

    Raises:
        RockspaceError: a pattern is absolute or climbs out of the archive.
    """
    patterns = [
        pattern
        for split in splits.values()
        for key in ("images", "list", "labels", "coordinates", "names", "individual")
        if split.get(key)
        for pattern in several(split[key])
    ]
    for pattern in patterns:
        if any(segment in ("", ".", "..") for segment in pattern.split("/")):
            raise RockspaceError(
                f"dataset.splits: the pattern {pattern!r} must be relative to the archive's root, "
                "such as '360 Rocks/*.jpg'"
            )
    return list(dict.fromkeys(patterns))


def several(patterns: str | Sequence[str]) -> list[str]:
    """Return the patterns of a config key that holds one or several."""
    return [patterns] if isinstance(patterns, str) else list(patterns)


def matches(path: str, pattern: str) -> bool:
    """Whether ``pattern`` matches ``path``: ``*`` stays within a folder, ``**`` crosses folders.

    As in a shell, a name that starts with a dot is found only by a pattern that does so too. Accents are the same whether they
    are written with their letter or behind it, as in names from a Mac.
    """
    with time_limit(
        MATCHING_S, f"the pattern {shown(pattern)} takes too long to be compared with a name; use fewer **"
    ):
        return glob.globmatch(composed(path), composed(pattern), flags=_FLAGS)


def _almost_matches(path: str, pattern: str) -> bool:
    """Whether case, or blanks and dots at the end, alone tell a name from those that a pattern matches."""
    folded = path.casefold().rstrip(" .")
    return folded != path and matches(folded, pattern.casefold())


def may_hold(folder: str, pattern: str) -> bool:
    """Whether ``pattern`` can match something below ``folder``."""
    segments, names = pattern.split("/"), folder.split("/")
    above = list(takewhile(lambda segment: segment != "**", segments))
    if len(above) == len(segments):
        above.pop()
        if len(names) > len(above):
            return False
    names = names[: len(above)]
    return not names or matches("/".join(names), "/".join(above[: len(names)]))


def find(
    root: Item,
    children: Callable[[Item], Iterable[Child[Item]]],
    patterns: Sequence[str],
    where: str,
) -> dict[str, Item]:
    """List the files that ``patterns`` match; only folders that may contain one are listed.

    A bracket in a pattern is literal in a folder that has a name with it; elsewhere it begins a set of characters.

    Args:
        root: the archive's top folder.
        children: gives the entries of one folder.
        patterns: each must match at least one file.
        where: the archive, in words, for errors.

    Returns:
        The item of each file by its path relative to the root, sorted by path.

    Raises:
        RockspaceError: a pattern matches nothing (`MissingError`), two different files have one path, or a name is invalid.
    """
    found: dict[str, Item] = {}
    named: set[str] = set()
    seen: list[str] = []
    skipped: list[str] = []
    almost: list[str] = []
    folders = 1
    pending = deque([("", root, {pattern: pattern for pattern in patterns})])
    while pending:
        folder, item, readings = pending.popleft()
        entries = list(children(item))
        if len(seen) + len(entries) > MAX_ENTRIES:
            raise RockspaceError(
                f"{where}: more than {MAX_ENTRIES:,} files and folders lie where the patterns lead; narrow them"
            )
        names = [child.name for child in entries]
        readings = {pattern: _with_literal_brackets(reading, names) for pattern, reading in readings.items()}
        spellings: dict[str, Child] = {}
        for child in entries:
            path = folder + child.name
            seen.append(f"{path}/" if child.is_folder else path)
            is_wanted = may_hold if child.is_folder else matches
            wanting = [pattern for pattern, reading in readings.items() if is_wanted(path, reading)]
            if not wanting:
                if fault := fault_of(child.name):
                    skipped.append(f"{shown(child.name)} ({fault})")
                elif not child.is_folder and any(_almost_matches(path, reading) for reading in readings.values()):
                    almost.append(shown(path))
                continue
            check_name(child.name)
            other = spellings.setdefault(composed(child.name), child)
            if (other.name, other.is_folder) != (child.name, child.is_folder) and not other.is_folder & child.is_folder:
                raise RockspaceError(
                    f"{where} lists {path!r} twice, as a file and a folder or with accents written in two ways; rename one"
                )
            if child.is_folder:
                if path.count("/") >= MAX_DEPTH:
                    raise RockspaceError(f"{where}: folders lie more than {MAX_DEPTH} deep in {shown(path)}")
                folders += 1
                if folders > MAX_FOLDERS:
                    raise RockspaceError(
                        f"{where}: more than {MAX_FOLDERS:,} folders may hold what {shown(wanting[0])} names, such as {shown(path)}; "
                        "narrow the pattern, or remove links to folders"
                    )
                pending.append((f"{path}/", child.item, readings))
            elif found.setdefault(path, child.item) != child.item:
                raise RockspaceError(f"{where} lists {path!r} twice, with different contents")
            else:
                named.update(wanting)
    if skipped:
        log.warning("%s: skipped %s, which no pattern names", where, listed(skipped))
    if almost:
        log.warning(
            "%s: left out %s: case, or blanks at the end, tell them from what the patterns name", where, listed(almost)
        )
    for pattern in patterns:
        if pattern not in named:
            raise MissingError(
                f"{pattern!r} matches no file in {where}; found: {_nearby(seen, pattern)}{_hint(pattern)}", pattern
            )
    return dict(sorted(found.items()))


def select(paths: Iterable[str], pattern: str) -> list[str]:
    """Return those of ``paths`` that ``pattern`` matches, its brackets read as in `find`."""
    paths = list(paths)
    reading = _with_literal_brackets(pattern, sorted({name for path in paths for name in path.split("/")}))
    return [path for path in paths if matches(path, reading)]


def _with_literal_brackets(pattern: str, names: Sequence[str]) -> str:
    """Escape the brackets of each segment of ``pattern`` that then matches one of ``names``."""
    segments = []
    for segment in pattern.split("/"):
        escaped = segment.replace("[", "[[]")
        segments.append(escaped if "[" in segment and any(matches(name, escaped) for name in names) else segment)
    return "/".join(segments)


def _hint(pattern: str) -> str:
    return "; a character that is no wildcard stands in brackets: [[] [*] [?]" if set(pattern) & set("[?") else ""


def _nearby(seen: Sequence[str], pattern: str) -> str:
    """The names in the deepest folders that were listed for ``pattern``."""
    pattern = _with_literal_brackets(pattern, sorted({name for path in seen for name in path.split("/")}))
    folders = [(path.rstrip("/").rpartition("/")[0], path) for path in seen]
    entered = [(folder, path) for folder, path in folders if not folder or may_hold(folder, pattern)]
    deepest = max((folder.count("/") + bool(folder) for folder, _ in entered), default=0)
    names = sorted(path for folder, path in entered if folder.count("/") + bool(folder) == deepest)
    return listed(map(shown, names)) or "nothing"
