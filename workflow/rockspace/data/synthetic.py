"""The embedded dataset: an archive of drawn rocks whose true coordinates are known.

It has the names, the folders and the two coordinate files of the published archive, so everything downstream
treats it as if it had been downloaded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from rockspace.data.drawn_rocks.picture import draw_rock
from rockspace.data.drawn_rocks.types import DIMENSIONS, EXTREME, rock_type


class _Split(NamedTuple):
    images: str  # folder
    coordinates: str  # file
    file_name: str
    scale: float  # coordinates of one standard deviation
    number_format: str
    stream: int  # keeps the draws of the splits apart


SPLITS = {
    "train": _Split("360 Rocks", "mds_360.txt", "{kind}_{index:0{digits}d}.jpg", 2.5, "%8.3f", 2),
    "validation": _Split("120 Rocks", "mds_120.txt", "{kind}_{index}_120.jpg", 1.5, "%.2f", 3),
}
PER_SUBTYPE = {"train": 12, "validation": 4}
WITHIN_SUBTYPE = 0.6  # standard deviation of the pictures of a subtype around its centre
JUDGMENT_NOISE = 0.15  # standard deviation by which the coordinate files miss the truth
_JPEG_QUALITY = 92


@dataclass(frozen=True)
class Specimen:
    """One picture to draw: it depends on the seed, the split, the subtype and the index alone."""

    seed: int
    split: str
    subtype: int  # from 0
    index: int  # from 1

    def rng(self) -> np.random.Generator:
        """Return the picture's own random generator."""
        return np.random.default_rng([self.seed, SPLITS[self.split].stream, self.subtype, self.index])

    def position(self) -> NDArray[np.float64]:
        """Return where it lies on the eight dimensions, in standard deviations."""
        centre = rock_type(self.seed, self.subtype).centre
        spread = self.rng().normal(0, WITHIN_SUBTYPE, len(DIMENSIONS))
        return np.clip(centre + spread, -EXTREME, EXTREME)

    def file_name(self, count: int) -> str:
        """Name the picture, one of ``count`` of its subtype and split."""
        superclass, name, *_ = rock_type(self.seed, self.subtype)
        digits = max(2, len(str(count)))
        return SPLITS[self.split].file_name.format(kind=f"{superclass}_{name}", index=self.index, digits=digits)


def draw_archive(
    folder: Path,
    *,
    seed: int = 0,
    subtypes: int = 30,
    per_subtype: Mapping[str, int] = PER_SUBTYPE,
    image_size: int = 320,
    photographs: bool = True,
    workers: int = 1,
) -> None:
    """Draw the embedded dataset, with the names and the layout of the published archive.

    The same arguments give the same bytes, whatever the number of workers; a picture stays the same when
    more subtypes or pictures are asked for.

    Args:
        folder: an empty folder for ``360 Rocks``, ``120 Rocks``, ``mds_360.txt`` and ``mds_120.txt``.
        seed: seed of everything that is drawn, 0 or more.
        subtypes: number of subtypes, 2 to ``MOST_SUBTYPES``; the first 30 have the archive's names.
        per_subtype: pictures of each subtype in ``train`` and in ``validation``, 1 or more.
        image_size: pixels along a side, 32 to 2048.
        photographs: whether to draw them, beside the coordinates.
        workers: processes that draw at the same time, 1 or more.
    """
    for split, layout in SPLITS.items():
        count = per_subtype[split]
        if photographs:
            (folder / layout.images).mkdir()
            drawn = Parallel(n_jobs=workers, return_as="generator_unordered")(
                delayed(_draw)(specimen, folder / layout.images / specimen.file_name(count), image_size)
                for specimen in _specimens(split, seed, subtypes, count)
            )
            for _ in tqdm(drawn, total=subtypes * count, desc=f"drawing {layout.images}", unit="image"):
                pass
        truth = true_coordinates(split, seed=seed, subtypes=subtypes, count=count)
        noise = np.random.default_rng([seed, layout.stream]).normal(0, JUDGMENT_NOISE, truth.shape)
        np.savetxt(folder / layout.coordinates, layout.scale * (truth.to_numpy() + noise), fmt=layout.number_format)


def true_coordinates(split: str, *, seed: int, subtypes: int, count: int) -> pd.DataFrame:
    """Return where each picture of a split truly lies.

    Args:
        split: ``train`` or ``validation``.
        seed: as for ``draw_archive``.
        subtypes: as for ``draw_archive``.
        count: pictures of each subtype in this split.

    Returns:
        One row for each file, named for it and in sorted order, and one column for each of ``DIMENSIONS``,
        in standard deviations. The coordinate file of the split holds its rows, scaled and a little off.
    """
    rows = {specimen.file_name(count): specimen.position() for specimen in _specimens(split, seed, subtypes, count)}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(DIMENSIONS)).sort_index()


def _specimens(split: str, seed: int, subtypes: int, count: int) -> Iterable[Specimen]:
    return (Specimen(seed, split, subtype, index) for subtype in range(subtypes) for index in range(1, count + 1))


def _draw(specimen: Specimen, path: Path, image_size: int) -> None:
    rng = specimen.rng().spawn(1)[0]
    habit = rock_type(specimen.seed, specimen.subtype).habit
    pixels = draw_rock(specimen.position(), habit, rng, image_size)
    Image.fromarray(pixels).save(path, quality=_JPEG_QUALITY, subsampling=0)
