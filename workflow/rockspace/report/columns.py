"""The columns of the result tables: the meaning, source and format of each.

The CSV files, the headings and tooltips of the pages, the legend of the summary and ``docs/columns.md`` are generated from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rockspace.alignment.statistics import BY_KEY, STATISTICS, UNITS, Estimate, Statistic, find, written_p

NOTHING = "-"
# Columns of the two figures that every page begins with.
R, TOP1 = "held_out_mean_r", "validation_top1"
TEXT = "{}"
# Formats of shares (0 to 1) and p-values, in addition to those of `str.format`.
SHARE, P_VALUE = "share", "p-value"
# Sources of a row of the summary.
METRICS, ALIGNMENT, NAMES = "metrics.json", "alignment/{layer}.json", "the configuration"
Documents = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: Its name in the CSV.
        heading: Its name in words.
        about: Its meaning, in one sentence.
        form: Format of its values in tables for readers.
        source: File, and the keys in it joined by dots.
        ends: Names of the columns with the ends of the interval or band that follows the number.
        over: Name of the column with the unit that was resampled or permuted.
        shown: Whether it is a column of tables for readers.
        read: Computes the value from the documents; None reads it from `source`.
    """

    name: str
    heading: str
    about: str
    form: str = "{:.3f}"
    source: tuple[str, str] = (NAMES, "")
    ends: tuple[str, str] | None = None
    over: str = ""
    shown: bool = True
    read: Callable[[Documents], Any] | None = None

    def value(self, documents: Documents) -> Any:
        """Return the value of the column for one row; NaN if there is none."""
        found = self.read(documents) if self.read else find(documents[self.source[0]], self.source[1])
        return np.nan if found is None or found == "" else found

    def written(self, value: Any) -> str:
        """Format one value for readers."""
        if value is None or pd.isna(value):
            return NOTHING
        if isinstance(value, str):
            return value
        if self.form == SHARE:
            return f"{100 * value:.1f} %"
        if self.form == P_VALUE:
            return written_p(value).removeprefix("= ")
        text = self.form.format(value)
        # What rounds to 0 has no sign.
        return text.lstrip("+-") if set(text) <= set("+-.0") else text

    def cell(self, row: Mapping[str, Any], name_units: bool = False) -> str:
        """Format a row's value for readers, followed by the ends of its interval or band, and their unit."""
        text = self.written(row.get(self.name))
        if text == NOTHING:
            return text
        if self.ends and not any(pd.isna(row.get(end)) for end in self.ends):
            text += f" ({' to '.join(self.written(row[end]).removesuffix(' %') for end in self.ends)})"
        return f"{text} over {row[self.over]}" if name_units and self.units(row) else text

    def units(self, row: Mapping[str, Any]) -> set[str]:
        """Return the unit of the row's interval or chance; empty if it has none."""
        shown = self.ends or (self.name,)
        return {row[self.over]} - {""} if self.over and not any(pd.isna(row.get(name)) for name in shown) else set()


# The columns of an estimate in addition to its value: attribute, heading, meaning.
_PARTS = (
    ("low", "{}, lower end", "Lower end of the 95 % interval of {}."),
    ("high", "{}, upper end", "Upper end of the 95 % interval of {}."),
    ("interval_over", "{}, interval over", "Unit of the interval of {}: subtypes, or images if there are too few subtypes."),
    ("null", "chance of {}", "Mean of {} over random pairings with the human coordinates, the fit repeated for each."),
    ("null_low", "chance of {}, lower end", "Lower end of the middle 95 % of the null distribution of {}."),
    ("null_high", "chance of {}, upper end", "Upper end of the middle 95 % of the null distribution of {}."),
    ("p", "p of {}", "Share of random pairings whose {} is at least as close, the observed pairing included."),
    ("null_over", "chance of {} over", "Unit that was permuted for chance and p of {}: subtypes, or images if there are too few subtypes."),
)  # fmt: skip


def _estimate(
    statistic: Statistic, document: str = ALIGNMENT, *, name: str = "", form: str = "{:.3f}"
) -> Iterator[Column]:
    """The columns of a statistic with its interval and null."""
    name = name or statistic.name
    paths = {units: statistic.paths(units) for units in UNITS}

    def part(attribute: str) -> Callable[[Documents], Any]:
        return lambda documents: getattr(statistic.estimate(documents[document]), attribute)

    ends = (f"{name}_low", f"{name}_high") if statistic.interval else None
    over = f"{name}_interval_over" if statistic.interval else ""
    yield Column(name, statistic.label, statistic.about, form, (document, statistic.key), ends, over)
    for attribute, heading, about in _PARTS:
        measured = attribute.replace("interval_over", "low").replace("null_over", "p")
        if measured not in paths[UNITS[0]]:
            continue
        yield Column(
            f"{name}_{attribute}", heading.format(statistic.label), about.format(statistic.label),
            TEXT if attribute.endswith("over") else P_VALUE if attribute == "p" else form,
            (document, ", or ".join(paths[units][measured] for units in UNITS)),
            (f"{name}_null_low", f"{name}_null_high") if attribute == "null" and statistic.null else None,
            f"{name}_null_over" if attribute in ("null", "p") else "", attribute in ("null", "p"), part(attribute),
        )  # fmt: skip


def _plain(*keys: str) -> Iterator[Column]:
    """The values alone of some statistics; ``layer_profile.csv`` has their intervals and nulls."""
    for statistic in map(BY_KEY.__getitem__, keys):
        yield Column(statistic.name, statistic.label, statistic.about, "{:.3f}", (ALIGNMENT, statistic.key))


_ACCURACY = Statistic(
    "validation.top1", "top-1", "Share of the validation images whose label is the most probable one.",
    bounds=(0.0, 1.0), interval="validation.top1_ci{suffix}",
)  # fmt: skip
COORDINATES = Statistic(
    "coordinates.validation.mean_r", "r coordinates head",
    "Mean r of the coordinates predicted by a head trained on the coordinates of the training images.",
    interval="coordinates.validation.mean_r_ci{suffix}",
)  # fmt: skip

_FOR_READERS: tuple[Column, ...] = (
    Column("model", "model", "Name of the model or ensemble. A baseline is named for its backbone: `-pretrained` is the network before any training here, `-untrained` the network with random weights.", TEXT),
    Column("seed", "seed", "Seed of the model; for an ensemble, all its seeds.", TEXT),
    Column("layer", "layer", "Layer whose activations are compared with the human coordinates.", TEXT),
    *_estimate(_ACCURACY, METRICS, form=SHARE),
    Column("validation_chance_uniform", "chance: any label", "Top-1 of guessing a label at random: 1 / number of labels.", SHARE, (METRICS, "validation.chance.uniform")),
    Column("validation_chance_largest_label", "chance: the largest label", "Top-1 of always guessing the most common label of the validation images.", SHARE, (METRICS, "validation.chance.largest_label")),
    Column("validation_top3", "top-3", "Share of the validation images whose label is among the three most probable ones.", SHARE, (METRICS, "validation.top3")),
    Column("train_top1", "training top-1", "Share of the training images whose label is the most probable one.", SHARE, (METRICS, "train.top1")),
    Column("validation_loss", "validation loss", "Mean cross-entropy of the validation images (nats).", "{:.3f}", (METRICS, "validation.loss"), shown=False),
    *_estimate(BY_KEY["held_out.mean_r"]),
    *_plain("new_subtypes.mean_r"),
    *_estimate(BY_KEY["reductions.zero_pad.held_out.mean_r"]),
    *_estimate(BY_KEY["reductions.pca.held_out.mean_r"]),
    *_estimate(BY_KEY["ridge.held_out.mean_r"]),
    *_estimate(BY_KEY["in_sample.mean_r"]),
    *_plain("held_out.disparity", "in_sample.disparity"),
    Column("in_sample_disparity_p_images", "p of PROTEST", "The classic test: share of random pairings of single images whose in-sample disparity is at least as low; nearly always significant where images come in subtypes.", P_VALUE, (ALIGNMENT, "permutation.p_value"), shown=False),
    *_plain("rsa.spearman", "cka.debiased"),
    *_estimate(COORDINATES, METRICS, name="coordinates_mean_r"),
    Column("coordinates_disparity", "disparity coordinates head", "Share of the variance of the coordinates that remains after the best translation, scale and rotation of that head's predictions, as in published figures.", "{:.3f}", (METRICS, "coordinates.validation.disparity")),
    Column("reduction", "reduction", "How features and coordinates were given the same number of dimensions: `zero_pad` or `pca`.", TEXT, (ALIGNMENT, "reduction"), shown=False),
)  # fmt: skip


# The CSV also has the statistics that tables for readers omit.
SUMMARY = (
    *_FOR_READERS,
    *(
        replace(column, shown=False)
        for column in _plain(*(each.key for each in STATISTICS))
        if column.name not in {shown.name for shown in _FOR_READERS}
    ),
)


BY_NAME = {column.name: column for column in SUMMARY}


def _sides() -> Iterator[Column]:
    for side, which in (("a", "first"), ("b", "second")):
        for part in ("model", "seed", "layer"):
            yield Column(f"{part}_{side}", f"{part} {side}", f"{part.capitalize()} of the {which} entry.", TEXT)
        yield Column(f"mean_r_{side}", f"r {side}", f"Held-out mean r of the {which} entry, averaged over its seeds.")


def _ends(of: str) -> Iterator[Column]:
    for units in ("images", "subtypes"):
        for end, which in (("low", "Lower"), ("high", "Upper")):
            about = f"{which} end of the 95 % interval of {of} over {units}."
            yield Column(f"{end}_{units}", f"{which.lower()} end over {units}", about)


ENTRIES: tuple[Column, ...] = (
    *SUMMARY[:3],
    Column("mean_r", "r held-out", "Held-out mean r, averaged over the seeds."),
    *_ends("`mean_r`"),
    Column("seeds_low", "lowest seed", "Lowest held-out mean r of a seed."),
    Column("seeds_high", "highest seed", "Highest held-out mean r of a seed."),
)
DIMENSIONS: tuple[Column, ...] = (
    *SUMMARY[:3],
    Column("dimension", "dimension", "Name of the human dimension.", TEXT),
    Column("r", "r held-out", "Held-out r of the dimension, averaged over the seeds."),
    *_ends("`r`"),
)
COMPARISON: tuple[Column, ...] = (
    Column("differs_in", "differs in", "What the two entries differ in: model (in layers of one name or in the last ones), layer or seed, or training: a model and its network without training.", TEXT),
    *_sides(),
    Column("difference", "difference", "Held-out mean r of the first entry minus that of the second."),
    *_ends("the difference"),
    *(
        Column(f"p_{units}{suffix}", f"p over {units}{words}", about, P_VALUE)
        for suffix, words in (("", ""), ("_holm", ", Holm"))
        for units in ("images", "subtypes")
        for about in [f"Share of random exchanges of the two predictions of {units} with a difference at least as large" + (", adjusted by Holm's method over the comparisons of one kind." if suffix else ".")]
    ),
)  # fmt: skip
TABLES = {
    "summary": SUMMARY,
    "comparison": COMPARISON,
    "comparison.entries": ENTRIES,
    "comparison.dimensions": DIMENSIONS,
}


def read_table(path: str | Path) -> pd.DataFrame:
    """Read one of `TABLES`; names that look like numbers or missing values stay text."""
    text = {column.name: str for column in TABLES[Path(path).stem] if column.form == TEXT}
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""])


def has_accuracy(row: Mapping[str, Any]) -> bool:
    """Say whether a row of the summary has an accuracy on validation images: only then a page speaks of accuracy."""
    return not pd.isna(row[TOP1])


def estimate_of(row: Mapping[str, Any], name: str) -> Estimate:
    """Return a statistic with its interval and null from a row of the table."""
    parts: dict[str, Any] = {part: row.get(f"{name}_{part}") for part, _, _ in _PARTS}
    return Estimate(row[name], **{part: value for part, value in parts.items() if not pd.isna(value)})


def cells(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> list[tuple[str, str, list[str]]]:
    """Format a table for readers; see `written_columns`.

    Returns:
        Heading, meaning and cells of each column.
    """
    return [(heading, column.about, texts) for column, heading, texts in written_columns(rows, columns)]


def written_columns(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]
) -> list[tuple[Column, str, list[str]]]:
    """Format a table for readers, without columns that are empty in all rows or that repeat the configured reduction.

    Returns:
        Each column with its heading and cells. The unit of intervals and chance is in the heading, or in the cells
        if it differs between rows.
    """
    written = []
    leading = {f"{row['reduction']}_" for row in rows if isinstance(row.get("reduction"), str)}
    for column in columns:
        repeated = len(leading) == 1 and column.name.startswith(tuple(leading))
        if not column.shown or repeated or all(pd.isna(row.get(column.name)) for row in rows):
            continue
        over = set().union(*(column.units(row) for row in rows))
        notes = (["95 %"] if column.ends and over else []) + [f"over {units}" for units in over if len(over) == 1]
        heading = column.heading + (f" ({' '.join(notes)})" if notes else "")
        written.append((column, heading, [column.cell(row, name_units=len(over) > 1) for row in rows]))
    return written
