"""Search: recipes compared by cross-validation on the training images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, StratifiedKFold

from rockspace.alignment.comparison import mean_r
from rockspace.alignment.intervals import confidence_interval, correlation_moments
from rockspace.alignment.procrustes import Procrustes
from rockspace.alignment.spaces import correlations
from rockspace.artifacts import StoredArrays
from rockspace.errors import RockspaceError
from rockspace.inference.ensembles import Moments, mean_coordinates
from rockspace.inference.evaluation import TOP_K, losses, ranks


def left_out_of(labels: np.ndarray, folds: int, number: int) -> np.ndarray:
    """Return ``(n,)`` bool: the images of one fold of a cross-validation, stratified by label where there are labels.

    All recipes and seeds share the folds, so they are compared on the same images.

    Args:
        labels: ``(n,)`` label indices of the training images; all -1 without labels.
        folds: Folds in one repeat.
        number: Which fold, counted through the repeats; each repeat has a different division.

    Raises:
        RockspaceError: Where there are fewer images, or a label has fewer, than there are folds.
    """
    has_labels = bool((labels >= 0).any())
    fewest = np.unique(labels, return_counts=True)[1].min()
    if fewest < folds:
        of = " of the rarest label" if has_labels else ""
        raise RockspaceError(
            f"config: search.folds: found {folds}; allowed: at most {fewest}, the number of training images{of}"
        )
    repeat, fold = divmod(number, folds)
    splitter = StratifiedKFold if has_labels else KFold
    splits = splitter(folds, shuffle=True, random_state=repeat).split(labels, labels)
    mask = np.zeros(len(labels), bool)
    mask[list(splits)[fold][1]] = True
    return mask


@dataclass(frozen=True)
class LeftOut(StoredArrays):
    """Predictions for the training images of one fold, by a network that was trained without it.

    Attributes:
        position: ``(m,)`` positions of the images in the training split.
        label: ``(m,)`` label indices; all -1 without labels.
        n_features: Length of the pooled features.
        seconds: Time of training and prediction (wall clock).
        probabilities: ``(m, n_labels)``, or None.
        coordinates: ``(m, k)`` predicted, or None.
        observed: ``(m, k)`` human coordinates, or None.
        predicted_moments: ``(2, k)`` means and standard deviations of the predictions for the images trained on, or None.
        observed_moments: ``(2, k)`` those of the human coordinates of these images, or None.
    """

    position: np.ndarray
    label: np.ndarray
    n_features: int
    seconds: float
    probabilities: np.ndarray | None = None
    coordinates: np.ndarray | None = None
    observed: np.ndarray | None = None
    predicted_moments: np.ndarray | None = None
    observed_moments: np.ndarray | None = None


def averaged(members: Sequence[LeftOut]) -> LeftOut:
    """Average the predictions of several networks for the same fold."""
    seconds = sum(member.seconds for member in members)
    classifying = [member.probabilities for member in members if member.probabilities is not None]
    probabilities = np.mean(classifying, axis=0) if classifying else None
    average = replace(members[0], seconds=seconds, probabilities=probabilities)
    regressing = [member for member in members if member.coordinates is not None]
    if not regressing:
        return average
    first, *others = regressing
    coordinates = first.coordinates
    if others:
        moments = [Moments(*member.predicted_moments) for member in regressing]
        predicted = [member.coordinates for member in regressing]
        coordinates = mean_coordinates(predicted, moments, Moments(*first.observed_moments))
    return replace(average, coordinates=coordinates, observed=first.observed)


def figures(rounds: Sequence[Sequence[LeftOut]], names: Sequence[str], resamples: int) -> dict[str, Any]:
    """Score the rounds of one recipe: means over seeds and repeats, with 95 % intervals over images.

    Args:
        rounds: For each seed and repeat all folds, so every training image as predicted by the network trained without it.
        names: Names of the human dimensions.
        resamples: Bootstrap resamples behind each interval.

    Returns:
        ``top1`` with ``_low``, ``_high`` and ``_fold_sd`` (standard deviation over folds), ``top3``, ``loss``, where there
        is a softmax; ``mean_r`` with ``_low``, ``_high``, ``disparity`` and ``r {dimension}``, where coordinates are
        predicted; ``seconds`` (of one round).
    """
    row: dict[str, Any] = {"seconds": float(np.mean([sum(fold.seconds for fold in folds) for folds in rounds]))}
    if rounds[0][0].probabilities is not None:
        pairs = [(_whole(folds, "probabilities"), _whole(folds, "label")) for folds in rounds]
        above = np.stack([ranks(*pair) for pair in pairs], axis=1)
        right = (above == 0).mean(axis=1)
        by_fold = [(ranks(fold.probabilities, fold.label) == 0).mean() for folds in rounds for fold in folds]
        hits = np.stack([right, np.ones_like(right)], axis=1)
        low, high = _ends(hits, lambda totals: totals[..., :1] / totals[..., 1:], resamples)
        row |= {"top1": right.mean(), "top1_low": low, "top1_high": high, "top1_fold_sd": np.std(by_fold, ddof=1)}
        row["top3"] = (above < TOP_K).mean()
        row["loss"] = np.mean([losses(*pair) for pair in pairs])
    if rounds[0][0].coordinates is not None:
        pairs = [(_whole(folds, "coordinates"), _whole(folds, "observed")) for folds in rounds]
        r = np.mean([correlations(*pair) for pair in pairs], axis=0)
        moments = np.stack([correlation_moments(*pair) for pair in pairs], axis=1)
        low, high = _ends(moments, lambda totals: mean_r(totals)[..., None], resamples)
        row |= {"mean_r": r.mean(), "mean_r_low": low, "mean_r_high": high}
        row["disparity"] = np.mean([Procrustes().fit(*pair).disparity_ for pair in pairs])
        row |= {f"r {name}": value for name, value in zip(names, r, strict=True)}
    return row


def _whole(folds: Sequence[LeftOut], name: str) -> np.ndarray:
    """Join an array of all folds, in the order of the training images."""
    order = np.argsort(np.concatenate([fold.position for fold in folds]))
    return np.concatenate([getattr(fold, name) for fold in folds])[order]


def _ends(values: np.ndarray, statistic: Any, resamples: int) -> tuple[float, float]:
    ends = confidence_interval(values, statistic, resamples=resamples, seed=0)
    return (np.nan, np.nan) if ends is None else (float(ends[0, 0]), float(ends[1, 0]))


def search_table(
    left_out: Mapping[tuple[str, int, int], LeftOut],
    models: Mapping[str, str],
    ensembles: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    *,
    folds: int,
    resamples: int,
) -> pd.DataFrame:
    """Compare recipes, and ensembles of them, by their predictions for images left out.

    Args:
        left_out: By model, seed and number of the fold (counted through the repeats).
        models: Objective of each model.
        ensembles: ``name``, ``models`` and ``seeds`` of each; in a round of an ensemble, all its members are averaged.
        names: Names of the human dimensions.
        folds: Folds in one repeat.
        resamples: Bootstrap resamples behind each interval.

    Returns:
        One row for each model and ensemble, best accuracy first: ``kind``, ``model``, ``objective``, ``networks`` (how many
        are averaged), ``n_features``, the columns of `figures`; and ``best_top1`` and ``best_mean_r``, which mark the
        winner among the models and the winner among the ensembles.
    """
    repeats = (1 + max(number for _, _, number in left_out)) // folds
    seeds = list(dict.fromkeys(seed for _, seed, _ in left_out))

    def rounds(groups: Sequence[Sequence[tuple[str, int]]]) -> list[list[LeftOut]]:
        return [
            [averaged([left_out[m, s, repeat * folds + fold] for m, s in group]) for fold in range(folds)]
            for group in groups
            for repeat in range(repeats)
        ]

    rows = []
    for model, objective in models.items():
        width = left_out[model, seeds[0], 0].n_features
        start = {"kind": "model", "model": model, "objective": objective, "networks": 1, "n_features": int(width)}
        rows.append(start | figures(rounds([[(model, seed)] for seed in seeds]), names, resamples))
    for each in ensembles:
        members = [(model, seed) for model in each["models"] for seed in each["seeds"]]
        start = {"kind": "ensemble", "model": each["name"], "networks": len(members)}
        rows.append(start | figures(rounds([members]), names, resamples))
    table = pd.DataFrame(rows)
    for criterion in ("top1", "mean_r"):
        if criterion not in table:
            table[criterion] = np.nan
        best = table.groupby("kind")[criterion].transform("max")
        table[f"best_{criterion}"] = table[criterion].notna() & (table[criterion] == best)
    return table.sort_values(["top1", "mean_r"], ascending=False, na_position="last", ignore_index=True)
