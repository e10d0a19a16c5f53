"""Every image gets its own row of people's table, or the study is refused in one line: never another image's row.

The numbers in the names of the tests are those of a list of faults: each was one small input that gave wrong rows without a word.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from dry_runs import dry_run
from rockspace.config import laid_over, validated
from rockspace.data.restructuring import build_catalog
from rockspace.errors import RockspaceError
from rockspace.people.proposal import propose_dataset
from rockspace.people.reading import people_coordinates, read_coordinates
from workflow_runs import ROOT

KINDS = ("arrow", "bolt", "circle")
NAMES = [f"{kind}_{i:02d}.png" for kind in KINDS for i in range(1, 5)]
NUMBERED = [f"{kind}/{4 * k + i:03d}.png" for k, kind in enumerate(KINDS) for i in range(1, 5)]
PER_FOLDER = [f"{kind}/{i:03d}.png" for kind in KINDS for i in range(1, 5)]

Own = dict[str, tuple[float, float]]


def own_rows(images: Sequence[str]) -> Own:
    """Two numbers that belong to each image and to no other."""
    rng = np.random.default_rng(len(images))
    return {
        image: (round(x, 3), round(y, 3))
        for image, (x, y) in zip(images, rng.normal(size=(len(images), 2)), strict=True)
    }


def fill(folder: Path, images: Sequence[str]) -> None:
    for image in images:
        (folder / image).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(folder / image, format="png")


def written(
    own: Own,
    name_of: Callable[[str], str] | None = str,
    header: str | None = "image,x,y",
    shuffled: bool = True,
    delimiter: str = ",",
    row: Callable[[str, str, str], str] | None = None,
) -> str:
    """A table as text, one row per image."""
    images = list(own)
    if shuffled:
        random.Random(0).shuffle(images)
    cells = [[*([name_of(image)] if name_of else []), *map(str, own[image])] for image in images]
    lines = [row(*each) if row else delimiter.join(each) for each in cells]
    return "\n".join([*([header] if header is not None else []), *lines]) + "\n"


def name(image: str) -> str:
    return PurePosixPath(image).name


def stem(image: str) -> str:
    return PurePosixPath(image).stem


def read(folder: Path, **changes: object) -> tuple[pd.DataFrame, Own, list[str]]:
    """Look through a folder and read all of it: the catalog, each image's row, and what was taken for what."""
    dataset = propose_dataset(folder) | changes
    catalog = build_catalog(folder, dataset)
    tables, readings = people_coordinates(folder, dataset, catalog)
    table = pd.concat(tables.values()).loc[catalog["image_id"]]
    rows = dict(zip(catalog["file"], map(tuple, table.to_numpy()), strict=True))
    return catalog, rows, [line for reading in readings for line in reading.in_words()]


def refusal(folder: Path) -> str:
    with pytest.raises(RockspaceError) as error:
        read(folder)
    line = str(error.value)
    assert line.isprintable(), line
    assert len(line) < 900, line
    return line


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return tmp_path / "photos"


# 1.1 and 1.2: names that look like numbers

HEADERS = ["id", "image_id", "file", "name", "stimulus", "filename", "Stim Nr", "photo", "Bild", "whatever"]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("write", [stem, name, lambda image: str(int(stem(image)))], ids=["001", "001.png", "1"])
def test_1_1_numbered_images_are_paired_by_their_numbers(photos, header, write):
    fill(photos, NUMBERED)
    own = own_rows(NUMBERED)
    (photos / "mds.csv").write_text(written(own, write, f"{header},x,y"))
    _, rows, said = read(photos)
    assert rows == own
    assert said[0].startswith(f"mds.csv: column '{header}' names ")
    assert said[1:] == ["dimensions: x, y", "ignored: nothing"]


@pytest.mark.parametrize("folders", [True, False])
def test_1_2_names_that_python_would_read_as_numbers_stay_names(photos, folders):
    images = [f"{f'{kind}/' if folders else ''}{k}_{i:02d}.png" for k, kind in enumerate(KINDS, 1) for i in range(1, 5)]
    fill(photos, images)
    own = own_rows(images)
    (photos / "mds.csv").write_text(written(own, stem, "stimulus,x,y"))
    catalog, rows, _ = read(photos)
    assert rows == own
    assert set(catalog["label"]) == (set(KINDS) if folders else {"1", "2", "3"})


@pytest.mark.parametrize(
    "stems", [["1e1", "1e2", "2e1", "2e2"], ["inf", "nan", "NA", "None"], ["0x1", "0b1", "1.0", "01"]]
)
def test_names_that_look_like_other_numbers_or_like_nothing_stay_names(photos, stems):
    images = [f"{kind}/{s}{suffix}.png" for kind, suffix in (("arrow", ""), ("bolt", "b")) for s in stems]
    fill(photos, images)
    own = own_rows(images)
    (photos / "mds.csv").write_text(written(own, stem, "stimulus,x,y"))
    assert read(photos)[1] == own


def test_numbers_inside_names_are_found_where_nothing_else_differs(photos):
    images = [f"{kind}/stim{4 * k + i}.png" for k, kind in enumerate(KINDS) for i in range(1, 5)]
    fill(photos, images)
    own = own_rows(images)
    (photos / "mds.csv").write_text(written(own, lambda image: stem(image)[4:], "stimulus,x,y"))
    _, rows, said = read(photos)
    assert rows == own
    assert "column 'stimulus' names the numbers in the images' names" in said[0]


def test_numbers_that_spreadsheets_made_decimal_are_numbers_still(photos):
    fill(photos, NUMBERED)
    own = own_rows(NUMBERED)
    (photos / "mds.csv").write_text(written(own, lambda image: f"{int(stem(image))}.0"))
    assert read(photos)[1] == own


# 1.3: row numbers


@pytest.mark.parametrize("first", [1, 0])
@pytest.mark.parametrize(
    ("header", "form"),
    [
        (None, '"{}" {} {}'),  # R's write.table(col.names = FALSE)
        ('"","V1","V2"', '"{}",{},{}'),  # R's write.csv
        ('"V1" "V2"', '"{}" {} {}'),  # R's write.table
        (",0,1", "{},{},{}"),  # pandas' to_csv of a bare array
        ("X,x,y", "{},{},{}"),  # read by R and written again
        ("...1,x,y", "{},{},{}"),  # readr
        ("Unnamed: 0,x,y", "{},{},{}"),  # read by pandas and written again
        (None, "{}\t{}\t{}"),
    ],
)
def test_1_3_row_numbers_in_the_order_of_the_files_are_no_dimension(photos, first, header, form):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    lines = [form.format(i, *own[image]) for i, image in enumerate(sorted(NAMES), start=first)]
    (photos / "mds.csv").write_text("\n".join([*([header] if header else []), *lines]) + "\n")
    _, rows, said = read(photos)
    assert rows == own
    assert said[0] == "mds.csv: rows without names, in the order of file names, 12 images"
    assert re.fullmatch(r"ignored: .+ \(numbers the rows\)", said[2])


def test_row_numbers_out_of_order_without_names_are_refused(photos):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    numbers = {image: str(i) for i, image in enumerate(sorted(NAMES), start=1)}
    for header in ("id,x,y", ",x,y", None):
        (photos / "mds.csv").write_text(written(own, numbers.__getitem__, header))
        assert "seems to name the images" in refusal(photos)


def test_row_numbers_beside_names_are_left_out_in_any_order(photos):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    table = pd.DataFrame(own, index=["x", "y"]).T.rename_axis("image").reset_index()
    table.sample(frac=1, random_state=0).to_csv(photos / "mds.csv")
    _, rows, said = read(photos)
    assert rows == own
    assert said[1:] == ["dimensions: x, y", "ignored: column 1 (numbers the rows)"]


def test_numbered_images_behind_an_index_are_paired_by_their_numbers(photos):
    fill(photos, NUMBERED)
    own = own_rows(NUMBERED)
    table = pd.DataFrame(own, index=["x", "y"]).T.sample(frac=1, random_state=0)
    table.insert(0, "Bild", [stem(image) for image in table.index])
    table.reset_index(drop=True).to_csv(photos / "mds.csv")
    _, rows, said = read(photos)
    assert rows == own
    assert said[1:] == ["dimensions: x, y", "ignored: column 1 (numbers the rows)"]


def test_a_column_that_may_name_images_or_be_a_dimension_is_asked_about(photos):
    images = [f"{kind}/{4 * k + i}.png" for k, kind in enumerate(KINDS) for i in range(1, 3)]
    fill(photos, images)
    own = own_rows(images)
    rows = [f"{x},{y},{stem(image)}" for image, (x, y) in own.items()][::-1]
    (photos / "mds.csv").write_text("\n".join(["x,y,weight", *rows]) + "\n")
    assert "column 'weight' may name the images or be a dimension" in refusal(photos)


# 1.4 and 1.5: rows without names


def numbered_plainly(folder: str = "") -> list[str]:
    return [f"{folder}{kind}_{i}.png" for kind in ("cat", "dog") for i in range(1, 13)]


def test_1_4_bare_rows_are_refused_where_natural_and_plain_order_differ(photos):
    images = numbered_plainly()
    fill(photos, images)
    own = own_rows(images)
    (photos / "mds.txt").write_text(written(own, None, None, shuffled=False, delimiter=" "))
    line = refusal(photos)
    assert (
        "row 2 without a name may be 'cat_10.png' (order of file names) or 'cat_2.png' (natural order of paths)" in line
    )
    assert "dataset.order" in line


@pytest.mark.parametrize("order", ["name", "natural"])
def test_1_4_bare_rows_follow_the_order_that_the_configuration_names(photos, order):
    images = numbered_plainly()
    fill(photos, images)
    own = own_rows(sorted(images) if order == "name" else images)
    (photos / "mds.txt").write_text(written(own, None, None, shuffled=False, delimiter=" "))
    dataset = {
        "filename": r"(?P<label>[a-z]+)_\d+\.png",
        "splits": {
            "train": {"images": "*.png", "coordinates": "mds.txt"},
            "validation": {"fraction": 0.25, "seed": 0},
        },
        "dimensions": [],
        "order": order,
    }
    catalog = build_catalog(photos, dataset)
    tables, _ = people_coordinates(photos, dataset, catalog)
    for table in tables.values():
        for image_id, row in zip(table.index, table.to_numpy(), strict=True):
            assert tuple(row) == own[f"{image_id}.png"]


def test_1_4_whatever_the_case_counts_as_another_order(photos):
    images = [*(f"B_{i}.png" for i in range(1, 5)), *(f"a_{i}.png" for i in range(1, 5))]
    fill(photos, images)
    (photos / "mds.txt").write_text(written(own_rows(images), None, None, shuffled=False, delimiter=" "))
    assert "row 1 without a name may be 'B_1.png' (order of file names) or 'a_1.png'" in refusal(photos)


@pytest.mark.parametrize("order", [None, "path"])
def test_1_5_bare_rows_in_the_order_of_folders_are_refused_unless_that_is_said(photos, order):
    images = [
        f"{kind}/{letter}{i}.png" for kind, letter in (("cats", "z"), ("dogs", "y"), ("owls", "x")) for i in range(4)
    ]
    fill(photos, images)
    own = own_rows(images)
    (photos / "mds.txt").write_text(written(own, None, None, shuffled=False, delimiter=" "))
    if order is None:
        assert "row 1 without a name may be 'owls/x0.png' (order of file names) or 'cats/z0.png'" in refusal(photos)
        return
    dataset = {
        "filename": "(?P<label>[^/]+)/[^/]+",
        "splits": {
            "train": {"images": "*/*.png", "coordinates": "mds.txt"},
            "validation": {"fraction": 0.25, "seed": 0},
        },
        "dimensions": [],
        "order": order,
    }
    catalog = build_catalog(photos, dataset)
    tables, _ = people_coordinates(photos, dataset, catalog)
    files = dict(zip(catalog["image_id"], catalog["file"], strict=True))
    assert {
        files[i]: tuple(row) for table in tables.values() for i, row in zip(table.index, table.to_numpy(), strict=True)
    } == own


def test_bare_rows_are_taken_where_all_orders_agree(photos):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    (photos / "mds.txt").write_text(written(own, None, None, shuffled=False, delimiter=" "))
    _, rows, said = read(photos)
    assert rows == own
    assert said == [
        "mds.txt: rows without names, in the order of file names, 12 images",
        "dimensions: dimension 1, dimension 2",
        "ignored: nothing",
    ]


@pytest.mark.parametrize("header", ["filename\n", "", "nr,filename\n"])
def test_rows_without_names_have_those_of_a_list_in_a_second_file(photos, header):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    (photos / "mds.txt").write_text(written(own, None, None, delimiter=" "))
    order = list(own)
    random.Random(0).shuffle(order)
    lines = [f"{i},{image}" if "nr" in header else image for i, image in enumerate(order, start=1)]
    (photos / "names.csv").write_text(header + "\n".join(lines) + "\n")
    _, rows, said = read(photos)
    assert rows == own
    assert said[0] == "mds.txt: the column of names.csv names the images, 12 images"


def test_rows_without_names_beside_a_table_in_another_order_are_refused(photos):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    (photos / "mds.txt").write_text(written(own, None, None, shuffled=False, delimiter=" "))
    (photos / "kinds.csv").write_text("image,kind\n" + "".join(f"{image},{image[:3]}\n" for image in NAMES[::-1]))
    assert "the rows of mds.txt have no names, and kinds.csv lists the images in another order" in refusal(photos)
    (photos / "kinds.csv").write_text("image,kind\n" + "".join(f"{image},{image[:3]}\n" for image in sorted(NAMES)))
    assert read(photos)[1] == own


# 1.6: matrices


def distances(n: int = 12) -> np.ndarray:
    points = np.random.default_rng(0).normal(size=(n, 3))
    return np.linalg.norm(points[:, None] - points[None], axis=-1).round(3)


@pytest.mark.parametrize("kind", ["dissimilarities", "similarities", "lower half", "ranks on a line"])
@pytest.mark.parametrize("named", [True, False])
def test_1_6_a_symmetric_matrix_is_no_coordinates(photos, kind, named):
    fill(photos, NAMES)
    matrix = distances()
    matrix = {
        "dissimilarities": matrix,
        "similarities": (1 - matrix / matrix.max()).round(3),
        "lower half": np.where(np.tri(12, k=-1), matrix, np.nan),
        "ranks on a line": np.abs(np.subtract.outer(np.arange(12), np.arange(12))).astype(float),
    }[kind]
    table = pd.DataFrame(matrix, index=NAMES, columns=NAMES)
    table.to_csv(photos / "mds.csv", header=named, index=named)
    line = refusal(photos)
    # Without names, the first row of a lower half is an empty line.
    n = 11 if kind == "lower half" and not named else 12
    assert f"a symmetric matrix of {n} x {n} (dis)similarities, not coordinates" in line


def test_a_list_of_pairs_is_no_coordinates(photos):
    fill(photos, NAMES)
    rows = [f"{a},{b},{abs(hash((a, b))) % 100 / 100}" for a in NAMES for b in NAMES if a < b]
    (photos / "mds.csv").write_text("\n".join(["image1,image2,similarity", *rows]) + "\n")
    assert "duplicate row for image" in refusal(photos)


# 1.7: two tables


@pytest.mark.parametrize("other", ["familiarity_norms.csv", "individuals/s00.csv", "Zusatz.txt"])
def test_1_7_two_tables_that_fit_are_refused_and_named(photos, other):
    fill(photos, NAMES)
    (photos / other).parent.mkdir(exist_ok=True)
    own = own_rows(NAMES)
    (photos / "mds.csv").write_text(written(own))
    (photos / other).write_text(written({image: (y, x) for image, (x, y) in own.items()}))
    line = refusal(photos)
    assert other in line
    assert "mds.csv" in line


def test_1_7_the_only_table_that_fits_is_named(photos):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    (photos / "readme.txt").write_text("Drawn shapes, 12 of them.\nSee the paper.\n")
    (photos / "mds_final.csv").write_text(written(own))
    _, rows, said = read(photos)
    assert rows == own
    assert said[0] == "mds_final.csv: column 'image' names the images, 12 images"


# 1.8: decimal commas


def comma(number: float) -> str:
    return str(number).replace(".", ",")


def test_1_8_decimal_commas_between_commas_are_refused(photos):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    for header, with_name in ((None, False), ("x", False), (None, True), ("image,x", True)):
        lines = [",".join([*([image] if with_name else []), comma(x)]) for image, (x, _) in own.items()]
        (photos / "mds.csv").write_text("\n".join([*([header] if header else []), *lines]) + "\n")
        assert "may hold decimal commas" in refusal(photos)


@pytest.mark.parametrize("delimiter", [";", "\t", " ", "|"])
def test_1_8_decimal_commas_between_anything_else_are_decimal_points(photos, delimiter):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    (photos / "mds.csv").write_text(
        written(
            own,
            header=delimiter.join(["image", "x", "y"]),
            delimiter=delimiter,
            row=lambda i, x, y: delimiter.join([i, x.replace(".", ","), y.replace(".", ",")]),
        )
    )
    assert read(photos)[1] == own


def test_1_8_a_single_column_of_quoted_decimal_commas_is_read(photos):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    (photos / "mds.csv").write_text(
        written(own, row=lambda i, x, y: f'{i},"{x.replace(".", ",")}","{y.replace(".", ",")}"')
    )
    assert read(photos)[1] == own


def test_commas_that_divide_thousands_are_refused(photos):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    (photos / "mds.csv").write_text(
        written(own, row=lambda i, x, y: f'{i},"1,{abs(int(1000 * float(x))):03d}",{y}')
        .replace('"1,', '"1,', 1)
        .replace(",x,", ",x,")
    )
    text = (photos / "mds.csv").read_text().splitlines()
    text[1] = re.sub(r'"[^"]*"', "0.5", text[1])
    (photos / "mds.csv").write_text("\n".join(text) + "\n")
    assert re.search(r"x: a decimal point in row 2 and a comma in row \d+; use the same in all rows", refusal(photos))


def test_commas_that_may_divide_thousands_are_refused(photos):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    sizes = ["1,234" if i == 3 else str(560 + i) for i in range(12)]
    rows = [f"{image}\t{size}\t{y}" for (image, (_, y)), size in zip(own.items(), sizes, strict=True)]
    (photos / "mds.txt").write_text("\n".join(["image\tsize\ty", *rows]) + "\n")
    assert "size: the comma in '1,234' may separate thousands or decimals" in refusal(photos)
    (photos / "mds.txt").write_text("\n".join(["image\tsize\ty", *rows]).replace("565", "0,565") + "\n")
    assert read(photos)[1]["arrow_04.png"] == (1.234, own["arrow_04.png"][1])


# 1.9, 1.10 and 1.11: columns


def with_columns(own: Own, header: str, cells: Callable[[str], str]) -> str:
    return written(own, header=header, row=lambda image, x, y: f"{image},{cells(image)},{x},{y}")


@pytest.mark.parametrize("header", ["label", "class", "category", "subtype", "Category"])
@pytest.mark.parametrize("as_number", [True, False])
def test_1_9_a_column_of_labels_gives_labels_and_is_no_dimension(photos, header, as_number):
    images = [f"IMG{i:04d}.png" for i in range(12)]
    fill(photos, images)
    own = own_rows(images)
    label_of = {image: str(i % 3) if as_number else KINDS[i % 3] for i, image in enumerate(images)}
    (photos / "mds.csv").write_text(with_columns(own, f"image,{header},x,y", label_of.__getitem__))
    catalog, rows, said = read(photos)
    assert rows == own
    assert dict(zip(catalog["file"], catalog["label"], strict=True)) == label_of
    assert said[1:] == [f"dimensions: x, y; labels: {header}", "ignored: nothing"]


def test_1_9_constant_and_other_columns_are_listed_as_ignored(photos):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    (photos / "mds.csv").write_text(
        with_columns(
            own,
            "image,n_raters,condition,rater_count,notes,x,y",
            lambda image: f"20,{len(image) % 2},{len(image)},seen by {image[0]}",
        )
    )
    _, rows, said = read(photos)
    assert rows == own
    assert said[2] == "ignored: n_raters (counts), condition (codes), rater_count (counts), notes (text)"


def test_1_9_whole_numbers_beside_decimals_are_not_taken_for_a_dimension_in_silence(photos):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    (photos / "mds.csv").write_text(
        with_columns(own, "image,k,x,y", lambda image: str(KINDS.index(image.split("_")[0])))
    )
    assert "column 'k' holds whole numbers (0 to 2) where others have decimals" in refusal(photos)


def test_labels_may_stand_in_a_table_of_their_own(photos):
    images = [f"IMG{i:04d}.png" for i in range(12)]
    fill(photos, images)
    own = own_rows(images)
    (photos / "mds.csv").write_text(written(own))
    label_of = {image: KINDS[i % 3] for i, image in enumerate(images)}
    rows = [f"{stem(image)};{label};L" for image, label in label_of.items()]
    (photos / "kinds.csv").write_text("\n".join(["stimulus;category;superclass", *rows[::-1]]) + "\n")
    catalog, found, _ = read(photos)
    assert found == own
    assert dict(zip(catalog["file"], catalog["label"], strict=True)) == label_of
    assert set(catalog["superclass"]) == {"L"}


def test_1_10_dimensions_are_selected_by_name(photos):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    (photos / "mds.csv").write_text(with_columns(own, "image,Gloss,Brightness,Hue", lambda image: "0.5"))
    _, rows, said = read(photos, dimensions=["Hue", "Brightness"])
    assert rows == {image: (y, x) for image, (x, y) in own.items()}
    assert said[1:] == ["dimensions: Hue, Brightness", "ignored: Gloss (not in dataset.dimensions)"]
    with pytest.raises(
        RockspaceError, match=r"no column 'Glow' .*dataset\.dimensions.*; its columns are image, Gloss, Brightness, Hue"
    ):
        read(photos, dimensions=["Brightness", "Glow"])


# 1.12, 1.13 and 1.18: paths, suffixes, case


@pytest.mark.parametrize(
    "write",
    [
        str,
        lambda i: i.removesuffix(".png"),
        lambda i: f"/home/me/photos/{i}",
        lambda i: "C:\\me\\" + i.replace("/", "\\"),
        lambda i: f"./{i}",
        str.upper,
    ],
    ids=["path", "no suffix", "absolute", "Windows", "dot", "upper"],
)
def test_1_12_images_of_one_name_in_several_folders_are_paired_by_path(photos, write):
    fill(photos, PER_FOLDER)
    own = own_rows(PER_FOLDER)
    (photos / "mds.csv").write_text(written(own, write))
    catalog, rows, _ = read(photos)
    assert rows == own
    assert catalog["image_id"].is_unique
    assert set(catalog["label"]) == set(KINDS)


def test_1_12_names_that_two_folders_have_are_refused_with_both(photos):
    fill(photos, PER_FOLDER)
    (photos / "mds.csv").write_text(written(own_rows(PER_FOLDER), stem))
    assert re.search(r"'\d{3}' may be 'arrow/\d{3}\.png' or 'bolt/\d{3}\.png'; give more of its path", refusal(photos))


@pytest.mark.parametrize(
    "write", [lambda i: i.replace(".png", ".PNG"), lambda i: i.replace(".png", ".jpg"), str.upper, str.title]
)
def test_1_13_suffix_and_case_need_not_be_those_of_the_files(photos, write):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    (photos / "mds.csv").write_text(written(own, write))
    assert read(photos)[1] == own


@pytest.mark.parametrize("write", [str, stem])
def test_1_13_formats_that_are_not_read_are_named(photos, write):
    fill(photos, NAMES)
    for image in NAMES[::2]:
        (photos / image).rename((photos / image).with_suffix(".CR2"))
    own = {
        image.replace(".png", ".CR2") if i % 2 == 0 else image: row
        for i, (image, row) in enumerate(own_rows(NAMES).items())
    }
    (photos / "mds.csv").write_text(written(own, write))
    line = refusal(photos)
    assert ".CR2" in line
    assert "JPEG or PNG" in line


def test_1_13_a_line_break_in_a_header_is_a_space(photos):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    (photos / "mds.csv").write_text(written(own, header='image,"size\n(cm)",y'))
    _, rows, said = read(photos)
    assert rows == own
    assert said[1] == "dimensions: size (cm), y"


def test_letters_of_two_parts_are_the_letters_of_one(photos):
    images = [f"{kind}é_{i}.png" for kind in KINDS for i in range(4)]
    fill(photos, images)
    own = own_rows(images)
    (photos / "mds.csv").write_text(written(own, lambda image: unicodedata.normalize("NFD", image)))
    assert read(photos)[1] == own
    (photos / "mds.csv").write_bytes(written(own).encode("cp1252"))
    assert read(photos)[1] == own


@pytest.mark.parametrize("suffixes", [(".png", ".jpg"), (".png", ".PNG")])
def test_files_that_differ_in_their_suffix_alone_need_it_in_the_table(photos, suffixes):
    images = [f"{kind}_1{suffix}" for kind in "abcdef" for suffix in suffixes]
    fill(photos, images)
    own = own_rows(images)
    label = {
        "filename": "(?P<label>.)_1.*",
        "splits": {"train": {"images": "*_1.*", "coordinates": "mds.csv"}, "validation": {"fraction": 0.5}},
        "dimensions": [],
    }
    (photos / "mds.csv").write_text(written(own))
    label["splits"]["validation"]["seed"] = 0
    catalog = build_catalog(photos, label)
    tables, _ = people_coordinates(photos, label, catalog)
    table = pd.concat(tables.values()).loc[catalog["image_id"]]
    assert dict(zip(catalog["file"], map(tuple, table.to_numpy()), strict=True)) == own
    (photos / "mds.csv").write_text(written(own, stem))
    with pytest.raises(RockspaceError, match="may be"):
        people_coordinates(photos, label, catalog)


# 1.16 to 1.19


@pytest.mark.parametrize(
    "folders", [("train", "val"), ("Training", "Test"), ("train", "validation"), ("train", "held-out")]
)
@pytest.mark.parametrize("below", ["", "photos/"])
def test_1_16_folders_of_splits_are_the_splits(photos, folders, below):
    images = [f"{below}{folders[i % 4 == 0]}/{image}" for i, image in enumerate(NAMES)]
    fill(photos, images)
    own = own_rows(images)
    (photos / "mds.csv").write_text(written(own))
    catalog, rows, _ = read(photos)
    assert rows == own
    assert set(catalog["label"]) == set(KINDS)
    assert all(
        (folders[1] in file) == (split == "validation")
        for file, split in zip(catalog["file"], catalog["split"], strict=True)
    )


def test_1_16_labels_below_the_folders_of_splits(photos):
    images = [f"{'val' if i == 4 else 'train'}/{kind}/{kind[0]}{i}.png" for kind in KINDS for i in range(1, 5)]
    fill(photos, images)
    own = own_rows(images)
    (photos / "mds.csv").write_text(written(own))
    catalog, rows, _ = read(photos)
    assert rows == own
    assert set(catalog["label"]) == set(KINDS)
    assert (catalog["split"] == "validation").sum() == 3


def test_1_16_three_folders_of_splits_are_refused(photos):
    images = [f"{('train', 'val', 'test')[i % 3]}/{image}" for i, image in enumerate(NAMES)]
    fill(photos, images)
    (photos / "mds.csv").write_text(written(own_rows(images)))
    assert "the folders test, train, val look like splits, and a study has two" in refusal(photos)


@pytest.mark.parametrize(
    "form",
    [
        lambda own: "sep=;\n" + written(own, header="image;x;y", delimiter=";"),
        lambda own: "# x y\n" + written(own, None, None, shuffled=False, delimiter=" "),
        lambda own: "# made on Monday\n# x, y\n" + written(own, None, None, shuffled=False, delimiter=", "),
        lambda own: "% x y\n" + written(own, None, None, shuffled=False, delimiter="\t"),
        lambda own: written(own, header="image,x,y,", row=lambda i, x, y: f"{i},{x},{y},"),
        lambda own: written(own, header="image,x,y", row=lambda i, x, y: f"{i},{x},{y},"),
        lambda own: written(own, header="image;x;y;;", row=lambda i, x, y: f"{i};{x};{y};;"),
        lambda own: "# a comment\n" + written(own).replace("\n", "\n# another\n", 1),
        lambda own: "Coordinates of 12 shapes, by MDS, in 2 dimensions\n\nStress: see the paper.\n" + written(own),
        lambda own: "\ufeff" + written(own).replace("\n", "\r\n"),
        lambda own: written(own).replace("\n", "\r"),
        lambda own: written(own, header="'image','x','y'", row=lambda i, x, y: f"'{i}',{x},{y}"),
        lambda own: written(own).replace("-", "\u2212"),
    ],
    ids=["sep", "savetxt", "comments", "percent", "trailing", "trailing below", "two trailing", "comment", "prose", "BOM", "old Mac", "quotes", "minus"],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_1_17_and_1_18_what_programs_write_around_a_table_is_understood(photos, form, encoding):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    (photos / "mds.csv").write_bytes(form(own).encode(encoding))
    _, rows, said = read(photos)
    assert rows == own
    assert said[1] == "dimensions: x, y"


def test_1_18_names_without_suffix_whose_images_differ_in_case_alone(tmp_path):
    images = ["Ball.png", "ball.png", "Cup.png", "cup.png"]
    (tmp_path / "mds.csv").write_text("image,x,y\nball,0.1,0.9\nCup,0.2,0.8\nBall,0.3,0.7\ncup,0.4,0.6\n")
    assert read_coordinates(tmp_path / "mds.csv", images).table["x"].tolist() == [0.3, 0.1, 0.2, 0.4]


def test_1_18_names_in_another_case_of_a_large_table_with_prose_above(photos):
    images = [f"{i:02d}f_an_{'abcdefghijklmnopqrst'[j]}.jpg" for i in range(18) for j in range(20)]
    fill(photos, images)
    own = own_rows(images)
    (photos / "mds.txt").write_text(
        "MDS solution\nDimensions, in order: brightness, size\n\n"
        + written(own, lambda i: stem(i).upper(), "stimulus\tx\ty", delimiter="\t")
    )
    dataset = {
        "filename": r"(?P<label>\d+)f.*",
        "splits": {"train": {"images": "*.jpg", "coordinates": "mds.txt"}, "validation": {"fraction": 0.25, "seed": 0}},
        "dimensions": [],
    }
    catalog = build_catalog(photos, dataset)
    tables, readings = people_coordinates(photos, dataset, catalog)
    assert readings[0].in_words()[0] == "mds.txt: column 'stimulus' names the images, 360 images"
    for table in tables.values():
        assert all(tuple(row) == own[f"{i}.jpg"] for i, row in zip(table.index, table.to_numpy(), strict=True))


def test_1_18_folders_that_are_links_are_followed_and_circles_are_not(photos, tmp_path):
    fill(tmp_path / "elsewhere", NAMES)
    own = own_rows(NAMES)
    photos.mkdir()
    (photos / "stimuli").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(photos)
    (photos / "mds.csv").write_text(written(own))
    _, rows, _ = read(photos)
    assert rows == {f"stimuli/{image}": row for image, row in own.items()}


def test_1_18_hundreds_of_other_files_make_no_long_message(photos):
    fill(photos, NAMES)
    for i in range(350):
        (photos / f"participant_{i:03d}.txt").write_text("trial rt\n1 0.5\n2 0.75\n")
    assert "no table fits the images (12 in '.')" in refusal(photos)
    (photos / "mds.csv").write_text(written(own_rows(NAMES)))
    assert read(photos)[1] == own_rows(NAMES)


@pytest.mark.parametrize("header", ["image_id", "id", "stimulus", "image"])
def test_1_19_numbers_that_name_no_image_are_refused_at_the_start(photos, header):
    fill(photos, NAMES)
    (photos / "mds.csv").write_text(
        written(own_rows(NAMES), lambda image: str(100 + NAMES.index(image)), f"{header},x,y")
    )
    assert f"column '{header}' seems to name the images, but " in refusal(photos)


@pytest.mark.parametrize("write", [lambda i: re.sub("_0", " ", stem(i)), lambda i: stem(i).replace("_0", "-").title()])
def test_zeros_before_a_number_and_what_stands_between_words_do_not_count(photos, write):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    (photos / "mds.csv").write_text(written(own, write))
    assert read(photos)[1] == own


def test_names_that_differ_in_their_zeros_alone_are_told_apart(photos):
    images = [f"{kind}_{number}.png" for kind in KINDS for number in ("1", "01", "001")]
    fill(photos, images)
    own = own_rows(images)
    (photos / "mds.csv").write_text(written(own, stem))
    assert read(photos)[1] == own
    (photos / "mds.csv").write_text(written(own, lambda image: stem(image).replace("_", " ")))
    assert re.search("may be|seems to name the images", refusal(photos))


def test_rows_without_names_whose_labels_are_other_images_are_refused(photos):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    (photos / "mds.csv").write_text(written(own, lambda image: image.split("_")[0], "category,x,y"))
    assert re.search(
        r"row \d+ without a name would be '\w+\.png' by order, but its column 'category' says '\w+'", refusal(photos)
    )
    (photos / "mds.csv").write_text(written(own, lambda image: image.split("_")[0], "category,x,y", shuffled=False))
    assert read(photos)[1] == own


@pytest.mark.parametrize("cell", ["{}%", "1.234,{}", "{}**", "$ {}", "~{}"])
def test_numbers_with_signs_around_them_are_not_left_out_as_text(photos, cell):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    rows = [f"{image};{cell.format(10 + i)};{y}" for i, (image, (_, y)) in enumerate(own.items())]
    (photos / "mds.csv").write_text("\n".join(["image;x;y", *rows]) + "\n")
    assert "row 2: found " in refusal(photos)


# Siblings: whole numbers that are names, ranks or codes


@pytest.mark.parametrize("header", [None, "brightness,size", "rank_brightness,size", "rank,size"])
@pytest.mark.parametrize("images", [NUMBERED, [i.replace("/", "/stim") for i in NUMBERED]], ids=["001", "stim001"])
def test_ranks_of_numbered_images_are_not_taken_for_their_numbers(photos, header, images):
    fill(photos, images)
    rng = np.random.default_rng(0)
    ranks = [f"{a};{b}" for a, b in zip(rng.permutation(12) + 1, rng.permutation(12) + 1, strict=True)]
    (photos / "mds.csv").write_text("\n".join([*([header.replace(",", ";")] if header else []), *ranks]) + "\n")
    assert "may name the images or be a dimension" in refusal(photos)


@pytest.mark.parametrize("header", ["Kategorie", "classe", "class_id", "labels", "类别"])
def test_codes_of_labels_are_no_dimension_whatever_they_are_called(photos, header):
    fill(photos, NAMES)
    own = {image: (float(len(image) + i % 7), float(i % 5)) for i, image in enumerate(NAMES)}
    (photos / "mds.csv").write_text(
        with_columns(own, f"Bild,{header},x,y", lambda image: str(KINDS.index(image.split("_")[0]))).replace(".0", "")
    )
    assert f"column '{header}' is the same for all images of a label" in refusal(photos)
    assert read(photos, dimensions=["x", "y"])[1] == own


@pytest.mark.parametrize("first", [0, 1])
def test_a_column_that_counts_in_another_order_is_not_taken_for_a_dimension_in_silence(photos, first):
    fill(photos, NAMES)
    numbers = dict(zip(NAMES, np.random.default_rng(0).permutation(12) + first, strict=True))
    (photos / "mds.csv").write_text(with_columns(own_rows(NAMES), "Bild,Zeile,x,y", lambda i: str(numbers[i])))
    assert "column 'Zeile' counts to 12 in some order" in refusal(photos)


@pytest.mark.parametrize("header", ["object size", "number of legs", "photo quality"])
def test_ratings_are_dimensions_where_their_header_holds_a_word_for_images(photos, header):
    fill(photos, NAMES)
    own = {image: (float(i % 7), float(i % 5)) for i, image in enumerate(NAMES)}
    (photos / "mds.csv").write_text(written(own, header=f"image,{header},gloss").replace(".0", ""))
    _, rows, said = read(photos)
    assert rows == own
    assert said[1] == f"dimensions: {header}, gloss"


# Siblings: rows without names


@pytest.mark.parametrize(
    ("header", "cells", "expected"),
    [
        ("category,number,x,y", lambda i: f"{i[:-7]},{i[-5]}", "column 'number' seems to name the images"),
        ("category,item,x,y", lambda i: f"{i[:-7]},{'abcd'[int(i[-5]) - 1]}", "its column 'item' says 'c'"),
        ("when,x,y", lambda i: f"0{i[-5]}.Jan", r"its column 'when' says '03\.Jan'"),
    ],
)
def test_words_and_numbers_that_may_tell_images_apart_are_not_passed_over(photos, header, cells, expected):
    fill(photos, NAMES)
    own = own_rows([f"{kind}_{i:02d}.png" for kind in KINDS for i in (3, 1, 4, 2)])
    (photos / "mds.csv").write_text(written(own, cells, header, shuffled=False))
    assert re.search(expected, refusal(photos))


@pytest.mark.parametrize("header", ["participant,age,rt", "Subject ID,age,rt", "rater,age,rt"])
def test_as_many_people_as_images_are_no_images(photos, header):
    fill(photos, NAMES)
    rows = [f"{i},{20 + 7 * i % 13},{0.1 * i:.2f}" for i in range(1, 13)]
    (photos / "demographics.csv").write_text("\n".join([header, *rows]) + "\n")
    assert "its rows seem to be people" in refusal(photos)


@pytest.mark.parametrize(
    "other", ["nn,zz,rt\n" + "".join(f"{i},{7 * i % 13},{i / 7:.2f}\n" for i in range(12)), "Prose.\n" * 9]
)
def test_a_table_that_names_images_with_a_fault_is_told_of_before_any_other(photos, other):
    fill(photos, NAMES)
    (photos / "mds.csv").write_text(written(own_rows(NAMES[1:])))
    (photos / "a.csv").write_text(other)
    assert "mds.csv: no row for image 'arrow_01.png'" in refusal(photos)


@pytest.mark.parametrize(
    ("stems", "expected"),
    [(["{}_a", "{}_b", "{}a_a", "{}a_b"], "order of letters"), (["{}", "{} (2)", "{} (3)"], "names without suffix")],
)
def test_the_orders_of_other_programs_count_as_well(photos, stems, expected):
    images = [f"{stem.format(kind)}.png" for kind in ("cat", "dog") for stem in stems]
    fill(photos, images)
    (photos / "mds.txt").write_text(written(own_rows(images), None, None, shuffled=False, delimiter=" "))
    assert expected in refusal(photos)


def test_covariances_are_no_coordinates(photos):
    fill(photos, NAMES)
    features = np.random.default_rng(0).normal(size=(12, 3)) * np.linspace(0.1, 3, 12)[:, None]
    np.savetxt(photos / "mds.txt", features @ features.T, fmt="%.4f")
    assert "a symmetric matrix of 12 x 12 (dis)similarities, not coordinates" in refusal(photos)


@pytest.mark.parametrize("kind", ["confusions", "asymmetric dissimilarities", "upper half with zeros"])
def test_a_bare_square_with_a_diagonal_of_its_own_is_no_coordinates(photos, kind):
    fill(photos, NAMES)
    noise = np.random.default_rng(0).random((12, 12)).round(2)
    matrix = {
        "confusions": noise + 2 * np.eye(12),
        "asymmetric dissimilarities": (distances() + noise) * (1 - np.eye(12)),
        "upper half with zeros": np.triu(distances()),
    }[kind]
    np.savetxt(photos / "mds.txt", matrix, fmt="%.3f")
    assert "a matrix of 12 x 12 (dis)similarities or confusions" in refusal(photos)


def test_a_table_in_each_folder_of_a_split_names_its_own_images(photos):
    images = [f"{split}/{image}" for split, some in (("train", NAMES), ("val", NAMES[::2])) for image in some]
    fill(photos, images)
    own = own_rows(images)
    for split in ("train", "val"):
        rows = {image: row for image, row in own.items() if image.startswith(split)}
        (photos / split / "mds.csv").write_text(written(rows, name))
    _, rows, said = read(photos)
    assert rows == own
    assert said[0].startswith("train/mds.csv: ")


def test_a_name_that_is_an_image_of_both_splits_gets_no_label_from_a_table_for_both(photos):
    images = [f"{split}/{i:03d}.png" for split, count in (("train", 9), ("val", 3)) for i in range(count)]
    fill(photos, images)
    splits = {}
    for split, folder in (("train", "train"), ("validation", "val")):
        rows = {image: row for image, row in own_rows(images).items() if image.startswith(folder)}
        (photos / folder / "mds.csv").write_text(written(rows, name))
        splits[split] = {"images": f"{folder}/*.png", "coordinates": f"{folder}/mds.csv", "labels": "kinds.csv"}
    dataset = {"columns": {"label": "kind"}, "splits": splits, "dimensions": []}
    (photos / "kinds.csv").write_text("image,kind\n" + "".join(f"{i:03d}.png,{KINDS[i % 3]}\n" for i in range(9)))
    with pytest.raises(RockspaceError, match=r"row 2: '000\.png' may be 'train/000\.png' or 'val/000\.png'"):
        build_catalog(photos, dataset)
    label_of = {image: KINDS[i % 3] for i, image in enumerate(images)}
    (photos / "kinds.csv").write_text("image,kind\n" + "".join(f"{i},{kind}\n" for i, kind in label_of.items()))
    catalog = build_catalog(photos, dataset)
    assert dict(zip(catalog["file"], catalog["label"], strict=True)) == label_of


@pytest.mark.parametrize("write", [str, lambda i: i.removesuffix(".png"), lambda i: i.removesuffix(".jpg.png")])
def test_images_with_two_suffixes_are_known_by_any_part_of_them(photos, write):
    images = [image.replace(".png", ".jpg.png") for image in NAMES]
    fill(photos, images)
    own = own_rows(images)
    (photos / "mds.csv").write_text(written(own, write))
    assert read(photos)[1] == own


def test_a_title_that_a_spreadsheet_filled_up_with_empty_cells_is_no_row(photos):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    (photos / "mds.csv").write_text("MDS solution,,\nof 12 shapes,,\n" + written(own))
    assert read(photos)[1] == own


def test_a_matrix_of_images_by_images_is_no_coordinates(photos):
    fill(photos, NAMES)
    confusions = np.random.default_rng(0).random((12, 12)).round(3)
    pd.DataFrame(confusions, index=NAMES, columns=[stem(image) for image in NAMES]).to_csv(photos / "mds.csv")
    assert "a matrix whose columns are the images, not coordinates" in refusal(photos)


def test_names_that_match_no_image_are_refused_with_both_kinds_of_name(photos):
    fill(photos, NAMES)
    (photos / "mds.csv").write_text(written(own_rows(NAMES), lambda image: f"item {NAMES.index(image)} of mine"))
    line = refusal(photos)
    assert "column 'image' seems to name the images" in line
    assert "images have names such as 'arrow_01.png'" in line


def laid_over_the_rocks(photos: Path, **dataset: object) -> dict:
    """A study given key by key, as Snakemake lays it over the default configuration."""
    rocks = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    own = {"source": "directory", "directory": str(photos), "filename": r"(?P<label>[a-z]+)_\d+\.png"}
    own["splits"] = {"train": {"images": "*.png", "coordinates": "mds.txt"}, "validation": {"fraction": 0.25}}
    return validated(laid_over(rocks, {"study": "mine", "dataset": own | dataset}))["dataset"]


@pytest.mark.parametrize("width", [2, 8])
def test_1_11_the_rocks_names_of_dimensions_are_not_those_of_other_data(photos, width):
    fill(photos, NAMES)
    values = np.random.default_rng(0).normal(size=(12, width)).round(3)
    np.savetxt(photos / "mds.txt", values, fmt="%.3f")
    dataset = laid_over_the_rocks(photos)
    tables, _ = people_coordinates(photos, dataset, build_catalog(photos, dataset))
    assert list(tables["train"]) == [f"dimension {i + 1}" for i in range(width)]
    names = [f"d{i}" for i in range(width)]
    dataset = laid_over_the_rocks(photos, dimensions=names)
    tables, _ = people_coordinates(photos, dataset, build_catalog(photos, dataset))
    assert list(tables["train"]) == names


def test_1_11_the_rocks_have_their_names():
    rocks = validated(yaml.safe_load((ROOT / "config/config.yaml").read_text()))["dataset"]
    assert rocks["dimensions"] == [
        "lightness",
        "grain size",
        "roughness",
        "shininess",
        "organization",
        "chromaticity",
        "shape",
        "hue",
    ]


def test_a_whole_study_is_planned_from_a_folder_alone_or_refused_in_one_line(photos, tmp_path):
    fill(photos, NUMBERED)
    shutil.copytree(ROOT / "config", tmp_path / "config")
    (photos / "mds.csv").write_text(written(own_rows(NUMBERED), stem, "id,x,y"))

    def planned() -> subprocess.CompletedProcess:
        arguments = ["--snakefile", str(ROOT / "Snakefile"), "--config", "study=c", "dataset=photos"]
        return dry_run(tmp_path, arguments, dict(os.environ))

    assert planned().returncode == 0
    others = {image: (y, x) for image, (x, y) in own_rows(NUMBERED).items()}
    (photos / "norms.csv").write_text(written(others, stem, "id,familiarity,beauty"))
    refused = planned()
    assert refused.returncode == 1
    assert "mds.csv, norms.csv each give all images coordinates" in refused.stdout
    assert "Traceback" not in refused.stdout
