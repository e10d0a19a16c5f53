"""Sixty photographs of one's own with a table, from two lines of configuration to the overview."""

from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from PIL import Image

from workflow_runs import TINY, Workplace

KINDS = ("andesite", "basalt", "gneiss", "granite", "marble", "shale")
DIMENSIONS = ["lightness", "grain size", "roughness"]
STUDY = """\
study: tiny
dataset: {folder: rocks, dimensions: [lightness, grain size, roughness]}
"""


def collect(folder: Path) -> pd.DataFrame:
    """Draw sixty rocks and what people said of them: numbered files, and a table as a German spreadsheet writes it."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    rows = []
    for number in rng.permutation(60) + 1:
        kind = KINDS[(number - 1) % len(KINDS)]
        lightness, grain, roughness = rng.normal([KINDS.index(kind) - 2.5, number % 3, number % 2], 0.4)
        pixels = 128 + 25 * lightness + 20 * np.exp(-grain) * rng.normal(size=(40, 40, 1)) + np.zeros((40, 40, 3))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"DSC{number:04d}.jpg")
        rows.append([f"DSC{number:04d}", kind, lightness, grain, roughness, rng.uniform(1, 9), number % 4 + 1])
    table = pd.DataFrame(rows, columns=["photo", "kind", *DIMENSIONS, "weight", "box"]).round(3)
    table.to_csv(folder / "ratings.csv", sep=";", decimal=",", index=False)
    return table.set_index("photo")


def test_sixty_rocks_with_labels_in_a_column_and_three_of_five_columns_as_dimensions(tmp_path):
    workplace = Workplace(tmp_path / "here", config=STUDY)
    table = collect(workplace.folder / "rocks")
    small = {key: value for key, value in yaml.safe_load(TINY).items() if key not in ("study", "dataset")}
    (workplace.folder / "small.yaml").write_text(yaml.safe_dump(small))
    result = workplace.snakemake("--configfile", "tiny.yaml", "small.yaml")
    assert result.returncode == 0, result.stderr
    results = workplace.folder / "results/tiny"
    catalog = pd.read_csv(results / "catalog.csv", index_col="image_id")
    assert catalog["label"].to_dict() == table["kind"].to_dict()
    assert catalog["split"].value_counts().to_dict() == {"train": 45, "validation": 15}
    found = pd.concat(
        pd.read_csv(results / f"coordinates/{split}.csv", index_col="image_id") for split in ("train", "validation")
    )
    pd.testing.assert_frame_equal(found, table.loc[found.index, DIMENSIONS], check_names=False)
    overview = (results / "overview.html").read_text()
    assert all(dimension in overview for dimension in DIMENSIONS)
    assert "weight (not in dataset.dimensions), box (not in dataset.dimensions)" in overview
    assert np.isfinite(pd.read_csv(results / "summary.csv")[["validation_top1", "held_out_mean_r"]]).all(axis=None)
