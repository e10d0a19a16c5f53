"""Learning curves of both phases: of one network, and of all on one page."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rockspace.errors import RockspaceError
from rockspace.report.captions import caption, counted, listed
from rockspace.report.figures import BLUE, COLUMN, LINE, TWO_COLUMNS, VERMILION, column_style, save, wrapped

TRAINING, WATCHED = BLUE, VERMILION
PHASES = {"head": "frozen base", "select": "fine-tuning", "train": "fine-tuning", "refit": "refit on all images"}
ABOUT_PHASES = {
    "head": "the head, on features of the frozen base",
    "select": "fine-tuning of the whole network",
    "train": "fine-tuning of the whole network",
    "refit": "fine-tuning again, on all training images, for as many epochs as were best",
}
QUANTITIES = {"accuracy": (100, "accuracy (%)"), "loss": (1, "loss")}
TOP = {"accuracy": 105}  # upper ends of scales
# What early stopping watches, by `finetune.selection`.
WATCHED_WORDS = {"holdout": "stopping set", "validation": "validation images", "none": "nothing"}
ABOUT_WATCHED = {
    "stopping set": "Dashed: the stopping set, a part of the training images that the network was not fitted to and that "
    "decided when to stop; the validation images took no part.",
    "validation images": "Dashed: the validation images, which decided when to stop.",
    "nothing": "",
}
# Columns on the page of all networks, and the number of networks beyond which there are twice as many.
MAX_COLUMNS, MANY = 4, 24
# Height of a line with a phase's name (points).
PHASE_LINE = 8.5


def learning_curves(
    head: pd.DataFrame,
    finetune: pd.DataFrame,
    labels: Sequence[str],
    watched: str,
    title: str,
    outputs: Sequence[str | Path],
) -> None:
    """Draw accuracy, where the network has one, and loss over the epochs of both phases, training and watched images.

    Args:
        head: History of the first phase: ``phase, epoch, loss, accuracy, val_loss, val_accuracy``.
        finetune: History of the second, with ``best`` marking the epoch whose weights were kept.
        labels: Label of each training image.
        watched: What the ``val_`` columns were measured on, in words.
        title: What was trained.
        outputs: Files to write, the suffix says the format; the caption goes to those that end in ``.txt``.
    """
    history = _joined(head, finetune)
    quantities = _quantities(history)
    with column_style():
        size = (COLUMN, COLUMN * (1 + len(quantities)) / 3)
        figure, axes = plt.subplots(len(quantities), 1, figsize=size, sharex=True, squeeze=False, layout="constrained")
        axes = axes[:, 0]
        for axis, quantity in zip(axes, quantities, strict=True):
            _lines(axis, history, quantity, watched)
            axis.set_ylabel(QUANTITIES[quantity][1])
            axis.set_ylim(0, TOP.get(quantity))
        axes[0].set_title(wrapped(title, 0.85 * COLUMN), loc="left", pad=4 + PHASE_LINE * history["phase"].nunique())
        axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes[-1].set_xlabel("epoch")
        axes[-1].set_xlim(0.5, len(history) + 0.5)
        figure.legend(*axes[-1].get_legend_handles_labels(), loc="outside lower center", ncols=2)
        _phases(axes, history)
        save(figure, outputs, _caption(f"Learning curves of {title}", history, labels, watched))


def all_learning_curves(
    histories: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]],
    labels: Sequence[str],
    watched: str,
    outputs: Sequence[str | Path],
) -> None:
    """Draw the curves of every network on one page, with the same scales.

    Args:
        histories: By the name of the network, both histories as for `learning_curves`.
        labels: Label of each training image.
        watched: What the ``val_`` columns were measured on, in words.
        outputs: As for `learning_curves`.

    Raises:
        RockspaceError: There is no network.
    """
    if not histories:
        raise RockspaceError(
            "config: models: no model is trained, so there are no learning curves; give one another objective than none"
        )
    columns = min(len(histories), MAX_COLUMNS * (1 + (len(histories) > MANY)))
    rows = -(-len(histories) // columns)
    width = COLUMN if columns <= 2 else TWO_COLUMNS
    together = pd.concat([_joined(*pair) for pair in histories.values()])
    quantities = _quantities(together)
    panels = len(quantities)  # of a network
    with column_style():
        figure = plt.figure(figsize=(width, 1.25 * panels * rows + 4 * LINE), layout="constrained")
        axes = figure.subplots(panels * rows, columns, squeeze=False)
        for number, (name, (head, finetune)) in enumerate(histories.items()):
            row, column = divmod(number, columns)
            own = axes[panels * row : panels * (row + 1), column]
            history = _joined(head, finetune)
            for axis, quantity in zip(own, quantities, strict=True):
                _lines(axis, history, quantity, watched)
                axis.set_xlim(0.5, len(history) + 0.5)
                axis.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
                axis.tick_params(labelbottom=quantity == "loss", labelleft=column == 0)
                axis.set_ylabel(QUANTITIES[quantity][1] if column == 0 else "")
            own[0].set_title(name, loc="left", wrap=True)
            _boundaries(own, history)
            own[0].sharex(own[-1])
        for i, quantity in enumerate(quantities):
            same = axes[i::panels].ravel()
            highest = TOP.get(quantity) or max(axis.get_ylim()[1] for axis in same)
            for axis in same:
                axis.set_ylim(0, highest)
            for axis in same[len(histories) :]:
                axis.set_visible(False)
        words = ", ".join(dict.fromkeys(PHASES[phase] for phase in together["phase"]))
        separated = f"\nvertical lines separate the phases:\n{words}" if ", " in words else ""
        figure.supxlabel(f"epoch{separated}")
        figure.legend(
            *axes[panels - 1, 0].get_legend_handles_labels(),
            loc="outside upper left",
            ncols=2 if width == COLUMN else 3,
        )
        networks = list(histories) if len(histories) <= MAX_COLUMNS else [f"{len(histories)} networks"]
        start = f"Learning curves of {listed(networks)}, with the same scales"
        save(figure, outputs, _caption(start, together, labels, watched))


def _caption(start: str, history: pd.DataFrame, labels: Sequence[str], watched: str) -> str:
    phases = list(dict.fromkeys(ABOUT_PHASES[phase] for phase in history["phase"]))
    selected = (history["best"].astype(bool) & (history["phase"] == "select")).any()
    has_accuracy = "accuracy" in _quantities(history)
    shown = (
        "accuracy (top, share of images whose label is the most probable one) and loss (bottom, the one that training minimizes)"
        if has_accuracy
        else "the loss that training minimizes"
    )
    return caption(
        f"{start}: {shown} over the epochs.",
        f"Phases, separated by vertical lines: {'; '.join(phases)}." if len(phases) > 1 else f"Phase: {phases[0]}.",
        f"Solid: training images ({counted(labels)}), as augmented in training.",
        ABOUT_WATCHED[watched] if history["val_loss"].notna().any() else "",
        f"The circle marks the best epoch of fine-tuning on the {watched}, by the quantity that early stopping watches; the epochs "
        "of the frozen base are not among those to choose from."
        if selected
        else "",
        "Where the network predicts no labels, there is no accuracy."
        if has_accuracy and history["accuracy"].isna().any()
        else "",
        "Each line is one network, without error bars.",
    )


def _quantities(history: pd.DataFrame) -> list[str]:
    """What there is to draw: a network that predicts no labels has a loss alone."""
    return [quantity for quantity in QUANTITIES if history[quantity].notna().any()]


def _joined(head: pd.DataFrame, finetune: pd.DataFrame) -> pd.DataFrame:
    """Both phases one below the other, with the epoch counted through in ``x``."""
    history = pd.concat([head.assign(best=False), finetune], ignore_index=True)
    history["x"] = range(1, len(history) + 1)
    return history


def _lines(axis: Axes, history: pd.DataFrame, quantity: str, watched: str) -> None:
    scale = QUANTITIES[quantity][0]
    sides = (
        (quantity, "training images", {"color": TRAINING}),
        (f"val_{quantity}", watched, {"color": WATCHED, "ls": "--"}),
    )
    for i, (_, phase) in enumerate(history.groupby("phase", sort=False)):
        few = "o" if len(phase) < 3 else None
        for column, label, style in sides:
            if column in phase and phase[column].notna().any():
                axis.plot(phase["x"], scale * phase[column], marker=few, ms=3, label=None if i else label, **style)
    best = history[history["best"].astype(bool) & (history["phase"] == "select")]
    if len(best):
        values = scale * best[f"val_{quantity}"]
        axis.plot(best["x"], values, "o", color=WATCHED, mfc="white", ms=4, label="best epoch of fine-tuning")
    if history[quantity].isna().all():
        words = {"ha": "center", "color": "0.35", "backgroundcolor": "white"}
        axis.text(0.5, 0.5, "predicts no labels", transform=axis.transAxes, **words)


def _boundaries(axes: list[Axes], history: pd.DataFrame) -> None:
    for first in history.groupby("phase", sort=False)["x"].first().iloc[1:]:
        for axis in axes:
            axis.axvline(first - 0.5, color="0.6", lw=0.8)


def _phases(axes: list[Axes], history: pd.DataFrame) -> None:
    """Name the phases, each on a line of its own: one of few epochs is narrower than its name."""
    _boundaries(axes, history)
    for line, (phase, rows) in enumerate(history.groupby("phase", sort=False)):
        start, end = rows["x"].iloc[0] - 0.5, rows["x"].iloc[-1] + 0.5
        left = start < len(history) / 2
        axes[0].annotate(
            PHASES[str(phase)],
            (start if left else end, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 1 + PHASE_LINE * line),
            textcoords="offset points",
            ha="left" if left else "right",
            va="bottom",
            color="0.35",
        )
