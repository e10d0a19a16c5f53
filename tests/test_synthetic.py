"""The embedded dataset: an archive like the published one, whose pictures show where they lie."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from scipy import ndimage, stats

from rockspace.data.drawn_rocks.picture import draw_rock
from rockspace.data.drawn_rocks.types import DIMENSIONS, MOST_SUBTYPES, Habit, Look, rock_type
from rockspace.data.synthetic import SPLITS, draw_archive, true_coordinates

ROOT = Path(__file__).resolve().parent.parent
PUBLISHED = ROOT.parent / "shared" / "rocks"
SIZE = 64
PER_SUBTYPE = {"train": 2, "validation": 3}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive")
    draw_archive(folder, seed=5, per_subtype=PER_SUBTYPE, image_size=SIZE, workers=2)
    return folder


def files(folder, split):
    return sorted((folder / SPLITS[split].images).iterdir())


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def grey(pixels):
    return pixels.astype(float).mean(axis=2)


def rock_mask(pixels):
    return ndimage.binary_fill_holes(pixels.min(axis=2) < 232)


# --- Layout and names


def test_the_archive_holds_two_folders_of_pictures_and_two_coordinate_files(archive):
    assert {path.name for path in archive.iterdir()} == {
        "360 Rocks",
        "120 Rocks",
        "mds_360.txt",
        "mds_120.txt",
    }
    assert len(files(archive, "train")) == 60
    assert len(files(archive, "validation")) == 90


def test_the_config_finds_every_picture_and_reads_its_name(archive):
    dataset = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())["dataset"]
    for split, layout in dataset["splits"].items():
        found = sorted(archive.glob(layout["images"]))
        assert found == files(archive, split)
        assert (archive / layout["coordinates"]).is_file()
        names = [re.fullmatch(dataset["filename"], path.name) for path in found]
        assert len({name["label"] for name in names}) == 30
        assert {name["superclass"] for name in names} == set("IMS")
        assert {int(name["token"]) for name in names} == set(range(1, PER_SUBTYPE[split] + 1))


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="needs the published archive")
def test_a_full_archive_has_the_names_of_the_published_one():
    for split, count in (("train", 12), ("validation", 4)):
        published = {path.name for path in (PUBLISHED / SPLITS[split].images).glob("*.jpg")}
        drawn = set(true_coordinates(split, seed=0, subtypes=30, count=count).index)
        # One published file carries a slip of the keyboard.
        assert published - drawn <= {"M_Marble_3_1201.jpg"}
        assert len(drawn) == len(published)


def test_every_picture_is_a_jpeg_of_the_size_asked_for_on_white(archive):
    for split in SPLITS:
        for path in files(archive, split):
            with Image.open(path) as image:
                image.load()
                assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (SIZE, SIZE))
                pixels = np.asarray(image)
            corners = pixels[[0, 0, -1, -1], [0, -1, 0, -1]]
            assert corners.min() > 225
            assert 0.25 < rock_mask(pixels).mean() < 0.9


def test_there_are_names_for_many_more_subtypes_all_different():
    kinds = [rock_type(0, number) for number in range(MOST_SUBTYPES)]
    assert len({kind.name for kind in kinds}) == len(kinds) >= 1500
    assert not any(re.search(r"[_\d/]", kind.name) for kind in kinds)
    assert [sum(kind.superclass == letter for kind in kinds[:1500]) for letter in "IMS"] == [500, 500, 500]


# --- Coordinates


@pytest.mark.parametrize(("split", "spread"), [("train", 2.5), ("validation", 1.5)])
def test_the_rows_are_the_true_coordinates_of_the_sorted_files_scaled_and_a_little_off(archive, split, spread):
    truth = true_coordinates(split, seed=5, subtypes=30, count=PER_SUBTYPE[split])
    rows = np.loadtxt(archive / SPLITS[split].coordinates)
    assert [path.name for path in files(archive, split)] == list(truth.index)
    assert tuple(truth.columns) == DIMENSIONS
    assert rows.shape == (len(truth), 8)
    for dimension in range(8):
        fit = stats.linregress(truth.iloc[:, dimension], rows[:, dimension])
        assert 0.95 < fit.rvalue < 0.9999
        assert fit.slope == pytest.approx(spread, rel=0.1)


def test_rows_follow_plain_sorting_where_it_is_not_counting():
    truth = true_coordinates("validation", seed=1, subtypes=2, count=11)
    assert list(truth.index) == sorted(truth.index)
    assert list(truth.index[:3]) == ["I_Andesite_10_120.jpg", "I_Andesite_11_120.jpg", "I_Andesite_1_120.jpg"]
    fewer = true_coordinates("validation", seed=1, subtypes=2, count=2)
    assert truth.loc[fewer.index].equals(fewer)


def test_the_coordinates_belong_to_the_pictures(archive):
    for split in SPLITS:
        pixels = [np.asarray(Image.open(path)) for path in files(archive, split)]
        lightness = [grey(picture)[rock_mask(picture)].mean() for picture in pixels]
        rows = np.loadtxt(archive / SPLITS[split].coordinates)
        assert np.corrcoef(lightness, rows[:, 0])[0, 1] > 0.85


def test_pictures_of_a_subtype_lie_closer_together_than_subtypes():
    truth = true_coordinates("train", seed=0, subtypes=30, count=12)
    groups = truth.groupby(truth.index.str.rsplit("_", n=1).str[0])
    within, between = groups.var().mean() ** 0.5, groups.mean().std()
    assert np.all(within < between)
    assert np.all(between < 2.5 * within)


# --- Repeatability


def test_the_same_seed_draws_the_same_bytes_whatever_the_number_of_workers(archive, tmp_path):
    draw_archive(tmp_path, seed=5, per_subtype=PER_SUBTYPE, image_size=SIZE, workers=1)
    assert contents(tmp_path) == contents(archive)


def test_a_picture_does_not_depend_on_how_many_others_are_drawn(archive, tmp_path):
    draw_archive(tmp_path, seed=5, subtypes=2, per_subtype={"train": 3, "validation": 1}, image_size=SIZE)
    few, many = contents(tmp_path), contents(archive)
    shared = {name for name in few.keys() & many.keys() if name.endswith(".jpg")}
    assert len(shared) == 6
    assert all(few[name] == many[name] for name in shared)


def test_another_seed_draws_another_archive(archive, tmp_path):
    draw_archive(tmp_path, seed=6, subtypes=2, per_subtype={"train": 2, "validation": 1}, image_size=SIZE)
    many = contents(archive)
    assert not any(many[name] == content for name, content in contents(tmp_path).items())


def test_no_two_pictures_are_the_same(archive):
    pictures = [content for name, content in contents(archive).items() if name.endswith(".jpg")]
    assert len(set(pictures)) == len(pictures)


# --- Each dimension shows in the picture


def middle(pixels):
    """The middle of a picture, which is rock alone."""
    edge = pixels.shape[0] // 4
    return grey(pixels)[edge:-edge, edge:-edge]


def mean_grey(pixels):
    return grey(pixels)[rock_mask(pixels)].mean()


def scale_of_structure(pixels):
    """Mean wavelength of the texture, weighted by its power, as a logarithm."""
    patch = middle(pixels)
    window = np.hanning(len(patch))
    power = np.abs(np.fft.rfft2((patch - patch.mean()) * np.outer(window, window))) ** 2
    frequency = np.hypot(np.fft.fftfreq(len(patch))[:, None], np.fft.rfftfreq(len(patch)))
    return -np.log((power * frequency).sum() / power.sum())


def shading_contrast(pixels):
    patch = np.log(middle(pixels) + 1)
    return np.log((patch - ndimage.gaussian_filter(patch, 4)).std())


def highlights(pixels):
    """How bright the brightest hundredth is, in the channel that the rock's own colour lacks."""
    inside = ndimage.binary_erosion(rock_mask(pixels), iterations=6)
    return np.percentile(pixels[inside].min(axis=1), 99)


def coherence(pixels):
    """How far the gradients share one direction: 0 to 1, from the structure tensor."""
    along_y, along_x = np.gradient(ndimage.gaussian_filter(middle(pixels), 1))
    tensor = np.array([[np.mean(along_x**2), np.mean(along_x * along_y)], [0, np.mean(along_y**2)]])
    low, high = np.linalg.eigvalsh(tensor, UPLO="U")
    return (high - low) / (high + low)


def saturation(pixels):
    colours = pixels[rock_mask(pixels)].astype(float)
    return (colours.max(axis=1) - colours.min(axis=1)).mean() / colours.mean()


def roundness(pixels):
    """How little the rim's distance from the middle varies, once the rock is as high as it is wide."""
    mask = rock_mask(pixels)
    rim = np.argwhere(mask & ~ndimage.binary_erosion(mask))
    inside = np.argwhere(mask)
    spread = np.linalg.cholesky(np.linalg.inv(np.cov(inside.T)))
    radius = np.linalg.norm((rim - inside.mean(axis=0)) @ spread, axis=1)
    return -radius.std() / radius.mean()


def hue_angle(pixels):
    """Angle on the colour circle in degrees, from red over green to blue, -60 to 300."""
    red, green, blue = pixels[rock_mask(pixels)].astype(float).mean(axis=0)
    return (np.degrees(np.arctan2(3**0.5 * (green - blue), 2 * red - green - blue)) + 60) % 360 - 60


STATISTICS = {
    "lightness": mean_grey,
    "grain size": scale_of_structure,
    "roughness": shading_contrast,
    "shininess": highlights,
    "organization": coherence,
    "chromaticity": saturation,
    "shape": roundness,
    "hue": hue_angle,
}
PLACES = np.linspace(-2.2, 2.2, 6)


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_each_dimension_shows_in_the_picture(dimension):
    number = DIMENSIONS.index(dimension)
    ordinary = np.array([-0.2, 0.2, -0.2, -0.8, -0.6, 0.5, 0.0, -0.6])
    measured = []
    for place in PLACES:
        position = ordinary.copy()
        position[number] = place
        rocks = [draw_rock(position, Habit(0.5), np.random.default_rng([9, i]), 144) for i in range(6)]
        measured.append(np.mean([STATISTICS[dimension](rock) for rock in rocks]))
    assert np.corrcoef(PLACES, measured)[0, 1] > 0.9
    # Monotone up to what a handful of rocks can tell.
    assert stats.spearmanr(PLACES, measured).statistic > 0.9


@pytest.mark.parametrize("dimension", ["lightness", "grain size", "organization", "chromaticity", "hue"])
def test_what_is_inside_a_rock_leaves_its_outline_alone(dimension):
    ends = []
    for place in (-1.5, 1.5):
        position = np.where(np.array(DIMENSIONS) == dimension, place, 0.0)
        ends.append(rock_mask(draw_rock(position, Habit(0.5), np.random.default_rng(3), 128)))
    assert np.mean(ends[0] != ends[1]) < 0.02


def test_looks_beyond_the_extremes_are_drawn_as_the_extremes():
    assert Look.at(np.full(8, 99.0)) == Look.at(np.full(8, 2.5)) == Look(*[1.0] * 8)
    assert Look.at(np.full(8, -99.0)) == Look(*[0.0] * 8)
    assert Look.at(np.zeros(8)) == Look(*[0.5] * 8)
