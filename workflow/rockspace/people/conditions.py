"""The conditions of an experiment on people's choices, and the files that the configuration names."""

import difflib
import glob
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from rockspace.data.catalog import NO_LABEL
from rockspace.errors import RockspaceError
from rockspace.limits import time_limit
from rockspace.people.spellings import comparable

LISTING_S = 30  # for a pattern; through links that lead back, `**` would look without end


@dataclass(frozen=True)
class Condition:
    """What people could choose from in a condition.

    Attributes:
        categories: Their names, in the order in which responses number them.
        category_of: The category of each label; labels of none are left out.
    """

    categories: list[str]
    category_of: dict[str, str]


def choice_files(patterns: Sequence[str], key: str = "choices.files") -> list[Path]:
    """Return the files that a key of the configuration names, by paths or patterns on this machine.

    Raises:
        RockspaceError: One names no file.
    """
    files: list[Path] = []
    for pattern in patterns:
        with time_limit(
            LISTING_S, f"config: {key}: {pattern!r} takes longer than {LISTING_S} s to be looked for; use no **"
        ):
            found = [pattern] if os.path.isfile(pattern) else sorted(glob.glob(pattern, recursive=True))
        if not found:
            raise RockspaceError(f"config: {key}: no file {pattern!r}; give paths or patterns of tables")
        files += [Path(file) for file in found]
    return list(dict.fromkeys(files))


def files_of_conditions(conditions: Mapping[Any, Mapping[str, Any]]) -> dict[str, set[Path]]:
    """Return the resolved files that the configuration says are of a condition, by its name; only of those with ``files``.

    Raises:
        RockspaceError: As from `choice_files`.
    """
    return {
        str(name): {file.resolve() for file in choice_files(each["files"], f"choices.conditions.{name}.files")}
        for name, each in conditions.items()
        if "files" in each
    }


def check_conditions(conditions: Mapping[Any, Mapping[str, Any]]) -> None:
    """Check what the configuration says about conditions, as far as that needs no image.

    Raises:
        RockspaceError: With the key, for codes or files that do not fit.
    """
    named: dict[str, Any] = {}
    for name, each in conditions.items():
        key = f"config: choices.conditions.{name}"
        other = named.setdefault(comparable(each.get("code", name)), name)
        if other != name:
            raise RockspaceError(
                f"{key}.code: files would call condition {str(other)!r} the same; each needs its own code"
            )
        codes = set(map(comparable, each.get("codes", ())))
        if "codes" in each and len(codes) != len(each["categories"]):
            raise RockspaceError(
                f"{key}.codes: found {len(codes)} different ones; needed: {len(each['categories'])}, one "
                "for each category (f and F, 1 and 01 are the same)"
            )
    files_of_conditions(conditions)


def labels_of(catalog: pd.DataFrame) -> list[str]:
    """Return all labels of a study in plain order."""
    return sorted(set(catalog["label"]) - {NO_LABEL})


def condition_of(catalog: pd.DataFrame, categories: Sequence[str], where: str) -> Condition:
    """Return the condition with these categories.

    Args:
        catalog: From `rockspace.data.catalog.read_catalog`.
        categories: Labels of the study, or superclasses, in the order in which responses number them.
        where: File or key that names them, for errors.

    Raises:
        RockspaceError: They are not all labels or all superclasses, fewer than two, or one is named twice.
    """
    superclass_of = catalog[catalog["label"] != NO_LABEL].set_index("label")["superclass"].to_dict()
    for belongs in ({label: label for label in superclass_of}, superclass_of):
        if set(categories) <= set(belongs.values()):
            different = len(set(categories))
            if different < max(2, len(categories)):
                raise RockspaceError(
                    f"{where}: found {different} different of {len(categories)} categories; people need two to choose from, "
                    "each named once"
                )
            return Condition(
                list(categories), {label: category for label, category in belongs.items() if category in categories}
            )
    unknown = next(name for name in categories if name not in superclass_of)
    close = difflib.get_close_matches(unknown, superclass_of, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    raise RockspaceError(
        f"{where}: category '{unknown}' is no label of the study; {hint}Categories are all labels or all superclasses"
    )
