"""Pictures of people's choices: predicted beside observed, all spaces side by side, and the images on which they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.image import AxesImage

from rockspace.alignment.aligned import OBSERVED, PREDICTED, dimensions_of
from rockspace.choices.choice_tables import PEOPLE, Explained, confusion, fitted_models, right_share
from rockspace.choices.human_choices import COORDINATES, NEW, STUDIED, share_correlations
from rockspace.data.images import WHITE, read_rgb, square
from rockspace.report.captions import caption, count
from rockspace.report.confusion import name_labels, name_width
from rockspace.report.figures import (
    BLUE,
    GREY,
    LETTER,
    LINE,
    RESOLUTION,
    TWO_COLUMNS,
    VERMILION,
    column_style,
    one_line,
    save,
    wrapped,
)
from rockspace.report.predicted_choices import BEST_OF_SEVERAL, FITTED_TO, SPACES, PredictedChoices, how_fitted

# Side of a cell (inches) from which on categories are named: as high as their letters.
TIGHT = 0.092
# Shares named beside the colours.
TICKS = (0, 0.05, 0.2, 0.5, 1)
# Photographs in each half of the picture of images, and in a row; heights and sides in inches.
IMAGES, IN_A_ROW, HEAD, HEIGHT, PHOTOGRAPH = 6, 3, 0.35, 1.4, 1.0
# Letters that fit beside a photograph, and categories named there.
NAME, MOST_CHOSEN = 20, 2
# Conditions that have a panel side by side, and subtypes named in each.
MOST_CONDITIONS, MOST_NAMED = 4, 4
# Shares by which two subtypes have to differ, in one or the other direction, for both to be named.
CLOSE = (0.4, 0.05)
# Room left of the lowest interval, as a share of the range that is shown.
MARGIN = 0.05


def choices_figure(
    table: pd.DataFrame,
    figures: Mapping[str, Any],
    superclass_of: Mapping[str, str],
    title: str,
    notes: Sequence[str],
    outputs: Sequence[str | Path],
) -> None:
    """Draw the observed confusion matrix of each condition and, beside it, those predicted in each space by the first variant.

    Args:
        table: As from `rockspace.choices.choice_tables.image_table`.
        figures: By space, as `rockspace.choices.human_choices.choice_report` gives them.
        superclass_of: Superclass of each label; categories are ordered by it, then by name.
        title: Whose spaces they are.
        notes: What was left out of the choices, in lines.
        outputs: Files to write, the suffix says the format; the caption goes to those that end in ``.txt``.
    """
    variant, leading = next((variant, model["leading"]) for _, variant, _, model in fitted_models(figures))
    table = table[table["variant"] == variant]
    conditions = list(dict.fromkeys(table["condition"]))
    several = len(conditions) > 1
    columns = min(1 + len(figures), 4) if several else 2
    orders: list[list[str]] = []
    panels: list[tuple[str, np.ndarray, pd.DataFrame] | None] = []
    for condition in conditions:
        rows = table[table["condition"] == condition].dropna(axis=1, how="all")
        order = sorted(dimensions_of(rows), key=lambda name: (str(superclass_of.get(name, "")), name))
        of_space = {space: rows[rows["space"] == space] for space in figures}
        first = next(iter(of_space.values()))
        own: list[tuple[str, np.ndarray, pd.DataFrame] | None] = [
            ("observed", confusion(first, order)[0], first),
            *((f"by {SPACES.get(space, space)}", confusion(each, order)[1], each) for space, each in of_space.items()),
        ]
        own += [None] * (-len(own) % columns)
        orders += [order] * len(own)
        panels += own
    lines = len(panels) // columns
    names = max(map(name_width, orders))
    # Beside the matrices stands the axis' name, and below them the bar of colours.
    side = (TWO_COLUMNS - 2.5 * LINE - names) / columns - 0.08
    widest = max(map(len, orders))
    named = side / widest >= TIGHT
    with column_style():
        size = (TWO_COLUMNS, lines * (side + 4.5 * LINE + (names if several else 0)) + names + 6.5 * LINE)
        figure, axes = plt.subplots(
            lines,
            columns,
            figsize=size,
            sharex=False if several else "col",
            sharey="row",
            squeeze=False,
            layout="constrained",
        )
        for axis, panel, order in zip(axes.flat, panels, orders, strict=True):
            if panel is None:
                axis.set_visible(False)
                continue
            heading, shares, rows = panel
            superclasses = [str(superclass_of.get(name, "")) for name in order]
            picture = _matrix(axis, shares, order, superclasses, int(side / LETTER), named)
            where = f"{rows['condition'].iloc[0]}, " if several else ""
            axis.set_title(
                f"{where}{heading}\n{_words(rows, order, observed=heading == 'observed')}", loc="left", pad=12
            )
        for axis in axes[-1]:
            axis.set_xlabel("chosen category")
        figure.supylabel("right category")
        bar = figure.colorbar(picture, ax=axes, location="bottom", shrink=0.4, aspect=40, label="share of responses")
        bar.set_ticks(np.sqrt(TICKS), labels=[f"{tick:g}" for tick in TICKS])
        bar.outline.set_linewidth(0.4)
        figure.suptitle(
            wrapped(f"{title}; context model ({variant}) {FITTED_TO[leading]}", TWO_COLUMNS), x=0.01, ha="left"
        )
        shown = table[table["space"] == next(iter(figures))]
        about = (
            f"People's choices of a category ({count(int(shown['responses'].sum()), 'response')} to "
            f"{count(shown[['image_id', 'label']].drop_duplicates().shape[0], 'image')}), and those that the generalized context "
            f"model ({variant}) predicts ({title}).",
            "Rows: right category; columns: chosen category; colours: shares of the responses, averaged over the images of a row, on a "
            "square-root scale. Grey rows have no image.",
            f"The parameters of the model were {FITTED_TO[leading]}.",
            "r: Pearson correlation of predicted with observed shares over all images and categories; among errors: without the right "
            "category of each image.",
            "" if named else f"{widest} categories are too many for names.",
            *[f"{note[0].upper()}{note[1:]}." for note in notes if note.startswith("left out")],
            "There are no error bars; human_choices has intervals of the likelihood.",
        )
        save(figure, outputs, caption(*about))


def _words(rows: pd.DataFrame, order: Sequence[str], *, observed: bool) -> str:
    """The share of right responses, and how the predicted shares correlate with the observed."""
    form = OBSERVED if observed else PREDICTED
    right = np.nanmean([right_share(row, form) for _, row in rows.iterrows()]) if rows["category"].any() else np.nan
    words = "" if np.isnan(right) else f"{right:.0%} right"
    if observed:
        return words
    predicted, seen = (rows[[each.format(name) for name in order]].to_numpy() for each in (PREDICTED, OBSERVED))
    found = share_correlations([predicted], [seen], [rows["category"].to_numpy()[:, None] == np.array(order)])
    errors = "" if found["r_errors"] is None else f", among errors {found['r_errors']:.2f}"
    return f"{words}{', ' if words else ''}r = {found['r']:.2f}{errors}"


def _matrix(
    axis: Axes, shares: np.ndarray, order: Sequence[str], superclasses: Sequence[str], room: int, named: bool
) -> AxesImage:
    # Most shares are small and the errors are what is to be seen, so colours follow the square root.
    picture = axis.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1, interpolation="none")
    axis.set_facecolor("0.85")
    name_labels(axis, order, superclasses, room, named=named)
    return picture


def spaces_figure(spaces: pd.DataFrame, outputs: Sequence[str | Path]) -> None:
    """Draw how likely each space makes a response, between guessing and the observed shares themselves, a panel a variant.

    Args:
        spaces: As from `rockspace.choices.choice_tables.spaces_table`.
        outputs: Files to write, the suffix says the format; the caption goes to those that end in ``.txt``.
    """
    variants = list(dict.fromkeys(spaces["variant"]))
    heights = [0.75 + 0.17 * np.sum(spaces["variant"] == variant) for variant in variants]
    with column_style():
        figure, axes = plt.subplots(
            len(variants), 1, figsize=(TWO_COLUMNS, sum(heights) + 0.35), height_ratios=heights, squeeze=False,
            sharex=True, layout="constrained",
        )  # fmt: skip
        for axis, variant in zip(axes[:, 0], variants, strict=True):
            rows = spaces[spaces["variant"] == variant].sort_values("log_likelihood_per_response", ascending=False)
            _forest(axis, rows.reset_index(drop=True), variant)
        axes[0, 0].set_xlim(*_range(spaces))
        figure.supxlabel("log-likelihood of a response (nats), 95 % intervals")
        handles = [
            plt.Line2D([], [], color=VERMILION, marker="D", ms=4, mfc="white", label="people's coordinates"),
            plt.Line2D([], [], color=BLUE, marker="o", ms=4, mfc="white", label="network"),
            plt.Line2D([], [], color=GREY, ls=":", label="right answers alone"),
            plt.Line2D([], [], color=GREY, ls="-.", label="other people"),
            plt.Line2D([], [], color=GREY, ls="--", label="observed shares"),
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
        save(figure, outputs, _caption_of_spaces(spaces))


def _caption_of_spaces(spaces: pd.DataFrame) -> str:
    has_people = bool(spaces["person_per_response"].notna().all())
    return caption(
        "How well the generalized context model predicts people's choices of a category in the space of each network and layer "
        "and in people's own coordinates: mean log-likelihood of a response (nats; higher is closer). A panel for each way to fit the model.",
        f"Lines: 95 % jackknife intervals over {'people (thick) and over subtypes (thin)' if has_people else 'subtypes'}.",
        f"Guessing lies at {spaces['chance_per_response'].iloc[0]:.2f}.",
        "Dotted: the right answers alone, without a space: how often studied and new images are named rightly, errors spread evenly.",
        "Dash-dotted: each person's choices by the shares of all others." if has_people else "",
        "Dashed: the observed shares themselves, which no model of the same shares for everybody can exceed.",
    )


def _range(spaces: pd.DataFrame) -> tuple[float, float]:
    """From the lowest interval to the observed shares; guessing is often far below both."""
    lowest = [*spaces.filter(like="log_likelihood_per_response_low_"), "right_only_per_response"]
    low = spaces[["log_likelihood_per_response", *lowest]].min().min()
    high = spaces["saturated_per_response"].max()
    room = MARGIN * (high - low)
    return low - room, high + room


def _forest(axis: Axes, rows: pd.DataFrame, variant: str) -> None:
    for y, row in rows.iterrows():
        color, marker = (VERMILION, "D") if row["model"] == PEOPLE else (BLUE, "o")
        for units, style in (("subtypes", {"lw": 0.8}), ("people", {"lw": 2.6, "alpha": 0.55})):
            ends = (row[f"log_likelihood_per_response_{end}_{units}"] for end in ("low", "high"))
            axis.hlines(y, *ends, color=color, **style)
        axis.plot(row["log_likelihood_per_response"], y, marker, color=color, mfc="white", ms=4)
    for name, dashes in (("right_only", ":"), ("person", "-."), ("saturated", "--")):
        axis.axvline(rows[f"{name}_per_response"].iloc[0], color=GREY, ls=dashes)
    axis.set_yticks(range(len(rows)), _names(rows))
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_title(f"{variant}, {FITTED_TO[rows['leading'].iloc[0]]}", loc="left")


def _names(rows: pd.DataFrame) -> list[str]:
    of_people = rows["model"] == PEOPLE
    varying = [name for name in ("seed", "layer") if rows.loc[~of_people & (rows[name] != ""), name].nunique() > 1]
    names = rows[["model", *varying]].astype(str).assign(space=rows["space"])
    return [one_line(" ".join(filter(None, cells))) for cells in names.itertuples(index=False, name=None)]


def images_figure(
    explained: Sequence[Explained],
    choices: pd.DataFrame,
    best: PredictedChoices,
    photographs: Mapping[str, Path],
    outputs: Sequence[str | Path],
) -> None:
    """Draw the images whose choices a network and people's own coordinates predict most differently.

    Args:
        explained: Layers, and people themselves.
        choices: ``human_choices.csv``, whose first variant is shown.
        best: The space of a network, of whose seeds the first is shown.
        photographs: Image file of each `image_id`.
        outputs: Files to write, the suffix says the format; the caption goes to those that end in ``.txt``.
    """
    table_of = {(each.model, each.seed, each.layer): each.table for each in explained}
    sides = [
        table[(table["space"] == space) & (table["variant"] == choices["variant"].iloc[0])].set_index(
            ["condition", "image_id", "label"]
        )
        for table, space in ((table_of[_first_run(best)], best.space), (table_of[PEOPLE, "", ""], COORDINATES))
    ]
    network, people = sides[0], sides[1].loc[sides[0].index]
    gain = (network["log_likelihood"] - people["log_likelihood"]) / network["responses"]
    gain = gain[[image in photographs for _, image, _ in gain.index]].sort_values(kind="stable")
    several = gain.index.get_level_values("condition").nunique() > 1
    halves = [
        (f"Predicted better by {best.title}", gain[gain > 0].index[::-1][:IMAGES]),
        ("Predicted better by people's own coordinates", gain[gain < 0].index[:IMAGES]),
    ]
    lines = max(1, -(-max(len(chosen) for _, chosen in halves) // IN_A_ROW))
    with column_style():
        figure = plt.figure(figsize=(TWO_COLUMNS, 2 * (lines * HEIGHT + HEAD)))
        for half, (heading, chosen) in zip(figure.subfigures(2, 1), halves, strict=True):
            head, body = half.subfigures(2, 1, height_ratios=(HEAD, lines * HEIGHT))
            head.text(
                0.007, 0.35, f"{heading}: chosen / predicted by the network / by people's coordinates", va="center"
            )
            cells = body.subfigures(lines, IN_A_ROW, squeeze=False).flat
            for cell, key in zip(cells, chosen, strict=False):
                _image(cell, key, network.loc[key], people.loc[key], gain[key], photographs, several=several)
        about = (
            f"Images whose choices {best.title} and people's own coordinates predict most differently (context model, "
            f"{how_fitted(choices)}), of {len(gain)} that were shown.",
            _which(best),
            "Beside each photograph: its label and condition; the two categories most often chosen, with their shares of the responses as "
            "observed, as predicted by the network and as predicted by people's coordinates; how many nats a response is likelier by the network.",
        )
        save(figure, outputs, caption(*about))


def _first_run(best: PredictedChoices) -> tuple[str, str, str]:
    """Model, seed and layer of the first network."""
    return best.model, best.seeds[0], best.layer


def _which(best: PredictedChoices) -> str:
    """Say which space of a network this is, for captions."""
    of = f"layer {best.layer}" if best.layer else "what it learnt"
    of += f", seed {best.seeds[0]} of {len(best.seeds)}" if len(best.seeds) > 1 else ""
    return f"Of the spaces of networks' last layers and of what networks learnt, this one ({of}) explains the choices best. {BEST_OF_SEVERAL}"


def subtypes_figure(
    subtypes: pd.DataFrame, choices: pd.DataFrame, best: PredictedChoices, outputs: Sequence[str | Path]
) -> None:
    """Draw how often people name the images of each subtype rightly, and how often the model does, a panel a condition.

    Above in a network's space, below in people's own coordinates; of new images, where there are any.

    Args:
        subtypes: As from `rockspace.choices.choice_tables.subtypes_table`.
        choices: ``human_choices.csv``, whose first variant is shown.
        best: The space of a network, of whose seeds the first is shown.
        outputs: Files to write, the suffix says the format; the caption goes to those that end in ``.txt``.
    """
    shown = subtypes[(subtypes["variant"] == choices["variant"].iloc[0]) & subtypes["observed"].notna()]
    images = NEW if (shown["images"] == NEW).any() else STUDIED
    shown = shown[shown["images"] == images]
    conditions = list(dict.fromkeys(shown["condition"]))[:MOST_CONDITIONS]
    of_space = shown.set_index(["model", "seed", "layer", "space"])
    sides = [
        (best.title, BLUE, of_space.loc[[(*_first_run(best), best.space)]]),
        ("people's own coordinates", VERMILION, of_space.loc[[(PEOPLE, "", "", COORDINATES)]]),
    ]
    with column_style():
        side = TWO_COLUMNS / max(len(conditions), 2)
        figure, axes = plt.subplots(
            2, len(conditions), figsize=(side * len(conditions), 2 * side + 0.5), sharex=True, sharey=True, squeeze=False, layout="constrained",
        )  # fmt: skip
        for line, (name, color, side_rows) in zip(axes, sides, strict=True):
            rows = side_rows.reset_index()
            for axis, condition in zip(line, conditions, strict=True):
                _observed_and_predicted(axis, rows[rows["condition"] == condition], color)
                axis.set_title(f"{condition}: {name}" if len(conditions) > 1 else name, loc="left", wrap=True)
        axes[0, 0].set(xlim=(0, 1), ylim=(0, 1))
        figure.supxlabel(f"right responses to {images} images, observed")
        figure.supylabel("predicted")
        about = (
            f"Share of right responses to the {images} images of each subtype, observed and predicted by the generalized context model "
            f"({how_fitted(choices)}), in the space of {best.title} and in people's own coordinates.",
            _which(best),
            f"Named are up to {MOST_NAMED} subtypes that lie farthest from the diagonal, on which both agree.",
            f"The first {len(conditions)} conditions." if shown["condition"].nunique() > len(conditions) else "",
            "There are no error bars; human_choices has intervals of the likelihood.",
        )
        save(figure, outputs, caption(*about))


def _observed_and_predicted(axis: Axes, rows: pd.DataFrame, color: str) -> None:
    axis.axline((0, 0), slope=1, color=GREY, lw=0.5)
    axis.plot(rows["observed"], rows["predicted"], "o", color=color, mfc="white", ms=3.5, clip_on=False)
    axis.set_aspect("equal")
    named: list[tuple[float, float]] = []
    order = (rows["predicted"] - rows["observed"]).abs().sort_values(ascending=False).index
    for row in rows.loc[order].itertuples():
        if len(named) == MOST_NAMED:
            break
        # A name at the height of another, to whose side it is, would cover it.
        if any(abs(row.observed - x) < CLOSE[0] and abs(row.predicted - y) < CLOSE[1] for x, y in named):
            continue
        named.append((row.observed, row.predicted))
        right = row.observed > 0.5  # towards the middle, so that the name stays within the panel
        axis.annotate(
            one_line(str(row.label), NAME), (row.observed, row.predicted), xytext=(-4 if right else 4, 0), textcoords="offset points",
            ha="right" if right else "left", va="center", fontsize="small",
        )  # fmt: skip


def _image(
    cell: SubFigure,
    key: tuple[str, str, str],
    network: pd.Series,
    people: pd.Series,
    gain: float,
    photographs: Mapping[str, Path],
    *,
    several: bool,
) -> None:
    condition, image, label = key
    axis = cell.add_axes((0.02, 0.04, 0.42, 0.9))
    axis.imshow(
        square(read_rgb(photographs[image], WHITE), round(PHOTOGRAPH * RESOLUTION), "pad", WHITE), interpolation="none"
    )
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set(visible=True, color=GREY, linewidth=0.4)
    names = [name for name in dimensions_of(network.to_frame().T) if pd.notna(network[OBSERVED.format(name)])]
    order = sorted(names, key=lambda name: -float(network[OBSERVED.format(name)]))[:MOST_CHOSEN]
    lines = [one_line(label, NAME), *([one_line(f"({condition})", NAME)] if several else [])]
    for name in order:
        shares = (network[OBSERVED.format(name)], network[PREDICTED.format(name)], people[PREDICTED.format(name)])
        numbers = " / ".join(f"{100 * float(share):.0f}" for share in shares)
        lines.append(f"{one_line(name, NAME)}\n  {numbers} %")
    gained = f"{gain:+.2f} nats".replace("-", "\N{MINUS SIGN}")
    cell.text(0.47, 0.94, "\n".join([*lines, gained]), va="top", linespacing=1.25)
