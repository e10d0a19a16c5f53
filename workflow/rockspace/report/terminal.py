"""What a run says in the end: the summary as a table for a terminal, and where the rest is."""

from collections.abc import Mapping, Sequence

import pandas as pd

from rockspace.report.summary import with_leading

WIDTH = 80  # columns
MOST_ROWS = 12
HEADINGS = ("top-1 (95 %)", "r held-out (95 %)", "in-sample", "shuffled", "p")
LEGEND = (
    "r: mean correlation with people's coordinates of the validation images;",
    "held-out: rotation learnt on the training images; in-sample: fitted to the",
    "images it is judged on; shuffled: in-sample by chance; p: of the held-out r.",
)


def closing_words(summary: pd.DataFrame, study: str, files: Mapping[str, str]) -> str:
    """Write the summary as a short table, at most 80 columns wide, with the names of files below it.

    Args:
        summary: As ``summary.csv`` has it.
        study: Name of the study.
        files: What a file or command is, and its name.

    Returns:
        Lines of text. Of several layers only each model's last is shown, of many models and seeds the first
        twelve; what is left out is counted.
    """
    table = with_leading(summary)
    shown = table.groupby(["model", "seed"], sort=False).tail(1).head(MOST_ROWS)
    several = {part: shown[part].nunique() > 1 for part in ("seed", "layer")}
    names = [_name(row, several) for row in shown.to_dict("records")]
    cells = [_cells(row) for row in shown.to_dict("records")]
    widths = [max(map(len, column)) for column in zip(HEADINGS, *cells, strict=True)]
    room = WIDTH - sum(widths) - 2 * len(widths)
    first = min(room, max(len(study), *map(len, names)))
    lines = [_line(study, HEADINGS, first, widths), "-" * (first + sum(widths) + 2 * len(widths))]
    lines += [_line(name, row, first, widths) for name, row in zip(names, cells, strict=True)]
    if len(shown) < len(table):
        lines.append(f"... {len(table) - len(shown)} more rows in the summary")
    indent = max(map(len, files))
    return "\n".join([*lines, "", *LEGEND, "", *(f"{what:{indent}}  {name}" for what, name in files.items())])


def _name(row: Mapping[str, object], several: Mapping[str, bool]) -> str:
    parts = [str(row["model"])]
    if several["seed"]:
        parts.append(f"seed {row['seed']}")
    if several["layer"]:
        parts.append(str(row["layer"]))
    return " ".join(parts)


def _cells(row: Mapping[str, float]) -> tuple[str, ...]:
    top1, low, high = (100 * row[f"validation_top1{end}"] for end in ("", "_low", "_high"))
    p = row["held_out_p"]
    return (
        "-" if pd.isna(top1) else f"{top1:.1f} % ({low:.0f}-{high:.0f})",
        f"{row['held_out_mean_r']:.3f} [{row['held_out_low']:.2f}, {row['held_out_high']:.2f}]",
        *("-" if pd.isna(r) else f"{r:.3f}" for r in (row["in_sample_mean_r"], row["null_mean_r"])),
        "-" if pd.isna(p) else f"{p:.3f}" if p >= 0.001 else f"{p:.1g}",
    )


def _line(name: str, cells: tuple[str, ...], first: int, widths: list[int]) -> str:
    # Names that are alike differ in their ends.
    shortened = (
        name if len(name) <= first else f"{name[: first // 2 - 1]}..{name[len(name) - (first - first // 2 - 1) :]}"
    )
    return "  ".join([shortened.ljust(first), *(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))])


def failure_words(stage: str, wildcards: Mapping[str, str], logs: Sequence[str]) -> str:
    """Say in one line which stage failed and where its log is."""
    which = ", ".join(f"{key} {value}" for key, value in wildcards.items())
    return f"failed: {stage}" + (f" ({which})" if which else "") + (f"; see {', '.join(logs)}" if logs else "")
