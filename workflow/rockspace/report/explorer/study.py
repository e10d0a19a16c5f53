"""What the explorer knows about a study, as plain values that become JSON."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rockspace.alignment.aligned import read_aligned
from rockspace.alignment.neighbours import nearest_neighbours
from rockspace.alignment.reduction import reduced_procrustes
from rockspace.alignment.rotation_report import in_data_units
from rockspace.alignment.spaces import Spaces, read_coordinates, read_dimensions, read_spaces
from rockspace.alignment.statistics import BY_KEY, Estimate, doubt
from rockspace.artifacts import read_json
from rockspace.data.catalog import NO_LABEL, SPLITS
from rockspace.errors import RockspaceError
from rockspace.inference.evaluation import RANK_SUFFIXES, read_predictions

# Images shown beside the one that is chosen.
NEIGHBOURS = 10
DECIMALS = 4


@dataclass(frozen=True)
class Run:
    """One layer of one trained network, and where its artifacts lie.

    Attributes:
        model: Name of the model.
        seed: Its seed, or what stands for it.
        layer: Name of the layer.
        figures: `alignment/{layer}.json`.
        aligned: `alignment/{layer}.aligned.csv`.
        embeddings: `embeddings/{layer}.npz`.
        predictions: `predictions.csv`; None for a network that was not trained. A file without guesses is that of a
            model that was not trained to tell subtypes apart.
        origin: What the network is if it was not trained; see `rockspace.report.captions.origin`.
    """

    model: str
    seed: int | str
    layer: str
    figures: Path
    aligned: Path
    embeddings: Path
    predictions: Path | None
    origin: str = ""


def describe_study(
    catalog: pd.DataFrame,
    coordinates: Mapping[str, Path],
    runs: Sequence[Run],
    *,
    reflection: bool,
    metric: str,
    baselines: Collection[str] = (),
    drawn: bool = False,
) -> dict[str, Any]:
    """Gather what the explorer shows; images stand in the catalog's order everywhere.

    Args:
        catalog: The study's images.
        coordinates: CSV of people's coordinates by split.
        runs: What to show, in the order of the menus.
        reflection: Whether the rotation may mirror; as it was learnt for `Run.aligned`.
        metric: Distance between embeddings that decides which are neighbours; see `nearest_neighbours`.
        baselines: Names of the models that are there to be compared with others; none of these is shown first.
        drawn: Whether a program drew the images, so that no person gave the coordinates.

    Returns:
        `dimensions`, `drawn`, `splits`, `groups` (superclasses), `labels` (none in a study without), `images` (the label of an image
        without one is None), `human`, `runs`, `opening` (index of the
        run that is shown first; see `opening_run`) and `guesses`.
        Places are lists of k numbers an image, neighbours lists of indices into `images`, which are of the
        same split; guesses are lists of [label, probability], the best first.
    """
    if not runs:
        raise RockspaceError("explorer: there is no model, seed and layer to show")
    labelled = catalog[catalog["label"] != NO_LABEL]
    # Also those of validation images that no training image has.
    labels = sorted(labelled["label"].unique())
    superclass = dict(zip(labelled["label"], labelled["superclass"], strict=True))
    groups = sorted(set(superclass.values()))
    human = pd.concat([read_coordinates(coordinates[split]) for split in SPLITS]).loc[catalog["image_id"]].to_numpy()
    paths = dict.fromkeys(run.predictions for run in runs if run.predictions)
    predictions = {path: read_predictions(path) for path in paths}
    guessing = [path for path, table in predictions.items() if "predicted" in table]
    described = [
        _describe_run(catalog, coordinates, run, reflection, metric)
        | {"guesses": guessing.index(run.predictions) if run.predictions in guessing else None}
        for run in runs
    ]
    return {
        "dimensions": read_dimensions(coordinates["train"]),
        "drawn": drawn,
        "splits": list(SPLITS),
        "metric": metric,
        "groups": groups,
        "labels": [{"name": label, "group": groups.index(superclass[label])} for label in labels],
        "images": {
            "id": catalog["image_id"].tolist(),
            "split": [SPLITS.index(split) for split in catalog["split"]],
            "label": [None if label == NO_LABEL else labels.index(label) for label in catalog["label"]],
        },
        "human": {"places": _rounded(human), "neighbours": _neighbours_by_split(catalog, human, "euclidean")},
        "runs": described,
        "opening": opening_run(runs, [run["figures"]["held_out"]["value"] for run in described], baselines),
        "guesses": [_guesses(predictions[path], catalog, labels) for path in guessing],
    }


def opening_run(runs: Sequence[Run], held_out: Sequence[float], baselines: Collection[str] = ()) -> int:
    """Choose what is shown first: the last layer of the model that is closest to people, as in the overview.

    Args:
        runs: In the order of the layers.
        held_out: Held-out mean r of each run.
        baselines: Names of models that do not count.

    Returns:
        Index of the run with the model's first seed. Models are compared by the mean over seeds.
    """
    table = pd.DataFrame([(run.model, run.layer) for run in runs], columns=["model", "layer"]).assign(r=held_out)
    table = table[~table["model"].isin(baselines)]
    last = table[table["layer"] == table.groupby("model")["layer"].transform("last")]
    mean = last.groupby("model", sort=False)["r"].mean()
    best = mean.idxmax() if mean.notna().any() else last["model"].iloc[0]
    return int(last.index[last["model"] == best][0])


def _describe_run(
    catalog: pd.DataFrame, coordinates: Mapping[str, Path], run: Run, reflection: bool, metric: str
) -> dict[str, Any]:
    figures = read_json(run.figures)
    spaces = {split: read_spaces(run.embeddings, coordinates[split], split) for split in SPLITS}
    validation, _, predicted = read_aligned(run.aligned)
    placed = {
        "train": (spaces["train"].image_id, _place_training_images(spaces["train"], figures["reduction"], reflection)),
        "validation": (validation["image_id"], predicted),
    }
    places = pd.concat([pd.DataFrame(space, index=list(names)) for names, space in placed.values()])
    features = pd.concat([pd.DataFrame(space.features, index=space.image_id) for space in spaces.values()])
    order = catalog["image_id"]
    return {
        "model": run.model,
        "seed": str(run.seed),
        "layer": run.layer,
        "origin": run.origin,
        "n_features": features.shape[1],
        "reduction": figures["reduction"],
        "figures": {name: _figure(BY_KEY[f"{name}.mean_r"].estimate(figures)) for name in ("held_out", "in_sample")},
        "r": {"train": figures["train"]["r"], "validation": figures["held_out"]["r"]},
        "places": _rounded(places.loc[order].to_numpy()),
        "neighbours": _neighbours_by_split(catalog, features.loc[order].to_numpy(), metric),
    }


def _figure(found: Estimate) -> dict[str, Any]:
    """A figure with its own interval and chance, and whether it is clearly above it; None where there is none."""
    return {
        "value": None if np.isnan(found.value) else found.value,
        "interval": [found.low, found.high] if found.has_interval else None,
        "interval_over": found.interval_over,
        "chance": None if np.isnan(found.null) else found.null,
        "clear": not doubt(found) if found.has_null else None,
    }


def _place_training_images(train: Spaces, reduction: str, reflection: bool) -> np.ndarray:
    """Put training images where the rotation puts them that was learnt on these very images, scaled as validation images are."""
    rotation = reduced_procrustes(reduction, train.features, train.coordinates.shape[1], reflection)
    turned = rotation.fit(train.features, train.coordinates).transform(train.features)
    return in_data_units(turned, turned, train.coordinates, train.coordinates)


def _neighbours_by_split(catalog: pd.DataFrame, space: np.ndarray, metric: str) -> list[list[int]]:
    """Find neighbours within a split, since the human coordinates of the splits are separate solutions."""
    neighbours: list[list[int]] = [[]] * len(catalog)
    for split in SPLITS:
        rows = np.flatnonzero(catalog["split"] == split)
        for row, nearest in zip(rows, nearest_neighbours(space[rows], NEIGHBOURS, metric), strict=True):
            neighbours[row] = rows[nearest].tolist()
    return neighbours


def _guesses(predictions: pd.DataFrame, catalog: pd.DataFrame, labels: list[str]) -> list[list[tuple[int, float]]]:
    table = predictions.set_index("image_id").loc[catalog["image_id"]]
    index = {label: i for i, label in enumerate(labels)}
    columns = [
        zip(table[f"predicted{rank}"].map(index).tolist(), table[f"probability{rank}"].round(3).tolist(), strict=True)
        for rank in RANK_SUFFIXES
        if f"predicted{rank}" in table
    ]
    return [list(guesses) for guesses in zip(*columns, strict=True)]


def _rounded(space: np.ndarray) -> list[list[float]]:
    return np.round(space, DECIMALS).tolist()
