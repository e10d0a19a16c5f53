"""Photographs: opened in one place, upright and in 8 bits, and made square."""

import struct
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, JpegImagePlugin, TiffImagePlugin, UnidentifiedImageError

from rockspace.errors import RockspaceError
from rockspace.limits import time_limit

try:
    import pillow_heif
except ImportError:  # the extra `heif`
    pass
else:
    pillow_heif.register_heif_opener()

WHITE = (255, 255, 255)
# Pillow reads many more. Some run programs (PostScript runs Ghostscript), and none is what cameras or editors of
# photographs write. JPEG includes the JPEG with further frames that phones write; AVIF and HEIF need libraries.
_MEANT = ("JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP", "AVIF", "HEIF")
SUFFIXES = frozenset(suffix for suffix, name in Image.registered_extensions().items() if name in _MEANT)
FORMATS = tuple(name for name in _MEANT if name in Image.registered_extensions().values())
# Enough for phones and all but a few medium-format cameras; decoding such an image takes half a gigabyte.
MAX_PIXELS = 120_000_000
DECODING_S = 120  # a thousand times what a photograph takes; of JPEGs, one may repeat itself without end
# How what stands in place of a photograph begins, in lower case.
_OTHERS = {
    b"<!doctype html": "a web page",
    b"<html": "a web page",
    b"version https://git-lfs": "a pointer of Git LFS: run git lfs pull",
    b"ii*\0": "a TIFF of a kind that is not read",
    b"mm\0*": "a TIFF of a kind that is not read",
}
_NEW_SUBFILE_TYPE, _REDUCED = 254, 1  # tag of a TIFF, and its bit of a small copy, with which camera raw files begin
_SIGNED, _APART = 2, 2  # in TIFF's SampleFormat and PlanarConfiguration
_FILL, _START_OF_SCAN, _END_OF_IMAGE = b"\xff", b"\xff\xda", b"\xff\xd9"  # of a JPEG
# EXIF's orientations, and what turns each upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_rgb(path: Path, background: tuple[int, int, int] = WHITE, *, smallest_side: int | None = None) -> Image.Image:
    """Decode an image file completely, upright and in RGB. Every stage opens images with this function.

    Args:
        path: A file in one of `FORMATS`, whatever its suffix; of an animation, the first frame.
        background: What shows through where the image is transparent, 0 to 255.
        smallest_side: Pixels. Where the shorter side of a JPEG is more than twice as long, it may be decoded at a
            fraction of its size, which is faster; None decodes all pixels.

    Returns:
        The decoded image, mode ``RGB``, 8 bits a channel.

    Raises:
        RockspaceError: If the file is empty, truncated, larger than `MAX_PIXELS`, none of `FORMATS`, or has no known
            white (32 bits a pixel in one channel, or numbers with a sign).
    """
    try:
        if path.stat().st_size == 0:
            raise RockspaceError(f"{path}: the file is empty; replace it or remove it")
        message = f"{path}: takes more than {DECODING_S} s to decode; save it anew, or remove it"
        with time_limit(DECODING_S, message), Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"{image.width} x {image.height} pixels; at most {MAX_PIXELS:,} are read")
            if isinstance(image, TiffImagePlugin.TiffImageFile):
                _refuse_otherwise_meant(image)
            elif isinstance(image, JpegImagePlugin.JpegImageFile):
                _refuse_without_end(path)
            if smallest_side:
                image.draft("RGB", (smallest_side, smallest_side))
            image.load()
            return _on_background(_eight_bits(_upright(image)), background)
    except RockspaceError:
        raise
    except Exception as error:  # Decoders of damaged files raise whatever they stumble on.
        if isinstance(error, UnidentifiedImageError):
            reason = _unrecognised(path)
        elif isinstance(error, OSError) and error.strerror:
            reason = error.strerror
        else:
            reason = " ".join(str(error).split()) or type(error).__name__
        raise RockspaceError(f"{path}: cannot be read as an image ({reason}); replace it or remove it") from error


def _upright(image: Image.Image) -> Image.Image:
    """Turn a loaded image as its camera was held, if its metadata say so."""
    try:
        orientation = _orientation(image.info.get("exif", b""))
        if orientation is None:  # Pillow knows of further places, such as XMP.
            orientation = image.getexif().get(ExifTags.Base.Orientation)
        turn = _UPRIGHT.get(orientation or 0)
    except Exception:  # Metadata that cannot be read say nothing of the orientation, and the pixels are fine.
        turn = None
    return image if turn is None else image.transpose(turn)


def _orientation(exif: bytes) -> int | None:
    """The orientation in an EXIF block, whatever else the block holds; Pillow stops at the first odd entry."""
    block = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return None
    try:
        (directory,) = struct.unpack_from(f"{order}I", block, 4)
        (entries,) = struct.unpack_from(f"{order}H", block, directory)
        for start in range(directory + 2, directory + 2 + 12 * entries, 12):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", block, start)
            if tag == ExifTags.Base.Orientation:
                return value
    except struct.error:  # cut off
        return None
    return None


def _eight_bits(image: Image.Image) -> Image.Image:
    """Bring 16 bits a pixel in one channel to 8. Pillow would clip: everything above 255 of 65535 would be white."""
    if image.mode in ("I", "F"):
        raise ValueError(f"32 bits per pixel (mode {image.mode}) without a defined white; save 8 or 16 bits")
    if not image.mode.startswith("I;16"):
        return image
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(TiffImagePlugin.BITSPERSAMPLE, (16,))[0]
    grey = np.asarray(image, dtype=np.float32) / (2**bits - 1)
    if tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0:  # its zero is white
        grey = 1 - grey
    light = Image.fromarray((255 * grey).round().astype(np.uint8))
    if (clear := image.info.get("transparency")) is not None:  # a shade of 16 bits in a PNG
        light.putalpha(Image.fromarray(np.where(np.asarray(image) == clear, 0, 255).astype(np.uint8)))
    return light


def _on_background(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, (*background, 255)), image.convert("RGBA"))
    return image.convert("RGB")


def _unrecognised(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(64).lstrip().lower()
    return next((what for each, what in _OTHERS.items() if start.startswith(each)), f"not one of {', '.join(FORMATS)}")


def _refuse_otherwise_meant(image: TiffImagePlugin.TiffImageFile) -> None:
    """Refuse pages of TIFF files that Pillow would read as something else than they are."""
    tags = image.tag_v2
    bits = tags.get(TiffImagePlugin.BITSPERSAMPLE, (8,))
    if tags.get(_NEW_SUBFILE_TYPE, 0) & _REDUCED:
        raise ValueError("a small copy comes before the photograph, as in camera raw files; save it as JPEG or PNG")
    if _SIGNED in tags.get(TiffImagePlugin.SAMPLEFORMAT, ()):
        raise ValueError("numbers with a sign have no defined white; save 8 or 16 bits")
    if len(bits) > 1 and max(bits) > 8 and tags.get(TiffImagePlugin.PLANAR_CONFIGURATION) == _APART:
        raise ValueError(
            "16 bits and the channels one after another; save 8 bits, or the channels of each pixel together"
        )


def _refuse_without_end(path: Path) -> None:
    """Refuse a JPEG whose rest is missing where zeros stand for it, as after a copy that was interrupted; they decode."""
    content = path.read_bytes()
    place = 2
    while (marker := content[place : place + 2]) != _START_OF_SCAN and marker.startswith(_FILL):
        place += 1 if marker == _FILL + _FILL else 2 + int.from_bytes(content[place + 2 : place + 4])
    if content.find(_END_OF_IMAGE, place) < 0:
        raise ValueError("its end is missing")


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
