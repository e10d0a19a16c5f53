"""Many pictures on one sheet."""

import numpy as np
import pytest
from PIL import Image

from rockspace.errors import RockspaceError
from rockspace.report.contact_sheet import contact_sheet

COLOURS = [(200, 30, 30), (30, 160, 30), (40, 40, 200), (220, 200, 40), (150, 60, 160)]


@pytest.fixture
def pictures(tmp_path):
    paths = []
    for number, colour in enumerate(COLOURS):
        paths.append(tmp_path / f"{number}.jpg")
        Image.new("RGB", (120, 60), colour).save(paths[-1], quality=95)
    return paths


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_pictures_lie_row_by_row_in_the_order_given(pictures, tmp_path):
    contact_sheet(pictures, [""] * 5, tmp_path / "sheet.png", columns=3, tile=60)
    sheet = pixels(tmp_path / "sheet.png")
    height, width, _ = sheet.shape
    middles = [((row + 0.5) * height / 2, (column + 0.5) * width / 3) for row in (0, 1) for column in (0, 1, 2)]
    for (y, x), colour in zip(middles, [*COLOURS, (255, 255, 255)], strict=True):
        assert np.abs(sheet[round(y), round(x)] - colour).max() < 20


def test_a_picture_keeps_its_proportions_on_white(pictures, tmp_path):
    contact_sheet(pictures[:1], [""], tmp_path / "sheet.png", columns=1, tile=64)
    coloured = pixels(tmp_path / "sheet.png").min(axis=2) < 128
    rows, columns = np.flatnonzero(coloured.any(axis=1)), np.flatnonzero(coloured.any(axis=0))
    assert (len(rows), len(columns)) == (pytest.approx(32, abs=1), pytest.approx(64, abs=1))


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_captions_and_title_are_written_in_ink_inside_the_sheet(pictures, tmp_path, suffix):
    plain, written = tmp_path / f"plain.{suffix}", tmp_path / f"written.{suffix}"
    contact_sheet(pictures, [""] * 5, plain, columns=5, tile=80)
    captions = ["Slate", "Shale", "Chert", "a caption far too long for its tile", ""]
    contact_sheet(pictures, captions, written, columns=5, tile=80, title="Five colours")
    without, with_text = pixels(plain), pixels(written)
    assert with_text.shape[1] == without.shape[1]
    assert with_text.shape[0] > without.shape[0] + 20
    ink = with_text.max(axis=2) < 90
    assert ink.sum() > 150
    assert not ink[:, :2].any()
    assert not ink[:, -2:].any()


def test_no_hue_is_lost_to_the_palette(tmp_path):
    hues = np.linspace(0, 255, 12, endpoint=False).astype(np.uint8)
    paths = []
    for number, hue in enumerate(hues):
        paths.append(tmp_path / f"{number}.png")
        Image.new("HSV", (64, 64), (int(hue), 60, 160)).convert("RGB").save(paths[-1])
    contact_sheet(paths, [""] * 12, tmp_path / "sheet.png", columns=12, tile=32)
    sheet = pixels(tmp_path / "sheet.png")
    tiles = np.array_split(sheet[10:24], 12, axis=1)
    for path, tile in zip(paths, tiles, strict=True):
        assert np.abs(tile[:, 8:-8].mean(axis=(0, 1)) - pixels(path)[0, 0]).max() < 8


def test_pictures_are_seen_as_training_sees_them(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (60, 30), (200, 30, 30)).save(tmp_path / "turned.jpg", exif=turned)
    Image.fromarray(np.full((40, 40), 32_768, np.uint16)).save(tmp_path / "grey.png")
    Image.new("RGBA", (40, 40), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    paths = [tmp_path / name for name in ("turned.jpg", "grey.png", "clear.png")]
    contact_sheet(paths, [""] * 3, tmp_path / "sheet.png", columns=3, tile=64, background=(0, 0, 255))
    turned, grey, clear = np.array_split(pixels(tmp_path / "sheet.png"), 3, axis=1)
    red = (turned[..., 0] > 150) & (turned[..., 2] < 100)
    assert red.any(axis=1).sum() == pytest.approx(2 * red.any(axis=0).sum(), abs=2)
    assert np.abs(grey[30:40, 30:40] - 128).max() < 5
    assert np.abs(clear[30:40, 30:40] - (0, 0, 255)).max() < 5


@pytest.mark.parametrize(
    ("captions", "columns", "tile", "complaint"),
    [
        (["only one"], 2, 64, "5 pictures and 1 captions"),
        ([""] * 5, 0, 64, "0 columns of 64 pixels"),
        ([""] * 5, 2, 5, "2 columns of 5 pixels"),
    ],
)
def test_impossible_sheets_are_refused(pictures, tmp_path, captions, columns, tile, complaint):
    with pytest.raises(RockspaceError, match=complaint):
        contact_sheet(pictures, captions, tmp_path / "sheet.png", columns=columns, tile=tile)


def test_a_picture_that_cannot_be_read_is_named_and_no_sheet_is_left(pictures, tmp_path):
    pictures[2].write_bytes(b"not a picture")
    with pytest.raises(RockspaceError, match=str(pictures[2])):
        contact_sheet(pictures, [""] * 5, tmp_path / "sheet.png", columns=2, tile=64)
    assert not (tmp_path / "sheet.png").exists()
