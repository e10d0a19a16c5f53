"""What people took the images for: trials, counts and confusion matrices, as experiments leave them."""

from __future__ import annotations

import difflib
import glob
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from rockspace.data.catalog import NO_LABEL
from rockspace.data.pairing import ordered, pair
from rockspace.data.tables import Table, are_numbers, is_integer, is_missing, is_number, number, read_table
from rockspace.errors import RockspaceError, listed

COLUMNS = ["condition", "person", "image_id", "label", "category", "count"]
"""Columns of `Choices.responses`."""

ONLY_CONDITION = "all"
"""The condition's name where there is one."""

_NAMES = {  # what columns are called if the configuration does not say, in lower case
    "person": ("person", "participant", "subject"),
    "condition": ("condition",),
    "image": ("image", "stimulus"),
    "subtype": ("subtype", "label"),
    "token": ("token",),
    "response": ("response", "choice"),
}
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


def choice_files(patterns: Sequence[str]) -> list[Path]:
    """Return the files that the configuration names, by paths or patterns on this machine.

    Raises:
        RockspaceError: One names no file.
    """
    files: list[Path] = []
    for pattern in patterns:
        found = [pattern] if Path(pattern).is_file() else sorted(glob.glob(pattern, recursive=True))
        if not found:
            raise RockspaceError(f"config: choices.files: no file {pattern!r}; give paths or patterns of tables")
        files += [Path(file) for file in found]
    return list(dict.fromkeys(files))


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
    reader = _Reader(catalog, settings, filename)
    tables = [reader.read(file) for file in files]
    responses = pd.concat(tables, ignore_index=True)
    kept = responses[responses["condition"].isin(reader.conditions)]
    unnamed = sorted(set(responses["condition"]) - set(reader.conditions))
    reader.left_out[f"of conditions not in choices.conditions ({listed(unnamed)})"] += len(responses) - len(kept)
    reader.notes += [
        f"read: {number} file{'s' if number > 1 else ''}; {columns}" for columns, number in reader.columns.items()
    ]
    reader.notes += [f"left out: {number:,} rows {which}" for which, number in reader.left_out.items() if number]
    kept = _accurate(kept, reader.conditions, settings["least_accuracy"], reader.notes)
    if kept.empty:
        raise RockspaceError(f"{files[0]}: no response is left; check choices.only, conditions and least_accuracy")
    kept = kept.groupby(COLUMNS[:-1], sort=False, as_index=False)["count"].sum()
    named = kept.loc[kept["person"] != "", "person"].nunique()
    people = f"{named} people" if named else "people who are not named"
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
        self.catalog, self.settings, self.filename = catalog, settings, filename
        self.notes: list[str] = []
        self.left_out: Counter[str] = Counter()
        self.columns: Counter[str] = Counter()
        self.named = {
            _plain(str(each.get("code") or name)): name for name, each in settings["conditions"].items()
        }  # as the files write them
        self.conditions = {
            name: _condition(catalog, each["categories"], f"config: choices.conditions.{name}")
            for name, each in settings["conditions"].items()
        }
        self.split = catalog[catalog["split"] == settings["split"]]
        self.by_token: dict[tuple[str, str], str] | None = None

    def read(self, path: Path) -> pd.DataFrame:
        """Return the responses in a file, in the columns of `COLUMNS`."""
        if path.suffix == ".npy":
            return self._array(path)
        table = read_table(path, has_header=True)
        table = self._only(table)
        if table.cells.empty:
            return pd.DataFrame(columns=COLUMNS)
        columns = {role: self._column(table, role) for role in (*_NAMES, "count")}
        response = columns["response"]
        return self._trials(table, response, columns) if response else self._counts(table, columns)

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
            where = f"{wanted['file']}"
        elif wanted["tokens"]:
            tokens = self._tokens(self.split)
            images = self.split.loc[tokens.isin(list(map(str, wanted["tokens"]))).to_numpy(), "image_id"]
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
            wanted = {_plain(str(value)) for value in (values if isinstance(values, list) else [values])}
            keep &= table.cells[column].map(_plain).isin(wanted)
        self.left_out["by choices.only"] += int((~keep).sum())
        return Table(table.path, table.cells[keep], table.unnamed)

    def _column(self, table: Table, role: str) -> str | None:
        given = self.settings["columns"].get(role)
        if given is not None:
            table.require(given, f"choices.columns.{role}")
            return given
        return next((name for name in table.cells if name.lower() in _NAMES.get(role, ())), None)

    def _trials(self, table: Table, response: str, columns: Mapping[str, str | None]) -> pd.DataFrame:
        """A row for each response."""
        cells = table.cells
        naming = ("image",) if columns["image"] else ("subtype", "token")
        taken = {role: columns[role] for role in ("person", "condition", *naming, "response", "count") if columns[role]}
        ignored = [name for name in cells if name not in {*taken.values(), *self.settings["only"]}]
        words = ", ".join(f"{role} {name!r}" for role, name in taken.items())
        self.columns[f"{words}; ignored: {listed(ignored) or 'nothing'}"] += 1
        answered = ~cells[response].map(is_missing)
        self.left_out["without an answer"] += int((~answered).sum())
        table = Table(table.path, cells[answered], table.unnamed)
        cells = table.cells
        codes = cells[columns["condition"]].map(_plain) if columns["condition"] else pd.Series("", cells.index)
        conditions = codes.map(lambda code: self._condition_of(code, table, columns))
        known = conditions.isin(self.conditions)
        place = self._images(table, columns, conditions)
        found = [
            self._category(table.path, line, response, cell, self.conditions[name]) if is_known else ""
            for line, cell, name, is_known in zip(cells.index, cells[response], conditions, known, strict=True)
        ]
        count = columns["count"]
        each = [_count(table.path, line, count, cell) for line, cell in cells[count].items()] if count else 1
        people = cells[columns["person"]].to_numpy(str) if columns["person"] else self._person(table.path)
        return pd.DataFrame(
            {"condition": conditions.to_numpy(str), "person": people, **place, "category": found, "count": each},
            columns=COLUMNS,
        )

    def _person(self, path: Path) -> str:
        return path.stem if self.settings["file_per_person"] else ""

    def _condition_of(self, code: str, table: Table, columns: Mapping[str, str | None]) -> str:
        """The condition that a file calls by a code; conditions that the configuration leaves to the files are made here."""
        if self.settings["conditions"]:
            if not columns["condition"]:
                if len(self.named) > 1:
                    raise RockspaceError(
                        f"{table.path}: no column says which of the conditions a trial is of; name it in choices.columns.condition"
                    )
                return next(iter(self.conditions))
            return self.named.get(code, code)
        name = code or ONLY_CONDITION
        if name not in self.conditions:
            chosen = set(table.cells[columns["response"]])
            superclasses = set(self.catalog["superclass"]) - {""}
            labels = _labels(self.catalog)
            categories = sorted(superclasses) if chosen <= superclasses and not chosen <= set(labels) else labels
            self.conditions[name] = _condition(self.catalog, categories, str(table.path))
        return name

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
        if not columns["subtype"]:
            raise RockspaceError(
                f"{table.path}: no column names the images; name it in choices.columns.image, or those of subtype and token"
            )
        label = [
            self._label(table.path, line, columns["subtype"], cell, self.conditions[name])
            if name in self.conditions
            else ""
            for line, cell, name in zip(cells.index, cells[columns["subtype"]], conditions, strict=True)
        ]
        if not columns["token"]:
            return {"image_id": "", "label": np.array(label, dtype=object)}
        if self.by_token is None:
            names = zip(self.split["label"], self._tokens(self.split), strict=True)
            self.by_token = dict(zip(names, self.split["image_id"], strict=True))
        token = cells[columns["token"]].map(_plain)
        images = [self.by_token.get((one, other)) if one else "" for one, other in zip(label, token, strict=True)]
        for line, image, one, other in zip(cells.index, images, label, token, strict=True):
            if image is None:
                raise RockspaceError(
                    f"{table.path}: row {line}: no {self.settings['split']} image of {one!r} has token {other!r}; check "
                    "choices.columns and choices.split"
                )
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
            match = re.fullmatch(self.filename, file if "/" in self.filename else PurePosixPath(file).name)
            return _plain(match["token"] or "") if match else ""

        return images["file"].map(token)

    def _label(self, path: Path, line: int, column: str, cell: str, condition: Condition) -> str:
        if cell in condition.category_of:
            return cell
        names = condition.categories
        if set(names) <= set(condition.category_of) and is_integer(cell) and 1 <= number(cell) <= len(names):
            return names[int(number(cell)) - 1]
        raise RockspaceError(
            f"{path}: row {line}: found {cell!r} ({column}); needed: a label, or the number of a category, 1 to {len(names)}"
        )

    def _category(self, path: Path, line: int, column: str, cell: str, condition: Condition) -> str:
        names = condition.categories
        if cell in names:
            return cell
        if is_integer(cell):
            value = int(number(cell))
            value = len(names) if value == 0 and self.settings["zero_is_last"] else value
            if 1 <= value <= len(names):
                return names[value - 1]
        zero = "" if self.settings["zero_is_last"] else "; if 0 is the last, set choices.zero_is_last"
        raise RockspaceError(
            f"{path}: row {line}: found {cell!r} ({column}); needed: a category, or its number, 1 to {len(names)}{zero}"
        )

    def _counts(self, table: Table, columns: Mapping[str, str | None]) -> pd.DataFrame:
        """A row for each image or label, a column for each category."""
        path, known = table.path, {*self.catalog["label"], *self.catalog["superclass"]} - {NO_LABEL}
        for role in ("person", "condition"):
            if columns[role]:
                raise RockspaceError(
                    f"{path}: a table of counts cannot have a column of its {role}s ({columns[role]!r}); give a row for each "
                    "response and name choices.columns.response and count, or a file for each"
                )
        labels = next((name for name in table.cells if set(table.cells[name]) <= set(_labels(self.catalog))), None)
        # Beside names of images, labels only repeat what the catalog says.
        of_labels = labels is not None and all(are_numbers(table.cells[name]) for name in table.cells if name != labels)
        names: str | None = labels
        numbering: tuple[str, ...] = ()
        if not of_labels:
            pairing = pair(
                table,
                self.catalog["file"].tolist(),
                column=columns["image"] if self.settings["columns"].get("image") else None,
                dimensions=[name for name in table.cells if name in known or name == labels],
                partial=True,
            )
            names, numbering = pairing.names, pairing.numbering
        if names is None:
            raise RockspaceError(f"{path}: no column names the images; expected one, and one column a category")
        categories = [name for name in table.cells if name not in (names, labels, *numbering)]
        ignored = [name for name in (labels, *numbering) if name not in (None, names)]
        what = "labels" if of_labels else "images"
        self.columns[f"counts, {what} {names!r}; ignored: {listed(ignored) or 'nothing'}"] += 1
        condition = self._with_categories(categories, path)
        counts = np.array(
            [[_count(path, line, *cell) for cell in row.items()] for line, row in table.cells[categories].iterrows()]
        ).reshape(len(table.cells), len(categories))
        for line, row in zip(table.cells.index, counts, strict=True):
            if not row.any():
                raise RockspaceError(
                    f"{path}: row {line}: no response to image {table.cells.loc[line, names]!r}; remove the row"
                )
        if of_labels:
            twice = table.cells[names][table.cells[names].duplicated()]
            if len(twice):
                raise RockspaceError(f"{path}: row {twice.index[0]}: duplicate row for label {twice.iloc[0]!r}")
            place = pd.DataFrame({"image_id": "", "label": table.cells[names].to_numpy(str)})
        else:
            shown = pairing.rows >= 0
            counts = counts[pairing.rows[shown]]
            place = self.catalog.loc[shown, ["image_id", "label"]]
        return self._long(counts, place, condition, categories, self._person(path))

    def _array(self, path: Path) -> pd.DataFrame:
        """Counts alone, as of CIFAR-10H."""
        try:
            counts = np.load(path, allow_pickle=False)
        except ValueError as error:
            raise RockspaceError(f"{path}: no array of numbers ({error})") from None
        images = self.split.iloc[ordered(self.split["file"].tolist(), "natural")]
        self.columns[f"counts of the {len(images)} {self.settings['split']} images in natural order"] += 1
        categories = next(iter(self.conditions.values())).categories if self.conditions else _labels(self.catalog)
        needed = len(images), len(categories)
        if counts.shape != needed or not np.issubdtype(counts.dtype, np.number):
            raise RockspaceError(
                f"{path}: numbers of shape {counts.shape}; needed: {needed}, the {self.settings['split']} images in natural "
                "order of their paths x categories"
            )
        if not np.isfinite(counts).all() or (counts < 0).any() or not counts.any(axis=1).all():
            raise RockspaceError(f"{path}: every count must be finite and at least 0, and one of each row more")
        condition = self._with_categories(categories, path)
        return self._long(
            counts.astype(np.float64), images[["image_id", "label"]], condition, categories, self._person(path)
        )

    def _with_categories(self, categories: list[str], path: Path) -> str:
        """The condition that a table of counts is of: the one with its categories."""
        for name, each in self.conditions.items():
            if set(each.categories) == set(categories):
                return name
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
    def _long(
        counts: np.ndarray, place: pd.DataFrame, condition: str, categories: Sequence[str], person: str
    ) -> pd.DataFrame:
        rows, columns = np.nonzero(counts)
        return pd.DataFrame(
            {
                "condition": condition,
                "person": person,
                "image_id": place["image_id"].to_numpy(str)[rows],
                "label": place["label"].to_numpy(str)[rows],
                "category": np.array(categories)[columns],
                "count": counts[rows, columns],
            },
            columns=COLUMNS,
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
                    f"{where}: {len(categories)} categor(ies), or one twice; people need two to choose from"
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
    right = [
        conditions[condition].category_of.get(label) == category
        for condition, label, category in responses[["condition", "label", "category"]].itertuples(index=False)
    ]
    each = responses.assign(right=right * responses["count"]).groupby(["condition", "person"])[["right", "count"]].sum()
    low = each.index[each["right"] / each["count"] < least]
    kept = ~pd.MultiIndex.from_frame(responses[["condition", "person"]]).isin(low)
    notes.append(
        f"left out: {len(low)} of {len(each)} people right in less than {least:.0%} of their trials (choices.least_accuracy), "
        f"{responses.loc[~kept, 'count'].sum():,.0f} responses"
    )
    return responses[kept]


def _plain(cell: str) -> str:
    """A whole number without leading zeros or decimals; other text as it is."""
    return str(int(number(cell))) if is_integer(cell) else cell


def _count(path: Path, line: int, category: str, cell: str) -> float:
    if not is_number(cell) or not 0 <= number(cell) <= _MOST or _GROUPED.fullmatch(cell):
        raise RockspaceError(
            f"{path}: row {line}: found '{cell}' for '{category}'; a count is a number, 0 or more, without separators"
        )
    return number(cell)
