"""The list of statistics: what each measures, how it is computed, and where its interval and its null are stored.

To add one, write a function of two spaces in a new module and an entry in `STATISTICS`: the JSON of a layer, the
noise ceiling, the layer profile, the summary, the pages and `docs/columns.md` are generated from the list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.distance import squareform

from rockspace.alignment.permutation import Pairings, image_pairings, subtype_pairings
from rockspace.alignment.readout import ridge_readout
from rockspace.alignment.reduction import reducer
from rockspace.alignment.repetition import Comparison, repeated_interval, repeated_null
from rockspace.alignment.rotation_report import Settings
from rockspace.alignment.rotation_scores import RotationScorer
from rockspace.alignment.rsa import dissimilarities, rsa, rsa_intervals, rsa_null
from rockspace.alignment.similarity import cka_interval, cka_null, debiased_cka, linear_cka, shape_distance
from rockspace.alignment.spaces import Spaces
from rockspace.alignment.whitened_rsa import whitened_correlation

# Spaces of the training images, if any, and of the validation images, shapes (n, d).
Splits = tuple[np.ndarray, ...]
Compute = Callable[[Splits, Splits, Settings], float]
Section = Callable[[Spaces, Spaces, Settings], dict[str, Any] | None]

# Units of resampling and permutation; subtypes first, since images of one subtype are not independent.
UNITS = ("subtypes", "images")
# Suffixes of the keys of intervals and nulls.
SUFFIXES = {"subtypes": "_subtypes", "images": ""}
MISSING = float("nan")


@dataclass(frozen=True)
class Estimate:
    """The value of a statistic with its interval and null; NaN or empty where there is none.

    Attributes:
        value: The statistic.
        low: Lower end of its 95 % interval.
        high: Upper end.
        interval_over: Unit of the interval: `subtypes` or `images`.
        null: Mean of the same statistic over random pairings: chance.
        null_low: Lower end of the middle 95 % of the random pairings.
        null_high: Upper end.
        p: Share of random pairings with a value at least as close.
        null_over: Unit that was permuted: `subtypes` or `images`.
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

    @property
    def has_interval(self) -> bool:
        """Whether there is an interval."""
        return not np.isnan([self.low, self.high]).any()

    @property
    def has_null(self) -> bool:
        """Whether the statistic has a null distribution."""
        return not np.isnan([self.null, self.p]).all()


@dataclass(frozen=True)
class Statistic:
    """One statistic of how closely a layer matches people.

    Attributes:
        key: Path of its value in ``alignment/{layer}.json``: keys joined by dots.
        label: Its name in tables and figures.
        about: What it measures, in one sentence.
        compute: Computes its value from features and coordinates of the same images; None for those that are only
            computed for a whole report.
        section: Computes the section of the JSON that `key` begins with; None for the sections of the rotation.
        bounds: Lowest and highest possible value.
        higher_is_closer: Whether higher values mean greater similarity.
        interval: Path of its 95 % interval. Here and below, `{units}` stands for `subtypes` or `images`
            and `{suffix}` for `_subtypes` or nothing.
        null: Path of its mean over random pairings.
        band: Path of the middle 95 % of the random pairings.
        p: Path of its p-value.
        needs_training: Whether it is learnt on training images.
        min_images: Smallest number of validation images.
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
    band: str = ""
    p: str = ""
    needs_training: bool = False
    min_images: int = 3

    @property
    def name(self) -> str:
        """The key as a column name, such as ``held_out_mean_r``."""
        return self.key.removeprefix("reductions.").replace(".", "_")

    def paths(self, units: str) -> dict[str, str]:
        """Return the paths of its interval and null over subtypes or images, by attribute of `Estimate`."""
        filled = {
            part: getattr(self, part).format(units=units, suffix=SUFFIXES[units])
            for part in ("interval", "null", "band", "p")
        }
        ends = {"low": ("interval", 0), "high": ("interval", 1), "null_low": ("band", 0), "null_high": ("band", 1)}
        paths = {end: f"{filled[part]}.{i}" for end, (part, i) in ends.items() if filled[part]}
        return paths | {part: filled[part] for part in ("null", "p") if filled[part]}

    def estimate(self, figures: Mapping[str, Any]) -> Estimate:
        """Read value, interval and null from a layer's JSON: over subtypes, or over images where there is none."""
        interval: dict[str, Any] = {}
        null: dict[str, Any] = {}
        for units in UNITS:
            found = {part: number(figures, path) for part, path in self.paths(units).items()}
            if not interval and not np.isnan(found.get("low", MISSING)):
                interval = {part: found[part] for part in ("low", "high")} | {"interval_over": units}
            if not null and not np.isnan(found.get("p", MISSING)):
                parts = ("null", "null_low", "null_high", "p")
                null = {part: found.get(part, MISSING) for part in parts} | {"null_over": units}
        return Estimate(value=number(figures, self.key), **interval, **null)


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

    def compute(features: Splits, coordinates: Splits, settings: Settings) -> float:
        reduction = reducer(settings.reduction, features[0], coordinates[-1].shape[1]).fit(features[0])
        learnt_on = 0 if analysis == "held_out" else -1
        learn, score = (reduction.transform(features[split]) for split in (learnt_on, -1))
        scorer = RotationScorer(learn, score, settings.reflection)
        return float(getattr(scorer(coordinates[learnt_on], coordinates[-1]), figure))

    null = f"{under}permutation.{{units}}.{analysis}"
    return Statistic(
        f"{under}{analysis}.{figure}", label, about,
        interval=f"{under}{analysis}.{figure}_ci{{suffix}}", null=f"{null}.null_{figure}",
        band=f"{null}.null_{figure}_band", p=f"{null}.p_{figure}", needs_training=analysis != "in_sample",
        compute=None if under or analysis not in ("in_sample", "held_out") else compute, **others,
    )  # fmt: skip


def _rsa(figure: str, label: str, about: str, **others: Any) -> Statistic:
    """A statistic of the distances between images in the two spaces."""

    def compute(features: Splits, coordinates: Splits, settings: Settings) -> float:
        return rsa(features[-1], coordinates[-1], metric=settings.distance)[figure]

    return Statistic(
        f"rsa.{figure}", label, about, compute, _rsa_section, interval=f"rsa.ci{{suffix}}.{figure}",
        null=f"rsa.permutation{{suffix}}.{figure}.null", band=f"rsa.permutation{{suffix}}.{figure}.null_band",
        p=f"rsa.permutation{{suffix}}.{figure}.p_value", **others,
    )  # fmt: skip


def _of_distances(key: str, label: str, about: str, compare: Comparison, **others: Any) -> Statistic:
    """A statistic of the distances between images, with intervals and nulls from recomputing it."""
    section, figure = key.split(".")

    def distances(features: np.ndarray, coordinates: np.ndarray, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
        return squareform(dissimilarities(features, settings.distance)), squareform(dissimilarities(coordinates))

    def compute(features: Splits, coordinates: Splits, settings: Settings) -> float:
        return compare(*distances(features[-1], coordinates[-1], settings))

    def repeated(_: Spaces, validation: Spaces, settings: Settings) -> dict[str, Any]:
        both = distances(validation.features, validation.coordinates, settings)
        return {
            figure: compare(*both),
            "ci": repeated_interval(compare, *both, validation.image_id, made.bounds),
            "ci_subtypes": repeated_interval(compare, *both, validation.label, made.bounds),
            **{
                name: pairings and repeated_null(compare, *both, pairings, higher_is_closer=made.higher_is_closer)
                for name, pairings in _pairings(validation, settings).items()
            },
        }

    null = f"{section}.permutation{{suffix}}"
    made = Statistic(
        key, label, about, compute, repeated, interval=f"{section}.ci{{suffix}}", null=f"{null}.null",
        band=f"{null}.null_band", p=f"{null}.p_value", **others,
    )  # fmt: skip
    return made


def _validation(statistic: Callable[[np.ndarray, np.ndarray], float]) -> Compute:
    """Apply a function of two spaces to those of the validation images."""
    return lambda features, coordinates, _: statistic(features[-1], coordinates[-1])


def _rsa_section(_: Spaces, validation: Spaces, settings: Settings) -> dict[str, Any]:
    spaces = validation.features, validation.coordinates
    resampling: dict[str, Any] = {"resamples": settings.bootstraps, "seed": settings.seed, "metric": settings.distance}
    return {
        "distance": settings.distance,
        **rsa(*spaces, metric=settings.distance),
        "ci": rsa_intervals(*spaces, **resampling),
        "ci_subtypes": rsa_intervals(*spaces, validation.label, **resampling),
        **{
            name: pairings and rsa_null(*spaces, pairings, settings.distance, validation.label)
            for name, pairings in _pairings(validation, settings).items()
        },
    }


def _cka_section(_: Spaces, validation: Spaces, settings: Settings) -> dict[str, Any] | None:
    """Linear CKA, biased and debiased, with intervals and nulls of the latter; None for fewer than four images."""
    if len(validation) < 4:
        return None
    spaces = validation.features, validation.coordinates
    resampling: dict[str, Any] = {"resamples": settings.bootstraps, "seed": settings.seed}
    return {
        "linear": linear_cka(*spaces),
        "debiased": debiased_cka(*spaces),
        "ci": cka_interval(*spaces, **resampling),
        "ci_subtypes": cka_interval(*spaces, validation.label, **resampling),
        **{
            name: pairings and cka_null(*spaces, pairings, validation.label)
            for name, pairings in _pairings(validation, settings).items()
        },
    }


def _shape_section(_: Spaces, validation: Spaces, settings: Settings) -> dict[str, float]:
    spaces = validation.features, validation.coordinates
    return {metric: shape_distance(*spaces, metric) for metric in ("angular", "euclidean")}


def _pairings(validation: Spaces, settings: Settings) -> dict[str, Pairings | None]:
    """Random pairings of the validation images, by the key of their null in the JSON."""
    images = image_pairings([len(validation)], settings.permutations, settings.seed)
    subtypes = subtype_pairings([validation.label], settings.permutations, settings.seed)
    return {"permutation": images, "permutation_subtypes": subtypes}


_SHARE: dict[str, Any] = {"bounds": (0.0, 1.0), "higher_is_closer": False}
_RIDGE_NULL = "ridge.permutation.{units}"
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
        section=ridge_readout, interval="ridge.held_out.mean_r_ci{suffix}", null=f"{_RIDGE_NULL}.null_mean_r",
        band=f"{_RIDGE_NULL}.null_mean_r_band", p=f"{_RIDGE_NULL}.p_mean_r", needs_training=True,
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
        section=ridge_readout, needs_training=True,
    ),
    _rsa(
        "spearman", "RSA (Spearman)",
        "Rank correlation of the distances between images in the two spaces.",
    ),
    Statistic(
        "rsa.kendall_tau_a", "RSA (Kendall's tau-a)",
        "Share of concordant less discordant pairs of distances.",
        lambda features, coordinates, settings: rsa(features[-1], coordinates[-1], settings.distance)["kendall_tau_a"],
        _rsa_section,
    ),
    _rsa(
        "cosine", "RSA (cosine)",
        "Cosine of the distances; its chance level is far above 0, since distances are positive.",
    ),
    _of_distances(
        "rsa_whitened.correlation", "RSA (whitened correlation)",
        "Correlation of the distances, whitened because those that share an image are dependent; around 0 for unrelated spaces.",
        whitened_correlation,
    ),
    Statistic(
        "cka.debiased", "CKA (linear, debiased)",
        "Linear centred kernel alignment from unbiased estimates; around 0 for unrelated spaces.",
        _validation(debiased_cka), _cka_section, interval="cka.ci{suffix}", null="cka.permutation{suffix}.null",
        band="cka.permutation{suffix}.null_band", p="cka.permutation{suffix}.p_value", min_images=4,
    ),
    Statistic(
        "cka.linear", "CKA (linear)",
        "Linear centred kernel alignment; for unrelated spaces it grows with the number of features.",
        _validation(linear_cka), _cka_section, bounds=(0.0, 1.0), min_images=4,
    ),
    Statistic(
        "shape_distance.angular", "shape distance (angular)",
        "Procrustes distance in radians, in-sample with zero-padding: 0 for the same shape.",
        _validation(shape_distance), bounds=(0.0, np.pi / 2), **_SHAPE,
    ),
    Statistic(
        "shape_distance.euclidean", "shape distance (Euclidean)",
        "Procrustes distance between shapes of norm 1: 0 for the same shape.",
        _validation(lambda features, coordinates: shape_distance(features, coordinates, "euclidean")),
        bounds=(0.0, float(np.sqrt(2))), **_SHAPE,
    ),
)  # fmt: skip
BY_KEY = {statistic.key: statistic for statistic in STATISTICS}


def sections(train: Spaces, validation: Spaces, settings: Settings) -> dict[str, dict[str, Any] | None]:
    """Return the sections of a layer's JSON that hold the statistics other than those of the rotation."""
    makers = {each.key.partition(".")[0]: each.section for each in STATISTICS if each.section}
    return {name: section(train, validation, settings) for name, section in makers.items()}


def statistics_of(features: Splits, coordinates: Splits, settings: Settings) -> dict[str, float]:
    """Return every statistic of two spaces by its name; those learnt on training images only if both have some.

    Args:
        features: A space of (training and) validation images.
        coordinates: The other, of the same images.
        settings: See `rockspace.alignment.rotation_report.Settings`.
    """
    learns = min(len(features), len(coordinates)) > 1
    return {
        each.name: each.compute(features, coordinates, settings)
        for each in STATISTICS
        if each.compute and (learns or not each.needs_training) and len(features[-1]) >= each.min_images
    }
