"""Files of people's choices, as experiments leave them: trials, counts, confusion matrices and arrays."""

import numpy as np
import pandas as pd
import pytest

from rockspace.config import validated
from rockspace.errors import RockspaceError
from rockspace.people.choices import choice_files, read_choices

LABELS = ["L0", "L1", "L2", "L3"]
FILENAME = r"(?P<label>L\d)_(?:train|validation)_(?P<token>\d+)\.jpg"


def catalog(labels=LABELS) -> pd.DataFrame:
    rows = [
        (f"{label}_{split}_{i:02d}", split, label, "IS"[n // 2], f"photos/{label}_{split}_{i:02d}.jpg")
        for split, count in (("train", 3), ("validation", 2))
        for n, label in enumerate(labels)
        for i in range(1, count + 1)
    ]
    return pd.DataFrame(rows, columns=["image_id", "split", "label", "superclass", "file"])


def settings(**choices):
    config = {
        "study": "s", "models": [{"name": "m", "backbone": "resnet50"}], "choices": choices,
        "dataset": {"source": "osf", "filename": FILENAME,
                    "splits": {"train": {"images": "a", "coordinates": "b"}, "validation": {"images": "c", "coordinates": "d"}}},
    }  # fmt: skip
    return validated(config)["choices"]


def read(folder, texts, images=None, **choices):
    """Write tables and read them: ``texts`` by file name, or one text."""
    files = texts if isinstance(texts, dict) else {"choices.csv": texts}
    for name, text in files.items():
        (folder / name).write_text(text)
    given = settings(files=[str(folder / name) for name in files], **choices)
    return read_choices(choice_files(given["files"]), catalog() if images is None else images, given, FILENAME)


def counted(choices, *keys):
    return choices.responses.groupby(list(keys))["count"].sum().to_dict()


TRIALS = """\
Subject Block Condition Subtype Token Response RT
a 1 9 1 1 1 300
a 2 9 1 2 2 310
a 2 9 2 1 0 320
b 2 9 2 1 2 330
b 2 9 1 2 2 340
b 2 8 1 2 1 350
"""
OF_TRIALS = {
    "columns": {"person": "Subject"},
    "conditions": {"two": {"code": 9, "categories": ["L1", "L3"]}},
    "zero_is_last": True,
}


def test_trials_are_read_by_person_condition_subtype_and_token_whatever_the_columns_are_called(tmp_path):
    choices = read(tmp_path, TRIALS, **OF_TRIALS)
    assert counted(choices, "person", "image_id", "category") == {
        ("a", "L1_validation_01", "L1"): 1, ("a", "L1_validation_02", "L3"): 1, ("a", "L3_validation_01", "L3"): 1,
        ("b", "L1_validation_02", "L3"): 1, ("b", "L3_validation_01", "L3"): 1,
    }  # fmt: skip
    assert set(choices.responses["condition"]) == {"two"}
    assert choices.conditions["two"].category_of == {"L1": "L1", "L3": "L3"}
    assert "left out: 1 rows of conditions not in choices.conditions (8)" in choices.notes
    taken = "person 'Subject', condition 'Condition', subtype 'Subtype', token 'Token', response 'Response'"
    assert choices.notes[0] == f"read: 1 file; {taken}; ignored: Block, RT"
    other = TRIALS.replace("Subject", "VP").replace("Token", "Foto").replace("Response", "Antwort")
    columns = {"person": "VP", "token": "Foto", "response": "Antwort"}
    again = read(tmp_path, other, **OF_TRIALS | {"columns": columns})
    pd.testing.assert_frame_equal(again.responses, choices.responses)


def test_rows_are_kept_by_the_values_of_columns_and_what_goes_is_said(tmp_path):
    choices = read(tmp_path, TRIALS, **OF_TRIALS, only={"Block": 2, "Condition": [9, 8]})
    assert choices.responses["count"].sum() == 4
    assert "left out: 1 rows by choices.only" in choices.notes
    assert "kept: 4 responses of 2 people" in choices.notes
    with pytest.raises(RockspaceError, match=r"choices\.csv: no column 'Session' \(config key choices\.only\)"):
        read(tmp_path, TRIALS, **OF_TRIALS, only={"Session": 2})


def test_people_who_were_right_too_seldom_in_a_condition_are_left_out_and_counted(tmp_path):
    choices = read(tmp_path, TRIALS, **OF_TRIALS, least_accuracy=0.6)
    assert counted(choices, "person") == {"a": 3}
    assert any(note.startswith("left out: 1 of 2 people right in less than 60%") for note in choices.notes)
    assert any("2 responses" in note for note in choices.notes if "60%" in note)
    with pytest.raises(RockspaceError, match="people are not named"):
        read(tmp_path, "image,response\nL0_train_01,L0\n", least_accuracy=0.6)


def test_images_and_responses_may_have_names_and_a_missing_answer_is_left_out(tmp_path):
    text = "participant;stimulus;choice\n007;L0_train_01.jpg;L1\n007;L0_train_01.jpg;L1\nNA;photos/L1_train_02.jpg;L0\nNA;L1_train_02;\n"
    choices = read(tmp_path, text)
    assert counted(choices, "person", "image_id", "category") == {
        ("007", "L0_train_01", "L1"): 2, ("NA", "L1_train_02", "L0"): 1,
    }  # fmt: skip
    assert list(choices.conditions) == ["all"]
    assert choices.conditions["all"].categories == LABELS
    assert "left out: 1 rows without an answer" in choices.notes


def test_people_may_have_a_file_each(tmp_path):
    texts = {"p1.csv": "image,response\nL0_train_01,L0\n", "p2.csv": "image,response\nL0_train_01,L1\n"}
    assert counted(read(tmp_path, texts, file_per_person=True), "person") == {"p1": 1, "p2": 1}
    choices = read(tmp_path, texts)
    assert counted(choices, "person") == {"": 2}
    assert "kept: 2 responses of people who are not named" in choices.notes


def test_trials_may_be_counted_and_without_a_token_are_responses_to_labels(tmp_path):
    choices = read(tmp_path, "subtype,response,n\nL0,L1,4\nL0,L0,6\n", columns={"count": "n"})
    assert counted(choices, "image_id", "label", "category") == {("", "L0", "L0"): 6, ("", "L0", "L1"): 4}


def test_responses_may_be_superclasses(tmp_path):
    choices = read(tmp_path, "image,response\nL0_train_01,S\nL3_train_01,S\n")
    assert choices.conditions["all"].categories == ["I", "S"]
    assert choices.conditions["all"].category_of == {"L0": "I", "L1": "I", "L2": "S", "L3": "S"}


def test_conditions_that_the_configuration_does_not_name_are_those_of_the_files(tmp_path):
    choices = read(tmp_path, "image,condition,response\nL0_train_01,x,L0\nL0_train_01,y,L1\n")
    assert counted(choices, "condition", "category") == {("x", "L0"): 1, ("y", "L1"): 1}


def test_counts_are_read_by_image_and_category(tmp_path):
    choices = read(tmp_path, "image,L3,L0\nL1_train_01.jpg,0,4\nL0_validation_02,2.5,1\n")
    assert counted(choices, "image_id", "category") == {
        ("L1_train_01", "L0"): 4, ("L0_validation_02", "L3"): 2.5, ("L0_validation_02", "L0"): 1,
    }  # fmt: skip
    assert choices.conditions["all"].categories == ["L3", "L0"]
    assert choices.responses["person"].unique().tolist() == [""]


@pytest.mark.parametrize(
    "text",
    ["sep=;\r\nBild;L0;L1\r\n{};3;2,0\r\n", "# counts\nimage\tL0\tL1\n{}\t3.0\t2\n", "\ufeffimage;L0;L1;\n{};3;2;\n"],
)
def test_counts_are_read_from_the_tables_that_spreadsheets_write(tmp_path, text):
    choices = read(tmp_path, text.format("L0_train_01"))
    assert counted(choices, "image_id", "category") == {("L0_train_01", "L0"): 3, ("L0_train_01", "L1"): 2}


@pytest.mark.parametrize("text", ["image,L0,L1\nL0_0,1,2\n", "image,response\nL0_0,L1\n"])
def test_a_name_that_is_an_image_of_both_splits_is_refused(tmp_path, text):
    images = catalog()
    number = images.groupby(["split", "label"]).cumcount().astype(str)
    images["file"] = images["split"] + "/" + images["label"] + "_" + number + ".jpg"
    with pytest.raises(RockspaceError, match=r"row 2: 'L0_0' may be 'train/L0_0.jpg' or 'validation/L0_0.jpg'"):
        read(tmp_path, text, images)
    choices = read(tmp_path, text.replace("L0_0", "validation/L0_0"), images)
    assert choices.responses["image_id"].unique().tolist() == ["L0_validation_01"]


def test_counts_of_several_conditions_are_told_apart_by_their_categories(tmp_path):
    texts = {"a.csv": "image,L0,L1\nL0_train_01,1,2\n", "b.csv": "image,L3,L2\nL2_train_01,3,4\n"}
    conditions = {"first": {"categories": ["L0", "L1"]}, "second": {"categories": ["L2", "L3"]}}
    choices = read(tmp_path, texts, conditions=conditions)
    assert counted(choices, "condition", "category") == {
        ("first", "L0"): 1, ("first", "L1"): 2, ("second", "L2"): 4, ("second", "L3"): 3,
    }  # fmt: skip
    with pytest.raises(
        RockspaceError, match=r"b\.csv: other categories than L0, L1, which another file has; list both"
    ):
        read(tmp_path, texts)
    with pytest.raises(
        RockspaceError, match=r"a\.csv: its categories, L0, L1, are those of none of choices\.conditions"
    ):
        read(tmp_path, texts, conditions={"second": {"categories": ["L2", "L3"]}})


def test_a_confusion_matrix_of_labels_is_one_of_responses_to_labels(tmp_path):
    choices = read(tmp_path, "shown,L0,L1,L2,L3\nL1,1,9,0,0\nL0,8,2,0,0\n")
    assert counted(choices, "image_id", "label", "category") == {
        ("", "L0", "L0"): 8, ("", "L0", "L1"): 2, ("", "L1", "L0"): 1, ("", "L1", "L1"): 9,
    }  # fmt: skip
    with pytest.raises(RockspaceError, match="row 3: duplicate row for label 'L1'"):
        read(tmp_path, "shown,L0,L1\nL1,1,9\nL1,8,2\n")


def test_labels_beside_names_of_images_make_no_confusion_matrix(tmp_path):
    choices = read(tmp_path, "image,label,L0,L1\nL1_train_01,L1,0,4\nL1_train_02,L1,1,2\n")
    assert counted(choices, "image_id", "category") == {
        ("L1_train_01", "L1"): 4, ("L1_train_02", "L0"): 1, ("L1_train_02", "L1"): 2,
    }  # fmt: skip
    assert choices.notes[0] == "read: 1 file; counts, images 'image'; ignored: label"


@pytest.mark.parametrize("role", ["person", "condition"])
def test_counts_of_several_people_or_conditions_in_one_table_are_refused(tmp_path, role):
    with pytest.raises(RockspaceError, match=f"a table of counts cannot have a column of its {role}s \\('{role}'\\)"):
        read(tmp_path, f"{role},image,L0,L1\na,L1_train_01,0,4\nb,L1_train_01,1,2\n")


def test_an_array_of_counts_goes_by_the_natural_order_of_the_splits_paths(tmp_path):
    counts = np.arange(1, 33).reshape(8, 4)
    np.save(tmp_path / "counts.npy", counts)
    given = settings(files=[str(tmp_path / "*.npy")])
    choices = read_choices(choice_files(given["files"]), catalog(), given, FILENAME)
    table = choices.responses.pivot_table("count", "image_id", "category")
    assert table.to_numpy().tolist() == counts.tolist()
    assert table.index[0] == "L0_validation_01"
    np.save(tmp_path / "counts.npy", counts.T)
    with pytest.raises(
        RockspaceError, match=r"counts\.npy: numbers of shape \(4, 8\); needed: \(8, 4\), the validation images"
    ):
        read_choices(choice_files(given["files"]), catalog(), given, FILENAME)


def test_the_images_that_people_studied_are_the_training_images_or_those_named(tmp_path):
    text = "image,response\nL0_validation_01,L0\n"
    assert len(read(tmp_path, text).studied) == 12
    by_token = read(tmp_path, text, studied={"tokens": [2]}).studied["image_id"].tolist()
    assert by_token == [f"{label}_validation_02" for label in LABELS]
    images = "".join(f"{label}_train_01,{'often' if label == 'L2' else 'once'}\n" for label in LABELS)
    (tmp_path / "studied.csv").write_text(f"image,group\n{images}")
    listed = read(tmp_path, text, studied={"file": str(tmp_path / "studied.csv")}).studied
    assert listed.to_dict("list") == {"image_id": [f"{x}_train_01" for x in LABELS], "group": [0, 0, 1, 0]}
    two = {"c": {"categories": ["L0", "L2"]}}
    assert len(read(tmp_path, text, conditions=two).studied) == 6
    (tmp_path / "studied.csv").write_text("image\nL0_train_01\nL1_train_01\n")
    with pytest.raises(RockspaceError, match=r"choices\.studied: no image of category 'L2' \(condition c\)"):
        read(tmp_path, text, conditions=two, studied={"file": str(tmp_path / "studied.csv")})


def test_no_category_stands_for_images_without_a_label(tmp_path):
    images = catalog()
    images.loc[images["label"] == "L3", ["label", "superclass"]] = ""
    choices = read(tmp_path, "image,L0,L1\nL3_train_01,1,2\n", images)
    assert choices.responses["label"].unique().tolist() == [""]
    assert choices.conditions["all"].category_of == {"L0": "L0", "L1": "L1"}
    assert read(tmp_path, "image,response\nL3_train_01,L0\n", images).conditions["all"].categories == LABELS[:3]
    with pytest.raises(RockspaceError, match="category 'L3' is no label of the study"):
        read(tmp_path, "image,L0,L3\nL3_train_01,1,2\n", images)


@pytest.mark.parametrize("header", ["image,01,1e1,NA", '"","01","1e1","NA"', '"01" "1e1" "NA"'])
def test_categories_may_be_called_like_numbers(tmp_path, header):
    images = catalog(["01", "1e1", "NA"])
    rows = "".join(f'"{i}",{n + 1},{20 - n},0\n' for n, i in enumerate(images["image_id"]))
    choices = read(tmp_path, f"{header}\n{rows.replace(',', ',' if ',' in header else ' ')}", images)
    assert choices.conditions["all"].categories == ["01", "1e1", "NA"]
    assert choices.responses.query("category == '01'")["count"].tolist() == list(range(1, len(images) + 1))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image,L0,L9\nL0_train_01,1,2\n", "category 'L9' is no label of the study; "),
        ("image,L0\nL0_train_01,1\n", "people need two"),
        ("image,L0,L0\nL0_train_01,1,2\n", "the header needs distinct names, and has 'L0' twice"),
        ("image,L0,L1\nL0_train_01,1\n", "row 2: 2 cells, but the header has 3"),
        ("image,L0,L1\nquartz,1,2\n", r"column 'image' seems to name the images, but 'quartz' \(row 2\) is not an image"),
        ("image,L0,L1\nL0_train_01,1,2\nL0_train_01.jpg,1,2\n", "row 3: duplicate row for image 'L0_train_01.jpg'"),
        ("image,L0,L1\nL0_train_01,1,-2\n", "row 2: found '-2' for 'L1'; a count is a number, 0 or more"),
        ("image,L0,L1\nL0_train_01,1,nan\n", "row 2: found 'nan'"),
        ("image;L0;L1\nL0_train_01;1,000;2\n", "row 2: found '1,000' for 'L0'"),
        ("image,L0,L1\nL0_train_01,0,0\n", "row 2: no response to image 'L0_train_01'"),
        ("image,response\nL0_train_01,L9\n", r"row 2: found 'L9' \(response\); needed: a category, or its number, 1 to 4"),
        ("image,response\nL0_train_01,5\n", "row 2: found '5'"),
        ("image,response\nL0_train_01,0\n", "if 0 is the last, set choices.zero_is_last"),
        ("image,response\nL0_train_09,L0\n", "'L0_train_09'"),
        ("subtype,token,response\nL0,7,L0\n", "row 2: no validation image of 'L0' has token '7'; check choices.columns"),
        ("subtype,token,response\nL9,1,L0\n", r"row 2: found 'L9' \(subtype\); needed: a label, or the number"),
        ("person,response\na,L0\n", "no column names the images; name it in choices.columns.image"),
        ("", "the file is empty"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_fit_is_refused_in_one_line_with_file_and_row(tmp_path, text, words):
    with pytest.raises(RockspaceError, match=words) as error:
        read(tmp_path, text)
    assert str(error.value).startswith(str(tmp_path / "choices.csv"))
    assert "\n" not in str(error.value)


def test_keys_that_do_not_go_together_and_files_that_are_missing_are_refused(tmp_path):
    with pytest.raises(RockspaceError, match=r"choices\.files: no file '.*nothing.*'; give paths or patterns"):
        choice_files([str(tmp_path / "nothing*.csv")])
    with pytest.raises(RockspaceError, match=r"choices\.conditions\.a: category 'L7' is no label"):
        read(tmp_path, "image,response\nL0_train_01,L0\n", conditions={"a": {"categories": ["L0", "L7"]}})
    with pytest.raises(RockspaceError, match=r"no response is left; check choices\.only"):
        read(tmp_path, TRIALS, **OF_TRIALS, only={"Block": 7})
    both = {"a": {"categories": ["L0", "L1"]}, "b": {"categories": ["L2", "L3"]}}
    with pytest.raises(RockspaceError, match="no column says which of the conditions a trial is of"):
        read(tmp_path, "image,response\nL0_train_01,L0\n", conditions=both)
    with pytest.raises(
        RockspaceError, match=r"choices\.variants\[1\]\.name: found 'x' twice; each variant needs its own"
    ):
        settings(variants=[{"name": "x"}, {"name": "x"}])
    with pytest.raises(RockspaceError, match=r"choices\.variants\[0\]\.response_scaling: found \"fre\""):
        settings(variants=[{"name": "x", "response_scaling": "fre"}])
