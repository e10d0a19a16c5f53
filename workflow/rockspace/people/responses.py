"""Files of people's responses, as experiments leave them: trials, counts, confusion matrices and arrays."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rockspace.data.arrays import read_frame
from rockspace.data.names import composed
from rockspace.data.pairing import PEOPLE, ordered, pair
from rockspace.data.splits import match_name
from rockspace.data.tables import Table, are_numbers, is_integer, is_missing, is_number, number, read_table
from rockspace.errors import RockspaceError, listed
from rockspace.people.conditions import condition_of, files_of_conditions, labels_of
from rockspace.people.spellings import comparable, plain, same_person, spelled, spellings

COLUMNS = ["condition", "person", "image_id", "label", "category", "count"]
"""Columns of responses."""

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
_RIGHT = {comparable(word): word in ("1", "true") for word in ("1", "true", "0", "false")}
_WHOLE = (1.0, 100.0)  # what shares of responses add up to
_ROUNDED = 0.02  # and by how much they may miss it, being rounded, in parts of it
_MOST = 10**9  # more people than were ever asked; sums fit 64 bits
_GROUPED = re.compile(r"[1-9]\d{0,2}[.,]000")  # 1,000 may be a thousand


class ResponseReader:
    """Reads files of responses by what the configuration and the catalog say, and keeps count of what it leaves out.

    Args:
        catalog: From `rockspace.data.catalog.read_catalog`.
        settings: The section ``choices`` of the configuration.
        filename: Pattern of file names, whose group ``token`` numbers the images of a label.

    Attributes:
        conditions: Those of the configuration; if it names none, those of the files read so far.

    Raises:
        RockspaceError: A condition has categories that the study has not.
    """

    def __init__(self, catalog: pd.DataFrame, settings: Mapping[str, Any], filename: str) -> None:
        settings = {**settings, "conditions": {str(name): each for name, each in settings["conditions"].items()}}
        self._catalog, self._settings, self._filename = catalog, settings, filename
        self.conditions = {
            name: condition_of(catalog, each["categories"], f"config: choices.conditions.{name}")
            for name, each in settings["conditions"].items()
        }
        self._files_of = files_of_conditions(settings["conditions"])
        self._condition_by_code = {
            comparable(each.get("code", name)): name for name, each in settings["conditions"].items()
        }
        self._split = catalog[catalog["split"] == settings["split"]]
        self._labels = spellings(labels_of(catalog))
        self._names = spellings({*labels_of(catalog), *catalog["superclass"]} - {""})  # all that may be a category
        self._by_token: dict[tuple[str, str], list[str]] | None = None
        self._seen: dict[tuple[str, int], list[tuple[np.ndarray, Path]]] = {}
        self._people: dict[str, str] = {}
        # For `notes`: lines, and how many files were of a layout, and rows left out for a reason or of another condition.
        self._lines: list[str] = []
        self._layouts: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()
        self._unnamed: Counter[str] = Counter()

    @property
    def notes(self) -> list[str]:
        """Return what was read so far and what was left out, in lines."""
        left_out = self._left_out + Counter(
            {f"of conditions not in choices.conditions ({listed(sorted(self._unnamed))})": self._unnamed.total()}
        )
        return [
            *self._lines,
            *[f"read: {n} file{'s' if n > 1 else ''}; {layout}" for layout, n in self._layouts.items()],
            *[f"left out: {n:,} rows {which}" for which, n in left_out.items()],
        ]

    def read(self, path: Path) -> pd.DataFrame:
        """Return the responses in a file, in the columns of `COLUMNS`."""
        if path.suffix.lower() == ".npy":
            return self._array(path)
        table = read_table(path, has_header=True)
        self._left_out["that begin with # or %, as comments do"] += table.comments
        table = self._only(table)
        if table.cells.empty:
            return pd.DataFrame(columns=COLUMNS)
        response = self._column(table, "response")
        if response is None or all(map(self._is_name, table.cells.columns.drop(response))):
            return self._counts(table)
        return self._trials(table, response)

    def _only(self, table: Table) -> Table:
        """The rows that ``choices.only`` keeps."""
        keep = pd.Series(data=True, index=table.cells.index)
        for column, values in self._settings["only"].items():
            table.require(column, "choices.only")
            cells = table.cells[column]
            if isinstance(values, dict):
                low, high = values.get("from", -np.inf), values.get("to", np.inf)
                keep &= cells.map(lambda cell, low=low, high=high: is_number(cell) and low <= number(cell) <= high)
            else:
                wanted = {comparable(value) for value in (values if isinstance(values, list) else [values])}
                keep &= cells.map(comparable).isin(wanted)
        self._left_out["by choices.only"] += int((~keep).sum())
        return replace(table, cells=table.cells[keep])

    def _column(self, table: Table, role: str) -> str | None:
        """The column with a role: the one that the configuration names, or one with a usual name; None if there is none."""
        given = self._settings["columns"].get(role, "")
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
        return spelled(text, self._names) is not None

    def _refuse_twice(self, path: Path, cells: pd.DataFrame, people: str | np.ndarray) -> None:
        """Refuse rows that another file has too, as a copy has, a table of all people beside one of each, or one saved earlier."""
        hashes = pd.util.hash_pandas_object(cells, index=False)
        for person, rows in hashes.groupby(np.broadcast_to(people, len(cells)), sort=False):
            own = rows.to_numpy()
            before = self._seen.setdefault((person, own[0]), [])
            for others, other in before:
                both = min(len(own), len(others))
                # Of people without names, several may begin alike.
                is_same = (own[:both] == others[:both]).all() and (person or len(own) == len(others))
                if is_same and other != path:
                    which = "" if len(own) == len(others) else f"first {both} "
                    raise RockspaceError(
                        f"{path}: the same {which}rows as in {other}; name one of these files in choices.files"
                    )
            before.append((own, path))

    def _trials(self, table: Table, response: str) -> pd.DataFrame:
        """A row for each response."""
        columns = {role: self._column(table, role) for role in _NAMES} | {"response": response}
        if "count" not in self._settings["columns"] and str(columns["count"]).lower() == "n":
            raise RockspaceError(
                f"{table.path}: column {columns['count']!r} may number the trials, or say how often each occurred; set "
                "choices.columns.count to null, or to its name"
            )
        if "right" not in self._settings["columns"] and columns["right"]:
            cells = table.cells[columns["right"]]
            if not cells.map(lambda cell: is_missing(cell) or comparable(cell) in _RIGHT).all():
                columns["right"] = None  # it holds right answers, or a mean
        naming = ("image",) if columns["image"] else ("subtype", "token")
        taken = {
            role: columns[role]
            for role in ("person", "condition", *naming, "response", "count", "right")
            if columns[role]
        }
        ignored = [name for name in table.cells if name not in {*taken.values(), *self._settings["only"]}]
        words = ", ".join(f"{role} {name!r}" for role, name in taken.items())
        self._layouts[f"{words}; ignored: {listed(ignored) or 'nothing'}"] += 1
        shown = columns[naming[0]]
        if shown is None:
            raise RockspaceError(
                f"{table.path}: no column names the images; name it in choices.columns.image, or those of subtype and token"
            )
        table = self._without(table, table.cells[shown] == "", "without an image")
        codes = [str(code) for each in self._settings["conditions"].values() for code in each.get("codes", ())]
        answers = {*self._names, *codes}
        is_blank = table.cells[response].map(lambda cell: is_missing(cell) and cell not in answers)
        table = self._without(table, is_blank, "without an answer")
        conditions = self._conditions_of(table, columns["condition"], response)
        is_kept = conditions != ""
        table, conditions = replace(table, cells=table.cells[is_kept]), conditions[is_kept]
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
        people = cells[columns["person"]].map(self._name_of).to_numpy(str) if columns["person"] else self._person(path)
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
        self._left_out[why] += int(rows.sum())
        return replace(table, cells=table.cells[~rows])

    def _check_right(self, path: Path, cells: pd.Series, responses: pd.DataFrame) -> None:
        """Compare what was read with what the experiment itself called right."""
        for (line, cell), row in zip(cells.items(), responses.itertuples(index=False), strict=True):
            right = self.conditions[row.condition].category_of.get(row.label)
            if right is None or is_missing(cell):
                continue
            if comparable(cell) not in _RIGHT:
                raise RockspaceError(
                    f"{path}: row {line}: found {cell!r} ({cells.name}); needed: 1 or 0, true or false"
                )
            if _RIGHT[comparable(cell)] != (row.category == right):
                raise RockspaceError(
                    f"{path}: row {line}: {row.category!r} was chosen for an image of {right!r}, but column {cells.name!r} says "
                    f"{cell!r}; check choices.conditions and columns, or set choices.columns.right to null"
                )

    def _person(self, path: Path) -> str:
        """Whose file this is; empty where files are not of one person each."""
        return self._name_of(path.stem) if self._settings["file_per_person"] else ""

    def _name_of(self, person: str) -> str:
        """A person's name as it is written where it occurs first."""
        return self._people.setdefault(same_person(person), composed(person))

    def _conditions_of(self, table: Table, column: str | None, response: str) -> pd.Series:
        """The condition of each row, empty for those not to keep; conditions that the configuration leaves to the files are made here."""
        cells, own = table.cells, self._of_file(table.path)
        if own is None and self._settings["conditions"] and not column:
            if len(self._condition_by_code) > 1:
                raise RockspaceError(
                    f"{table.path}: nothing says which of the conditions a trial is of; name a column in choices.columns.condition, "
                    "or files in choices.conditions.NAME.files"
                )
            own = next(iter(self.conditions))
        if own is not None or not column:
            names = pd.Series(own or ONLY_CONDITION, cells.index)
        elif self._settings["conditions"]:
            names = cells[column].map(lambda cell: self._condition_by_code.get(comparable(cell), ""))
            self._unnamed.update(cells.loc[names == "", column])
        else:
            names = cells[column].map(plain)
            if (names == "").any():
                raise RockspaceError(
                    f"{table.path}: row {names.index[names == ''][0]}: no condition in column {column!r}; fill it, or leave the "
                    "row out by choices.only"
                )
        if not self._settings["conditions"]:
            chosen = {spelled(cell, self._names) for cell in cells[response]}
            superclasses, labels = set(self._catalog["superclass"]) - {""}, labels_of(self._catalog)
            categories = sorted(superclasses) if chosen <= superclasses and not chosen <= set(labels) else labels
            for name in names.unique():
                self.conditions.setdefault(name, condition_of(self._catalog, categories, str(table.path)))
        return names

    def _of_file(self, path: Path) -> str | None:
        """The condition that the configuration says a file is of."""
        own = [name for name, files in self._files_of.items() if path.resolve() in files]
        if len(own) > 1:
            raise RockspaceError(f"{path}: in choices.conditions.{own[0]}.files and in those of {own[1]!r}; keep one")
        return own[0] if own else None

    def _images(
        self, table: Table, columns: Mapping[str, str | None], conditions: pd.Series
    ) -> dict[str, np.ndarray | str]:
        """The image or, where responses are to labels, the label of each row."""
        cells = table.cells
        if columns["image"]:
            names = cells[[columns["image"]]].drop_duplicates()
            files = self._catalog["file"].tolist()
            rows = pair(replace(table, cells=names), files, column=columns["image"], dimensions=[], partial=True).rows
            shown = self._catalog[rows >= 0].set_index(names[columns["image"]].to_numpy()[rows[rows >= 0]])
            images = shown.loc[cells[columns["image"]]]
            return {name: images[name].to_numpy(str) for name in ("image_id", "label")}
        column = str(columns["subtype"])
        subtypes = cells[column]
        label = [
            self._label(table.path, line, column, cell, name)
            for line, cell, name in zip(cells.index, subtypes, conditions, strict=True)
        ]
        if not columns["token"]:
            return {"image_id": "", "label": np.array(label, dtype=object)}
        if self._by_token is None:
            images_of = self._split.groupby(["label", tokens_of(self._split, self._filename)])["image_id"]
            self._by_token = images_of.agg(list).to_dict()
        images = []
        for line, one, other in zip(cells.index, label, cells[columns["token"]].map(plain), strict=True):
            found = self._by_token.get((one, other), [])
            if len(found) != 1:
                many = (
                    f"{len(found)} {self._settings['split']} images" if found else f"no {self._settings['split']} image"
                )
                raise RockspaceError(
                    f"{table.path}: row {line}: {many} of {one!r} with token {other!r}; check choices.columns, choices.split and "
                    "dataset.filename"
                )
            images += found
        return {"image_id": np.array(images, dtype=object), "label": np.array(label, dtype=object)}

    def _label(self, path: Path, line: int, column: str, cell: str, condition: str) -> str:
        """The label in a cell: its name, or the number of a category that is a label."""
        label = spelled(cell, self._labels)
        if label is not None:
            return label
        each = self.conditions[condition]
        names = (
            each.categories if self._settings["conditions"] and set(each.categories) <= set(each.category_of) else []
        )
        if is_integer(cell) and 1 <= number(cell) <= len(names):
            return names[int(number(cell)) - 1]
        numbers = f", or the number of a category, 1 to {len(names)}" if names else ""
        raise RockspaceError(f"{path}: row {line}: found {cell!r} ({column}); needed: a label{numbers}")

    def _category(self, path: Path, line: int, column: str, cell: str, condition: str) -> str:
        """The category in a cell: its code, its name, or its number where the configuration gives an order and no codes."""
        names = self.conditions[condition].categories
        given = self._settings["conditions"].get(condition, {})
        codes = dict(zip(map(comparable, given.get("codes", ())), names, strict=False))
        numbers = {} if codes or not given else {comparable(i): name for i, name in enumerate(names, start=1)}
        found = codes.get(comparable(cell)) or spelled(cell, spellings(names)) or numbers.get(comparable(cell))
        if found:
            return found
        key = f"choices.conditions.{condition if given else 'NAME'}.codes"
        needed = f"its number, 1 to {len(names)} (others are named in {key})" if numbers else f"one of {key}"
        raise RockspaceError(
            f"{path}: row {line}: found {cell!r} ({column}); needed: a category, or {needed}; choices.only leaves rows out"
        )

    def _counts(self, table: Table) -> pd.DataFrame:
        """A row for each image or label, a column for each category."""
        path, names_of = table.path, {header: spelled(header, self._names) or header for header in table.cells}
        if len(set(names_of.values())) == len(names_of):
            table = replace(table, cells=table.cells.rename(columns=names_of))
        cells = table.cells
        others = [name for name in cells if name not in self._names]
        if len(others) == cells.shape[1]:
            raise RockspaceError(
                f"{path}: no column is called like a label or superclass, as in a table of counts, and none holds responses; name "
                "it in choices.columns.response (where images or people have a column each, give each response a row)"
            )
        beside = replace(table, cells=cells[others])
        for role in ("person", "condition"):
            column = self._column(beside, role)
            if column:
                raise RockspaceError(
                    f"{path}: a table of counts cannot have a column of its {role}s ({column!r}); give a row for each "
                    "response and name choices.columns.response and count, or a file for each"
                )
        count = self._column(beside, "count")
        texts = [name for name in others if name != count and not are_numbers(cells[name])]
        # Beside names of images, labels only repeat what the catalog says.
        of_names = [
            name
            for name in others
            if set(cells[name]) <= set(self._labels)
            or (name in texts and 2 * cells[name].map(self._is_name).sum() > len(cells))
        ]
        of_labels = len(of_names) > 0 and set(texts) <= set(of_names)
        numbering: tuple[str, ...] = ()
        names: str | None = None
        if of_labels:
            names = max(of_names, key=lambda name: sum(spelled(cell, self._labels) is not None for cell in cells[name]))
        else:
            pairing = pair(
                table,
                self._catalog["file"].tolist(),
                column=self._settings["columns"].get("image"),
                dimensions=[name for name in cells if name in self._names or name in of_names or name == count],
                partial=True,
            )
            names, numbering = pairing.names, pairing.numbering
        if names is None:
            raise RockspaceError(f"{path}: no column names the images; expected one, and one column a category")
        ignored = [name for name in cells if name in (*texts, *of_names, *numbering) and name != names]
        categories = [name for name in cells if name not in (names, count, *ignored)]
        self._layouts[
            f"counts, {'labels' if of_labels else 'images'} {names!r}; ignored: {listed(ignored) or 'nothing'}"
        ] += 1
        counts = np.array(
            [[_count(path, line, *cell) for cell in row.items()] for line, row in cells[categories].iterrows()]
        ).reshape(len(cells), len(categories))
        if count:
            totals = np.array([_count(path, line, count, cell) for line, cell in cells[count].items()])
            counts = self._times(path, counts, totals, count, cells.index)
        if of_labels:
            place = pd.DataFrame({"image_id": "", "label": self._labels_of_rows(path, cells[names])})
        else:
            shown = pairing.rows >= 0
            counts = counts[pairing.rows[shown]]
            place = self._catalog.loc[shown, ["image_id", "label"]]
        self._refuse_twice(path, cells, self._person(path))
        fitting = [name for name, each in self.conditions.items() if set(each.categories) == set(categories)]
        return self._long(path, counts, place, self._condition_with(path, categories, fitting), categories)

    def _labels_of_rows(self, path: Path, cells: pd.Series) -> list[str]:
        """The label of each row of a confusion matrix."""
        if _CHOSEN.match(str(cells.name).lower()):
            raise RockspaceError(f"{path}: its rows ({cells.name!r}) are what was chosen; transpose it")
        found: list[str] = []
        for line, cell in cells.items():
            label = spelled(cell, self._labels)
            if label is None:
                raise RockspaceError(f"{path}: row {line}: found {cell!r} ({cells.name}); needed: a label")
            if label in found:
                raise RockspaceError(f"{path}: row {line}: duplicate row for label {cell!r}")
            found.append(label)
        return found

    def _array(self, path: Path) -> pd.DataFrame:
        """Counts alone, as of CIFAR-10H."""
        counts = read_frame(path).cells.to_numpy()
        images = self._split.iloc[ordered(self._split["file"].tolist(), "natural")]
        self._layouts[f"counts of the {len(images)} {self._settings['split']} images in natural order"] += 1
        shape = f"{counts.dtype} of shape {counts.shape}"
        fitting = [name for name, each in self.conditions.items() if counts.shape[1:] == (len(each.categories),)]
        fitting = fitting or list(self.conditions)[:1]
        categories = self.conditions[self._one_of(path, fitting)].categories if fitting else labels_of(self._catalog)
        needed = len(images), len(categories)
        if counts.shape != needed or counts.dtype.kind not in "biuf":
            raise RockspaceError(
                f"{path}: {shape}; needed: numbers of shape {needed}, the {self._settings['split']} images in natural order of "
                "their paths x categories"
            )
        if not ((counts >= 0) & (counts <= _MOST)).all():
            raise RockspaceError(f"{path}: every count must be finite, at least 0 and at most {_MOST:,}")
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
        if self._settings["conditions"]:
            raise RockspaceError(
                f"{path}: its categories, {listed(categories)}, are those of none of choices.conditions"
            )
        if self.conditions:
            raise RockspaceError(
                f"{path}: other categories than {listed(next(iter(self.conditions.values())).categories)}, which another file "
                "has; list both in choices.conditions"
            )
        self.conditions[ONLY_CONDITION] = condition_of(self._catalog, categories, str(path))
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
        """A row for each count above 0, of counts of shape (rows, categories) whose rows' images and labels ``place`` has."""
        if _are_shares(counts):
            sums = counts.sum(axis=1, keepdims=True)
            counts = counts / np.where(sums > 0, sums, 1)
            self._lines.append(
                f"{path.name}: shares of an unknown number of responses: each row counts as one response"
            )
        self._left_out["without a response"] += int((~counts.any(axis=1)).sum())
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


def _count(path: Path, line: int, category: str, cell: str) -> float:
    if not is_number(cell) or not 0 <= number(cell) <= _MOST or _GROUPED.fullmatch(cell):
        raise RockspaceError(
            f"{path}: row {line}: found '{cell}' for '{category}'; a count is a number, 0 or more, without separators"
        )
    return number(cell)


def tokens_of(images: pd.DataFrame, filename: str) -> pd.Series:
    """Return the token of each image, without leading zeros; empty where its name does not fit.

    Args:
        images: Rows of the catalog.
        filename: Pattern of file names.

    Raises:
        RockspaceError: The pattern has no group ``token``.
    """
    if "token" not in re.compile(filename or "").groupindex:
        raise RockspaceError(
            "config: dataset.filename: no group (?P<token>...), by which images of a label are told apart; add it, or name "
            "images in choices.columns.image and choices.studied.file"
        )

    def token(file: str) -> str:
        match = match_name(filename, file)
        return plain(match["token"] or "") if match else ""

    return images["file"].map(token)
