"""Tables of people's choices: image by image in one space, and all spaces side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rockspace.alignment.aligned import OBSERVED, PREDICTED
from rockspace.alignment.intervals import by_units, confidence_interval
from rockspace.alignment.spaces import Spaces, subtypes_of
from rockspace.choices.human_choices import Choices, ChoiceSpace, category_indices, choice_report, read_choices

PEOPLE = "people"


@dataclass(frozen=True)
class Explained:
    """What was written about the spaces of one layer, or of people.

    Attributes:
        model: Name of the model, or `people`.
        seed: Its seed; empty for people.
        layer: Name of the layer; empty for people.
        figures: By space, as `choice_report` gives them.
        table: As from `image_table`, of all these spaces.
    """

    model: str
    seed: str
    layer: str
    figures: Mapping[str, Any]
    table: pd.DataFrame


def explain(
    spaces: Sequence[ChoiceSpace],
    train: Spaces,
    validation: Spaces,
    responses: Mapping[str, pd.DataFrame],
    category_of: Mapping[str, str],
    *,
    resamples: int,
    seed: int,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Fit the exemplar model in each space and score it.

    Args:
        spaces: As from `space_of_people` or `spaces_of_layer`.
        train: The training images, whose images of a category on offer are its exemplars.
        validation: The validation images.
        responses: Counts by split, as from `rockspace.people.responses.read_all_responses`.
        category_of: Category of each label, likewise.
        resamples: Bootstrap resamples behind each interval.
        seed: Decides starting points, folds and resamples.

    Returns:
        Figures by the space's name, and the table of `image_table`.

    Raises:
        UnusableSpaces: The responses are not of these images.
    """
    splits, names = {"train": train, "validation": validation}, list(next(iter(responses.values())))
    choices = {
        split: read_choices(responses[split], images, category_of)
        for split, images in splits.items()
        if split in responses
    }
    categories = category_indices(train.label, category_of, names)
    exemplars = np.flatnonzero(categories >= 0)
    figures, tables = {}, []
    for space in spaces:
        own = choice_report(space, exemplars, categories[exemplars], choices, resamples=resamples, seed=seed)
        figures[space.name], predicted = own
        tables.append(image_table(space.name, predicted, choices, splits, names))
    return figures, pd.concat(tables, ignore_index=True)


def in_words(figures: Mapping[str, Any], split: str) -> list[str]:
    """Say in a line for each space how well it predicts the choices of a split; ``figures`` are those of `explain`."""
    moved = "; another scaling solution, moved to the training images' centroid and spread"
    leading = {space: (part["validation_moved"], part[split]) for space, part in figures.items()}
    return [
        f"{space}: r {part[part['leading']]['r']:.3f}, {part['leading']}{moved if is_moved else ''}"
        for space, (is_moved, part) in leading.items()
    ]


def image_table(
    space: str,
    predicted: Mapping[str, np.ndarray],
    choices: Mapping[str, Choices],
    splits: Mapping[str, Spaces],
    names: Sequence[str],
) -> pd.DataFrame:
    """Return a row for each image with responses.

    Args:
        space: Name of the space.
        predicted: Log-probabilities by split, as from `rockspace.choices.human_choices.choice_report`.
        choices: What people chose, by split.
        splits: The images of each split.
        names: Names of the categories, in the order of the counts.

    Returns:
        `space, split, image_id, label, category` (the right one, empty where it was not on offer), `responses`,
        `log_likelihood` of them, and for each category the observed and the predicted share of the responses.
    """
    tables = []
    for split, chosen in choices.items():
        log_p, answers = predicted[split], chosen.counts.sum(axis=1)
        columns: dict[str, Any] = {
            "space": space,
            "split": split,
            "image_id": splits[split].image_id[chosen.images],
            "label": chosen.label,
            "category": [names[i] if i >= 0 else "" for i in chosen.category],
            "responses": answers,
            "log_likelihood": np.sum(chosen.counts * log_p, axis=1),
        }
        for i, name in enumerate(names):
            columns[OBSERVED.format(name)] = chosen.counts[:, i] / answers
            columns[PREDICTED.format(name)] = np.exp(log_p[:, i])
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True)


def read_image_table(path: str | Path) -> pd.DataFrame:
    """Read what `image_table` made, from a CSV."""
    texts = {name: str for name in ("space", "split", "image_id", "label", "category")}
    return pd.read_csv(path, dtype=texts, keep_default_na=False)


def confusion(table: pd.DataFrame, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean observed and predicted shares by right category, from rows of one space and split.

    Args:
        table: As from `image_table`.
        names: Names of the categories in the order wanted.

    Returns:
        Two matrices, shape (categories, categories): rows are right categories, columns chosen ones. A row is NaN
        where no image of the category was shown.
    """
    means = table.groupby("category")[[form.format(name) for form in (OBSERVED, PREDICTED) for name in names]].mean()
    means = means.reindex(list(names)).to_numpy()
    return means[:, : len(names)], means[:, len(names) :]


def spaces_table(explained: Sequence[Explained], *, resamples: int, seed: int = 0) -> pd.DataFrame:
    """Set all spaces side by side.

    Args:
        explained: Layers, and people themselves.
        resamples: Bootstrap resamples behind each interval.
        seed: Decides every resample.

    Returns:
        A row for each model, seed, layer, space and split: `leading` says what the parameters were fitted to, then
        its figures, those of `in_sample` with AIC and BIC, and by how much a response is more likely than in people's
        own space (`beyond_people`, nats), with paired intervals over images and over subtypes.
    """
    own = next((entry.table for entry in explained if entry.model == PEOPLE), None)
    rows = []
    for entry in explained:
        for space, figures in entry.figures.items():
            for split in ("validation", "train"):
                if split not in figures:
                    continue
                where = {"model": entry.model, "seed": entry.seed, "layer": entry.layer, "space": space, "split": split}
                row = where | _row(figures, split)
                if own is not None and entry.model != PEOPLE:
                    ours = entry.table[entry.table["space"] == space]
                    row |= _beyond(ours[ours["split"] == split], own[own["split"] == split], resamples, seed)
                rows.append(row)
    return pd.DataFrame(rows)


def _row(figures: Mapping[str, Any], split: str) -> dict[str, Any]:
    part = figures[split]
    leading, in_sample = part[part["leading"]], part["in_sample"]
    row = {"leading": part["leading"], "n_images": part["n_images"], "n_responses": part["n_responses"]}
    row |= {"n_parameters": figures["n_parameters"], "sensitivity": part["sensitivity"]}
    for name in ("log_likelihood", "log_likelihood_per_response", "explained", "r", "r_correct", "r_errors"):
        row[name] = np.nan if leading[name] is None else leading[name]
    for name in ("log_likelihood_per_response", "r"):
        for units, suffix in (("images", ""), ("subtypes", "_subtypes")):
            low, high = leading[f"{name}_ci{suffix}"] or (np.nan, np.nan)
            row |= {f"{name}_low_{units}": low, f"{name}_high_{units}": high}
    row |= {f"in_sample_{name}": in_sample[name] for name in ("log_likelihood", "r", "aic", "bic")}
    row |= {f"{name}_per_response": part["reference"][name] / part["n_responses"] for name in ("chance", "saturated")}
    return row


def _beyond(ours: pd.DataFrame, theirs: pd.DataFrame, resamples: int, seed: int) -> dict[str, float]:
    gain = ours["log_likelihood"].to_numpy() - theirs["log_likelihood"].to_numpy()
    each = np.stack([gain, ours["responses"].to_numpy()], axis=1)
    row = {"beyond_people": gain.sum() / each[:, 1].sum()}
    given = each, lambda sums: sums[..., :1] / sums[..., 1:], subtypes_of(ours["label"], ours["image_id"])
    for units, ends in by_units(confidence_interval, *given, resamples=resamples, seed=seed).items():
        low, high = (np.nan, np.nan) if ends is None else ends[:, 0]
        row |= {f"beyond_people_low_{units}": low, f"beyond_people_high_{units}": high}
    return row
