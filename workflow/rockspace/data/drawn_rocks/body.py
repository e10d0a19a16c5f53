"""The body of a rock: an outline cut by sides and a front cut by facets, from angular to rounded."""

from typing import NamedTuple

import numpy as np

from rockspace.data.drawn_rocks.types import Look
from rockspace.data.textures import (
    Field,
    between,
    between_by_ratio,
    blurred,
    fractal_noise,
    picture_plane,
    scaled_to_slope,
)

# Angular and rounded
_CORNERS = (40.0, 2.5)  # exponent of the outline's norm: from a polygon to a pebble
_CORNER_REACH = (1.35, 1.05)  # of the mean distance of the sides: how far a corner may stick out
_EDGES = (0.008, 0.45)  # half pictures over which two facets run into each other
_CHIPPING = (0.28, 0.0)  # slope, rise over run
_FILLED = 0.9  # share of the picture's side that the rock takes


class Body(NamedTuple):
    """A rock without its surface.

    Attributes:
        depth: how far inside a pixel lies: 0 on the outline, 1 in the middle, negative outside.
        height: how far it stands out towards the camera, in half pictures.
    """

    depth: Field
    height: Field


class _Sides(NamedTuple):
    """Straight sides around the origin, joined by a norm whose exponent says how sharp the corners are.

    The gauge of a point is the p-norm of its reach past each side: at most 1 inside.
    """

    angles: np.ndarray
    distances: np.ndarray
    squeeze: float  # height over width
    cap: float
    exponent: float

    def gauge(self, x: Field, y: Field) -> Field:
        exponent = np.float32(self.exponent)
        total = (np.hypot(x, y / self.squeeze) / self.cap) ** exponent
        for angle, distance in zip(self.angles, self.distances, strict=True):
            reach = (x * np.cos(angle) + y / self.squeeze * np.sin(angle)) / distance
            total += np.maximum(reach, 0).astype(np.float32) ** exponent
        return np.maximum(total, 1e-30) ** np.float32(1 / self.exponent)


def draw_body(rng: np.random.Generator, size: int, look: Look) -> Body:
    """Cut a body that fills most of a picture of ``size`` pixels along a side."""
    x, y = picture_plane(size)
    sides = _sides(rng, look.shape)
    turn = np.linspace(0, 2 * np.pi, 360, endpoint=False, dtype=np.float32)
    radius = 1 / sides.gauge(np.cos(turn), np.sin(turn))
    rim_x, rim_y = radius * np.cos(turn), radius * np.sin(turn)
    reach = max(np.ptp(rim_x), np.ptp(rim_y)) / (2 * _FILLED)
    jagged = between((0.014, 0.036), look.roughness)
    x = x * reach + (rim_x.max() + rim_x.min()) / 2 + jagged * fractal_noise(rng, size, 2.1)
    y = y * reach + (rim_y.max() + rim_y.min()) / 2 + jagged * fractal_noise(rng, size, 2.1)
    depth = 1 - sides.gauge(x, y)
    height = _front(rng, x, y, depth, look.shape) + _chips(rng, x, y, between(_CHIPPING, look.shape))
    return Body(depth.astype(np.float32), height.astype(np.float32))


def _sides(rng: np.random.Generator, roundness: float) -> _Sides:
    count = rng.integers(5, 8)
    turns = (np.arange(count) + rng.uniform(-0.32, 0.32, count)) / count + rng.random()
    distances = rng.uniform(0.7, 1.0, count)
    return _Sides(
        angles=2 * np.pi * turns,
        distances=distances,
        squeeze=rng.uniform(0.72, 1.0),
        cap=distances.mean() * between(_CORNER_REACH, roundness),
        exponent=between_by_ratio(_CORNERS, roundness),
    )


def _front(rng: np.random.Generator, x: Field, y: Field, depth: Field, roundness: float) -> Field:
    """The lowest of a few tilted planes and of a rim that falls away: a bevel, or the side of a dome."""
    edge = between_by_ratio(_EDGES, roundness)
    dome = 0.9 * np.sqrt(np.clip(1 - (1 - depth) ** 2, 0, None))
    bevel = 4.0 * np.maximum(depth, 0) * np.exp(0.6 * fractal_noise(rng, x.shape[0], 3.0, 1.0))
    faces = [bevel + (dome - bevel) * np.float32(roundness)]
    for _ in range(rng.integers(4, 7)):
        toward, tilt = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.9)
        faces.append(rng.uniform(0.3, 0.55) - tilt * (x * np.cos(toward) + y * np.sin(toward)))
    lowest = np.minimum.reduce(faces)
    return lowest - edge * np.log(sum(np.exp((lowest - face) / edge) for face in faces))


def _chips(rng: np.random.Generator, x: Field, y: Field, steepness: float) -> Field:
    """Shallow bowls with sharp ridges between them, as flakes leave where they were struck off."""
    bowls = np.full_like(x, np.inf)
    for centre_x, centre_y, depth in rng.uniform((-1.2, -1.2, 0), (1.2, 1.2, 0.12), (28, 3)):
        bowls = np.minimum(bowls, (x - centre_x) ** 2 + (y - centre_y) ** 2 + depth)
    return scaled_to_slope(blurred(bowls, 0.006), steepness)
