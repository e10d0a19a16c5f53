"""The embedded dataset at a glance: a picture of each subtype, and each dimension from end to end.

``python -m tools.embedded_dataset docs/images`` draws both sheets anew.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from rockspace.data.drawn_rocks.picture import draw_rock
from rockspace.data.drawn_rocks.types import DIMENSIONS, Habit
from rockspace.data.synthetic import SPLITS, draw_archive
from rockspace.report.contact_sheet import contact_sheet

_ENDS = (
    ("dark", "light"),
    ("fine", "coarse"),
    ("smooth", "rough"),
    ("dull", "shiny"),
    ("jumbled", "layered"),
    ("grey", "colourful"),
    ("angular", "rounded"),
    ("red", "blue"),
)
_ORDINARY = (0.3, 0.2, -0.2, -0.8, -0.6, 0.7, 0.0, -0.6)  # a rock on which each dimension shows


def subtypes_sheet(output: Path, *, seed: int = 0, index: int = 2, tile: int = 124) -> None:
    """Show one picture of each of the thirty subtypes, drawn as it lies in the dataset."""
    with tempfile.TemporaryDirectory() as folder:
        draw_archive(Path(folder), seed=seed, per_subtype={"train": index, "validation": 1})
        pictures = sorted((Path(folder) / SPLITS["train"].images).glob(f"*_{index:02d}.jpg"))
        captions = [picture.stem.split("_")[1] for picture in pictures]
        contact_sheet(pictures, captions, output, columns=10, tile=tile)


def dimensions_sheet(output: Path, *, seed: int = 0, steps: int = 7, tile: int = 104) -> None:
    """Show one rock for each dimension, from -2.2 to 2.2 standard deviations along it, all else equal."""
    pictures, captions = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number, (dimension, (low, high)) in enumerate(zip(DIMENSIONS, _ENDS, strict=True)):
            for step, place in enumerate(np.linspace(-2.2, 2.2, steps)):
                position = np.array(_ORDINARY)
                position[number] = place
                pixels = draw_rock(position, Habit(0.5), np.random.default_rng([seed, number]), 2 * tile)
                pictures.append(Path(folder) / f"{number}-{step}.png")
                Image.fromarray(pixels).save(pictures[-1])
            captions += [low] + [""] * (steps - 2) + [high]
            captions[-(steps + 1) // 2] = dimension.upper()
        contact_sheet(pictures, captions, output, columns=steps, tile=tile)


def main(folder: Path) -> None:
    """Draw both sheets into a folder."""
    subtypes_sheet(folder / "embedded-dataset.png")
    dimensions_sheet(folder / "dimensions.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
