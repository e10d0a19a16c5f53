import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rockspace.alignment.aligned import OBSERVED, PREDICTED
from rockspace.alignment.comparison import Prediction, Resampling, comparison_table, entries_table, scored
from rockspace.alignment.layer_profile import layer_profile
from rockspace.alignment.statistics import BY_KEY, UNITS
from rockspace.report.alignment import _grid, displacement_maps, predicted_against_observed
from rockspace.report.comparison import chances, comparison_figure, difference_matrix, shown_entries
from rockspace.report.confusion import confusion_matrix_figure
from rockspace.report.figures import COLUMN, RESOLUTION, TWO_COLUMNS
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


def layer_figures(dimensions=3, interval=(0.3, 0.7)):
    """As much of a layer's JSON as the picture reads."""
    null = {"null_mean_r": 0.2, "null_mean_r_band": [0.1, 0.3], "p_mean_r": 0.001}
    return {
        "n_dimensions": dimensions,
        "n_features": 64,
        "n_images": {"train": 12, "validation": 6},
        "reduction": "zero_pad",
        "held_out": {"mean_r": 0.5, "mean_r_ci": list(interval), "mean_r_ci_subtypes": None},
        "permutation": {"images": {"held_out": null}, "subtypes": None},
    }


def files(folder: Path):
    return [folder / "picture.png", folder / "picture.svg", folder / "picture.caption.txt"]


def assert_drawn(outputs, width=COLUMN):
    with Image.open(outputs[0]) as picture:
        assert picture.width == pytest.approx(width * RESOLUTION, abs=1)
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
    found = layer_figures(interval=(0.3, 0.7) if intervals else (None, None))
    predicted_against_observed(aligned, dimensions(intervals), found, photographs, "lite0, seed 4", files(tmp_path))
    svg = assert_drawn(files(tmp_path), TWO_COLUMNS)
    for name in NAMES:
        assert name in svg
    assert svg.count("<image") == len(NAMES) * len(photographs)
    assert ("[0.10, 0.90]" in svg) == intervals
    brackets = " [0.30, 0.70]; brackets: 95 % intervals over images" if intervals else ""
    assert f">lite0, seed 4: held-out mean r = 0.50{brackets}<" in svg
    caption = files(tmp_path)[2].read_text()
    for words in (
        "lite0, seed 4",
        "6 validation images of 3 labels",
        "12 training images",
        "p ≤ 0.001",
        "0.10 to 0.30",
    ):
        assert words in caption, words
    assert ("bootstrap of single images" in caption) == intervals
    assert ("too few images for intervals" in caption) != intervals


@pytest.mark.parametrize(
    ("count", "rows", "columns"), [(1, 1, 1), (2, 1, 2), (3, 1, 3), (5, 2, 3), (8, 2, 4), (9, 3, 3)]
)
def test_panels_are_in_rows_of_nearly_equal_length_and_never_more_than_four(count, rows, columns):
    assert _grid(count) == (rows, columns, COLUMN if columns < 3 else TWO_COLUMNS)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_maps_join_each_image_to_itself_for_any_number_of_dimensions(tmp_path, aligned, photographs, count):
    displacement_maps(aligned, NAMES[:count], photographs, "a title", files(tmp_path))
    svg = assert_drawn(files(tmp_path))
    assert all(name in svg for name in NAMES[:count])
    assert ("images, in people's order" in svg) == (count == 1)


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
    profile_figure(layer_profile(reports, layers), list("aabbcc"), "a model", files(tmp_path))
    svg = assert_drawn(files(tmp_path))
    assert all(layer in svg for layer in layers)
    caption = files(tmp_path)[2].read_text()
    assert f"with {'images' if small else 'subtypes'} paired" in caption
    assert "confidence intervals over images (" in caption
    assert f"{len(layers)} layer" in caption
    assert "6 validation images of 3 labels" in caption
    assert "means over 2 seeds" in caption


def compared(models, layers, permutations=19, subtypes=True):
    rng = np.random.default_rng(0)
    observed, labels = rng.normal(size=(40, 2)), np.repeat(list("abcdefgh"), 5)
    predictions = [
        Prediction(f"model {m}", 0, f"layer {i}", observed + (0.2 + 3 * m) * rng.normal(size=(40, 2)))
        for m in range(models)
        for i in range(layers)
    ]
    given = scored(predictions, observed), labels if subtypes else None, Resampling(permutations, 99)
    return entries_table(*given), comparison_table(*given), labels.tolist() if subtypes else [""] * 40


@pytest.mark.parametrize(("models", "layers"), [(1, 1), (3, 1), (2, 3)])
def test_the_comparison_is_drawn_whatever_there_is_to_compare(tmp_path, models, layers):
    entries, comparisons, labels = compared(models, layers)
    chance = {(f"model {m}", f"layer {i}"): (0.2, 0.1, 0.3) for m in range(models) for i in range(layers)}
    comparison_figure(entries, comparisons, labels, files(tmp_path), chance)
    svg = assert_drawn(files(tmp_path), COLUMN if models == 1 else TWO_COLUMNS)
    assert all(f"model {m}" in svg for m in range(models))
    for text in (svg, files(tmp_path)[2].read_text()):
        assert ("One model and one layer" in text) == (models == 1)
        assert "chance" in text
    comparison_figure(entries, comparisons, labels, files(tmp_path), {})
    assert not any("chance" in path.read_text() for path in files(tmp_path)[1:])


def test_the_comparison_of_images_without_labels_is_over_images_alone(tmp_path):
    entries, comparisons, labels = compared(2, 2, subtypes=False)
    comparison_figure(entries, comparisons, labels, files(tmp_path), {("model 0", "layer 1"): (0.2, 0.1, 0.3)})
    svg = re.sub(r"<(style|defs).*?</\1>|<!--.*?-->", "", files(tmp_path)[1].read_text(), flags=re.DOTALL)
    caption = files(tmp_path)[2].read_text()
    assert "over images" in svg
    assert "with images paired with coordinates at random" in caption
    assert "exchanges the two predictions of random images, adjusted by Holm's method" in caption
    assert not re.search(r"subtype|\blabel", svg + caption)


def test_chance_of_an_entry_is_that_of_all_its_seeds():
    runs = [("a", 0, "x"), ("a", 1, "x"), ("b", 0, "x"), ("c", 0, "x")]
    of_runs = [figures(r) for r in (0.5, 0.7, 0.6, 0.6)]
    of_runs[1]["permutation"]["subtypes"]["held_out"] |= {"null_mean_r": 0.3, "null_mean_r_band": [0.0, 0.35]}
    of_runs[3]["permutation"] = dict.fromkeys(UNITS)
    seeds = [BY_KEY["held_out.mean_r"].estimate(each) for each in of_runs[:2]]
    found = chances(runs, of_runs)
    assert set(found) == {("a", "x"), ("b", "x")}
    mean, low, high = found["a", "x"]
    assert mean == pytest.approx(sum(each.null for each in seeds) / 2)
    assert (low, high) == (min(each.null_low for each in seeds), max(each.null_high for each in seeds))


def test_what_is_no_clear_difference_has_no_colour_and_long_names_are_whole(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(plt, "close", drawn.append)
    entries, comparisons, labels = compared(3, 1, permutations=199)
    names = {f"model {m}": f"a_backbone_with_a_long_name-{m}" for m in range(3)}
    layers = {f"model {m}": f"layer_{m}" for m in range(3)}
    entries = entries.assign(layer=entries["model"].map(layers), model=entries["model"].map(names))
    sides = {
        f"{part}_{side}": comparisons[f"model_{side}"].map(of)
        for side in "ab"
        for part, of in (("model", names), ("layer", layers))
    }
    comparisons = comparisons.assign(**sides)
    difference, clear = difference_matrix(shown_entries(entries), comparisons)
    comparison_figure(entries, comparisons, labels, files(tmp_path), {})
    above = np.triu(np.isfinite(difference), k=1)
    coloured = ~np.ma.getmaskarray(drawn[0].axes[1].images[0].get_array())
    assert (coloured == (above & clear)).all()
    assert (above & clear).any()
    assert (above & ~clear).any()
    ticks = [label.get_text() for label in drawn[0].axes[0].get_yticklabels()]
    assert set(ticks) == {f"{names[each]}\n{layers[each]}" for each in names}
    # Where none is clear there is no scale of colours.
    drawn.clear()
    nothing = comparisons.assign(low_subtypes=-1.0, high_subtypes=1.0)
    comparison_figure(entries, nothing, labels, files(tmp_path), {})
    assert len(drawn[0].axes) == 2


def test_no_difference_looks_other_than_not_compared(tmp_path):
    entries, comparisons, labels = compared(2, 2, permutations=199)
    shown = shown_entries(entries)
    difference, clear = difference_matrix(shown, comparisons)
    same = (shown["model"].to_numpy()[:, None] == shown["model"].to_numpy()) | (
        shown["layer"].to_numpy()[:, None] == shown["layer"].to_numpy()
    )
    assert (np.isfinite(difference) == (same & ~np.eye(4, dtype=bool))).all()
    r = shown["mean_r"].to_numpy()
    np.testing.assert_allclose(difference[same], (r[:, None] - r)[same] * np.where(np.eye(4)[same], np.nan, 1))
    comparison_figure(entries, comparisons, labels, files(tmp_path), {})
    svg = files(tmp_path)[1].read_text()
    # One number for each pair compared, with a star where the two clearly differ, and hatching for the others.
    pairs = np.argwhere(np.triu(np.isfinite(difference), k=1))
    stars = sum(clear[i, j] for i, j in pairs)
    assert len(re.findall(r">\d\.\d\d\*?</text>", svg)) >= len(pairs)
    assert len(re.findall(r">\d\.\d\d\*</text>", svg)) == stars > 0
    hatched = re.findall(r'style="fill: url\(#\w+\)', svg)
    assert len(hatched) == 6 - len(pairs) + 1


def test_of_many_models_and_layers_the_closest_of_each_model_are_kept():
    rows = [(f"model {m}", f"layer {i}", 0.9 - 0.1 * m - 0.001 * i) for m in range(8) for i in range(12)]
    entries = pd.DataFrame(rows, columns=["model", "layer", "mean_r"]).sample(frac=1, random_state=0)
    shown = shown_entries(entries, most=20)
    assert len(shown) == 20
    assert shown["mean_r"].is_monotonic_decreasing
    assert set(shown["model"]) == set(entries["model"])
    assert (shown[shown["model"] == "model 0"]["layer"]).tolist() == [f"layer {i}" for i in range(12)]


@pytest.mark.parametrize(("labels", "superclass"), [("abcdef", "MMISSS"), ("abc", ["", "", ""])])
def test_the_confusion_matrix_orders_labels_by_superclass(tmp_path, labels, superclass):
    classes = dict(zip(labels, superclass, strict=True))
    confusion_matrix_figure(labels, labels[::-1], classes, "lite0, seed 4", [tmp_path / "picture.svg"])
    svg = (tmp_path / "picture.svg").read_text()
    order = [label for _, label in sorted(zip(superclass, labels, strict=True))]
    places = [svg.index(f">{label}</text>") for label in order]
    assert places == sorted(places)


@pytest.mark.parametrize("labels", [3, 30, 200])
def test_cells_that_are_not_empty_have_their_count_as_long_as_it_can_be_read(tmp_path, labels):
    names = [f"label {i:03d}" for i in range(labels)]
    true, predicted = np.repeat(names, 13), np.repeat(names, 13)
    predicted[::13] = names[0]
    outputs = files(tmp_path)
    confusion_matrix_figure(true, predicted, dict.fromkeys(names, "all"), "lite0, seed 4", outputs)
    svg = assert_drawn(outputs, COLUMN if labels == 3 else TWO_COLUMNS)
    counts = re.findall(r">(\d+)</text>", svg)
    right = 12 * labels + 1
    assert f">lite0, seed 4: {right} of {13 * labels} right" in svg
    if labels < 200:
        assert sorted(counts) == sorted(["13", *["12"] * (labels - 1), *["1"] * (labels - 1)])
    else:
        assert "200 labels are too many for names and counts" in svg
        assert "label 001" not in svg
    caption = outputs[2].read_text()
    assert f"{13 * labels:,} validation images of {labels} labels" in caption
    assert ("too many" in caption) == (labels == 200)


def test_the_simulation_is_drawn_with_every_statistic(tmp_path):
    design = Design(images=(30, 36), features=(8, 16), repeats=2, permutations=19)
    simulation_figure(simulate(design), files(tmp_path))
    svg = assert_drawn(files(tmp_path), width=TWO_COLUMNS)
    assert "permuting subtypes" in svg
