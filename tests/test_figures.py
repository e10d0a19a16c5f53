"""Labels from outside are drawn as they are written, in any script."""

import logging
import unicodedata

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from rockspace.report import figures
from rockspace.report.confusion import confusion_matrix_figure
from rockspace.report.contact_sheet import contact_sheet
from rockspace.report.figures import FONT, column_style, families, one_line, save

LABELS = {
    "a dollar": "Ba$$in",
    "two dollars": "price ($) to ($)",
    "TeX": r"a_b^c \frac{1}{2} %&#~",
    "Chinese": "\u82b1\u5c97\u5ca9",
    "Japanese": "\u307f\u304b\u3052\u77f3 \u30ab\u30b3\u30a6",
    "Korean": "\ud654\uac15\uc554",
    "Hindi": "\u0917\u0941\u0932\u093e\u092c\u0940",
    "Tamil": "\u0b95\u0bb2\u0bcd",
    "Arabic": "\u0631\u062e\u0627\u0645 (1)",
    "Hebrew": "\u05d0\u05d1\u05df abc",
    "Thai": "\u0e2b\u0e34\u0e19",
    "Greek and Cyrillic": "\u03bc\u03ac\u03c1\u03bc\u03b1 \u043c\u0440\u0430\u043c\u043e\u0440",
    "an emoji": "\U0001faa8\ufe0f",
    "many scripts": "\u5ca9 \u0631\u062e \u0917 $x$ granite",
}


def ink(text: str, **options) -> np.ndarray:
    """What a text leaves on paper, drawn as a label is."""
    with column_style():
        figure = plt.figure(figsize=(2, 0.4))
        figure.text(0.02, 0.3, text, **options)
        fonts = families(text)
        for each in figure.texts:
            each.set_fontfamily(fonts)
        figure.canvas.draw()
        pixels = np.asarray(figure.canvas.buffer_rgba())[..., 0] < 128
        plt.close(figure)
    return pixels


@pytest.mark.parametrize("label", LABELS.values(), ids=LABELS)
def test_a_label_in_any_script_is_drawn_and_stays_text_in_svg(label, tmp_path, caplog):
    confusion_matrix_figure([label], [label], {label: label}, tmp_path / "picture.png")
    confusion_matrix_figure([label], [label], {label: label}, tmp_path / "picture.svg")
    assert "no font has" not in caplog.text
    assert f">{label.replace('&', '&amp;')}</text>" in (tmp_path / "picture.svg").read_text()
    # A glyph of its own for each letter: no two of them are the same box.
    letters = [c for c in dict.fromkeys(label) if unicodedata.category(c)[0] == "L"]
    drawn = {ink(letter).tobytes() for letter in letters}
    assert len(drawn) == len(letters)
    assert ink("").tobytes() not in drawn


def test_nothing_in_a_label_is_mathematics():
    for text in ("$x$", "a_b", r"\alpha", "Ba$$in"):
        assert (ink(text) == ink(text, parse_math=False)).all()
        assert ink(text).sum() > 20


def test_letters_that_change_with_their_neighbours_are_joined():
    # Arabic noon, four times: joined it is narrower than four that stand alone.
    width = lambda text: np.flatnonzero(ink(text).any(axis=0)).max()  # noqa: E731
    assert width("\u0646" * 4) < 0.9 * width("\u0646\u200c" * 4)


def test_a_picture_with_latin_letters_has_the_font_it_always_had():
    assert families("lightness, \u00e9, \u2212 \u03bb") == [FONT]


def test_a_script_that_no_font_has_is_told_in_one_line(caplog, monkeypatch):
    monkeypatch.setattr(figures, "findSystemFonts", list)
    caplog.set_level(logging.WARNING)
    families("\u0f40\u0f41 granite")
    (record,) = caplog.records
    assert "TIBETAN LETTER KA" in record.getMessage()
    assert "install a font" in record.getMessage()


def test_a_font_of_the_system_is_found_where_the_packaged_ones_lack_a_letter(monkeypatch):
    packaged = figures.FONT_PACKAGES
    monkeypatch.setattr(figures, "FONT_PACKAGES", ())
    fonts = [path for package in packaged for path in map(str, figures.files(package).iterdir()) if "CJK" in path]
    monkeypatch.setattr(figures, "findSystemFonts", lambda: [__file__, *fonts])
    assert families("\u5ca9") == [FONT, "Noto Sans CJK JP"]


def test_a_users_own_settings_change_nothing(tmp_path):
    def drawn(name: str) -> bytes:
        with column_style():
            figure, axis = plt.subplots(figsize=(2, 2))
            axis.plot([0, 1], label="price ($)")
            axis.legend()
            save(figure, [tmp_path / name])
        return (tmp_path / name).read_bytes()

    before = drawn("a.png")
    with mpl.rc_context({"font.family": "serif", "axes.facecolor": "black", "text.usetex": True, "savefig.dpi": 20}):
        assert drawn("b.png") == before


def test_captions_too_long_for_their_tile_end_in_an_ellipsis_in_any_script(tmp_path):
    Image.new("RGB", (40, 40), "white").save(tmp_path / "white.png")
    caption = LABELS["Chinese"] * 20
    contact_sheet([tmp_path / "white.png"], [caption], tmp_path / "sheet.png", columns=1, tile=64)
    with Image.open(tmp_path / "sheet.png") as sheet:
        dark = np.asarray(sheet.convert("L")) < 128
    assert dark.any()
    assert not dark[:, :2].any()
    assert not dark[:, -2:].any()


def test_a_name_too_long_or_of_several_lines_is_one_short_line():
    assert one_line("tab\tand\nnewline\x07") == "tab and newline"
    assert one_line("x" * 40) == "x" * 40
    assert one_line("word " * 20, 12) == "word word w…"


def test_long_labels_leave_the_matrix_its_room(tmp_path):
    labels = [f"{i} {'a very long label ' * 10}" for i in range(12)]
    superclasses = {label: f"superclass {i} {'b' * 100}" for i, label in enumerate(labels)}
    confusion_matrix_figure(labels, labels, superclasses, tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as picture:
        blue = np.asarray(picture.convert("RGB")).astype(int)
    dark = (blue[..., 2] > 80) & (blue[..., 0] < 40)
    # The diagonal, from one corner of a square to the other.
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    assert np.ptp(rows) > 0.3 * picture.height
    assert np.ptp(columns) > 0.3 * picture.width
