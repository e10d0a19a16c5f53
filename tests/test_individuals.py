import numpy as np
import pandas as pd
import pytest

from rockspace.errors import RockspaceError
from rockspace.people.individuals import individual_coordinates

CATALOG = pd.DataFrame(
    {
        "image_id": ["a_1", "b_1", "c_1", "x_1"],
        "split": ["validation"] * 3 + ["train"],
        "path": [f"images/s/l/{name}.jpg" for name in ("a_1", "b_1", "c_1", "x_1")],
    }
)
DATASET = {"splits": {"validation": {"individual": "people/*.txt"}}, "dimensions": ["hue", "size"]}


@pytest.fixture
def raw(tmp_path):
    (tmp_path / "people").mkdir()
    return tmp_path


def test_bare_rows_follow_the_catalog(raw):
    for name, factor in (("p2", 2), ("p1", 1)):
        np.savetxt(raw / "people" / f"{name}.txt", factor * np.arange(6).reshape(3, 2))
    table = individual_coordinates(raw, DATASET, CATALOG, "validation")
    assert table.columns.tolist() == ["individual", "image_id", "hue", "size"]
    assert table["individual"].tolist() == ["p1"] * 3 + ["p2"] * 3
    assert table["image_id"].tolist() == ["a_1", "b_1", "c_1"] * 2
    assert table["size"].tolist() == [1, 3, 5, 2, 6, 10]


def test_named_rows_are_found_by_file_name_or_image_id(raw):
    (raw / "people" / "p.txt").write_text("image,hue,size\nc_1,5,6\na_1.jpg,1,2\nb_1.jpg,3,4\n")
    table = individual_coordinates(raw, DATASET, CATALOG, "validation")
    assert table["hue"].tolist() == [1, 3, 5]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("1 2\n3 4\n", r"p\.txt: 2 rows for 3 images"),
        ("image,hue,size\na_1,1,2\nb_1,3,4\n", r"p\.txt: no row for image 'c_1'"),
        ("1 2\n3 nan\n5 6\n", r"p\.txt: row 2"),
    ],
)
def test_a_file_that_does_not_fit_is_named(raw, content, words):
    (raw / "people" / "p.txt").write_text(content)
    with pytest.raises(RockspaceError, match=words):
        individual_coordinates(raw, DATASET, CATALOG, "validation")


def test_a_pattern_without_files_is_named(raw):
    with pytest.raises(RockspaceError, match=r"no file matches 'people/\*\.txt'"):
        individual_coordinates(raw, DATASET, CATALOG, "validation")
