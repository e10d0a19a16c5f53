"""The closing message of a run: the summary as a table for a terminal, and the names of the files with more."""

import textwrap
from collections.abc import Mapping

import pandas as pd

from rockspace.report.columns import BY_NAME, TOP1, R, estimate_of, has_accuracy

WIDTH = 80  # columns
MOST_ROWS = 12
ACCURACY, HEADINGS = "top-1 (95 %)", ("r held-out (95 %)", "chance", "p")
LEGEND = (
    "r: mean correlation with people's coordinates of the validation images, by a",
    "rotation learnt on the training images; chance, p: of this r, {null} paired",
    "at random; 95 %: over {interval}",
)


def closing_words(summary: pd.DataFrame, study: str, files: Mapping[str, str], answer: str = "") -> str:
    """Write the summary as a short table, at most 80 columns wide, with the answer and the names of files below it.

    Args:
        summary: As ``summary.csv`` has it.
        study: Name of the study.
        files: What a file or command is, and its name.
        answer: Of the overview, in words, if it has been made.

    Returns:
        Lines of text. Of several layers only each model's last is shown, of many models and seeds the first
        twelve; what is left out is counted. Only with a model that has an accuracy there is a column of it.
    """
    shown = summary.groupby(["model", "seed"], sort=False).tail(1).head(MOST_ROWS)
    rows, several = shown.to_dict("records"), shown["model"].duplicated(keep=False)
    names = [
        f"{row['model']} seed {row['seed']}" if seeds else row["model"]
        for row, seeds in zip(rows, several, strict=True)
    ]
    accuracy = any(map(has_accuracy, rows))
    headings = (ACCURACY, *HEADINGS) if accuracy else HEADINGS
    cells = [(_accuracy(row), *_cells(row)) if accuracy else _cells(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    room = WIDTH - sum(widths) - 2 * len(widths)
    first = min(room, max(len(study), *map(len, names)))
    lines = [_line(study, headings, first, widths), "-" * (first + sum(widths) + 2 * len(widths))]
    lines += [_line(name, row, first, widths) for name, row in zip(names, cells, strict=True)]
    if len(shown) < len(summary):
        lines.append(f"... {len(summary) - len(shown)} more rows in the summary")
    indent = max(map(len, files))
    columns = {"null": f"{R}_null", "interval": f"{R}_interval", "top1": f"{TOP1}_interval"}
    over = {
        part: " or ".join(dict.fromkeys(shown[f"{column}_over"].dropna())) or "images"
        for part, column in columns.items()
    }
    legend = [line.format(**over) for line in LEGEND]
    legend[-1] += f", of top-1 over {over['top1']}." if accuracy else "."
    said = [textwrap.fill(answer, WIDTH), ""] if answer else []
    return "\n".join([*lines, "", *legend, "", *said, *(f"{what:{indent}}  {name}" for what, name in files.items())])


# Ends with fewer digits than those of `Column.cell`, for 80 columns.
def _accuracy(row: Mapping[str, object]) -> str:
    found = estimate_of(row, TOP1)
    ends = f" ({100 * found.low:.0f}-{100 * found.high:.0f})" if found.has_interval else ""
    return BY_NAME[TOP1].written(found.value) + ends


def _cells(row: Mapping[str, object]) -> tuple[str, ...]:
    held_out, *others = (BY_NAME[name].written(row[name]) for name in (R, f"{R}_null", f"{R}_p"))
    found = estimate_of(row, R)
    return held_out + (f" [{found.low:z.2f}, {found.high:z.2f}]" if found.has_interval else ""), *others


def _line(name: str, cells: tuple[str, ...], first: int, widths: list[int]) -> str:
    # Names that are alike differ in their ends, which keep two thirds of the room.
    begin = first // 3 - 1
    shortened = name if len(name) <= first else f"{name[:begin]}..{name[len(name) - (first - begin - 2) :]}"
    return "  ".join([shortened.ljust(first), *(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))])
