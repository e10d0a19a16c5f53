"""How a name or value may be written: what counts as the same in files of people's and in the configuration."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from rockspace.data.names import composed
from rockspace.data.tables import is_integer, is_number, number


def comparable(value: object) -> str:
    """Return a cell, or a value of the configuration, as they are compared: 0.50 is 0.5, TRUE is true, and None is empty."""
    text = "" if value is None else str(value).strip()
    return str(number(text)) if is_number(text) else text.casefold()


def same_person(name: str) -> str:
    """Return what all ways to write a person's name have in common: p1 is P1, and 1 is 01 and 1.0."""
    return plain(composed(name)).casefold()


def plain(cell: str) -> str:
    """Return a whole number without leading zeros or decimals; other text as it is."""
    return str(int(number(cell))) if is_integer(cell) else cell


def spellings(names: Iterable[str]) -> dict[str, str]:
    """Return the name of each name, and of each way to write it that no other name shares; see `spelled`."""
    names = list(names)
    written = Counter(map(_loose, names))
    return {_loose(name): name for name in names if written[_loose(name)] == 1} | {name: name for name in names}


def spelled(text: str, names: Mapping[str, str]) -> str | None:
    """Return the name that a text is, exactly or in another case or with other blanks; None if it is none.

    Args:
        text: A cell or header.
        names: As from `spellings`.
    """
    return names.get(text, names.get(_loose(text)))


def _loose(text: str) -> str:
    """A name without case and with one kind of blank, one of which comes first, as in no name itself."""
    return " " + re.sub(r"[\s_-]+", " ", composed(plain(text.strip())).casefold())
