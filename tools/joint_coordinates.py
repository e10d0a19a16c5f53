"""The joint scaling solution of all 480 rocks as a table of coordinates, for `config/rocks-joint.yaml`.

Usage, with the published tables and the archive's photographs on this machine::

    python -m tools.joint_coordinates joint_mds_480.csv joint_mds_480_images.csv rocks > rocks/joint.csv

With ``--both``, the solutions of the archive stand beside it, each dimension weighted (`WEIGHTS`).
"""

import argparse
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from rockspace.errors import RockspaceError

FOLDERS = ("360 Rocks", "120 Rocks")
DIMENSIONS = ("lightness", "grain size", "roughness", "shininess", "organization", "chromaticity", "hue", "shape")
"""The table has none of its own. Each is the dimension of `mds_360.txt` that it is most correlated with over the 360 (0.99, 0.94, 0.71, 0.97, 0.94,
0.94, 0.66, and -0.64: the last is shape reversed); the seventh and eighth are in the other order there."""
SEPARATE = ("lightness", "grain size", "roughness", "shininess", "organization", "chromaticity", "shape", "hue")
WEIGHTS = (1, 1.08, 1.37, 1.25, 1.54, 0.24, 1.18, 1), (2.68, 2.22, 2.22, 1.81, 1.63, 3.13, 2.77, 2.31)
"""What the dimensions of the archive's solutions and of the joint one are multiplied by where they stand side by side, from `tools.rating_weights`: so distances
between coordinates predicted by cross-validation are most like people's ratings of pairs of the 360 (docs/human-choices.md)."""
IN_FIRST = 12  # items of a type in the first folder; those that follow are in the second


def joint_coordinates(solution: Path, images: Path, archive: Path) -> pd.DataFrame:
    """Give each row of the joint solution the name of its photograph.

    Args:
        solution: Table with ``image_id`` and eight dimensions.
        images: Table with ``image_id`` and ``filename``, such as ``I_Andesite_13.png``: the type and the item, 1 to 16.
        archive: Folder with the photographs, in ``360 Rocks`` (items 1 to 12) and ``120 Rocks`` (13 to 16).

    Returns:
        ``image``, its file below the archive, and a column a dimension.

    Raises:
        RockspaceError: A photograph is missing.
    """
    table = pd.read_csv(solution).merge(pd.read_csv(images)[["image_id", "filename"]], on="image_id")
    file_of = {}
    for folder, first in zip(FOLDERS, (1, IN_FIRST + 1), strict=True):
        for file in (archive / folder).iterdir():
            if match := re.match(r"(?P<type>.+?)_(?P<number>\d+)(_\d+)?\.jpe?g", file.name):
                file_of[match["type"], int(match["number"]) + first - 1] = f"{folder}/{file.name}"
    rows = []
    for name in table["filename"]:
        kind, item = Path(name).stem.rsplit("_", 1)
        if (kind, int(item)) not in file_of:
            raise RockspaceError(f"{archive}: no photograph for {name!r} of {images}")
        rows.append(file_of[kind, int(item)])
    places = table.drop(columns=["image_id", "filename"]).set_axis(list(DIMENSIONS), axis=1)
    return pd.concat([pd.Series(rows, name="image"), places], axis=1)


def both_solutions(joint: pd.DataFrame, archive: Path) -> pd.DataFrame:
    """Put the weighted dimensions of the archive's own solutions before those of the joint one.

    Args:
        joint: As from `joint_coordinates`.
        archive: Folder with ``mds_360.txt`` and ``mds_120.txt``, whose rows are the photographs in the order of their names.

    Returns:
        The same with a column for each dimension of both.
    """
    joint = joint.sort_values("image", ignore_index=True)
    own, together = WEIGHTS
    # In the order of the images: "120 Rocks" comes first.
    separate = np.concatenate([np.loadtxt(archive / f"mds_{number}.txt") for number in (120, 360)])
    table = pd.DataFrame(separate * own, columns=SEPARATE)
    table.insert(0, "image", joint["image"])
    return table.join((joint[list(DIMENSIONS)] * np.array(together)).add_prefix("joint ")).round(4)


def main() -> None:
    """Write the table as CSV to the standard output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("solution", "images", "archive"):
        parser.add_argument(name, type=Path)
    parser.add_argument(
        "--both", action="store_true", help="the solutions of the archive beside the joint one, weighted"
    )
    given = parser.parse_args()
    table = joint_coordinates(given.solution, given.images, given.archive)
    (both_solutions(table, given.archive) if given.both else table).to_csv(sys.stdout, index=False)


if __name__ == "__main__":
    main()
