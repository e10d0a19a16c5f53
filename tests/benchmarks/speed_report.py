"""What the rounds say: a table in Markdown and a bar chart."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt

NAMES = {"original": "original recipe", "torch": "PyTorch bfloat16", "rockspace": "Rockspace"}
# Okabe & Ito's palette, told apart also by colour-blind readers.
COLOURS = {"original": "#999999", "torch": "#56B4E9", "rockspace": "#D55E00"}
PANELS = {
    "finetune": "fine-tuning\n(images/s)",
    "embed": "embedding\n(images/s)",
    "frozen_head": "frozen base, 10 epochs\n(seconds, less is better)",
}


def table(results: dict[str, Any]) -> str:
    """One row a stage, one column a contender, and how much faster this project is."""
    lines = [
        "| stage | original recipe | PyTorch bfloat16 | Rockspace | faster than the original | than PyTorch |",
        "|---|---|---|---|---|---|",
    ]
    for stage, title in PANELS.items():
        cells = [_number(results[stage][name]) for name in NAMES]
        lines.append(f"| {' '.join(title.split())} | {' | '.join([*cells, *_ratios(stage, results[stage])])} |")
    for detail, title in (("first_step_s", "until the end of the first round (s)"), ("peak_mib", "peak memory (MiB)")):
        for stage, rows in results["details"].items():
            cells = [_number(rows[name][detail]) if name in rows else "" for name in NAMES]
            lines.append(f"| {stage}: {title} | {' | '.join(cells)} | | |")
    ceiling = results["ceiling"]
    lines += [
        "",
        f"Matrix products reach {ceiling['bfloat16_tflops']:.2f} TFLOP/s in bfloat16 and "
        f"{ceiling['float32_tflops']:.2f} in float32; of the larger, fine-tuning reaches "
        f"{ceiling['finetune_share']:.0%} and embedding {ceiling['embed_share']:.0%}.",
        f"{results['machine']['processor']}, {results['machine']['cores']} cores; the best of "
        f"{results['rounds']} rounds in alternation.",
    ]
    return "\n".join(lines) + "\n"


def chart(results: dict[str, Any], path: Path) -> None:
    """Three groups of bars, each in its own unit."""
    figure, axes = plt.subplots(1, 3, figsize=(8.0, 2.8), layout="constrained")
    for axis, (stage, title) in zip(axes, PANELS.items(), strict=True):
        values = {name: value for name, value in results[stage].items() if value is not None}
        bars = axis.bar(
            [NAMES[name].replace(" ", "\n", 1) for name in values],
            list(values.values()),
            color=[COLOURS[name] for name in values],
        )
        axis.bar_label(bars, [_number(value) for value in values.values()], padding=2, fontsize=9)
        axis.set_title(title, fontsize=10)
        axis.set_yticks([])
        axis.margins(y=0.15)
        axis.tick_params(axis="x", length=0, labelsize=8)
        axis.spines[["top", "right", "left"]].set_visible(False)
    figure.savefig(path, dpi=200)
    plt.close(figure)


def _ratios(stage: str, values: dict[str, float | None]) -> list[str]:
    ours = values["rockspace"]
    pairs = [
        (other, ours) if stage == "frozen_head" else (ours, other) for other in (values["original"], values["torch"])
    ]
    return ["" if None in pair else f"{pair[0] / pair[1]:.1f} x" for pair in pairs]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}" if value >= 100 else f"{value:.1f}"
