"""The kinds of rock in the embedded dataset: their names and where each lies in psychological space.

The first thirty carry the names of the archive's subtypes and the look that a field guide gives them
(obsidian dark, glassy and angular; gneiss banded); the rest are invented. Positions are in standard
deviations.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = (
    "lightness",  # dark to light
    "grain size",  # fine to coarse
    "roughness",  # smooth to rough
    "shininess",  # dull to shiny
    "organization",  # jumbled to layered
    "chromaticity",  # grey to colourful
    "shape",  # angular to rounded
    "hue",  # red over yellow and green to blue
)
SUPERCLASSES = "IMS"  # igneous, metamorphic, sedimentary
EXTREME = 2.5  # standard deviations beyond which a picture changes no more


class Look(NamedTuple):
    """A position as shares of what can be drawn: 0 at ``-EXTREME``, 1 at ``EXTREME``."""

    lightness: float
    grain_size: float
    roughness: float
    shininess: float
    organization: float
    chromaticity: float
    shape: float
    hue: float

    @classmethod
    def at(cls, position: NDArray[np.float64]) -> "Look":
        """Return the look of a position in standard deviations."""
        return cls(*np.clip(np.asarray(position) / (2 * EXTREME) + 0.5, 0, 1).tolist())

    @property
    def layering(self) -> float:
        """How far the layers show; it sets in late, so that the jumbled half stays jumbled."""
        return self.organization**2


class Habit(NamedTuple):
    """What sets a kind of rock apart beside its position: each from 0 (absent) to 1 (marked).

    Attributes:
        contrast: difference in lightness between its minerals.
        groundmass: share of the grains that dissolve into a finer mass around the others.
        pits: holes left by gas or weathering.
        veins: mineral-filled cracks.
        folds: bending of its layers.
    """

    contrast: float
    groundmass: float = 0.0
    pits: float = 0.0
    veins: float = 0.0
    folds: float = 0.3


class RockType(NamedTuple):
    """A subtype: its superclass (a letter), its name, and, in standard deviations, its centre."""

    superclass: str
    name: str
    centre: NDArray[np.float64]
    habit: Habit


# superclass, name, centre on the eight dimensions, habit
_FIELD_GUIDE = (
    ("I", "Andesite", (-0.1, -0.2, 0.5, -0.8, -0.9, -0.7, 0.3, -0.6), Habit(0.45, groundmass=0.75)),
    ("I", "Basalt", (-1.3, -1.2, 0.7, -0.9, -1.1, -0.9, 0.8, -0.3), Habit(0.2, pits=0.45)),
    ("I", "Diorite", (0.4, 0.8, 0.2, -0.2, -1.0, -1.1, 0.2, 0.5), Habit(0.85)),
    ("I", "Gabbro", (-1.0, 1.0, 0.4, 0.3, -0.8, -0.8, -0.8, 1.1), Habit(0.6)),
    ("I", "Granite", (0.4, 1.0, 0.6, 0.1, -1.0, 0.5, 0.6, -1.2), Habit(0.7)),
    ("I", "Obsidian", (-1.8, -1.9, -1.4, 2.0, -0.8, -0.6, -1.6, -1.0), Habit(0.1)),
    ("I", "Pegmatite", (0.9, 2.0, 0.6, 0.5, -1.1, 0.2, -0.5, -0.9), Habit(0.8)),
    ("I", "Peridotite", (-0.3, 0.6, 0.8, 0.1, -0.9, 1.2, 0.7, 1.0), Habit(0.5, veins=0.2)),
    ("I", "Pumice", (0.7, -0.4, 1.8, -1.4, -0.5, -0.7, 1.5, 0.0), Habit(0.25, pits=1.0)),
    ("I", "Rhyolite", (0.5, -0.6, 0.0, -0.8, 0.4, 0.9, -0.4, -1.7), Habit(0.4, groundmass=0.8, folds=0.8)),
    ("M", "Amphibolite", (-1.2, 0.4, 0.2, 0.8, 0.4, 0.2, -0.7, 1.1), Habit(0.6)),
    ("M", "Anthracite", (-1.6, -0.7, 0.1, 1.7, -0.3, -1.2, -0.3, 1.3), Habit(0.2)),
    ("M", "Gneiss", (0.3, 0.8, -0.6, 0.0, 1.7, 0.3, 0.4, -1.3), Habit(0.8, folds=0.35)),
    ("M", "Hornfels", (-0.9, -1.3, -0.3, -0.6, -0.7, 0.7, -0.9, -0.5), Habit(0.25, veins=0.3)),
    ("M", "Marble", (1.6, 0.3, -1.1, 0.6, -0.2, -0.6, 0.7, 0.9), Habit(0.3, veins=0.8, folds=0.8)),
    ("M", "Migmatite", (0.0, 0.7, -0.6, 0.2, 1.3, -0.9, 1.3, 1.2), Habit(0.9, veins=0.5, folds=1.0)),
    ("M", "Phyllite", (-0.3, -1.0, -0.4, 1.1, 1.2, 0.6, 0.0, 1.5), Habit(0.3, folds=0.6)),
    ("M", "Quartzite", (1.0, -0.2, -0.3, 0.5, -0.6, 0.5, 0.5, -0.3), Habit(0.25, veins=0.2)),
    ("M", "Schist", (-0.1, 0.5, 1.2, 1.4, 1.2, 0.6, 0.6, -0.6), Habit(0.55, folds=0.5)),
    ("M", "Slate", (-0.8, -1.7, -1.2, -0.2, 1.1, -0.3, -1.2, 1.7), Habit(0.15, folds=0.1)),
    ("S", "Bituminous Coal", (-1.6, -0.5, 1.3, 1.1, 1.1, -1.1, -0.9, -0.2), Habit(0.35, folds=0.1)),
    ("S", "Breccia", (0.2, 1.6, 0.7, -0.6, -0.5, 0.8, -0.9, -1.6), Habit(0.6, groundmass=0.35, veins=0.2)),
    ("S", "Chert", (0.1, -1.5, -1.0, 0.6, 0.0, 0.3, -1.4, 0.9), Habit(0.3, veins=0.5, folds=0.6)),
    ("S", "Conglomerate", (-0.2, 1.7, 1.0, -0.7, -0.4, 1.2, 1.3, -0.5), Habit(0.7, groundmass=0.45)),
    ("S", "Dolomite", (1.0, -0.5, 0.2, -1.0, -0.1, 0.8, 0.8, -0.4), Habit(0.2, pits=0.2, veins=0.3)),
    ("S", "Micrite", (0.7, -1.7, -0.6, -1.1, -0.5, 0.5, 0.5, 0.0), Habit(0.15, veins=0.4)),
    ("S", "Rock Gypsum", (1.5, 0.9, 0.2, 1.2, 0.6, -0.6, 0.7, 0.9), Habit(0.3, veins=0.3)),
    ("S", "Rock Salt", (1.0, 1.9, 0.2, 1.5, -1.2, 1.0, -0.1, 1.4), Habit(0.4)),
    ("S", "Sandstone", (0.5, -0.1, 0.9, -1.4, 1.4, 1.2, -0.4, -0.7), Habit(0.4, folds=0.15)),
    ("S", "Shale", (-0.7, -1.4, 0.1, -1.2, 1.5, -0.6, -0.9, -0.2), Habit(0.2, folds=0.05)),
)
_GUIDE_JITTER = 0.15  # how far another seed moves a centre of the field guide, in standard deviations
_STREAM = 1  # keeps these draws apart from those for single pictures of the same seed
_SUPERCLASS_CENTRE = {
    "I": (-0.2, 0.2, 0.4, -0.1, -0.7, -0.1, 0.1, -0.1),
    "M": (-0.1, -0.2, -0.1, 0.4, 0.6, -0.1, -0.2, 0.3),
    "S": (0.3, 0.0, 0.1, -0.2, 0.3, 0.3, 0.1, -0.2),
}
_INVENTED_SPREAD = 0.9  # standard deviation of invented subtypes around their superclass

_STEMS = (
    "Alder", "Bracken", "Calder", "Dunmor", "Elgar", "Fenwick", "Garron", "Halden", "Isley",
    "Jorun", "Kestrel", "Lomond", "Marwick", "Norden", "Orrin", "Pentland", "Quarn", "Ravel",
    "Skelder", "Torran", "Ulver", "Varden", "Wharf", "Yarrow", "Zennor", "Ardal", "Borrow",
    "Corran", "Drummel", "Eskel", "Farro", "Glenmor", "Hestan", "Inver", "Kinder", "Larkan",
    "Mendar", "Nevin", "Ossian", "Penrith",
)  # fmt: skip
_ENDINGS = (
    "ite", "olite", "ammite", "yllite", "andite", "orite", "etite", "essite", "idite", "ornite",
    "agnite", "ulite", "ophyre", "olith",
)  # fmt: skip
_LAYERS = ("", "Upper ", "Lower ")
MOST_SUBTYPES = len(_FIELD_GUIDE) + len(_STEMS) * len(_ENDINGS) * len(_LAYERS)


def rock_type(seed: int, number: int) -> RockType:
    """Return the subtype of a number; it depends on nothing but the seed and the number.

    Neighbouring numbers alternate between the superclasses, so a small dataset holds all three.

    Args:
        seed: seed of the dataset.
        number: 0 to ``MOST_SUBTYPES`` - 1; the first 30 have the archive's names.
    """
    rng = np.random.default_rng([seed, _STREAM, number])
    if number < len(_FIELD_GUIDE):
        per_superclass = len(_FIELD_GUIDE) // len(SUPERCLASSES)
        superclass, name, centre, habit = _FIELD_GUIDE[
            number % len(SUPERCLASSES) * per_superclass + number // len(SUPERCLASSES)
        ]
        return RockType(superclass, name, centre + rng.normal(0, _GUIDE_JITTER, len(DIMENSIONS)), habit)
    superclass = SUPERCLASSES[number % len(SUPERCLASSES)]
    place = rng.normal(_SUPERCLASS_CENTRE[superclass], _INVENTED_SPREAD)
    coarse = rng.uniform(0.15, 0.8)
    second, third, fourth = rng.random(3) * (rng.random(3) < 0.4)
    return RockType(
        superclass,
        _invented_name(number - len(_FIELD_GUIDE)),
        place,
        Habit(coarse, second, third, fourth, rng.random()),
    )


def _invented_name(number: int) -> str:
    """Number the combinations so that neighbours share neither stem nor ending."""
    layer, number = divmod(number, len(_STEMS) * len(_ENDINGS))
    turn, stem = divmod(number, len(_STEMS))
    return _LAYERS[layer] + _STEMS[stem] + _ENDINGS[(stem + turn) % len(_ENDINGS)]
