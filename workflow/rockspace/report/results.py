"""The results of a study in words for a paper, in APA style, as Markdown, LaTeX and a page to copy from.

Every number is one that the pages show: of `rockspace.report.overview.Study`, read from the tables and JSON files of the study.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

import rockspace
from rockspace.alignment.statistics import LEVEL, Estimate, bounded_p, doubt
from rockspace.network_kinds import RANDOM
from rockspace.report.alignment import REDUCTIONS
from rockspace.report.answer import added, new_subtypes_in_words, notes
from rockspace.report.captions import METHODS, count, counted, listed, network_file
from rockspace.report.columns import TOP1, R, estimate_of, has_accuracy
from rockspace.report.dimensions import BASELINES, digits_of, is_clear
from rockspace.report.figures import one_line
from rockspace.report.overview import Study, applicable
from rockspace.report.pages import write_page
from rockspace.report.predicted_choices import (
    BEST_OF_SEVERAL,
    how_fitted,
    networks_of,
    nothing_to_explain,
    others_explained,
    right_only_explained,
)
from rockspace.report.provenance import packages_of_networks

# Networks that the closest one is compared with in words; comparison.csv has all.
MOST_COMPARED = 10
PACKAGES = {"snakemake": "Snakemake", "tensorflow": "TensorFlow", "keras": "Keras", "numpy": "NumPy", "scipy": "SciPy"}

# What a head learns, by the objective of its model.
LEARNT = {
    "classification": "to name the label",
    "coordinates": "to predict the coordinates of the training images",
    "joint": "to name the label and to predict the coordinates of the training images",
}

MINUS = "\N{MINUS SIGN}"
# What the study does not know, for the author to write.
GAP = "[Fill in: {}.]"
# Around what is set in italics; no name holds these characters, which are removed from names (`one_line`).
ITALIC = "\x02{}\x03"
_R, _P = (ITALIC.format(letter) for letter in ("r", "p"))


@dataclass(frozen=True)
class Results:
    """The results of a study in words.

    Attributes:
        paragraphs: Heading and text of each; what is in italics is marked by `ITALIC`.
        works: The works that are cited, in the order of their authors.
    """

    paragraphs: Sequence[tuple[str, str]]
    works: Sequence[str]

    def markdown(self) -> str:
        """Write them as Markdown."""
        said = [f"**{heading}.** {_markdown(text)}" for heading, text in self.paragraphs]
        return "\n\n".join(["## Results", *said, "## References", *map(_markdown, self.works)]) + "\n"

    def latex(self) -> str:
        """Write them as a LaTeX document of its own; names in other scripts need LuaLaTeX or XeLaTeX."""
        said = [f"\\paragraph{{{heading}.}} {_latex(text)}" for heading, text in self.paragraphs]
        works = [f"\\noindent\\hangindent=2em {_latex(work)}" for work in self.works]
        body = "\n\n".join(["\\section*{Results}", *said, "\\section*{References}", *works])
        return f"{_PREAMBLE}\n\\begin{{document}}\n\n{body}\n\n\\end{{document}}\n"

    def write_page(self, output: Path, study: str) -> None:
        """Write them as a page from which they are copied into a manuscript with their formatting.

        Args:
            output: File to write, in the folder of the study.
            study: Name of the study.
        """
        said = {"paragraphs": self.paragraphs, "works": self.works, "italic": (ITALIC[0], ITALIC[-1])}
        write_page(output, "results.html.jinja", study=study, **said)


def results(study: Study) -> Results:
    """Describe sample, networks, accuracy and alignment of a study, with intervals, chance, versions and references.

    The closest network has all its figures; the others are compared with it.
    """
    parts: dict[str, Iterator[str]] = {
        "Sample": _sample(study),
        "Networks": _networks(study),
        "Accuracy": _accuracy(study),
        "Alignment with the drawn dimensions" if study.is_drawn else "Alignment with people": _alignment(study),
        "Dimensions": _dimensions(study),
        "Training" if study.is_trained(study.best["model"]) else "Pretraining": _training(study),
        "Other networks": _others(study),
        "Noise ceiling": _ceiling(study),
        "People's choices": _choices(study),
        "Published results": _published(study),
        "Limits": iter(notes(study)[0]),
        "Software": _software(study),
    }
    paragraphs = [
        (heading, " ".join(sentences)) for heading, part in parts.items() if (sentences := [*filter(None, part)])
    ]
    text = " ".join(text for _, text in paragraphs)
    works = yaml.safe_load(files(__package__).joinpath("works.yaml").read_text(encoding="utf-8"))
    cited = [work.format(version=rockspace.__version__) for name, work in works.items() if name in text]
    return Results(paragraphs, [re.sub(r"\*(.*?)\*", ITALIC.format(r"\1"), work) for work in cited])


def decimal(value: float, digits: int = 2) -> str:
    """Write a number that cannot exceed 1 in APA style: without a zero before the point."""
    text = f"{abs(value):.{digits}f}"
    return (MINUS if value < 0 < float(text) else "") + text.removeprefix("0")


def p_value(p: float, smallest: float = 0.0) -> str:
    """Write a p-value in APA style; with ``≤`` the smallest that is possible or told (`rockspace.alignment.statistics.bounded_p`)."""
    sign, value = bounded_p(p, smallest)
    return f"{_P} > .999" if value > 0.999 else f"{_P} {sign} {decimal(value, 3)}"


def percent(share: float) -> str:
    """Write a share (0 to 1) in percent."""
    return f"{100 * share:.1f}%"


def _interval(low: float, high: float, write: Callable[[float], str] = decimal) -> str:
    return f"95% CI [{write(low).removesuffix('%')}, {write(high).removesuffix('%')}]"


def _ends(found: Estimate, write: Callable[[float], str] = decimal) -> str:
    """The interval of an estimate, to follow its value; empty where it has none."""
    return f", {_interval(found.low, found.high, write)}" if found.has_interval else ""


def _seeds(record: Mapping[str, Any]) -> str:
    return "" if record["seeds"] == 1 else f" (mean over {record['seeds']} seeds)"


def _sample(study: Study) -> Iterator[str]:
    images, alignment = study.catalog, next(iter(study.alignments.values()))
    train, validation = (counted(images.loc[images["split"] == split, "label"]) for split in ("train", "validation"))
    trained = "trained and " if all(study.is_trained(each["model"]) for each in study.networks) else ""
    yield f"Networks were {trained}mapped onto {study.space} on {train}, and evaluated on {validation} that took no part in it."
    names = alignment["dimensions"]
    named = f" ({listed([_name(name) for name in names])})" if names else ""
    yield f"{study.space[0].upper()}{study.space[1:]} has {count(alignment['n_dimensions'], 'dimension')}{named}."
    if study.is_drawn:
        yield "The images were drawn by a program; their coordinates are those they were drawn with, plus noise: no person judged them."
    else:
        yield GAP.format(
            "number of participants, their task, and how their coordinates were computed; the study does not record them"
        )


def _networks(study: Study) -> Iterator[str]:
    best, config = study.best, study.config
    model = study.settings(best["model"])
    names, origins = zip(*((_name(each["model"]), study.origin(each["model"])) for each in study.networks), strict=True)
    if len(names) > 1:
        each = [f"{name}{origin and f' ({origin})'}" for name, origin in zip(names, origins, strict=True)]
        yield f"{len(names)} networks were compared: {listed(each)}. The closest{'' if study.is_drawn else ' to people'}, baselines apart, is {names[0]}."
    if study.is_ready(best["model"]):
        yield f"{names[0]} is a file of ready embeddings ({_name(Path(model['embeddings']).name)})."
        return
    weights, seeds = "random" if model["weights"] == RANDOM else "pretrained", study.seeds_in_words(best["model"])
    backbone = (
        f"is made from the network in {_name(file.name)}"
        if (file := network_file(model))
        else f"has the backbone {_name(model['backbone'])} with {weights} weights"
    )
    yield f"{names[0]} {backbone}{seeds and f' ({seeds})'}."
    if not study.is_trained(best["model"]):
        yield "It was taken as it is, without training on these images."
        return
    recipe = model["recipe"]
    head, tuning = recipe["train_head"], recipe["finetune"]
    solved = (
        "by an exact solution"
        if head["solver"] == "exact"
        else f"for {count(head['epochs'], 'epoch')} ({head['optimizer']}, learning rate {head['learning_rate']:g})"
    )
    yield f"Its head was trained {LEARNT[model['objective']]}, on features of the frozen base, {solved}."
    if not tuning["epochs"]:
        yield "The base was not fine-tuned."
        return
    yield f"The whole network was then fine-tuned for at most {count(tuning['epochs'], 'epoch')} ({tuning['optimizer']}, learning rate {tuning['learning_rate']:g}, batches of {tuning['batch_size']})."
    match config["finetune"]["selection"]:
        case "holdout":
            again = (
                "; it was then trained again on all training images for as many epochs"
                if config["finetune"]["refit"]
                else ""
            )
            yield f"A {'stratified ' if study.has_labels else ''}part of {percent(config['finetune']['holdout_fraction'])} of the training images decided when to stop{again}."
        case "validation":
            figures = "accuracy on them" if study.has_accuracy else "what is said of them"
            yield f"The validation images decided when to stop, so {figures} is too good."
    yield _epochs([history for (name, _), history in study.histories.items() if name == best["model"]])


def _epochs(histories: Sequence[pd.DataFrame]) -> str:
    """Say how many epochs fine-tuning had, and how many were best; nothing where it did not stop early.

    Args:
        histories: ``finetune.history.csv`` of each seed.
    """
    watched = [each[each["phase"] == "select"] for each in histories]
    if not watched or any(each.empty for each in watched):
        return ""
    ran = _between([len(each) for each in watched])
    best = _between([int(each.loc[each["best"], "epoch"].iloc[0]) for each in watched])
    seeds = " (range over seeds)" if len(watched) > 1 else ""
    again = any((each["phase"] == "refit").any() for each in histories)
    kept = "which the final training had" if again else "and the weights after these were kept"
    return f"It stopped after {ran} epochs{seeds}; the best number of epochs was {best}, {kept}."


def _between(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low} to {high}"


def _accuracy(study: Study) -> Iterator[str]:
    shown = [*filter(has_accuracy, study.networks)]
    for record in shown[:MOST_COMPARED]:
        found = estimate_of(record, TOP1)
        yield f"{_name(record['model'])} classified {percent(found.value)} of the validation images correctly{_ends(found, percent)}{_seeds(record)}."
    if shown:
        guess, largest = shown[0]["validation_chance_uniform"], shown[0]["validation_chance_largest_label"]
        yield f"Guessing a label at random would be right for {percent(guess)}, and the most common label for {percent(largest)}."
        over = estimate_of(shown[0], TOP1).interval_over
        yield {
            "subtypes": "Intervals of accuracy are over subtypes: images of one label are not independent (Korn & Graubard, 1998).",
            "images": "Intervals of accuracy are over images (Wilson, 1927).",
        }.get(over, "")
        yield study.left_out_of_accuracy


def _alignment(study: Study) -> Iterator[str]:
    best = study.best
    found, in_sample = estimate_of(best, R), estimate_of(best, "in_sample_mean_r")
    alignment = next(each for (name, _), each in study.alignments.items() if name == best["model"])
    features = f" ({count(alignment['n_features'], 'feature')})"
    layer = "" if study.is_ready(best["model"]) else f"Layer {_name(best['layer'])} of "
    yield (
        f"{layer}{_name(best['model'])}{features} was mapped onto {study.space} by an orthogonal Procrustes rotation "
        f"(Gower, 1975; Schönemann, 1966) learnt on the training images ({REDUCTIONS[alignment['reduction']]})."
    )
    mean = f"with a mean of {_R}" if alignment["n_dimensions"] > 1 else f"with {_R}"
    yield f"On the validation images (held-out), predicted and {'drawn' if study.is_drawn else 'human'} coordinates correlated {mean} = {decimal(found.value)}{_ends(found)}{_seeds(best)}."
    if found.interval_over:
        units = f"the {study.subtypes} subtypes" if found.interval_over == "subtypes" else "images"
        cited = " (Efron, 1987)" if found.interval_over == "images" else ""
        yield f"Intervals of correlations are over {units}: {METHODS[found.interval_over]}{cited}."
    if found.has_null:
        seeds = f" (the largest {_P} of the seeds)" if best["seeds"] > 1 else ""
        yield (
            f"Chance, with {found.null_over} paired at random {study.config['procrustes']['permutations']:,} times and the analysis repeated for each pairing, was {_R} = {decimal(found.null)} on average "
            f"(middle 95%: {decimal(found.null_low)} to {decimal(found.null_high)}), {p_value(found.p, found.smallest_p)}, one-sided{seeds}; {_verdict(found)}."
        )
        yield _RULE
    if not pd.isna(new := best["new_subtypes_mean_r"]):
        yield f"With a rotation learnt on other subtypes than those that are scored, {_R} was {decimal(new)}."
        if new_subtypes_in_words(study):
            yield f"That is no higher than the chance of the held-out {_R}: the rotation has learnt where these subtypes are rather than the dimensions in general."
    if not pd.isna(best["held_out_disparity"]):
        yield f"The share of variance that remained (Procrustes disparity), which also counts the size of the dimensions, was {decimal(best['held_out_disparity'])}."
    if not pd.isna(in_sample.value):
        chance = f"; chance {decimal(in_sample.null)}" if in_sample.has_null else ""
        yield f"A rotation fitted to the validation images themselves (in-sample), which is always too good, gave {_R} = {decimal(in_sample.value)}{_ends(in_sample)}{chance}."


_RULE = f"A correlation is called clearly above chance where {_P} ≤ {decimal(LEVEL)} and its interval lies above the mean by chance."


def _verdict(found: Estimate) -> str:
    return (
        f"this is {_unclear(found)}, and so no clear evidence of alignment"
        if doubt(found)
        else "this is clearly above chance"
    )


def _unclear(found: Estimate) -> str:
    """Say that a correlation is not clearly above chance; with the reason where that is not its p."""
    why = f", since {doubt(found).partition(', though')[0]}" if found.p <= LEVEL else ""
    return f"not clearly above chance{why}"


def _dimensions(study: Study) -> Iterator[str]:
    rows = [row for row in study.profile(study.best["model"]).by_r if not np.isnan(row.found.value)]
    if len(rows) < 2:
        return
    each = [
        f"{_name(row.name)} {_R} = {decimal(row.found.value)}"
        + (f", {_interval(row.found.low, row.found.high)}" if row.found.has_interval else "")
        + (f", {p_value(row.found.p, row.found.smallest_p)}" if not np.isnan(row.found.p) else "")
        + (f" ({_unclear(row.found)})" if doubt(row.found) else "")
        for row in rows
    ]
    tested = any(not np.isnan(row.found.p) for row in rows)
    adjusted = f" (one-sided {_P}, adjusted over dimensions; Holm, 1979)" if tested else ""
    yield f"Held-out correlations by dimension{adjusted}: {'; '.join(each)}."
    if any(bounded_p(row.found.p, row.found.smallest_p)[0] == "≤" for row in rows):
        permutations = study.config["procrustes"]["permutations"]
        yield f"≤ marks the smallest {_P} that {permutations:,} random pairings allow{' after adjustment' if len(rows) > 1 else ''}."


def _training(study: Study) -> Iterator[str]:
    gains = added(study, study.best["model"])
    trained = "trained" if study.is_trained(study.best["model"]) else "pretrained"
    for each in gains:
        over = f" over {each.found.interval_over}" if each.found.interval_over else ""
        before = f"the same network {BASELINES[each.kind]}"
        how = (
            f"In the same layer ({_name(each.layer)}), {before} had {_R} = {decimal(each.baseline)} and the {trained} one {_R} = {decimal(each.trained)}"
            if each.is_same_layer
            else f"In the last layer, {before} ({_name(each.of)}) had {_R} = {decimal(each.baseline)} and the {trained} one ({_name(each.layer)}) {_R} = {decimal(each.trained)}"
        )
        yield f"{how}; the paired difference ({trained} minus not) was {_difference(each.found)}{over}{_p(each.found)}."
    if any(not each.is_same_layer for each in gains):
        yield f"The last layers are different layers, so their differences are not of {trained.removesuffix('ed')}ing alone."
    if gains:
        yield _PAIRED
    best = study.best
    for kind, name in study.baselines.get(best["model"], {}).items():
        baseline = study.record(name)
        if baseline[R] > best[R]:
            pair = study.paired((best["model"], best["layer"]), (name, baseline["layer"]))
            clearly = "" if pair and is_clear(pair) else ", but not clearly"
            yield f"In the last layers, the network {BASELINES[kind]} thus had a higher {_R} than the {trained} one{clearly}."


def _others(study: Study) -> Iterator[str]:
    best, others = study.best, study.networks[1:]
    pairs = [study.paired((best["model"], best["layer"]), (other["model"], other["layer"])) for other in others]
    for other, pair in zip(others[:MOST_COMPARED], pairs, strict=False):
        start = f"{_name(other['model'])} had {_R} = {decimal(other[R])}{_ends(estimate_of(other, R))}"
        if pair is None:
            yield f"{start}."
            continue
        yield f"{start}; {_name(best['model'])} exceeded it by {_difference(pair)}{_p(pair)}."
    if len(others) > MOST_COMPARED:
        yield f"The other {len(others) - MOST_COMPARED} networks are in comparison.csv."
    if any(pairs):
        yield _PAIRED


_PAIRED = f"Differences are paired, on the same images; {_P} is of two-sided tests that exchange the two networks, adjusted over comparisons (Holm, 1979)."


def _difference(found: Estimate) -> str:
    """Write a difference with its interval."""
    digits = digits_of(found)
    return decimal(found.value, digits) + _ends(found, lambda value: decimal(value, digits))


def _p(difference: Estimate) -> str:
    """The p of a difference, to follow its interval; empty where it has neither."""
    if np.isnan(difference.p) and difference.interval_over == "subtypes":
        return " (too few subtypes for a test)"
    return "" if np.isnan(difference.p) else f", {p_value(difference.p, difference.smallest_p)}"


def _ceiling(study: Study) -> Iterator[str]:
    if ceiling := study.profile(study.best["model"]).ceiling:
        yield (
            f"{ceiling.people} individual people correlated with the mean of the others with {_R} = {decimal(ceiling.lower)} and with the mean of all "
            f"with {_R} = {decimal(ceiling.upper)} (noise ceiling; Nili et al., 2014); the network correlated with individual people with "
            f"{_R} = {decimal(ceiling.model)}."
        )
    elif not study.is_drawn:
        yield "There is no noise ceiling, since the study has no coordinates of single people."


def _choices(study: Study) -> Iterator[str]:
    spaces = study.predicted_choices
    if not spaces:
        return
    own, networks = study.own_choices, networks_of(spaces)
    others, first = others_explained(study.choices), study.choices.iloc[0]
    yield (
        f"The generalized context model (Nosofsky, 1986) was fitted to {first['n_responses']:,.0f} choices of a category by maximum likelihood, in people's own coordinates and in "
        f"{count(len(networks), 'space')} of networks. Figures are of the variant {_name(how_fitted(study.choices), 120)}."
    )
    yield GAP.format("who chose, what they had studied, and how; choices/reading.json says what was read and left out")
    if why := nothing_to_explain(study.choices):
        yield why
        return
    yield (
        f"The log-likelihood of guessing was {_nats(first['chance_per_response'])} nats per response, and that of the observed shares, which no model of the same shares for everybody can exceed, {_nats(first['saturated_per_response'])}. "
        f"Between these, the right answers alone (errors spread evenly) reached {decimal(right_only_explained(study.choices))}, people's own coordinates {decimal(own.explained.value)}{_ends(own.explained)}"
        + ("." if np.isnan(others) else f", and each person's choices by the shares of all others {decimal(others)}.")
    )
    for space in networks[:MOST_COMPARED]:
        gain = space.beyond_people
        over = f" over {gain.interval_over}" if gain.has_interval else ""
        yield (
            f"{_name(space.title)} reached {decimal(space.explained.value)}{_ends(space.explained)}; the log-likelihood of a response differed by {_nats(gain.value)} nats from that in people's own coordinates"
            f"{_ends(gain, _nats)}{over}."
        )
    if len(networks) > 1:
        yield BEST_OF_SEVERAL
    if len(networks) > MOST_COMPARED:
        yield f"The other {len(networks) - MOST_COMPARED} are in human_choices.csv."


def _nats(value: float) -> str:
    text = f"{abs(value):.3f}"
    return (MINUS if value < 0 < float(text) else "") + text


def _published(study: Study) -> Iterator[str]:
    names = {R: "a held-out mean \x02r\x03", TOP1: "an accuracy", "held_out_disparity": "a held-out disparity"}
    if not study.has_accuracy:
        del names[TOP1]
    for each in applicable(study.config["references"], study.manifests, study.config["dataset"]):
        if each["metric"] in names:
            value = percent(each["value"]) if each["metric"] == TOP1 else decimal(each["value"])
            label = re.sub(r" and (\w+) \((\d{4})\)$", r" & \1, \2", _name(each["label"]))
            # A reference without a checksum may be of other images.
            images = "On the same images" if each["coordinates_sha256"] else "For comparison"
            yield f"{images}, {names[each['metric']]} of {value} is published ({label}; {_name(each['source'], 200)})."


def _software(study: Study) -> Iterator[str]:
    packages = [
        f"{name} {version(package)}" + (" (Mölder et al., 2021)" if package == "snakemake" else "")
        for package, name in (PACKAGES | packages_of_networks(study.config)).items()
    ]
    yield f"Analyses used Rockspace {rockspace.__version__} (Rockspace authors, n.d.) with {listed(packages)}."


def _name(text: Any, longest: int = 60) -> str:
    return one_line(str(text), longest)


def _markdown(text: str) -> str:
    escaped = re.sub(r"([\\`*_|~$])|<(?=\S)|&(?=#?\w+;)|(?<=\])(?=\()", lambda match: f"\\{match[0]}", text)
    return escaped.replace(ITALIC[0], "*").replace(ITALIC[-1], "*")


_LATEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", MINUS: "$-$", "≤": r"$\leq$", "\N{EN DASH}": "--", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}", ITALIC[0]: r"\emph{", ITALIC[-1]: "}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}  # fmt: skip
_PREAMBLE = r"""\documentclass{article}
\usepackage{iftex}
\ifPDFTeX
  \usepackage[T1]{fontenc}
  \usepackage[utf8]{inputenc}
\else % for names in other scripts
  \usepackage{fontspec}
  \IfFontExistsTF{Noto Sans CJK JP}{\setmainfont{Noto Sans CJK JP}}{}
\fi"""


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
