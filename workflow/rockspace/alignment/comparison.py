"""Which network, layer or seed comes closer to people on the same images?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, permutations

import numpy as np
import pandas as pd
from tqdm import tqdm

from rockspace.alignment.intervals import (
    by_units,
    confidence_interval,
    correlation_moments,
    correlations_from_moments,
    unit_sums,
)
from rockspace.alignment.multiplicity import holm
from rockspace.alignment.permutation import BATCH, MIN_EXCHANGES, PROGRESS, TIE
from rockspace.alignment.spaces import UnusableSpaces

ALL_SEEDS = "all"
# Permutations for each comparison of a kind: after Holm the smallest p can still be 1 / PERMUTATIONS_PER_TEST.
PERMUTATIONS_PER_TEST = 40
ENTRY = ("model", "seed", "layer")
PUBLISHED = "published"
"""The layer of predictions that somebody else published."""
TRAINING = "training"
"""What a network and its baseline differ in; the other kinds are the names in `ENTRY`."""


@dataclass(frozen=True)
class Prediction:
    """Held-out coordinates of the validation images from one layer of one trained network.

    Attributes:
        model: Name of the model.
        seed: Seed it was trained with; empty for published predictions.
        layer: Name of the layer.
        predicted: Shape (n, k), the same images in the same order for all predictions.
    """

    model: str
    seed: int | str
    layer: str
    predicted: np.ndarray


@dataclass(frozen=True)
class Entry:
    """One layer of one model, over one seed or all of them; moments have shape (n, seeds, 6, k)."""

    model: str
    seed: str
    layer: str
    moments: np.ndarray


@dataclass(frozen=True)
class Baselines:
    """Networks without training, and what each is compared with.

    Attributes:
        of_models: By model the names of its baselines.
        last_layers: By model, baselines included, its last layer; that of a baseline has another name where the trained
            network ends in a head.
    """

    of_models: Mapping[str, Sequence[str]] = field(default_factory=dict)
    last_layers: Mapping[str, str] = field(default_factory=dict)

    def __contains__(self, model: str) -> bool:
        return any(model in names for names in self.of_models.values())

    def compare(self, a: Entry, b: Entry) -> bool:
        """Say whether `b` is a baseline of `a`, and both are the same layer or both the last one."""
        return b.model in self.of_models.get(a.model, ()) and self.are_alike(a, b)

    def are_alike(self, a: Entry, b: Entry) -> bool:
        """Say whether entries of two models are the same layer or both the last one: networks name their layers differently."""
        return a.layer == b.layer or all(self.last_layers.get(each.model) == each.layer for each in (a, b))


@dataclass(frozen=True)
class Resampling:
    """Settings of intervals and p-values.

    Attributes:
        permutations: Random exchanges behind each p-value, at least; many comparisons need more.
        bootstraps: Resamples behind each interval.
        seed: Decides both.
    """

    permutations: int
    bootstraps: int
    seed: int = 0


def scored(predictions: Sequence[Prediction], observed: np.ndarray) -> list[Entry]:
    """Compute the moments from which both tables are calculated.

    Args:
        predictions: See `Prediction`.
        observed: Human coordinates, shape (n, k).

    Raises:
        UnusableSpaces: Predictions are not of the same images, or a model, seed and layer is given twice.
    """
    names = [(p.model, p.seed, p.layer) for p in predictions]
    if len(set(names)) < len(names):
        raise UnusableSpaces("comparison: the same model, seed and layer is given twice")
    for prediction in predictions:
        if prediction.predicted.shape != observed.shape:
            raise UnusableSpaces(
                f"comparison: {prediction.model}, {prediction.layer}: predictions of shape "
                f"{prediction.predicted.shape}, but people's coordinates have {observed.shape}"
            )
    return [
        Entry(p.model, str(p.seed), p.layer, correlation_moments(p.predicted, observed)[:, None]) for p in predictions
    ]


def entries_table(entries: Sequence[Entry], subtypes: np.ndarray | None, resampling: Resampling) -> pd.DataFrame:
    """Return the held-out mean r of each model and layer, over all its seeds, with intervals.

    Args:
        entries: As from `scored`.
        subtypes: Subtype of each image, shape (n,), or None without subtypes.
        resampling: See `Resampling`.

    Returns:
        `model, seed, layer, mean_r`, the ends of its intervals over images and subtypes, and `seeds_low` and
        `seeds_high`, the lowest and highest of the seeds.
    """
    rows = []
    for entry in _over_seeds(entries):
        each = correlations_from_moments(entry.moments.sum(axis=0)).mean(axis=-1)
        row = {name: getattr(entry, name) for name in ENTRY} | {"mean_r": each.mean()}
        row |= _intervals(entry.moments[:, None], subtypes, resampling, mean_r, (-1.0, 1.0))[0]
        rows.append(row | {"seeds_low": each.min(), "seeds_high": each.max()})
    return pd.DataFrame(rows)


def dimensions_table(
    entries: Sequence[Entry], names: Sequence[str], subtypes: np.ndarray | None, resampling: Resampling
) -> pd.DataFrame:
    """Return the held-out r of each dimension, for each model and layer over all its seeds, with intervals.

    Args:
        entries: As from `scored`.
        names: Names of the human dimensions, k of them.
        subtypes: Subtype of each image, shape (n,), or None without subtypes.
        resampling: See `Resampling`.

    Returns:
        `model, seed, layer, dimension, r`, and the ends of its intervals over images and subtypes.
    """

    def over_seeds(totals: np.ndarray) -> np.ndarray:
        return correlations_from_moments(totals).mean(axis=-2)

    rows = []
    for entry in _over_seeds(entries):
        ends = _intervals(entry.moments, subtypes, resampling, over_seeds, (-1.0, 1.0))
        parts = {part: getattr(entry, part) for part in ENTRY}
        r = over_seeds(entry.moments.sum(axis=0))
        rows += [parts | {"dimension": name, "r": r[i]} | ends[i] for i, name in enumerate(names)]
    return pd.DataFrame(rows)


def comparison_table(
    entries: Sequence[Entry], subtypes: np.ndarray | None, resampling: Resampling, baselines: Baselines | None = None
) -> pd.DataFrame:
    """Compare all pairs that differ in one thing: the model, the layer, the seed, or training.

    Two models are compared in layers of one name, and in their last layers. Models and layers are compared by the mean over their seeds, and so is each model with its own baselines, which enter no
    other comparison. The difference of two mean r has paired
    intervals (both sides lose the same images) and a two-sided permutation test that exchanges the two
    predictions of random images, or of all images of random subtypes. p-values are adjusted after Holm over
    all comparisons of one kind.

    Args:
        entries: As from `scored`.
        subtypes: Subtype of each image, shape (n,), or None without subtypes.
        resampling: See `Resampling`.
        baselines: See `Baselines`; None for none.

    Returns:
        A row for each pair: `differs_in`, both sides (`model_a, seed_a, layer_a, mean_r_a`, the same for b),
        `difference` (a less b), its intervals and p-values over images and over subtypes; NaN where there are too
        few of them to say.
    """
    pairs = list(_pairs(entries, baselines or Baselines()))
    counts = Counter(kind for kind, _, _ in pairs)
    enough = {
        kind: replace(resampling, permutations=max(resampling.permutations, PERMUTATIONS_PER_TEST * count))
        for kind, count in counts.items()
    }
    rows = [_row(kind, a, b, subtypes, enough[kind]) for kind, a, b in tqdm(pairs, desc="comparing", **PROGRESS)]
    table = pd.DataFrame(rows, columns=_columns())
    for units in ("images", "subtypes"):
        p = table[f"p_{units}"].astype(float).groupby(table["differs_in"], sort=False)
        table[f"p_{units}_holm"] = p.transform(lambda p: p if p.isna().any() else holm(p.to_numpy()))
    return table


def _columns() -> list[str]:
    sides = [f"{name}_{side}" for side in "ab" for name in (*ENTRY, "mean_r")]
    tests = ["low_images", "high_images", "low_subtypes", "high_subtypes", "p_images", "p_subtypes"]
    return ["differs_in", *sides, "difference", *tests]


def _over_seeds(entries: Sequence[Entry]) -> list[Entry]:
    by_layer: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        by_layer.setdefault((entry.model, entry.layer), []).append(entry)
    return [
        replace(each[0], seed=ALL_SEEDS, moments=np.concatenate([entry.moments for entry in each], axis=1))
        if len(each) > 1
        else each[0]
        for each in by_layer.values()
    ]


def _pairs(entries: Sequence[Entry], baselines: Baselines) -> Iterator[tuple[str, Entry, Entry]]:
    """Pairs that differ in one thing; seeds one by one, all else over all seeds."""
    averaged = _over_seeds(entries)
    yield from ((TRAINING, a, b) for a, b in permutations(averaged, 2) if baselines.compare(a, b))
    own = [entry for entry in averaged if entry.model not in baselines]
    yield from (("model", a, b) for a, b in combinations(own, 2) if a.model != b.model and baselines.are_alike(a, b))
    yield from (("layer", a, b) for a, b in combinations(own, 2) if a.model == b.model)
    each = [entry for entry in entries if entry.model not in baselines]
    yield from (("seed", a, b) for a, b in combinations(each, 2) if (a.model, a.layer) == (b.model, b.layer))


def _row(kind: str, a: Entry, b: Entry, subtypes: np.ndarray | None, resampling: Resampling) -> dict:
    # A network that is the same for every seed stands against each seed of the other.
    seeds = max(a.moments.shape[1], b.moments.shape[1])
    both = np.stack([np.broadcast_to(x.moments, (len(x.moments), seeds, *x.moments.shape[2:])) for x in (a, b)], axis=1)
    each = mean_r(both.sum(axis=0))
    sides = {f"{name}_{side}": getattr(entry, name) for side, entry in (("a", a), ("b", b)) for name in ENTRY}
    row = {"differs_in": kind, **sides, "mean_r_a": each[0], "mean_r_b": each[1], "difference": each[0] - each[1]}
    row |= _intervals(both, subtypes, resampling, _difference, (-2.0, 2.0))[0]
    row["p_images"] = exchange_test(both, resampling)
    row["p_subtypes"] = None if subtypes is None else exchange_test(unit_sums(both, subtypes), resampling)
    return row


def exchange_test(sums: np.ndarray, resampling: Resampling) -> float | None:
    """Return the two-sided p-value of a difference of two mean r.

    Args:
        sums: Moments of both sides by unit (image or subtype), shape (units, 2, seeds, 6, k).
        resampling: See `Resampling`.

    Returns:
        Share of random exchanges of the two sides, unit by unit, with a difference as large; the observed
        one is counted among them. None where the units can be exchanged in fewer than `MIN_EXCHANGES` ways.
    """
    # Exchanging all units changes the sign alone.
    if 2 ** (len(sums) - 1) < MIN_EXCHANGES:
        return None
    rng = np.random.default_rng(resampling.seed)
    total = sums.sum(axis=0)
    change = sums[:, 1] - sums[:, 0]
    observed = abs(np.subtract(*mean_r(total)))
    as_large, done = 0, 0
    while done < resampling.permutations:
        size = min(BATCH, resampling.permutations - done)
        moved = np.tensordot(rng.integers(0, 2, size=(size, len(sums))).astype(float), change, axes=1)
        sides = mean_r(np.stack([total[0] + moved, total[1] - moved], axis=1))
        as_large += int(np.sum(np.abs(sides[:, 0] - sides[:, 1]) >= observed - TIE))
        done += size
    return (as_large + 1) / (resampling.permutations + 1)


def mean_r(totals: np.ndarray) -> np.ndarray:
    """Return mean r over dimensions and seeds from total moments of shape (..., seeds, 6, k)."""
    return correlations_from_moments(totals).mean(axis=(-2, -1))


def _difference(totals: np.ndarray) -> np.ndarray:
    """Mean r of the first side less that of the second, shape (..., 1), from total moments of shape (..., 2, seeds, 6, k)."""
    each = mean_r(totals)
    return each[..., :1] - each[..., 1:]


def _intervals(
    moments: np.ndarray,
    subtypes: np.ndarray | None,
    resampling: Resampling,
    figure: Callable[[np.ndarray], np.ndarray],
    bounds: tuple[float, float],
) -> list[dict[str, float]]:
    """The intervals of each of the values ``(..., m)`` that `figure` computes from total moments, as cells of a row."""
    ends = by_units(
        confidence_interval, moments, figure, subtypes,
        resamples=resampling.bootstraps, seed=resampling.seed, bounds=bounds,
    )  # fmt: skip
    return [
        {
            f"{end}_{units}": np.nan if found is None else found[i, j]
            for units, found in ends.items()
            for i, end in enumerate(("low", "high"))
        }
        for j in range(figure(moments.sum(axis=0)).shape[-1])
    ]
