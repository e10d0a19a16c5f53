"""Run times of the stages, from Snakemake's benchmark files."""

from pathlib import Path

import pandas as pd


def stage_runtimes(benchmarks: Path) -> pd.DataFrame:
    """Add up the benchmark files of each stage.

    Args:
        benchmarks: The study's folder ``benchmarks/``: a file for each stage, or a folder with a file for each job.

    Returns:
        A row for each stage, the longest first: `stage`, `jobs`, `seconds` (wall time, all jobs one after the
        other) and `memory_mb` (the most that one job held; NaN where it ended before it was measured).
    """
    rows = []
    for path in sorted(benchmarks.rglob("*.tsv")):
        stage = path.relative_to(benchmarks).parts[0].removesuffix(".tsv")
        table = pd.read_csv(path, sep="\t", na_values=["-", "NA"])
        rows.append(
            {"stage": stage, "jobs": len(table), "seconds": table["s"].sum(), "memory_mb": table["max_rss"].max()}
        )
    jobs = pd.DataFrame(rows, columns=["stage", "jobs", "seconds", "memory_mb"])
    stages = jobs.groupby("stage", as_index=False).agg({"jobs": "sum", "seconds": "sum", "memory_mb": "max"})
    return stages.sort_values(["seconds", "stage"], ascending=[False, True], ignore_index=True)


def clock(seconds: float) -> str:
    """Write a duration the way people say it: ``0.4 s``, ``12 s``, ``4 min 05 s``, ``2 h 07 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
