"""Studies without labels, or with labels of some images: no image without one is ever of a label called ""."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
import yaml
from PIL import Image
from scipy import stats

from rockspace.alignment.comparison import Prediction, Resampling, comparison_table, scored
from rockspace.alignment.layer_report import layer_report
from rockspace.alignment.procrustes import Procrustes
from rockspace.alignment.rotation_report import Settings
from rockspace.alignment.spaces import Spaces, subtypes_of
from rockspace.artifacts import read_json
from rockspace.baselines import as_they_are
from rockspace.config import validated
from rockspace.data.catalog import COLUMNS, label_indices, label_names, left_out_of_accuracy, read_catalog
from rockspace.data.drawn_shapes import draw_shapes
from rockspace.data.restructuring import build_catalog
from rockspace.errors import RockspaceError
from rockspace.inference.evaluation import (
    NEEDS_PROBABILITIES,
    Outputs,
    evaluation,
    in_words,
    predictions,
    read_predictions,
)
from rockspace.networks.device import repeatable
from rockspace.networks.objectives import Objective
from rockspace.report.columns import read_table
from rockspace.report.search import search_figure
from rockspace.search.cross_validation import predict_fold
from rockspace.search.search import left_out_of, search_table
from rockspace.training.features import Features
from rockspace.training.head import train_head
from rockspace.training.stopping_set import stopping_set, training_members
from workflow_runs import ROOT, TINY, Workplace

(LITE,) = yaml.safe_load(TINY)["models"]
WITHOUT_LABELS = yaml.safe_load(TINY) | {
    "models": [
        LITE | {"name": "asis", "objective": "none"},
        LITE | {"name": "trained", "objective": "coordinates"},
    ],
    "ensembles": [{"name": "both"}],
}
WITHOUT_LABELS["dataset"]["labels"] = "none"


def config(**dataset: object) -> dict:
    given = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    given["models"][0]["objective"] = "coordinates"
    return given | {"dataset": given["dataset"] | dataset}


def test_labels_come_from_names_unless_a_column_of_them_is_named():
    assert validated(config())["dataset"]["labels"] == "names"
    assert validated(config(columns={"label": "kind"}))["dataset"]["labels"] == "table"
    assert validated(config(columns={"label": "kind"}, labels="none"))["dataset"]["labels"] == "none"
    assert validated(config(labels="folders", filename=None))["dataset"]["labels"] == "folders"


@pytest.mark.parametrize("objective", ["classification", "joint"])
def test_what_learns_labels_is_refused_before_any_job_where_there_are_none(objective):
    given = config(labels="none")
    given["models"][0]["objective"] = objective
    with pytest.raises(RockspaceError, match=r"models\[0\]\.objective: .*allowed: \"coordinates\" or \"none\""):
        validated(given)


def test_choices_among_labels_are_refused_where_there_are_none():
    given = config(labels="none")
    given["choices"] = {"files": ["choices.csv"]}
    with pytest.raises(RockspaceError, match=r"choices\.files: found \[\"choices.csv\"\]; allowed: nothing"):
        validated(given)


def test_mistakes_and_confusions_are_planned_for_models_that_learn_labels_alone(tmp_path):
    without_labels = Workplace(tmp_path / "none", yaml.safe_dump(WITHOUT_LABELS))
    planned = without_labels.planned()
    assert planned["finetune"] == planned["evaluate"] == planned["ensemble"] == 1
    assert planned["mistakes"] == planned["ensemble_confusion"] == 0
    assert without_labels.planned("search")["cross_validate"] > 1
    labelled = yaml.safe_load(yaml.safe_dump(WITHOUT_LABELS))
    labelled["dataset"]["labels"] = "names"
    labelled["models"][0]["objective"] = "joint"
    planned = Workplace(tmp_path / "names", yaml.safe_dump(labelled)).planned()
    assert (planned["evaluate"], planned["mistakes"], planned["ensemble_confusion"]) == (2, 1, 1)


def photos(folder: Path, names: list[str]) -> dict:
    """Make images and a section that takes those of the folder ``train`` to train on and those of ``other`` to validate on."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(folder / name)
    return {"splits": {"train": {"images": "train/**/*.png"}, "validation": {"images": "other/**/*.png"}}}


@pytest.mark.parametrize("cell", ["", "  ", "NA", "NaN", "none", "-", '""'])
def test_a_cell_that_holds_no_label_is_none_and_no_training_image_may_have_one(tmp_path, cell):
    names = ["train/a1", "train/a2", "train/b1", "train/b2", "other/c1", "other/a3"]
    dataset = photos(tmp_path, [f"{name}.png" for name in names]) | {
        "columns": {"label": "kind", "superclass": "group"}
    }
    for split in dataset["splits"].values():
        split["labels"] = "kinds.csv"
    for without in ("other/c1", "train/b1"):
        rows = [f"{name},{cell if name == without else name[6]},{cell if name == without else 'L'}" for name in names]
        (tmp_path / "kinds.csv").write_text("\n".join(["image,kind,group", *rows, ""]))
        if without == "other/c1":
            catalog = build_catalog(tmp_path, dataset).set_index("file")
            assert catalog.loc["other/c1.png", ["label", "superclass", "path"]].tolist() == [
                "",
                "",
                "images/validation/c1.png",
            ]
            assert catalog["label"].tolist().count("") == 1
        else:
            with pytest.raises(
                RockspaceError, match=r"kinds\.csv: row 4: column 'kind' holds .*: no label, which every training"
            ):
                build_catalog(tmp_path, dataset)


def test_labels_from_folders_are_those_that_directly_hold_the_images(tmp_path):
    names = [
        "train/x/cat/1.png",
        "train/y/cat/2.png",
        "train/dog/3.png",
        "other/dog/4.png",
        "other/5.png",
        "other/cow/6.png",
    ]
    catalog = build_catalog(tmp_path, photos(tmp_path, names) | {"labels": "folders"}).set_index("file")
    # An image right below the folder of a split is of that folder's label, which no training image has.
    assert catalog["label"].to_dict() == dict(zip(names, ["cat", "cat", "dog", "dog", "other", "cow"], strict=True))
    assert label_names(catalog) == ["cat", "dog"]


def test_a_pattern_may_leave_validation_images_without_a_label(tmp_path):
    names = ["train/cat_1.png", "train/dog_1.png", "other/_7.png", "other/dog_2.png"]
    dataset = photos(tmp_path, names) | {"filename": r"(?P<label>[a-z]+)?_\d\.png"}
    assert build_catalog(tmp_path, dataset)["label"].tolist() == ["cat", "dog", "", "dog"]
    names[0] = "train/_1.png"
    with pytest.raises(
        RockspaceError, match=r"^train/_1\.png: no label, which every training image needs \(1 have none\)"
    ):
        build_catalog(tmp_path / "more", photos(tmp_path / "more", names) | {"filename": dataset["filename"]})


def test_without_labels_validation_images_are_drawn_over_images_and_numbers_of_images_are_no_matter(tmp_path):
    dataset = photos(tmp_path, [f"train/{word}.png" for word in "abcdefghijklmnop"]) | {"labels": "none"}
    draws = []
    for seed in (0, 0, 1):
        dataset["splits"]["validation"] = {"fraction": 0.25, "seed": seed}
        catalog = build_catalog(tmp_path, dataset)
        draws.append(catalog.loc[catalog["split"] == "validation", "image_id"].tolist())
    assert len(draws[0]) == 4
    assert draws[0] == draws[1] != draws[2]


NAMES = ["size", "hue"]
QUICK = Settings(permutations=99, bootstraps=99)
WITHOUT = np.full(24, -1)


def spaces(seed: int = 0) -> tuple[Spaces, Spaces]:
    """Two splits of eight subtypes, of which every validation image has a label."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(2, 9))

    def split(name: str, each: int) -> Spaces:
        label = np.repeat([f"subtype {i}" for i in range(8)], each)
        coordinates = rng.normal(size=(len(label), 2))
        features = coordinates @ mix + rng.normal(size=(len(label), 9))
        return Spaces(np.array([f"{name} {i}" for i in range(len(label))]), label, features, coordinates)

    return split("train", 4), split("validation", 3)


def relabelled(images: Spaces, rows: np.ndarray | slice, labels: object) -> Spaces:
    label = images.label.astype("U40")
    label[rows] = labels
    return replace(images, label=label)


def differing(one: object, other: object, path: str = "") -> dict[str, tuple]:
    """By its path, each value of nested mappings in which two of them differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        assert one.keys() == other.keys()
        return {name: pair for key in one for name, pair in differing(one[key], other[key], f"{path}.{key}").items()}
    return {} if one == other else {path.removeprefix("."): (one, other)}


def test_without_labels_all_figures_over_images_are_those_of_images_with_a_label_each_and_there_are_no_others():
    train, validation = spaces()
    each = [relabelled(split, slice(None), split.image_id) for split in (train, validation)]
    none = [relabelled(split, slice(None), "") for split in (train, validation)]
    expected, found = (layer_report(*splits, NAMES, QUICK).figures for splits in (each, none))
    different = differing(found, expected)
    assert all("subtypes" in key for key in different), different
    assert all(value is None for value, _ in different.values())
    assert {
        "new_subtypes",
        "permutation.subtypes",
        "held_out.mean_r_ci_subtypes",
        "rsa.ci_subtypes",
    } <= different.keys()


def test_an_image_without_a_label_is_resampled_and_exchanged_as_if_its_label_were_its_own():
    train, validation = spaces()
    rows = np.array([0, 4, 5, 17])
    partly = relabelled(validation, rows, "")
    own = relabelled(validation, rows, [f"own {i}" for i in rows])
    different = differing(*(layer_report(train, split, NAMES, QUICK).figures for split in (partly, own)))
    # Whether training images are of its subtype is unknown, so it is left out there alone.
    assert all("new_subtypes" in key for key in different), different
    keep = np.setdiff1d(np.arange(len(validation)), rows)
    labelled = Spaces(*(part[keep] for part in vars(validation).values()))
    expected = layer_report(train, labelled, NAMES, QUICK).figures["new_subtypes"]
    assert layer_report(train, partly, NAMES, QUICK).figures["new_subtypes"] == pytest.approx(expected)


def test_the_interval_over_subtypes_of_some_images_is_a_jackknife_that_leaves_out_each_label_and_each_image_without_one():
    train, validation = spaces()
    rows = np.array([1, 2, 20])
    partly = relabelled(validation, rows, "")
    predicted = Procrustes().fit(train.features, train.coordinates).transform(validation.features)
    units = [*(np.flatnonzero(partly.label == name) for name in np.unique(partly.label) if name), *rows[:, None]]
    assert len(units) == 11

    def mean_r(kept: np.ndarray) -> float:
        return np.mean([stats.pearsonr(predicted[kept, i], validation.coordinates[kept, i])[0] for i in range(2)])

    everything = np.arange(len(validation))
    without = np.arctanh([mean_r(np.setdiff1d(everything, unit)) for unit in units])
    error = np.sqrt(10 / 11 * np.sum((without - without.mean()) ** 2))
    middle, reach = np.arctanh(mean_r(everything)), stats.t.ppf(0.975, 10) * error
    found = layer_report(train, partly, NAMES, QUICK).figures["held_out"]["mean_r_ci_subtypes"]
    assert found == pytest.approx(np.tanh([middle - reach, middle + reach]), abs=1e-9)


def test_two_networks_are_compared_over_images_alone_where_no_image_has_a_label():
    _, validation = spaces()
    draws = (np.random.default_rng(i).normal(size=(24, 2)) for i in (1, 2))
    entries = scored([Prediction(f"m{i}", 0, "last", draw) for i, draw in enumerate(draws)], validation.coordinates)
    none = subtypes_of([""] * 24, validation.image_id)
    found, expected = (
        comparison_table(entries, subtypes, Resampling(199, 99)).iloc[0] for subtypes in (none, validation.image_id)
    )
    over_subtypes = found.index.str.contains("subtypes")
    assert found[over_subtypes].isna().all()
    assert expected[over_subtypes].notna().all()
    pd.testing.assert_series_equal(found[~over_subtypes], expected[~over_subtypes])


def outputs(labels: list[str], learnt: str = "abc") -> Outputs:
    n = len(labels)
    probabilities = np.random.default_rng(0).dirichlet(np.ones(len(learnt)), n).astype(np.float32)
    names = np.array([str(i) for i in range(n)])
    return Outputs(names, np.full(n, "validation"), np.array(labels), np.array(list(learnt)), probabilities)


def test_images_without_a_label_or_with_one_that_is_not_learnt_are_left_out_of_accuracy_and_counted(tmp_path):
    labels = ["", "a", "b", "c", "z", "aa", "", "b", "c", "a"]
    given = outputs(labels)
    figures = evaluation(given, resamples=99, seed=0)["validation"]
    known = np.isin(labels, list("abc"))
    guesses = given.labels[given.probabilities.argmax(axis=1)]
    assert figures["top1"] == sklearn.metrics.accuracy_score(np.array(labels)[known], guesses[known])
    expected = sklearn.metrics.log_loss(np.array(labels)[known], given.probabilities[known], labels=list("abc"))
    assert figures["loss"] == pytest.approx(expected, rel=1e-5)
    assert (figures["n"], figures["n_without_label"], figures["n_unseen_label"]) == (6, 2, 2)
    assert "left out 2 without a label, left out 2 with a label of no training image" in in_words(
        {"validation": figures}, "validation"
    )
    predictions(given).to_csv(tmp_path / "predictions.csv", index=False)
    read = read_predictions(tmp_path / "predictions.csv")
    assert read["label"].tolist() == labels
    assert read["correct"].notna().tolist() == read["probability_of_label"].notna().tolist() == known.tolist()
    assert read.loc[known, "correct"].tolist() == (guesses == labels)[known].tolist()


def test_where_no_image_has_a_label_that_is_learnt_there_is_no_accuracy():
    figures = evaluation(outputs(["", "z"]), resamples=99, seed=0)["validation"]
    assert (figures["n"], figures["top1"], figures["chance"]) == (0, None, None)
    assert "left out" in in_words({"validation": figures}, "validation")


def catalog(train: list[str], validation: list[str]) -> pd.DataFrame:
    rows = [
        (str(i), split, label)
        for split, labels in (("train", train), ("validation", validation))
        for i, label in enumerate(labels)
    ]
    table = pd.DataFrame(rows, columns=["image_id", "split", "label"])
    return table.assign(image_id=table["split"] + table["image_id"]).reindex(columns=COLUMNS, fill_value="")


def test_the_labels_of_a_network_are_those_of_the_training_images(tmp_path):
    catalog(["b", "a", "b"], ["", "z", "a"]).to_csv(tmp_path / "catalog.csv", index=False)
    read = read_catalog(tmp_path / "catalog.csv")
    assert label_names(read) == ["a", "b"]
    assert label_indices(read, read["image_id"]).tolist() == [1, 0, 1, -1, -1, 0]
    assert left_out_of_accuracy(read) == (1, 1)
    assert label_names(catalog([""] * 3, [""])) == []
    assert set(label_indices(catalog([""] * 3, [""]), ["train0", "validation0"])) == {-1}


def features(labels: np.ndarray, seed: int = 0) -> Features:
    rng = np.random.default_rng(seed)
    plain = rng.normal(size=(len(labels), 6)).astype(np.float32)
    coordinates = (plain[:, :2] + 0.1 * rng.normal(size=(len(labels), 2))).astype(np.float32)
    return Features(
        np.arange(len(labels)).astype(str), labels, plain, np.empty((len(labels), 0, 6), np.float32), coordinates
    )


def test_without_labels_stopping_set_and_folds_are_drawn_over_images():
    chosen = stopping_set(WITHOUT, 0.25, 3)
    assert chosen.sum() == 6
    assert chosen.tolist() == stopping_set(WITHOUT, 0.25, 3).tolist() != stopping_set(WITHOUT, 0.25, 4).tolist()
    folds = np.stack([left_out_of(WITHOUT, 4, number) for number in range(8)])
    assert folds[:4].sum(axis=0).tolist() == folds[4:].sum(axis=0).tolist() == [1] * 24
    assert folds[:4].sum(axis=1).tolist() == [6] * 4
    assert not (folds[:4] == folds[4:]).all()
    with pytest.raises(
        RockspaceError, match=r"search\.folds: found 25; allowed: at most 24, the number of training images$"
    ):
        left_out_of(WITHOUT, 25, 0)


def test_what_stops_a_classifier_are_validation_images_with_a_label_that_it_knows():
    train, validation = features(np.arange(24) % 3), features(np.array([0, -1, 2, -1]))
    selection = {"selection": "validation"}
    assert training_members(train, validation, Objective(), selection, 0)[1].label.tolist() == [0, 2]
    assert training_members(train, validation, Objective("joint"), selection, 0)[1].label.tolist() == [0, 2]
    assert training_members(train, validation, Objective("coordinates"), selection, 0)[1] is validation
    with pytest.raises(RockspaceError, match=r"finetune\.selection: found validation; allowed: holdout or none"):
        training_members(train, features(np.array([-1, -1])), Objective(), selection, 0)


@pytest.mark.parametrize("solver", ["gradient", "exact"])
def test_a_head_learns_coordinates_without_labels_as_it_does_with_labels_that_it_does_not_learn(solver):
    schema = validated(config())
    training = schema["train_head"] | {"solver": solver, "epochs": 3, "batch_size": 8}
    head = schema["head"] | {"units": [], "dropout": 0.0}
    weights = []
    for given in (features(WITHOUT), features(np.arange(24) % 3)):
        repeatable(0)
        objective = Objective.of({"objective": "coordinates"}, given.coordinates)
        network, history = train_head(given, given, head=head, training=training, seed=0, objective=objective)
        weights.append(network.get_weights())
    assert [layer.name for layer in network.layers if layer.weights] == ["coordinates"]
    assert history["accuracy"].isna().all()
    # The exact solution differs by the folds that choose its penalties.
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, atol=0 if solver == "gradient" else 0.1)


def test_recipes_for_coordinates_are_compared_by_cross_validation_over_images_without_labels(tmp_path):
    model = validated(config())["models"][0] | {"objective": "coordinates"}
    model["recipe"]["head"] |= {"units": [], "dropout": 0.0}
    model["recipe"]["train_head"]["solver"] = "exact"
    model["recipe"]["finetune"]["epochs"] = 0
    images, folds = features(WITHOUT), {}
    for fold in range(4):
        members = left_out_of(WITHOUT, 4, fold)
        given = {"backbone": lambda: None, "precisions": {}, "seed": 0}
        folds["lite", 0, fold] = predict_fold(model, images, None, members, **given)
    table = search_table(folds, {"lite": "coordinates"}, [], NAMES, folds=4, resamples=99)
    assert table["mean_r"].item() > 0.9
    assert table["top1"].isna().all()
    search_figure(table, [tmp_path / "search.svg"])
    assert "top-1" not in (tmp_path / "search.svg").read_text()


@pytest.fixture(scope="module")
def shoes(tmp_path_factory):
    """A study of a photograph each of 24 things, of which nothing is said but a folder and two models."""
    folder = tmp_path_factory.mktemp("shoes")
    models = [LITE | {"name": "asis"}, LITE | {"name": "trained", "objective": "coordinates"}]
    given = yaml.safe_load(TINY) | {"study": "shoes", "dataset": "photos", "models": models}
    workplace = Workplace(folder / "workplace", yaml.safe_dump(given))
    draw_shapes(folder / "drawn", per_kind=2, image_size=48)
    table = pd.read_csv(folder / "drawn/coordinates.csv")
    words = [
        f"{colour}{kind}"
        for colour in ("black", "blue", "grey", "red", "tan", "white")
        for kind in ("boot", "clog", "mule", "pump")
    ]
    (workplace.folder / "photos").mkdir()
    for image, word in zip(table["image"], words, strict=True):
        shutil.copy(folder / "drawn" / image, workplace.folder / f"photos/{word}.png")
    table.assign(image=words).to_csv(workplace.folder / "photos/coordinates.csv", index=False)
    return workplace, workplace.snakemake()


def test_a_folder_without_labels_goes_from_two_lines_of_configuration_to_the_overview(shoes):
    workplace, result = shoes
    assert result.returncode == 0, result.stdout + result.stderr
    assert "The study has no labels, so a model is taken as it is" in result.stderr
    study = workplace.folder / "results/shoes"
    catalog = read_catalog(study / "catalog.csv")
    assert catalog["split"].value_counts().to_dict() == {"train": 18, "validation": 6}
    assert set(catalog["label"]) == {""}
    assert (study / "explorer.html").is_file()
    runs = read_table(study / "summary.csv").set_index("model")
    assert list(runs.index) == ["asis", "trained"]
    assert set(runs["held_out_mean_r_interval_over"]) == set(runs["held_out_mean_r_null_over"]) == {"images"}
    assert np.isfinite(runs["held_out_mean_r"]).all()
    metrics = read_json(study / "models/trained/seed-0/metrics.json")
    assert metrics["validation"] == {"n": 6} | dict.fromkeys(NEEDS_PROBABILITIES)
    assert metrics["coordinates"]["validation"]["mean_r_ci"] is not None
    assert (study / "models/trained/seed-0/finetuned.keras").is_file()
    assert not [*study.rglob("*confusion*"), *study.rglob("*mistakes*")]
    assert not (study / "models/asis/seed-0/finetuned.keras").exists()
    assert not workplace.planned()


@pytest.mark.parametrize("page", ["overview.html", "results.md", "summary.md", "answer.txt"])
def test_no_page_of_a_study_without_labels_speaks_of_accuracy(shoes, page):
    workplace, _ = shoes
    text = re.sub(
        r"<(style|script|pre).*?</\1>|<[^>]+>",
        " ",
        (workplace.folder / "results/shoes" / page).read_text(),
        flags=re.DOTALL,
    )
    said = re.findall(r"[^.\n]*(?:\baccura|top-1|confusion matrix|\b\d+ labels?\b|subtypes?\b)[^.\n]*", text)
    assert not said


def test_where_a_folder_has_no_labels_only_models_without_an_objective_get_another():
    models = [{"name": "a"}, {"name": "b", "objective": None}, {"name": "c", "objective": "coordinates"}]
    assert [model["objective"] for model in as_they_are(models)] == ["none", "none", "coordinates"]
    assert as_they_are("no list") == "no list"
    assert as_they_are([1]) == [1]
