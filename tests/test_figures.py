"""Labels from outside are drawn as they are written, in any script."""

import logging
import re
import unicodedata

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rockspace.alignment.aligned import OBSERVED, PREDICTED
from rockspace.alignment.layer_profile import layer_profile
from rockspace.inference.embeddings import Embeddings
from rockspace.report import figures
from rockspace.report.alignment import displacement_maps, predicted_against_observed
from rockspace.report.augmentation_preview import augmentation_figure
from rockspace.report.comparison import comparison_figure
from rockspace.report.confusion import confusion_matrix_figure
from rockspace.report.contact_sheet import contact_sheet
from rockspace.report.curves import all_learning_curves, learning_curves
from rockspace.report.figures import FONT, column_style, families, one_line, save
from rockspace.report.layer_profile import profile_figure
from rockspace.report.mistakes import mistakes_figure
from test_alignment_pictures import layer_figures
from test_comparison import figures as figures_of_layer

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
    pictures = [tmp_path / "picture.png", tmp_path / "picture.svg"]
    confusion_matrix_figure([label], [label], {label: label}, "lite0", pictures)
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
    # Each of these is as wide as two Latin letters.
    assert one_line("\u5ca9" * 20, 12) == "\u5ca9" * 5 + "…"


def test_long_labels_leave_the_matrix_its_room(tmp_path):
    labels = [f"{i} {'a very long label ' * 10}" for i in range(12)]
    superclasses = {label: f"superclass {i} {'b' * 100}" for i, label in enumerate(labels)}
    confusion_matrix_figure(labels, labels, superclasses, "lite0", [tmp_path / "picture.png"])
    with Image.open(tmp_path / "picture.png") as picture:
        blue = np.asarray(picture.convert("RGB")).astype(int)
    dark = (blue[..., 2] > 80) & (blue[..., 0] < 40)
    # The diagonal, from one corner of a square to the other.
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    assert np.ptp(rows) > 0.3 * picture.height
    assert np.ptp(columns) > 0.3 * picture.width


NAMES = {
    "plain": "granite",
    "long": "a very long name that goes on and on",
    "Chinese": "\u82b1\u5c97\u5ca9" * 6,
    "Arabic": "\u0631\u062e\u0627\u0645",
}


def every_picture(folder, photograph, name: str, dimensions: int, labels: int) -> None:
    """Draw each kind of picture of a study of so many dimensions, labels, models and layers, all with names like `name`."""
    rng = np.random.default_rng(0)
    names = [f"{i} {name}" for i in range(labels)]
    of_dimensions = [f"{name} {i}" for i in range(dimensions)]
    images = pd.DataFrame({"image_id": [str(i) for i in range(labels + 6)]})
    images["label"] = (names * 9)[: len(images)]
    for dimension in of_dimensions:
        images[OBSERVED.format(dimension)], images[PREDICTED.format(dimension)] = rng.normal(size=(2, len(images)))
    ends = {f"r_held_out_{end}_{units}": -0.11 for end in ("low", "high") for units in ("images", "subtypes")}
    r = pd.DataFrame({"dimension": of_dimensions, "r_held_out": -0.55}).assign(**ends)
    photographs, title = [photograph] * len(images), f"{name}, seed 0"

    def outputs(picture: str) -> list:
        return [folder / f"{picture}.svg", folder / f"{picture}.caption.txt"]

    predicted_against_observed(images, r, layer_figures(dimensions), photographs, title, outputs("predicted"))
    displacement_maps(images, of_dimensions, photographs, title, outputs("maps"))
    guesses = images["label"].to_numpy()[::-1]
    confusion_matrix_figure(images["label"], guesses, dict.fromkeys(names, name), title, outputs("confusion"))
    mistakes = images[["image_id", "label"]].assign(
        split="validation", predicted=guesses, probability=0.5, correct=images["label"] == guesses
    )
    image_id, label = (np.tile(images[part].to_numpy(str), 2) for part in ("image_id", "label"))
    split = np.repeat(["validation", "train"], len(images))
    training = Embeddings(image_id, split, label, np.zeros((len(label), 2)))
    mistakes_figure(mistakes, training, dict.fromkeys(images["image_id"], photograph), title, name, outputs("mistakes"))
    head = pd.DataFrame({"phase": "head", "accuracy": [0.1, 0.2], "loss": 2.0, "val_accuracy": 0.1, "val_loss": 3.0})
    finetune = head.assign(phase=["select", "refit"], best=True)
    learning_curves(head, finetune, names, "stopping set", title, outputs("curves"))
    histories = {f"{name} {i}, seed 0": (head, finetune) for i in range(min(dimensions, 5))}
    all_learning_curves(histories, names, "stopping set", outputs("all_curves"))
    layers = [f"{name} {i}" for i in range(5 * dimensions)]
    reports = [(0, layer, figures_of_layer(0.5)) for layer in layers]
    profile_figure(layer_profile(reports, layers), names, title, outputs("profile"))
    entries = pd.DataFrame(
        {"model": f"{name} model", "layer": layers, "seed": "0", "mean_r": np.linspace(0, 0.9, len(layers))}
    ).assign(**{f"{end}_{units}": 0.5 for end in ("low", "high") for units in ("images", "subtypes")})
    entries = entries.assign(seeds_low=entries["mean_r"], seeds_high=entries["mean_r"])
    pairs = pd.DataFrame(
        {
            "differs_in": "layer",
            **{f"model_{side}": f"{name} model" for side in "ab"},
            "layer_a": layers[1:],
            "layer_b": layers[:-1],
            "difference": 0.1,
            "p_images_holm": 0.01,
            "p_subtypes_holm": 0.01,
            **{f"{end}_{units}": 0.05 for end in ("low", "high") for units in ("images", "subtypes")},
        }
    )
    chance = {(f"{name} model", layer): (0.2, -0.1, 0.4) for layer in layers}
    comparison_figure(entries, pairs, names, outputs("comparison"), chance)
    views = np.zeros((min(labels, 6), 8, 16, 16, 3), np.uint8)
    augmentation_figure(views, names[:6], title, {"zoom": 0.2}, outputs("augmentation"))


@pytest.mark.parametrize(
    ("name", "dimensions", "labels"), [("plain", 1, 1), ("long", 2, 12), ("Chinese", 3, 6), ("Arabic", 8, 30)]
)
def test_every_picture_is_as_wide_as_a_column_has_one_size_of_text_and_nothing_is_cut_off(
    monkeypatch, tmp_path, caplog, name, dimensions, labels
):
    drawn = []
    monkeypatch.setattr(plt, "close", drawn.append)
    Image.new("RGB", (40, 30), "red").save(tmp_path / "red.png")
    every_picture(tmp_path, tmp_path / "red.png", NAMES[name], dimensions, labels)
    monkeypatch.undo()
    assert "no font has" not in caplog.text
    pictures = sorted(tmp_path.glob("*.svg"), key=lambda file: file.stat().st_mtime_ns)
    assert len(pictures) == len(drawn) == 9
    for file, figure in zip(pictures, drawn, strict=True):
        svg, caption = file.read_text(), file.with_suffix(".caption.txt").read_text()
        assert re.search(r'<svg [^>]*width="([\d.]+)pt"', svg)[1] in (f"{mm / 25.4 * 72:.6f}" for mm in (89, 183)), file
        assert set(re.findall(r"font: ([\d.]+)px|font-size: ([\d.]+)px", svg)) <= {("7", ""), ("", "7")}, file
        assert ("seed 0" in svg) == (file.stem != "comparison"), file
        assert caption.endswith(".\n"), file
        assert len(caption) > 60, file
        with column_style():
            box = figure.get_tightbbox()
        low, high = (box.x0, box.y0), (figure.get_figwidth() - box.x1, figure.get_figheight() - box.y1)
        assert min(*low, *high) > -0.02, (file, box, figure.get_size_inches())
        plt.close(figure)
