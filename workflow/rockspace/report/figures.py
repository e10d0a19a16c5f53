"""What all pictures share: the widths of journals, fonts for every script, colours, and how they are saved."""

from __future__ import annotations

import logging
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findSystemFonts, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

from rockspace.artifacts import replacing, write_text

mpl.use("agg")  # whatever the user's own settings are: pictures go to files

# Widths of journals, one column and two: 89 and 183 mm (inches). Pictures are printed at the size they are drawn in.
COLUMN, TWO_COLUMNS = 89 / 25.4, 183 / 25.4
RESOLUTION = 300
# Size of all text (points), room of a line of it, and about that of a letter (inches).
SIZE = 7
LINE, LETTER = 1.5 * SIZE / 72, 0.62 * SIZE / 72

# Okabe and Ito's palette, which the common forms of colour blindness tell apart.
BLUE, GREEN, VERMILION, PURPLE = "#0072B2", "#009E73", "#D55E00", "#CC79A7"
GREY = "#777777"

FONT = "DejaVu Sans"  # comes with matplotlib
# Packages with fonts of the Noto project, for the scripts that it lacks.
FONT_PACKAGES = ("manimgx_fonts", "noto_cjk_sans_jp_regular")

_STYLE = {
    "font.family": FONT,
    "font.size": SIZE,
    # Others are given in words, relative to this size.
    **dict.fromkeys(
        (
            "axes.titlesize",
            "axes.labelsize",
            "xtick.labelsize",
            "ytick.labelsize",
            "legend.fontsize",
            "legend.title_fontsize",
            "figure.titlesize",
            "figure.labelsize",
        ),
        SIZE,
    ),
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.0,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    # Names come from outside: a dollar in one is a dollar, and begins no formula.
    "text.parse_math": False,
    # Text stays text, and the same picture is the same file.
    "svg.fonttype": "none",
    "svg.hashsalt": "rockspace",
}

# By format. Of photographs a JPEG is a fifth of a PNG, and at this quality letters stay clean.
_OPTIONS: dict[str, Any] = {
    ".svg": {"metadata": {"Date": None}},
    ".jpg": {"pil_kwargs": {"quality": 92, "subsampling": 0}},
}

log = logging.getLogger(__name__)


@contextmanager
def column_style() -> Iterator[None]:
    """Draw with fonts and lines that suit a journal's column, whatever the user's own settings are."""
    with mpl.style.context(["default", _STYLE]), warnings.catch_warnings():
        # One for each character that a font lacks, before another font is found; see `families`.
        warnings.filterwarnings("ignore", r"Glyph \d+ ", UserWarning)
        yield


def save(figure: Figure, outputs: Iterable[str | Path], caption: str = "") -> None:
    """Write a figure to each file, in the format of its suffix, and its caption to those that end in ``.txt``; close it."""
    figure.draw_without_rendering()  # labels of ticks have their words from here on
    texts = figure.findobj(Text)
    fonts = families("".join(text.get_text() for text in texts))
    if fonts != [FONT]:
        for text in texts:
            text.set_fontfamily(fonts)
    for output in map(Path, outputs):
        if output.suffix == ".txt":
            write_text(output, f"{caption}\n")
            continue
        with replacing(output) as partial:
            figure.savefig(partial, dpi=RESOLUTION, **_OPTIONS.get(output.suffix, {}))
    plt.close(figure)


def one_line(text: str, longest: int = 40) -> str:
    """Bring a name from outside to one line, and shorten it where it is wider than ``longest`` Latin letters."""
    text = " ".join("".join(" " if unicodedata.category(c) == "Cc" else c for c in text).split())
    if letters(text) <= longest:
        return text
    while letters(text) > longest - 1:
        text = text[:-1].rstrip()
    return f"{text}…"


def shortened(name: str, longest: int) -> str:
    """Leave out the middle of a name that is wider than ``longest`` Latin letters: the end tells names apart that begin alike."""
    name = one_line(name, 1000)
    if letters(name) <= longest:
        return name
    return one_line(name, longest // 2) + one_line(name[::-1], longest // 2).removesuffix("…")[::-1]


def letters(text: str) -> int:
    """How many Latin letters a text is about as wide as; Chinese characters, for example, take two each."""
    return sum(1 + (unicodedata.east_asian_width(character) in "WF") for character in text)


def wrapped(text: str, width: float) -> str:
    """Break a text into lines of at most a width (inches), between words where it can."""
    room = int(width / LETTER)
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and letters(f"{lines[-1]} {word}") > room:
            lines.append("")
        lines[-1] = one_line(f"{lines[-1]} {word}".strip(), room)
    return "\n".join(lines)


def families(text: str) -> list[str]:
    """Names of fonts that together have every character of ``text``, first the one that all pictures use.

    Fonts that come with the installation are tried before those of the system. What none has is logged in one line.
    """
    names = [FONT]
    missing = {character for character in text if _is_drawn(character)} - _characters(
        str(fontManager.findfont(FontProperties(family=FONT)))
    )
    for path in _further_fonts() if missing else ():
        if found := missing & _characters(path):
            names.append(_register(path))
            missing -= found
        if not missing:
            break
    if missing:
        examples = ", ".join(f"{c} ({unicodedata.name(c, hex(ord(c)))})" for c in sorted(missing)[:5])
        log.warning(
            "no font has %s%s, drawn as boxes: install a font that does, such as the Noto font of its script",
            examples,
            "" if len(missing) <= 5 else f" and {len(missing) - 5} more characters",
        )
    return names


def _is_drawn(character: str) -> bool:
    """Whether a character leaves ink; spaces, controls, joiners and selectors of variants do not."""
    return unicodedata.category(character)[0] not in "CZ" and not "\ufe00" <= character <= "\ufe0f"


def _further_fonts() -> Iterator[str]:
    for package in FONT_PACKAGES:
        yield from sorted(str(path) for path in files(package).iterdir() if path.name.endswith((".ttf", ".otf")))
    yield from sorted(findSystemFonts())


@cache
def _characters(path: str) -> frozenset[str]:
    try:
        return frozenset(map(chr, FT2Font(path).get_charmap()))
    except (OSError, RuntimeError):  # a font of the system that FreeType cannot read
        return frozenset()


@cache
def _register(path: str) -> str:
    """Make a font known to matplotlib, and return its name."""
    fontManager.addfont(path)
    return next(font.name for font in fontManager.ttflist if font.fname == path)
