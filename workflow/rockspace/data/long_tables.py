"""Long tables, with a row for each image and dimension, made wide."""

import re
from collections.abc import Iterable, Mapping

import pandas as pd

from rockspace.data.tables import Table, are_integers, are_numbers
from rockspace.errors import RockspaceError

# What columns of long tables are called.
_DIMENSION = re.compile(
    r"(?:dimension|dim|attribute|property|feature|variable|scale|question|trait|measure)s?(?:[\W_]?(?:id|nr|name))?"
)
_VALUE = re.compile(
    r"(?:mean|avg|average)?[\W_]?(?:value|coordinate|coord|score|rating|loading|weight|mean|response)s?"
)


def long_columns(table: Table) -> dict[str, str]:
    """Return the columns ``dimension`` and ``value`` of a table that is long by their names and contents; else nothing."""
    named = {name.strip().lower(): name for name in table.cells if name not in table.unnamed}
    # `name` is R's word, but others' too.
    for dimension in (name for word, name in named.items() if _DIMENSION.fullmatch(word) or word == "name"):
        for value in (name for word, name in named.items() if _VALUE.fullmatch(word) and name != dimension):
            others = [name for name in table.cells if name not in (dimension, value)]
            columns = [table.cells[name] for name in (dimension, *others)]
            is_repeated = dimension.lower() != "name" and not any(cells.is_unique for cells in columns)
            is_long = _columns_of_images(table, dimension, value) or (len(others) == 1 and is_repeated)
            if is_long and are_numbers(table.cells[value]):
                return {"dimension": dimension, "value": value}
    return {}


def widened(table: Table, columns: Mapping[str, str]) -> Table:
    """Give each image a row and each dimension a column; other columns stay if they are the same in all rows of an image.

    Args:
        table: With a row for each image and dimension.
        columns: The columns ``dimension`` and ``value``, and that of the images (``image``) where it is not the only one
            with which every dimension occurs once for every image.

    Raises:
        RockspaceError: With the row: an image has a dimension twice, or not at all; or which column names the images is open.
    """
    dimension, value = columns["dimension"], columns["value"]
    image = columns.get("image") or next(iter(_columns_of_images(table, dimension, value)), None)
    if image is None:
        others = [name for name in table.cells if name not in (dimension, value)]
        if len(others) != 1:
            raise RockspaceError(
                f"{table.path}: no column with which every {dimension!r} occurs once; name the one of the images in "
                "config key dataset.columns.image"
            )
        image = others[0]
    table.require(image, "dataset.columns.image")
    seen: dict[tuple[str, str], int] = {}
    for line, pair in zip(table.cells.index, zip(table.cells[image], table.cells[dimension], strict=True), strict=True):
        if (first := seen.setdefault(pair, line)) != line:
            raise RockspaceError(
                f"{table.path}: row {line}: {pair[0]!r} has {pair[1]!r} twice, as in row {first}; average the rows of an image first"
            )
    wide = table.cells.set_index([image, dimension])[value].unstack(fill_value="")  # noqa: PD010
    names = list(dict.fromkeys(table.cells[dimension]))
    first_lines = pd.Series(table.cells.index, table.cells[image]).groupby(level=0, sort=False).min()
    wide = wide.loc[first_lines.index, names]
    if are_integers(names):
        wide.columns = names = [f"{dimension} {name}" for name in names]
    groups = table.cells.groupby(image, sort=False)
    for other in (name for name in table.cells if name not in (image, dimension, value)):
        if (groups[other].nunique() == 1).all() and other not in names:
            wide.insert(0, other, groups[other].first())
    wide.insert(0, image, wide.index)
    return Table(table.path, wide.set_axis(first_lines.to_numpy()).rename_axis(columns=None), table.unnamed & {*wide})


def _columns_of_images(table: Table, dimension: str, value: str) -> Iterable[str]:
    """Columns with which every dimension occurs exactly once, those of text first."""
    count = table.cells[dimension].nunique()
    fitting = [
        name
        for name in table.cells
        if name not in (dimension, value)
        and table.cells[name].nunique() * count == len(table.cells)
        and not table.cells.duplicated([name, dimension]).any()
    ]
    return sorted(fitting, key=lambda name: are_numbers(table.cells[name])) if count > 1 else []
