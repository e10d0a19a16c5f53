"""Search and ensembles: recipes compared on images left out, never on the validation split; averages that add up."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
import yaml
from PIL import Image
from scipy.spatial import procrustes

from chaos import is_whole
from rockspace.alignment.aligned import aligned_table
from rockspace.alignment.rotation_report import Settings, rotation_report
from rockspace.alignment.spaces import Spaces
from rockspace.config import validated
from rockspace.errors import RockspaceError
from rockspace.inference.ensembles import Moments, ensemble, ensemble_alignment, mean_coordinates
from rockspace.inference.evaluation import Outputs
from rockspace.networks.classifier import pooled_backbone
from rockspace.report.search import CRITERIA, search_figure
from rockspace.report.summary import as_markdown, ensemble_rows
from rockspace.search.cross_validation import predict_fold
from rockspace.search.search import LeftOut, left_out_of, search_table
from rockspace.training.augmentation import Augmentation
from rockspace.training.features import compute_features
from test_config import rocks
from test_training import backbone, defaults
from workflow_runs import TINY, Workplace

NAMES = ["size", "hue"]


@pytest.mark.parametrize("number", [0, 4, 5, 9])
def test_folds_are_stratified_and_every_repeat_divides_anew(number):
    labels = np.repeat(np.arange(6), 10)
    mask = left_out_of(labels, 5, number)
    assert np.bincount(labels[mask]).tolist() == [2] * 6
    others = [left_out_of(labels, 5, (number // 5) * 5 + fold) for fold in range(5)]
    assert np.sum(others, axis=0).tolist() == [1] * 60
    assert not np.array_equal(mask, left_out_of(labels, 5, (number + 5) % 10))


def test_more_folds_than_images_of_a_label_is_one_line_with_the_key():
    with pytest.raises(RockspaceError, match=r"search\.folds: found 5; allowed: at most 3"):
        left_out_of(np.array([0] * 9 + [1] * 3), 5, 0)


def drawn_answers(seed: int, skill: float, n: int = 40, folds: int = 4) -> list[LeftOut]:
    rng, labels = np.random.default_rng(seed), np.arange(n) % 4
    observed = np.random.default_rng(99).normal(size=(n, 2)) * [1, 5] + [3, -2]
    logits = skill * np.eye(4)[labels] + rng.normal(size=(n, 4))
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    predicted = 0.3 * observed * skill + rng.normal(size=(n, 2))
    found = []
    for number in range(folds):
        mask = left_out_of(labels, folds, number)
        moments = [np.stack(Moments.of(coordinates[~mask])) for coordinates in (predicted, observed)]
        found.append(
            LeftOut(
                np.flatnonzero(mask),
                labels[mask],
                7,
                2.0,
                probabilities[mask],
                predicted[mask],
                observed[mask],
                *moments,
            )
        )
    return found


def answers_of(models: dict[str, float], seeds: tuple[int, ...] = (0, 1)) -> dict:
    return {
        (model, seed, fold): answer
        for i, (model, skill) in enumerate(models.items())
        for seed in seeds
        for fold, answer in enumerate(drawn_answers(10 * i + seed, skill))
    }


def table_of(left_out: dict, ensembles: tuple = ()) -> pd.DataFrame:
    models = dict.fromkeys(dict.fromkeys(model for model, _, _ in left_out), "joint")
    return search_table(left_out, models, ensembles, NAMES, folds=4, resamples=199)


def whole(answers: list[LeftOut], name: str) -> np.ndarray:
    order = np.argsort(np.concatenate([answer.position for answer in answers]))
    return np.concatenate([getattr(answer, name) for answer in answers])[order]


def test_the_table_has_the_figures_of_scikit_learn_and_scipy_and_marks_the_winners(tmp_path):
    left_out = answers_of({"weak": 0.5, "strong": 2.0})
    table = table_of(left_out)
    assert table["model"].tolist() == ["strong", "weak"]
    assert table["best_top1"].tolist() == [True, False]
    row, labels = table.iloc[0], np.arange(40) % 4
    runs = [[left_out["strong", seed, fold] for fold in range(4)] for seed in (0, 1)]
    accuracies = [sklearn.metrics.accuracy_score(labels, whole(run, "probabilities").argmax(1)) for run in runs]
    assert row["top1"] == pytest.approx(np.mean(accuracies))
    assert row["top1_low"] < row["top1"] < row["top1_high"]
    log_losses = [sklearn.metrics.log_loss(labels, whole(run, "probabilities")) for run in runs]
    assert row["loss"] == pytest.approx(np.mean(log_losses))
    by_fold = [(a.probabilities.argmax(1) == a.label).mean() for run in runs for a in run]
    assert row["top1_fold_sd"] == pytest.approx(np.std(by_fold, ddof=1))
    pairs = [(whole(run, "coordinates"), whole(run, "observed")) for run in runs]
    r = np.mean([[np.corrcoef(p[:, i], o[:, i])[0, 1] for i in range(2)] for p, o in pairs], axis=0)
    np.testing.assert_allclose([row["r size"], row["r hue"]], r)
    assert row["mean_r"] == pytest.approx(r.mean())
    assert row["disparity"] == pytest.approx(np.mean([procrustes(o, p)[2] for p, o in pairs]))
    assert (row["n_features"], row["seconds"], row["networks"]) == (7, 8.0, 1)


def test_the_picture_names_every_recipe_the_best_first_and_what_is_measured(tmp_path):
    search_figure(table_of(answers_of({"weak": 0.5, "strong": 2.0})), [tmp_path / "search.svg"])
    svg = (tmp_path / "search.svg").read_text()
    assert svg.index(">strong<") < svg.index(">weak<")
    assert all(f">{label},<" in svg for _, label in CRITERIA.values())
    assert ">best of its kind<" in svg


def test_an_ensemble_is_scored_on_the_mean_of_its_members_and_wins_among_ensembles():
    left_out = answers_of({"a": 1.0, "b": 1.0})
    table = table_of(left_out, ({"name": "both", "models": ["a", "b"], "seeds": [0, 1]},)).set_index("model")
    members = [(model, seed) for model in "ab" for seed in (0, 1)]
    mean = np.mean([whole([left_out[m, s, f] for f in range(4)], "probabilities") for m, s in members], axis=0)
    assert table.loc["both", "top1"] == pytest.approx((mean.argmax(1) == np.arange(40) % 4).mean())
    assert table.loc["both", "kind"] == "ensemble"
    assert table.loc["both", "networks"] == 4
    assert table.loc["both", "best_mean_r"]
    assert table.loc[["a", "b"], "best_mean_r"].sum() == 1
    assert table.loc["both", "mean_r"] > table.loc[["a", "b"], "mean_r"].max()


def test_recipes_without_a_softmax_have_no_accuracy_and_no_win_by_it():
    left_out = answers_of({"joint": 1.0, "coordinates": 1.0})
    left_out |= {
        key: LeftOut(**(vars(answer) | {"probabilities": None}))
        for key, answer in left_out.items()
        if key[0] == "coordinates"
    }
    table = table_of(left_out).set_index("model")
    assert np.isnan(table.loc["coordinates", "top1"])
    assert not table.loc["coordinates", "best_top1"]


def test_answers_are_read_back_as_they_were_written(tmp_path):
    answer = drawn_answers(0, 1.0)[2]
    answer.save(tmp_path / "fold.npz")
    again = LeftOut.load(tmp_path / "fold.npz")
    assert all(np.array_equal(value, getattr(again, name)) for name, value in vars(answer).items())


def model(objective: str = "joint", **recipe: dict) -> dict:
    sections = {
        name: defaults(name, **recipe.get(name, {}))
        for name in ("head", "train_head", "finetune", "augmentation", "evaluate")
    }
    own = {"name": "m", "backbone": "none", "objective": objective, "coordinates_weight": 1.0, "pooling": "mean"}
    return own | {"feature_layers": None, "recipe": sections}


FLOAT32 = {"train": "float32", "embed": "float32"}
LINEAR = {"head": {"units": []}, "train_head": {"solver": "exact"}}


@pytest.fixture
def features(train_set):
    return compute_features(pooled_backbone(backbone()), train_set, Augmentation(), views=1, batch_size=8)


def test_frozen_recipes_are_asked_by_their_features_as_the_whole_network_would_answer(train_set):
    left_out = left_out_of(train_set.labels, 4, 1)
    frozen = model(**LINEAR, finetune={"epochs": 0, "holdout_fraction": 0.25})
    with_images = model(
        **LINEAR,
        finetune={"epochs": 0, "holdout_fraction": 0.25},
        evaluate={"views": 2},
        augmentation={"rotation": 0, "shear": 0, "zoom": 0, "horizontal_flip": False},
    )
    base = pooled_backbone(backbone())
    features = compute_features(base, train_set, Augmentation(), views=1, batch_size=8)
    options = {"backbone": lambda: base, "precisions": FLOAT32, "seed": 0}
    by_features = predict_fold(frozen, features, None, left_out, **options)
    by_images = predict_fold(with_images, features, train_set, left_out, **options)
    for name in ("probabilities", "coordinates", "predicted_moments", "observed_moments"):
        np.testing.assert_allclose(getattr(by_features, name), getattr(by_images, name), rtol=1e-3, atol=1e-4)


def test_a_fold_is_answered_the_same_whatever_its_own_images_are_labelled(train_set, features):
    """Labels and coordinates of the images left out have no part in the training, nor in what decides its length."""
    left_out = left_out_of(train_set.labels, 4, 0)
    moved = np.where(left_out, (train_set.labels + 1) % 3, train_set.labels)
    elsewhere = np.where(left_out[:, None], 100, train_set.coordinates).astype(np.float32)
    base = pooled_backbone(backbone())
    tried = model(finetune={"epochs": 2, "batch_size": 8, "holdout_fraction": 0.25}, train_head={"epochs": 2})
    answers = [
        predict_fold(
            tried,
            replace(features, label=labels, coordinates=coordinates),
            train_set,
            left_out,
            backbone=lambda: base,
            precisions=FLOAT32,
            seed=3,
        )
        for labels, coordinates in ((features.label, features.coordinates), (moved, elsewhere))
    ]
    np.testing.assert_array_equal(answers[0].probabilities, answers[1].probabilities)
    np.testing.assert_array_equal(answers[0].coordinates, answers[1].coordinates)


def test_coordinates_are_averaged_in_units_of_what_a_member_says_of_its_training_images():
    rng = np.random.default_rng(0)
    observed, train = rng.normal(size=(30, 2)) * [1, 4] + 5, np.arange(30) < 20
    cautious, bold = 0.1 * observed + 3, 2.0 * observed - 1
    mean = mean_coordinates(
        [cautious, bold], [Moments.of(cautious[train]), Moments.of(bold[train])], Moments.of(observed[train])
    )
    np.testing.assert_allclose(mean, observed)


def outputs(seed: int, coordinates: bool = True) -> Outputs:
    rng, n = np.random.default_rng(seed), 12
    observed = np.random.default_rng(5).normal(size=(n, 2))
    extra = {"coordinates": observed + rng.normal(size=(n, 2)), "observed": observed, "dimensions": np.array(NAMES)}
    return Outputs(
        np.arange(n).astype(str), np.repeat(["train", "validation"], 6), np.tile(["x", "y"], 6), np.array(["x", "y"]),
        rng.dirichlet([1, 1], n), **(extra if coordinates else {}),
    )  # fmt: skip


def test_an_ensemble_averages_probabilities_of_all_and_coordinates_of_those_that_have_them():
    members = [outputs(0), outputs(1), outputs(2, coordinates=False)]
    both = ensemble(members)
    np.testing.assert_allclose(both.probabilities, np.mean([m.probabilities for m in members], axis=0))
    train = both.split == "train"
    standardized = [(m.coordinates - m.coordinates[train].mean(0)) / m.coordinates[train].std(0) for m in members[:2]]
    expected = np.mean(standardized, axis=0) * members[0].observed[train].std(0) + members[0].observed[train].mean(0)
    np.testing.assert_allclose(both.coordinates, expected)
    assert ensemble(members[2:]).coordinates is None


def test_members_of_different_images_are_refused():
    other = Outputs(**(vars(outputs(0)) | {"image_id": np.arange(12).astype(str)[::-1]}))
    with pytest.raises(RockspaceError, match="different images"):
        ensemble([outputs(0), other])


def test_an_ensemble_of_spaces_that_share_nothing_with_people_has_no_alignment(tmp_path):
    found = []
    for draw in range(12):
        rng = np.random.default_rng(draw)
        train, validation = (
            Spaces(np.arange(n).astype(str), np.tile(list("abcdef"), n)[:n], np.zeros((n, 1)), rng.normal(size=(n, 2)))
            for n in (60, 30)
        )
        paths = []
        for member in range(6):
            report = rotation_report(
                replace(train, features=rng.normal(size=(60, 8))),
                replace(validation, features=rng.normal(size=(30, 8))),
                NAMES, "pca", Settings(permutations=1, bootstraps=3),
            )  # fmt: skip
            paths.append(tmp_path / f"{member}.csv")
            columns = validation.image_id, validation.label, NAMES, validation.coordinates, report.predicted
            aligned_table(*columns).to_csv(paths[-1], index=False)
        found.append(ensemble_alignment(paths, resamples=3, seed=0)["held_out"]["mean_r"])
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found)) < 3 * error
    assert np.mean(found) < 0.12


def test_rotated_embeddings_are_averaged_whatever_their_scale(tmp_path):
    rng, n = np.random.default_rng(0), 20
    observed = rng.normal(size=(n, 2))
    noisy = [observed + rng.normal(size=(n, 2)) for _ in range(3)]
    paths = []
    for i, (predicted, scale) in enumerate(zip(noisy, (1, 0.01, 30), strict=True)):
        table = pd.DataFrame({"image_id": np.arange(n).astype(str), "label": np.tile(list("xyz"), n)[:n]})
        for j, name in enumerate(NAMES):
            table[f"{name} observed"], table[f"{name} predicted"] = observed[:, j], scale * predicted[:, j] + 4
        paths.append(tmp_path / f"{i}.csv")
        table.to_csv(paths[-1], index=False)
    figures = ensemble_alignment(paths, resamples=199, seed=0)
    centred = [p - p.mean(0) for p in noisy]
    mean = np.mean([p / np.linalg.norm(p) for p in centred], axis=0)
    r = [np.corrcoef(mean[:, j], observed[:, j])[0, 1] for j in range(2)]
    np.testing.assert_allclose(figures["held_out"]["r"], r)
    assert figures["n_members"] == 3
    slope = np.sum(mean * (observed - observed.mean(0))) / np.sum(mean**2)
    left = np.sum((observed - observed.mean(0) - slope * mean) ** 2) / np.sum((observed - observed.mean(0)) ** 2)
    assert figures["held_out"]["disparity"] == pytest.approx(left)


def test_an_ensembles_row_has_no_figure_that_it_lacks():
    score = {"n": 4, "top1": 0.5, "top3": 0.75, "loss": 1.0, "top1_ci": [0.2, 0.8]}
    metrics = {"train": score, "validation": score, "members": {"models": ["a"], "seeds": [0, 1]}}
    held_out = {"disparity": 0.4, "r": [0.6], "mean_r": 0.6, "mean_r_ci": [0.5, 0.7], "mean_r_ci_subtypes": None}
    rows = ensemble_rows("both", metrics, {"layers": {"penultimate": {"n_members": 2, "held_out": held_out}}})
    rows += ensemble_rows("bare", metrics, {"layers": {}})
    assert rows[0]["seed"] == "0 1"
    text = as_markdown(pd.DataFrame(rows), "rocks")
    assert "0.600 (0.500 to 0.700)" in text
    assert "nan" not in text


def complaint(**changes: object) -> str:
    with pytest.raises(RockspaceError) as error:
        validated(rocks() | changes)
    return str(error.value)


@pytest.mark.parametrize(
    ("ensemble", "told"),
    [
        ({"name": "e", "models": ["resnet5"]}, 'ensembles[0].models: found "resnet5"; allowed: "resnet50"'),
        ({"name": "e", "seeds": [1]}, "ensembles[0].seeds: found 1; allowed: 0"),
        ({"name": "resnet50"}, "ensembles[0].name: found 'resnet50' twice"),
        ({"models": None}, "ensembles[0].name: missing"),
    ],
)
def test_an_ensemble_of_what_is_not_there_is_told(ensemble, told):
    assert told in complaint(ensembles=[ensemble])


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ({"recipe": {"head": {"unit": []}}}, "models[0].recipe.head.unit: unknown key; did you mean 'units'?"),
        ({"recipe": {"finetune": {"epochs": -1}}}, "models[0].recipe.finetune.epochs: found -1; allowed: at least 0"),
        ({"recipe": {"finetune": {"refit": False}}}, "models[0].recipe.finetune.refit: found false; allowed: true"),
        ({"recipe": {"train_head": {"solver": "exact"}}}, "models[0].recipe.head.units: found [512, 128]; allowed: []"),
        ({"recipe": {"augmentation": {"crop": [0.9, 0.1]}}}, "recipe.augmentation.crop: found [0.9, 0.1]"),
        ({"recipe": {"procrustes": {}}}, "models[0].recipe.procrustes: unknown key"),
        ({"image_size": 300}, "models[0].image_size: found 300; allowed: at most 256"),
        ({"objective": "both"}, 'models[0].objective: found "both"'),
    ],
)
def test_a_wrong_recipe_is_told_with_its_model_and_key(own, told):
    assert told in complaint(models=[{"name": "m", "backbone": "resnet50"} | own])


def test_a_models_recipe_is_laid_over_the_sections_key_by_key():
    own = {"recipe": {"finetune": {"early_stopping": {"patience": 3}}, "head": {"units": []}}}
    config = validated(rocks() | {"models": [{"name": "m", "backbone": "resnet50"} | own]})
    recipe = config["models"][0]["recipe"]
    assert recipe["finetune"]["early_stopping"] == {"monitor": "accuracy", "patience": 3, "min_delta": 0.001}
    assert recipe["head"]["units"] == []
    assert recipe["head"]["dropout"] == config["head"]["dropout"] == 0.5
    assert config["head"]["units"] == [512, 128]
    assert validated(config) == config


# Names that programs like to read as numbers or as missing values.
LABELS, DIMENSIONS = ["01", "1e1", "NA", "true"], ["d1", "nan", "null", "NA", "true", "x", "y", "no. 01"]
CHANGES = """
dataset:
  source: directory
  directory: photos
  filename: "(?P<label>[^/]+)/[^/]+"
  splits:
    train: {images: "*/*.png", coordinates: mds.csv}
    validation: {fraction: 0.34}
models:
  - {name: "01", backbone: efficientnet_lite0, objective: joint, feature_layers: [block1a_project_bn, block2b_add], pooling: foreground, recipe: {head: {units: []}, train_head: {solver: exact}, finetune: {epochs: 0}}}
  - {name: "1e1", backbone: efficientnet_lite0, objective: coordinates, image_size: 32, output_layer: block2b_add, recipe: {finetune: {epochs: 1, schedule: cosine}, evaluate: {views: 2}}}
ensembles:
  - {name: "NA"}
search: {folds: 2}
"""


@pytest.fixture(scope="module")
def searched(tmp_path_factory) -> Workplace:
    """Own images, of which nothing has a name that is certainly a text."""
    config = yaml.safe_load(TINY.replace("holdout_fraction: 0.25", "holdout_fraction: 0.34")) | yaml.safe_load(CHANGES)
    workplace = Workplace(tmp_path_factory.mktemp("searched"), yaml.safe_dump(config))
    rng, photos = np.random.default_rng(0), workplace.folder / "photos"
    points = pd.DataFrame(rng.normal(size=(36, 8)), index=[f"{i:03d}" for i in range(1, 37)], columns=DIMENSIONS)
    points.sample(frac=1, random_state=0).to_csv(photos.with_name("mds.csv"), index_label="id")
    for i, image in enumerate(points.index):
        path = photos / LABELS[i % 4] / f"{image}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(40 * (i % 4), 100 + 50 * (i % 4), (48, 48, 3), dtype=np.uint8)).save(path)
    photos.with_name("mds.csv").rename(photos / "mds.csv")
    result = workplace.snakemake("search")
    assert result.returncode == 0, result.stdout + result.stderr
    return workplace


def read_table(path: Path) -> pd.DataFrame:
    """A table of models; only an empty cell is a missing value."""
    return pd.read_csv(path, dtype={"model": str}, keep_default_na=False, na_values=[""]).set_index("model")


def test_a_search_never_touches_the_validation_split(searched):
    results = searched.folder / "results/tiny"
    made = [
        str(path.relative_to(results))
        for folder in ("tfrecords", "models", "search")
        for path in (results / folder).rglob("*")
    ]
    assert made
    assert not [path for path in made if "validation" in path]
    listed = searched.snakemake("--detailed-summary", "search").stdout
    files = pd.read_csv(io.StringIO(listed[listed.index("output_file") :]), sep="\t", keep_default_na=False)
    # These two file what the archive holds, images and coordinates of both splits.
    files = files[~files["rule"].isin(["download", "restructure"])]
    assert {"tfrecords", "features", "cross_validate", "search"} <= set(files["rule"])
    read = {rule: set(",".join(rows).split(",")) for rule, rows in files.groupby("rule")["input-file(s)"]}
    assert read["cross_validate"] >= {f"results/tiny/tfrecords/train-{i:05d}-of-00002.tfrecord" for i in range(2)}
    for rule, inputs in read.items():
        assert not [name for name in inputs if "validation" in name], rule


def test_a_search_ends_with_a_table_and_a_picture(searched):
    table = read_table(searched.folder / "results/tiny/search.csv")
    assert set(table.index) == {"01", "1e1", "NA"}
    assert np.isnan(table.loc["1e1", "top1"])
    assert 0 <= table.loc["01", "top1"] <= 1
    assert table.loc["NA", "networks"] == 2
    assert table[["mean_r", "disparity"]].notna().all().all()
    assert is_whole(searched.folder / "results/tiny/search.png")
    assert all(f">{name}<" in (searched.folder / "results/tiny/search.svg").read_text() for name in table.index)
    assert searched.planned("search") == {}
    assert searched.planned("search", "--until", "cross_validate") == {}


def test_a_change_of_one_recipe_tries_that_model_alone_again(searched):
    config = yaml.safe_load((searched.folder / "tiny.yaml").read_text())
    config["models"][1]["recipe"]["finetune"]["epochs"] = 2
    (searched.folder / "change.yaml").write_text(yaml.safe_dump({"models": config["models"]}))
    planned = searched.planned("search", "--configfile", "tiny.yaml", "change.yaml")
    assert planned == {"cross_validate": 2, "search": 1}


def test_a_search_that_would_watch_the_validation_images_is_refused(searched):
    (searched.folder / "change.yaml").write_text("finetune: {selection: validation}")
    result = searched.dry_run("search", "--configfile", "tiny.yaml", "change.yaml")
    assert result.returncode != 0
    assert "finetune.selection" in result.stdout + result.stderr


@pytest.mark.slow
def test_a_study_of_such_models_and_an_ensemble_runs_to_its_summary(searched):
    result = searched.snakemake()
    assert result.returncode == 0, result.stdout + result.stderr
    results = searched.folder / "results/tiny"
    summary = read_table(results / "summary.csv")
    assert summary.loc["NA", "seed"] in (0, "0")
    assert np.isnan(summary.loc["1e1", "validation_top1"])
    assert summary["coordinates_mean_r"].notna().all()
    together = Outputs.load(results / "ensembles/NA/outputs.npz")
    assert together.probabilities.shape == (36, 4)
    assert together.coordinates.shape == (36, 8)
    for name in ("metrics.json", "predictions.csv", "alignment.json", "confusion.png"):
        assert is_whole(results / "ensembles/NA" / name)
    table = pd.read_csv(results / "models/1e1/seed-0/predictions.csv", dtype=str, keep_default_na=False)
    assert set(table["image_id"]) == {f"{i:03d}" for i in range(1, 37)}
    assert set(table["label"]) == set(LABELS)
    assert all(f"{name} predicted" in table for name in DIMENSIONS)
    assert len(table) == 36
    assert len(table.columns) == 3 + 16
    config = yaml.safe_load((searched.folder / "tiny.yaml").read_text())
    config["models"][1]["recipe"]["finetune"]["epochs"] = 2
    (searched.folder / "change.yaml").write_text(yaml.safe_dump({"models": config["models"]}))
    planned = searched.planned("--configfile", "tiny.yaml", "change.yaml")
    assert (planned["finetune"], planned["evaluate"], planned["procrustes"], planned["ensemble"]) == (1, 1, 1, 1)
    assert not {"features", "train_head", "tfrecords"} & set(planned)
