"""An experiment in which people put images into categories: what they studied, what they were shown, what they chose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rockspace.alignment.intervals import MIN_UNITS
from rockspace.alignment.spaces import UnusableSpaces, subtypes_of
from rockspace.artifacts import read_json
from rockspace.choices.context_model import CategorySet


@dataclass(frozen=True)
class Task:
    """One condition: a set of categories, and what people who could choose among them chose.

    Attributes:
        name: Of the condition.
        categories: Names of the categories, in the order of the counts.
        rows: What was shown, a row each: ``image_id`` (empty where the responses to all images of a label were counted
            together), ``label``, ``category`` (its index, -1 if the right one was not on offer) and ``studied`` (all its images).
        shown: The image of each place in a space, shape (n,).
        pools: Row of each of them, shape (n,).
        exemplars: Images that were studied, shape (m,).
        exemplar_categories: Index of the category of each, shape (m,).
        groups: Group of each, shape (m,), numbered over all conditions.
        people: Names of the people; one empty name where they are not told apart.
        counts: How often each person chose each category for each row, shape (people, rows, categories).
    """

    name: str
    categories: list[str]
    rows: pd.DataFrame
    shown: np.ndarray
    pools: np.ndarray
    exemplars: np.ndarray
    exemplar_categories: np.ndarray
    groups: np.ndarray
    people: np.ndarray
    counts: np.ndarray

    def in_space(self, place_of: Mapping[str, np.ndarray]) -> CategorySet:
        """Return the set of categories in a space that gives each image its place, shape (k,)."""
        missing = [image for image in (*self.exemplars, *self.shown) if image not in place_of]
        if missing:
            raise UnusableSpaces(
                f"image {str(missing[0])!r}, which people studied or were shown, has no place in the space"
            )
        exemplars, shown = (np.stack([place_of[image] for image in images]) for images in (self.exemplars, self.shown))
        return CategorySet(exemplars, self.exemplar_categories, shown, self.groups, self.pools)

    @property
    def total(self) -> np.ndarray:
        """Return the counts of all people together, shape (rows, categories)."""
        return self.counts.sum(axis=0)

    @property
    def subtypes(self) -> np.ndarray:
        """Return what each row is resampled and left out with: its label, or an image without a label by itself."""
        images = self.rows["image_id"].to_numpy(str)
        found = subtypes_of(self.rows["label"], images)
        return images if found is None else found

    @property
    def right(self) -> np.ndarray:
        """Return which category is right for each row, shape (rows, categories), bool."""
        return self.rows["category"].to_numpy()[:, None] == np.arange(len(self.categories))


@dataclass(frozen=True)
class Experiment:
    """All conditions.

    Attributes:
        tasks: One for each condition.
    """

    tasks: list[Task]

    @property
    def people(self) -> list[str] | None:
        """Return the names of all people; None where they are not told apart."""
        names = sorted({name for task in self.tasks for name in task.people})
        return None if "" in names else names

    @property
    def strata(self) -> list[list[str]]:
        """Return the names of the people who were in the same conditions, together; those of fewer than three together, too."""
        names, of_tasks = self.people or [], [set(task.people) for task in self.tasks]
        were_in = {name: tuple(name in people for people in of_tasks) for name in names}
        sizes = Counter(were_in.values())
        stratum_of = {name: each if sizes[each] >= MIN_UNITS else None for name, each in were_in.items()}
        return [[name for name in names if stratum_of[name] == each] for each in dict.fromkeys(stratum_of.values())]

    def counts(self, weight_of: Mapping[str, float] | None = None) -> list[np.ndarray]:
        """Return the counts of each condition, shape (rows, categories), with each person's times a weight."""
        if weight_of is None:
            return [task.total for task in self.tasks]
        return [np.tensordot([weight_of[name] for name in task.people], task.counts, axes=1) for task in self.tasks]

    def resamples(self, number: int, seed: int) -> list[dict[str, float]]:
        """Draw people with replacement among those who were in the same conditions.

        Args:
            number: How often.
            seed: Decides who is drawn.

        Returns:
            How often each person was drawn, each time; nothing where people are not told apart, or for fewer than
            three in a condition. Who shared their conditions with fewer than two others are drawn among each other.
        """
        if self.people is None or min(len(task.people) for task in self.tasks) < MIN_UNITS:
            return []
        rng, drawn = np.random.default_rng(seed), []
        for _ in range(number):
            weights: dict[str, float] = {}
            for stratum in self.strata:
                times = rng.multinomial(len(stratum), np.full(len(stratum), 1 / len(stratum)))
                weights |= dict(zip(stratum, times.astype(float), strict=True))
            drawn.append(weights)
        return drawn


def build_experiment(
    responses: pd.DataFrame,
    conditions: Mapping[str, Mapping[str, Any]],
    studied: pd.DataFrame,
    catalog: pd.DataFrame,
    split: str,
) -> Experiment:
    """Put together what the stage ``choices`` read.

    Args:
        responses: As `rockspace.people.choices.Choices` has them, like the next two.
        conditions: ``categories`` and ``category_of`` of each.
        studied: The exemplars.
        catalog: From `rockspace.data.catalog.read_catalog`.
        split: Whose images of a label were shown, where responses to a label were counted together.
    """
    label_of = dict(zip(catalog["image_id"], catalog["label"], strict=True))
    images_of = catalog[catalog["split"] == split].groupby("label")["image_id"].agg(list).to_dict()
    were_studied, order = set(studied["image_id"]), {image: i for i, image in enumerate(catalog["image_id"])}
    tasks = []
    for name, condition in conditions.items():
        own, categories = responses[responses["condition"] == name], list(condition["categories"])
        category_of = {label: categories.index(category) for label, category in condition["category_of"].items()}
        rows = own[["image_id", "label"]].drop_duplicates().reset_index(drop=True)
        rows = rows.iloc[rows["image_id"].map(lambda image: order.get(image, 0)).argsort(kind="stable")]
        rows = rows.reset_index(drop=True)
        rows["category"] = rows["label"].map(category_of).fillna(-1).astype(int)
        members = [[image] if image else images_of[label] for image, label in rows[["image_id", "label"]].to_numpy()]
        rows["studied"] = [were_studied.issuperset(each) for each in members]
        chosen = studied[studied["image_id"].map(label_of).isin(category_of)]
        people = np.array(sorted(own["person"].unique()), dtype=str)
        counts = np.zeros((len(people), len(rows), len(categories)))
        at = pd.MultiIndex.from_frame(rows[["image_id", "label"]])
        np.add.at(
            counts,
            (
                np.searchsorted(people, own["person"].to_numpy(str)),
                at.get_indexer(pd.MultiIndex.from_frame(own[["image_id", "label"]])),
                pd.Index(categories).get_indexer(own["category"]),
            ),
            own["count"],
        )
        tasks.append(
            Task(
                name=name,
                categories=categories,
                rows=rows,
                shown=np.array([image for each in members for image in each]),
                pools=np.repeat(np.arange(len(rows)), [len(each) for each in members]),
                exemplars=chosen["image_id"].to_numpy(str),
                exemplar_categories=chosen["image_id"].map(label_of).map(category_of).to_numpy(),
                groups=chosen["group"].to_numpy(),
                people=people,
                counts=counts,
            )
        )
    return Experiment(tasks)


def read_experiment(
    responses: str | Path, studied: str | Path, reading: str | Path, catalog: pd.DataFrame, split: str
) -> Experiment:
    """Read the artifacts of the stage ``choices``; see `build_experiment`."""
    texts = dict.fromkeys(("condition", "person", "image_id", "label", "category"), str)
    return build_experiment(
        pd.read_csv(responses, dtype=texts, keep_default_na=False),
        read_json(reading)["conditions"],
        pd.read_csv(studied, dtype={"image_id": str}, keep_default_na=False),
        catalog,
        split,
    )


def splits_of(experiment: Experiment, catalog: pd.DataFrame) -> set[str]:
    """Return the splits that studied or shown images belong to."""
    split_of = dict(zip(catalog["image_id"], catalog["split"], strict=True))
    images: Sequence[str] = [image for task in experiment.tasks for image in (*task.exemplars, *task.shown)]
    return {split_of[image] for image in images}
