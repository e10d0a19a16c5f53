"""Material from noise: the fields that generated pictures are made of.

Every field is a square float32 array that depends only on the generator it is given. Lengths are in
units of half a picture (a picture spans -1 to 1), so a texture looks the same at any size.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from scipy.spatial import cKDTree

Field = NDArray[np.float32]


def picture_plane(size: int) -> tuple[Field, Field]:
    """Return x (to the right) and y (downwards) of each pixel's centre, from -1 to 1."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1
    x, y = np.meshgrid(axis, axis)
    return x, y


def fractal_noise(rng: np.random.Generator, size: int, falloff: float, coarsest: float = 2.0) -> Field:
    """Draw noise that has structure at every scale, like broken or weathered material.

    Args:
        rng: source of randomness.
        size: pixels along a side.
        falloff: exponent by which amplitude falls with frequency: 1 is grainy, 2 and more is cloudy.
        coarsest: cycles per picture below which the amplitude no longer grows.

    Returns:
        A field of mean 0 and standard deviation 1, of shape (size, size).
    """
    white = rng.standard_normal((size, size), dtype=np.float32)
    vertical = fft.fftfreq(size, 1 / size).astype(np.float32)
    horizontal = fft.rfftfreq(size, 1 / size).astype(np.float32)
    frequency_squared = vertical[:, None] ** 2 + horizontal[None, :] ** 2
    amplitude = (frequency_squared + np.float32(coarsest**2)) ** np.float32(-falloff / 2)
    return standardized(fft.irfft2(fft.rfft2(white) * amplitude, s=(size, size)))


def profile(rng: np.random.Generator, position: Field, cycles: float, falloff: float = 0.7) -> Field:
    """Draw a random function of one coordinate: beds, bands or ledges of uneven thickness.

    Args:
        rng: source of randomness.
        position: the coordinate across the beds; repeats after 4 units.
        cycles: number of beds, roughly, from one edge of a picture to the other.
        falloff: exponent by which finer beds are weaker than the main ones.

    Returns:
        A field of standard deviation about 1, of the shape of ``position``.
    """
    samples = 1024
    frequency = np.arange(samples // 2 + 1)
    main = max(2 * cycles, 1.0)
    amplitude = (1 + (frequency / main) ** 2) ** (-(falloff + 0.5) / 2) * (frequency > main / 4)
    amplitude[8 * int(main) :] = 0
    line = fft.irfft(amplitude * np.exp(2j * np.pi * rng.random(frequency.size)), samples)
    line /= line.std()
    cell = position * np.float32(samples / 4)
    below = np.floor(cell).astype(np.int32)
    share = cell - below.astype(np.float32)
    line = line.astype(np.float32)
    return line[below % samples] * (1 - share) + line[(below + 1) % samples] * share


@dataclass(frozen=True)
class Cells:
    """A field cut into cells around scattered seeds (a Voronoi diagram).

    Attributes:
        index: which seed is nearest, for each pixel asked for.
        distance: distance to it.
        margin: distance to the second nearest less that to the nearest; 0 on a boundary.
        seeds: coordinates of the seeds, of shape (seeds, 2).
    """

    index: NDArray[np.intp]
    distance: Field
    margin: Field
    seeds: NDArray[np.float64]


def cells(rng: np.random.Generator, points: NDArray[np.float32], spacing: float) -> Cells:
    """Cut a set of points into cells whose seeds lie ``spacing`` apart on average.

    Args:
        rng: source of randomness.
        points: coordinates of shape (points, 2); warped coordinates give bent cells.
        spacing: square root of a cell's mean area.
    """
    low = points.min(axis=0) - 2 * spacing
    high = points.max(axis=0) + 2 * spacing
    count = max(4, round(float(np.prod((high - low) / spacing))))
    seeds = rng.uniform(low, high, (count, 2))
    tree = cKDTree(seeds, balanced_tree=False, compact_nodes=False)
    distance, index = tree.query(points, k=2)
    nearest = distance[:, 0].astype(np.float32)
    return Cells(index[:, 0], nearest, distance[:, 1].astype(np.float32) - nearest, seeds)


def slope(height: Field) -> tuple[Field, Field]:
    """Return the gradient of a height field (same length unit across and up) along x and y."""
    pixels_per_unit = np.float32(height.shape[0] / 2)
    along_y, along_x = (np.gradient(height, axis=axis) for axis in (0, 1))
    return along_x * pixels_per_unit, along_y * pixels_per_unit


def scaled_to_slope(height: Field, target: float) -> Field:
    """Scale a relief so that the root mean square of its slope is ``target`` (rise over run)."""
    along_x, along_y = slope(height)
    steepness = float(np.sqrt(np.mean(along_x**2 + along_y**2)))
    return height * np.float32(target / max(steepness, 1e-9))


def blurred(field: Field, radius: float) -> Field:
    """Blur a field by a Gaussian of ``radius`` half pictures."""
    return ndimage.gaussian_filter(field, radius * field.shape[0] / 2, truncate=2.5)


def standardized(field: Field) -> Field:
    """Shift and scale a field to mean 0 and standard deviation 1."""
    field = field - field.mean()
    return (field / max(float(field.std()), 1e-12)).astype(np.float32)


def oklch_to_linear_rgb(lightness: Field, chroma: Field, hue: Field) -> Field:
    """Turn perceptual colour into light.

    Args:
        lightness: OKLab lightness, 0 to 1.
        chroma: OKLab chroma, 0 (grey) to about 0.3.
        hue: OKLab hue in radians.

    Returns:
        Linear-light sRGB of shape (..., 3), clipped below 0; may exceed 1.

    References:
        B. Ottosson, "A perceptual color space for image processing", 2020.
    """
    a, b = chroma * np.cos(hue), chroma * np.sin(hue)
    long, medium, short = (
        cone * cone * cone  # far faster than a power
        for cone in (
            lightness + 0.3963377774 * a + 0.2158037573 * b,
            lightness - 0.1055613458 * a - 0.0638541728 * b,
            lightness - 0.0894841775 * a - 1.2914855480 * b,
        )
    )
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    return np.maximum(np.stack([red, green, blue], axis=-1), 0).astype(np.float32)


def encoded_srgb(light: Field) -> Field:
    """Encode linear light from 0 to 1 with the sRGB transfer curve (IEC 61966-2-1)."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** np.float32(1 / 2.4) - 0.055)


def between(ends: tuple[float, float], share: float) -> float:
    """Return the value at a share of the way between two ends."""
    return ends[0] + (ends[1] - ends[0]) * share


def between_by_ratio(ends: tuple[float, float], share: float) -> float:
    """Return the value at a share of the way between two positive ends, in equal ratios."""
    return ends[0] * (ends[1] / ends[0]) ** share
