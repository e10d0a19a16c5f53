"""The answer of a study in words, and the notes on its limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rockspace.alignment.statistics import Estimate, doubt, written_p
from rockspace.network_kinds import RANDOM
from rockspace.report.captions import count, listed, of_labels
from rockspace.report.columns import R, estimate_of
from rockspace.report.dimensions import BASELINES, Profiled, digits_of, is_clear
from rockspace.report.predicted_choices import (
    BEST_OF_SEVERAL,
    how_fitted,
    networks_of,
    nothing_to_explain,
    others_explained,
    right_only_explained,
)
from rockspace.report.summary import notes_of

if TYPE_CHECKING:
    from rockspace.report.overview import Study

# Networks beyond which those that cannot be told apart are counted and not named.
MOST_NAMES = 3
# Layers from which on the closest of them is named.
MANY_LAYERS = 3
PRETRAINING = "Pretraining"


@dataclass(frozen=True)
class Difference:
    """What training added to a baseline's held-out mean r, on the same images.

    Attributes:
        kind: Kind of the baseline; see `rockspace.report.dimensions.BASELINES`.
        training: What separates the two, to begin a sentence with.
        layer: Layer of the trained network, with its number of features where that is known.
        of: Layer of the baseline, in the same way.
        is_same_layer: Whether both are the same layer, so that they differ in training alone.
        trained: Held-out mean r of the trained network.
        baseline: Held-out mean r of the baseline.
        found: The first minus the second, with its paired interval.
    """

    kind: str
    training: str
    layer: str
    of: str
    is_same_layer: bool
    trained: float
    baseline: float
    found: Estimate

    def in_words(self) -> str:
        """Say it in one sentence."""
        how = difference_in_words(self.found)
        if self.is_same_layer:
            return (
                f"{self.training} took the r of the same layer ({self.layer}) from {self.baseline:z.2f} {BASELINES[self.kind]} to "
                f"{self.trained:z.2f}: {how}."
            )
        return (
            f"The last layer ({self.layer}) has {self.trained:z.2f}, against {self.baseline:z.2f} {BASELINES[self.kind]} ({self.of}): {how}; "
            f"the layers are not the same, so not by {'pretraining' if self.training == PRETRAINING else 'training'} alone."
        )


def difference_in_words(found: Estimate) -> str:
    """Say how great a difference of two mean r is, with its interval, and whether it is clear."""
    if not found.has_interval:
        return f"{_signed(found.value)}, without an interval, since there are too few images"
    value, low, high = (_signed(each, digits_of(found)) for each in (found.value, found.low, found.high))
    said = f"{value} (95 % interval {low} to {high} over {found.interval_over})"
    if is_clear(found):
        return f"{said}, clearly {'higher' if found.value > 0 else 'lower'}"
    if found.low <= 0 <= found.high:
        return f"{said}, not clearly different"
    p = written_p(found.p, found.smallest_p)
    return f"{said}, not clearly different, since p {p}, adjusted for all comparisons of this kind"


def added(study: Study, model: str) -> list[Difference]:
    """Return what training added to each baseline of a model, in the order of `BASELINES`: in the same layer, then in the last."""
    found, names = [], study.baselines.get(model, {})
    for kind in filter(names.__contains__, BASELINES):
        baseline = study.record(names[kind])
        layer = baseline["layer"]
        # The features that the head gets are a layer of both; the last one of the trained network may be its head's.
        for own in dict.fromkeys([layer, study.layers[model]]):
            pair = study.paired((model, own), (names[kind], layer))
            if pair:
                trained = study.record(model, own)[R]
                written = study.layer_in_words(model, own), study.layer_in_words(names[kind], layer)
                written = (written[1], written[1]) if own == layer else written
                training = _training(study, model, kind)
                found.append(Difference(kind, training, *written, own == layer, trained, baseline[R], pair))
    return found


def _training(study: Study, model: str, kind: str) -> str:
    """What a model has had and its baseline has not."""
    weights = study.settings(model)["weights"]
    if kind == "pretrained" or weights == RANDOM:
        return "Training on these images"
    return "Pretraining and training together" if study.is_trained(model) else PRETRAINING


def answer(study: Study) -> str:
    """Say how close the closest network comes to people, what chance gives, and what its baselines have."""
    best = study.best
    found, n = estimate_of(best, R), _n_dimensions(study)
    units = {"subtypes": study.subtypes, "images": int((study.catalog["split"] == "validation").sum())}
    name, origin, drawn = best["model"], study.origin(best["model"]), "drawn " if study.is_drawn else ""
    where = (
        f"on {units['images']} held-out {drawn}images"
        if origin
        else f"on {units['images']} {drawn}images that it was not trained on"
    )
    who = f"{name} ({origin})" if origin else name
    layer = "penultimate layer" if best["layer"] == "penultimate" else f"layer {best['layer']}"
    baselines = [(kind, study.record(name)) for kind, name in study.baselines.get(best["model"], {}).items()]
    if len(study.networks) > 1:
        apart, people = ", baselines apart," if study.kinds else ",", "" if study.is_drawn else " to people"
        start = f"Of {len(study.networks)} networks{apart} {who} comes closest{people}: {where}, {'it' if study.is_ready(name) else f'its {layer}'}"
    else:
        alone = who if study.is_ready(name) else f"the {layer} of {who}" if origin else f"{name}'s {layer}"
        start = f"{where[0].upper()}{where[1:]}, {alone}"
    interval = (
        f" (95 % interval {found.low:z.2f} to {found.high:z.2f} over {units[found.interval_over]} {found.interval_over})"
        if found.has_interval
        else ""
    )
    dimensions = (
        f"the {n} drawn dimension{'' if n == 1 else 's'}" if study.is_drawn else f"people's {count(n, 'dimension')}"
    )
    said = [
        f"{start} follows {dimensions} with a {'mean ' if n > 1 else ''}correlation of r = {found.value:z.2f}{interval}, "
        f"{above_chance(found) or 'with too few images to say what chance gives'}."
    ]
    after = {
        gain.kind: f", and {gain.trained:z.2f} after training"
        for gain in added(study, best["model"])
        if gain.is_same_layer and gain.kind == "pretrained"
    }
    each = [
        f"{BASELINES[kind]}, {who} has r = {baseline[R]:z.2f}{chance and f', {chance}'}{after.get(kind, '')}"
        for i, (kind, baseline) in enumerate(baselines)
        for who in ["it" if i else f"the same network's layer {baseline['layer']}"]
        for chance in [above_chance(estimate_of(baseline, R))]
        if not pd.isna(baseline[R])
    ]
    if each:
        said.append(_sentence("; ".join(each)))
    return " ".join(said)


def above_chance(found: Estimate) -> str:
    """Say how far a figure is above its own chance, and whether clearly; empty where nothing says what chance gives."""
    if not found.has_null:
        return ""
    if why := doubt(found):
        return f"not clearly above chance ({found.null:z.2f}): {why}"
    return f"{found.value - found.null:z.2f} above chance ({found.null:z.2f})"


def points(study: Study) -> list[tuple[str, str]]:
    """Return what else to know about the closest network: headings, and a few sentences below each."""
    said = {
        "Closest to the drawn dimensions" if study.is_drawn else "Closest to people": closest_in_words(study),
        f"What {'training' if study.is_trained(study.best['model']) else 'pretraining'} added": training_in_words(
            study
        ),
        "Layers": layers_in_words(study),
        "Dimensions": dimensions_in_words(study),
        "New subtypes": new_subtypes_in_words(study),
        "People's choices": choices_in_words(study),
    }
    return [(heading, " ".join(sentences)) for heading, sentences in said.items() if sentences]


def layers_in_words(study: Study) -> list[str]:
    """Say which of many layers of the closest network is closest, and whether it is clearly closer than the last one."""
    best = study.best
    layers = [each for each in study.every_layer if each["model"] == best["model"] and not pd.isna(each[R])]
    if len(layers) < MANY_LAYERS:
        return []
    first = max(layers, key=lambda record: record[R])
    of = f"Of its {len(layers)} layers, "
    if first["layer"] == best["layer"]:
        return [f"{of}the last one ({best['layer']}) has the highest r."]
    pair = study.paired(*((best["model"], each["layer"]) for each in (first, best)))
    clearly = "clearly" if pair and is_clear(pair) else "not clearly"
    return [
        f"{of}{first['layer']} has the highest r ({first[R]:z.2f}), {clearly} higher than the last one ({best['layer']}, {best[R]:z.2f}). The highest of many is "
        "somewhat too high, since it was found on the images that it is of."
    ]


def dimensions_in_words(study: Study) -> list[str]:
    """Say which dimension the closest network follows best and least, and which not clearly better than chance."""
    rows = [row for row in study.profile(study.best["model"]).by_r if not np.isnan(row.found.value)]
    if len(rows) < 2:
        return []
    first, last, name = rows[0], rows[-1], study.best["model"]
    unclear = [row for row in rows if doubt(row.found)]
    if len(unclear) == len(rows):
        return [
            f"The r of {name} is highest on {first.name} ({first.found.value:z.2f}) and lowest on {last.name} ({last.found.value:z.2f}).",
            "On no single dimension is it clearly above chance.",
        ]
    best = f"{f'The r of {name} is highest on' if first in unclear else f'{name} is strongest on'} {first.name} (r = {first.found.value:z.2f})"
    said = [
        f"{best} and weakest on {_with_doubt(last) if last in unclear else f'{last.name} (r = {last.found.value:z.2f})'}."
    ]
    if others := [row for row in unclear if row is not last]:
        said.append(f"Nor is it clearly above chance on {listed([_with_chance(row) for row in others])}.")
    if not unclear and first.found.has_null:
        said.append("It is clearly above chance on each of them.")
    return said


def _with_doubt(row: Profiled) -> str:
    return f"{row.name} (r = {row.found.value:z.2f}{_ends(row.found)}), where it is not clearly above chance ({row.found.null:z.2f}): {doubt(row.found)}"


def _with_chance(row: Profiled) -> str:
    return (
        f"{row.name} (r = {row.found.value:z.2f}{_ends(row.found)}; chance {row.found.null:z.2f}: {doubt(row.found)})"
    )


def new_subtypes_in_words(study: Study) -> list[str]:
    """Say where r does not hold for subtypes that the rotation had not seen.

    An r that is only as high as random pairings reach says that the rotation learnt where its own subtypes are, and not which
    direction of the network's space is which dimension.
    """
    found, new = estimate_of(study.best, R), study.best["new_subtypes_mean_r"]
    if pd.isna(new) or not found.has_null or not new <= found.null < found.value:
        return []
    return [
        f"For subtypes that the rotation had not seen, r is {new:z.2f}, no higher than the chance of the held-out r ({found.null:z.2f}): "
        "the rotation has learnt where these subtypes are rather than the dimensions in general."
    ]


def choices_in_words(study: Study) -> list[str]:
    """Say how well people's choices are predicted from the best space of a network, from people's own, and by other people."""
    if not study.predicted_choices:
        return []
    if why := nothing_to_explain(study.choices):
        return [why]
    networks = networks_of(study.predicted_choices)
    best, others = networks[0], others_explained(study.choices)
    n = study.choices["n_responses"].iloc[0]
    of, most = (
        (f"Of {len(networks)} spaces of networks, that of", " best") if len(networks) > 1 else ("The space of", "")
    )
    scale = [f"the right answers alone reach {right_only_explained(study.choices):z.2f}"]
    scale += [
        f"this space {best.explained.value:z.2f}",
        f"people's own coordinates {study.own_choices.explained.value:z.2f}",
    ]
    scale += [] if np.isnan(others) else [f"the choices of all other people {others:z.2f}"]
    said = [
        f"{of} {best.title} predicts people's {n:,.0f} choices of a category{most} by the generalized context model ({how_fitted(study.choices)}).",
        f"From guessing (0) to the observed shares of the choices (1), {listed(scale)}.",
        f"The log-likelihood of a response is {beyond_in_words(best.beyond_people)}.",
    ]
    if len(networks) > 1:
        said.append(BEST_OF_SEVERAL)
    return said


def beyond_in_words(found: Estimate) -> str:
    """Say how far the log-likelihood of a response lies above or below that in people's own coordinates."""
    low, high = (_signed(each, 3) for each in (found.low, found.high))
    ends = (
        f" (95 % interval of the difference {low} to {high} over {found.interval_over})" if found.has_interval else ""
    )
    how = "higher" if found.value >= 0 else "lower"
    return f"{abs(found.value):.3f} nats {how} than in people's own coordinates{ends}"


def training_in_words(study: Study) -> list[str]:
    """Say what training added to the closest network, against each of its baselines, and whether it learnt coordinates."""
    model = study.best["model"]
    learnt = study.settings(model)["objective"] in ("coordinates", "joint")
    said = ["It was trained to predict the coordinates of the training images."] if learnt else []
    gains = added(study, model)
    # Where the same layer has been compared, what the head makes of it is said for the first baseline alone.
    same = [each.kind for each in gains if each.is_same_layer]
    return [*said, *(each.in_words() for each in gains if each.is_same_layer or each.kind not in same[1:])]


def closest_in_words(study: Study) -> list[str]:
    """Say which of all networks, baselines included, is closest, which are not clearly different, and what ensembles reach."""
    shown = [each for each in study.models if each["model"] in study.layers and not pd.isna(each[R])]
    order = sorted(shown, key=lambda record: -record[R])
    said = []
    if len(order) > 1:
        first = order[0]["model"]
        said += _ranked(study, order)
        if first in study.kinds:
            of = [name for name, names in study.baselines.items() if first in names.values() and name in study.layers]
            said += [_without_training(study, name, first) for name in of[:MOST_NAMES]]
            if len(study.networks) > 1:
                said.append("Baselines apart:")
                said += _ranked(study, study.networks)
    for each in study.models:
        if each["model"] not in study.layers and not pd.isna(each[R]):
            ends = _ends(estimate_of(each, R))
            said.append(f"The ensemble {each['model']}, an average of several networks, has r = {each[R]:z.2f}{ends}.")
    return said


def _ranked(study: Study, order: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say which network of some has the highest r, and how the others stand to it."""
    first, others = order[0], order[1:]
    pairs = [study.paired(*((each["model"], each["layer"]) for each in (first, other))) for other in others]
    groups = {"not clearly different": [], "clearly less close": [], "not compared with it": []}  # type: dict[str, list[str]]
    for other, pair in zip(others, pairs, strict=True):
        group = (
            "not compared with it"
            if pair is None or not pair.has_interval
            else "clearly less close"
            if is_clear(pair)
            else "not clearly different"
        )
        groups[group].append(f"{other['model']} ({other[R]:z.2f})")
    standing = [
        f"{group}: {listed(names) if len(names) <= MOST_NAMES else f'{listed(names[:MOST_NAMES])} and {len(names) - MOST_NAMES} more'}"
        for group, names in groups.items()
        if names
    ]
    baseline = f", {_what(study, first['model'])}" if first["model"] in study.kinds else ""
    return [f"{first['model']} (r = {first[R]:z.2f}){baseline}; {'; '.join(standing)}."]


def _what(study: Study, baseline: str) -> str:
    return {"pretrained": "a network before training on these images", "untrained": "a network with random weights"}[
        study.kinds[baseline]
    ]


def _without_training(study: Study, model: str, baseline: str) -> str:
    """Say that a network is no closer than its own baseline."""
    pair = study.paired((baseline, study.layers[baseline]), (model, study.layers[model]))
    before, people = BASELINES[study.kinds[baseline]], "" if study.is_drawn else " to people"
    closer = f"is clearly closer{people}" if pair and is_clear(pair) else "has a higher r, but not clearly,"
    trained = "trained" if study.is_trained(model) else "pretrained"
    said = f"So the network {before} {closer} in its last layer than the {trained} one, {model}"
    same = next(
        (each for each in added(study, model) if each.kind == study.kinds[baseline] and each.is_same_layer), None
    )
    if same is None or study.layers[model] == study.layers[baseline]:
        return f"{said}."
    clearly = "clearly" if is_clear(same.found) else "not clearly"
    return f"{said}; in the same layer the {trained} one is {clearly} {'closer' if same.found.value > 0 else 'less close'} ({same.trained:z.2f})."


def about(study: Study) -> str:
    """Say what was trained on what."""
    counts, labels = study.catalog["split"].value_counts(), of_labels(study.catalog["label"])
    own = [name for name in study.layers if name not in study.kinds]
    networks, trained = count(len(own), "network"), sum(map(study.is_trained, own))
    drawn = (
        " The program drew the images; their coordinates are those they were drawn with, plus noise: no person judged them."
        if study.is_drawn
        else ""
    )
    if not trained:
        as_is = f"{networks} as {'it is' if len(own) == 1 else 'they are'}"
        return f"{as_is}; rotations were learnt on {counts['train']} training images and scored on {counts['validation']} validation images{labels}.{drawn}"
    some = f", {trained} of them trained on these images" if trained < len(own) else ""
    return (
        f"{networks}{some}, {count(len(study.config['seeds']), 'seed')}; {counts['train']} training and "
        f"{counts['validation']} validation images{labels}.{drawn}"
    )


def notes(study: Study) -> tuple[list[str], list[str]]:
    """Return notes on the limits of the figures, the most important first, and technical notes."""
    runs = [(model, seed, study.layers[model]) for model, seed in study.alignments if model not in study.kinds]
    reports = [study.alignments[model, seed] for model, seed, _ in runs]
    limits = notes_of(runs, reports)
    if any(figures["selection"] == "validation" for figures in study.metrics.values()):
        figures = "their accuracy" if study.has_accuracy else "what is said of them"
        limits.insert(0, f"the validation images decided when to stop training, so {figures} is too good to report")
    if len(study.networks) > 1:
        # A search compares recipes of training.
        chosen = "cross-validation within the training images (the target `search`) chooses without them"
        limits.append(
            f"the closest of {len(study.networks)} networks was found on the images that it is scored on, so its r is somewhat too high"
            + (f"; {chosen}" if study.metrics else "")
        )
    names = tuple(f"{model}{end}" for model in study.layers for end in ":,;")  # whose case stays as it is

    def written(texts: Sequence[str]) -> list[str]:
        return [f"{text}." if text.startswith(names) else _sentence(text) for text in texts]

    return written(limits), written(notes_of(runs, reports, "technical_notes"))


def _n_dimensions(study: Study) -> int:
    return next(iter(study.alignments.values()))["n_dimensions"]


def _ends(found: Estimate) -> str:
    return f", {found.low:z.2f} to {found.high:z.2f}" if found.has_interval else ""


def _signed(value: float, digits: int = 2) -> str:
    """Write a difference; what rounds to 0 has no sign."""
    text = f"{value:+.{digits}f}"
    return text if float(text) else text[1:]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")
