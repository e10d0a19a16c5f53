"""Photographs inside the page: a sheet of all of them, small, and each by itself, larger."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from rockspace.report.thumbnails import thumbnail

# Sides in pixels. A page of up to `FULL_SIZE_IMAGES` has photographs of the larger side; with more images
# they shrink, so that all together grow no further, until they reach the smaller one.
LARGEST, SMALLEST, FULL_SIZE_IMAGES = 224, 96, 600
# Of a tile on the sheet, with few images and with many. 5,000 tiles of 48 pixels are 46 MB once decoded.
TILE, SMALL_TILE = 64, 48
QUALITY = 75


def photograph_side(count: int) -> int:
    """Return the longer side (pixels) of each photograph in a page of `count` images."""
    return int(np.clip(LARGEST * (FULL_SIZE_IMAGES / max(count, 1)) ** 0.5, SMALLEST, LARGEST))


def embed_photographs(paths: Sequence[Path], threads: int = 1) -> dict[str, Any]:
    """Read photographs and make them part of a page.

    Args:
        paths: Image files; white around what they show becomes transparent, see `thumbnail`.
        threads: How many files are read at a time.

    Returns:
        `photographs` (a WebP in base64 each), `shapes` (width and height of each as shares of its longer side), and the `sheet`: all of them on one picture, row by row, each
        in the middle of a square `tile` (pixels), with `columns` in a row, as `picture` (a WebP in base64).
    """
    side, tile = photograph_side(len(paths)), TILE if len(paths) <= FULL_SIZE_IMAGES else SMALL_TILE

    def read(path: Path) -> tuple[str, list[float], Image.Image]:
        picture = Image.fromarray(thumbnail(path, side))
        small = picture.copy()
        # A margin of one pixel, so that a browser that scales a tile does not blend in its neighbours.
        small.thumbnail((tile - 2, tile - 2), Image.Resampling.LANCZOS)
        return _webp(picture), [round(length / max(picture.size), 2) for length in picture.size], small

    columns = int(np.ceil(len(paths) ** 0.5))
    sheet = Image.new("RGBA", (columns * tile, -(-len(paths) // columns) * tile))
    photographs, shapes = [], []
    with ThreadPoolExecutor(threads) as pool:
        read_all = tqdm(pool.map(read, paths), total=len(paths), desc="reading photographs", unit="image")
        for number, (photograph, shape, small) in enumerate(read_all):
            photographs.append(photograph)
            shapes.append(shape)
            row, column = divmod(number, columns)
            left, top = column * tile + (tile - small.width) // 2, row * tile + (tile - small.height) // 2
            sheet.paste(small, (left, top))
    return {
        "photographs": photographs,
        "shapes": shapes,
        "sheet": {"tile": tile, "columns": columns, "picture": _webp(sheet)},
    }


def _webp(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=QUALITY, method=2)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
