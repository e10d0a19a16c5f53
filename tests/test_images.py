"""Photographs are opened in one place: upright, in 8 bits, and never with a stack trace."""

import io
import re
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from odd_exif import ORIENTATION, photograph
from rockspace.data import images
from rockspace.data.images import FORMATS, MAX_PIXELS, read_rgb
from rockspace.errors import RockspaceError

LIBRARY = Path(__file__).parents[1] / "workflow/rockspace"
RED, GREEN = (255, 0, 0), (0, 255, 0)


def refusal(path: Path) -> str:
    with pytest.raises(RockspaceError) as caught:
        read_rgb(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message


def test_every_module_opens_images_with_one_function():
    opening = [path.name for path in LIBRARY.rglob("*.py") if re.search(r"\bImage\.open\(", path.read_text())]
    assert opening == ["images.py"]


def test_odd_exif_blocks_never_keep_a_photograph_from_being_read_and_turned(tmp_path):
    for number in range(240):
        size = photograph(number, tmp_path / "photograph")
        assert read_rgb(tmp_path / "photograph").size == (size or read_rgb(tmp_path / "photograph").size), number


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP", "HEIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_orientation_is_turned_as_the_standard_says(form, orientation, tmp_path):
    # Where the standard puts the first row and the first column of what is stored.
    rows = {1: "top", 2: "top", 3: "bottom", 4: "bottom", 5: "left", 6: "right", 7: "right", 8: "left"}[orientation]
    columns = {1: "left", 2: "right", 3: "right", 4: "left", 5: "top", 6: "top", 7: "bottom", 8: "bottom"}[orientation]
    stored = np.zeros((32, 48, 3), np.uint8)
    stored[:8, :, 0] = 255
    stored[:, :8, 1] = 255
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {
        "JPEG": {"quality": 100, "subsampling": 0},
        "WEBP": {"lossless": True},
        "HEIF": {"quality": -1},
    }.get(form, {})
    Image.fromarray(stored).save(tmp_path / "image", form, exif=exif.tobytes(), **options)
    seen = np.asarray(read_rgb(tmp_path / "image")).astype(int)
    edges = {"top": seen[:4], "bottom": seen[-4:], "left": seen[:, :4], "right": seen[:, -4:]}
    assert max(edges, key=lambda edge: edges[edge][..., 0].mean()) == rows
    assert max(edges, key=lambda edge: edges[edge][..., 1].mean()) == columns


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_is_read_whatever_the_suffix(form, tmp_path):
    Image.new("RGB", (8, 6), GREEN).save(tmp_path / "image.xyz", form)
    image = read_rgb(tmp_path / "image.xyz")
    assert (image.mode, image.size) == ("RGB", (8, 6))
    assert np.abs(np.asarray(image).astype(int) - GREEN).max() <= 4


@pytest.mark.parametrize("form", ["EPS", "PPM", "TGA", "PCX", "SGI", "ICO", "DDS", "JPEG2000"])
def test_formats_that_are_no_photographs_are_refused_and_no_other_program_is_started(form, tmp_path, monkeypatch):
    Image.new("RGB", (16, 16)).save(tmp_path / "image.jpg", form)
    monkeypatch.setenv("PATH", str(tmp_path))
    interpreter = tmp_path / "gs"
    interpreter.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    interpreter.chmod(0o755)
    assert shutil.which("gs") == str(interpreter)
    assert "not one of JPEG, PNG" in refusal(tmp_path / "image.jpg")
    assert not (tmp_path / "started").exists()


def test_transparency_shows_the_background_in_every_mode_that_has_it(tmp_path):
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    for number, image in enumerate([clear, clear.convert("LA"), clear.quantize(4)]):
        image.save(tmp_path / f"{number}.png")
        assert (np.asarray(read_rgb(tmp_path / f"{number}.png", (9, 90, 190))) == (9, 90, 190)).all()
    Image.new("P", (4, 4), 3).save(tmp_path / "palette.gif", transparency=3)
    assert (np.asarray(read_rgb(tmp_path / "palette.gif", (9, 90, 190))) == (9, 90, 190)).all()
    shades = Image.fromarray(np.array([[700, 65535]], dtype=np.uint16))
    shades.save(tmp_path / "grey16.png", transparency=700)
    assert np.asarray(read_rgb(tmp_path / "grey16.png", (9, 90, 190))).tolist() == [[[9, 90, 190], [255, 255, 255]]]


@pytest.mark.parametrize(("bits", "is_inverted"), [(16, False), (12, False), (16, True)])
def test_grey_of_more_than_8_bits_keeps_its_range(bits, is_inverted, tmp_path):
    values = np.linspace(0, 2**bits - 1, 64).round().astype(int)
    (tmp_path / "image").write_bytes(grey_tiff(values, bits, is_inverted))
    seen = np.asarray(read_rgb(tmp_path / "image"))[0, :, 0]
    expected = np.linspace(255, 0, 64) if is_inverted else np.linspace(0, 255, 64)
    assert np.abs(seen - expected).max() <= 0.51


def grey_tiff(values: np.ndarray, bits: int, is_inverted: bool) -> bytes:
    """A TIFF of one row, as scanners write it; Pillow itself writes no 12 bits."""
    stream = "".join(f"{value:0{bits}b}" for value in values) if bits == 12 else ""
    row = int(stream, 2).to_bytes(len(stream) // 8, "big") if stream else values.astype("<u2").tobytes()
    return tiff([row], {256: [len(values)], 257: [1], 258: [bits], 262: [0 if is_inverted else 1]})


def tiff(strips: list[bytes], tags: dict[int, list[int]]) -> bytes:
    """An uncompressed TIFF of the given strips and tags, all of whose numbers are of 32 bits."""
    tags = {259: [1], 277: [1], 278: tags[257], 279: [len(strip) for strip in strips]} | tags
    start = 8 + 2 + 12 * (len(tags) + 1) + 4
    after = sum(4 * len(values) for values in tags.values() if len(values) > 1) + 4 * len(strips) * (len(strips) > 1)
    tags[273] = [start + after + sum(map(len, strips[:i])) for i in range(len(strips))]
    fields, beyond = b"", b""
    for tag, values in sorted(tags.items()):
        packed = struct.pack(f"<{len(values)}I", *values)
        fields += struct.pack("<HHI", tag, 4, len(values))
        fields += packed if len(values) == 1 else struct.pack("<I", start + len(beyond))
        beyond += packed if len(values) > 1 else b""
    return b"II" + struct.pack("<HIH", 42, 8, len(tags)) + fields + bytes(4) + beyond + b"".join(strips)


def test_channels_one_after_another_are_read_in_8_bits_and_refused_in_16(tmp_path):
    values = np.random.default_rng(0).integers(0, 255, (3, 5, 7), dtype=np.uint8)
    for kind, words in ((np.uint8, ""), (np.uint16, "16 bits and the channels one after another; save 8 bits")):
        bits = 8 * np.dtype(kind).itemsize
        tags = {256: [7], 257: [5], 258: [bits] * 3, 262: [2], 277: [3], 284: [2]}
        (tmp_path / "image.tif").write_bytes(tiff([channel.astype(kind).tobytes() for channel in values], tags))
        if words:
            assert words in refusal(tmp_path / "image.tif")
        else:
            assert (np.asarray(read_rgb(tmp_path / "image.tif")) == values.transpose(1, 2, 0)).all()


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({339: [2]}, "numbers with a sign have no defined white"),
        ({254: [1]}, "a small copy comes before the photograph, as in camera raw files"),
        ({262: [32803]}, "a TIFF of a kind that is not read"),
    ],
)
def test_a_tiff_that_would_be_read_as_something_else_is_refused(tags, words, tmp_path):
    plain = {256: [4], 257: [2], 258: [8], 262: [1]}
    (tmp_path / "image.dng").write_bytes(tiff([bytes(8)], plain))
    assert read_rgb(tmp_path / "image.dng").size == (4, 2)
    (tmp_path / "image.dng").write_bytes(tiff([bytes(8)], plain | tags))
    assert words in refusal(tmp_path / "image.dng")


def test_a_pointer_of_git_lfs_is_named(tmp_path):
    (tmp_path / "image.jpg").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n")
    assert "a pointer of Git LFS" in refusal(tmp_path / "image.jpg")


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 2}])
def test_a_jpeg_whose_rest_is_zeros_is_refused_and_one_with_something_behind_it_is_read(options, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (90, 70, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "whole.jpg", exif=_with_thumbnail(), **options)
    content = (tmp_path / "whole.jpg").read_bytes()
    expected = np.asarray(read_rgb(tmp_path / "whole.jpg"))
    for odd in (content + bytes(4096), content + b"\xff\xda" + bytes(99), content[:2] + b"\xff\xff" + content[2:]):
        (tmp_path / "odd.jpg").write_bytes(odd)
        assert (np.asarray(read_rgb(tmp_path / "odd.jpg")) == expected).all()
    (tmp_path / "copied.jpg").write_bytes(content[:-3000] + bytes(3000))
    assert "its end is missing" in refusal(tmp_path / "copied.jpg")


def _with_thumbnail() -> bytes:
    """EXIF with a JPEG of its own inside, which has an end."""
    small = io.BytesIO()
    Image.new("RGB", (8, 8)).save(small, "JPEG")
    return b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0" + small.getvalue()


def test_modes_of_print_and_line_art_are_seen_as_they_look(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "print.jpg", quality=100)
    assert np.abs(np.asarray(read_rgb(tmp_path / "print.jpg")).astype(int) - RED).max() < 5
    Image.new("1", (8, 8), 1).save(tmp_path / "lines.png")
    assert (np.asarray(read_rgb(tmp_path / "lines.png")) == 255).all()
    Image.new("LAB", (8, 8), (180, 128, 128)).save(tmp_path / "lab.tiff")
    # CIE L* of 180 / 255 is 70.6 of 100: sRGB grey 173.
    assert (np.asarray(read_rgb(tmp_path / "lab.tiff")) == 173).all()


def test_of_an_animation_the_first_frame_is_read(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN)]
    for form in ("GIF", "WEBP", "PNG"):
        frames[0].save(tmp_path / "image", form, save_all=True, append_images=frames[1:])
        assert np.abs(np.asarray(read_rgb(tmp_path / "image")).astype(int) - RED).max() < 8


def png(width: int, height: int, data: bytes = b"") -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("width", "height", "reason"),
    [(13_300, 13_300, f"13300 x 13300 pixels; at most {MAX_PIXELS:,}"), (60_000, 60_000, "limit"), (0, 5, "")],
)
def test_more_pixels_than_a_photograph_has_are_refused_before_they_take_memory(width, height, reason, tmp_path):
    (tmp_path / "bomb.png").write_bytes(png(width, height))
    assert reason in refusal(tmp_path / "bomb.png")


def test_a_photograph_that_repeats_itself_without_end_is_given_up(tmp_path, monkeypatch):
    Image.new("L", (4000, 4000)).save(tmp_path / "plain.jpg", progressive=True)
    content = (tmp_path / "plain.jpg").read_bytes()
    last_scan = content[content.rindex(b"\xff\xda") : -2]
    (tmp_path / "scans.jpg").write_bytes(content[:-2] + 500 * last_scan + content[-2:])
    assert read_rgb(tmp_path / "plain.jpg").size == (4000, 4000)
    monkeypatch.setattr(images, "DECODING_S", 0.5)
    with pytest.raises(RockspaceError, match=r"scans\.jpg: takes more than 0\.5 s to decode"):
        read_rgb(tmp_path / "scans.jpg")


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_is_cut_off_or_damaged_is_read_or_named_in_one_line(form, tmp_path):
    rng = np.random.default_rng(0)
    file = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (40, 50, 3), dtype=np.uint8)).save(file, form)
    content = file.getvalue()
    for number in range(40):
        changed = np.frombuffer(content, np.uint8).copy()
        places = rng.integers(0, min(len(changed), 400), rng.integers(1, 12))
        changed[places] = rng.integers(0, 256, len(places))
        (tmp_path / "image").write_bytes(changed.tobytes()[: len(content) if number % 2 else rng.integers(1, 400)])
        try:
            image = read_rgb(tmp_path / "image")
        except RockspaceError:
            refusal(tmp_path / "image")
        else:
            assert image.mode == "RGB"


def test_a_photograph_for_a_thumbnail_is_decoded_small_but_is_no_smaller_than_asked(tmp_path):
    Image.new("RGB", (1600, 800), RED).save(tmp_path / "large.jpg")
    image = read_rgb(tmp_path / "large.jpg", smallest_side=150)
    assert 150 <= min(image.size) <= 300
    assert read_rgb(tmp_path / "large.jpg").size == (1600, 800)
