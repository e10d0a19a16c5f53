"""Tables of people's choices: image by image in one space, and all spaces side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rockspace.alignment.aligned import OBSERVED, PREDICTED
from rockspace.choices.experiment import Experiment
from rockspace.choices.human_choices import (
    COORDINATES,
    IN_SAMPLE,
    NEW,
    NEW_PEOPLE,
    NEW_SUBTYPES,
    OVER_PEOPLE,
    OVER_SUBTYPES,
    STUDIED,
    ChoiceSpace,
    Variant,
    choice_report,
    gain_interval,
)

PEOPLE = "people"
"""What tables name as the model of people's own spaces."""

_TEXTS = ("space", "variant", "condition", "image_id", "label", "category")


@dataclass(frozen=True)
class Explained:
    """What was written about the spaces of one layer, of what a network or ensemble learnt, or of people.

    Attributes:
        model: Name of the model or ensemble, or `people`.
        seed: Its seed; empty for people and ensembles.
        layer: Name of the layer, or `outputs`; empty for people.
        figures: By space, as `choice_report` gives them.
        table: As from `image_table`, of all these spaces.
    """

    model: str
    seed: str
    layer: str
    figures: Mapping[str, Any]
    table: pd.DataFrame

    @property
    def run(self) -> dict[str, str]:
        """Return what names it in the first columns of all tables."""
        return {"model": self.model, "seed": self.seed, "layer": self.layer}


def explain(
    spaces: Sequence[ChoiceSpace], experiment: Experiment, variants: Sequence[Variant], *, resamples: int, seed: int
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Fit the context model in each space and score it.

    Args:
        spaces: As from `space_of_people` or `spaces_of_layer`.
        experiment: What people studied and chose.
        variants: How the model is fitted.
        resamples: Resamples of people behind each interval of a parameter.
        seed: Decides starting points, folds and resamples.

    Returns:
        Figures by the space's name, and the table of `image_table`.
    """
    figures, tables = {}, []
    for space in spaces:
        figures[space.name], predicted = choice_report(space, experiment, variants, resamples=resamples, seed=seed)
        tables += [image_table(space.name, variant, log_p, experiment) for variant, log_p in predicted.items()]
    return figures, pd.concat(tables, ignore_index=True)


def in_words(figures: Mapping[str, Any]) -> list[str]:
    """Say in a line for each space and variant how well it predicts the choices; ``figures`` are those of `explain`."""
    return [
        f"{space}, {variant}: log-likelihood {model[IN_SAMPLE]['log_likelihood']:,.1f} with {model['n_parameters']} parameter(s); "
        f"{model[model['leading']]['log_likelihood']:,.1f}, r {model[model['leading']]['r']:.3f} ({model['leading']})"
        + (
            "; the validation images were moved to the training images' place and spread"
            if part["validation_moved"]
            else ""
        )
        for space, variant, part, model in fitted_models(figures)
    ]


def fitted_models(figures: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]]:
    """Yield each space and variant of the model, with the figures of the space and those of the model in it.

    Args:
        figures: By space, as `choice_report` gives them.
    """
    for space, part in figures.items():
        for variant, model in part["models"].items():
            yield space, variant, part, model


def image_table(space: str, variant: str, log_p: Sequence[np.ndarray], experiment: Experiment) -> pd.DataFrame:
    """Return a row for each image, or label, that was shown in a condition.

    Args:
        space: Name of the space.
        variant: Name of the variant of the model.
        log_p: Log-probabilities, as from `rockspace.choices.human_choices.choice_report`.
        experiment: What people chose.

    Returns:
        `space, variant, condition, image_id, label, category` (the right one, empty where it was not on offer), `studied`,
        `responses`, `log_likelihood` of them, and for each category the observed and the predicted share of the
        responses, missing where it was not on offer.
    """
    tables = []
    for each, task in zip(log_p, experiment.tasks, strict=True):
        counts = task.total
        columns: dict[str, Any] = {
            "space": space,
            "variant": variant,
            "condition": task.name,
            "image_id": task.rows["image_id"],
            "label": task.rows["label"],
            "category": [task.categories[i] if i >= 0 else "" for i in task.rows["category"]],
            "studied": task.rows["studied"],
            "responses": counts.sum(axis=1),
            "log_likelihood": np.sum(counts * each, axis=1),
        }
        for i, name in enumerate(task.categories):
            columns[OBSERVED.format(name)] = counts[:, i] / counts.sum(axis=1)
            columns[PREDICTED.format(name)] = np.exp(each[:, i])
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True)


def read_image_table(path: str | Path) -> pd.DataFrame:
    """Read what `image_table` made, from a CSV."""
    # A space of people's may be called NA, and so may a label; numbers may be missing.
    table = pd.read_csv(path, dtype=dict.fromkeys(_TEXTS, str), keep_default_na=False, na_values={})
    numbers = table.columns.drop([*_TEXTS, "studied"])
    return table.assign(**{name: pd.to_numeric(table[name]) for name in numbers})


def confusion(table: pd.DataFrame, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean observed and predicted shares by right category, from rows of one space, variant and condition.

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


def spaces_table(explained: Sequence[Explained], experiment: Experiment, ceilings: Mapping[str, Any]) -> pd.DataFrame:
    """Set all spaces side by side.

    Args:
        explained: Layers, and people themselves.
        experiment: What people chose.
        ceilings: As from `rockspace.choices.ceilings.ceilings`.

    Returns:
        A row for each model, seed, layer, space and variant: the number of responses, their likelihood by the fit to them (`in_sample`,
        with AIC and BIC), to those of other subtypes (`new_subtypes`) and of other people (`new_people`); the intervals and
        correlations of the one that `leading` names; and by how much a response is more likely than in people's own
        coordinates by the same variant (`beyond_people`, nats), with paired intervals over people and over subtypes.
    """
    own = next(entry.table for entry in explained if entry.model == PEOPLE)
    total, rows = ceilings["n_responses"], []
    for entry in explained:
        for space, variant, part, model in fitted_models(entry.figures):
            row: dict[str, Any] = entry.run | {"space": space, "variant": variant}
            row |= {"n_dimensions": part["n_dimensions"]} | _row(model)
            row["n_responses"] = total
            row |= {f"{name}_per_response": ceilings[name] / total for name in ("chance", "saturated")}
            person = ceilings["person"] or {}
            row["person_per_response"] = person.get("log_likelihood_per_response", np.nan)
            right = ceilings["right_only"][model["leading"]]
            row["right_only_per_response"] = np.nan if right is None else right / total
            if (entry.model, space) != (PEOPLE, COORDINATES):
                row |= _beyond(entry.table, space, own, variant, experiment)
            rows.append(row)
    return pd.DataFrame(rows)


def conditions_table(explained: Sequence[Explained]) -> pd.DataFrame:
    """Say how well studied and new images are named rightly in each condition, observed and predicted.

    Args:
        explained: Layers, and people themselves.

    Returns:
        A row for each model, seed, layer, space, variant and condition, and `images` (`studied` or `new`) with a right category: the
        number of responses, their `log_likelihood` (nats), the share of right ones, `observed` (with a jackknife interval over
        people) and `predicted`, by the parameters that `leading` names in the table of spaces.
    """
    rows = []
    for entry in explained:
        for space, variant, _, model in fitted_models(entry.figures):
            for each in model[model["leading"]]["accuracy"]:
                row = entry.run | {"space": space, "variant": variant}
                row |= {name: each[name] for name in ("condition", "images", "responses", "log_likelihood", "observed")}
                rows.append(
                    row | _ends("observed", OVER_PEOPLE, each["observed_ci_people"]) | {"predicted": each["predicted"]}
                )
    return pd.DataFrame(rows)


def subtypes_table(explained: Sequence[Explained]) -> pd.DataFrame:
    """Say for each subtype how well each space predicts the choices.

    Args:
        explained: Layers, and people themselves.

    Returns:
        A row for each model, seed, layer, space, variant, condition and subtype, of its studied and of its new images: the number
        of responses, how likely one is (`log_likelihood_per_response`, nats), the share of right ones, `observed` and
        `predicted`, and `beyond_people`: by how many nats a response is more likely than in people's own coordinates.
    """
    keys, tables = ["variant", "condition", "label", "images"], []
    for entry in explained:
        table = entry.table.assign(
            observed=_right_share(entry.table, OBSERVED) * entry.table["responses"],
            predicted=_right_share(entry.table, PREDICTED) * entry.table["responses"],
            images=np.where(entry.table["studied"], STUDIED, NEW),
        )
        sums = table.groupby(["space", *keys], sort=False)[["responses", "log_likelihood", "observed", "predicted"]]
        sums = sums.sum(min_count=1)
        means = sums[["log_likelihood", "observed", "predicted"]].div(sums["responses"], axis=0)
        means = means.rename(columns={"log_likelihood": "log_likelihood_per_response"})
        means.insert(0, "responses", sums["responses"])
        means = means.reset_index()
        tables.append(pd.DataFrame(entry.run, index=means.index).join(means))
    table = pd.concat(tables, ignore_index=True)
    own = table[(table["model"] == PEOPLE) & (table["space"] == COORDINATES)]
    likelihood = own.set_index(keys)["log_likelihood_per_response"]
    theirs = likelihood.reindex(pd.MultiIndex.from_frame(table[keys])).to_numpy()
    return table.assign(beyond_people=table["log_likelihood_per_response"] - theirs)


def right_share(row: pd.Series, form: str) -> float:
    """Return the observed or predicted share of the right category in a row of `image_table`; NaN if it was not on offer."""
    return float(row[form.format(row["category"])]) if row["category"] else float("nan")


def _right_share(table: pd.DataFrame, form: str) -> np.ndarray:
    return np.array([right_share(row, form) for _, row in table.iterrows()])


def _row(model: Mapping[str, Any]) -> dict[str, Any]:
    leading, in_sample = model[model["leading"]], model[IN_SAMPLE]
    row: dict[str, Any] = {"n_parameters": model["n_parameters"], "log_likelihood": in_sample["log_likelihood"]}
    row |= {name: in_sample.get(name, np.nan) for name in ("aic", "bic")}
    for fit in (NEW_SUBTYPES, NEW_PEOPLE):
        row[f"{fit}_log_likelihood"] = np.nan if model[fit] is None else model[fit]["log_likelihood"]
    row |= {"leading": model["leading"], "log_likelihood_per_response": leading["log_likelihood_per_response"]}
    for units in (OVER_PEOPLE, OVER_SUBTYPES):
        row |= _ends("log_likelihood_per_response", units, leading[f"log_likelihood_per_response_ci_{units}"])
    for name in ("explained", "r", "r_correct", "r_errors"):
        row[name] = np.nan if leading[name] is None else leading[name]
    for wanted in ("sensitivity", "response_scaling"):
        one = [each["value"] for each in model["parameters"] if each["name"] == wanted and not each["condition"]]
        row[wanted] = one[0] if one else np.nan
    return row | {"undetermined": ", ".join(model["undetermined"])}


def _ends(name: str, units: str, ends: Sequence[float] | None) -> dict[str, float]:
    low, high = ends or (np.nan, np.nan)
    return {f"{name}_low_{units}": low, f"{name}_high_{units}": high}


def _beyond(
    table: pd.DataFrame, space: str, own: pd.DataFrame, variant: str, experiment: Experiment
) -> dict[str, float]:
    theirs, ours = (_log_shares(each, name, variant, experiment) for each, name in ((own, COORDINATES), (table, space)))
    gains = [one - other for one, other in zip(ours, theirs, strict=True)]
    row: dict[str, float] = {}
    for units in (OVER_PEOPLE, OVER_SUBTYPES):
        mean, ends = gain_interval(gains, experiment, units)
        row |= {"beyond_people": mean} | _ends("beyond_people", units, ends)
    return row


def _log_shares(table: pd.DataFrame, space: str, variant: str, experiment: Experiment) -> list[np.ndarray]:
    """Logarithms of predicted shares in the order of the experiment's rows, of shape (rows, categories) for each condition."""
    rows = table[(table["space"] == space) & (table["variant"] == variant)]
    found = []
    for task in experiment.tasks:
        own = rows[rows["condition"] == task.name].set_index(["image_id", "label"])
        own = own.loc[list(task.rows[["image_id", "label"]].itertuples(index=False, name=None))]
        shares = own[[PREDICTED.format(name) for name in task.categories]].to_numpy(np.float64)
        # Nobody chose what is too unlikely for a number.
        found.append(np.log(np.maximum(shares, np.finfo(np.float64).tiny)))
    return found
