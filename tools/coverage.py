"""False positives and power of tests over subtypes, and coverage of intervals over subtypes.

Usage::

    python -m tools.coverage   # part of `make simulate`
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from rockspace.alignment.comparison import Prediction, Resampling, comparison_table, scored
from rockspace.alignment.intervals import mean_intervals, proportion_interval
from rockspace.alignment.permutation import Pairings, permutation_nulls, subtype_pairings
from rockspace.alignment.rotation_scores import RotationScorer
from rockspace.alignment.rsa import rsa, rsa_intervals, rsa_null
from rockspace.alignment.similarity import cka_interval, cka_null, debiased_cka
from rockspace.alignment.spaces import correlations
from rockspace.artifacts import write_csv
from tools.simulation import LEVEL, rows_of, with_rates

DOCS = Path("docs/statistics.md")
BEGIN, END = "<!-- coverage: begin; made by `make simulate` -->", "<!-- coverage: end -->"
IMAGES_PER_SUBTYPE = 4
DIMENSIONS, FEATURES = 3, 24
# Correlation of features with coordinates, and of a second, worse prediction.
SHARED, WORSE = 0.6, 0.4
# Share of the variance that lies between subtypes where images are clustered, and of images that are recognised.
BETWEEN, RECOGNISED = 0.7, 0.8
# Intraclass correlation of being right.
RIGHT_TOGETHER = 0.4
INTERVAL, TEST, FOUND = "coverage of the interval", "false positives of the test", "power of the test"


@dataclass(frozen=True)
class Cell:
    """One kind of study.

    Attributes:
        subtypes: How many there are.
        equal: Whether they have as many images each; otherwise sizes are geometric, with the same mean.
        clustered: Whether images of a subtype resemble each other.
    """

    subtypes: int
    equal: bool
    clustered: bool

    @property
    def between(self) -> float:
        """Share of the variance between subtypes."""
        return BETWEEN if self.clustered else 0.0


@dataclass(frozen=True)
class Design:
    """What is simulated.

    Attributes:
        subtypes: Numbers of subtypes.
        repeats: Studies drawn of each kind.
        permutations: Random pairings behind each p-value.
        seed: Decides every draw.
    """

    subtypes: tuple[int, ...] = (5, 10, 30)
    repeats: int = 100
    permutations: int = 199
    seed: int = 0

    @property
    def cells(self) -> list[Cell]:
        """Every kind of study."""
        return [Cell(*each) for each in product(self.subtypes, (True, False), (True, False))]


def draw_labels(cell: Cell, rng: np.random.Generator) -> np.ndarray:
    """Return the subtype of each image of a study, shape (n,)."""
    sizes = np.full(cell.subtypes, IMAGES_PER_SUBTYPE)
    if not cell.equal:
        sizes = rng.geometric(1 / IMAGES_PER_SUBTYPE, size=cell.subtypes)
    return np.repeat(np.arange(cell.subtypes), sizes)


def draw_space(centres: np.ndarray, labels: np.ndarray, between: float, rng: np.random.Generator) -> np.ndarray:
    """Return images around the centres of their subtypes, variance 1, shape (n, k)."""
    own = rng.standard_normal((len(labels), centres.shape[1]))
    return np.sqrt(between) * centres[labels] + np.sqrt(1 - between) * own


def related(space: np.ndarray, noise: np.ndarray, r: float) -> np.ndarray:
    """Return columns that correlate r with those of a space."""
    return r * space + np.sqrt(1 - r**2) * noise


class Study:
    """A drawn study: coordinates, features that correlate with them, and a second, worse prediction.

    Both splits have the same subtypes. Columns correlate as much between as within subtypes, so that the true
    correlation is that of the design whatever the sizes are.
    """

    def __init__(self, cell: Cell, shared: float, rng: np.random.Generator) -> None:
        centres = {name: rng.standard_normal((cell.subtypes, width)) for name, width in WIDTHS.items()}
        self.labels, self.coordinates, self.features, self.worse = [], [], [], []
        for _ in ("train", "validation"):
            labels = draw_labels(cell, rng)
            space, noise, other, rest = (draw_space(c, labels, cell.between, rng) for c in centres.values())
            self.labels.append(labels)
            self.coordinates.append(space)
            self.features.append(np.concatenate([related(space, noise, shared), rest], axis=1))
            self.worse.append(related(space, other, WORSE))


WIDTHS = {"coordinates": DIMENSIONS, "noise": DIMENSIONS, "other": DIMENSIONS, "rest": FEATURES - DIMENSIONS}


def intervals(
    cell: Cell, rng: np.random.Generator
) -> dict[str, tuple[float, tuple[float, float] | None, float | None]]:
    """Return, by statistic, its value in a drawn study, its interval over subtypes, and the true value.

    The true value of RSA and CKA, which depends on how many pairs of images are of one subtype, is the mean over studies
    of the same kind: None.
    """
    study = Study(cell, SHARED, rng)
    labels, y, features = study.labels[1], study.coordinates[1], study.features[1]
    predicted, worse = features[:, :DIMENSIONS], study.worse[1]
    hits = rng.random(len(labels)) < _recognition(cell, rng)[labels]
    resampling = {"resamples": 3, "seed": 0}
    pair = [Prediction(name, 0, "layer", space) for name, space in (("a", predicted), ("b", worse))]
    (row,) = comparison_table(scored(pair, y), labels, Resampling(1, 3)).to_dict("records")
    spearman = rsa_intervals(features, y, labels, **resampling)
    return {
        "mean r, held-out": (
            float(correlations(predicted, y).mean()),
            mean_intervals(predicted, y, labels, **resampling)["mean_r_ci_subtypes"], SHARED,
        ),
        "difference of two mean r": (row["difference"], (row["low_subtypes"], row["high_subtypes"]), SHARED - WORSE),
        "accuracy": (float(hits.mean()), proportion_interval(hits, labels), RECOGNISED),
        "RSA (Spearman)": (rsa(features, y)["spearman"], spearman and spearman["spearman"], None),
        "CKA (debiased)": (debiased_cka(features, y), cka_interval(features, y, labels, **resampling), None),
    }  # fmt: skip


def _recognition(cell: Cell, rng: np.random.Generator) -> np.ndarray:
    """How often images of each subtype are recognised."""
    if not cell.clustered:
        return np.full(cell.subtypes, RECOGNISED)
    spread = (1 - RIGHT_TOGETHER) / RIGHT_TOGETHER
    return rng.beta(RECOGNISED * spread, (1 - RECOGNISED) * spread, size=cell.subtypes)


def p_values(cell: Cell, shared: float, permutations: int, rng: np.random.Generator) -> dict[str, float]:
    """Return p over subtypes of each test in a drawn study whose features correlate `shared` with the coordinates."""
    study, seed = Study(cell, shared, rng), int(rng.integers(2**31))
    labels, y, features = study.labels[1], study.coordinates[1], study.features[1]

    def one_split() -> Pairings | None:
        return subtype_pairings([labels], permutations, seed)

    if one_split() is None:
        return {}
    within, across = RotationScorer(features, features), RotationScorer(*study.features)
    two = subtype_pairings(study.labels, permutations, seed)
    twins = [related(y, draw_space(rng.standard_normal((cell.subtypes, DIMENSIONS)), labels, cell.between, rng), SHARED)
             for _ in range(2)]  # fmt: skip
    if shared:
        twins = [features[:, :DIMENSIONS], study.worse[1]]
    pair = [Prediction(name, 0, "layer", space) for name, space in zip("ab", twins, strict=True)]
    (row,) = comparison_table(scored(pair, y), labels, Resampling(permutations, 3)).to_dict("records")
    return {
        "mean r, held-out": permutation_nulls({"": across}, study.coordinates, two)[""].p_mean_r,
        "disparity, in-sample": permutation_nulls({"": lambda y: within(y, y)}, [y], one_split())[""].p_disparity,
        "RSA (Spearman)": rsa_null(features, y, one_split(), labels=labels)["spearman"]["p_value"],
        "CKA (debiased)": cka_null(features, y, one_split(), labels)["p_value"],
        "difference of two mean r": row["p_subtypes"],
    }


def _repeat(design: Design, number: int, repeat: int) -> list[dict]:
    cell, rng = design.cells[number], np.random.default_rng([design.seed, number, repeat])
    rows = [
        {"statistic": name, "what": INTERVAL, "value": value, "low": (ends or (np.nan,) * 2)[0],
         "high": (ends or (np.nan,) * 2)[1], "truth": np.nan if truth is None else truth}
        for name, (value, ends, truth) in intervals(cell, rng).items()
    ]  # fmt: skip
    for what, shared in ((TEST, 0.0), (FOUND, SHARED)):
        found = p_values(cell, shared, design.permutations, rng)
        rows += [{"statistic": name, "what": what, "value": p} for name, p in found.items()]
    return [vars(cell) | row for row in rows]


def simulate(design: Design, processes: int = 1) -> pd.DataFrame:
    """Draw studies of every kind.

    Args:
        design: See `Design`.
        processes: Processes that share the work; the result does not depend on it.

    Returns:
        A row for each kind of study, statistic and question (`what`): `rate`, the share of studies in which the interval
        over subtypes holds the true value or the test over subtypes has p of at most 0.05, with the ends of its 95 %
        interval after Wilson, `studies` behind it, and the mean `width` of intervals.
    """
    numbers = reversed(range(len(design.cells)))
    jobs = [(design, number, repeat) for repeat, number in product(range(design.repeats), numbers)]
    rows = rows_of(_repeat, jobs, processes)
    rows = rows[~(rows["low"].isna() & (rows["what"] == INTERVAL)) & rows["value"].notna()]
    keys = ["what", "statistic", "clustered", "equal", "subtypes"]
    means = rows.groupby(keys)["value"].transform("mean")
    truth = rows["truth"].fillna(means)
    is_interval = rows["what"] == INTERVAL
    yes = np.where(is_interval, (rows["low"] <= truth) & (truth <= rows["high"]), rows["value"] <= LEVEL)
    table = (
        rows.assign(yes=yes, width=rows["high"] - rows["low"])
        .groupby(keys, sort=True)
        .agg(yes=("yes", "sum"), studies=("yes", "size"), width=("width", "mean"))
        .reset_index()
    )
    return with_rates(table, "yes", "studies").drop(columns="yes")


def as_markdown(rates: pd.DataFrame) -> str:
    """Return the rates as a table: a row for each statistic and question, a column for each kind of study (%)."""
    of_kind = ["clustered", "equal", "subtypes"]
    kinds = rates[of_kind].drop_duplicates().sort_values(of_kind, ascending=[True, False, True])
    names = [
        f"{subtypes} {'equal' if equal else 'unequal'}{', clustered' if clustered else ''}"
        for clustered, equal, subtypes in kinds.itertuples(index=False)
    ]
    lines = [f"| (%) | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
    for what in (INTERVAL, TEST, FOUND):
        lines.append(f"| **{what}** |" + " |" * len(names))
        part = rates[rates["what"] == what].set_index(["statistic", *of_kind])["rate"]
        for statistic in part.index.get_level_values(0).unique():
            cells = [part.get((statistic, *kind)) for kind in kinds.itertuples(index=False)]
            shown = ["" if rate is None else f"{100 * rate:.1f}" for rate in cells]
            lines.append(f"| {statistic} | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def in_docs(text: str, table: str) -> str:
    """Return a page with the table between its marks."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{table}{END}{rest.partition(END)[2]}"


def main(folder: Path = Path("results/simulation")) -> None:
    """Write ``coverage.csv`` and its table into the docs."""
    rates = simulate(Design(), processes=os.cpu_count() or 1)
    write_csv(folder / "coverage.csv", rates)
    DOCS.write_text(in_docs(DOCS.read_text(encoding="utf-8"), as_markdown(rates)))


if __name__ == "__main__":
    main()
