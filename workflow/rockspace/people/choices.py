"""What people took the images for, of whom that is kept, and which images they had studied."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from rockspace.data.pairing import pair
from rockspace.data.tables import read_table
from rockspace.errors import RockspaceError, listed
from rockspace.people.conditions import Condition, check_conditions
from rockspace.people.responses import COLUMNS, ResponseReader, tokens_of
from rockspace.people.spellings import plain, same_person


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
    if settings["file_per_person"]:
        _refuse_namesakes(files)
    reader = ResponseReader(catalog, settings, filename)
    responses = pd.concat(map(reader.read, files), ignore_index=True)
    shown = catalog.loc[catalog["split"] == settings["split"], "label"]
    unseen = sorted(set(responses.loc[responses["image_id"] == "", "label"]) - set(shown))
    if unseen:
        raise RockspaceError(
            f"config: choices.split: no {settings['split']} image has label {unseen[0]!r}, to which people responded"
        )
    responses, left_out = _accurate(responses, reader.conditions, settings["least_accuracy"])
    notes = [*reader.notes, *left_out]
    if responses.empty:
        why = "; ".join(note for note in notes if note.startswith("left out"))
        raise RockspaceError(
            f"{files[0]}: no response is left ({why or 'none was there'}); check choices.only, conditions and least_accuracy"
        )
    responses = responses.groupby(COLUMNS[:-1], sort=False, as_index=False)["count"].sum()
    conditions = {name: each for name, each in reader.conditions.items() if name in set(responses["condition"])}
    studied, which = _studied(catalog, settings, filename, conditions)
    return Choices(responses, conditions, studied, [*notes, *_kept(responses, conditions), *which])


def _refuse_namesakes(files: Sequence[Path]) -> None:
    file_of: dict[str, Path] = {}
    for file in files:
        if (other := file_of.setdefault(same_person(file.stem), file)) != file:
            raise RockspaceError(
                f"{file}: may be of another person than {other}; give each person a name of their own "
                "(choices.file_per_person goes by names of files)"
            )


def _accurate(
    responses: pd.DataFrame, conditions: Mapping[str, Condition], least: float
) -> tuple[pd.DataFrame, list[str]]:
    """The responses without those of people who were right too seldom in a condition, and how many these are, in a line."""
    if least == 0 or responses.empty:
        return responses, []
    if (responses["person"] == "").any():
        raise RockspaceError(
            "config: choices.least_accuracy: people are not named in the files; set choices.columns.person, or 0"
        )
    right = [conditions[name].category_of.get(label) for name, label in responses[["condition", "label"]].to_numpy()]
    known = responses.assign(right=(responses["category"] == right) * responses["count"])[pd.notna(right)]
    each = known.groupby(["condition", "person"])[["right", "count"]].sum()
    low = each.index[each["right"] / each["count"] < least]
    is_low = pd.MultiIndex.from_frame(responses[["condition", "person"]]).isin(low)
    note = (
        f"left out: {len(low)} of {len(each)} people right in less than {least:.0%} of their trials (choices.least_accuracy), "
        f"{responses.loc[is_low, 'count'].sum():,.0f} responses"
    )
    return responses[~is_low], [note]


def _kept(responses: pd.DataFrame, conditions: Mapping[str, Condition]) -> list[str]:
    """How many responses of how many people are kept, in all and by condition, in lines."""
    are_named = bool((responses["person"] != "").all())
    people = f"{responses['person'].nunique()} people"
    if not are_named:
        others = ", or not all" if responses["person"].any() else ""
        people = (
            f"people who are not named{others}: no intervals over people; if a column or a file each tells them apart, set "
            "choices.columns.person or file_per_person"
        )
    notes = [f"kept: {responses['count'].sum():,.0f} responses of {people}"]
    for name, rows in responses.groupby("condition", sort=False):
        of_people = f" of {rows['person'].nunique()} people" if are_named else ""
        categories = conditions[name].categories
        notes.append(
            f"condition {name}: {rows['count'].sum():,.0f} responses{of_people} to "
            f"{rows[['image_id', 'label']].drop_duplicates().shape[0]} "
            f"{'images' if rows['image_id'].any() else 'labels'}, {len(categories)} categories: {listed(categories)}"
        )
    return notes


def _studied(
    catalog: pd.DataFrame, settings: Mapping[str, Any], filename: str, conditions: Mapping[str, Condition]
) -> tuple[pd.DataFrame, list[str]]:
    """The exemplars, as `Choices.studied` has them, and which these are, in lines."""
    wanted, split = settings["studied"], settings["split"]
    notes: list[str] = []
    if wanted["file"]:
        table = read_table(Path(wanted["file"]))
        rows = pair(table, catalog["file"].tolist(), partial=True).rows
        images = catalog[rows >= 0]
        cells = table.cells["group"].iloc[rows[rows >= 0]] if "group" in table.cells else [""] * len(images)
        group, names = pd.factorize(pd.Series(cells, dtype=object))
        if len(names) > 1:
            notes.append(f"groups of studied images: {listed([f'{i} ({name})' for i, name in enumerate(names, 1)])}")
        which = f"images of {Path(wanted['file']).name}"
    else:
        images, which = catalog[catalog["split"] == "train"], "training images"
        if wanted["tokens"]:
            images = catalog[catalog["split"] == split]
            images = images[tokens_of(images, filename).isin([plain(str(each)) for each in wanted["tokens"]])]
            which = f"{split} images with tokens {listed(wanted['tokens'])}"
        group = [0] * len(images)
    known = {label for each in conditions.values() for label in each.category_of}
    is_known = images["label"].isin(known).to_numpy()
    labels = set(images["label"])
    for name, condition in conditions.items():
        have = {condition.category_of.get(label) for label in labels}
        missing = [category for category in condition.categories if category not in have]
        if missing:
            raise RockspaceError(
                f"config: choices.studied: no image of category {missing[0]!r} (condition {name}) among the {which}; "
                "each category needs one that was studied"
            )
    table = pd.DataFrame({"image_id": images["image_id"].to_numpy(str), "group": group})[is_known]
    return table.reset_index(drop=True), [*notes, f"studied: {len(table)} {which}"]
