"""The answer in one figure: held-out r of each human dimension, beside chance, baselines and the noise ceiling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from rockspace.alignment.statistics import LEVEL, UNITS, Estimate, doubt, interval_in, written_p
from rockspace.report.captions import caption, count, intervals, whose
from rockspace.report.figures import (
    BLUE,
    COLUMN,
    GREEN,
    GREY,
    LINE,
    PURPLE,
    VERMILION,
    column_style,
    one_line,
    save,
    wrapped,
)

# What the baselines of a network are, by their key in the configuration.
BASELINES = {"pretrained": "before training", "untrained": "with random weights"}
COLORS = {"pretrained": VERMILION, "untrained": PURPLE}
MARKERS = {"pretrained": "^", "untrained": "x"}
# Where they stand (in rows below the network's own mark): apart, so that none hides another.
LANES = {"pretrained": -0.36, "untrained": 0.36}
MARKS = {"pretrained": "Triangles", "untrained": "Crosses"}


@dataclass(frozen=True)
class Profiled:
    """One row of the figure.

    Attributes:
        name: Name of the dimension, or what the mean is over.
        found: Held-out r with its interval and chance.
        baselines: r of the same network's baselines, by their kind.
    """

    name: str
    found: Estimate
    baselines: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Ceiling:
    """How well individual people agree with one another, and the model with them, by held-out mean r.

    Attributes:
        lower: Mean r of each person with the mean of the others.
        upper: Mean r of each person with the mean of all.
        model: Mean r of the model with each person.
        people: Number of persons.
    """

    lower: float
    upper: float
    model: float
    people: int


@dataclass(frozen=True)
class DimensionProfile:
    """Held-out r of one layer along each dimension.

    Attributes:
        model: Name of the model.
        layer: Name of the layer.
        rows: The mean, then the dimensions in their order.
        ceiling: The noise ceiling, if the study has one.
    """

    model: str
    layer: str
    rows: Sequence[Profiled]
    ceiling: Ceiling | None = None

    @property
    def by_r(self) -> list[Profiled]:
        """The dimensions, the highest r first; those without an r last."""
        return sorted(self.rows[1:], key=lambda row: (np.isnan(row.found.value), -row.found.value))


def difference_of(pair: Mapping[str, Any]) -> Estimate:
    """Read a row of ``comparison.csv``: the paired difference of held-out mean r, its interval, and p adjusted after Holm.

    Both are over subtypes, or over images where there are too few subtypes. An interval over subtypes has no p where there are
    too few of them for a test: a p over images would say less than it seems to.
    """
    found = Estimate(pair["difference"], **interval_in(pair, "{end}_{units}"))
    tested = next((units for units in UNITS if not np.isnan(pair[f"p_{units}_holm"])), "")
    return (
        replace(found, p=pair[f"p_{tested}_holm"], null_over=tested)
        if tested and tested == found.interval_over
        else found
    )


def digits_of(difference: Estimate) -> int:
    """How many decimals a difference is written with: so many that an end of a clear one, which is not 0, is not written as 0."""
    return 3 if is_clear(difference) and min(abs(difference.low), abs(difference.high)) < 0.005 else 2


def is_clear(difference: Estimate) -> bool:
    """Whether a difference is told from 0: its interval excludes 0, and its p, where there is one, is small."""
    return (difference.low > 0 or difference.high < 0) and not difference.p > LEVEL


def read_chance(path: str | Path) -> pd.DataFrame:
    """Read ``alignment/{layer}.dimensions.csv``; names that look like numbers or missing values stay text."""
    return pd.read_csv(path, dtype={"dimension": str}, keep_default_na=False, na_values=[""])


def dimension_estimates(dimensions: pd.DataFrame, nulls: Sequence[pd.DataFrame]) -> dict[str, Estimate]:
    """Read the held-out r of each dimension of one layer with its interval and chance.

    Args:
        dimensions: Rows of ``comparison.dimensions.csv`` of one model.
        nulls: ``alignment/{layer}.dimensions.csv`` of each of its seeds.

    Returns:
        By dimension. Chance is the mean over seeds, its band holds those of all seeds, and p, which is adjusted after
        Holm over the dimensions, is the largest.
    """
    leading = [table[table["reduction"] == table["reduction"].iloc[0]].set_index("dimension") for table in nulls]
    chance = pd.concat(leading) if leading else pd.DataFrame()
    found = {}
    for row in dimensions.to_dict("records"):
        estimate = Estimate(row["r"], **interval_in(row, "{end}_{units}"))
        for units in reversed(UNITS):  # subtypes last, so that they count where there are enough of them
            null, p = f"null_r_held_out_{units}", f"p_held_out_{units}_holm"
            if leading and not (seeds := chance.loc[[row["dimension"]]])[p].isna().any():
                estimate = replace(
                    estimate, null=seeds[null].mean(), null_low=seeds[f"{null}_low"].min(),
                    null_high=seeds[f"{null}_high"].max(), p=seeds[p].max(), null_over=units,
                )  # fmt: skip
        found[row["dimension"]] = estimate
    return found


def ceiling_of(alignments: Sequence[Mapping[str, Any]]) -> Ceiling | None:
    """Return the noise ceiling of held-out mean r, averaged over seeds; None where a study has none.

    Args:
        alignments: ``alignment/{layer}.json`` of each seed of one model.
    """
    sections = [found.get("noise_ceiling", {}) for found in alignments]
    names = ("lower", "upper", "model")
    if not sections or any("held_out_mean_r" not in each.get(name, {}) for each in sections for name in names):
        return None
    lower, upper, model = (float(np.mean([each[name]["held_out_mean_r"] for each in sections])) for name in names)
    return Ceiling(lower, upper, model, sections[0]["n_individuals"])


def lowest_tick(profiles: Sequence[DimensionProfile]) -> float:
    """Return the lower end of a scale to 1 that holds everything in the figures: 0, -0.2, -0.4, or -1, which all have a tick."""
    values = [
        value
        for profile in profiles
        for row in profile.rows
        for value in (row.found.value, row.found.low, row.found.null_low, *row.baselines.values())
    ]
    lowest = min((value for value in values if not np.isnan(value)), default=0.0)
    return float(np.floor(min(0.0, lowest) * 5) / 5) if lowest >= -0.4 else -1.0


def ticks(low: float) -> list[tuple[float, str]]:
    """Return places (0 to 1, along a scale from `low` to 1) and texts of the ticks."""
    step = 0.2 if low > -0.5 else 0.5
    values = np.arange(low, 1 + step / 2, step)
    return [
        ((value - low) / (1 - low), f"{abs(value):.1f}" if abs(value) < 1e-9 else f"{value:.1f}") for value in values
    ]


def rows_on_page(profile: DimensionProfile, low: float) -> list[dict[str, Any]]:
    """Prepare the rows for the page, the mean first and then the dimensions from the highest r on.

    Args:
        profile: See `DimensionProfile`.
        low: Lower end of the scale, which ends at 1.

    Returns:
        Of each row its `name`, its `value` and `ends` as text, `meaning`: all that it shows in sentences, and `marks`:
        kind, both ends (0 to 1 along the scale, equal for a point), and meaning of each mark.
    """
    rows = []
    for row in (profile.rows[0], *profile.by_r):
        found, sentences = row.found, [f"{row.name}: r = {row.found.value:z.3f}"]
        marks = []
        if found.has_null:
            chance = f"chance {found.null:z.3f} (middle 95 % of random pairings of {found.null_over}: {found.null_low:z.3f} to {found.null_high:z.3f})"
            marks.append(("band", found.null_low, found.null_high, chance))
        if found.has_interval:
            interval = f"95 % interval {found.low:z.3f} to {found.high:z.3f} over {found.interval_over}"
            marks.append(("interval", found.low, found.high, interval))
            sentences.append(interval)
        if found.has_null:
            marks.append(("chance", found.null, found.null, chance))
            sentences.append(
                f"{chance}, p {written_p(found.p, found.smallest_p)}: "
                + (f"not clearly above chance, since {why}" if (why := doubt(found)) else "clearly above chance")
            )
        for kind, r in row.baselines.items():
            words = f"the same network {BASELINES[kind]}: {r:z.3f}"
            marks.append((kind, r, r, words))
            sentences.append(words)
        marks.append(("dot", found.value, found.value, f"r held-out {found.value:z.3f}"))
        rows.append(
            {
                "name": row.name,
                "value": f"{found.value:z.2f}",
                "ends": f"{found.low:z.2f} to {found.high:z.2f}" if found.has_interval else "",
                "fails": bool(doubt(found)),
                "meaning": "; ".join(sentences) + ".",
                "marks": _placed(marks, low),
            }
        )
    if ceiling := profile.ceiling:
        words = f"noise ceiling: {ceiling.people} individual people agree with the mean of the others with r = {ceiling.lower:z.3f}, with the mean of all with {ceiling.upper:z.3f}"
        model = f"the model agrees with individual people with r = {ceiling.model:z.3f}"
        marks = [("ceiling", ceiling.lower, ceiling.upper, words), ("single", ceiling.model, ceiling.model, model)]
        rows.insert(
            1,
            {
                "name": "with individual people",
                "value": f"{ceiling.model:z.2f}",
                "ends": f"ceiling {ceiling.lower:z.2f} to {ceiling.upper:z.2f}",
                "fails": False,
                "meaning": f"Mean over individual people: {model}; {words}. Compare these two with each other and not with the rows for the mean of all people.",
                "marks": _placed(marks, low),
            },
        )
    return rows


def _placed(marks: Sequence[tuple[str, float, float, str]], low: float) -> list[tuple[str, float, float, str]]:
    """The marks that have a value, in shares of the scale."""
    return [
        (kind, *((np.clip([start, end], low, 1) - low) / (1 - low)).tolist(), words)
        for kind, start, end, words in marks
        if not np.isnan([start, end]).any()
    ]


def dimensions_figure(
    profile: DimensionProfile, title: str, outputs: Sequence[str | Path], drawn: bool = False
) -> None:
    """Draw r of each dimension with its interval, over the middle 95 % of chance, and the baselines beside it.

    Args:
        profile: See `DimensionProfile`.
        title: What was compared.
        outputs: Files to write, the suffix says the format; the caption goes to those that end in ``.txt``.
        drawn: Whether the images were drawn, and the coordinates are those they were drawn with.
    """
    rows = [profile.rows[0], *profile.by_r]
    names = [fill(one_line(row.name), 24) for row in rows]
    heading, lines = wrapped(title, COLUMN), 1 + max(name.count("\n") for name in names)
    height = (8 + heading.count("\n")) * LINE
    # The mean stands apart from what it is the mean of.
    y = np.concatenate([[0.0], np.arange(1, len(rows)) + 0.4])
    if profile.ceiling:
        y[1:] += 1
        names.insert(1, "with individual people")
    with column_style():
        figure, axis = plt.subplots(
            figsize=(COLUMN, height + (0.05 + 0.95 * LINE * lines) * (y[-1] + 1)), layout="constrained"
        )
        _draw_rows(axis, rows, y)
        if profile.ceiling:
            _draw_ceiling(axis, profile.ceiling)
        axis.set_yticks(np.sort(np.append(y, 1.0)) if profile.ceiling else y, names)
        axis.set_ylim(y[-1] + 0.7, -0.7)
        axis.set_xlim(lowest_tick([profile]), 1)
        axis.axvline(0, color="0.8", lw=0.6, zorder=0)
        axis.set_xlabel("held-out r")
        figure.suptitle(heading, x=0.01, ha="left")
        figure.legend(loc="outside lower left", ncols=2)
        save(figure, outputs, whose(_caption(profile, title), drawn))


def _caption(profile: DimensionProfile, title: str) -> str:
    mean = profile.rows[0]
    baselines = [f"{MARKS[kind]}: the same network {BASELINES[kind]}" for kind in BASELINES if kind in mean.baselines]
    people = profile.ceiling and (
        f"Green: noise ceiling, the mean r of {profile.ceiling.people} individual people with the mean of the others (lower end) and "
        "of all (upper end); open circle: that of the network with individual people."
    )
    return caption(
        f"Held-out r of a network ({title}) along {count(max(len(profile.rows) - 1, 1), 'human dimension')}, highest first, below "
        "the mean over dimensions: correlation between people's coordinates of the validation images and those predicted by a "
        "rotation learnt on the training images.",
        intervals("Blue lines", mean.found.interval_over),
        f"Grey: r by chance, with {mean.found.null_over} paired at random and the analysis repeated for each pairing (diamond: mean; "
        "band: middle 95 %)."
        if mean.found.has_null
        else "",
        f"{'; '.join(baselines)}." if baselines else "",
        people or "",
    )


def _draw_rows(axis: Axes, rows: Sequence[Profiled], y: np.ndarray) -> None:
    def column(attribute: str) -> np.ndarray:
        return np.array([getattr(row.found, attribute) for row in rows])

    axis.plot(column("value"), y, "o", color=BLUE, ms=4, zorder=4, clip_on=False, label="r held-out")
    if over := rows[0].found.interval_over:
        ends = column("low"), column("high")
        axis.hlines(y, *ends, color=BLUE, lw=1.4, zorder=3, clip_on=False, label=f"95 % over {over}")
    if rows[0].found.has_null:
        low, high = column("null_low"), column("null_high")
        axis.barh(y, high - low, left=low, height=0.62, color="0.86", label="middle 95 % of chance")
        axis.plot(column("null"), y, "D", color=GREY, mec="white", mew=0.5, ms=3.4, label="chance", zorder=3.5)
    for kind, words in BASELINES.items():
        values = [row.baselines.get(kind, np.nan) for row in rows]
        if not np.isnan(values).all():
            axis.plot(
                values,
                y + LANES[kind],
                MARKERS[kind],
                color=COLORS[kind],
                ms=3,
                mfc="none",
                mew=0.9,
                label=words,
            )


def _draw_ceiling(axis: Axes, ceiling: Ceiling) -> None:
    axis.barh(1, ceiling.upper - ceiling.lower, left=ceiling.lower, height=0.62, color=GREEN, alpha=0.45, label="noise ceiling")  # fmt: skip
    axis.plot(ceiling.model, 1, "o", color=BLUE, mfc="white", ms=4, label="r with individual people")
