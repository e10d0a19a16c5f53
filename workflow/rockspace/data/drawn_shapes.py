"""A second dataset, nothing like rocks: twelve kinds of flat shapes, judged on five dimensions.

``python -m rockspace.data.drawn_shapes FOLDER`` draws it: images named ``star_07.png`` and a table
``coordinates.csv`` with a row for each image, as somebody's own data might come. The tutorial starts there.
"""

import argparse
import colorsys
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from rockspace.artifacts import replacing
from rockspace.errors import RockspaceError

Points = NDArray[np.float64]  # shape (n, 2): x to the right, y down, within 1 of the middle

DIMENSIONS = (
    "size",  # small to large
    "elongation",  # wide to tall
    "lightness",  # dark to light
    "hue",  # red over yellow and green to blue
    "stripes",  # plain to striped
)
EXTREME = 2.0  # standard deviations beyond which nothing is drawn
BETWEEN_KINDS, WITHIN_KIND = 0.8, 0.6  # standard deviations of the kinds' centres, and of pictures around theirs
JUDGMENT_NOISE = 0.15  # standard deviation by which the coordinates miss what was drawn
_PAPER = (243, 243, 240)
_FINER = 4  # drawn so many times larger, for smooth edges
_STRIPES = 9  # across the picture
_TURN, _OFFSET = 8.0, 0.06  # standard deviations of the tilt (degrees) and of the place (share of the side)


def _ring(radii: Points, start: float = -90.0) -> Points:
    """Points around the middle at equal angles, the first one on top."""
    angles = np.deg2rad(start + np.arange(len(radii)) * 360 / len(radii))
    return np.column_stack([radii * np.cos(angles), radii * np.sin(angles)])


def _curve(x: NDArray[np.float64], y: NDArray[np.float64]) -> Points:
    points = np.column_stack([x, y])
    points -= (points.max(axis=0) + points.min(axis=0)) / 2
    return points / np.abs(points).max()


_T = np.linspace(0, 2 * np.pi, 120, endpoint=False)
_ARC = np.linspace(-0.65, 0.65, 60) * np.pi
_BITE = np.linspace(1.463, -1.463, 60)  # the circle that is cut out goes through the ends of the arc
_CROSS = [(1, 0.33), (0.33, 0.33), (0.33, 1), (0.33, 1), (0.33, 0.33), (1, 0.33)] * 2
OUTLINES: dict[str, Points] = {
    "arrow": np.array([(-1, -0.3), (0.1, -0.3), (0.1, -0.8), (1, 0), (0.1, 0.8), (0.1, 0.3), (-1, 0.3)]),
    "bolt": np.array([(0.1, -1), (-0.6, 0.2), (-0.05, 0.2), (-0.3, 1), (0.6, -0.3), (0.05, -0.3), (0.5, -1)]),
    "circle": _ring(np.ones(120)),
    "crescent": _curve(np.r_[np.cos(_ARC), 0.896 * np.cos(_BITE) - 0.55], np.r_[np.sin(_ARC), 0.896 * np.sin(_BITE)]),
    "cross": np.kron([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.ones((3, 1))) * np.array(_CROSS),
    "drop": _curve(np.sin(_T) * np.sin(_T / 2) ** 1.5, -np.cos(_T)),
    "flower": _ring(0.72 + 0.28 * np.cos(5 * _T)),
    "heart": _curve(16 * np.sin(_T) ** 3, -13 * np.cos(_T) + 5 * np.cos(2 * _T) + 2 * np.cos(3 * _T) + np.cos(4 * _T)),
    "hexagon": _ring(np.ones(6)),
    "square": _ring(np.ones(4), start=-45.0) * 1.2,
    "star": _ring(np.tile([1.0, 0.42], 5)),
    "triangle": _ring(np.ones(3)) + np.array([0, 0.2]),
}


def draw_shapes(folder: Path, *, seed: int = 0, per_kind: int = 20, image_size: int = 96) -> None:
    """Draw the dataset; the same arguments give the same bytes.

    Args:
        folder: where the images and ``coordinates.csv`` are to lie; it must not be there yet, or be empty.
        seed: seed of everything that is drawn, 0 or more.
        per_kind: pictures of each of the twelve kinds, 2 or more.
        image_size: pixels along a side, 32 to 1024.

    Raises:
        RockspaceError: an argument is out of its range, or the folder holds something.
    """
    for name, value, low, high in (("seed", seed, 0, None), ("per_kind", per_kind, 2, None),
                                   ("image_size", image_size, 32, 1024)):  # fmt: skip
        if value < low or (high is not None and value > high):
            limit = f"{low} to {high}" if high else f"{low} or more"
            raise RockspaceError(f"cannot draw shapes: {name} is {value}, must be {limit}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RockspaceError(f"cannot draw shapes into {folder}: it holds something already; name a new folder")
    rows = {}
    with replacing(folder) as partial:
        partial.mkdir()
        for number, kind in enumerate(OUTLINES):
            centre = np.random.default_rng([seed, number]).normal(0, BETWEEN_KINDS, len(DIMENSIONS))
            for index in range(1, per_kind + 1):
                rng = np.random.default_rng([seed, number, index])
                position = np.clip(rng.normal(centre, WITHIN_KIND), -EXTREME, EXTREME)
                name = f"{kind}_{index:02d}.png"
                draw_shape(kind, position, rng, image_size).save(partial / name)
                rows[name] = position + rng.normal(0, JUDGMENT_NOISE, len(DIMENSIONS))
        table = pd.DataFrame.from_dict(rows, orient="index", columns=list(DIMENSIONS))
        table.to_csv(partial / "coordinates.csv", index_label="image", float_format="%.3f")


def draw_shape(kind: str, position: NDArray[np.float64], rng: np.random.Generator, size: int) -> Image.Image:
    """Draw one shape on light paper.

    Args:
        kind: One of `OUTLINES`.
        position: Shape (5,), standard deviations in the order of `DIMENSIONS`, within `EXTREME`.
        rng: Source of its tilt and its place.
        size: Pixels along a side.
    """
    large, tall, light, hue, striped = np.asarray(position) / (2 * EXTREME) + 0.5
    stretch = 2 ** (tall - 0.5)
    points = OUTLINES[kind] * (0.19 + 0.22 * large) * (1 / stretch, stretch)
    turn = np.deg2rad(rng.normal(0, _TURN))
    points = points @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    points = (points + 0.5 + rng.normal(0, _OFFSET, 2).clip(-0.1, 0.1)) * size * _FINER
    canvas = Image.new("RGB", (size * _FINER, size * _FINER), _PAPER)
    outline = Image.new("L", canvas.size, 0)
    ImageDraw.Draw(outline).polygon([tuple(point) for point in points], fill=255)
    canvas.paste(_filling(canvas.size, light, hue, striped), mask=outline)
    return canvas.resize((size, size), Image.Resampling.LANCZOS)


def _filling(size: tuple[int, int], light: float, hue: float, striped: float) -> Image.Image:
    """A colour, crossed by darker stripes that show the more, the more striped it is."""
    lightness = 0.25 + 0.5 * light
    plain = _rgb(0.67 * hue, lightness)
    filling = Image.new("RGB", size, plain)
    if striped > 0:
        dark = tuple(round(value * (1 - 0.75 * striped)) for value in plain)
        pen, step = ImageDraw.Draw(filling), size[0] / _STRIPES
        for stripe in range(-_STRIPES, 2 * _STRIPES):
            start = stripe * step
            pen.line([(start, 0), (start + size[0], size[1])], fill=dark, width=round(step / 3))
    return filling


def _rgb(hue: float, lightness: float) -> tuple[int, int, int]:
    red, green, blue = (round(255 * value) for value in colorsys.hls_to_rgb(hue, lightness, 0.65))
    return red, green, blue


def main(arguments: list[str]) -> None:
    """Draw the dataset into the folder that the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m rockspace.data.drawn_shapes", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--per-kind", type=int, default=20, help="pictures of each of the twelve kinds (20)")
    parser.add_argument("--image-size", type=int, default=96, help="pixels along a side (96)")
    given = parser.parse_args(arguments)
    draw_shapes(given.folder, seed=given.seed, per_kind=given.per_kind, image_size=given.image_size)
    print(f"{len(OUTLINES) * given.per_kind} images and coordinates.csv in {given.folder}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except RockspaceError as error:
        sys.exit(f"error: {error}")
