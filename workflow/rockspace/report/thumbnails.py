"""Photographs as markers: small, and without the white around them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from PIL import Image
from scipy.ndimage import label

from rockspace.data.images import read_rgb
from rockspace.report.figures import RESOLUTION

# Channels all above this are background.
WHITE = 238


def thumbnail(path: str | Path, side: int) -> np.ndarray:
    """Return a photograph without the white around it.

    Args:
        path: Image file.
        side: Longer side of the result (pixels).

    Returns:
        RGBA, shape (height, width, 4), 0 to 255; the background is transparent.
    """
    pixels = np.asarray(read_rgb(Path(path), smallest_side=4 * side))
    material = ~_background(pixels)
    if not material.any():
        material[:] = True
    rows, columns = np.flatnonzero(material.any(axis=1)), np.flatnonzero(material.any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    rgba = np.dstack([pixels[box], np.where(material[box], 255, 0).astype(np.uint8)])
    scale = side / max(rgba.shape[:2])
    size = max(1, round(rgba.shape[1] * scale)), max(1, round(rgba.shape[0] * scale))
    return np.asarray(Image.fromarray(rgba).resize(size, Image.Resampling.LANCZOS))


def _background(pixels: np.ndarray) -> np.ndarray:
    """Tell which pixels are white and reached from the border through white; a white spot in a rock is not."""
    red, green, blue = np.moveaxis(pixels, 2, 0)
    regions, count = label(np.minimum(np.minimum(red, green), blue) > WHITE)
    outside = np.zeros(count + 1, dtype=bool)
    for edge in (regions[0], regions[-1], regions[:, 0], regions[:, -1]):
        outside[edge] = True
    outside[0] = False
    return outside[regions]


def thumbnails(paths: Iterable[str | Path], inches: float) -> list[np.ndarray]:
    """Return photographs at the size in which they are printed; see `thumbnail`."""
    return [thumbnail(path, round(inches * RESOLUTION)) for path in paths]


def scatter_photographs(axis: Axes, x: np.ndarray, y: np.ndarray, photographs: Sequence[np.ndarray]) -> None:
    """Draw a photograph at each point (data units), as large as its pixels are at print resolution."""
    for place_x, place_y, photograph in zip(x, y, photographs, strict=True):
        picture = OffsetImage(photograph, zoom=72 / RESOLUTION, interpolation="none")
        picture.image.axes = axis
        axis.add_artist(AnnotationBbox(picture, (place_x, place_y), frameon=False, pad=0, box_alignment=(0.5, 0.5)))
