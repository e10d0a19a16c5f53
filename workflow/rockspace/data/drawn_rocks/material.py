"""What a rock is made of: grains of a few minerals, sorted into layers or not, and the relief they leave."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rockspace.data.drawn_rocks.types import EXTREME, Habit, Look
from rockspace.data.textures import (
    Field,
    between,
    between_by_ratio,
    blurred,
    cells,
    fractal_noise,
    oklch_to_linear_rgb,
    picture_plane,
    profile,
    scaled_to_slope,
)

# From one end of a dimension to the other
_GRAIN_SPACING = (0.018, 0.28)  # half pictures
_FINEST_SPACING = 1.1  # pixels: smaller grains could not be told from noise
_STRETCH = (1.0, 3.5)  # length of a grain along the layers over that across
_SLOPE = (0.03, 0.9)  # root mean square, rise over run
_FRACTURE_FALLOFF = (2.8, 1.8)
_LIGHTNESS = (0.2, 0.93)  # OKLab
_CHROMA = (0.006, 0.15)  # OKLab, for the lightest rock
_HUE_KNOTS = ((-2.5, -1.0, 0.0, 1.0, 2.5), (8.0, 48.0, 88.0, 150.0, 262.0))  # OKLab degrees
_COLOURFULNESS = (0.9, 1.0, 0.85, 0.5, 0.55)  # at these knots: no rock is as green or blue as one may be red

# The four minerals: dark, main, light, accent
_ABUNDANCE = (4, 9, 4, 2)
_TONE = (-1.0, 0.0, 0.8, 0.3)
_SATURATION = (0.75, 1.05, 0.75, 1.25)
_HUE_SHIFT = (-0.05, 0.0, 0.05, -0.2)  # radians


class Material(NamedTuple):
    """The surface of a rock.

    Attributes:
        albedo: share of the light that each pixel throws back, linear RGB, of shape (size, size, 3).
        relief: height over the body, in half pictures.
        glitter: how strongly a grain happens to mirror the light, 0 to 1.
    """

    albedo: Field
    relief: Field
    glitter: Field


@dataclass(frozen=True)
class _Grains:
    """The grains, for each pixel inside the rock."""

    index: NDArray[np.intp]
    count: int
    seam: Field  # 0 on the boundary of a grain, 1 in its middle
    dip: Field  # height of its tilted face


def draw_material(rng: np.random.Generator, inside: NDArray[np.bool_], look: Look, habit: Habit) -> Material:
    """Fill the pixels that lie inside a rock."""
    # A stream for each part: what one dimension draws more or less of leaves the other parts as they are.
    for_layers, for_grains, for_minerals, for_relief = rng.spawn(4)
    size = inside.shape[0]
    along, across = _layers(for_layers, size, habit.folds)
    band = profile(for_layers, across, for_layers.uniform(3.5, 8.0))[inside]
    spacing = max(between_by_ratio(_GRAIN_SPACING, look.grain_size), 2 * _FINEST_SPACING / size)
    points = np.stack([along[inside], across[inside]], axis=-1)
    warp = np.stack([fractal_noise(for_grains, size, 2.2, 0.7 / spacing)[inside] for _ in "xy"], axis=-1)
    stretch = np.sqrt(between(_STRETCH, look.layering)) ** np.array([-1, 1])
    points = (points * stretch + 0.22 * spacing * warp).astype(np.float32)
    grains = _grains(for_grains, points, spacing, 2 * _FINEST_SPACING / size, habit.groundmass)
    colour = _colour(for_minerals, inside, grains, band, look, habit)
    raised = _whole(np.clip(grains.dip, -spacing, spacing) + 0.4 * spacing * grains.seam, inside)
    glitter = look.grain_size * for_minerals.random(grains.count)[grains.index] ** 6
    return Material(
        albedo=_whole(colour, inside),
        relief=_relief(for_relief, across, raised, inside, look, habit),
        glitter=_whole(glitter, inside),
    )


def _whole(values: NDArray, inside: NDArray[np.bool_]) -> Field:
    """Lay the values of the pixels inside into a whole picture."""
    picture = np.zeros(inside.shape + values.shape[1:], np.float32)
    picture[inside] = values
    return picture


def _layers(rng: np.random.Generator, size: int, folds: float) -> tuple[Field, Field]:
    """Coordinates along and across the layers, bent by folding and frayed."""
    x, y = picture_plane(size)
    angle = rng.normal(0, 0.6)
    bend = (0.02 + 0.15 * folds) * fractal_noise(rng, size, 3.2, 1.2)
    fray = 0.006 * fractal_noise(rng, size, 1.8, 6.0)
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle) + bend + fray
    return along.astype(np.float32), across.astype(np.float32)


def _grains(
    rng: np.random.Generator, points: NDArray[np.float32], spacing: float, finest: float, groundmass: float
) -> _Grains:
    """Cut the rock into grains; where it has a groundmass, a share of them and all seams dissolve into it."""
    coarse = cells(rng, points, spacing)
    index, margin, count = coarse.index, coarse.margin, len(coarse.seeds)
    offset = (points - coarse.seeds[index]).astype(np.float32)
    tilt = rng.normal(0, 1, (count, 2)).astype(np.float32)[index]
    dip = (tilt * offset).sum(axis=1)
    if groundmass > 0 and spacing > 2 * finest:
        fine = cells(rng, points, max(spacing / 5, finest))
        dissolved = rng.random(count)[index] < groundmass
        dissolved |= margin < 0.6 * spacing * groundmass
        index = np.where(dissolved, fine.index + count, index)
        margin = np.where(dissolved, fine.margin, margin)
        dip = np.where(dissolved, 0, dip)
        count += len(fine.seeds)
    return _Grains(index, count, np.clip(margin / (0.006 + 0.05 * spacing), 0, 1), dip)


def _colour(
    rng: np.random.Generator,
    inside: NDArray[np.bool_],
    grains: _Grains,
    band: Field,
    look: Look,
    habit: Habit,
) -> Field:
    """The colour of each pixel inside in white light: linear RGB, of shape (pixels, 3)."""
    size = inside.shape[0]
    contrast = (0.06 + 0.34 * habit.contrast) * between((0.5, 1.0), look.grain_size)
    cloud = fractal_noise(rng, size, 1.6, 3.0)[inside]
    mottling = fractal_noise(rng, size, 1.0, 8.0)[inside]
    vein = habit.veins * np.exp(-((fractal_noise(rng, size, 2.4, 1.5)[inside] / 0.045) ** 2))
    abundance = rng.dirichlet(_ABUNDANCE)
    own_rank, own_tone, own_hue = rng.normal(0, 1, (3, grains.count)).astype(np.float32)[:, grains.index]

    rank = look.layering**0.5 * band + (1 - look.layering) ** 0.5 * 0.5 * cloud
    rank += (1 - 0.75 * look.layering) * own_rank
    mineral = np.digitize(rank, np.quantile(rank, np.cumsum(abundance)[:-1]))
    tones = np.array(_TONE, np.float32)
    tones -= tones @ np.bincount(mineral, minlength=len(tones)) / mineral.size  # keeps the rock's mean lightness
    tone = contrast * (tones[mineral] + 0.4 * own_tone + 0.3 * look.layering * band + 0.16 * mottling)
    tone -= (0.05 + 0.1 * habit.contrast) * look.grain_size * (1 - grains.seam)
    lightness = np.clip(between(_LIGHTNESS, look.lightness) + tone + 0.22 * vein, 0.1, 0.97)

    knots, degrees = _HUE_KNOTS
    position = between((-EXTREME, EXTREME), look.hue)
    hue = np.deg2rad(np.interp(position, knots, degrees)) + np.array(_HUE_SHIFT)[mineral] + 0.07 * own_hue
    chroma = between(_CHROMA, look.chromaticity**1.6) * np.interp(position, knots, _COLOURFULNESS)
    chroma = chroma * np.array(_SATURATION)[mineral] * (1 - 0.6 * vein) * (0.3 + 0.7 * lightness)
    return oklch_to_linear_rgb(*(channel.astype(np.float32) for channel in (lightness, chroma, hue)))


def _relief(
    rng: np.random.Generator,
    across: Field,
    raised: Field,
    inside: NDArray[np.bool_],
    look: Look,
    habit: Habit,
) -> Field:
    """The broken surface: fracture at every scale, ledges along the layers, grains and pits."""
    size = across.shape[0]
    fracture = fractal_noise(rng, size, between(_FRACTURE_FALLOFF, look.roughness))
    ledges = blurred(np.tanh(2 * profile(rng, across, rng.uniform(5, 12), 1.5)), 0.006)
    relief = (
        scaled_to_slope(fracture, 0.6)
        + scaled_to_slope(ledges, 0.9 * look.layering)
        + scaled_to_slope(blurred(raised, 0.004), 0.7 * look.grain_size)
    )
    relief = scaled_to_slope(relief, between(_SLOPE, look.roughness**1.8))
    if habit.pits > 0:
        relief -= 0.05 * habit.pits * _pits(rng, inside)
    return relief.astype(np.float32)


def _pits(rng: np.random.Generator, inside: NDArray[np.bool_]) -> Field:
    """Round holes of many sizes: 0 on the surface, 1 at the bottom."""
    x, y = picture_plane(inside.shape[0])
    holes = cells(rng, np.stack([x[inside], y[inside]], axis=-1), rng.uniform(0.04, 0.09))
    radius = rng.uniform(1e-6, 0.04, len(holes.seeds))[holes.index]
    return _whole(np.sqrt(np.clip(1 - holes.distance / radius, 0, 1)), inside)
