"""Cells and columns that are easily taken for something else: read right, or refused in one line that names them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from rockspace.data.restructuring import build_catalog
from rockspace.errors import RockspaceError
from rockspace.people.proposal import propose_dataset
from rockspace.people.reading import read_coordinates
from test_pairing import KINDS, NAMES, fill, own_rows, read, refusal, written

FIRST = NAMES[0]
Write = Callable[[str], str]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return tmp_path / "photos"


def with_x(rows: dict, x_of: Callable[[int, str], str], header: str = "image,x,y") -> str:
    """A table whose first dimension is written in some way."""
    lines = [f"{image},{x_of(i, str(x))},{y}" for i, (image, (x, y)) in enumerate(rows.items())]
    return "\n".join([header, *lines]) + "\n"


@pytest.mark.parametrize("minus", ["\u2212", "\u2010", "\u2011", "\u2013", "\ufe63", "\uff0d"])
def test_any_dash_before_a_number_is_a_minus(photos, minus):
    fill(photos, NAMES)
    own = {image: (-abs(x), y) for image, (x, y) in own_rows(NAMES).items()}
    (photos / "mds.csv").write_text(with_x(own, lambda _, x: x.replace("-", minus)))
    assert read(photos)[1] == own


@pytest.mark.parametrize(
    "write",
    [
        lambda x: f"({x})",
        lambda x: f"{x}-",
        lambda x: f"- {x}",
        lambda x: f"{x} cm",
        lambda x: f"{x}mm",
        lambda x: f"{x} (0.1)",
        lambda x: f"{x}±0.1",
        lambda x: f"{x} [0.1; 0.2]",
        lambda x: f'"""{x}"""',
        lambda x: f'"=""{x}"""',
        lambda x: f"'{x}",
        lambda x: f"np.float64({x})",
        lambda x: f"{x}D+00",
        lambda x: f"{x}+0i",
    ],
)
def test_numbers_in_another_form_are_not_left_out_as_text(photos, write: Write):
    fill(photos, NAMES)
    own = {image: (abs(x), y) for image, (x, y) in own_rows(NAMES).items()}
    (photos / "mds.csv").write_text(with_x(own, lambda _, x: write(x)))
    assert "where a number is expected (x)" in refusal(photos)


@pytest.mark.parametrize(
    "cell", ["2024-05-01", "10:30", "0.0-3.0", "001.png", "3a", "640x480", "2024-01-01_10h15.33.123", "12 legs"]
)
def test_text_with_digits_is_left_out(photos, cell):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    (photos / "mds.csv").write_text(written(own, header="image,note,x,y", row=lambda i, x, y: f"{i},{cell},{x},{y}"))
    _, rows, said = read(photos)
    assert rows == own
    assert said[2] == "ignored: note (text)"


@pytest.mark.parametrize("code", ["99", "-9", "-99", "-999", "999", "-999.0", "-99.99", "-999,00", "88"])
def test_codes_of_missing_values_are_no_coordinates(photos, code):
    fill(photos, NAMES)
    text = with_x(own_rows(NAMES), lambda i, x: code.replace(",", ".") if i in (2, 5) else x)
    if "," in code:
        text = "\n".join(re.sub(r"\.(?=\d)", ",", line.replace(",", ";")) for line in text.splitlines())
    (photos / "mds.csv").write_text(text)
    assert f"row 4: {code!r} (column 'x') stands apart from all other numbers" in refusal(photos)


def test_a_coordinate_that_looks_like_a_code_is_read_as_the_message_says(photos):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    own[FIRST] = (99.0, own[FIRST][1])
    (photos / "mds.csv").write_text(with_x(own, lambda i, x: "99" if i == 0 else x))
    assert "write it as 9.9e1 if it is a coordinate" in refusal(photos)
    (photos / "mds.csv").write_text(with_x(own, lambda i, x: "9.9e1" if i == 0 else x))
    assert read(photos)[1] == own


def test_minus_one_among_ratings_is_a_code_and_bipolar_ratings_are_not(photos):
    fill(photos, NAMES)
    own = {image: (float(1 + i % 7), y) for i, (image, (_, y)) in enumerate(own_rows(NAMES).items())}
    (photos / "mds.csv").write_text(with_x(own, lambda i, x: "-1" if i == 3 else x))
    assert "row 5: '-1' (column 'x') stands apart" in refusal(photos)
    own = {image: (float(i % 3 - 1), float(i % 5 - 2)) for i, image in enumerate(NAMES)}
    (photos / "mds.csv").write_text(with_x(own, lambda i, x: x))
    assert read(photos)[1] == own


@pytest.mark.parametrize("cell", ["1e39", "-1.797693e+308", "9.96921e+36"])
def test_numbers_beyond_all_coordinates_are_refused(photos, cell):
    fill(photos, NAMES)
    (photos / "mds.csv").write_text(with_x(own_rows(NAMES), lambda i, x: cell if i == 3 else x))
    assert f"row 5: {cell!r} is too large for a coordinate (x)" in refusal(photos)


@pytest.mark.parametrize(
    "header",
    [
        "image,x,x_sd,y,y_sd",
        "image,x_mean,x_sd,y_mean,y_se",
        "image,M x,SD x,M y,SD y",
        "image,x,x_ci_lower,y,y_ci_upper",
        "image,x,x.n,y,y.n",
        "image,x,sd,y,spp",
        "stimulus,x,rt,y,time_elapsed",
        "imageFile,x,key_resp.rt,y,trials.thisN",
        "image,x,Duration (in seconds),y,timestamp",
    ],
)
def test_spread_and_times_beside_dimensions_are_left_out(photos, header):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    others = dict(zip(own, np.random.default_rng(1).uniform(0.1, 2, (len(own), 2)).round(3), strict=True))

    def row(image: str, x: str, y: str) -> str:
        return f"{image},{x},{others[image][0]},{y},{others[image][1]}"

    (photos / "mds.csv").write_text(written(own, header=header, row=row))
    _, rows, said = read(photos)
    names = header.split(",")
    assert rows == own
    assert said[1] == f"dimensions: {names[1]}, {names[3]}"
    assert names[2] in said[2]
    assert names[4] in said[2]


@pytest.mark.parametrize("other", ["upper body", "max speed", "heart", "duration"])
def test_dimensions_with_a_word_of_statistics_in_their_name_are_taken(photos, other):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    (photos / "mds.csv").write_text(written(own, header=f"image,{'body' if 'body' in other else 'speed'},{other}"))
    assert read(photos)[1] == own


def test_a_dimension_that_stands_there_twice_is_refused(photos):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    (photos / "mds.csv").write_text(written(own, header="image,x,y,z", row=lambda i, x, y: f"{i},{x},{y},{x}"))
    assert "columns 'x' and 'z' are the same" in refusal(photos)


def test_a_bare_square_may_have_its_images_in_columns(photos):
    fill(photos, NAMES)
    values = np.random.default_rng(0).normal(size=(len(NAMES), len(NAMES))).round(3)
    np.savetxt(photos / "mds.csv", values, delimiter=",")
    assert "12 x 12 numbers without names may be coordinates with images in columns" in refusal(photos)
    header = ",".join(f"dim{i}" for i in range(len(NAMES)))
    np.savetxt(photos / "mds.csv", values, delimiter=",", header=header, comments="")
    np.testing.assert_allclose([read(photos)[1][image] for image in NAMES], values)


def test_marks_without_width_are_no_part_of_names_or_numbers(photos):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    text = written(own, header="\ufeffimage,x\u200b,y", row=lambda i, x, y: f"\u200b{i},\ufeff{x},{y}\u200b")
    (photos / "mds.csv").write_text("\ufeff" + text)
    _, rows, said = read(photos)
    assert rows == own
    assert said[1] == "dimensions: x, y"


def test_long_numbers_that_a_spreadsheet_shortened_name_no_image(photos):
    images = [f"{kind}/{20240101120000 + 7 * i}.png" for i, kind in enumerate(4 * KINDS)]
    fill(photos, images)
    table = written(own_rows(images), lambda image: f"{float(image[-18:-4]):.6E}", "stim,x,y")
    (photos / "mds.csv").write_text(table)
    assert "column 'stim' seems to name the images, but '2.024010E+13' (row 2) is not an image" in refusal(photos)


def test_folders_of_splits_beside_another_folder_are_refused(photos):
    images = [f"{('Training', 'Testing', 'extra')[i % 3]}/{image}" for i, image in enumerate(NAMES)]
    fill(photos, images)
    (photos / "mds.csv").write_text(written(own_rows(images)))
    assert "the folders Testing, Training, extra look like splits" in refusal(photos)


def test_a_kind_that_is_called_train_is_a_label(photos):
    images = [f"{kind}/{kind}{i}.png" for kind in ("car", "plane", "train") for i in range(1, 5)]
    fill(photos, images)
    own = own_rows(images)
    (photos / "mds.csv").write_text(written(own))
    catalog, rows, _ = read(photos)
    assert set(catalog["label"]) == {"car", "plane", "train"}
    assert rows == own


@pytest.mark.parametrize("labels", [("Cat", "cat"), ("1", "1.0"), ("1", "01"), ("Sea lion", "sea lion")])
def test_labels_that_differ_in_their_spelling_alone_are_refused(photos, labels):
    fill(photos, NAMES)
    label_of = {image: (*labels, "dog")[i % 3] for i, image in enumerate(NAMES)}
    row = lambda i, x, y: f"{i},{label_of[i]},{x},{y}"  # noqa: E731
    (photos / "mds.csv").write_text(written(own_rows(NAMES), header="image,label,x,y", row=row))
    dataset = propose_dataset(photos)
    with pytest.raises(RockspaceError, match="differ in their spelling alone"):
        build_catalog(photos, dataset)


@pytest.mark.parametrize(
    ("labels", "fault"),
    [
        (["cat", "dog", "cat"] * 3 + ["dog", "cat", ""], "1 of 12 images have none"),
        (["cat"] * 11 + ["dog"], "'dog' has a single image (1 such labels)"),
    ],
)
def test_columns_that_are_called_labels_and_give_none_are_named(photos, labels, fault):
    images = [f"{i:02d}.png" for i in range(12)]
    fill(photos, images)
    label_of = dict(zip(images, labels, strict=True))
    row = lambda i, x, y: f"{i},{label_of[i]},{x},{y}"  # noqa: E731
    (photos / "mds.csv").write_text(written(own_rows(images), header="image,label,x,y", row=row))
    line = refusal(photos)
    assert f"the cells of column 'label' of mds.csv give no labels: {fault}" in line
    assert "set dataset.labels to none" in line


def test_names_of_which_only_some_give_no_labels_are_refused_with_the_reason(photos):
    images = [f"cat_{i}.png" for i in range(9)] + ["dog_1.png"]
    fill(photos, images)
    (photos / "mds.csv").write_text(written(own_rows(images)))
    assert "names such as 'cat_0.png' give no labels: 'dog' has a single image" in refusal(photos)


@pytest.mark.parametrize(
    "images", [[f"cat_{i}.png" for i in range(9)], ["ant.png", "bee.png", "cow1.png", "cow2.png", "elk.png"]]
)
def test_names_that_hardly_group_the_images_are_no_labels(photos, images):
    fill(photos, images)
    row = lambda i, x, y: f"{i},photo,{x},{y}"  # noqa: E731
    (photos / "mds.csv").write_text(written(own_rows(images), header="image,category,x,y", row=row))
    assert propose_dataset(photos)["labels"] == "none"
    assert read(photos)[1] == own_rows(images)


def test_a_dimension_that_holds_names_is_said_to_hold_no_numbers(photos):
    fill(photos, NAMES)
    (photos / "mds.csv").write_text(written(own_rows(NAMES)))
    with pytest.raises(RockspaceError, match=r"found '\w+\.png' where a number is expected \(image\)"):
        read(photos, dimensions=["image", "x"])


@pytest.mark.parametrize("form", ["{}", "/home/me/{}"])
def test_folders_that_differ_in_case_alone_are_told_apart_by_paths(photos, form):
    images = [f"{kind}/{letter}.png" for kind in ("Cat", "cat", "dog") for letter in "abcd"]
    fill(photos, images)
    own = own_rows(images)
    (photos / "mds.csv").write_text(written(own, form.format))
    table = read_coordinates(photos / "mds.csv", images).table
    assert dict(zip(images, map(tuple, table.to_numpy()), strict=True)) == own
    with pytest.raises(RockspaceError, match="differ in their spelling alone"):
        read(photos)


def in_columns(rows: dict) -> tuple[np.ndarray, np.ndarray]:
    """Names and numbers as arrays, from the last image to the first."""
    names = list(rows)[::-1]
    return np.array(names), np.array([rows[name] for name in names])


@pytest.mark.parametrize("shape", [(-1,), (-1, 1), (1, -1)])
@pytest.mark.parametrize("write", [np.savez, scipy.io.savemat])
def test_names_beside_a_matrix_count_whether_they_stand_in_a_row_or_a_column(photos, shape, write):
    fill(photos, NAMES)
    names, values = in_columns(own_rows(NAMES))
    arrays = {"names": names.astype(object if write is scipy.io.savemat else str).reshape(shape), "x": values}
    if write is np.savez:
        np.savez(photos / "mds.npz", **arrays)
    else:
        scipy.io.savemat(photos / "mds.mat", arrays)
    assert read(photos)[1] == own_rows(NAMES)


def test_whole_numbers_in_a_matrix_behind_its_names_are_no_index(photos):
    fill(photos, NAMES)
    rng = np.random.default_rng(0)
    own = {name: (float(x), y) for (name, (_, y)), x in zip(own_rows(NAMES).items(), rng.permutation(40), strict=False)}
    names, values = in_columns(own)
    np.savez(photos / "mds.npz", names=names, x=values)
    assert read(photos)[1] == own


@pytest.mark.parametrize("breaks", ["\u2028", "\x0b", "\x0c", "\x1c", "\u0085"])
def test_only_ends_of_lines_end_rows(photos, breaks):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    (photos / "mds.csv").write_text(
        written(own, header=f"image,note,x{breaks}1,y", row=lambda i, x, y: f"{i},one{breaks}two,{x},{y}"), newline=""
    )
    if breaks == "\x1c":
        assert "control character" in refusal(photos)
        return
    _, rows, said = read(photos)
    assert rows == own
    assert said[1] == "dimensions: x 1, y"
    (photos / "mds.csv").unlink()
    lines = [{"image": name, "note": f"one{breaks}two", "x": x, "y": y} for name, (x, y) in own.items()]
    text = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    (photos / "mds.jsonl").write_text(text, newline="")
    assert read(photos)[1] == own


def test_names_of_dimensions_are_the_same_however_their_accents_are_written(tmp_path):
    tables = []
    for number, accent in enumerate(["gro\u0308\u00dfe", "gr\u00f6\u00dfe"]):
        path = tmp_path / f"{number}.csv"
        path.write_text(f"image,{accent},y\na,1.5,2\nb,3,4.5\n")
        tables.append(list(read_coordinates(path, ["a.png", "b.png"]).table))
    assert tables == [["gr\u00f6\u00dfe", "y"]] * 2
    path.write_text("image,a\u0308,\u00e4\na,1.5,2\nb,3,4.5\n")
    with pytest.raises(RockspaceError, match=r"1\.csv: two columns are called '\u00e4', accents written in two ways"):
        read_coordinates(path, ["a.png", "b.png"])


def test_records_of_several_people_in_one_file_of_json_are_one_table(photos):
    fill(photos, NAMES)
    own = own_rows(NAMES)
    records = [{"image": name, "x": x, "y": y} for name, (x, y) in own.items()]
    (photos / "mds.json").write_text(f"{json.dumps(records[:2])}\n{json.dumps(records[2:])}\n")
    assert read(photos)[1] == own
    (photos / "mds.json").rename(photos / "mds.txt")
    assert "mds.txt: JSON, not a table; call it mds.json" in refusal(photos)
