"""What people took the images for: trials, counts and confusion matrices, as experiments leave them."""

from __future__ import annotations

import difflib
import glob
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rockspace.data.arrays import read_frame
from rockspace.data.catalog import NO_LABEL
from rockspace.data.pairing import PEOPLE, ordered, pair
from rockspace.data.splits import match_name
from rockspace.data.tables import Table, are_numbers, is_integer, is_missing, is_number, number, read_table
from rockspace.errors import RockspaceError, listed
from rockspace.time_limit import time_limit

COLUMNS = ["condition", "person", "image_id", "label", "category", "count"]
"""Columns of `Choices.responses`."""

LISTING_S = 30  # for a pattern; through links that lead back, `**` would look without end
ONLY_CONDITION = "all"
"""The condition's name where there is one."""

_NAMES = {  # what columns are called if the configuration does not say, in lower case
    "person": PEOPLE,
    "condition": re.compile(r"condition"),
    "image": re.compile(r"image|image_id|stimulus|filename"),
    "subtype": re.compile(r"subtype|label"),
    "token": re.compile(r"token"),
    "response": re.compile(r"response|choice"),
    "count": re.compile(r"count|freq|frequency|n"),
    "right": re.compile(r"correct|accuracy|acc"),
}
_CHOSEN = re.compile(r"respon|chos|choice|answer|predict")  # how a header of what was chosen begins
_RIGHT = {"1": True, "true": True, "0": False, "false": False}
_WHOLE = (1.0, 100.0)  # what shares of responses add up to
_ROUNDED = 0.02  # and by how much they may miss it, being rounded, in parts of it
_MOST = 10**9  # more people than were ever asked; sums fit 64 bits
_GROUPED = re.compile(r"[1-9]\d{0,2}[.,]000")  # 1,000 may be a thousand


@dataclass(frozen=True)
class Condition:
    """What people could choose from in a condition.

    Attributes:
        categories: Their names, in the order in which responses number them.
        category_of: The category of each label; labels of none are left out.
    """

    categories: list[str]
    category_of: dict[str, str]


@dataclass(frozen=True)
class Choices:
    """Who took what for what, how often, and which images they had studied.

    Attributes:
        responses: The columns `COLUMNS`, one row for each that occurs. ``person`` is empty where responses of several
            people were counted together, ``image_id`` where those to all images of a ``label`` of the split were.
        conditions: By name.
        studied: The exemplars: ``image_id``, and ``group``, from 0, of those whose memory strength may differ.
        notes: What was read and what was left out, in lines.
    """

    responses: pd.DataFrame
    conditions: dict[str, Condition]
    studied: pd.DataFrame
    notes: list[str]


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


def check_conditions(conditions: Mapping[Any, Mapping[str, Any]]) -> None:
    """Check what the configuration says about conditions, as far as that needs no image.

    Raises:
        RockspaceError: With the key, for codes or files that do not fit.
    """
    named: dict[str, Any] = {}
    for name, each in conditions.items():
        key = f"config: choices.conditions.{name}"
        other = named.setdefault(_same(each.get("code", name)), name)
        if other != name:
            raise RockspaceError(
                f"{key}.code: files would call condition {str(other)!r} the same; each needs its own code"
            )
        choice_files(each.get("files", ()), f"choices.conditions.{name}.files")
        if "codes" in each and len(set(map(_same, each["codes"]))) != len(each["categories"]):
            raise RockspaceError(
                f"{key}.codes: found {len(set(map(_same, each['codes'])))} different ones; needed: {len(each['categories'])}, one "
                "for each category (f and F, 1 and 01 are the same)"
            )


def read_choices(files: Sequence[Path], catalog: pd.DataFrame, settings: Mapping[str, Any], filename: str) -> Choices:
    """Read what people chose.

    Args:
        files: Tables of trials (with a column of responses), tables of counts (a row for each image, or for each label,
            and a column for each category), or ``.npy`` arrays of counts, shape (images of the split in natural order
            of their paths, categories). Several are added up.
        catalog: From `rockspace.data.catalog.read_catalog`.
        settings: The section ``choices`` of the configuration.
        filename: Pattern of file names, whose group ``token`` numbers the images of a label.

    Raises:
        RockspaceError: With file and row or key, for the first thing that does not fit.
    """
    check_conditions(settings["conditions"])
    reader = _Reader(catalog, settings, filename)
    if settings["file_per_person"]:
        _refuse_namesakes(files)
    kept = pd.concat([reader.read(file) for file in files], ignore_index=True)
    unnamed = listed(sorted(reader.unnamed))
    reader.left_out[f"of conditions not in choices.conditions ({unnamed})"] += reader.unnamed.total()
    reader.notes += [
        f"read: {number} file{'s' if number > 1 else ''}; {columns}" for columns, number in reader.columns.items()
    ]
    reader.notes += [f"left out: {number:,} rows {which}" for which, number in reader.left_out.items() if number]
    unseen = sorted(set(kept.loc[kept["image_id"] == "", "label"]) - set(reader.split["label"]))
    if unseen:
        raise RockspaceError(
            f"config: choices.split: no {settings['split']} image has label {unseen[0]!r}, to which people responded"
        )
    kept = _accurate(kept, reader.conditions, settings["least_accuracy"], reader.notes)
    if kept.empty:
        why = "; ".join(note for note in reader.notes if note.startswith("left out"))
        raise RockspaceError(
            f"{files[0]}: no response is left ({why or 'none was there'}); check choices.only, conditions and least_accuracy"
        )
    kept = kept.groupby(COLUMNS[:-1], sort=False, as_index=False)["count"].sum()
    named = kept["person"].nunique() if (kept["person"] != "").all() else 0
    nobody = "people who are not named, or not all" if kept["person"].any() else "people who are not named"
    people = f"{named} people" if named else f"{nobody} (choices.columns.person)"
    reader.notes.append(f"kept: {kept['count'].sum():,.0f} responses of {people}")
    for name, rows in kept.groupby("condition", sort=False):
        people = f" of {rows['person'].nunique()} people" if named else ""
        categories = reader.conditions[name].categories
        reader.notes.append(
            f"condition {name}: {rows['count'].sum():,.0f} responses{people} to "
            f"{rows[['image_id', 'label']].drop_duplicates().shape[0]} "
            f"{'images' if rows['image_id'].any() else 'labels'}, {len(categories)} categories: {listed(categories)}"
        )
    conditions = {name: each for name, each in reader.conditions.items() if name in set(kept["condition"])}
    return Choices(kept, conditions, reader.studied(conditions), reader.notes)


class _Reader:
    """What the configuration and the catalog say about all files."""

    def __init__(self, catalog: pd.DataFrame, settings: Mapping[str, Any], filename: str) -> None:
        settings = {**settings, "conditions": {str(name): each for name, each in settings["conditions"].items()}}
        self.catalog, self.settings, self.filename = catalog, settings, filename
        self.notes: list[str] = []
        self.left_out: Counter[str] = Counter()
        self.columns: Counter[str] = Counter()
        self.unnamed: Counter[str] = Counter()
        self.named = {  # as the files write them
            _same(each.get("code", name)): name for name, each in settings["conditions"].items()
        }
        self.files = {
            name: {file.resolve() for file in choice_files(each["files"], f"choices.conditions.{name}.files")}
            for name, each in settings["conditions"].items()
            if "files" in each
        }
        self.seen: dict[tuple[Any, ...], Path] = {}
        self.labels = _spellings(_labels(catalog))
        self.names = _spellings({*_labels(catalog), *catalog["superclass"]} - {""})  # all that may be a category
        self.conditions = {
            name: _condition(catalog, each["categories"], f"config: choices.conditions.{name}")
            for name, each in settings["conditions"].items()
        }
        self.split = catalog[catalog["split"] == settings["split"]]
        self.by_token: dict[tuple[str, str], list[str]] | None = None

    def read(self, path: Path) -> pd.DataFrame:
        """Return the responses in a file, in the columns of `COLUMNS`."""
        if path.suffix == ".npy":
            return self._array(path)
        table = read_table(path, has_header=True)
        table = self._only(table)
        if table.cells.empty:
            return pd.DataFrame(columns=COLUMNS)
        response = self._column(table, "response")
        if response is None or all(map(self._is_name, table.cells.columns.drop(response))):
            return self._counts(table)
        return self._trials(table, response)

    def studied(self, conditions: Mapping[str, Condition]) -> pd.DataFrame:
        """Return the exemplars."""
        wanted = self.settings["studied"]
        if wanted["file"]:
            table = read_table(Path(wanted["file"]))
            rows = pair(table, self.catalog["file"].tolist(), partial=True).rows
            images = self.catalog.loc[rows >= 0, "image_id"]
            cells = table.cells["group"].iloc[rows[rows >= 0]] if "group" in table.cells else [""] * len(images)
            groups = list(dict.fromkeys(cells))
            number = [groups.index(cell) for cell in cells]
            if len(groups) > 1:
                names = [f"{i} ({name})" for i, name in enumerate(groups, start=1)]
                self.notes.append(f"groups of studied images: {listed(names)}")
            where = f"images of {Path(wanted['file']).name}"
        elif wanted["tokens"]:
            tokens = self._tokens(self.split)
            images = self.split.loc[
                tokens.isin([_plain(str(each)) for each in wanted["tokens"]]).to_numpy(), "image_id"
            ]
            number = [0] * len(images)
            where = f"{self.settings['split']} images with tokens {listed(wanted['tokens'])}"
        else:
            images = self.catalog.loc[self.catalog["split"] == "train", "image_id"]
            number = [0] * len(images)
            where = "training images"
        label_of = self.catalog.set_index("image_id")["label"]
        known = {label for each in conditions.values() for label in each.category_of}
        table = pd.DataFrame({"image_id": images.to_numpy(str), "group": number})
        table = table[label_of[table["image_id"]].isin(known).to_numpy()].reset_index(drop=True)
        for name, each in conditions.items():
            have = {each.category_of.get(label) for label in label_of[table["image_id"]]}
            missing = [category for category in each.categories if category not in have]
            if missing:
                raise RockspaceError(
                    f"config: choices.studied: no image of category {missing[0]!r} (condition {name}) among the {where}; "
                    "each category needs one that was studied"
                )
        self.notes.append(f"studied: {len(table)} {where}")
        return table

    def _only(self, table: Table) -> Table:
        keep = pd.Series(data=True, index=table.cells.index)
        for column, values in self.settings["only"].items():
            table.require(column, "choices.only")
            cells = table.cells[column]
            if isinstance(values, dict):
                low, high = values.get("from", -np.inf), values.get("to", np.inf)
                keep &= cells.map(lambda cell, low=low, high=high: is_number(cell) and low <= number(cell) <= high)
            else:
                wanted = {_same(value) for value in (values if isinstance(values, list) else [values])}
                keep &= cells.map(_same).isin(wanted)
        self.left_out["by choices.only"] += int((~keep).sum())
        return Table(table.path, table.cells[keep], table.unnamed)

    def _column(self, table: Table, role: str) -> str | None:
        given = self.settings["columns"].get(role, "")
        if given is None:
            return None
        if given:
            table.require(given, f"choices.columns.{role}")
            return given
        found = [name for name in table.cells if _NAMES[role].fullmatch(name.lower())]
        for other in found[1:]:
            if (pd.factorize(table.cells[found[0]])[0] != pd.factorize(table.cells[other])[0]).any():
                raise RockspaceError(
                    f"{table.path}: column {found[0]!r} or {other!r} may be the {role}; name one in choices.columns.{role}"
                )
        return found[0] if found else None

    def _is_name(self, text: str) -> bool:
        """Whether this is a label or superclass."""
        return _spelled(text, self.names) is not None

    def _refuse_twice(self, path: Path, cells: pd.DataFrame, people: str | np.ndarray) -> None:
        """Refuse rows that another file has too, as a copy has, or a table of all people beside one of each."""
        hashes = pd.util.hash_pandas_object(cells, index=False)
        for person, rows in hashes.groupby(np.broadcast_to(people, len(cells)), sort=False):
            other = self.seen.setdefault((person, *rows), path)
            if other != path:
                raise RockspaceError(f"{path}: the same rows as in {other}; name one of these files in choices.files")

    def _trials(self, table: Table, response: str) -> pd.DataFrame:
        """A row for each response."""
        columns = {role: self._column(table, role) for role in _NAMES} | {"response": response}
        if "count" not in self.settings["columns"] and str(columns["count"]).lower() == "n":
            raise RockspaceError(
                f"{table.path}: column {columns['count']!r} may number the trials, or say how often each occurred; set "
                "choices.columns.count to null, or to its name"
            )
        if "right" not in self.settings["columns"] and columns["right"]:
            cells = table.cells[columns["right"]]
            if not cells.map(lambda cell: is_missing(cell) or cell.lower() in _RIGHT).all():
                columns["right"] = None  # it holds right answers, or a mean
        naming = ("image",) if columns["image"] else ("subtype", "token")
        taken = {
            role: columns[role]
            for role in ("person", "condition", *naming, "response", "count", "right")
            if columns[role]
        }
        ignored = [name for name in table.cells if name not in {*taken.values(), *self.settings["only"]}]
        words = ", ".join(f"{role} {name!r}" for role, name in taken.items())
        self.columns[f"{words}; ignored: {listed(ignored) or 'nothing'}"] += 1
        shown = columns[naming[0]]
        if shown is None:
            raise RockspaceError(
                f"{table.path}: no column names the images; name it in choices.columns.image, or those of subtype and token"
            )
        table = self._without(table, table.cells[shown] == "", "without an image")
        codes = [str(code) for each in self.settings["conditions"].values() for code in each.get("codes", ())]
        answers = {*self.names, *codes}
        is_blank = table.cells[response].map(lambda cell: is_missing(cell) and cell not in answers)
        table = self._without(table, is_blank, "without an answer")
        conditions = self._conditions_of(table, columns["condition"], response)
        table, conditions = (
            Table(table.path, table.cells[conditions != ""], table.unnamed),
            conditions[conditions != ""],
        )
        cells, path = table.cells, table.path
        if cells.empty:
            return pd.DataFrame(columns=COLUMNS)
        place = self._images(table, columns, conditions)
        category_of: dict[tuple[str, str], str] = {}
        for line, name, cell in zip(cells.index, conditions, cells[response], strict=True):
            if (name, cell) not in category_of:
                category_of[name, cell] = self._category(path, line, response, cell, name)
        chosen = [category_of[each] for each in zip(conditions, cells[response], strict=True)]
        count = columns["count"]
        each = [_count(path, line, count, cell) for line, cell in cells[count].items()] if count else 1
        people = cells[columns["person"]].map(_composed).to_numpy(str) if columns["person"] else self._person(path)
        if columns["person"] and "" in people:
            raise RockspaceError(f"{path}: row {cells.index[people == ''][0]}: nobody in column {columns['person']!r}")
        self._refuse_twice(path, cells, people)
        responses = pd.DataFrame(
            {"condition": conditions.to_numpy(str), "person": people, **place, "category": chosen, "count": each},
            columns=COLUMNS,
        )
        if columns["right"]:
            self._check_right(path, cells[columns["right"]], responses)
        return responses

    def _without(self, table: Table, rows: pd.Series, why: str) -> Table:
        self.left_out[why] += int(rows.sum())
        return Table(table.path, table.cells[~rows], table.unnamed)

    def _check_right(self, path: Path, cells: pd.Series, responses: pd.DataFrame) -> None:
        """Compare what was read with what the experiment itself called right."""
        for (line, cell), row in zip(cells.items(), responses.itertuples(index=False), strict=True):
            right = self.conditions[row.condition].category_of.get(row.label)
            if right is None or is_missing(cell):
                continue
            if cell.lower() not in _RIGHT:
                raise RockspaceError(
                    f"{path}: row {line}: found {cell!r} ({cells.name}); needed: 1 or 0, true or false"
                )
            if _RIGHT[cell.lower()] != (row.category == right):
                raise RockspaceError(
                    f"{path}: row {line}: {row.category!r} was chosen for an image of {right!r}, but column {cells.name!r} says "
                    f"{cell!r}; check choices.conditions and columns, or set choices.columns.right to null"
                )

    def _person(self, path: Path) -> str:
        return _composed(path.stem) if self.settings["file_per_person"] else ""

    def _conditions_of(self, table: Table, column: str | None, response: str) -> pd.Series:
        """The condition of each row, empty for those not to keep; conditions that the configuration leaves to the files are made here."""
        cells, own = table.cells, self._of_file(table.path)
        if own is None and self.settings["conditions"] and not column:
            if len(self.named) > 1:
                raise RockspaceError(
                    f"{table.path}: nothing says which of the conditions a trial is of; name a column in choices.columns.condition, "
                    "or files in choices.conditions.NAME.files"
                )
            own = next(iter(self.conditions))
        if own is not None or not column:
            names = pd.Series(own or ONLY_CONDITION, cells.index)
        elif self.settings["conditions"]:
            names = cells[column].map(lambda cell: self.named.get(_same(cell), ""))
            self.unnamed.update(cells.loc[names == "", column])
        else:
            names = cells[column].map(_plain)
            if (names == "").any():
                raise RockspaceError(
                    f"{table.path}: row {names.index[names == ''][0]}: no condition in column {column!r}; fill it, or leave the "
                    "row out by choices.only"
                )
        if not self.settings["conditions"]:
            chosen = {_spelled(cell, self.names) for cell in cells[response]}
            superclasses, labels = set(self.catalog["superclass"]) - {""}, _labels(self.catalog)
            categories = sorted(superclasses) if chosen <= superclasses and not chosen <= set(labels) else labels
            for name in names.unique():
                self.conditions.setdefault(name, _condition(self.catalog, categories, str(table.path)))
        return names

    def _of_file(self, path: Path) -> str | None:
        """The condition that the configuration says a file is of."""
        own = [name for name, files in self.files.items() if path.resolve() in files]
        if len(own) > 1:
            raise RockspaceError(f"{path}: in choices.conditions.{own[0]}.files and in those of {own[1]!r}; keep one")
        return own[0] if own else None

    def _images(
        self, table: Table, columns: Mapping[str, str | None], conditions: pd.Series
    ) -> dict[str, np.ndarray | str]:
        """The image or, where responses are to labels, the label of each row."""
        cells = table.cells
        if columns["image"]:
            first = cells[~cells[columns["image"]].duplicated()]
            rows = self._pairing(Table(table.path, first[[columns["image"]]], table.unnamed), columns["image"])
            image_of = dict(
                zip(first[columns["image"]].iloc[rows[rows >= 0]], self.catalog.loc[rows >= 0, "image_id"], strict=True)
            )
            images = cells[columns["image"]].map(image_of)
            return {"image_id": images.to_numpy(str), "label": self._label_of(images)}
        column = str(columns["subtype"])
        subtypes = cells[column]
        label = [
            self._label(table.path, line, column, cell, name)
            for line, cell, name in zip(cells.index, subtypes, conditions, strict=True)
        ]
        if not columns["token"]:
            return {"image_id": "", "label": np.array(label, dtype=object)}
        if self.by_token is None:
            self.by_token = {}
            for one, other, image in zip(
                self.split["label"], self._tokens(self.split), self.split["image_id"], strict=True
            ):
                self.by_token.setdefault((one, other), []).append(image)
        images = []
        for line, one, other in zip(cells.index, label, cells[columns["token"]].map(_plain), strict=True):
            found = self.by_token.get((one, other), [])
            if len(found) != 1:
                many = (
                    f"{len(found)} {self.settings['split']} images" if found else f"no {self.settings['split']} image"
                )
                raise RockspaceError(
                    f"{table.path}: row {line}: {many} of {one!r} with token {other!r}; check choices.columns, choices.split and "
                    "dataset.filename"
                )
            images += found
        return {"image_id": np.array(images, dtype=object), "label": np.array(label, dtype=object)}

    def _label_of(self, images: pd.Series) -> np.ndarray:
        return images.map(self.catalog.set_index("image_id")["label"]).to_numpy(str)

    def _pairing(self, table: Table, column: str | None, categories: Iterable[str] = ()) -> np.ndarray:
        return pair(table, self.catalog["file"].tolist(), column=column, dimensions=list(categories), partial=True).rows

    def _tokens(self, images: pd.DataFrame) -> pd.Series:
        """The token of each image, without leading zeros."""
        if "token" not in re.compile(self.filename or "").groupindex:
            raise RockspaceError(
                "config: dataset.filename: no group (?P<token>...), by which images of a label are told apart; add it, or name "
                "images in choices.columns.image and choices.studied.file"
            )

        def token(file: str) -> str:
            match = match_name(self.filename, file)
            return _plain(match["token"] or "") if match else ""

        return images["file"].map(token)

    def _label(self, path: Path, line: int, column: str, cell: str, condition: str) -> str:
        label = _spelled(cell, self.labels)
        if label is not None:
            return label
        each = self.conditions[condition]
        names = each.categories if self.settings["conditions"] and set(each.categories) <= set(each.category_of) else []
        if is_integer(cell) and 1 <= number(cell) <= len(names):
            return names[int(number(cell)) - 1]
        numbers = f", or the number of a category, 1 to {len(names)}" if names else ""
        raise RockspaceError(f"{path}: row {line}: found {cell!r} ({column}); needed: a label{numbers}")

    def _category(self, path: Path, line: int, column: str, cell: str, condition: str) -> str:
        names = self.conditions[condition].categories
        given = self.settings["conditions"].get(condition, {})
        codes = dict(zip(map(_same, given.get("codes", ())), names, strict=False))
        numbers = {} if codes or not given else {_same(i): name for i, name in enumerate(names, start=1)}
        found = codes.get(_same(cell)) or _spelled(cell, _spellings(names)) or numbers.get(_same(cell))
        if found:
            return found
        key = f"choices.conditions.{condition if given else 'NAME'}.codes"
        needed = f"its number, 1 to {len(names)} (others are named in {key})" if numbers else f"one of {key}"
        raise RockspaceError(
            f"{path}: row {line}: found {cell!r} ({column}); needed: a category, or {needed}; choices.only leaves rows out"
        )

    def _counts(self, table: Table) -> pd.DataFrame:
        """A row for each image or label, a column for each category."""
        path, spelled = table.path, {name: _spelled(name, self.names) or name for name in table.cells}
        if len(set(spelled.values())) == len(spelled):
            table = Table(path, table.cells.rename(columns=spelled), table.unnamed)
        cells = table.cells
        others = [name for name in cells if name not in self.names]
        if len(others) == cells.shape[1]:
            raise RockspaceError(
                f"{path}: no column is called like a label or superclass, as in a table of counts, and none holds responses; name "
                "it in choices.columns.response"
            )
        for role in ("person", "condition"):
            column = self._column(Table(path, cells[others], table.unnamed), role)
            if column:
                raise RockspaceError(
                    f"{path}: a table of counts cannot have a column of its {role}s ({column!r}); give a row for each "
                    "response and name choices.columns.response and count, or a file for each"
                )
        count = self._column(Table(path, cells[others], table.unnamed), "count")
        texts = [name for name in others if name != count and not are_numbers(cells[name])]
        # Beside names of images, labels only repeat what the catalog says.
        of_names = [
            name
            for name in others
            if set(cells[name]) <= set(self.labels)
            or (name in texts and 2 * cells[name].map(self._is_name).sum() > len(cells))
        ]
        of_labels = len(of_names) > 0 and set(texts) <= set(of_names)
        numbering: tuple[str, ...] = ()
        names: str | None = None
        if of_labels:
            names = max(of_names, key=lambda name: sum(_spelled(cell, self.labels) is not None for cell in cells[name]))
        else:
            pairing = pair(
                table,
                self.catalog["file"].tolist(),
                column=self.settings["columns"].get("image"),
                dimensions=[name for name in cells if name in self.names or name in of_names or name == count],
                partial=True,
            )
            names, numbering = pairing.names, pairing.numbering
        if names is None:
            raise RockspaceError(f"{path}: no column names the images; expected one, and one column a category")
        ignored = [name for name in cells if name in (*texts, *of_names, *numbering) and name != names]
        categories = [name for name in cells if name not in (names, count, *ignored)]
        self.columns[
            f"counts, {'labels' if of_labels else 'images'} {names!r}; ignored: {listed(ignored) or 'nothing'}"
        ] += 1
        counts = np.array(
            [[_count(path, line, *cell) for cell in row.items()] for line, row in cells[categories].iterrows()]
        ).reshape(len(cells), len(categories))
        if count:
            totals = np.array([_count(path, line, count, cell) for line, cell in cells[count].items()])
            counts = self._times(path, counts, totals, count, cells.index)
        if of_labels:
            if _CHOSEN.match(names.lower()):
                raise RockspaceError(f"{path}: its rows ({names!r}) are what was chosen; transpose it")
            found: list[str] = []
            for line, cell in cells[names].items():
                label = _spelled(cell, self.labels)
                if label is None or label in found:
                    fault = (
                        f"duplicate row for label {cell!r}" if label else f"found {cell!r} ({names}); needed: a label"
                    )
                    raise RockspaceError(f"{path}: row {line}: {fault}")
                found.append(label)
            place = pd.DataFrame({"image_id": "", "label": found})
        else:
            shown = pairing.rows >= 0
            counts = counts[pairing.rows[shown]]
            place = self.catalog.loc[shown, ["image_id", "label"]]
        self._refuse_twice(path, cells, self._person(path))
        fitting = [name for name, each in self.conditions.items() if set(each.categories) == set(categories)]
        return self._long(path, counts, place, self._condition_with(path, categories, fitting), categories)

    def _array(self, path: Path) -> pd.DataFrame:
        """Counts alone, as of CIFAR-10H."""
        counts = read_frame(path).cells.to_numpy()
        images = self.split.iloc[ordered(self.split["file"].tolist(), "natural")]
        self.columns[f"counts of the {len(images)} {self.settings['split']} images in natural order"] += 1
        shape = f"{counts.dtype} of shape {counts.shape}"
        fitting = [name for name, each in self.conditions.items() if counts.shape[1:] == (len(each.categories),)]
        fitting = fitting or list(self.conditions)[:1]
        categories = self.conditions[self._one_of(path, fitting)].categories if fitting else _labels(self.catalog)
        needed = len(images), len(categories)
        if counts.shape != needed or counts.dtype.kind not in "biuf":
            raise RockspaceError(
                f"{path}: {shape}; needed: numbers of shape {needed}, the {self.settings['split']} images in natural order of "
                "their paths x categories"
            )
        if not np.isfinite(counts).all() or (counts < 0).any():
            raise RockspaceError(f"{path}: every count must be finite and at least 0")
        self._refuse_twice(path, pd.DataFrame(counts), self._person(path))
        condition = self._condition_with(path, categories, fitting)
        return self._long(path, counts.astype(np.float64), images[["image_id", "label"]], condition, categories)

    def _one_of(self, path: Path, fitting: Sequence[str]) -> str:
        """The condition that a table of counts is of, among those that fit it."""
        own = self._of_file(path)
        if own is None and len(fitting) > 1:
            raise RockspaceError(
                f"{path}: may be of condition {fitting[0]!r} or {fitting[1]!r}; name it in files of one of choices.conditions"
            )
        return own or fitting[0]

    def _condition_with(self, path: Path, categories: list[str], fitting: Sequence[str]) -> str:
        """The condition that a table of counts is of, whose categories are these."""
        if fitting:
            condition = self._one_of(path, fitting)
            if condition in fitting:
                return condition
        if self.settings["conditions"]:
            raise RockspaceError(
                f"{path}: its categories, {listed(categories)}, are those of none of choices.conditions"
            )
        if self.conditions:
            raise RockspaceError(
                f"{path}: other categories than {listed(next(iter(self.conditions.values())).categories)}, which another file "
                "has; list both in choices.conditions"
            )
        self.conditions[ONLY_CONDITION] = _condition(self.catalog, categories, str(path))
        return ONLY_CONDITION

    @staticmethod
    def _times(path: Path, counts: np.ndarray, totals: np.ndarray, column: str, lines: pd.Index) -> np.ndarray:
        """Counts of which ``totals`` are the sums, or shares of these."""
        sums = counts.sum(axis=1)
        if _are_shares(counts):
            return counts / np.where(sums > 0, sums, 1)[:, None] * totals[:, None]
        for line, own, total in zip(lines, sums, totals, strict=True):
            if not np.isclose(own, total):
                raise RockspaceError(f"{path}: row {line}: its counts add up to {own:g}, but {column!r} says {total:g}")
        return counts

    def _long(
        self, path: Path, counts: np.ndarray, place: pd.DataFrame, condition: str, categories: Sequence[str]
    ) -> pd.DataFrame:
        if _are_shares(counts):
            sums = counts.sum(axis=1, keepdims=True)
            counts = counts / np.where(sums > 0, sums, 1)
            self.notes.append(f"{path.name}: shares of an unknown number of responses: each row counts as one response")
        self.left_out["without a response"] += int((~counts.any(axis=1)).sum())
        rows, columns = np.nonzero(counts)
        return pd.DataFrame(
            {
                "condition": condition,
                "person": self._person(path),
                "image_id": place["image_id"].to_numpy(str)[rows],
                "label": place["label"].to_numpy(str)[rows],
                "category": np.array(categories)[columns],
                "count": counts[rows, columns],
            },
            columns=COLUMNS,
        )


def _are_shares(counts: np.ndarray) -> bool:
    """Whether these are no whole numbers, and all rows with any add up to 1, or to 100."""
    sums = counts.sum(axis=1)
    return bool((counts % 1).any()) and any(
        bool((np.abs(sums[sums > 0] / whole - 1) <= _ROUNDED).all()) for whole in _WHOLE
    )


def _refuse_namesakes(files: Sequence[Path]) -> None:
    file_of: dict[str, Path] = {}
    for file in files:
        if (other := file_of.setdefault(_composed(file.stem), file)) != file:
            raise RockspaceError(
                f"{file}: may be of another person than {other}; give each person a name of their own "
                "(choices.file_per_person goes by names of files)"
            )


def _labels(catalog: pd.DataFrame) -> list[str]:
    return sorted(set(catalog["label"]) - {NO_LABEL})


def _condition(catalog: pd.DataFrame, categories: Sequence[str], where: str) -> Condition:
    """Check that all categories are labels, or all superclasses."""
    superclass_of = catalog[catalog["label"] != NO_LABEL].set_index("label")["superclass"].to_dict()
    for belongs in ({label: label for label in superclass_of}, superclass_of):
        if set(categories) <= set(belongs.values()):
            if len(set(categories)) < 2 or len(set(categories)) < len(categories):
                raise RockspaceError(
                    f"{where}: found {len(set(categories))} different of {len(categories)} categories; people need two to choose from, "
                    "each named once"
                )
            return Condition(
                list(categories), {x: category for x, category in belongs.items() if category in categories}
            )
    unknown = next(name for name in categories if name not in superclass_of)
    close = difflib.get_close_matches(unknown, superclass_of, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    raise RockspaceError(
        f"{where}: category '{unknown}' is no label of the study; {hint}Categories are all labels or all superclasses"
    )


def _accurate(
    responses: pd.DataFrame, conditions: Mapping[str, Condition], least: float, notes: list[str]
) -> pd.DataFrame:
    """Leave out the people who were right too seldom in a condition."""
    if least == 0 or responses.empty:
        return responses
    if (responses["person"] == "").any():
        raise RockspaceError(
            "config: choices.least_accuracy: people are not named in the files; set choices.columns.person, or 0"
        )
    right = [conditions[name].category_of.get(label) for name, label in responses[["condition", "label"]].to_numpy()]
    known = responses.assign(right=(responses["category"] == right) * responses["count"])[pd.notna(right)]
    each = known.groupby(["condition", "person"])[["right", "count"]].sum()
    low = each.index[each["right"] / each["count"] < least]
    kept = ~pd.MultiIndex.from_frame(responses[["condition", "person"]]).isin(low)
    notes.append(
        f"left out: {len(low)} of {len(each)} people right in less than {least:.0%} of their trials (choices.least_accuracy), "
        f"{responses.loc[~kept, 'count'].sum():,.0f} responses"
    )
    return responses[kept]


def _same(value: object) -> str:
    """A cell, or a value of the configuration, as they are compared: 0.50 is 0.5, TRUE is true, and nothing is empty."""
    text = "" if value is None else str(value).strip()
    return str(number(text)) if is_number(text) else text.casefold()


def _composed(name: str) -> str:
    """A person's name with each accented letter as one character, however it was typed."""
    return unicodedata.normalize("NFC", name)


def _loose(text: str) -> str:
    """A name without case and with one kind of blank, one of which comes first, as in no name itself."""
    return " " + re.sub(r"[\s_-]+", " ", _composed(_plain(text.strip())).casefold())


def _spellings(names: Iterable[str]) -> dict[str, str]:
    """The name of each name, and of each way to write one alone."""
    names = list(names)
    written = Counter(map(_loose, names))
    return {_loose(name): name for name in names if written[_loose(name)] == 1} | {name: name for name in names}


def _spelled(text: str, spellings: Mapping[str, str]) -> str | None:
    return spellings.get(text, spellings.get(_loose(text)))


def _plain(cell: str) -> str:
    """A whole number without leading zeros or decimals; other text as it is."""
    return str(int(number(cell))) if is_integer(cell) else cell


def _count(path: Path, line: int, category: str, cell: str) -> float:
    if not is_number(cell) or not 0 <= number(cell) <= _MOST or _GROUPED.fullmatch(cell):
        raise RockspaceError(
            f"{path}: row {line}: found '{cell}' for '{category}'; a count is a number, 0 or more, without separators"
        )
    return number(cell)
