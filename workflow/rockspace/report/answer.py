"""The answer of a study in words, and the notes on its limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rockspace.alignment.statistics import Estimate
from rockspace.report.captions import count, listed
from rockspace.report.columns import estimate_of
from rockspace.report.dimensions import BASELINES, LEVEL, Profiled, doubt, is_clear
from rockspace.report.summary import notes_of

if TYPE_CHECKING:
    from rockspace.report.overview import Study

R = "held_out_mean_r"
# Networks beyond which those that cannot be told apart are counted and not named.
MOST_NAMES = 3


@dataclass(frozen=True)
class Difference:
    """What training added to a baseline's held-out mean r, on the same images.

    Attributes:
        kind: Kind of the baseline; see `rockspace.report.dimensions.BASELINES`.
        training: What separates the two, to begin a sentence with.
        baseline: Held-out mean r of the baseline.
        found: Held-out mean r of the model minus that of the baseline, with its paired interval.
    """

    kind: str
    training: str
    baseline: float
    found: Estimate

    def in_words(self) -> str:
        """Say it in one sentence."""
        owner = f"the r = {self.baseline:.2f} of the same network {BASELINES[self.kind]}"
        value, low, high, over = self.found.value, self.found.low, self.found.high, self.found.interval_over
        if not over:
            return (
                f"{self.training} changed {owner} by {_signed(value)}, without an interval: there are too few images."
            )
        if not is_clear(self.found):
            p = "" if low <= 0 <= high else f"; p = {self.found.p:.2f}, adjusted for all comparisons of this kind"
            interval = f"{_signed(value)}, {_signed(low)} to {_signed(high)} over {over}{p}"
            return f"{self.training} added nothing that can be told from 0 to {owner} ({interval})."
        ends = sorted((abs(low), abs(high)))
        digits = 2 if ends[0] >= 0.005 else 3  # an end that is not 0 is not written as 0
        interval = f"{abs(value):.{digits}f} ({ends[0]:.{digits}f} to {ends[1]:.{digits}f} over {over})"
        if value < 0:
            return f"{self.training} lowered r by {interval}: the same network {BASELINES[self.kind]} has {self.baseline:.2f}."
        return f"{self.training} added {interval} to {owner}."


def added(study: Study, model: str) -> list[Difference]:
    """Return what training added to each baseline of a model, in the order of `BASELINES`."""
    found, names = [], study.baselines.get(model, {})
    for kind in filter(names.__contains__, BASELINES):
        record = next(each for each in study.models if each["model"] == names[kind])
        pair = study.paired((model, study.layers[model]), (names[kind], record["layer"]))
        if pair:
            found.append(Difference(kind, _training(study, model, kind), record[R], pair))
    return found


def _training(study: Study, model: str, kind: str) -> str:
    """What a model has had and its baseline has not."""
    weights = next(each["weights"] for each in study.config["models"] if each["name"] == model)
    is_trained = any(name == model for name, _ in study.metrics)
    if kind == "pretrained" or weights == "none":
        return "Training on these images"
    return "Pretraining and training together" if is_trained else "Pretraining"


def answer(study: Study) -> str:
    """Say how close the closest network comes to people, what chance gives, and what its baselines have."""
    best = study.best
    found, n = estimate_of(best, R), _n_dimensions(study)
    labels = study.catalog.loc[study.catalog["split"] == "validation", "label"]
    units = {"subtypes": labels.nunique(), "images": len(labels)}
    where = f"on {units['images']} {'drawn ' if study.is_drawn else ''}images that it was not trained on"
    layer = "penultimate layer" if best["layer"] == "penultimate" else f"layer {best['layer']}"
    start = (
        f"Of {len(study.networks)} networks, {best['model']} comes closest{'' if study.is_drawn else ' to people'}: {where}, its {layer}"
        if len(study.networks) > 1
        else f"{where[0].upper()}{where[1:]}, {best['model']}'s {layer}"
    )
    interval = (
        f" (95 % interval {found.low:.2f} to {found.high:.2f} over {units[found.interval_over]} {found.interval_over})"
        if found.has_interval
        else ""
    )
    chance = "; there are too few images to say what chance gives"
    if found.has_null:
        chance = f", {found.value - found.null:.2f} above chance ({found.null:.2f})"
    if why := doubt(found):
        chance = f"; chance is {found.null:.2f}, so this is not clearly more than chance ({why})"
    before = "".join(
        f"; the same network {BASELINES[each.kind]} has {each.baseline:.2f}" for each in added(study, best["model"])
    )
    dimensions = (
        f"the {n} drawn dimension{'' if n == 1 else 's'}" if study.is_drawn else f"people's {count(n, 'dimension')}"
    )
    return (
        f"{start} follows {dimensions} with a {'mean ' if n > 1 else ''}correlation of "
        f"r = {found.value:.2f}{interval}{chance}{before}."
    )


def points(study: Study) -> list[tuple[str, str]]:
    """Return what else to know about the closest network: headings, and a few sentences below each."""
    said = {
        "Dimensions": dimensions_in_words(study),
        "What training added": training_in_words(study),
        "Other networks": rivals_in_words(study),
    }
    return [(heading, " ".join(sentences)) for heading, sentences in said.items() if sentences]


def dimensions_in_words(study: Study) -> list[str]:
    """Say which dimension the closest network follows best and least, and which no better than chance."""
    rows = [row for row in study.profile(study.best["model"]).by_r if not np.isnan(row.found.value)]
    if len(rows) < 2:
        return []
    first, last = rows[0], rows[-1]
    unclear = [row for row in rows if doubt(row.found)]
    said = [
        f"Its highest r is that of {first.name} ({first.found.value:.2f})."
        if first in unclear
        else f"It follows {first.name} best (r = {first.found.value:.2f})"
        + ("." if last in unclear else f" and {last.name} least (r = {last.found.value:.2f}).")
    ]
    if len(unclear) == len(rows):
        return [*said, "It follows no single dimension clearly better than chance."]
    failed = [row for row in unclear if row.found.value <= row.found.null_high]
    if failed:
        said.append(f"It fails on {_with_chance(failed)}: that is within what chance gives.")
    if others := [row for row in unclear if row not in failed]:
        said.append(f"It is not clearly better than chance on {_with_chance(others)}.")
    if not unclear and first.found.has_null:
        said.append("It follows every dimension clearly better than chance.")
    return said


def _with_chance(rows: Sequence[Profiled]) -> str:
    return listed(
        [f"{row.name} (r = {row.found.value:.2f}{_ends(row.found)}; chance {row.found.null:.2f})" for row in rows]
    )


def training_in_words(study: Study) -> list[str]:
    """Say what training added to the closest network, against each of its baselines, and whether it learnt coordinates."""
    model = next(each for each in study.config["models"] if each["name"] == study.best["model"])
    learnt = model["objective"] in ("coordinates", "joint")
    said = ["It was trained to predict the coordinates of the training images."] if learnt else []
    return [*said, *(each.in_words() for each in added(study, model["name"]))]


def rivals_in_words(study: Study) -> list[str]:
    """Say which networks cannot be told apart from the closest one, and what ensembles reach."""
    best, said = study.best, []
    pairs = {
        other["model"]: study.paired((best["model"], best["layer"]), (other["model"], other["layer"]))
        for other in study.networks[1:]
    }
    tested = {name: pair for name, pair in pairs.items() if pair and pair.has_interval}
    alike = {name: pair for name, pair in tested.items() if not is_clear(pair)}
    if alike:
        several = f"{'any' if len(alike) == len(pairs) else len(alike)} of the {len(pairs)} other networks"
        names = several if len(alike) > MOST_NAMES else listed(list(alike), "or")
        by_p = "" if all(pair.low <= 0 for pair in alike.values()) else f", or their adjusted p exceeds {LEVEL}"
        said.append(f"It cannot be told apart from {names}: 95 % intervals of the differences include 0{by_p}.")
    elif pairs and len(tested) == len(pairs):
        said.append(f"It is clearly closer than {'every other network' if len(pairs) > 1 else next(iter(pairs))}.")
    for each in study.models:
        if each["model"] not in study.layers and not pd.isna(each[R]):
            ends = _ends(estimate_of(each, R))
            said.append(f"The ensemble {each['model']}, an average of several networks, has r = {each[R]:.2f}{ends}.")
    return said


def about(study: Study) -> str:
    """Say what was trained on what."""
    counts, labels = study.catalog["split"].value_counts(), study.catalog["label"].nunique()
    networks = count(len(study.layers) - len(study.kinds), "network")
    drawn = (
        " The program drew the images; their coordinates are those they were drawn with, plus noise: no person judged them."
        if study.is_drawn
        else ""
    )
    return (
        f"{networks}, {count(len(study.config['seeds']), 'seed')}; {counts['train']} training and "
        f"{counts['validation']} validation images of {count(labels, 'label')}.{drawn}"
    )


def notes(study: Study) -> tuple[list[str], list[str]]:
    """Return notes on the limits of the figures, the most important first, and technical notes."""
    runs = [(model, seed, study.layers[model]) for model, seed in study.alignments if model not in study.kinds]
    reports = [study.alignments[model, seed] for model, seed, _ in runs]
    limits = notes_of(runs, reports)
    if any(figures["selection"] == "validation" for figures in study.metrics.values()):
        limits.insert(0, "the validation images decided when to stop training, so their accuracy is too good to report")
    if len(study.networks) > 1:
        limits.append(
            f"the closest of {len(study.networks)} networks was found on the images that it is scored on, so its r is somewhat too high; "
            "cross-validation within the training images (the target `search`) chooses without them"
        )
    return [_sentence(note) for note in limits], [
        _sentence(note) for note in notes_of(runs, reports, "technical_notes")
    ]


def _n_dimensions(study: Study) -> int:
    return next(iter(study.alignments.values()))["n_dimensions"]


def _ends(found: Estimate) -> str:
    return f", {found.low:.2f} to {found.high:.2f}" if found.has_interval else ""


def _signed(value: float) -> str:
    """Write a difference; what rounds to 0 has no sign."""
    return f"{value:+.2f}".replace("-0.00", "0.00").replace("+0.00", "0.00")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")
