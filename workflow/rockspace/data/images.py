"""Photographs: opened with care, and made square."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from rockspace.errors import RockspaceError

WHITE = (255, 255, 255)
# A web page that a server sent in place of a photograph.
_WEB_PAGE = (b"<!doctype html", b"<html")


def read_rgb(path: Path, background: tuple[int, int, int] = WHITE) -> Image.Image:
    """Decode an image file completely, upright and in RGB.

    Args:
        path: A file in any format that Pillow reads; of an animation, the first frame.
        background: What shows through where the image is transparent, 0 to 255.

    Returns:
        The decoded image, mode ``RGB``, 8 bits a channel.

    Raises:
        RockspaceError: If the file is empty, truncated, too large to be a photograph, no image, or has no known
            white (32 bits a pixel in one channel).
    """
    try:
        if path.stat().st_size == 0:
            raise RockspaceError(f"{path}: the file is empty; replace it or take it out")
        with Image.open(path) as image:
            return upright_rgb(image, background)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        reason = _unrecognised(path) if isinstance(error, UnidentifiedImageError) else error
        raise RockspaceError(f"{path}: cannot be read as an image ({reason}); replace it or take it out") from error


def upright_rgb(image: Image.Image, background: tuple[int, int, int] = WHITE) -> Image.Image:
    """Turn an opened image as its camera was held, and bring it to 8 bits in RGB; see `read_rgb`."""
    image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "F"):
        raise ValueError(f"32 bits a pixel (mode {image.mode}), of which none is known to be white; save 8 or 16 bits")
    if image.mode.startswith("I;16"):
        # Pillow would clip: everything above 255 of 65535 would be white.
        image = Image.fromarray((np.asarray(image) / 257).round().astype(np.uint8))
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, (*background, 255)), image.convert("RGBA"))
    return image.convert("RGB")


def _unrecognised(path: Path) -> str:
    with path.open("rb") as file:
        is_page = file.read(64).lstrip().lower().startswith(_WEB_PAGE)
    return "it is a web page" if is_page else "no image format is recognised"


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
