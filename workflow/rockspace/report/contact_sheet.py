"""Many pictures on one sheet, each with its caption."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from rockspace.artifacts import replacing
from rockspace.errors import RockspaceError

_PAPER, _INK = "white", "#222222"
_CAPTION_SHARE = 0.105  # of a tile's side: height of the letters
_SMALLEST, _TITLE = 11, 18  # pixels: letters that stay legible
_LINE = 1.35  # line height over letter height
_COLOURS = 256  # a PNG with a palette is a third of the size, and on textures the eye does not miss the rest


def contact_sheet(
    paths: Sequence[Path],
    captions: Sequence[str],
    output: Path,
    *,
    columns: int,
    tile: int,
    title: str | None = None,
) -> None:
    """Lay pictures out in rows and write them as one picture.

    Args:
        paths: image files, row by row.
        captions: a caption for each; what is too long for a tile's width ends in an ellipsis.
        output: file to write; its suffix says the format. A PNG is reduced to a palette of 256 colours.
        columns: pictures in a row, 1 or more.
        tile: side of a picture on the sheet in pixels, 32 or more; the longer side of a picture fills it.
        title: a line over the sheet.

    Raises:
        RockspaceError: there are no pictures, or not as many captions, or a picture cannot be read.
    """
    if not paths or len(paths) != len(captions):
        raise RockspaceError(f"contact sheet {output}: {len(paths)} pictures and {len(captions)} captions")
    if columns < 1 or tile < 32:
        raise RockspaceError(f"contact sheet {output}: {columns} columns of {tile} pixels, at least 1 of 32")
    font = ImageFont.load_default(max(_SMALLEST, round(_CAPTION_SHARE * tile)))
    caption_height = round(_LINE * font.size) if any(captions) else 0
    heading = round(2 * _LINE * _TITLE) if title else 0
    gap = max(2, tile // 24)
    columns = min(columns, len(paths))
    rows = -(-len(paths) // columns)
    size = (columns * (tile + gap) + gap, heading + rows * (tile + caption_height + gap) + gap)
    sheet = Image.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(sheet)
    if title:
        title_font = ImageFont.load_default(_TITLE)
        line = _fitted(title, title_font, size[0] - 4 * gap)
        pen.text((2 * gap, heading / 2), line, fill=_INK, font=title_font, anchor="lm")
    for number, (path, caption) in enumerate(zip(paths, captions, strict=True)):
        row, column = divmod(number, columns)
        left, top = gap + column * (tile + gap), heading + row * (tile + caption_height + gap)
        sheet.paste(_tile(path, tile), (left, top))
        middle = (left + tile / 2, top + tile + caption_height / 2)
        pen.text(middle, _fitted(caption, font, tile), fill=_INK, font=font, anchor="mm")
    _save(sheet, output)


def _tile(path: Path, side: int) -> Image.Image:
    try:
        with Image.open(path) as image:
            return ImageOps.pad(image.convert("RGB"), (side, side), Image.Resampling.LANCZOS, color=_PAPER)
    except OSError as error:
        raise RockspaceError(f"contact sheet: {path} cannot be read as a picture: {error}") from error


def _fitted(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1].rstrip()
    return text + "…"


def _save(sheet: Image.Image, output: Path) -> None:
    if output.suffix.lower() == ".png":
        # The default palette follows what is frequent and greys the rest; this one covers every hue.
        palette = sheet.quantize(_COLOURS, method=Image.Quantize.MAXCOVERAGE)
        sheet = sheet.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    with replacing(output) as partial:
        sheet.save(partial, optimize=True, quality=90)
