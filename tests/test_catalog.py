"""Names, labels and coordinates are matched and checked; every complaint names the file and the row."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from rockspace.data.catalog import read_catalog
from rockspace.data.images import read_rgb, square
from rockspace.data.restructuring import build_catalog, restructure, sorted_images
from rockspace.errors import RockspaceError
from rockspace.people.reading import people_coordinates

FILENAME = r"(?P<superclass>[A-Z])_(?P<label>.+?)_(?P<token>\d+)(?:_\d+)?\.jpe?g"
DATASET = {
    "filename": FILENAME,
    "dimensions": [],
    "splits": {
        "train": {"images": "360 Rocks/*.jpg", "coordinates": "mds_360.txt"},
        "validation": {"images": "120 Rocks/*.jpg", "coordinates": "mds_120.txt"},
    },
}
NAMES = {
    "360 Rocks": ["I_Andesite_01.jpg", "I_Andesite_02.jpg", "S_Rock Salt_01.jpg", "S_Rock Salt_02.jpg"],
    "120 Rocks": ["I_Andesite_1_120.jpg", "S_Rock Salt_3_1201.jpg"],
}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for folder, names in NAMES.items():
        (tmp_path / folder).mkdir()
        for name in names:
            pixels = rng.integers(0, 255, (20, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / folder / name)
    (tmp_path / "mds_360.txt").write_text("  1.0   2.0\n 3 4\n-5 6e-1\n7 8\n")
    (tmp_path / "mds_120.txt").write_text("1 2\n3 4\n")
    return tmp_path


def complaint(raw: Path, dataset: dict = DATASET) -> str:
    with pytest.raises(RockspaceError) as error:
        people_coordinates(raw, dataset, build_catalog(raw, dataset))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_rows_of_the_coordinates_follow_the_sorted_file_names(raw):
    catalog = build_catalog(raw, DATASET)
    coordinates, _ = people_coordinates(raw, DATASET, catalog)
    assert catalog["image_id"].tolist()[:4] == [name.removesuffix(".jpg") for name in NAMES["360 Rocks"]]
    assert catalog["label"].tolist() == [
        "Andesite",
        "Andesite",
        "Rock Salt",
        "Rock Salt",
        "Andesite",
        "Rock Salt",
    ]
    assert catalog["superclass"].tolist() == list("IISSIS")
    np.testing.assert_array_equal(coordinates["train"].loc["S_Rock Salt_01"], [-5, 0.6])


def test_a_csv_with_an_image_column_is_matched_by_name_in_any_order(raw):
    (raw / "mds_120.txt").write_text(
        "image,dimension 1,dimension 2\nS_Rock Salt_3_1201.jpg,3,4\nI_Andesite_1_120,1,2\n"
    )
    catalog = build_catalog(raw, DATASET)
    coordinates, _ = people_coordinates(raw, DATASET, catalog)
    assert coordinates["validation"].to_numpy().tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        ("mds_360.txt", "1 2\n3 4\n5 6\n", "3 rows without names for 4 images"),
        ("mds_360.txt", "1 2\n3 4\n5 6\n7 8\n9 9\n", "5 rows without names for 4 images"),
        ("mds_360.txt", "1 2\n3 nan\n5 6\n7 8\n", "row 2: found 'nan'; every coordinate must be finite"),
        ("mds_360.txt", "1 2\n3 inf\n5 6\n7 8\n", "row 2: found 'inf'"),
        ("mds_360.txt", "1 2\n3 4\n\n5 x\n7 8\n", "row 4: found 'x' where a number is expected"),
        ("mds_360.txt", "1 2\n3 4\n5\n7 8\n", "row 3: 1 cells, but other rows have 2"),
        ("mds_360.txt", "1 2\n3 2\n5 2\n7 2\n", "column 2 is the same in every row"),
        ("mds_360.txt", "", "the file is empty"),
        ("mds_120.txt", "1 2 3\n3 4 5\n", "the splits have different dimensions"),
        (
            "mds_120.txt",
            "image,a,b\nI_Andesite_1_120,1,2\nI_Andesite_1_120,3,4\n",
            "row 3: duplicate row for image 'I_Andesite_1_120'",
        ),
        ("mds_120.txt", "image,a,b\nI_Andesite_1_120,1,2\n", "no row for image 'S_Rock Salt_3_1201.jpg'"),
        (
            "mds_120.txt",
            "image,a,b\nI_Andesite_1_120,1\nS_Rock Salt_3_1201,3,4\n",
            "row 2: 2 cells, but the header has 3",
        ),
    ],
)
def test_a_wrong_coordinates_file_is_named_with_its_row(raw, file, content, expected):
    (raw / file).write_text(content)
    text = complaint(raw)
    assert expected in text
    assert file in text


def test_bytes_that_are_no_text_and_a_missing_file_are_named(raw):
    (raw / "mds_360.txt").write_bytes(b"\x01\x00\x02\x00\x00\x03")
    assert "mds_360.txt: not a text file" in complaint(raw)
    (raw / "mds_360.txt").unlink()
    assert "mds_360.txt: the file is missing" in complaint(raw)


def test_names_for_dimensions_must_be_as_many_as_the_columns(raw):
    assert "2 columns of coordinates, but config key dataset.dimensions names 1" in complaint(
        raw, {**DATASET, "dimensions": ["one"]}
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("360 Rocks/I_Andesite_01.jpg", "360 Rocks/andesite.jpg", "the name does not match dataset.filename"),
        (
            "360 Rocks/I_Andesite_01.jpg",
            "360 Rocks/M_Andesite_01.jpg",
            "label 'Andesite' has images of several",
        ),
        ("360 Rocks/I_Andesite_01.jpg", "360 Rocks/I_.._01.jpg", "the label is '..'"),
    ],
)
def test_a_name_that_does_not_fit_is_named(raw, old, new, expected):
    (raw / old).rename(raw / new)
    assert expected in complaint(raw)


def test_a_pattern_that_matches_nothing_is_named(raw):
    with pytest.raises(RockspaceError, match=r"no image matches 'x/\*\.png'"):
        sorted_images(raw, "x/*.png")


def test_one_label_alone_is_refused(raw):
    for folder, names in NAMES.items():
        for name in names[len(names) // 2 :]:
            (raw / folder / name).unlink()
    (raw / "mds_360.txt").write_text("1 2\n3 4\n")
    (raw / "mds_120.txt").write_text("1 2\n")
    assert "only one label, 'Andesite'" in complaint(raw)


def test_images_are_filed_by_split_and_label_and_the_archive_stays(raw, tmp_path):
    catalog = build_catalog(raw, DATASET)
    restructure(raw, catalog, tmp_path / "images")
    assert all((tmp_path / path).is_file() for path in catalog["path"])
    assert all((raw / file).is_file() for file in catalog["file"])


@pytest.mark.parametrize("damage", ["truncate", "html", "empty"])
def test_an_unreadable_image_stops_the_stage_and_nothing_half_written_stays(raw, tmp_path, damage):
    victim = raw / "360 Rocks" / "S_Rock Salt_01.jpg"
    content = {"truncate": victim.read_bytes()[:400], "html": b"<html>404</html>", "empty": b""}[damage]
    victim.write_bytes(content)
    catalog = build_catalog(raw, DATASET)
    with pytest.raises(RockspaceError, match=r"S_Rock Salt_01\.jpg: ") as error:
        restructure(raw, catalog, tmp_path / "images")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "images").exists()
    assert not list(tmp_path.glob(".partial*"))


def test_a_catalog_is_read_as_it_was_written_also_with_labels_that_look_like_nothing(tmp_path):
    row = {
        "image_id": "a",
        "split": "train",
        "label": "NA",
        "superclass": "",
        "path": "images/train/NA/a.jpg",
        "file": "NA/a.jpg",
    }
    pd.DataFrame([row]).to_csv(tmp_path / "catalog.csv", index=False)
    assert read_catalog(tmp_path / "catalog.csv").iloc[0].to_dict() == row


def test_a_label_in_two_unicode_forms_is_one_label(tmp_path):
    for i, label in enumerate(("Café", "Cafe\u0301", "Thé", "The\u0301")):
        for n in range(2):
            Image.new("RGB", (4, 4)).save(tmp_path / f"{label}_{i}{n}.png")
    splits = {"train": {"images": "*.png"}, "validation": {"fraction": 0.25, "seed": 0}}
    catalog = build_catalog(tmp_path, {"filename": r"(?P<label>.+)_\d+\.png", "splits": splits})
    assert catalog["label"].value_counts().to_dict() == {"Café": 4, "Thé": 4}


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK", "P", "1", "I;16"])
def test_any_mode_of_image_becomes_rgb(tmp_path, mode):
    suffix = "jpg" if mode == "CMYK" else "png"
    Image.new(mode, (8, 6)).save(tmp_path / f"image.{suffix}")
    image = read_rgb(tmp_path / f"image.{suffix}")
    assert (image.mode, image.size) == ("RGB", (8, 6))


def test_padding_keeps_the_whole_photograph_and_adds_background():
    tall = square(Image.new("RGB", (10, 20), (10, 20, 30)), 40, "pad", (255, 0, 255))
    assert (tall[:, :9] == (255, 0, 255)).all()
    assert (tall[:, 12:28] == (10, 20, 30)).all()
    assert (square(Image.new("RGB", (10, 20), (10, 20, 30)), 40, "crop", (0, 0, 0)) == (10, 20, 30)).all()


@given(
    st.sampled_from("IMS"),
    st.text(st.characters(categories=["Lu", "Ll"], include_characters=" -'"), min_size=1).map(str.strip).filter(bool),
    st.integers(1, 99),
    st.sampled_from(["", "_120", "_1201"]),
)
def test_every_name_like_the_archives_gives_back_its_parts(superclass, label, token, tail):
    import re

    match = re.fullmatch(FILENAME, f"{superclass}_{label}_{token:02d}{tail}.jpg")
    assert (match["superclass"], match["label"], int(match["token"])) == (superclass, label, token)


def test_images_of_one_name_are_told_apart_by_their_folders(tmp_path):
    for path in ("arrow/001.png", "bolt/001.png", "bolt/002.png", "arrow/003.png", "arrow/004.jpg", "arrow/004.png"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / path)
    dataset = {
        "filename": "(?P<label>[^/]+)/[^/]+",
        "splits": {"train": {"images": "*/*.*"}, "validation": {"fraction": 0.5, "seed": 0}},
    }
    catalog = build_catalog(tmp_path, dataset)
    named = dict(zip(catalog["file"], catalog["image_id"], strict=True))
    assert named == {
        "arrow/001.png": "arrow/001",
        "bolt/001.png": "bolt/001",
        "bolt/002.png": "002",
        "arrow/003.png": "003",
        "arrow/004.jpg": "arrow/004.jpg",
        "arrow/004.png": "arrow/004.png",
    }
    restructure(tmp_path, catalog, tmp_path / "images")
    assert len({path.resolve() for path in map(tmp_path.joinpath, catalog["path"]) if path.is_file()}) == 6
