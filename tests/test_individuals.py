import numpy as np
import pandas as pd
import pytest
import scipy.io

from rockspace.errors import RockspaceError
from rockspace.people.individuals import individual_coordinates

CATALOG = pd.DataFrame(
    {
        "image_id": ["a_1", "b_1", "c_1", "x_1"],
        "split": ["validation"] * 3 + ["train"],
        "file": [f"photos/{name}.jpg" for name in ("a_1", "b_1", "c_1", "x_1")],
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
    table = individual_coordinates(raw, DATASET, CATALOG, "validation", ["hue", "size"])
    assert table.columns.tolist() == ["individual", "image_id", "hue", "size"]
    assert table["individual"].tolist() == ["p1"] * 3 + ["p2"] * 3
    assert table["image_id"].tolist() == ["a_1", "b_1", "c_1"] * 2
    assert table["size"].tolist() == [1, 3, 5, 2, 6, 10]


def test_named_rows_are_found_by_file_name_or_image_id(raw):
    (raw / "people" / "p.txt").write_text("image,hue,size\nc_1,5,6\na_1.jpg,1,2\nb_1.jpg,3,4\n")
    table = individual_coordinates(raw, DATASET, CATALOG, "validation", ["hue", "size"])
    assert table["hue"].tolist() == [1, 3, 5]


@pytest.mark.parametrize("write", ["photos/{}.jpg", "/home/me/photos/{}.JPG", "{}", "{}.png"])
def test_rows_are_named_as_in_the_groups_table(raw, write):
    rows = "".join(f"{write.format(name)};{x},5;{x}\n" for x, name in enumerate(("c_1", "a_1", "b_1")))
    (raw / "people" / "p.txt").write_text("stimulus;hue;size\n" + rows)
    table = individual_coordinates(raw, DATASET, CATALOG, "validation", ["hue", "size"])
    assert table["hue"].tolist() == [1.5, 2.5, 0.5]


def test_people_count_on_the_images_they_judged_on_every_dimension(raw):
    (raw / "people" / "p.txt").write_text("image,hue,size,age\nc_1,5,6,30\na_1,1,,30\nb_1,NA,4,30\n")
    (raw / "people" / "q.txt").write_text("image,hue,size\nb_1,3,4\n")
    table = individual_coordinates(raw, DATASET, CATALOG, "validation", ["hue", "size"])
    assert table.to_numpy().tolist() == [["p", "c_1", 5, 6], ["q", "b_1", 3, 4]]


def test_a_copy_of_a_file_is_no_further_person(raw):
    rows = "image,hue,size\nc_1,5,6\na_1,1,2\nb_1,3,4\n"
    for name in ("p", "p (1)"):
        (raw / "people" / f"{name}.txt").write_text(rows)
    # Whole numbers may be ratings, in which people agree.
    assert len(individual_coordinates(raw, DATASET, CATALOG, "validation", ["hue", "size"])) == 6
    for name in ("p", "p (1)"):
        (raw / "people" / f"{name}.txt").write_text(rows.replace("5,6", "5.25,6"))
    with pytest.raises(RockspaceError, match=r"p\.txt: the same coordinates as in .*p \(1\)\.txt; remove one"):
        individual_coordinates(raw, DATASET, CATALOG, "validation", ["hue", "size"])


def test_one_file_may_hold_the_images_of_both_splits(raw):
    (raw / "people" / "p.txt").write_text("image,hue,size\nx_1,7,8\nc_1,5,6\na_1,1,2\n")
    table = individual_coordinates(raw, DATASET, CATALOG, "validation", ["hue", "size"])
    assert table["image_id"].tolist() == ["a_1", "c_1"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("1 2\n3 4\n", r"p\.txt: 2 rows without names for 3 images"),
        ("image,hue,size\na_1,1,2\nghost,3,4\n", r"p\.txt: row 3: image 'ghost' has a row but no file"),
        ("image,hue,size\na_1,1,2\na_1.jpg,3,4\n", r"p\.txt: row 3: duplicate row for image 'a_1\.jpg', as row 2"),
        ("image,hue\na_1,1\nb_1,3\nc_1,2\n", r"p\.txt: no column 'size' \(config key dataset\.dimensions\)"),
        ("image,hue,size\na_1,1,x\nb_1,3,2\nc_1,2,3\n", r"p\.txt: row 2: found 'x' where a number is expected"),
        ("image,hue,size\na_1,1,inf\nb_1,3,2\nc_1,2,3\n", r"p\.txt: row 2: found 'inf'"),
    ],
)
def test_a_file_that_does_not_fit_is_named(raw, content, words):
    (raw / "people" / "p.txt").write_text(content)
    with pytest.raises(RockspaceError, match=words):
        individual_coordinates(raw, DATASET, CATALOG, "validation", ["hue", "size"])


@pytest.mark.parametrize("header", ["hue,gloss", "hue", "a,b,c"])
def test_other_dimensions_than_the_groups_are_refused(raw, header):
    width = len(header.split(","))
    rows = "".join(
        f"{name},{','.join(f'{i + 1.5**k}' for k in range(width))}\n" for i, name in enumerate(("a_1", "b_1", "c_1"))
    )
    (raw / "people" / "p.txt").write_text(f"image,{header}\n{rows}")
    with pytest.raises(
        RockspaceError, match=rf"p\.txt: its dimensions are {', '.join(header.split(','))}, and those of the group hue"
    ):
        individual_coordinates(raw, DATASET | {"dimensions": []}, CATALOG, "validation", ["hue", "size"])


def test_columns_beside_the_groups_dimensions_are_left_out_and_other_names_of_all_are_fine(raw):
    (raw / "people" / "p.txt").write_text("image,size,speed,hue\na_1,1.5,2,3\nb_1,3.5,4,5\nc_1,5.5,6,7\n")
    (raw / "people" / "q.txt").write_text("image,V1,V2\na_1,1.5,2\nb_1,3.5,4\nc_1,5.5,6\n")
    table = individual_coordinates(raw, DATASET | {"dimensions": []}, CATALOG, "validation", ["hue", "size"])
    assert table["hue"].tolist() == [3, 5, 7, 1.5, 3.5, 5.5]
    assert table["size"].tolist() == [1.5, 3.5, 5.5, 2, 4, 6]


def test_a_name_that_is_an_image_of_both_splits_is_refused_where_each_file_is_for_both(raw):
    names, splits = ("a", "b", "c"), ("train", "validation")
    rows = [(f"{split}/{name}", split, f"{split}/{name}.jpg") for split in splits for name in names]
    catalog = pd.DataFrame(rows, columns=["image_id", "split", "file"])
    dataset = {"splits": {split: {"individual": "people/*.txt"} for split in splits}, "dimensions": []}
    (raw / "people" / "p.txt").write_text("image,hue,size\na,1.5,2\nb,3.5,4\nc,5.5,6\n")
    with pytest.raises(RockspaceError, match=r"'a' may be 'train/a\.jpg' or 'validation/a\.jpg'"):
        individual_coordinates(raw, dataset, catalog, "validation", ["hue", "size"])
    (raw / "people" / "p.txt").write_text("image,hue,size\nvalidation/b,1.5,2\ntrain/b,3.5,4\n")
    table = individual_coordinates(raw, dataset, catalog, "validation", ["hue", "size"])
    assert table.to_numpy().tolist() == [["p", "validation/b", 1.5, 2]]


def test_a_pattern_without_files_is_named(raw):
    with pytest.raises(RockspaceError, match=r"no file matches 'people/\*\.txt'"):
        individual_coordinates(raw, DATASET, CATALOG, "validation", ["hue", "size"])


def test_files_of_one_name_in_several_folders_are_several_people(raw):
    for person in ("s01", "s02"):
        (raw / "people" / person).mkdir()
        (raw / "people" / person / "mds.txt").write_text("image,hue,size\na_1,1.5,2\nb_1,3.5,4\n")
    dataset = DATASET | {"dimensions": [], "splits": {"train": {}, "validation": {"individual": "people/*/mds.txt"}}}
    table = individual_coordinates(raw, dataset, CATALOG, "validation", ["hue", "size"])
    assert table["individual"].tolist() == ["s01"] * 2 + ["s02"] * 2


@pytest.mark.parametrize("pattern", ["people/*.txt", "**/*.txt", "people/mds.txt"])
def test_the_groups_file_is_not_counted_as_one_more_person(raw, pattern):
    for name in ("mds", "p"):
        (raw / "people" / f"{name}.txt").write_text("image,hue,size\na_1,1.5,2\nb_1,3.5,4\nc_1,5.5,6\n")
    splits = {"train": {"coordinates": "people/mds.txt"}, "validation": {"individual": pattern}}
    with pytest.raises(RockspaceError, match="matches this file of the whole group too"):
        individual_coordinates(
            raw, DATASET | {"dimensions": [], "splits": splits}, CATALOG, "validation", ["hue", "size"]
        )


def test_the_groups_dimensions_in_another_case_and_order_are_the_groups(raw):
    (raw / "people" / "p.txt").write_text("image,SIZE,Hue\na_1,2,1\nb_1,4,3\nc_1,6,5\n")
    table = individual_coordinates(raw, DATASET | {"dimensions": []}, CATALOG, "validation", ["hue", "size"])
    assert table[["hue", "size"]].to_numpy().tolist() == [[1, 2], [3, 4], [5, 6]]


def test_rows_without_names_have_those_of_the_groups_rows(raw):
    (raw / "names.txt").write_text("c_1\na_1\nb_1\n")
    np.savetxt(raw / "people/p.txt", [[5, 6], [1, 2], [3, 4]])
    scipy.io.savemat(raw / "people/q.mat", {"Y": [[5.5, 6], [1.5, 2], [3.5, 4]]})
    (raw / "people/r.csv").write_text("sep=;\nimage;hue;size\nb_1;3,25;4\n")
    dataset = DATASET | {"splits": {"validation": {"individual": "people/*", "names": "names.txt"}}}
    table = individual_coordinates(raw, dataset, CATALOG, "validation", ["hue", "size"])
    assert table["hue"].tolist() == [1, 3, 5, 1.5, 3.5, 5.5, 3.25]


def test_a_long_table_for_each_person(raw):
    rows = "".join(
        f"{image};{scale};{value}\n" for image in ("b_1", "a_1") for scale, value in (("hue", "1,5"), ("size", 2))
    )
    (raw / "people/p.txt").write_text("image;scale;rating\n" + rows)
    dataset = DATASET | {"columns": {"dimension": "scale", "value": "rating"}}
    table = individual_coordinates(raw, dataset, CATALOG, "validation", ["hue", "size"])
    assert table.to_numpy().tolist() == [["p", "a_1", 1.5, 2], ["p", "b_1", 1.5, 2]]
