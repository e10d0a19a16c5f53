"""Learning curves of both phases in one picture."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from rockspace.artifacts import replacing

# Okabe and Ito's palette, which the common forms of colour blindness tell apart.
TRAINING, WATCHED = "#0072B2", "#D55E00"
PHASES = {"head": "frozen base", "select": "fine-tuning", "refit": "again,\non all images"}


def learning_curves(head: pd.DataFrame, finetune: pd.DataFrame, watched: str, title: str, outputs: list[Path]) -> None:
    """Draw accuracy and loss over the epochs of both phases, training and watched images.

    Args:
        head: History of the first phase: ``phase, epoch, loss, accuracy, val_loss, val_accuracy``.
        finetune: History of the second, with ``best`` marking the epoch whose weights were kept.
        watched: What the ``val_`` columns were measured on, in words.
        title: What was trained.
        outputs: Files to write; the suffix says the format.
    """
    history = pd.concat([head.assign(best=False), finetune], ignore_index=True)
    history["x"] = range(1, len(history) + 1)
    figure, axes = plt.subplots(2, 1, figsize=(5.2, 5.2), sharex=True, layout="constrained")
    for axis, quantity, unit in zip(axes, ("accuracy", "loss"), ("accuracy (%)", "loss (nats)"), strict=True):
        scale = 100 if quantity == "accuracy" else 1
        _lines(axis, history, quantity, scale, watched)
        axis.set_ylabel(unit)
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_ylim(bottom=0)
    axes[0].set_ylim(0, 105)
    axes[0].set_title(title, loc="left", fontsize=10, pad=22)
    axes[0].legend(frameon=False, fontsize=8, loc="lower right")
    axes[1].set_xlabel("epoch")
    _phases(axes, history)
    for output in outputs:
        with replacing(output) as partial:
            # Without a date in the file, the same history gives the same bytes.
            metadata = {"Date": None} if output.suffix == ".svg" else None
            figure.savefig(partial, dpi=200, metadata=metadata)
    plt.close(figure)


def _lines(axis: Axes, history: pd.DataFrame, quantity: str, scale: float, watched: str) -> None:
    for i, (_, phase) in enumerate(history.groupby("phase", sort=False)):
        few = "o" if len(phase) < 3 else None
        axis.plot(
            phase["x"],
            scale * phase[quantity],
            color=TRAINING,
            marker=few,
            ms=3,
            label=None if i else "training images",
        )
        values = phase.get(f"val_{quantity}")
        if values is not None and values.notna().any():
            axis.plot(
                phase["x"], scale * values, color=WATCHED, ls="--", marker=few, ms=3, label=None if i else watched
            )
    best = history[history["best"].astype(bool) & (history["phase"] == "select")]
    axis.plot(best["x"], scale * best[f"val_{quantity}"], "o", color=WATCHED, mfc="white", ms=6, label="best epoch")


def _phases(axes: list[Axes], history: pd.DataFrame) -> None:
    for phase, rows in history.groupby("phase", sort=False):
        first, last = rows["x"].iloc[0] - 0.5, rows["x"].iloc[-1] + 0.5
        for axis in axes:
            if first > 1:
                axis.axvline(first, color="0.6", lw=0.8)
        axes[0].annotate(
            PHASES[str(phase)],
            ((first + last) / 2, 1.01),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="bottom",
            fontsize=8,
            color="0.35",
        )
