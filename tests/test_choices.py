"""Files of people's choices, as experiments leave them: trials, counts, confusion matrices and arrays."""

import csv

import numpy as np
import pandas as pd
import pytest

from rockspace.config import validated
from rockspace.errors import RockspaceError
from rockspace.people import conditions
from rockspace.people.choices import read_choices
from rockspace.people.conditions import choice_files

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
a 2 9 1 2 0 310
a 2 9 2 1 0 320
b 2 9 2 1 0 330
b 2 9 1 2 0 340
b 2 8 9 9 7 350
"""
OF_TRIALS = {
    "columns": {"person": "Subject"},
    "conditions": {"two": {"code": 9, "categories": ["L1", "L3"], "codes": [1, 0]}},
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


@pytest.mark.parametrize(
    ("only", "rows"),
    [
        ({"x": 0.5}, [0]), ({"x": "0.50"}, [0]), ({"x": False}, [2]), ({"x": "Test"}, [3, 4]), ({"x": None}, [5]),
        ({"x": [1, "false"]}, [1, 2]), ({"x": {"from": 0.5}}, [0, 1]), ({"x": {"from": 0.6, "to": 1}}, [1]),
    ],
)  # fmt: skip
def test_values_are_those_that_are_meant_however_they_are_written_and_may_be_ranges(tmp_path, only, rows):
    cells, images = ["0.50", "1.0", "FALSE", "test", "TEST", ""], catalog()["image_id"]
    text = "".join(f"{image},{cell},L0\n" for image, cell in zip(images, cells, strict=False))
    choices = read(tmp_path, f"image,x,response\n{text}", only=only)
    assert choices.responses["image_id"].tolist() == images[rows].tolist()


@pytest.mark.parametrize("only", [{"x": {"form": 1}}, {"x": {"from": "a"}}, {"x": {}}, {"x": [[1]]}])
def test_ranges_have_numbers_for_ends(only):
    with pytest.raises(RockspaceError, match=r"config: choices\.only\.x"):
        settings(only=only)


def test_keys_numbers_and_abbreviations_are_the_categories_that_the_configuration_names(tmp_path):
    def chosen(cells, **condition):
        rows = "".join(f"L0_train_01,{cell}\n" for cell in cells)
        read_ = read(tmp_path, f"image,response\n{rows}", conditions={"c": {"categories": LABELS[:3]} | condition})
        return read_.responses.set_index("category")["count"].to_dict()

    assert chosen(["1", "2.0", "03", "3"]) == {"L0": 1, "L1": 1, "L2": 2}
    assert chosen(["0", "2", "1", "2"], codes=[0, 1, 2]) == {"L0": 1, "L1": 1, "L2": 2}
    assert chosen(["f", "L1", "J", "num_3"], codes=["f", "j", "num_3"]) == {"L0": 1, "L1": 2, "L2": 1}
    assert chosen(["-", "", "x"], codes=["-", "x", "y"]) == {"L0": 1, "L1": 1}
    with pytest.raises(RockspaceError, match=r"row 2: found '0' .* its number, 1 to 3 \(others are named in choices"):
        chosen(["0"])
    with pytest.raises(
        RockspaceError, match=r"row 3: found '3' .* a category, or one of choices\.conditions\.c\.codes"
    ):
        chosen(["0", "3"], codes=[0, 1, 2])
    for codes in ([0, 1], [1, "01", 2], ["f", "F", "g"]):
        with pytest.raises(RockspaceError, match=r"choices\.conditions\.c\.codes: found 2 different ones; needed: 3"):
            chosen(["0"], codes=codes)


def test_names_of_categories_are_recognised_in_any_case_and_with_any_blanks(tmp_path):
    images = catalog(["Rock gypsum", "slate", "Slate", "NA"])
    text = "image,response\nRock gypsum_train_01,rock_gypsum\nRock gypsum_train_01,ROCK-GYPSUM\nslate_train_01,slate\nNA_train_01,NA\n"
    choices = read(tmp_path, text, images)
    assert counted(choices, "category") == {"Rock gypsum": 2, "slate": 1, "NA": 1}
    with pytest.raises(RockspaceError, match="row 2: found 'SLATE'"):
        read(tmp_path, "image,response\nslate_train_01,SLATE\n", images)


def test_rows_without_an_image_or_of_other_conditions_are_not_read(tmp_path):
    text = "image,condition,response\n,Kept,space\nL0_train_01,KEPT,L1\npractice.png,other,left\n"
    choices = read(tmp_path, text, conditions={"kept": {"categories": ["L0", "L1"]}})
    assert counted(choices, "image_id", "category") == {("L0_train_01", "L1"): 1}
    assert "left out: 1 rows without an image" in choices.notes
    assert "left out: 1 rows of conditions not in choices.conditions (other)" in choices.notes
    conditions = {"kept": {"categories": ["L0", "L1"], "code": "x"}}
    texts = {"a.csv": text, "b.csv": "image,condition,response\nL0_train_01,X,L1\n"}
    choices = read(tmp_path, texts, conditions=conditions)
    assert choices.responses["count"].sum() == 1
    assert "left out: 2 rows of conditions not in choices.conditions (KEPT, other)" in choices.notes


def test_what_the_experiment_called_right_must_be_right(tmp_path):
    def reading(right, response=(2, 1), **more):
        rows = "".join(f"L1_train_01,{r},{c}\n" for r, c in zip(response, right, strict=True))
        conditions = {"c": {"categories": ["L0", "L1"]}}
        return read(tmp_path, f"image,response,{more.pop('name', 'correct')}\n{rows}", conditions=conditions, **more)

    assert reading([1, 0]).responses["category"].tolist() == ["L1", "L0"]
    reading(["TRUE", "False"], name="Accuracy")
    reading(["L1", "L1"])  # the right answers
    reading([0, 1], columns={"right": None})
    for wrong in ([0, 1], ["0.0", "1.0"]):  # pandas writes the latter where trials have none
        says = f"row 2: 'L1' was chosen for an image of 'L1', but column 'correct' says '{wrong[0]}'"
        with pytest.raises(RockspaceError, match=says):
            reading(wrong)
    with pytest.raises(RockspaceError, match=r"row 2: found '310' \(RT\); needed: 1 or 0"):
        reading([310, 320], name="RT", columns={"right": "RT"})


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
    not_named = "kept: 2 responses of people who are not named: no intervals over people; if a column or a file each"
    assert [note.startswith(not_named) for note in choices.notes].count(True) == 1


@pytest.mark.parametrize(
    "header",
    [
        "Subject ID",
        "subject_nr",
        "participant_id",
        "Worker",
        "Participant Private ID",
        "PROLIFIC_PID",
        "subj_idx",
        "VP-Nr",
    ],
)
def test_columns_of_people_have_many_names(tmp_path, header):
    choices = read(tmp_path, f"{header},image,response\na,L0_train_01,L0\nb,L0_train_01,L0\n")
    assert set(choices.responses["person"]) == {"a", "b"}
    other = f"{header},subject,image,response\na,1,L0_train_01,L0\nb,2,L0_train_01,L0\n"
    assert set(read(tmp_path, other).responses["person"]) == {"a", "b"}
    with pytest.raises(RockspaceError, match=r"may be the person; name one in choices\.columns\.person"):
        read(tmp_path, other.replace("b,2", "b,1"))
    assert set(read(tmp_path, other, columns={"person": None}).responses["person"]) == {""}


def test_nothing_is_read_twice(tmp_path):
    rows = [f"{person},L0_train_01,L{i}\n" for person in "ab" for i in range(3)]
    header = "person,image,response\n"
    with pytest.raises(RockspaceError, match=r"b\.csv: the same rows as in .*all\.csv; name one of these files"):
        read(tmp_path, {"all.csv": header + "".join(rows), "b.csv": header + "".join(rows[3:])})
    (tmp_path / "x").mkdir()
    # The accented letter of one is typed as two characters.
    both = {"caf\u00e9.csv": "image,response\nL0_train_01,L0\n", "x/cafe\u0301.csv": "image,response\nL0_train_01,L1\n"}
    with pytest.raises(RockspaceError, match=r"x/cafe.*: may be of another person than .*/caf"):
        read(tmp_path, both, file_per_person=True)


def test_a_file_that_was_saved_before_the_end_is_not_counted_beside_the_whole_one(tmp_path):
    rows = [f"{person},L{i}_train_01,L{i}\n" for person in "ab" for i in range(3)]
    texts = {"whole.csv": rows, "early.csv": rows[3:5]}
    texts = {name: "person,image,response\n" + "".join(each) for name, each in texts.items()}
    with pytest.raises(RockspaceError, match=r"early\.csv: the same first 2 rows as in .*whole\.csv; name one"):
        read(tmp_path, texts)
    texts["early.csv"] = texts["early.csv"].replace("b,L1_train_01,L1", "b,L1_train_01,L2")
    assert counted(read(tmp_path, texts), "person") == {"a": 3, "b": 5}
    # Of people without names, several may begin alike.
    unnamed = {name: text.replace("person,", "").replace("a,", "").replace("b,", "") for name, text in texts.items()}
    assert counted(read(tmp_path, unnamed), "person") == {"": 8}


def test_rows_that_begin_as_comments_do_are_told(tmp_path):
    choices = read(
        tmp_path, "# by hand\nkey,image,response\nf,L0_train_01,L0\n#,L0_train_01,L1\n% note\nj,L0_train_01,L1\n"
    )
    assert counted(choices, "category") == {"L0": 1, "L1": 1}
    assert "left out: 1 rows that begin with # or %, as comments do" in choices.notes


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_texts_of_any_kind_do_not_hide_the_delimiter_of_trials(tmp_path, delimiter):
    words = [
        "'90s",
        "it's",
        'say "hi"',
        "a; b",
        "x, y",
        "['f', 'j']",
        '{"Q0": "a|b"}',
        "<p class='x'>1\t2</p>",
        "007",
        "",
        "- 3",
    ]
    names = catalog()["image_id"].tolist()
    with (tmp_path / "choices.csv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["note", "image", "phase", "response", "keys"])
        writer.writerows([[words[i % 11], name, "test", "L0", words[i % 7]] for i, name in enumerate(names)])
    choices = read(tmp_path, (tmp_path / "choices.csv").read_bytes().decode())
    assert counted(choices, "image_id") == dict.fromkeys(names, 1)


def test_files_may_be_of_conditions(tmp_path):
    texts = {"a.csv": "image,L0,L1\nL0_train_01,1,2\n", "b.csv": "image,response\nL0_train_01,L1\n"}
    np.save(tmp_path / "c.npy", np.eye(8, 2))
    conditions = {
        name: {"categories": ["L0", "L1"], "files": [str(tmp_path / f"{name}.*")]} for name in ("a", "b", "c")
    }
    given = settings(files=[str(tmp_path / "*.*")], conditions=conditions)
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    choices = read_choices(choice_files(given["files"]), catalog(), given, FILENAME)
    assert counted(choices, "condition") == {"a": 3, "b": 1, "c": 2}
    for name in conditions:
        del given["conditions"][name]["files"]
    with pytest.raises(RockspaceError, match=r"a\.csv: may be of condition 'a' or 'b'; name it in files"):
        read_choices(choice_files(given["files"]), catalog(), given, FILENAME)


def test_shares_are_counts_where_the_number_of_responses_is_known(tmp_path):
    text = "image,L0,L1{}\nL0_train_01,{},{}{}\nL0_train_02,{},{}{}\n"
    of_one, of_hundred = [0.25, 0.75, 0.5, 0.5], [25.0, 75.0, 50.01, 50.0]
    for shares in (of_one, of_hundred):
        first, second, third, fourth = shares
        known = read(tmp_path, text.format(",n", first, second, ",8", third, fourth, ",4"))
        assert known.responses["count"].tolist() == pytest.approx([2, 6, 2, 2], rel=1e-3)
        unknown = read(tmp_path, text.format("", first, second, "", third, fourth, ""))
        assert unknown.responses["count"].tolist() == pytest.approx(of_one, rel=1e-3)
        assert any("shares of an unknown number of responses" in note for note in unknown.notes)


def test_two_images_of_a_label_with_the_same_token_are_refused(tmp_path):
    images = catalog()
    images["file"] = images["file"].str.replace("_01.jpg", "_2.jpg")
    with pytest.raises(RockspaceError, match="row 2: 2 validation images of 'L0' with token '2'"):
        read(tmp_path, "subtype,token,response\nL0,2,L0\n", images)


def test_trials_may_be_counted_and_without_a_token_are_responses_to_labels(tmp_path):
    choices = read(tmp_path, "subtype,response,Freq\nL0,L1,4\nL0,L0,6\n")
    assert counted(choices, "image_id", "label", "category") == {("", "L0", "L0"): 6, ("", "L0", "L1"): 4}
    text = "subtype,response,n\nL0,L1,4\n"
    with pytest.raises(RockspaceError, match="column 'n' may number the trials, or say how often each occurred"):
        read(tmp_path, text)
    for given, number in (("n", 4), (None, 1)):
        assert read(tmp_path, text, columns={"count": given}).responses["count"].sum() == number


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


def test_a_name_written_in_two_ways_is_one_person(tmp_path):
    choices = read(tmp_path, "person,image,response\ncaf\u00e9,L0_train_01,L1\ncafe\u0301,L0_train_02,L2\n")
    assert counted(choices, "person") == {"caf\u00e9": 2}
    names = {
        "a.csv": ["01", "P1", "10"],
        "b.csv": ["1.0", "p1", "1e1"],
    }  # as a spreadsheet, or pandas beside a gap, has them
    rows = {
        name: "".join(f"{each},L{i}_train_0{i + 1},L0\n" for i, each in enumerate(of)) for name, of in names.items()
    }
    texts = {name: f"person,image,response\n{each}" for name, each in rows.items()}
    choices = read(tmp_path, texts | {"c.csv": "person,image,response\n1,L1_train_01,L1\n"})
    assert counted(choices, "person") == {"01": 3, "P1": 2, "10": 1, "1e1": 1}


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


def test_labels_to_which_people_responded_need_images_of_the_split(tmp_path):
    images = catalog()
    images = images[(images["split"] == "train") | (images["label"] != "L1")].reset_index(drop=True)
    for text in ("shown,L0,L1\nL1,1,9\nL0,8,2\n", "subtype,response\nL1,L0\n"):
        with pytest.raises(RockspaceError, match=r"choices\.split: no validation image has label 'L1'"):
            read(tmp_path, text, images)
        assert "L1" in set(read(tmp_path, text, images, split="train").responses["label"])


def test_labels_beside_names_of_images_make_no_confusion_matrix(tmp_path):
    choices = read(tmp_path, "image,label,L0,L1\nL1_train_01,L1,0,4\nL1_train_02,L1,1,2\n")
    assert counted(choices, "image_id", "category") == {
        ("L1_train_01", "L1"): 4, ("L1_train_02", "L0"): 1, ("L1_train_02", "L1"): 2,
    }  # fmt: skip
    assert choices.notes[0] == "read: 1 file; counts, images 'image'; ignored: label"
    with_more = "image,superclass,l0,L1\nL1_train_01,I,0,4\nL1_train_02,I,0,0\n"
    choices = read(tmp_path, with_more)
    assert counted(choices, "image_id", "category") == {("L1_train_01", "L1"): 4}
    assert "left out: 1 rows without a response" in choices.notes


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
    for odd in (-1, np.nan, 1e300):
        np.save(tmp_path / "counts.npy", np.full((8, 4), odd))
        with pytest.raises(
            RockspaceError, match=r"counts\.npy: every count must be finite, at least 0 and at most 1,000,"
        ):
            read_choices(choice_files(given["files"]), catalog(), given, FILENAME)
    np.save(tmp_path / "counts.npy", counts.T)
    with pytest.raises(
        RockspaceError, match=r"counts\.npy: int64 of shape \(4, 8\); needed: numbers of shape \(8, 4\), the validation"
    ):
        read_choices(choice_files(given["files"]), catalog(), given, FILENAME)
    np.savez(tmp_path / "several.npz", counts=counts)
    for content in (b"", (tmp_path / "several.npz").read_bytes()):
        (tmp_path / "counts.npy").write_bytes(content)
        with pytest.raises(RockspaceError, match=r"counts\.npy: cannot be read as a \.npy file"):
            read_choices(choice_files(given["files"]), catalog(), given, FILENAME)


def test_the_images_that_people_studied_are_the_training_images_or_those_named(tmp_path):
    text = "image,response\nL0_validation_01,L0\n"
    assert len(read(tmp_path, text).studied) == 12
    by_token = read(tmp_path, text, studied={"tokens": [2]}).studied["image_id"].tolist()
    assert by_token == [f"{label}_validation_02" for label in LABELS]
    images = "".join(f"{label}_train_01,{'often' if label == 'L2' else 'once'}\n" for label in LABELS)
    (tmp_path / "studied.csv").write_text(f"image,group\n{images}")
    listed = read(tmp_path, text, studied={"file": str(tmp_path / "studied.csv")}).studied
    groups = read(tmp_path, text, studied={"file": str(tmp_path / "studied.csv")}).notes
    assert "groups of studied images: 1 (once), 2 (often)" in groups
    assert "studied: 4 images of studied.csv" in groups
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
        ("image,L0,L1\nL0_train_01,0,0\n", "no response is left .left out: 1 rows without a response"),
        ("image,L0,L1,n\nL0_train_01,1,2,4\n", "row 2: its counts add up to 3, but 'n' says 4"),
        ("image,answer\nL0_train_01,L0\n", r"none holds responses; name it in choices\.columns\.response"),
        ("shown,L0,L1\nL0,1,2\nL1,3,4\nTotal,4,6\n", r"row 4: found 'Total' \(shown\); needed: a label"),
        ("chosen,L0,L1\nL0,1,2\nL1,3,4\n", r"its rows \('chosen'\) are what was chosen; transpose it"),
        ("response,L0,L1\nL0,1,2\nL1,3,4\n", r"its rows \('response'\) are what was chosen; transpose it"),
        ("image,response\nL0_train_01,L9\n", r"row 2: found 'L9' \(response\); needed: a category, or one of choices"),
        ("image,response\nL0_train_01,1\n", r"row 2: found '1' .* one of choices\.conditions\.NAME\.codes"),
        ("image,response,choice\nL0_train_01,L0,1\nL0_train_01,L0,2\n", "column 'response' or 'choice' may be the response"),
        ("person,image,response\n,L0_train_01,L0\n", "row 2: nobody in column 'person'"),
        ("condition,image,response\n,L0_train_01,L0\n", "row 2: no condition in column 'condition'"),
        ("image,response\nL0_train_09,L0\n", "'L0_train_09'"),
        ("subtype,token,response\nL0,7,L0\n", "row 2: no validation image of 'L0' with token '7'; check choices.columns"),
        ("subtype,token,response\nL9,1,L0\n", r"row 2: found 'L9' \(subtype\); needed: a label"),
        ("person,response\na,L0\n", "no column names the images; name it in choices.columns.image"),
        ("", "the file is empty"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_fit_is_refused_in_one_line_with_file_and_row(tmp_path, text, words):
    with pytest.raises(RockspaceError, match=words) as error:
        read(tmp_path, text)
    assert str(error.value).startswith(str(tmp_path / "choices.csv"))
    assert "\n" not in str(error.value)


AB = {"a": {"categories": ["L0", "L1"]}, "b": {"categories": ["L1", "L2"]}}


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"columns": {"person": "x", "image": "x"}}, r'columns\.image: found "x", as person; each needs its own column'),
        ({"studied": {"tokens": [1], "file": "x.csv"}}, "studied: found tokens and file; allowed: one of them"),
        ({"conditions": AB, "variants": [{"name": "x", "biases": "free"}]}, r'biases: found "free"; allowed: "equal" or "free by'),
        ({"variants": [{"name": "x", "response_scaling": 1e300}]}, "response_scaling: found 1e.300; allowed: at most 1000"),
        ({"variants": [{"name": "x", "strengths": "free"}]}, r"strengths: .* unless choices\.studied\.file tells groups of"),
        ({"studied": {"file": "x.csv"}, "variants": [{"name": "x", "strengths": "free", "prototype": True}]}, "and prototype is false"),
        ({"spaces": [{"name": "predicted", "file": "x"}]}, r"spaces\[0\]\.name: found 'predicted' twice"),
    ],
)  # fmt: skip
def test_keys_that_contradict_each_other_are_refused_before_anything_is_read(choices, words):
    with pytest.raises(RockspaceError, match=f"config: choices.*{words}"):
        settings(**choices)


def test_conditions_are_called_differently_and_may_be_numbers(tmp_path):
    text = "image,condition,response\nL0_train_01,1,L0\nL0_train_01,2,L1\n"
    choices = read(tmp_path, text, conditions={1: AB["a"], 2: AB["b"]})
    assert counted(choices, "condition", "category") == {("1", "L0"): 1, ("2", "L1"): 1}
    with pytest.raises(RockspaceError, match=r"conditions\.b\.code: files would call condition 'a' the same"):
        read(
            tmp_path,
            text,
            conditions={name: each | {"code": code} for (name, each), code in zip(AB.items(), (1, "01"), strict=True)},
        )


def test_a_pattern_that_links_make_endless_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(conditions, "LISTING_S", 0.5)
    for name in "abc":
        (tmp_path / name).symlink_to(".")
    with pytest.raises(
        RockspaceError, match=r"choices\.files: '.*' takes longer than 0\.5 s to be looked for; use no \*\*"
    ):
        choice_files([f"{tmp_path}/**/*.csv"])


def test_keys_that_do_not_go_together_and_files_that_are_missing_are_refused(tmp_path):
    with pytest.raises(RockspaceError, match=r"choices\.files: no file '.*nothing.*'; give paths or patterns"):
        choice_files([str(tmp_path / "nothing*.csv")])
    with pytest.raises(RockspaceError, match=r"choices\.conditions\.a: category 'L7' is no label"):
        read(tmp_path, "image,response\nL0_train_01,L0\n", conditions={"a": {"categories": ["L0", "L7"]}})
    with pytest.raises(RockspaceError, match=r"no response is left \(left out: 6 rows by choices\.only\)"):
        read(tmp_path, TRIALS, **OF_TRIALS, only={"Block": 7})
    both = {"a": {"categories": ["L0", "L1"]}, "b": {"categories": ["L2", "L3"]}}
    with pytest.raises(RockspaceError, match="nothing says which of the conditions a trial is of"):
        read(tmp_path, "image,response\nL0_train_01,L0\n", conditions=both)
    with pytest.raises(
        RockspaceError, match=r"choices\.variants\[1\]\.name: found 'x' twice; each variant needs its own"
    ):
        settings(variants=[{"name": "x"}, {"name": "x"}])
    with pytest.raises(RockspaceError, match=r"choices\.variants\[0\]\.response_scaling: found \"fre\""):
        settings(variants=[{"name": "x", "response_scaling": "fre"}])
