"""Many pictures on one sheet, each with its caption."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image, ImageOps

from rockspace.artifacts import replacing
from rockspace.data.images import WHITE, read_rgb
from rockspace.errors import RockspaceError
from rockspace.report.figures import column_style, families, one_line

_PAPER, _INK = "white", "#222222"
_CAPTION_SHARE = 0.105  # of a tile's side: height of the letters
_SMALLEST, _TITLE = 11, 18  # pixels: letters that stay legible
_LINE = 1.35  # line height over letter height
_COLOURS = 256  # a PNG with a palette is a third of the size, and on textures the eye does not miss the rest
_DPI = 72  # a point is a pixel


def contact_sheet(
    paths: Sequence[Path],
    captions: Sequence[str],
    output: Path,
    *,
    columns: int,
    tile: int,
    title: str | None = None,
    background: tuple[int, int, int] = WHITE,
) -> None:
    """Lay pictures out in rows and write them as one picture.

    Args:
        paths: image files, row by row.
        captions: a caption for each; what is too long for a tile's width ends in an ellipsis.
        output: file to write; its suffix says the format. A PNG is reduced to a palette of 256 colours.
        columns: pictures in a row, 1 or more.
        tile: side of a picture on the sheet in pixels, 32 or more; the longer side of a picture fills it.
        title: a line over the sheet.
        background: around pictures that are not square, and where they are transparent; 0 to 255.

    Raises:
        RockspaceError: there are no pictures, or not as many captions, or a picture cannot be read.
    """
    if not paths or len(paths) != len(captions):
        raise RockspaceError(f"contact sheet {output}: {len(paths)} pictures and {len(captions)} captions")
    if columns < 1 or tile < 32:
        raise RockspaceError(f"contact sheet {output}: {columns} columns of {tile} pixels, at least 1 of 32")
    letters = max(_SMALLEST, round(_CAPTION_SHARE * tile))
    caption_height = round(_LINE * letters) if any(captions) else 0
    heading = round(2 * _LINE * _TITLE) if title else 0
    gap = max(2, tile // 24)
    columns = min(columns, len(paths))
    rows = -(-len(paths) // columns)
    width, height = columns * (tile + gap) + gap, heading + rows * (tile + caption_height + gap) + gap
    with column_style(), mpl.rc_context({"font.family": families("".join([title or "", *captions]))}):
        figure = Figure((width / _DPI, height / _DPI), dpi=_DPI, facecolor=_PAPER)
        canvas = FigureCanvasAgg(figure)

        def write(text: str, x: float, y: float, size: float, room: float, anchor: str) -> None:
            text = fitted(one_line(text, longest=200), size, room)
            figure.text(x / width, 1 - y / height, text, color=_INK, fontsize=size, ha=anchor, va="center")

        @cache
        def fitted(text: str, size: float, room: float) -> str:
            """What fits into ``room`` pixels; what does not ends in an ellipsis."""
            shown, words = Text(text=text, fontsize=size, figure=figure), text
            while shown.get_window_extent().width > room and words:
                words = words[:-1].rstrip()
                shown.set_text(f"{words}…")
            return shown.get_text()

        if title:
            write(title, 2 * gap, heading / 2, _TITLE, width - 4 * gap, "left")
        corners = [
            (gap + column * (tile + gap), heading + row * (tile + caption_height + gap))
            for row, column in (divmod(number, columns) for number in range(len(paths)))
        ]
        for caption, (left, top) in zip(captions, corners, strict=True):
            write(caption, left + tile / 2, top + tile + caption_height / 2, letters, tile, "center")
        canvas.draw()
    sheet = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    for path, corner in zip(paths, corners, strict=True):
        picture = read_rgb(path, background, smallest_side=tile)
        sheet.paste(ImageOps.pad(picture, (tile, tile), Image.Resampling.LANCZOS, color=background), corner)
    _save(sheet, output)


def _save(sheet: Image.Image, output: Path) -> None:
    if output.suffix.lower() == ".png":
        # The default palette follows what is frequent and greys the rest; this one covers every hue.
        palette = sheet.quantize(_COLOURS, method=Image.Quantize.MAXCOVERAGE)
        sheet = sheet.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    with replacing(output) as partial:
        sheet.save(partial, optimize=True, quality=90)
