"""Photographs: opened with care, and made square."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from rockspace.errors import RockspaceError


def read_rgb(path: Path) -> Image.Image:
    """Decode an image file completely, upright and in RGB.

    Args:
        path: A file in any format that Pillow reads; of an animation, the first frame.

    Returns:
        The decoded image, mode ``RGB``, 8 bits a channel.

    Raises:
        RockspaceError: If the file is empty, truncated, too large to be a photograph, or no image.
    """
    try:
        if path.stat().st_size == 0:
            raise RockspaceError(f"{path}: the file is empty; replace it or take it out")
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        reason = "no image format is recognised" if isinstance(error, UnidentifiedImageError) else error
        raise RockspaceError(f"{path}: cannot be read as an image ({reason}); replace it or take it out") from error


def square(image: Image.Image, side: int, fit: str, background: tuple[int, int, int]) -> np.ndarray:
    """Bring a photograph to ``side`` x ``side`` pixels.

    Args:
        image: RGB, of any shape.
        side: Pixels.
        fit: ``pad`` keeps all of it and adds background, ``crop`` keeps its middle, ``stretch`` distorts it.
        background: Red, green, blue, 0 to 255.

    Returns:
        ``(side, side, 3)`` uint8.
    """
    size, filtering = (side, side), Image.Resampling.BICUBIC
    match fit:
        case "pad":
            image = ImageOps.pad(image, size, method=filtering, color=background)
        case "crop":
            image = ImageOps.fit(image, size, method=filtering)
        case _:
            image = image.resize(size, resample=filtering)
    return np.asarray(image, dtype=np.uint8)
