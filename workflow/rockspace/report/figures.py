"""What all pictures of the alignment share: a column's width, fonts, colours, and how they are saved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from rockspace.artifacts import replacing

# Width of a journal's column (inches); fonts are set for this size and not scaled.
COLUMN = 3.5
RESOLUTION = 300

# Okabe and Ito's palette, which the common forms of colour blindness tell apart.
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
GREY = "#777777"

_STYLE = {
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 6,
    "ytick.labelsize": 6,
    "legend.fontsize": 6,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.0,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    # Text stays text, and the same picture is the same file.
    "svg.fonttype": "none",
    "svg.hashsalt": "rockspace",
}

# By format. Of photographs a JPEG is a fifth of a PNG, and at this quality letters stay clean.
_OPTIONS = {".svg": {"metadata": {"Date": None}}, ".jpg": {"pil_kwargs": {"quality": 92, "subsampling": 0}}}


@contextmanager
def column_style() -> Iterator[None]:
    """Draw with fonts and lines that suit a journal's column."""
    with mpl.rc_context(_STYLE):
        yield


def save(figure: Figure, outputs: Iterable[str | Path]) -> None:
    """Write a figure to each file, in the format of its suffix, and close it."""
    for output in map(Path, outputs):
        with replacing(output) as partial:
            figure.savefig(partial, dpi=RESOLUTION, **_OPTIONS.get(output.suffix, {}))
    plt.close(figure)
