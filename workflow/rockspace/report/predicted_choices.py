"""How well the spaces of a study predict people's choices, for the overview and the results in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from rockspace.alignment.statistics import Estimate
from rockspace.choices.choice_tables import PEOPLE
from rockspace.choices.human_choices import COORDINATES, NEW, explained

LIKELIHOOD = "log_likelihood_per_response"
EXPLAINED, BEYOND = "explained", "beyond_people"
SPACES = {
    "coordinates": "people's coordinates",
    "embedding": "the embedding",
    "components": "its strongest components",
    "predicted": "predicted coordinates",
    "outputs": "learnt coordinates",
}

BEST_OF_SEVERAL = "The best of several spaces is somewhat too good, since it was found on these choices."

FITTED_TO = {
    "in_sample": "fitted to these very choices",
    "new_subtypes": "fitted to choices of other subtypes",
}


@dataclass(frozen=True)
class PredictedChoices:
    """What one space says of the choices, over the seeds of its network.

    Attributes:
        model: Name of the model or ensemble, or `PEOPLE`.
        layer: The layer to show; empty for people and for learnt coordinates.
        space: As in ``human_choices.csv``.
        seeds: Those of its networks; one empty text for people and ensembles.
        log_likelihood: Of all responses by parameters fitted to them (nats).
        new_subtypes: The same by parameters fitted to the choices of other subtypes; NaN where there are too few.
        explained: Where the likelihood lies between guessing (0) and the observed shares themselves (1), by the parameters
            that lead: see `FITTED_TO`.
        accuracy: Predicted share of right responses to new images, by condition.
        beyond_people: By how many nats a response is more likely than by people's own coordinates; NaN for these.
    """

    model: str
    layer: str
    space: str
    seeds: list[str]
    log_likelihood: float
    new_subtypes: float
    explained: Estimate
    beyond_people: Estimate
    accuracy: Mapping[str, float]

    @property
    def is_of_people(self) -> bool:
        """Whether the space is one of people's."""
        return self.model == PEOPLE

    @property
    def title(self) -> str:
        """Return what tables call the space."""
        if self.is_of_people:
            return "people's own coordinates" if self.space == COORDINATES else self.space
        return f"{'' if any(self.seeds) else 'ensemble '}{self.model} ({SPACES[self.space]})"


def read_choices(path: str | Path) -> pd.DataFrame:
    """Read ``human_choices.csv`` or ``human_choices.conditions.csv``; names that look like numbers or missing values stay text."""
    texts = dict.fromkeys(("model", "seed", "layer", "space", "variant", "leading", "condition", "images"), str)
    return pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=[""]).fillna(dict.fromkeys(texts, ""))


def observed_accuracy(conditions: pd.DataFrame) -> dict[str, Estimate]:
    """Return how often people named new images rightly, by condition.

    Args:
        conditions: ``human_choices.conditions.csv``.
    """
    rows = conditions[conditions["images"] == NEW].drop_duplicates("condition")
    return {
        row.condition: Estimate(row.observed, row.observed_low_people, row.observed_high_people, "people")
        for row in rows.itertuples()
    }


def predicted_choices(
    choices: pd.DataFrame, conditions: pd.DataFrame, layers: Mapping[str, str]
) -> list[PredictedChoices]:
    """Return what each space says of the choices by the first way to fit the model, the best first.

    Of a network, these are the spaces of the layer to show, which no choice had a part in choosing, and the coordinates that it
    learnt. Which of several spaces is the best is found on the choices, so what shows it says so; see `BEST_OF_SEVERAL`.

    Args:
        choices: ``human_choices.csv``.
        conditions: ``human_choices.conditions.csv``.
        layers: The layer to show of each network.
    """
    rows = choices[choices["variant"] == choices["variant"].iloc[0]]
    rows = rows[[layer in ("", layers.get(model)) for model, layer in zip(rows["model"], rows["layer"], strict=True)]]
    keys = ["model", "seed", "layer", "space", "variant"]
    new = conditions[conditions["images"] == NEW].merge(rows[keys], on=keys)
    accuracy = new.groupby(["model", "space", "condition"])["predicted"].mean()
    found = [
        _over_seeds(runs, accuracy[each].to_dict() if each in accuracy.index else {})
        for each, runs in rows.groupby(["model", "space"], sort=False)
    ]
    return sorted(found, key=lambda each: -each.explained.value)


def networks_of(spaces: Sequence[PredictedChoices]) -> list[PredictedChoices]:
    """Return those of networks and ensembles, the best first: the one that is shown in pictures, words and tables."""
    return [each for each in spaces if not each.is_of_people]


def others_explained(choices: pd.DataFrame) -> float:
    """Return `explained` of each person's choices by the shares of all others; NaN where people are not told apart."""
    return float(_share(choices["person_per_response"], choices).iloc[0])


def right_only_explained(choices: pd.DataFrame) -> float:
    """Return `explained` of the right answers alone, without a space (`rockspace.choices.human_choices.right_only`)."""
    return float(_share(choices["right_only_per_response"], choices).iloc[0])


def nothing_to_explain(choices: pd.DataFrame) -> str:
    """Say that people guessed, where the observed shares are no likelier than guessing; empty where they are likelier."""
    if choices[EXPLAINED].notna().any():
        return ""
    return "People's choices are spread evenly, as by guessing, so there is nothing that a space could explain."


def how_fitted(choices: pd.DataFrame) -> str:
    """Say which variant of the model the figures are of, and what it was fitted to."""
    return f"{choices['variant'].iloc[0]}, {FITTED_TO[choices['leading'].iloc[0]]}"


def _over_seeds(runs: pd.DataFrame, accuracy: Mapping[str, float]) -> PredictedChoices:
    ends = {
        units: [_share(runs[f"{LIKELIHOOD}_{end}_{units}"], runs) for end in ("low", "high")]
        for units in ("people", "subtypes")
    }
    beyond = {units: [runs[f"{BEYOND}_{end}_{units}"] for end in ("low", "high")] for units in ("people", "subtypes")}
    return PredictedChoices(
        runs["model"].iloc[0],
        runs["layer"].iloc[0],
        runs["space"].iloc[0],
        runs["seed"].tolist(),
        float(runs["log_likelihood"].mean()),
        float(runs["new_subtypes_log_likelihood"].mean()),
        _estimate(runs[EXPLAINED], ends),
        _estimate(runs[BEYOND], beyond),
        accuracy,
    )


def _estimate(values: pd.Series, ends: Mapping[str, Sequence[pd.Series]]) -> Estimate:
    """The mean over seeds; of one seed with its interval over people, or over subtypes where people are not told apart."""
    if len(values) == 1:
        for units, (low, high) in ends.items():
            if not np.isnan([low.iloc[0], high.iloc[0]]).any():
                return Estimate(float(values.iloc[0]), float(low.iloc[0]), float(high.iloc[0]), units)
    return Estimate(float(values.mean()))


def _share(likelihood: pd.Series, rows: pd.DataFrame) -> pd.Series:
    found = explained(likelihood, rows["chance_per_response"], rows["saturated_per_response"])
    return pd.Series(found, likelihood.index)
