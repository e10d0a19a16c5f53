"""The drawn shapes: the same each time, and as different as their coordinates say."""

import colorsys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rockspace.data.drawn_shapes import DIMENSIONS, OUTLINES, draw_shape, draw_shapes
from rockspace.errors import RockspaceError
from rockspace.people.proposal import propose_dataset


@pytest.fixture(scope="module")
def shapes(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shapes") / "drawn"
    draw_shapes(folder, per_kind=4, image_size=48)
    return folder


def drawn(kind: str, **places: float) -> np.ndarray:
    position = [places.get(name, 0.0) for name in DIMENSIONS]
    return np.asarray(draw_shape(kind, np.array(position), np.random.default_rng(0), 96)).astype(int)


def inside(pixels: np.ndarray) -> np.ndarray:
    """Where the shape is: neither paper nor an edge blended with it."""
    return np.ptp(pixels, axis=-1) > 40


def test_every_image_has_a_row_and_the_same_seed_gives_the_same_bytes(shapes, tmp_path):
    table = pd.read_csv(shapes / "coordinates.csv")
    assert table.columns.tolist() == ["image", *DIMENSIONS]
    assert sorted(table["image"]) == sorted(path.name for path in shapes.glob("*.png"))
    assert len(table) == 12 * 4 == 4 * len(OUTLINES)
    draw_shapes(tmp_path / "again", per_kind=4, image_size=48)
    draw_shapes(tmp_path / "other", per_kind=4, image_size=48, seed=1)
    for path in shapes.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()
        assert path.read_bytes() != (tmp_path / "other" / path.name).read_bytes()


def test_more_pictures_leave_the_first_ones_as_they_are(shapes, tmp_path):
    draw_shapes(tmp_path / "more", per_kind=6, image_size=48)
    assert all((tmp_path / "more" / path.name).read_bytes() == path.read_bytes() for path in shapes.glob("*.png"))


def test_they_are_found_as_a_dataset(shapes):
    assert propose_dataset(shapes)["splits"]["train"]["coordinates"] == "coordinates.csv"


@pytest.mark.parametrize("kind", OUTLINES)
def test_each_dimension_shows_in_every_kind(kind):
    def hue(pixels: np.ndarray) -> float:
        return colorsys.rgb_to_hls(*(pixels[inside(pixels)].mean(axis=0) / 255))[0]

    def proportion(pixels: np.ndarray) -> float:
        rows, columns = np.nonzero(inside(pixels))
        return np.ptp(rows) / np.ptp(columns)

    def contrast(pixels: np.ndarray) -> float:
        return pixels[inside(pixels)].std(axis=0).max()

    for measure, dimension in (
        (lambda pixels: inside(pixels).sum(), "size"),
        (proportion, "elongation"),
        (lambda pixels: pixels[inside(pixels)].mean(), "lightness"),
        (hue, "hue"),
        (contrast, "stripes"),
    ):
        low, middle, high = (measure(drawn(kind, **{dimension: place})) for place in (-1.9, 0.0, 1.9))
        assert low < middle < high, dimension


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"per_kind": 1}, {"image_size": 16}])
def test_what_cannot_be_drawn_is_refused(tmp_path, wrong):
    with pytest.raises(RockspaceError, match=f"{next(iter(wrong))} is"):
        draw_shapes(tmp_path / "shapes", **wrong)


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(RockspaceError, match="holds something already"):
        draw_shapes(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_a_picture_opens_at_the_size_asked_for(shapes):
    with Image.open(shapes / "heart_01.png") as image:
        assert image.size == (48, 48)
