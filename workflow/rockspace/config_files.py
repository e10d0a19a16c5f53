"""Config files as they lie, checked before anything else reads them.

Snakemake renders a config file that has the key ``__use_yte__`` as a template, which runs the Python code in it; of a key
given twice it takes the last one in silence; and it writes out what aliases repeat.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from rockspace.errors import RockspaceError

MAX_BYTES = 1_000_000
MOST_VALUES, DEEPEST = 100_000, 50
"""Values in a configuration, and mappings and lists inside each other; aliases of YAML make millions out of few lines."""

LONGEST_SHOWN = 50
"""Characters of a value in a message."""

TEMPLATE_KEY = "__use_yte__"


def check_config_file(path: Path) -> None:
    """Refuse a config file that would run code, or of which Snakemake would take something else than is written there.

    Args:
        path: The file, in YAML or JSON.

    Raises:
        RockspaceError: With file and line: a template, a key given twice or read as something else than a name, a second
            document, a tag that makes an object, an alias inside what it names, an anchor given twice, a number that is not
            what it looks like, more values, depth or bytes than a configuration can need, no keys, or no text in UTF-8.
    """
    if not os.path.isfile(path):
        what = (
            "is no regular file; write the configuration into one"
            if os.path.exists(path)
            else "there is no such config file"
        )
        raise RockspaceError(f"{path}: {what}")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise RockspaceError(f"{path}: cannot be read ({error.strerror})") from error
    if len(content) > MAX_BYTES:
        raise RockspaceError(f"{path}: longer than {MAX_BYTES:,} bytes, which no configuration needs")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RockspaceError(f"{path}: not in UTF-8 ({error.reason}); save it as UTF-8") from error
    try:
        # Parsing events takes no recursion. By Snakemake's own reader: libyaml takes what this refuses, such as a tab after a value.
        _check_events(path, yaml.parse(text, Loader=yaml.SafeLoader))
        read = yaml.safe_load(text)
    except yaml.YAMLError as error:
        try:  # JSON has escapes that YAML has not.
            read = json.loads(text, object_pairs_hook=partial(without_repetition, path))
        except RockspaceError:
            raise
        except (ValueError, RecursionError):
            mark = getattr(error, "problem_mark", None)
            where = f"line {mark.line + 1}: " if mark else ""
            reason = getattr(error, "problem", None) or " ".join(str(error).split())
            raise RockspaceError(f"{path}: {where}neither YAML nor JSON ({reason})") from error
    if not isinstance(read, dict):
        raise RockspaceError(f"{path}: no keys with values; write some, such as `study: mine`")


@dataclass
class _Node:
    """A value of the file: what a scalar is read as, how many values it has with all that aliases repeat, how deep they lie."""

    event: Any
    value: Any = None
    size: int = 1
    height: int = 0
    children: int = 0
    keys: dict[str, int] = field(default_factory=dict)


def _check_events(path: Path, events: Iterable[Any]) -> None:
    begun: list[_Node] = []
    named: dict[str, _Node] = {}
    documents = 0
    for event in events:
        line = event.start_mark.line + 1
        match event:
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                _check_tag(path, event)
                begun.append(_Node(event))
                _check_bounds(path, line, 0, len(begun))
                continue
            case yaml.ScalarEvent():
                _check_tag(path, event)
                node = _Node(event, _checked_value(path, event))
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                node = begun.pop()
            case yaml.AliasEvent():
                if event.anchor not in named:
                    raise RockspaceError(
                        f"{path}: line {line}: the alias *{event.anchor} names nothing that is complete before it"
                    )
                node = named[event.anchor]
            case yaml.DocumentStartEvent():
                documents += 1
                if documents > 1:
                    raise RockspaceError(
                        f"{path}: line {line}: a second document begins; keep one, without '---' between"
                    )
                continue
            case _:
                continue
        if not isinstance(event, yaml.AliasEvent) and node.event.anchor:
            if node.event.anchor in named:
                raise RockspaceError(f"{path}: line {line}: the anchor &{node.event.anchor} is given again; rename one")
            named[node.event.anchor] = node
        if begun:
            above = begun[-1]
            is_key = isinstance(above.event, yaml.MappingStartEvent) and above.children % 2 == 0
            if is_key and not isinstance(node.event, yaml.ScalarEvent):
                raise RockspaceError(f"{path}: line {line}: a list or mapping as a key; write a name")
            if is_key:
                _check_key(path, line, node, above.keys)
            above.children += 1
            above.size += node.size
            above.height = max(above.height, node.height + 1)
            _check_bounds(path, line, above.size, len(begun) + node.height)


def _check_key(path: Path, line: int, node: _Node, given: dict[str, int]) -> None:
    key = node.event.value
    if key == TEMPLATE_KEY:
        raise RockspaceError(
            f"{path}: line {line}: '{key}' makes the file a template, and Snakemake would run the Python code in it; "
            "write the values themselves"
        )
    if key in given:
        raise RockspaceError(f"{path}: line {line}: {key!r} is given again, first in line {given[key]}; keep one")
    # YAML makes one key of `yes` and `on`, or of `1` and `0x1`, of which the last would count.
    if type(node.value) not in (str, int) or str(node.value) != key:
        raise RockspaceError(f"{path}: line {line}: the key {key!r} is read as {node.value!r}; write it in quotes")
    given[key] = line


def _check_bounds(path: Path, line: int, size: int, depth: int) -> None:
    if size > MOST_VALUES or depth > DEEPEST:
        raise RockspaceError(
            f"{path}: line {line}: more than {MOST_VALUES} values, or {DEEPEST} mappings and lists inside each other, aliases "
            "written out"
        )


def _checked_value(path: Path, event: Any) -> Any:
    """Read a scalar; refuse what looks like a number or a date and is none, at which Snakemake's reader stops with a stack trace."""
    reader = yaml.SafeLoader("")
    tag = event.tag if event.tag not in (None, "!") else reader.resolve(yaml.ScalarNode, event.value, event.implicit)
    if tag.endswith(":merge"):  # `<<`, which is no value
        return event.value
    try:
        value = reader.construct_object(yaml.ScalarNode(tag, event.value))
        str(value)  # fails for whole numbers of more than 4,300 digits, which Python does not write
        # In YAML 1.1 what begins with 0 has the base 8, and what has colons the base 60.
        if type(value) in (int, float) and (
            ":" in event.value or (re.fullmatch("[-+]?0[0-7_]+", event.value) and value != int(event.value))
        ):
            raise RockspaceError(
                f"{path}: line {event.start_mark.line + 1}: {event.value!r} is read as {value}; write that, or a text in quotes"
            )
        return value
    except (ValueError, TypeError, OverflowError, AttributeError, IndexError, KeyError, yaml.YAMLError) as error:
        shown = event.value if len(event.value) <= LONGEST_SHOWN else f"{event.value[:LONGEST_SHOWN]}..."
        kind = tag.rpartition(":")[2]
        raise RockspaceError(
            f"{path}: line {event.start_mark.line + 1}: {shown!r} is no {kind}; write one, or a text in quotes"
        ) from error


def _check_tag(path: Path, event: Any) -> None:
    kinds = ("str", "int", "float", "bool", "null") if isinstance(event, yaml.ScalarEvent) else ("map", "seq")
    if event.tag not in (None, "!", *(f"tag:yaml.org,2002:{kind}" for kind in kinds)):
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")
        raise RockspaceError(
            f"{path}: line {event.start_mark.line + 1}: the tag {tag!r} is none of a plain value; remove it"
        )


def without_repetition(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a mapping of the pairs of a JSON object in a file; refuse a key given twice, of which JSON takes the last."""
    given = dict(pairs)
    if len(given) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise RockspaceError(f"{path}: {twice!r} is given twice; keep one")
    return given
