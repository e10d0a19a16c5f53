from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rockspace.alignment.aligned import OBSERVED, PREDICTED
from rockspace.alignment.comparison import Prediction, Resampling, comparison_table, entries_table, scored
from rockspace.alignment.layer_profile import layer_profile
from rockspace.report.alignment import displacement_maps, predicted_against_observed
from rockspace.report.comparison import comparison_figure
from rockspace.report.confusion import confusion_matrix_figure
from rockspace.report.figures import COLUMN, RESOLUTION
from rockspace.report.layer_profile import profile_figure
from rockspace.report.thumbnails import thumbnail
from test_comparison import figures
from tools.simulation import Design, simulate
from tools.simulation_figure import simulation_figure

NAMES = ["lightness", "grain size", "hue"]


@pytest.fixture
def photographs(tmp_path):
    rng = np.random.default_rng(0)
    paths = []
    for i in range(6):
        pixels = np.full((60, 90, 3), 255, np.uint8)
        pixels[10:40, 20:60] = rng.integers(0, 200, size=(30, 40, 3))
        paths.append(tmp_path / f"rock_{i}.png")
        Image.fromarray(pixels).save(paths[-1])
    return paths


@pytest.fixture
def aligned():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"image_id": [f"rock_{i}" for i in range(6)], "label": list("aabbcc")})
    for name in NAMES:
        table[OBSERVED.format(name)] = rng.normal(size=6)
        table[PREDICTED.format(name)] = rng.normal(size=6)
    return table


def dimensions(intervals=True):
    low, high = ([0.1] * 3, [0.9] * 3) if intervals else ([np.nan] * 3, [np.nan] * 3)
    return pd.DataFrame(
        {
            "dimension": NAMES,
            "r_held_out": [0.5] * 3,
            "r_held_out_low_images": low,
            "r_held_out_high_images": high,
            "r_held_out_low_subtypes": np.nan,
            "r_held_out_high_subtypes": np.nan,
        }
    )


def files(folder: Path):
    return [folder / "picture.png", folder / "picture.svg"]


def assert_drawn(outputs, width=COLUMN):
    with Image.open(outputs[0]) as picture:
        assert picture.width == pytest.approx(width * RESOLUTION, abs=2)
        assert np.asarray(picture.convert("L")).std() > 5
    svg = outputs[1].read_text()
    assert svg.rstrip().endswith("</svg>")
    return svg


def test_a_thumbnail_is_the_rock_without_the_white_around_it(photographs):
    picture = thumbnail(photographs[0], 20)
    assert picture.shape == (15, 20, 4)
    assert picture[..., 3].min() == 255


def test_a_photograph_without_background_or_material_stays_whole(tmp_path):
    for value in (0, 255):
        Image.new("RGB", (40, 20), (value,) * 3).save(tmp_path / "plain.png")
        assert thumbnail(tmp_path / "plain.png", 10).shape == (5, 10, 4)


@pytest.mark.parametrize("intervals", [True, False])
def test_every_dimension_has_a_panel_with_its_r_and_every_image_a_photograph(tmp_path, aligned, photographs, intervals):
    predicted_against_observed(aligned, dimensions(intervals), photographs, "a title", files(tmp_path))
    svg = assert_drawn(files(tmp_path))
    for name in NAMES:
        assert name in svg
    assert svg.count("<image") == len(NAMES) * len(photographs)
    assert ("[0.10, 0.90]" in svg) == intervals


@pytest.mark.parametrize("count", [1, 2, 3])
def test_maps_join_each_image_to_itself_for_any_number_of_dimensions(tmp_path, aligned, photographs, count):
    displacement_maps(aligned, NAMES[:count], photographs, "a title", files(tmp_path))
    svg = assert_drawn(files(tmp_path))
    assert all(name in svg for name in NAMES[:count])


def test_the_same_picture_is_the_same_file(tmp_path, aligned, photographs):
    copies = []
    for _ in range(2):
        displacement_maps(aligned, NAMES, photographs, "a title", files(tmp_path))
        copies.append([path.read_bytes() for path in files(tmp_path)])
    assert copies[0] == copies[1]


@pytest.mark.parametrize("layers", [["only"], ["early", "middle", "late"]])
@pytest.mark.parametrize("small", [True, False])
def test_the_profile_is_drawn_for_one_layer_and_many_and_what_is_missing_left_out(tmp_path, layers, small):
    reports = [(seed, layer, figures(0.5, subtypes=not small)) for seed in (0, 1) for layer in layers]
    profile_figure(layer_profile(reports, layers), "a model", files(tmp_path))
    svg = assert_drawn(files(tmp_path))
    assert all(layer in svg for layer in layers)


@pytest.mark.parametrize(("models", "layers"), [(1, 1), (3, 1), (2, 10)])
def test_the_comparison_is_drawn_whatever_there_is_to_compare(tmp_path, models, layers):
    rng = np.random.default_rng(0)
    observed, labels = rng.normal(size=(20, 2)), np.repeat(list("abcde"), 4)
    predictions = [
        Prediction(f"model {m}", 0, f"layer {i}", observed + rng.normal(size=(20, 2)))
        for m in range(models)
        for i in range(layers)
    ]
    given = scored(predictions, observed), labels, Resampling(19, 99)
    comparison_figure(entries_table(*given), comparison_table(*given), files(tmp_path))
    svg = assert_drawn(files(tmp_path))
    assert all(f"model {m}" in svg for m in range(models))


@pytest.mark.parametrize(("labels", "superclass"), [("abcdef", "MMISSS"), ("abc", ["", "", ""])])
def test_the_confusion_matrix_orders_labels_by_superclass(tmp_path, labels, superclass):
    confusion_matrix_figure(labels, labels[::-1], dict(zip(labels, superclass, strict=True)), tmp_path / "picture.svg")
    svg = (tmp_path / "picture.svg").read_text()
    order = [label for _, label in sorted(zip(superclass, labels, strict=True))]
    places = [svg.index(f">{label}</text>") for label in order]
    assert places == sorted(places)


def test_the_simulation_is_drawn_with_every_statistic(tmp_path):
    design = Design(images=(30, 36), features=(8, 16), repeats=2, permutations=19)
    simulation_figure(simulate(design), files(tmp_path))
    svg = assert_drawn(files(tmp_path), width=2 * COLUMN + 0.2)
    assert "permuting subtypes" in svg
