"""The gallery: contact sheets, what a network sees, its most confident errors, all learning curves."""

import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rockspace.data.catalog import read_catalog
from rockspace.errors import RockspaceError
from rockspace.inference.embeddings import Embeddings
from rockspace.inference.evaluation import read_predictions
from rockspace.report import curves
from rockspace.report.augmentation_preview import augmentation_figure, pipeline_views, preview_members
from rockspace.report.confusion import confusion_of_predictions
from rockspace.report.curves import all_learning_curves, learning_curves
from rockspace.report.dataset_sheet import MAX_PICTURES, TILE, dataset_sheet
from rockspace.report.figures import COLUMN, RESOLUTION, TWO_COLUMNS
from rockspace.report.mistakes import confident_mistakes, mistakes_figure
from rockspace.training.augmentation import Augmentation


def test_a_sheet_shows_every_photograph_of_a_small_split(study, tmp_path):
    catalog = read_catalog(study / "catalog.csv")
    caption = dataset_sheet(catalog, study, "train", tmp_path / "sheet.png")
    assert caption.startswith("24 training images of 3 labels")
    assert "Shown are" not in caption
    with Image.open(tmp_path / "sheet.png") as sheet:
        pixels = np.asarray(sheet.convert("RGB")).astype(int)
    # Eight a label fit a row: red, green and blue squares, one row each below the title.
    rows = np.array_split(pixels[49:], 3)
    for row, channel in zip(rows, range(3), strict=True):
        coloured = row[row.min(axis=2) < 150]
        assert len(coloured) == pytest.approx(8 * TILE**2, rel=0.05)
        assert coloured.mean(axis=0).argmax() == channel


def test_a_sheet_of_a_large_split_has_a_limit_and_says_how_much_it_shows(study, tmp_path, monkeypatch):
    catalog = read_catalog(study / "catalog.csv")
    path = catalog["path"].iloc[0]
    rows = [(f"{label}-{i}", "train", f"L{label:04d}", "", path) for label in range(900) for i in range(3)]
    large = pd.DataFrame(rows, columns=["image_id", "split", "label", "superclass", "path"])
    given = {}
    monkeypatch.setattr(
        "rockspace.report.dataset_sheet.contact_sheet",
        lambda paths, captions, output, **rest: given.update(captions=captions, **rest),
    )
    caption = dataset_sheet(large, study, "train", tmp_path / "sheet.png")
    assert caption.startswith("2,700 training images of 900 labels")
    assert "Shown are 600" in caption
    assert len(given["captions"]) <= MAX_PICTURES
    assert (given["captions"][0], given["captions"][-1]) == ("L0000", "L0899")
    assert given["title"] == "training: 600 of 2700 photographs of 900 labels"


def test_a_sheet_without_labels_has_the_images_in_the_order_of_the_catalog_each_with_its_name(
    study, tmp_path, monkeypatch
):
    path = read_catalog(study / "catalog.csv")["path"].iloc[0]
    names = [f"ballet flat from the left {i}" for i in (2, 10, 1)] + ["clog"] * 637
    catalog = pd.DataFrame({"image_id": names, "split": "train", "label": "", "superclass": "", "path": path})
    given = {}
    monkeypatch.setattr(
        "rockspace.report.dataset_sheet.contact_sheet",
        lambda paths, captions, output, **rest: given.update(paths=paths, captions=captions, **rest),
    )
    caption = dataset_sheet(catalog.iloc[:4], study, "train", tmp_path / "sheet.png")
    # The end of a long name tells it from others.
    assert given["captions"] == ["ballet…left 2", "ballet…eft 10", "ballet…left 1", "clog"]
    assert given["title"] == "training: 4 photographs"
    assert caption == "4 training images, each with its name below it."
    caption = dataset_sheet(catalog, study, "train", tmp_path / "sheet.png")
    assert len(given["paths"]) == MAX_PICTURES
    assert given["title"] == "training: 600 of 640 photographs"
    assert caption.endswith("Shown are 600, spread evenly over all.")


def test_a_sheet_with_some_images_without_a_label_has_these_last(study, tmp_path, monkeypatch):
    catalog = read_catalog(study / "catalog.csv").query("split == 'train'").reset_index(drop=True)
    catalog.loc[0, "label"] = ""
    given = {}
    monkeypatch.setattr(
        "rockspace.report.dataset_sheet.contact_sheet",
        lambda paths, captions, output, **rest: given.update(captions=captions),
    )
    caption = dataset_sheet(catalog, study, "train", tmp_path / "sheet.png")
    assert given["captions"].index("no label") == len(catalog) - 1
    assert caption.startswith("24 training images of 3 labels (1 without one)")


def test_without_labels_the_preview_is_of_images_spread_evenly_over_all():
    assert np.flatnonzero(preview_members(np.full(11, -1), count=6)).tolist() == [0, 2, 4, 6, 8, 10]


def test_the_preview_is_what_training_gets_pixel_for_pixel(train_set):
    augmentation = Augmentation(rotation=20, shear=10, zoom=0.2, horizontal_flip=True)
    members = preview_members(train_set.labels, count=3)
    assert sorted(train_set.labels[members]) == [0, 1, 2]
    views = pipeline_views(train_set.subset(members), augmentation, seed=3, views=2)
    assert views.shape == (3, 3, 32, 32, 3)
    trained_on = {}
    for epoch in range(2):
        batches = train_set.augmented(augmentation, seed=3, batch_size=24, first_epoch=epoch)
        trained_on[epoch] = np.concatenate([pixels.numpy() for pixels, _ in batches]).clip(0, 255).round()
    for row in views:
        for epoch in range(2):
            assert (trained_on[epoch] == row[1 + epoch]).all(axis=(1, 2, 3)).sum() == 1
    assert (views[:, 0] != views[:, 1]).any(axis=(1, 2, 3)).all()


def test_the_preview_is_drawn_one_photograph_a_row(tmp_path):
    views = np.zeros((2, 4, 16, 16, 3), np.uint8)
    views[1] = 255
    outputs = [tmp_path / "picture.png", tmp_path / "picture.caption.txt"]
    augmentation_figure(views, ["Basalt", "Chert"], "what it sees", {"zoom": 0.2, "shear": 10}, outputs)
    assert "What it sees: 2 training images (Basalt and Chert)" in outputs[1].read_text()
    assert "zoom 0.2 and shear 10" in outputs[1].read_text()
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.width == pytest.approx(TWO_COLUMNS * RESOLUTION, abs=2)
        dark = (np.asarray(picture.convert("L")) < 10).mean(axis=1) > 0.8
    # One broad black band, the first row; the second photograph is white.
    assert dark.sum() == pytest.approx(TWO_COLUMNS * RESOLUTION / 4, rel=0.1)


@pytest.fixture
def predictions():
    rows = [
        ("t1", "train", "A", "A", 0.6, 0.6, True),
        ("t2", "train", "A", "A", 0.9, 0.9, True),
        ("t3", "train", "B", "A", 0.5, 0.4, False),
        ("v1", "validation", "B", "A", 0.7, 0.2, False),
        ("v2", "validation", "A", "A", 0.99, 0.99, True),
        ("v3", "validation", "A", "B", 0.8, 0.1, False),
    ]
    columns = ["image_id", "split", "label", "predicted", "probability", "probability_of_label", "correct"]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture
def embeddings(predictions):
    # v1 lies beside t1, though t2 is the clearer example of A; t3 alone is a training image of B.
    places = {"t1": 1.0, "t2": 3.0, "t3": 9.0, "v1": 1.5, "v2": 2.0, "v3": 2.5}
    columns = (predictions[name].to_numpy(str) for name in ("image_id", "split", "label"))
    return Embeddings(*columns, np.array([[place, 0.0] for place in places.values()]))


def test_the_most_confident_errors_come_first_each_with_the_most_similar_image_of_the_predicted_label(
    predictions, embeddings
):
    chosen = confident_mistakes(predictions, embeddings)
    assert chosen["image_id"].tolist() == ["v3", "v1"]
    assert chosen["predicted"].tolist() == ["B", "A"]
    assert chosen["example"].tolist() == ["t3", "t1"]
    assert confident_mistakes(predictions, embeddings, most=1)["image_id"].tolist() == ["v3"]


def test_an_image_whose_label_is_not_learnt_is_no_error(predictions, embeddings, tmp_path):
    unknown = predictions.assign(correct=predictions["correct"].astype("boolean"))
    unknown.loc[unknown["image_id"] == "v3", ["label", "correct"]] = ["", pd.NA]
    assert confident_mistakes(unknown, embeddings)["image_id"].tolist() == ["v1"]
    catalog = predictions[["image_id", "split"]].assign(label=unknown["label"], superclass="")
    confusion_of_predictions(unknown, catalog, "lite0, seed 0", [tmp_path / "confusion.svg", tmp_path / "caption.txt"])
    assert "1 of 2 right" in (tmp_path / "confusion.svg").read_text()
    assert "of 2 labels" in (tmp_path / "caption.txt").read_text()
    unknown.loc[unknown["split"] == "validation", ["label", "correct"]] = ["", pd.NA]
    for picture in ("confusion", "mistakes"):
        files = [tmp_path / f"{picture}.svg", tmp_path / f"{picture}.txt"]
        if picture == "confusion":
            confusion_of_predictions(unknown, catalog, "lite0, seed 0", files)
        else:
            mistakes_figure(unknown, embeddings, {}, "lite0, seed 0", "penultimate", files)
        assert "no accuracy. Accuracy is of 0 of the 3 validation images: 3 have no label." in files[1].read_text()


@pytest.mark.parametrize("wrong", [True, False])
def test_mistakes_are_drawn_with_their_photographs_and_none_is_said_to_be_none(
    predictions, embeddings, tmp_path, wrong
):
    photographs = {}
    for i, name in enumerate(predictions["image_id"]):
        photographs[name] = tmp_path / f"{name}.png"
        Image.new("RGB", (30, 20), (40 * i, 100, 100)).save(photographs[name])
    given = predictions if wrong else predictions[predictions["correct"]]
    outputs = [tmp_path / "picture.svg", tmp_path / "picture.caption.txt"]
    mistakes_figure(given, embeddings, photographs, "lite0, seed 0", "penultimate", outputs)
    svg, caption = (path.read_text() for path in outputs)
    assert ("most similar in layer penultimate" in svg) == ("most similar in layer penultimate" in caption) == wrong
    assert f"{3 if wrong else 1} validation image" in caption
    assert svg.count("<image") == (4 if wrong else 0)
    assert ("all 2 errors on 3 validation images" in svg) == wrong
    assert ("no errors" in svg) != wrong
    assert ("predicted, 80%" in svg) == wrong


def test_images_and_labels_that_are_numbers_or_look_like_nothing_are_found_again(predictions, embeddings, tmp_path):
    names = {"t1": "001", "t2": "002", "t3": "NA", "v1": "004", "v2": "1e5", "v3": "006"}
    numbered = predictions.replace(
        {"image_id": names} | {column: {"A": "01", "B": "nan"} for column in ("label", "predicted")}
    )
    numbered.to_csv(tmp_path / "predictions.csv", index=False)
    read = read_predictions(tmp_path / "predictions.csv")
    pd.testing.assert_frame_equal(read, numbered, check_dtype=False)
    columns = (numbered[name].to_numpy(str) for name in ("image_id", "split", "label"))
    same = Embeddings(*columns, embeddings.embedding)
    assert confident_mistakes(read, same)["example"].tolist() == ["NA", "001"]


@pytest.mark.parametrize("runs", [1, 5, 26])
def test_all_learning_curves_share_one_page_and_their_scales(tmp_path, runs):
    head = pd.DataFrame({"phase": "head", "epoch": [1, 2], "accuracy": [0.1, 0.2], "loss": [3.0, 2.0]})
    head = head.assign(val_accuracy=head["accuracy"], val_loss=head["loss"])
    finetune = head.assign(phase=["select", "refit"], best=[True, True], val_loss=[2.5, np.nan])
    histories = {f"model {i}": (head, finetune) for i in range(runs)}
    outputs = [tmp_path / "picture.png", tmp_path / "picture.svg", tmp_path / "picture.caption.txt"]
    all_learning_curves(histories, list("aabb"), "stopping set", outputs)
    svg = outputs[1].read_text()
    assert all(f">model {i}<" in svg for i in range(runs))
    assert svg.count(">stopping set<") == 1
    assert "frozen base, fine-tuning, refit on all images" in svg
    with Image.open(outputs[0]) as picture:
        assert picture.width == round((COLUMN if runs == 1 else TWO_COLUMNS) * RESOLUTION)
    caption = outputs[2].read_text()
    for words in (
        "4 images of 2 labels",
        "Dashed: the stopping set",
        "The circle marks the best epoch of fine-tuning on the stopping set",
        "fine-tuning again",
    ):
        assert words in caption, words


def test_a_study_without_training_has_no_learning_curves_and_says_so(tmp_path):
    with pytest.raises(RockspaceError, match="no model is trained"):
        all_learning_curves({}, ["a"], "stopping set", [tmp_path / "curves.png"])


def test_learning_curves_of_networks_that_predict_no_labels_are_of_the_loss_alone(tmp_path):
    head = pd.DataFrame({"phase": "head", "epoch": [1, 2], "accuracy": np.nan, "loss": [3.0, 2.0]})
    head = head.assign(val_accuracy=np.nan, val_loss=head["loss"])
    finetune = head.assign(phase=["select", "refit"], best=[True, True], val_loss=[2.5, np.nan])
    outputs = {name: [tmp_path / f"{name}.svg", tmp_path / f"{name}.txt"] for name in ("one", "all", "mixed")}
    learning_curves(head, finetune, ["", ""], "stopping set", "model, seed 0", outputs["one"])
    all_learning_curves(dict.fromkeys("ab", (head, finetune)), ["", ""], "stopping set", outputs["all"])
    for name in ("one", "all"):
        said = "".join(file.read_text() for file in outputs[name])
        assert not re.search(
            "accura|label[^A-Z]", re.sub("<(style|defs).*?</\\1>|<!--.*?-->", "", said, flags=re.DOTALL)
        )
        assert "the loss that training minimizes" in said
    guessing = tuple(phase.assign(accuracy=0.5, val_accuracy=0.5) for phase in (head, finetune))
    all_learning_curves({"a": (head, finetune), "b": guessing}, ["x", "y"], "stopping set", outputs["mixed"])
    svg, caption = (file.read_text() for file in outputs["mixed"])
    assert "accuracy (%)" in svg
    assert "predicts no labels" in svg
    assert "Where the network predicts no labels, there is no accuracy." in caption


def test_a_training_that_watched_nothing_is_no_refit(tmp_path):
    head = pd.DataFrame({"phase": "head", "epoch": [1, 2], "accuracy": [0.1, 0.2], "loss": [3.0, 2.0]})
    finetune = head.assign(phase="train", best=[False, True], val_accuracy=np.nan, val_loss=np.nan)
    all_learning_curves({"model": (head, finetune)}, ["a"], "nothing", [tmp_path / "all.svg", tmp_path / "all.txt"])
    assert "stopping set" not in (tmp_path / "all.txt").read_text()
    learning_curves(head, finetune, ["a"], "nothing", "model, seed 0", [tmp_path / "one.svg"])
    for name in ("all.svg", "one.svg"):
        svg = (tmp_path / name).read_text()
        assert "frozen base" in svg
        assert "fine-tuning" in svg
        assert "on all images" not in svg


@pytest.mark.parametrize("epochs", [(20, 6, 2), (1, 1, 1), (1, 250, 1), (100, 2, 250), (2, 1, 100)])
def test_words_of_learning_curves_neither_overlap_nor_leave_the_picture(monkeypatch, tmp_path, epochs):
    drawn = []
    monkeypatch.setattr(curves, "save", lambda figure, outputs, caption: drawn.append(figure))
    phase = np.repeat(["head", "select", "refit"], epochs)
    history = pd.DataFrame({"phase": phase, "accuracy": 0.5, "loss": 2.0, "best": False})
    history = history.assign(val_accuracy=history["accuracy"], val_loss=history["loss"])
    head, finetune = history[history["phase"] == "head"], history[history["phase"] != "head"]
    learning_curves(head, finetune, ["a"], "stopping set", "model, seed 0", [tmp_path / "one.png"])
    all_learning_curves({"model": (head, finetune)}, ["a"], "stopping set", [tmp_path / "all.png"])
    for figure in drawn:
        figure.canvas.draw()
        names = [text for text in figure.axes[0].texts if text.get_text()]
        places = [text.get_window_extent() for text in names]
        assert not any(a.overlaps(b) for i, a in enumerate(places) for b in places[:i])
        words = [*places, *(text.get_window_extent() for text in figure.texts)]
        assert all(place.x0 >= 0 and place.x1 <= figure.bbox.width for place in words)
