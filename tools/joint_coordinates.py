"""The joint scaling solution of all 480 rocks as a table of coordinates, for `config/rocks-joint.yaml`.

Usage, with the published tables and the archive's photographs on this machine::

    python -m tools.joint_coordinates joint_mds_480.csv joint_mds_480_images.csv rocks > rocks/joint.csv
"""

import argparse
import re
import sys
from pathlib import Path

import pandas as pd

from rockspace.errors import RockspaceError

FOLDERS = ("360 Rocks", "120 Rocks")
DIMENSIONS = ("lightness", "grain size", "roughness", "shininess", "organization", "chromaticity", "hue", "shape")
"""The table has none of its own. Each is the dimension of `mds_360.txt` that it is most correlated with over the 360 (0.99, 0.94, 0.71, 0.97, 0.94,
0.94, 0.66, and -0.64: the last is shape reversed); the seventh and eighth are in the other order there."""
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


def main() -> None:
    """Write the table as CSV to the standard output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("solution", "images", "archive"):
        parser.add_argument(name, type=Path)
    joint_coordinates(**vars(parser.parse_args())).to_csv(sys.stdout, index=False)


if __name__ == "__main__":
    main()
