"""What a network learns, and the heads it learns it with, checked against plain Keras and scikit-learn."""

from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
import sklearn.linear_model
import tensorflow as tf
from scipy.spatial import procrustes

from rockspace.data.catalog import read_catalog
from rockspace.inference.evaluation import Outputs, coordinate_metrics, evaluation, outputs_of, predictions
from rockspace.inference.prediction import evaluation_views, predict
from rockspace.networks.classifier import attach_head, build_head, named_outputs, pooled_backbone
from rockspace.networks.device import repeatable
from rockspace.networks.layers import find_layer
from rockspace.networks.objectives import Objective
from rockspace.networks.pooling import _cell_means, foreground
from rockspace.people.coordinates import read_coordinates_tables
from rockspace.training.augmentation import Augmentation, Stream, View
from rockspace.training.exact_heads import PENALTIES, Rows, logistic, ridge
from rockspace.training.features import Features
from rockspace.training.finetune import Recipe, finetune
from test_training import FLIPS, a_head, backbone, defaults, drawn_features

JOINT = {"objective": "joint", "coordinates_weight": 0.5}
COORDINATES = {"objective": "coordinates", "coordinates_weight": 1.0}
FAR = Augmentation(rotation=180, zoom=0.3)


def head_for(features: Features, model: dict, **training: object) -> tuple[keras.Model, pd.DataFrame]:
    options = {"objective": Objective.of(model, features.coordinates), "epochs": 40, "learning_rate": 0.01}
    return a_head(features, features, head={"units": []}, **(options | training))


def joint_classifier(coordinates: np.ndarray, units: tuple[int, ...] = (16, 8)) -> keras.Model:
    repeatable(0)
    head = build_head(8, 3, defaults("head", units=list(units)), 0, Objective.of(JOINT, coordinates))
    return attach_head(pooled_backbone(backbone()), head)


def recipe(images, model: dict, **changes: object) -> Recipe:
    training = defaults("finetune", **({"epochs": 3, "batch_size": 8, "learning_rate": 0.01} | changes))
    return Recipe(training, FLIPS, "float32", 1, Objective.of(model, images.coordinates))


def test_coordinates_are_joined_to_every_image(train_set):
    assert train_set.coordinates.shape == (24, 2)
    batches = train_set.with_objective(Objective.of(COORDINATES, train_set.coordinates)).plain(24)
    targets = train_set.in_order(next(iter(batches))[1].numpy())
    standardized = (train_set.coordinates - train_set.coordinates.mean(0)) / train_set.coordinates.std(0)
    np.testing.assert_allclose(targets, standardized, atol=1e-6)


def test_the_joint_loss_is_the_cross_entropy_and_the_weighted_error_of_standardized_coordinates(train_set):
    objective = Objective.of(JOINT, train_set.coordinates)
    network = joint_classifier(train_set.coordinates)
    objective.compile(network, keras.optimizers.SGD(), label_smoothing=0.0)
    scores = network.evaluate(train_set.with_objective(objective).plain(24), return_dict=True, verbose=0)
    said = keras.tree.map_structure(train_set.in_order, network.predict(train_set.pixels(24), verbose=0))
    of_label = said["predictions"][np.arange(24), train_set.labels]
    standardized = (train_set.coordinates - train_set.coordinates.mean(0)) / train_set.coordinates.std(0)
    expected = -np.log(of_label).mean() + 0.5 * ((said["coordinates"] - standardized) ** 2).mean()
    assert scores["loss"] == pytest.approx(expected, rel=1e-5)


def test_a_trained_head_gives_coordinates_in_the_unit_of_the_training_file():
    drawn = drawn_features(90)
    head, history = head_for(drawn, COORDINATES)
    predicted = head.predict(drawn.plain, verbose=0)
    assert np.abs(predicted.mean(0) - drawn.coordinates.mean(0)).max() < 0.3
    standardized = (predicted - drawn.coordinates) / drawn.coordinates.std(0)
    assert history["val_loss"].iloc[-1] == pytest.approx((standardized**2).mean(), rel=1e-4)
    assert history["accuracy"].isna().all()


@pytest.mark.parametrize("model", [JOINT, COORDINATES])
def test_finetuning_learns_standardized_coordinates_and_gives_them_in_their_unit(train_set, model):
    repeatable(0)
    objective = Objective.of(model, train_set.coordinates)
    head = build_head(8, 3, defaults("head", units=[16, 8], dropout=0.0), 0, objective)
    network = attach_head(pooled_backbone(backbone()), head)
    objective.to_data_units(network)
    settings = recipe(train_set, model, selection="validation", epochs=2)
    trained, history = finetune(network, None, train_set, train_set, settings)
    said = named_outputs(trained).predict(train_set.pixels(24), verbose=0)
    said = keras.tree.map_structure(train_set.in_order, said)
    expected = (((said["coordinates"] - train_set.coordinates) / objective.deviation) ** 2).mean()
    if objective.classifies:
        expected = 0.5 * expected - np.log(said["predictions"][np.arange(24), train_set.labels]).mean()
    assert history.loc[history["best"], "val_loss"].item() == pytest.approx(expected, rel=1e-4)


def test_with_selection_none_every_epoch_is_trained_on_all_images(train_set):
    settings = recipe(train_set, JOINT, selection="none")
    _, history = finetune(joint_classifier(train_set.coordinates), None, train_set, None, settings)
    assert history["phase"].tolist() == ["train"] * 3
    assert history["val_accuracy"].isna().all()


def test_without_epochs_the_refitted_head_is_the_result(train_set):
    first, refit = joint_classifier(train_set.coordinates), joint_classifier(train_set.coordinates)
    network, history = finetune(first, refit, train_set, None, recipe(train_set, JOINT, epochs=0))
    assert network is refit
    assert history.empty
    assert {"phase", "epoch", "loss", "val_accuracy", "best", "precision"} <= set(history.columns)


def test_where_there_is_no_accuracy_the_loss_is_watched(train_set):
    repeatable(0)
    objective = Objective.of(COORDINATES, train_set.coordinates)
    network = attach_head(pooled_backbone(backbone()), build_head(8, 3, defaults("head", units=[8]), 0, objective))
    settings = recipe(train_set, COORDINATES, holdout_fraction=0.25)
    _, history = finetune(network, None, train_set, None, settings)
    best = history.loc[history["best"].astype(bool)]
    assert best["val_loss"].item() == history["val_loss"].min()


def rows_of(features: Features) -> tuple[np.ndarray, np.ndarray]:
    """All views as rows, and which image each is of."""
    views = np.concatenate([features.plain[:, None], features.views], axis=1).astype(float)
    return views.reshape(-1, views.shape[-1]), np.repeat(np.arange(len(views)), views.shape[1])


@pytest.mark.parametrize("d", [3, 400])
def test_exact_heads_are_what_scikit_learn_makes_of_all_views(d):
    drawn, rng = drawn_features(45), np.random.default_rng(1)
    wide = rng.normal(size=(3, d))
    features = Features(drawn.image_id, drawn.label, drawn.plain @ wide, drawn.views @ wide, drawn.coordinates)
    noise = rng.normal(size=(45, 3, d))
    features = Features(
        features.image_id,
        features.label,
        features.plain + noise[:, 0],
        features.views + noise[:, 1:],
        drawn.coordinates,
    )
    x, image = rows_of(features)
    rows, folds = Rows(features), np.arange(45) % 5
    unit = np.mean(np.sum((x - x.mean(0)) ** 2, axis=1))
    weights, intercept, penalty = logistic(rows, features.label, folds)
    kernel, bias = rows.dense(weights, intercept)
    expected = sklearn.linear_model.LogisticRegression(C=1 / (penalty * len(x)), tol=1e-8, max_iter=10_000)
    expected.fit((x - x.mean(0)) / unit**0.5, features.label[image])
    scores = x @ kernel + bias
    probabilities = np.exp(scores - scores.max(1, keepdims=True))
    probabilities /= probabilities.sum(1, keepdims=True)
    np.testing.assert_allclose(probabilities, expected.predict_proba((x - x.mean(0)) / unit**0.5), atol=2e-4)
    weights, intercept, penalties = ridge(rows, drawn.coordinates.astype(float), folds)
    kernel, bias = rows.dense(weights, intercept)
    for i, penalty in enumerate(penalties):
        other = sklearn.linear_model.Ridge(alpha=penalty * len(x)).fit(
            (x - x.mean(0)) / unit**0.5, drawn.coordinates[image, i]
        )
        np.testing.assert_allclose(x @ kernel[:, i] + bias[i], other.predict((x - x.mean(0)) / unit**0.5), rtol=1e-6)
        assert penalty in PENALTIES


def test_the_penalty_is_the_one_that_predicts_images_left_out_best():
    drawn = drawn_features(60)
    folds = np.arange(60) % 4
    rows = Rows(drawn)
    _, _, chosen = ridge(rows, drawn.coordinates.astype(float), folds)
    errors = np.zeros((len(PENALTIES), 2))
    x, image = rows_of(drawn)
    unit = np.mean(np.sum((x - x.mean(0)) ** 2, axis=1)) ** 0.5
    for fold in range(4):
        kept = folds[image] != fold
        for i, penalty in enumerate(PENALTIES):
            model = sklearn.linear_model.Ridge(alpha=penalty * kept.sum()).fit(
                x[kept] / unit, drawn.coordinates[image[kept]]
            )
            errors[i] += (
                (model.predict(drawn.plain[folds == fold] / unit) - drawn.coordinates[folds == fold]) ** 2
            ).sum(0)
    np.testing.assert_array_equal(chosen, PENALTIES[errors.argmin(0)])


def test_an_exact_head_is_a_plain_dense_layer_that_repeats_itself():
    drawn = drawn_features(60)
    runs = [head_for(drawn, JOINT, solver="exact") for _ in range(2)]
    assert all(np.array_equal(a, b) for a, b in zip(*(run[0].get_weights() for run in runs), strict=True))
    head, history = runs[0]
    assert [type(layer).__name__ for layer in head.layers[-2:]] == ["Dense", "Dense"]
    right = head.predict(drawn.plain, verbose=0)["predictions"].argmax(1) == drawn.label
    assert history["accuracy"].item() == pytest.approx(right.mean())
    assert right.mean() > 0.9
    r = np.corrcoef(head.predict(drawn.plain, verbose=0)["coordinates"][:, 0], drawn.coordinates[:, 0])[0, 1]
    assert r > 0.5


def test_two_labels_are_solved_too():
    drawn = drawn_features(60)
    two = drawn.subset(drawn.label < 2)
    head, _ = a_head(two, head={"units": []}, solver="exact")
    assert (head.predict(two.plain, verbose=0).argmax(1) == two.label).mean() > 0.9


@pytest.mark.parametrize("units", [[], [8]])
def test_a_cosine_head_learns_and_takes_features_as_they_are(units):
    drawn = drawn_features(60)
    head, history = a_head(drawn, drawn, head={"units": units, "logits": "cosine"}, epochs=30, learning_rate=0.05)
    right = head.predict(drawn.plain, verbose=0).argmax(1) == drawn.label
    assert right.mean() == pytest.approx(history["val_accuracy"].iloc[-1])
    assert right.mean() > 0.8


@pytest.mark.parametrize(("scale", "trainable"), [(None, 2), (5.0, 1)])
def test_a_cosine_head_is_the_softmax_of_scaled_cosines_before_and_after_training(scale, trainable):
    repeatable(0)
    head = build_head(3, 4, defaults("head", units=[], dropout=0.0, logits="cosine", cosine_scale=scale), seed=0)
    x, labels = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32), np.eye(4)[[0, 1, 2, 3, 0, 1]]
    assert len(head.trainable_weights) == trainable
    head.compile("adam", "categorical_crossentropy")
    for _ in range(2):
        kernel = np.asarray(head.get_layer("head_cosines").kernel)
        factor = scale or np.asarray(head.get_layer("head_scale").kernel)
        cosines = x / np.linalg.norm(x, axis=1, keepdims=True) @ (kernel / np.linalg.norm(kernel, axis=0))
        expected = np.exp(factor * cosines)
        np.testing.assert_allclose(np.asarray(head(x)), expected / expected.sum(1, keepdims=True), rtol=1e-5)
        head.fit(x, labels, epochs=3, verbose=0)


def test_features_of_several_layers_stand_side_by_side_and_survive_saving(train_set, tmp_path):
    base = backbone()
    pooled = pooled_backbone(base, ["conv", "norm"], "mean_std")
    images = np.concatenate([batch.numpy() for batch in train_set.pixels(24)])
    maps = keras.Model(base.input, [base.get_layer(name).output for name in ("conv", "norm")]).predict(
        images, verbose=0
    )
    expected = np.concatenate([part(m, axis=(1, 2)) for m in maps for part in (np.mean, np.std)], axis=1)
    np.testing.assert_allclose(pooled.predict(images, verbose=0), expected, rtol=1e-4, atol=1e-5)
    head = build_head(32, 3, defaults("head", units=[], logits="cosine"), 0)
    network = attach_head(pooled, head)
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded(images), network(images))
    assert find_layer(loaded, "penultimate").name == "pooled"
    assert not any(isinstance(layer, keras.Model) for layer in loaded.layers)


def test_features_of_the_foreground_leave_the_background_out(tmp_path):
    base, rng = backbone(), np.random.default_rng(0)
    images = np.full((3, 32, 32, 3), (250, 240, 20), np.float32)
    images[0, 8:24, 4:20] = rng.uniform(0, 200, (16, 16, 3))
    images[1, :12, :12] = rng.uniform(0, 200, (12, 12, 3))  # one corner is no background
    shown = np.zeros((3, 32, 32), np.float32)
    shown[0, 8:24, 4:20], shown[1, :12, :12] = 1, 1
    inputs = keras.Input([32, 32, 3])
    np.testing.assert_array_equal(keras.Model(inputs, foreground(inputs))(images), shown)
    pooled = pooled_backbone(base, ["conv"], "foreground")
    assert pooled.layers[-1].name == "pooled"
    maps = keras.Model(base.input, base.get_layer("conv").output).predict(images, verbose=0)
    factor = 32 // maps.shape[1]
    share = shown.reshape(3, maps.shape[1], factor, maps.shape[2], factor).mean((2, 4))
    share[2] = 1  # nothing is seen of it, so all of it is pooled
    expected = [
        np.concatenate(
            [mean := np.average(m, axis=0, weights=w), np.sqrt(np.average((m - mean) ** 2, axis=0, weights=w))]
        )
        for m, w in zip(maps.reshape(3, -1, maps.shape[-1]), share.reshape(3, -1), strict=True)
    ]
    np.testing.assert_allclose(pooled.predict(images, verbose=0), expected, rtol=2e-3, atol=1e-3)
    network = attach_head(pooled, build_head(pooled.output_shape[-1], 3, defaults("head", units=[]), 0))
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded(images), network(images))


@pytest.mark.parametrize("pooling", ["mean", "mean_std", "foreground"])
def test_a_layer_that_gives_a_vector_is_what_a_linear_head_stands_on(pooling):
    base = backbone()
    squeezed = keras.layers.GlobalAveragePooling2D(name="squeeze")(base.output)
    base = keras.Model(base.input, squeezed)
    head = build_head(base.output_shape[-1], 3, defaults("head", units=[]), 0)
    network = attach_head(pooled_backbone(base, None, pooling), head)
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype("f4")
    found = keras.Model(network.input, find_layer(network, "penultimate").output)
    np.testing.assert_array_equal(found(images), base(images))


@pytest.mark.parametrize(("pixels", "cells"), [(12, 4), (10, 4), (7, 7), (5, 8)])
def test_what_a_cell_sees_of_the_foreground_is_its_exact_share(pixels, cells):
    fine = np.repeat(np.eye(pixels), cells, axis=0)
    np.testing.assert_allclose(_cell_means(pixels, cells), fine.reshape(cells, pixels, pixels).mean(1), atol=1e-6)


@pytest.mark.parametrize("pooling", ["mean_std", "foreground"])
def test_channels_that_are_constant_over_a_picture_leave_the_slopes_finite(pooling):
    images = np.full((2, 32, 32, 3), 255, np.float32)
    images[:, 8:16, 8:16] = 10
    base = backbone()
    base.get_layer("conv").set_weights([np.zeros_like(w) for w in base.get_layer("conv").get_weights()])
    pooled = pooled_backbone(base, ["conv"], pooling)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(pooled(images))
    slopes = tape.gradient(loss, base.get_layer("conv").trainable_weights)
    assert all(np.isfinite(slope).all() for slope in slopes)


def test_a_smaller_view_is_the_mean_of_the_stored_pixels_that_it_covers(train_set):
    small = replace(train_set.geometry, image_size=20, margin=train_set.geometry.stored_size - 20)
    images = [record["image"] for record in train_set._records().as_numpy_iterator()]
    expected = np.stack(images).astype(float).reshape(24, 20, 2, 20, 2, 3).mean(axis=(2, 4))
    seen = np.concatenate([batch.numpy() for batch in replace(train_set, geometry=small).pixels(10)])
    np.testing.assert_allclose(seen, expected, atol=1e-3)


def test_answers_are_averaged_over_the_plain_and_the_augmented_views(train_set):
    network = named_outputs(joint_classifier(train_set.coordinates))
    both = predict(network, train_set, evaluation_views(3, FAR, seed=4), 7)
    looks = [None, View(FAR, 4, 0, Stream.TEST_VIEWS), View(FAR, 4, 1, Stream.TEST_VIEWS)]
    each = [network.predict(train_set.pixels(24, view), verbose=0) for view in looks]
    for name in ("predictions", "coordinates"):
        expected = train_set.in_order(np.mean([said[name] for said in each], axis=0))
        np.testing.assert_allclose(both[name], expected, atol=1e-5)
    again = predict(network, train_set, evaluation_views(3, FAR, seed=4), 7)
    np.testing.assert_array_equal(both["predictions"], again["predictions"])
    trained_on = np.concatenate([batch.numpy() for batch in train_set.pixels(24, View(FAR, 4, 0))])
    tested_on = np.concatenate([batch.numpy() for batch in train_set.pixels(24, looks[1])])
    assert np.abs(trained_on - tested_on).mean() > 1


def test_coordinates_are_scored_whatever_their_unit():
    rng = np.random.default_rng(0)
    observed = rng.normal(size=(50, 3))
    predicted = (observed + rng.normal(size=(50, 3))) * [2, 0.1, 5] + 7
    labels = np.repeat(np.arange(10), 5)
    scores = coordinate_metrics(predicted, observed, labels, resamples=99, seed=0)
    r = [np.corrcoef(predicted[:, i], observed[:, i])[0, 1] for i in range(3)]
    np.testing.assert_allclose(scores["r"], r)
    for key in ("mean_r_ci", "mean_r_ci_subtypes"):
        assert scores[key][0] < scores["mean_r"] < scores[key][1]
    explained = [
        sklearn.linear_model.LinearRegression()
        .fit(predicted[:, [i]], observed[:, i])
        .score(predicted[:, [i]], observed[:, i])
        for i in range(3)
    ]
    np.testing.assert_allclose(scores["r2"], explained)
    assert scores["disparity"] == pytest.approx(procrustes(predicted, observed)[2])
    assert coordinate_metrics(-observed, observed, labels, resamples=99, seed=0)["r2"] == [0, 0, 0]


def test_outputs_are_kept_read_back_and_scored_by_split(study, train_set, validation_set, tmp_path):
    catalog, coordinates = read_catalog(study / "catalog.csv"), read_coordinates_tables([study / "coordinates.csv"])
    network = named_outputs(joint_classifier(train_set.coordinates))
    said = [predict(network, images) for images in (train_set, validation_set)]
    together = {name: np.concatenate([part[name] for part in said]) for name in said[0]}
    outputs_of(together, catalog, coordinates).save(tmp_path / "outputs.npz")
    outputs = Outputs.load(tmp_path / "outputs.npz")
    assert outputs.probabilities.shape == (33, 3)
    np.testing.assert_array_equal(outputs.of_split("validation").observed, validation_set.coordinates)
    figures = evaluation(outputs, resamples=99, seed=0)
    assert figures["validation"]["n"] == 9
    assert len(figures["coordinates"]["validation"]["r"]) == 2
    table = predictions(outputs)
    pairs = ["x observed", "x predicted", "y observed", "y predicted"]
    assert list(table.columns)[-4:] == pairs
    np.testing.assert_array_equal(table[pairs[1::2]], outputs.coordinates)
    assert len(table) == 33


def test_a_network_without_softmax_has_no_accuracy():
    outputs = Outputs(
        np.array(["a", "b", "c", "d"]), np.full(4, "train"), np.array(list("xyxy")), np.array(["x", "y"]),
        coordinates=np.eye(4)[:, :2], observed=np.eye(4)[:, :2], dimensions=np.array(["p", "q"]),
    )  # fmt: skip
    figures = evaluation(outputs, resamples=99, seed=0)
    assert figures["train"].pop("n") == 4
    assert {"top1", "top1_ci", "top1_ci_subtypes", "chance"} <= figures["train"].keys()
    assert set(figures["train"].values()) == {None}
    assert figures["coordinates"]["train"]["mean_r"] == pytest.approx(1)
