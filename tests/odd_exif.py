"""Odd EXIF blocks in photographs, by number: the same number is the same block.

Usage: ``python tests/odd_exif.py [COUNT]`` reads 10,000 photographs with such blocks (a minute or two); the tests
read a few hundred.
"""

import io
import struct
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from rockspace.data.images import read_rgb

ORIENTATION = 0x0112
POINTERS = (0x8769, 0x8825, 0xA005)  # to EXIF's, GPS' and interoperability's own directories
TAGS = (*POINTERS, 0x0100, 0x010F, 0x011A, 0x011B, 0x0128, 0x0132, 0x0201, 0x0202, 0x829A, 0x9286, 0x927C, 0xC4A5)
TYPES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}  # bytes of one value
FORMATS = ("JPEG", "PNG", "WEBP", "XMP")
SIZE = (8, 6)  # width and height before turning


def exif_block(rng: np.random.Generator, orientation: int) -> bytes:
    """A directory with the orientation among tags with odd types, counts and values; all of it is where it says."""
    order = "<" if rng.random() < 0.5 else ">"
    tags = list(rng.choice(TAGS, rng.integers(0, 8), replace=False))
    values = {tag: _odd_value(rng) for tag in tags} | {ORIENTATION: (3, 1, struct.pack(f"{order}H", orientation))}
    if rng.random() < 0.5:
        values = dict(sorted(values.items()))
    start = 8 + 2 + 12 * len(values) + 4
    directory, data = b"", b""
    for tag, (kind, count, content) in values.items():
        if len(content) <= 4:
            place = content.ljust(4, b"\0")
        elif rng.random() < 0.2:  # the directory itself, far outside, or nowhere
            place = struct.pack(f"{order}I", rng.choice([8, 0, start + 10_000, 0xFFFFFFFF]))
        else:
            place = struct.pack(f"{order}I", start + len(data))
            data += content
        directory += struct.pack(f"{order}HHI", tag, kind, count) + place
    mark = b"II" if order == "<" else b"MM"
    head = mark + struct.pack(f"{order}HIH", 42, 8, len(values))
    following = struct.pack(f"{order}I", rng.choice([0, 0, 8, 0xFFFFFFF0]))
    return head + directory + following + data


def _odd_value(rng: np.random.Generator) -> tuple[int, int, bytes]:
    kind = int(rng.choice([*TYPES, 0, 99, 0xFFFF]))
    count = int(rng.choice([0, 1, 2, 3, 1000, 0x10000000, 0xFFFFFFFF]))
    content = rng.bytes(min(count, 40) * TYPES.get(kind, 1))
    return kind, count, content


def damaged(rng: np.random.Generator, block: bytes) -> bytes:
    """The block cut off, or with some bytes changed."""
    if rng.random() < 0.4:
        return block[: rng.integers(0, len(block))]
    changed = np.frombuffer(block, np.uint8).copy()
    places = rng.integers(0, len(changed), rng.integers(1, 9))
    changed[places] = rng.integers(0, 256, len(places))
    return changed.tobytes()


def photograph(number: int, path: Path) -> tuple[int, int] | None:
    """Write photograph ``number`` to ``path``; its size once upright, or None where the block is damaged."""
    rng = np.random.default_rng(number)
    orientation = int(rng.integers(1, 9))
    block, is_damaged = exif_block(rng, orientation), rng.random() < 0.5
    if is_damaged:
        block = damaged(rng, block)
    image, file = Image.new("RGB", SIZE, (200, 30, 30)), io.BytesIO()
    match FORMATS[number % len(FORMATS)]:
        case "JPEG":
            # By hand: Pillow would read the block before it writes it.
            image.save(file, "JPEG")
            segment = b"Exif\0\0" + block
            head = b"\xff\xd8\xff\xe1" + struct.pack(">H", 2 + len(segment)) + segment
            path.write_bytes(head + file.getvalue()[2:])
        case "PNG":
            image.save(path, "PNG", exif=block)
        case "WEBP":
            image.save(path, "WEBP", lossless=True, exif=block)
        case "XMP":
            xmp = f'<x:xmpmeta><rdf:Description tiff:Orientation="{orientation}"/>'.encode()
            xmp = damaged(rng, xmp) if is_damaged else xmp
            image.save(path, "WEBP", lossless=True, xmp=xmp)
    if is_damaged:
        return None
    return SIZE if orientation < 5 else SIZE[::-1]


def main() -> None:
    count, found = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photograph"
        for number in tqdm(range(count)):
            size = photograph(number, path)
            image = read_rgb(path)
            assert size in (None, image.size), number
            found["upright" if size else "damaged, and read"] += 1
    print(dict(found))


if __name__ == "__main__":
    main()
