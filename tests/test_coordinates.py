"""A coordinates file is read the way that people's programs write it, and matched with images by name or by order."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rockspace.data import tables
from rockspace.errors import RockspaceError
from rockspace.people.reading import read_coordinates

TABLE = pd.DataFrame({"hue": [0.5, -1.5, 2.0], "size": [1.0, 2.0, -3.0]}, index=["b.png", "a.png", "c c.png"])


def read(folder: Path, text: str, dimensions: list[str] | None = None) -> pd.DataFrame:
    path = folder / "coordinates"
    path.write_text(text)
    return read_coordinates(path, sorted(TABLE.index), dimensions=dimensions or []).table


@pytest.mark.parametrize(
    "text",
    [
        TABLE.to_csv(index_label="image"),
        TABLE.to_csv(),
        TABLE.to_csv(index_label="filename"),
        TABLE.to_csv(sep="\t"),
        TABLE.to_csv(sep=";"),
        TABLE.reset_index()[["hue", "index", "size"]].rename(columns={"index": "image"}).to_csv(index=False),
        '"","hue","size"\n"b.png",0.5,1\n"a.png",-1.5,2\n"c c.png",2,-3\n',  # R's write.csv
        '"hue" "size"\n"b.png" 0.5 1\n"a.png" -1.5 2\n"c c.png" 2 -3\n',  # R's write.table
        "\ufeffimage, hue, size\r\nb.png, 0.5, 1\r\n\r\na.png, -1.5, 2\r\nc c.png, 2, -3\r\n",  # a spreadsheet's
    ],
    ids=["image", "pandas", "filename", "tabs", "semicolons", "middle", "write.csv", "write.table", "spreadsheet"],
)
def test_a_table_with_image_names_is_read_whoever_wrote_it(tmp_path, text):
    pd.testing.assert_frame_equal(read(tmp_path, text), TABLE.sort_index())


def test_names_without_a_header_are_names_still(tmp_path):
    table = read(tmp_path, TABLE.to_csv(header=False), ["hue", "size"])
    pd.testing.assert_frame_equal(table, TABLE.sort_index())
    assert list(read(tmp_path, TABLE.to_csv(header=False))) == ["dimension 1", "dimension 2"]


def test_a_header_over_bare_rows_names_the_dimensions_and_of_these_some_may_be_chosen(tmp_path):
    for text in (TABLE.sort_index().to_csv(index=False), TABLE.sort_index().to_csv(index=False, sep=" ")):
        pd.testing.assert_frame_equal(read(tmp_path, text), TABLE.sort_index())
        pd.testing.assert_frame_equal(read(tmp_path, text, ["size"]), TABLE.sort_index()[["size"]])
        with pytest.raises(
            RockspaceError, match=r"no column 'names' .*dataset\.dimensions.* its columns are hue, size"
        ):
            read(tmp_path, text, ["names", "of another", "study"])


def test_a_decimal_comma_is_a_decimal_point(tmp_path):
    for index in (True, False):
        text = TABLE.sort_index().to_csv(sep=";", decimal=",", index=index)
        np.testing.assert_array_equal(read(tmp_path, text), TABLE.sort_index())


@pytest.mark.parametrize(
    ("bound", "words"), [("MAX_LINES", "more than 3 lines"), ("MAX_CELLS", "row 2: more than 3 cells")]
)
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_a_table_that_would_fill_the_memory_is_refused_before_it_does(tmp_path, monkeypatch, bound, words, end):
    monkeypatch.setattr(tables, bound, 3)
    (tmp_path / "c.csv").write_text(end.join(["x,y"] + ["1.5,2.5"] * 4), newline="")
    with pytest.raises(RockspaceError, match=rf"c\.csv: {words}.*; save so large a table as \.npy"):
        tables.read_table(tmp_path / "c.csv")


def test_many_comments_take_no_longer_than_as_many_rows(tmp_path):
    (tmp_path / "c.csv").write_text("# a\n1.5,2.5\n1.5,3.5\n" * 30_000)
    assert tables.read_table(tmp_path / "c.csv").cells.shape == (60_000, 2)


def test_pandas_own_column_numbers_are_a_header(tmp_path):
    numbered = TABLE.set_axis([0, 1], axis=1)
    for text in (numbered.to_csv(), numbered.to_csv(index_label="image")):
        np.testing.assert_array_equal(read(tmp_path, text), TABLE.sort_index())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("image,hue\n", "row 1: a header without rows"),
        ("image,hue,hue\na,1,2\n", "the header needs distinct names, and has 'hue' twice"),
        ("image,kind\na.png,A\nb.png,B\nc c.png,C\n", "no column of numbers that differ; its columns are image, kind"),
        ("a.png,0.5,x\nb.png,1,2\nc c.png,1,2\n", "row 1: found 'x' where a number is expected (column 3)"),
        ("0.5 x\n1 2\n2 3\n", "row 1: found 'x' where a number is expected (column 2)"),
        ("hue,size\n0.5,1\n2\n", "row 3: 1 cells, but the header has 2"),
        ("hue,size\n1,2\n1 2,3\n2,3\n", "row 3: found '1 2' where a number is expected (hue)"),
        ("a.png,1.5,2\nb.png,3,4\na.png,5,6\n", "row 3: duplicate row for image 'a.png', as row 1"),
        ("image,hue\n\na.png,1\nb.png,nan\nc c.png,2\n", "row 4: found 'nan'; every coordinate must be finite"),
        ("image,hue\na.png,1\nb.png,\nc c.png,2\n", "row 3: found '' where a number is expected (hue)"),
        ("image,hue\na.png,1\nb.png,-1e999\nc c.png,2\n", "row 3: found '-1e999'; every coordinate must be finite"),
        ("image,image_id,hue\na.png,0.5,1\nb.png,1.5,2\nc c.png,2.5,3\n", "a dimension cannot be called 'image_id'"),
        ('image,hue\na.png,"1\n', "no row for image 'b.png'"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_row(tmp_path, text, expected):
    with pytest.raises(RockspaceError) as error:
        read(tmp_path, text)
    assert expected in str(error.value)
    assert str(tmp_path / "coordinates") in str(error.value)
