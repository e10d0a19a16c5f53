"""A finished study of any size, as the workflow leaves it, with drawn images and a made-up model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw
from sklearn.decomposition import PCA

from rockspace.alignment.layer_report import layer_report
from rockspace.alignment.rotation_report import Settings
from rockspace.alignment.spaces import read_spaces
from rockspace.artifacts import write_json
from rockspace.report.explorer.study import Run

DIMENSIONS = ["lightness", "width", "hue", "tilt"]
SPLITS = ("train", "validation")


def write_study(
    folder: Path,
    *,
    labels: list[str],
    superclasses: list[str],
    train: int,
    validation: int,
    runs: list[tuple[str, int, str]],
    features: int = 24,
    side: int = 48,
    statistics: bool = True,
) -> list[Run]:
    """Draw images, place them, and write every artifact that the explorer reads.

    Args:
        folder: Where the study goes.
        labels: Subtypes.
        superclasses: Superclass of each subtype.
        train: Training images of each subtype.
        validation: Validation images of each subtype.
        runs: Model, seed and layer of each run.
        features: Numbers in an embedding.
        side: Side of the images (pixels).
        statistics: Whether the alignment is scored as the workflow does; otherwise its figures are made up,
            which is quick with thousands of images.
    """
    rng = np.random.default_rng(0)
    catalog = pd.DataFrame(
        [
            (f"{group}_{label}_{split[0]}{i}", split, label, group, f"images/{split}/{number}_{i}.png")
            for split, count in (("train", train), ("validation", validation))
            for number, (label, group) in enumerate(zip(labels, superclasses, strict=True))
            for i in range(count)
        ],
        columns=["image_id", "split", "label", "superclass", "path"],
    )
    centres = rng.normal(size=(len(labels), len(DIMENSIONS)))
    kind = catalog["label"].map(labels.index).to_numpy()
    places = centres[kind] + 0.4 * rng.normal(size=(len(catalog), len(DIMENSIONS)))
    for path, place in zip(catalog["path"], places, strict=True):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        _picture(place, side).save(folder / path)
    catalog.to_csv(folder / "catalog.csv", index=False)
    (folder / "coordinates").mkdir()
    for split in SPLITS:
        here = (catalog["split"] == split).to_numpy()
        table = pd.DataFrame(places[here], columns=DIMENSIONS, index=catalog["image_id"][here])
        table.to_csv(folder / f"coordinates/{split}.csv")
    return [
        _write_run(folder, catalog, places, kind, labels, run, features, statistics, seed)
        for seed, run in enumerate(runs)
    ]


def _picture(place: np.ndarray, side: int) -> Image.Image:
    """An ellipse on white that shows its coordinates."""
    lightness, width, hue, _ = np.clip((place + 3) / 6, 0.05, 0.95)
    picture = Image.new("RGB", (side, side), "white")
    colour = f"hsl({int(360 * hue)}, 60%, {int(15 + 60 * lightness)}%)"
    box = [side * (0.5 - 0.45 * width), side * 0.1, side * (0.5 + 0.45 * width), side * 0.9]
    ImageDraw.Draw(picture).ellipse(box, fill=colour)
    return picture


def _write_run(folder, catalog, places, kind, labels, run, features, statistics, seed) -> Run:
    (model, number, layer), rng = run, np.random.default_rng(seed)
    home = folder / f"models/{model}/seed-{number}"
    files = Run(
        model, number, layer, home / f"alignment/{layer}.json", home / f"alignment/{layer}.aligned.csv",
        home / f"embeddings/{layer}.npz", home / "predictions.csv",
    )  # fmt: skip
    for path in (files.figures, files.embeddings):
        path.parent.mkdir(parents=True, exist_ok=True)
    turn = np.linalg.qr(rng.normal(size=(features, len(DIMENSIONS))))[0]
    embedding = places @ turn.T + 0.2 * rng.normal(size=(len(places), features))
    arrays = {key: catalog[key].to_numpy(str) for key in ("image_id", "split", "label")}
    np.savez(files.embeddings, embedding=embedding.astype(np.float32), **arrays)
    spaces = {split: read_spaces(files.embeddings, folder / f"coordinates/{split}.csv", split) for split in SPLITS}
    if statistics:
        report = layer_report(*spaces.values(), DIMENSIONS, Settings(permutations=99, bootstraps=99))
        figures, aligned = report.figures, report.aligned
    else:
        r, given = [0.5] * len(DIMENSIONS), {"mean_r": 0.5}
        figures = {"reduction": "pca", "held_out": given | {"r": r}, "in_sample": given, "train": {"r": r}}
        figures["permutation"] = {"null_mean_r": 0.1}
        aligned = pd.DataFrame({key: getattr(spaces["validation"], key) for key in ("image_id", "label")})
        components = PCA(len(DIMENSIONS)).fit_transform(spaces["validation"].features)
        for k, name in enumerate(DIMENSIONS):
            aligned[f"{name} observed"] = spaces["validation"].coordinates[:, k]
            aligned[f"{name} predicted"] = components[:, k]
    write_json(files.figures, figures)
    aligned.to_csv(files.aligned, index=False)
    _predictions(catalog, kind, labels, rng).to_csv(files.predictions, index=False)
    return files


def _predictions(catalog: pd.DataFrame, kind: np.ndarray, labels: list[str], rng: np.random.Generator) -> pd.DataFrame:
    """Three guesses an image, of which the first is right for about two in three."""
    score = rng.random((len(catalog), len(labels)))
    score[np.arange(len(catalog)), kind] += rng.random(len(catalog)) < 2 / 3
    score /= score.sum(axis=1, keepdims=True)
    best = np.argsort(-score, axis=1)[:, :3]
    table = catalog[["image_id", "split", "label"]].copy()
    for rank in range(best.shape[1]):
        suffix = f"_{rank + 1}" if rank else ""
        table[f"predicted{suffix}"] = np.take(labels, best[:, rank])
        table[f"probability{suffix}"] = np.take_along_axis(score, best[:, rank : rank + 1], 1)[:, 0]
    return table
