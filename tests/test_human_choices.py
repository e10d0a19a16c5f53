"""People's choices: read from a file, explained by spaces, set side by side, drawn, and as stages of the workflow."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from chaos import is_whole
from rockspace.alignment.spaces import Spaces, read_people
from rockspace.artifacts import write_csv
from rockspace.choices.choice_tables import (
    PEOPLE,
    Explained,
    confusion,
    explain,
    read_image_table,
    spaces_table,
)
from rockspace.choices.exemplar_model import ExemplarModel
from rockspace.choices.human_choices import choice_report, read_choices, space_of_people, spaces_of_layer
from rockspace.config import is_one_solution
from rockspace.data.catalog import read_catalog
from rockspace.errors import RockspaceError
from rockspace.people.responses import category_of_label, read_all_responses, read_responses
from rockspace.report.choices import choices_figure, spaces_figure
from tools.simulated_choices import simulated_choices
from workflow_runs import Workplace

NAMES = ["lightness", "grain size", "hue"]
LABELS = [f"L{i}" for i in range(6)]


def catalog() -> pd.DataFrame:
    rows = [
        (f"{label}_{split}_{i}", split, label, "IMS"[n // 2], f"photos/{label}_{split}_{i}.jpg")
        for split, count in (("train", 5), ("validation", 3))
        for n, label in enumerate(LABELS)
        for i in range(count)
    ]
    return pd.DataFrame(rows, columns=["image_id", "split", "label", "superclass", "file"])


@pytest.fixture(scope="module")
def study():
    """Two splits whose features hold the coordinates, and what people chose, who follow the exemplar model."""
    rng, table = np.random.default_rng(0), catalog()
    centres, mix = 1.5 * rng.normal(size=(6, 3)), rng.normal(size=(3, 12))

    def split(name, unit):
        images = table[table["split"] == name]
        label = images["label"].to_numpy(str)
        coordinates = centres[[LABELS.index(x) for x in label]] + rng.normal(size=(len(label), 3))
        features = coordinates @ mix + 0.5 * rng.normal(size=(len(label), 12))
        return Spaces(images["image_id"].to_numpy(str), label, features, unit * coordinates + 3)

    train, validation = split("train", 1.0), split("validation", 0.6)
    places = space_of_people(train, validation, NAMES, one_solution=False).places
    model = ExemplarModel(places["train"], np.repeat(np.arange(6), 5))
    model.sensitivity_, model.weights_ = 2.0, np.array([0.6, 0.3, 0.1])
    responses = {
        name: pd.DataFrame(rng.multinomial(60, model.predict_proba(places[name])), spaces.image_id, LABELS)
        for name, spaces in (("train", train), ("validation", validation))
    }
    return train, validation, responses


@pytest.fixture(scope="module")
def explained(study):
    train, validation, responses = study
    spaces = {
        PEOPLE: [space_of_people(train, validation, NAMES, one_solution=False)],
        "good": spaces_of_layer(train, validation, NAMES, "zero_pad", True),
    }
    rng = np.random.default_rng(1)
    blind = [Spaces(s.image_id, s.label, rng.normal(size=s.features.shape), s.coordinates) for s in (train, validation)]
    spaces["blind"] = spaces_of_layer(*blind, NAMES, "pca", True)
    same = dict(zip(LABELS, LABELS, strict=True))
    return {
        name: explain(given, train, validation, responses, same, resamples=99, seed=0) for name, given in spaces.items()
    }


def write(path, text):
    path.write_text(text)
    return path


def test_counts_are_read_by_file_name_or_image_id_in_the_catalogs_order(tmp_path):
    header = "image," + ",".join(LABELS)
    text = f"{header}\nL1_validation_0.jpg,0,4,0,1,0,0\nL0_validation_2,3,0,0,0,0,2\nL0_train_0,5,0,0,0,0,0\n"
    table = read_responses(write(tmp_path / "r.csv", text), catalog(), "validation")
    assert table.index.tolist() == ["L0_validation_2", "L1_validation_0"]
    assert table.columns.tolist() == LABELS
    assert table.to_numpy().sum(axis=1).tolist() == [5, 5]
    assert read_responses(tmp_path / "r.csv", catalog(), "train").index.tolist() == ["L0_train_0"]


@pytest.mark.parametrize(
    "text",
    ["sep=;\r\nBild;L0;L1\r\n{};3;2,0\r\n", "# counts\nimage\tL0\tL1\n{}\t3.0\t2\n", "\ufeffimage;L0;L1;\n{};3;2;\n"],
)
def test_counts_are_read_from_the_tables_that_spreadsheets_write(tmp_path, text):
    path = write(tmp_path / "r.csv", text.format("L0_train_0"))
    assert read_responses(path, catalog(), "train").to_numpy().tolist() == [[3, 2]]


def test_a_name_that_is_an_image_of_both_splits_is_refused(tmp_path):
    images = catalog().assign(
        file=lambda table: table["split"] + "/" + table["label"] + table["image_id"].str[-2:] + ".jpg"
    )
    path = write(tmp_path / "r.csv", "image,L0,L1\nL0_0,1,2\n")
    with pytest.raises(RockspaceError, match=r"row 2: 'L0_0' may be 'train/L0_0.jpg' or 'validation/L0_0.jpg'"):
        read_responses(path, images, "validation")
    write(path, "image,L0,L1\nvalidation/L0_0,1,2\ntrain/L0_0,3,4\n")
    assert read_responses(path, images, "validation").to_numpy().tolist() == [[1, 2]]


@pytest.mark.parametrize("cell", ["1,000", "12.000", "9" * 20, "-9", "0.8"])
def test_cells_that_may_be_no_count_or_a_thousand_times_as_many_are_refused(tmp_path, cell):
    path = write(tmp_path / "r.csv", f"image;L0;L1\nL0_train_0;{cell};2\nL1_train_0;3;4\n")
    with pytest.raises(RockspaceError, match=f"row 2: found '{cell}' for 'L0'; a count is a whole number"):
        read_responses(path, catalog(), "train")


def test_a_category_whose_name_could_head_a_column_of_image_numbers_counts(tmp_path):
    images = catalog().replace({"label": {"L0": "picture", "L1": "object 1"}})
    rows = "".join(f"L0_train_{i},{i + 1},{9 - i}\n" for i in range(5))
    table = read_responses(write(tmp_path / "r.csv", f"image,picture,object 1\n{rows}"), images, "train")
    assert table.to_dict("list") == {"picture": [1, 2, 3, 4, 5], "object 1": [9, 8, 7, 6, 5]}


@pytest.mark.parametrize("header", ["image,01,1e1,NA", "Bild,01,1e1,NA", '"","01","1e1","NA"', '"01" "1e1" "NA"'])
def test_categories_may_be_called_like_numbers(tmp_path, header):
    images = catalog().replace({"label": {"L0": "01", "L1": "1e1", "L2": "NA"}})
    rows = "".join(f'"L0_train_{i}",{i + 1},{9 - i},0\n' for i in range(5)).replace(",", "," if "," in header else " ")
    table = read_responses(write(tmp_path / "r.csv", f"{header}\n{rows}"), images, "train")
    assert table.to_dict("list") == {"01": [1, 2, 3, 4, 5], "1e1": [9, 8, 7, 6, 5], "NA": [0] * 5}


def test_people_may_choose_among_superclasses_or_some_of_the_labels():
    assert category_of_label(catalog(), ["I", "S", "M"], "r.csv")["L5"] == "S"
    assert category_of_label(catalog(), ["L3", "L1"], "r.csv") == {"L1": "L1", "L3": "L3"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image,L0,L9\nL0_train_0,1,2\n", r"column 'L9' is no label of the study"),
        ("image,L0\nL0_train_0,1\n", r"people need two"),
        ("image,L0,L0\nL0_train_0,1,2\n", r"the header needs distinct names, and has 'L0' twice"),
        ("image,L0,L1\nL0_train_0,1\n", r"row 2: 2 cells, but the header has 3"),
        (
            "image,L0,L1\nquartz,1,2\n",
            r"column 'image' seems to name the images, but 'quartz' \(row 2\) is not an image",
        ),
        (
            "image,L0,L1\nL0_train_0,1,2\nL0_train_0.jpg,1,2\n",
            r"row 3: duplicate row for image 'L0_train_0.jpg', as row 2",
        ),
        ("image,L0,L1\nL0_train_0,1,0.5\n", r"row 2: found '0.5' for 'L1'"),
        ("image,L0,L1\nL0_train_0,1,-2\n", r"row 2: found '-2'"),
        ("image,L0,L1\nL0_train_0,1,nan\n", r"row 2: found 'nan'"),
        ("image,L0,L1\nL0_train_0,0,0\n", r"row 2: no response to image 'L0_train_0'"),
        ("image,L0,L1\nL0_validation_0,1,1\n", r"no row for any train image"),
        ("", r"the file is empty"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line_with_file_and_row(tmp_path, text, words):
    with pytest.raises(RockspaceError, match=words) as error:
        read_responses(write(tmp_path / "r.csv", text), catalog(), "train")
    assert str(error.value).startswith(str(tmp_path / "r.csv"))
    assert "\n" not in str(error.value)


def test_the_space_that_choices_came_from_explains_them_best_and_a_blind_one_nothing(explained):
    figures = {
        (name, space): part["validation"]["cross_validated"]
        for name, (spaces, _) in explained.items()
        for space, part in spaces.items()
    }
    people = figures[PEOPLE, "coordinates"]
    assert people["explained"] > 0.9
    assert people["r"] > 0.95
    assert people["log_likelihood"] > figures["good", "predicted"]["log_likelihood"]
    assert figures["good", "predicted"]["log_likelihood"] > figures["blind", "predicted"]["log_likelihood"] + 50
    assert figures["good", "embedding"]["explained"] > 0.5
    assert abs(figures["blind", "embedding"]["explained"]) < 0.15


def test_figures_are_those_of_plain_sums(study, explained):
    responses = study[2]["validation"].to_numpy()
    figures, table = explained[PEOPLE]
    part = figures["coordinates"]["validation"]
    rows = table[table["split"] == "validation"]
    predicted = rows[[f"{label} predicted" for label in LABELS]].to_numpy()
    likelihood = np.sum(responses * np.log(predicted))
    assert part["leading"] == "cross_validated"
    assert part["cross_validated"]["log_likelihood"] == pytest.approx(likelihood)
    assert rows["log_likelihood"].sum() == pytest.approx(likelihood)
    observed = responses / 60
    assert part["cross_validated"]["r"] == pytest.approx(np.corrcoef(predicted.ravel(), observed.ravel())[0, 1])
    right = np.repeat(np.eye(6, dtype=bool), 3, axis=0)
    assert part["cross_validated"]["correct"]["observed"] == pytest.approx(observed[right].mean())
    errors = np.corrcoef(predicted[~right], observed[~right])[0, 1]
    assert part["cross_validated"]["r_errors"] == pytest.approx(errors)
    assert part["reference"]["chance"] == pytest.approx(-responses.sum() * np.log(6))
    shares = np.where(responses > 0, observed, 1)
    assert part["reference"]["saturated"] == pytest.approx(np.sum(responses * np.log(shares)))
    fitted = part["in_sample"]
    assert fitted["log_likelihood"] >= likelihood
    assert fitted["aic"] == pytest.approx(2 * 3 - 2 * fitted["log_likelihood"])
    assert fitted["bic"] == pytest.approx(3 * np.log(responses.sum()) - 2 * fitted["log_likelihood"])
    for key in ("log_likelihood_per_response", "r"):
        for suffix in ("", "_subtypes"):
            low, high = fitted[f"{key}_ci{suffix}"]
            assert low < fitted[key] < high


def test_parameters_of_the_training_choices_are_tried_on_the_validation_images(explained):
    part = explained[PEOPLE][0]["coordinates"]
    assert part["train"]["weights"]["lightness"] == pytest.approx(0.6, abs=0.1)
    assert part["train"]["sensitivity"] == pytest.approx(2.0, rel=0.15)
    transferred = part["validation"]["from_training"]["log_likelihood"]
    assert transferred <= part["validation"]["in_sample"]["log_likelihood"]
    assert transferred > part["validation"]["reference"]["chance"]


def test_cross_validation_never_fits_to_the_choices_that_it_predicts(study):
    train, validation, responses = study
    spaces = [space_of_people(train, validation, NAMES, one_solution=False)]
    same = dict(zip(LABELS, LABELS, strict=True))
    spoilt = responses["validation"].copy()
    spoilt.iloc[:3] = spoilt.iloc[:3, ::-1].to_numpy()
    columns = [f"{label} predicted" for label in LABELS]
    before, after = (
        explain(spaces, train, validation, {"validation": table}, same, resamples=99, seed=0)[1][columns].to_numpy()
        for table in (responses["validation"], spoilt)
    )
    # The spoilt images are of one subtype, whose fold is fitted to the other subtypes.
    np.testing.assert_allclose(before[:3], after[:3], atol=1e-3)
    assert np.abs(before[3:] - after[3:]).max() > 0.01


def test_superclasses_pool_the_exemplars_of_their_labels(study):
    train, validation, responses = study
    of = {label: "IMS"[i // 2] for i, label in enumerate(LABELS)}
    pooled = responses["validation"].T.groupby(of).sum().T
    spaces = [space_of_people(train, validation, NAMES, one_solution=False)]
    figures, table = explain(spaces, train, validation, {"validation": pooled}, of, resamples=99, seed=0)
    assert figures["coordinates"]["validation"]["in_sample"]["explained"] > 0.8
    assert table["category"].tolist() == ["I"] * 6 + ["M"] * 6 + ["S"] * 6


def test_images_of_labels_that_were_not_on_offer_have_no_right_choice(study):
    train, validation, responses = study
    some = responses["validation"][["L0", "L1", "L2"]] + 1
    on_offer = {label: label for label in some.columns}
    spaces = [space_of_people(train, validation, NAMES, one_solution=False)]
    figures, table = explain(spaces, train, validation, {"validation": some}, on_offer, resamples=99, seed=0)
    assert set(table["category"]) == {"L0", "L1", "L2", ""}
    json.dumps(figures, allow_nan=False)


def test_an_image_without_a_label_has_no_right_choice_and_counts_as_a_subtype_of_its_own(study):
    train, validation, responses = study
    found = []
    for labels in (["", ""], ["0", "1"]):
        partly = replace(validation, label=np.r_[labels, validation.label[2:]])
        spaces = [space_of_people(train, partly, NAMES, one_solution=False)]
        given = {"validation": responses["validation"]}
        found.append(
            explain(spaces, train, partly, given, dict(zip(LABELS, LABELS, strict=True)), resamples=99, seed=0)
        )
    assert found[0][0] == found[1][0]
    assert found[0][1]["category"].tolist()[:3] == ["", "", "L0"]
    none = replace(validation, label=np.full(len(validation), ""))
    choices = read_choices(responses["validation"], none, dict(zip(LABELS, LABELS, strict=True)))
    assert choices.subtype is None
    space = space_of_people(train, none, NAMES, one_solution=False)
    figures, _ = choice_report(
        space, np.arange(30), np.repeat(np.arange(6), 5), {"validation": choices}, resamples=99, seed=0
    )
    assert figures["validation"]["cross_validated"] is None
    assert figures["validation"]["in_sample"]["r_ci_subtypes"] is None
    assert figures["validation"]["in_sample"]["r_ci"] is not None


def test_no_column_of_responses_stands_for_images_without_a_label():
    table = catalog()
    table.loc[table["label"] == "L5", ["label", "superclass"]] = ""
    assert category_of_label(table, ["I", "S", "M"], "r.csv") == dict(zip(LABELS[:5], "IIMMS", strict=True))
    with pytest.raises(RockspaceError, match="column 'L5' is no label of the study"):
        category_of_label(table, ["L4", "L5"], "r.csv")


def test_splits_with_other_categories_are_refused(tmp_path):
    paths = {
        "validation": write(tmp_path / "v.csv", "image,L0,L1\nL0_validation_0,1,2\n"),
        "train": write(tmp_path / "t.csv", "image,L1,L0\nL0_train_0,1,2\n"),
    }
    with pytest.raises(RockspaceError, match=r"t\.csv: the train images have other categories than those in .*v\.csv"):
        read_all_responses(paths, catalog())
    write(paths["train"], "image,L0,L1\nL0_train_0,1,2\n")
    responses, category_of = read_all_responses(paths, catalog())
    assert [table.to_numpy().tolist() for table in responses.values()] == [[[1, 2]], [[1, 2]]]
    assert category_of == {"L0": "L0", "L1": "L1"}


def test_peoples_validation_solution_is_brought_to_the_training_solutions_place_and_unit(study):
    train, validation, _ = study
    places = space_of_people(train, validation, NAMES, one_solution=False).places
    np.testing.assert_allclose(places["validation"].mean(axis=0), train.coordinates.mean(axis=0))
    assert places["validation"].var(axis=0).sum() == pytest.approx(train.coordinates.var(axis=0).sum())


def test_nothing_is_moved_within_one_solution():
    # Exemplars at -1 and 1, all validation images at 1, and nearly everybody chooses the category there.
    rng = np.random.default_rng(0)
    label = np.repeat(["a", "b"], 10)
    x = np.where(label == "a", -1.0, 1.0)[:, None] + 0.05 * rng.normal(size=(20, 1))
    train = Spaces(np.arange(20).astype(str), label, x, x)
    shown = 1 + 0.05 * rng.normal(size=(8, 1))
    validation = Spaces(np.array([f"new {i}" for i in range(8)]), np.repeat("b", 8), shown, shown)
    responses = {"validation": pd.DataFrame({"a": [5] * 8, "b": [95] * 8}, index=validation.image_id)}
    found = {}
    for one_solution in (True, False):
        space = space_of_people(train, validation, ["x"], one_solution=one_solution)
        figures, _ = explain(
            [space], train, validation, responses, {"a": "a", "b": "b"}, resamples=9, seed=0
        )  # fmt: skip
        part = figures["coordinates"]
        assert part["validation_moved"] is not one_solution
        found[one_solution] = part["validation"]["in_sample"]["log_likelihood_per_response"]
        if one_solution:
            np.testing.assert_array_equal(space.places["validation"], shown)
    assert found[True] == pytest.approx(0.95 * np.log(0.95) + 0.05 * np.log(0.05), abs=0.05)
    assert found[False] < found[True] - 0.3


@pytest.mark.parametrize(
    ("splits", "one"),
    [
        ({"train": {"coordinates": "all.csv"}, "validation": {"coordinates": "all.csv"}}, True),
        ({"train": {"coordinates": "all.csv"}, "validation": {"fraction": 0.25}}, True),
        ({"train": {"coordinates": "mds_360.txt"}, "validation": {"coordinates": "mds_120.txt"}}, False),
    ],
)
def test_the_configuration_says_whether_splits_share_a_solution(splits, one):
    assert is_one_solution({"splits": splits}, "coordinates") is one


def test_all_spaces_stand_side_by_side_and_are_compared_with_peoples_own(explained):
    table = spaces_table(
        [
            Explained(name, "" if name == PEOPLE else "0", "" if name == PEOPLE else "last", *given)
            for name, given in explained.items()
        ],
        resamples=99,
    )
    assert len(table) == 2 * 5
    rows = table[table["split"] == "validation"].set_index(["model", "space"])
    assert np.isnan(rows.loc[(PEOPLE, "coordinates"), "beyond_people"])
    blind = rows.loc[("blind", "predicted")]
    gap = blind["log_likelihood_per_response"] - rows.loc[(PEOPLE, "coordinates"), "log_likelihood_per_response"]
    assert blind["beyond_people"] == pytest.approx(gap)
    assert blind["beyond_people_low_subtypes"] < gap < blind["beyond_people_high_subtypes"] < 0


def test_confusion_matrices_average_over_the_images_of_a_category(explained, tmp_path):
    table = explained[PEOPLE][1]
    write_csv(tmp_path / "t.csv", table)
    again = read_image_table(tmp_path / "t.csv")
    rows = again[again["split"] == "validation"]
    observed, predicted = confusion(rows, LABELS)
    np.testing.assert_allclose(observed.sum(axis=1), 1)
    np.testing.assert_allclose(predicted.sum(axis=1), 1)
    assert observed[2, 4] == pytest.approx(rows.loc[rows["category"] == "L2", "L4 observed"].mean())


def test_pictures_show_every_space_and_order_categories_by_superclass(explained, tmp_path):
    superclass_of = {label: "SMI"[i // 2] for i, label in enumerate(LABELS)}
    figures, table = explained["good"]
    rows = table[table["split"] == "validation"]
    files = [tmp_path / "choices.png", tmp_path / "choices.svg", tmp_path / "choices.caption.txt"]
    choices_figure(rows, figures, superclass_of, "good, last", files)
    svg = files[1].read_text()
    assert all(words in svg for words in ("the embedding", "predicted coordinates", "other subtypes", "observed"))
    assert svg.index(">L4<") < svg.index(">L0<")
    assert set(re.findall(r"font(?:-size)?: ([\d.]+)px", svg)) == {"7"}
    caption, responses = files[2].read_text(), rows.drop_duplicates("image_id")["responses"].sum()
    assert f"{rows['image_id'].nunique()} validation images ({responses:,} responses" in caption
    entries = [Explained(name, "0", "last", *given) for name, given in explained.items()]
    spaces_figure(spaces_table(entries, resamples=99), [tmp_path / "all.png", tmp_path / "all.svg"])
    drawn = (tmp_path / "all.svg").read_text()
    assert all(f"{name} predicted" in drawn for name in explained if name != PEOPLE)
    assert all(is_whole(file) for file in tmp_path.iterdir())


def test_choices_run_as_stages_and_change_nothing_before_them(tmp_path):
    workplace = Workplace(tmp_path)
    assert not {"exemplar", "human_choices"} & set(workplace.planned())
    result = workplace.snakemake("coordinates")
    assert result.returncode == 0, result.stdout + result.stderr
    study = tmp_path / "results/tiny"
    simulated_choices(study, people=30, sensitivity=6, seed=0).to_csv(tmp_path / "choices.csv")
    (tmp_path / "choices.yaml").write_text("dataset: {splits: {validation: {responses: choices.csv}}}\n")
    with_choices = ["--configfile", "tiny.yaml", "choices.yaml"]
    planned = workplace.planned(*with_choices)
    assert planned["exemplar"] == planned["exemplar_people"] == planned["human_choices"] == 1
    assert "download" not in planned
    assert "restructure" not in planned
    result = workplace.snakemake("exemplar_people", *with_choices)
    assert result.returncode == 0, result.stdout + result.stderr
    figures = json.loads((study / "choices/people.json").read_text())
    assert figures["spaces"]["coordinates"]["validation"]["n_responses"] == 12 * 30
    assert is_whole(study / "choices/people.png")
    catalog = read_catalog(study / "catalog.csv")
    label_of = dict(zip(catalog["image_id"], catalog["label"], strict=True))
    shown = read_people(study / "coordinates/validation.csv", label_of)
    table = read_responses(tmp_path / "choices.csv", catalog, "validation")
    assert table.index.tolist() == shown.image_id.tolist()
    (tmp_path / "choices.csv").unlink()
    result = workplace.dry_run(*with_choices)
    assert result.returncode != 0
    assert "dataset.splits.validation.responses: no file 'choices.csv'" in result.stdout + result.stderr
