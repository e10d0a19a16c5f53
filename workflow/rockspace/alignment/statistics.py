"""The list of statistics: what each measures, how it is computed, and where its interval and its null are stored.

To add one, write a function of two spaces in a new module and an entry in `STATISTICS`: the JSON of a layer, the
noise ceiling, the layer profile, the summary, the pages and `docs/columns.md` are generated from the list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.spatial.distance import squareform

from rockspace.alignment.intervals import SUFFIXES, by_units, keyed
from rockspace.alignment.permutation import Pairings
from rockspace.alignment.readout import ridge_readout
from rockspace.alignment.reduction import reducer
from rockspace.alignment.repetition import Comparison, repeated_interval, repeated_null
from rockspace.alignment.rotation_report import Settings, pairings_by_units
from rockspace.alignment.rotation_scores import RotationScorer
from rockspace.alignment.rsa import dissimilarities, rsa, rsa_intervals, rsa_null
from rockspace.alignment.similarity import cka_interval, cka_null, debiased_cka, linear_cka, shape_distance
from rockspace.alignment.spaces import Spaces
from rockspace.alignment.whitened_rsa import whitened_correlation

# From features and coordinates of the same images, shapes (n, d) and (n, k).
Compute = Callable[[np.ndarray, np.ndarray, Settings], float]
Section = Callable[[Spaces, Spaces, Settings], dict[str, Any] | None]

# Units of resampling and permutation; subtypes first, since images of one subtype are not independent.
UNITS = ("subtypes", "images")
MISSING = float("nan")
# Level of p at which a figure or a difference counts as clear.
LEVEL = 0.05


@dataclass(frozen=True)
class Estimate:
    """The value of a statistic with its interval and null; NaN or empty where there is none.

    Attributes:
        value: The statistic.
        low: Lower end of its 95 % interval.
        high: Upper end.
        interval_over: Unit of the interval: `subtypes`, `images` or `people`.
        null: Mean of the same statistic over random pairings: chance.
        null_low: Lower end of the middle 95 % of the random pairings.
        null_high: Upper end.
        p: Share of random pairings with a value at least as close.
        null_over: Unit that was permuted: `subtypes` or `images`.
        smallest_p: The smallest p that so many random pairings allow, if it is known.
    """

    value: float = MISSING
    low: float = MISSING
    high: float = MISSING
    interval_over: str = ""
    null: float = MISSING
    null_low: float = MISSING
    null_high: float = MISSING
    p: float = MISSING
    null_over: str = ""
    smallest_p: float = 0.0

    @property
    def has_interval(self) -> bool:
        """Whether there is an interval."""
        return not np.isnan([self.low, self.high]).any()

    @property
    def has_null(self) -> bool:
        """Whether the statistic has a null distribution."""
        return not np.isnan([self.null, self.p]).all()


def interval_in(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the ends and the unit of an interval in a row of a table: over subtypes, or over images where there are too few.

    Args:
        row: A row, with the ends over both units, NaN where there are none.
        name: Name of an end, with `{end}` for `low` or `high` and `{units}` for the unit.

    Returns:
        `low`, `high` and `interval_over` of an `Estimate`; empty without an interval.
    """
    for units in UNITS:
        low, high = (row[name.format(end=end, units=units)] for end in ("low", "high"))
        if not np.isnan([low, high]).any():
            return {"low": low, "high": high, "interval_over": units}
    return {}


def doubt(found: Estimate) -> str:
    """Say why a figure is not clearly above chance; empty where it is, or where it has no chance to stand above.

    It is clearly above chance where its p, adjusted where there are several, is at most `LEVEL`, and its interval lies above
    the mean of the random pairings, both over the same units.
    """
    if not found.has_null:
        return ""
    p = written_p(found.p, found.smallest_p)
    if found.p > LEVEL:
        return f"p {p}"
    if not found.has_interval:
        return "there are too few images for an interval"
    if found.high < found.null:
        return f"its 95 % interval is below chance, though p {p}"
    if found.low <= found.null:
        return f"its 95 % interval includes chance, though p {p}"
    return "" if found.null_over == found.interval_over else "there are too few subtypes for a test over them"


def bounded_p(p: float, smallest: float = 0.0) -> tuple[str, float]:
    """Return how a p-value is written: its sign and number, ``≤`` and the bound for the smallest that is possible or told.

    Args:
        p: The p-value.
        smallest: The smallest that the random pairings allow; none is told from another below 0.001.
    """
    bound = max(float(np.ceil(smallest * 1000 - 1e-6)) / 1000, 0.001)
    return ("≤", bound) if p <= bound else ("=", p)


def written_p(p: float, smallest: float = 0.0) -> str:
    """Write a p-value with its sign; see `bounded_p`."""
    sign, value = bounded_p(p, smallest)
    return f"{sign} {value:.3f}"


@dataclass(frozen=True)
class Statistic:
    """One statistic of how closely a layer matches people.

    Attributes:
        key: Path of its value in ``alignment/{layer}.json``: keys joined by dots.
        label: Its name in tables and figures.
        about: What it measures, in one sentence.
        compute: Computes its value from two spaces of the same images, for the noise ceiling; None for those that
            take more than these.
        section: Computes the section of the JSON that `key` begins with; None for the sections of the rotation.
        bounds: Lowest and highest possible value.
        higher_is_closer: Whether higher values mean greater similarity.
        interval: Path of its 95 % interval. Here and below, `{units}` stands for `subtypes` or `images`
            and `{suffix}` for `_subtypes` or nothing.
        null: Path of its mean over random pairings; with `_band` appended, of the middle 95 % of these.
        p: Path of its p-value.
        min_images: Smallest number of images.
    """

    key: str
    label: str
    about: str
    compute: Compute | None = None
    section: Section | None = None
    bounds: tuple[float, float] = (-1.0, 1.0)
    higher_is_closer: bool = True
    interval: str = ""
    null: str = ""
    p: str = ""
    min_images: int = 3

    @property
    def name(self) -> str:
        """The key as a column name, such as ``held_out_mean_r``."""
        return self.key.removeprefix("reductions.").replace(".", "_")

    def paths(self, units: str) -> dict[str, str]:
        """Return the paths of its interval and null over subtypes or images, by attribute of `Estimate`."""
        paths = {"low": f"{self.interval}.0", "high": f"{self.interval}.1"} if self.interval else {}
        if self.null:
            paths |= {"null_low": f"{self.null}_band.0", "null_high": f"{self.null}_band.1", "null": self.null}
        if self.p:
            paths["p"] = self.p
        return {part: path.format(units=units, suffix=SUFFIXES[units]) for part, path in paths.items()}

    def estimate(self, figures: Mapping[str, Any]) -> Estimate:
        """Read value, interval and null from a layer's JSON: over subtypes, or over images where there is none."""
        parts: dict[str, Any] = {"value": number(figures, self.key)}
        for units in UNITS:
            found = {part: number(figures, path) for part, path in self.paths(units).items()}
            for over, last, names in (
                ("interval_over", "high", ("low", "high")),
                ("null_over", "p", ("null", "null_low", "null_high", "p")),
            ):
                if over not in parts and not np.isnan(found.get(last, MISSING)):
                    parts |= {name: found.get(name, MISSING) for name in names} | {over: units}
        return Estimate(**parts)


def find(figures: Mapping[str, Any], path: str) -> Any:
    """Return the entry of nested mappings and lists at a path of keys and positions joined by dots, or None."""
    found: Any = figures
    for part in path.split("."):
        if isinstance(found, Mapping):
            found = found.get(part)
        elif isinstance(found, list | tuple) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found


def number(figures: Mapping[str, Any], path: str) -> float:
    """Return the number at a path (see `find`), or NaN."""
    found = find(figures, path)
    return MISSING if found is None else float(found)


def _rotation(analysis: str, figure: str, label: str, about: str, under: str = "", **others: Any) -> Statistic:
    """A statistic of the rotation, with the configured reduction or the one that `under` names."""

    def compute(features: np.ndarray, coordinates: np.ndarray, settings: Settings) -> float:
        reduced = reducer(settings.reduction, features, coordinates.shape[1]).fit(features).transform(features)
        return float(getattr(RotationScorer(reduced, reduced, settings.reflection)(coordinates, coordinates), figure))

    null = f"{under}permutation.{{units}}.{analysis}"
    return Statistic(
        f"{under}{analysis}.{figure}", label, about, compute if analysis == "in_sample" else None,
        interval=f"{under}{analysis}.{figure}_ci{{suffix}}", null=f"{null}.null_{figure}", p=f"{null}.p_{figure}",
        **others,
    )  # fmt: skip


def _tested(section: str, figure: str = "") -> dict[str, Any]:
    """Where interval and null stand in a section of the JSON made by `_resampled`."""
    null = f"{section}.permutation{{suffix}}{figure}"
    return {"interval": f"{section}.ci{{suffix}}{figure}", "null": f"{null}.null", "p": f"{null}.p_value"}


def _resampled(
    validation: Spaces,
    settings: Settings,
    interval: Callable[[np.ndarray | None], Any],
    null: Callable[[Pairings], dict[str, Any]],
) -> dict[str, Any]:
    """Intervals and nulls over both units, from functions of the images' subtypes (None: over images) and of pairings."""
    nulls = {units: orders and null(orders) for units, orders in pairings_by_units([validation], settings).items()}
    return keyed("ci", by_units(interval, validation.subtype)) | keyed("permutation", nulls)


def _of_spaces(statistic: Callable[[np.ndarray, np.ndarray], float]) -> Compute:
    return lambda features, coordinates, _: statistic(features, coordinates)


def _rsa(figure: str) -> Compute:
    return lambda features, coordinates, settings: rsa(features, coordinates, settings.distance)[figure]


def _rsa_section(_: Spaces, validation: Spaces, settings: Settings) -> dict[str, Any]:
    spaces, metric = (validation.features, validation.coordinates), settings.distance
    return {
        "distance": metric,
        **rsa(*spaces, metric),
        **_resampled(
            validation,
            settings,
            lambda groups: rsa_intervals(*spaces, groups, **settings.resampling, metric=metric),
            lambda pairings: rsa_null(*spaces, pairings, metric, validation.subtype),
        ),
    }


def _of_distances(
    key: str,
    label: str,
    about: str,
    compare: Comparison,
    bounds: tuple[float, float] = (-1.0, 1.0),
    higher_is_closer: bool = True,
) -> Statistic:
    """A statistic of the distances between images, with intervals and nulls from recomputing it."""
    section, figure = key.split(".")

    def distances(features: np.ndarray, coordinates: np.ndarray, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
        return squareform(dissimilarities(features, settings.distance)), squareform(dissimilarities(coordinates))

    def repeated(_: Spaces, validation: Spaces, settings: Settings) -> dict[str, Any]:
        both = distances(validation.features, validation.coordinates, settings)
        return {figure: compare(*both)} | _resampled(
            validation,
            settings,
            lambda groups: repeated_interval(compare, *both, validation.image_id if groups is None else groups, bounds),
            lambda pairings: repeated_null(compare, *both, pairings, higher_is_closer=higher_is_closer),
        )

    return Statistic(
        key, label, about, lambda *given: compare(*distances(*given)), repeated, bounds, higher_is_closer,
        **_tested(section),
    )  # fmt: skip


def _cka_section(_: Spaces, validation: Spaces, settings: Settings) -> dict[str, Any] | None:
    """Linear CKA, biased and debiased, with intervals and nulls of the latter; None for fewer than four images."""
    if len(validation) < 4:
        return None
    spaces = validation.features, validation.coordinates
    return {
        "linear": linear_cka(*spaces),
        "debiased": debiased_cka(*spaces),
        **_resampled(
            validation,
            settings,
            lambda groups: cka_interval(*spaces, groups, **settings.resampling),
            lambda pairings: cka_null(*spaces, pairings, validation.subtype),
        ),
    }


def _shape_section(_: Spaces, validation: Spaces, settings: Settings) -> dict[str, float]:
    spaces = validation.features, validation.coordinates
    return {metric: shape_distance(*spaces, metric) for metric in ("angular", "euclidean")}


_SHARE: dict[str, Any] = {"bounds": (0.0, 1.0), "higher_is_closer": False}
# Shape distances are monotonic in disparity, so they share its in-sample test with zero-padding.
_SHAPE: dict[str, Any] = {
    "section": _shape_section,
    "higher_is_closer": False,
    "p": "reductions.zero_pad.permutation.{units}.in_sample.p_disparity",
}

STATISTICS = (
    _rotation(
        "held_out", "mean_r", "r held-out",
        "Mean over dimensions of the correlation between the human coordinates of the validation images and the "
        "embedding mapped by a rotation learnt on the training images.",
    ),
    _rotation(
        "new_subtypes", "mean_r", "r new subtypes",
        "Held-out r of a rotation fitted without the training images of the subtype that it is scored on.",
    ),
    _rotation(
        "held_out", "mean_r", "r held-out, zero-padding",
        "Held-out r with all features rotated, and the coordinates padded with zeros.",
        under="reductions.zero_pad.",
    ),
    _rotation(
        "held_out", "mean_r", "r held-out, PCA",
        "Held-out r with as many principal components of the features as there are human dimensions.",
        under="reductions.pca.",
    ),
    Statistic(
        "ridge.held_out.mean_r", "r held-out, ridge",
        "Held-out r of ridge regression, which, unlike a rotation, may weight and shear.",
        section=ridge_readout, interval="ridge.held_out.mean_r_ci{suffix}",
        null="ridge.permutation.{units}.null_mean_r", p="ridge.permutation.{units}.p_mean_r",
    ),
    _rotation(
        "in_sample", "mean_r", "r in-sample",
        "Mean r of a rotation fitted to the images that it is scored on: always too good.",
    ),
    _rotation(
        "held_out", "disparity", "disparity held-out",
        "Share of the variance of the validation images that remains with the rotation learnt on the training images, "
        "after the best translation and scale; lower is closer.",
        **_SHARE,
    ),
    _rotation(
        "in_sample", "disparity", "disparity in-sample",
        "Disparity of the validation images with a rotation fitted to the same images, as in published figures.",
        **_SHARE,
    ),
    _rotation(
        "train_cv", "mean_r", "r cross-validated",
        "Mean r by ten-fold cross-validation within the training images.",
    ),
    Statistic(
        "ridge.nested_cv.mean_r", "r cross-validated, ridge",
        "Mean r of ridge regression by nested cross-validation within the training images, the penalty chosen in the inner folds.",
        section=ridge_readout,
    ),
    Statistic(
        "rsa.spearman", "RSA (Spearman)",
        "Rank correlation of the distances between images in the two spaces.",
        _rsa("spearman"), _rsa_section, **_tested("rsa", ".spearman"),
    ),
    Statistic(
        "rsa.kendall_tau_a", "RSA (Kendall's tau-a)",
        "Share of concordant less discordant pairs of distances.",
        _rsa("kendall_tau_a"), _rsa_section,
    ),
    Statistic(
        "rsa.cosine", "RSA (cosine)",
        "Cosine of the distances; its chance level is far above 0, since distances are positive.",
        _rsa("cosine"), _rsa_section, **_tested("rsa", ".cosine"),
    ),
    _of_distances(
        "rsa_whitened.correlation", "RSA (whitened correlation)",
        "Correlation of the distances, whitened because those that share an image are dependent; around 0 for unrelated spaces.",
        whitened_correlation,
    ),
    Statistic(
        "cka.debiased", "CKA (linear, debiased)",
        "Linear centred kernel alignment from unbiased estimates; around 0 for unrelated spaces.",
        _of_spaces(debiased_cka), _cka_section, **_tested("cka"), min_images=4,
    ),
    Statistic(
        "cka.linear", "CKA (linear)",
        "Linear centred kernel alignment; for unrelated spaces it grows with the number of features.",
        _of_spaces(linear_cka), _cka_section, bounds=(0.0, 1.0), min_images=4,
    ),
    Statistic(
        "shape_distance.angular", "shape distance (angular)",
        "Procrustes distance in radians, in-sample with zero-padding: 0 for the same shape.",
        _of_spaces(shape_distance), bounds=(0.0, np.pi / 2), **_SHAPE,
    ),
    Statistic(
        "shape_distance.euclidean", "shape distance (Euclidean)",
        "Procrustes distance between shapes of norm 1: 0 for the same shape.",
        _of_spaces(partial(shape_distance, metric="euclidean")),
        bounds=(0.0, float(np.sqrt(2))), **_SHAPE,
    ),
)  # fmt: skip
BY_KEY = {statistic.key: statistic for statistic in STATISTICS}


def sections(train: Spaces, validation: Spaces, settings: Settings) -> dict[str, dict[str, Any] | None]:
    """Return the sections of a layer's JSON that hold the statistics other than those of the rotation."""
    makers = {each.key.partition(".")[0]: each.section for each in STATISTICS if each.section}
    return {name: section(train, validation, settings) for name, section in makers.items()}


def statistics_of(features: np.ndarray, coordinates: np.ndarray, settings: Settings) -> dict[str, float]:
    """Return by its name every statistic that two spaces of the same images, shapes (n, d) and (n, k), suffice for."""
    return {
        each.name: each.compute(features, coordinates, settings)
        for each in STATISTICS
        if each.compute and len(features) >= each.min_images
    }
