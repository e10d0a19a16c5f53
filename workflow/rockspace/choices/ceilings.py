"""What predictions of people's choices are measured by: guessing, the right answers alone, other people, the observed shares."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from rockspace.choices.experiment import Experiment, Task
from rockspace.choices.human_choices import (
    IN_SAMPLE,
    NEW_SUBTYPES,
    held_out,
    likelihood_bounds,
    right_only,
    share_correlations,
    summed_likelihood,
)

# Logarithms of the constants that are tried for smoothing.
_SMOOTHING = (-10.0, 5.0)
MIN_PEOPLE = 4


def ceilings(experiment: Experiment, *, splits: int = 100, seed: int = 0) -> dict[str, Any]:
    """Return what any space is measured by.

    Args:
        experiment: What people chose.
        splits: Random splits of the people into halves.
        seed: Decides the splits.

    Returns:
        `chance` and `saturated` as in `likelihood_bounds`; `right_only`: the likelihood by the right answers alone, learnt from all choices
        (`in_sample`) or from those of other subtypes (`new_subtypes`); `person`: the likelihood of each person's choices by the shares
        of all others in the same condition, with one constant added to each count, chosen to make them most likely: of a person
        predicted as an average other; `split_half`: how reliable the shares are: the correlation of those of two halves of the people
        of each condition, `r` over all rows and categories and `r_errors` over wrong categories, averaged over the splits and
        brought to the whole number of people (Spearman, 1910; Brown, 1910), and their roots `most_r` and `most_r_errors`, with which
        shares without sampling error would correlate with the observed ones, each None where halves share no two shares to compare.
        `person` and `split_half` are None for fewer than four people in a condition, or where they are not told apart.

    References:
        Spearman, C. (1910). Correlation calculated from faulty data. British Journal of Psychology 3, 271-295.
        Brown, W. (1910). Some experimental results in the correlation of mental abilities. British Journal of
        Psychology 3, 296-322.
    """
    known = experiment.people is not None and min(len(task.people) for task in experiment.tasks) >= MIN_PEOPLE
    counts = experiment.counts()
    right = {
        IN_SAMPLE: right_only(counts, experiment),
        NEW_SUBTYPES: held_out(experiment, lambda kept: right_only(kept, experiment)),
    }
    return likelihood_bounds(experiment) | {
        "right_only": {
            name: None
            if log_p is None
            else float(sum(np.sum(own * each) for own, each in zip(counts, log_p, strict=True)))
            for name, log_p in right.items()
        },
        "person": _person(experiment) if known else None,
        "split_half": _split_half(experiment, splits, seed) if known else None,
    }


def _person(experiment: Experiment) -> dict[str, Any]:
    found = minimize_scalar(
        lambda logarithm: -sum(_others(task, np.exp(logarithm)).sum() for task in experiment.tasks),
        bounds=_SMOOTHING,
        method="bounded",
    )
    smoothing = float(np.exp(found.x))
    sums = {
        (task.name, name): (likelihood, own.sum())
        for task in experiment.tasks
        for name, likelihood, own in zip(task.people, _others(task, smoothing), task.counts, strict=True)
    }
    return {"smoothing": smoothing, **summed_likelihood(sums)}


def _others(task: Task, smoothing: float) -> np.ndarray:
    """The log-likelihood of each person's choices by the smoothed shares of the others', shape (people,)."""
    others = task.total - task.counts + smoothing
    return np.sum(task.counts * np.log(others / others.sum(axis=2, keepdims=True)), axis=(1, 2))


def _split_half(experiment: Experiment, splits: int, seed: int) -> dict[str, float | None]:
    rng, found = np.random.default_rng(seed), []
    for _ in range(splits):
        first = {name for people in experiment.strata for name in rng.permutation(people)[: len(people) // 2]}
        halves, right = [], []
        for task in experiment.tasks:
            is_first = np.isin(task.people, list(first))
            both = [task.counts[half].sum(axis=0) for half in (is_first, ~is_first)]
            shown = np.all([half.sum(axis=1) > 0 for half in both], axis=0)
            halves.append([half[shown] / half[shown].sum(axis=1, keepdims=True) for half in both])
            right.append(task.right[shown])
        one, other = zip(*halves, strict=True)
        r = share_correlations(one, other, right)
        found.append((r["r"], r["r_errors"]))
    half = np.mean(np.array(found, dtype=np.float64), axis=0)  # None is NaN
    whole = 2 * half / (1 + half)
    most = np.sqrt(np.maximum(whole, 0))
    names = ("r", "r_errors", "most_r", "most_r_errors")
    return {
        name: None if np.isnan(r) else float(r) for name, r in zip(names, np.concatenate([whole, most]), strict=True)
    }
