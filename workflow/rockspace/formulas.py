"""Texts that spreadsheets take for formulas: opening a CSV with one computes it, or starts what it names."""

import re
from collections.abc import Iterable

from rockspace.errors import RockspaceError

# In some languages a semicolon begins the next cell, whatever the file means by it. Signs alone compute nothing.
_FORMULA = re.compile(
    r"(?:^|[;\t\r\n])[^\S\t\r\n]*(?P<formula>[=+\-@\uff1d\uff0b\uff0d\uff20][^;\t\r\n]*\w[^;\t\r\n]*)"
)
_NUMBER = re.compile(r"[+-][\d.,]*\d[\d.,]*(?:e[+-]?\d+)?\s*%?\s*", re.IGNORECASE)


def is_formula(text: str) -> bool:
    """Return whether a spreadsheet would compute a cell with this text; a number is none."""
    return any(not _NUMBER.fullmatch(match["formula"]) for match in _FORMULA.finditer(text))


def refuse_formulas(texts: Iterable[object], where: str) -> None:
    """Refuse names and labels that are `is_formula`.

    Args:
        texts: What is to be written; what is no text passes.
        where: File and column, for the message.

    Raises:
        RockspaceError: Names the first one.
    """
    for text in texts:
        if isinstance(text, str) and is_formula(text):
            raise RockspaceError(
                f"{where}: {text!r} would be computed as a formula by a spreadsheet that opens the file; rename it, so that it "
                "begins with none of = + - @"
            )
