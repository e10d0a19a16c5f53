"""Both phases of training: what they learn, what they watch, and that they repeat themselves."""

import json
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from rockspace.config import load_schema
from rockspace.errors import RockspaceError
from rockspace.networks.classifier import (
    attach_head,
    build_head,
    is_head_layer,
    pooled_backbone,
)
from rockspace.networks.device import repeatable
from rockspace.networks.layers import find_layer
from rockspace.networks.loading import load_classifier
from rockspace.networks.objectives import Objective
from rockspace.training.augmentation import Augmentation, View
from rockspace.training.features import Features, compute_features
from rockspace.training.finetune import (
    Recipe,
    finetune,
    set_trainable,
    train_for,
    train_with_early_stopping,
)
from rockspace.training.head import train_head, view_batches
from rockspace.training.stopping_set import stopping_set, training_members

FLIPS = Augmentation(rotation=10, horizontal_flip=True)


def defaults(section: str, **changes: object) -> dict:
    part = load_schema()["properties"][section]["properties"]

    def value(schema):
        nested = schema.get("properties")
        return {k: value(s) for k, s in nested.items()} if nested else schema.get("default")

    return {key: value(schema) for key, schema in part.items()} | changes


def backbone() -> keras.Model:
    pixels = keras.Input([32, 32, 3])
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(pixels)
    x = keras.layers.Conv2D(8, 3, strides=4, activation="relu", name="conv")(x)
    x = keras.layers.BatchNormalization(name="norm")(x)
    return keras.Model(pixels, x)


def classifier(seed: int = 0) -> keras.Model:
    repeatable(seed)
    return attach_head(
        pooled_backbone(backbone()), build_head(8, 3, defaults("head", units=[16, 8], dropout=0.2), seed)
    )


def recipe(**changes: object) -> Recipe:
    training = defaults("finetune", **({"epochs": 4, "batch_size": 8, "learning_rate": 0.01} | changes))
    return Recipe(training, FLIPS, "float32", seed=1)


@given(st.integers(2, 8), st.integers(4, 20), st.integers(0, 100))
def test_a_holdout_takes_its_share_of_every_label(n_labels, per_label, seed):
    labels = np.repeat(np.arange(n_labels), per_label)
    mask = stopping_set(labels, 0.25, seed)
    counts = np.bincount(labels[mask], minlength=n_labels)
    assert mask.sum() == int(np.ceil(0.25 * len(labels)))
    assert counts.max() - counts.min() <= 1
    np.testing.assert_array_equal(mask, stopping_set(labels, 0.25, seed))


def test_a_holdout_too_small_for_every_label_names_the_key():
    with pytest.raises(RockspaceError, match=r"finetune\.holdout_fraction: 0\.1 of 12 training images"):
        stopping_set(np.repeat(np.arange(4), 3), 0.1, 0)


@pytest.mark.parametrize("augmented", [0, 3])
def test_the_head_trains_on_one_view_of_each_image_an_epoch_in_turn_and_on_the_plain_one(augmented):
    looks = np.arange(4 * 4).reshape(4, 4, 1).astype(np.float32)
    features = Features(
        np.array(list("abcd")), np.array([0, 1, 0, 1]), looks[:, augmented], looks[:, :augmented], np.zeros((4, 0))
    )
    three = features.subset(np.array([True, True, False, True]))
    batches = [x.numpy()[:, 0] for x, _ in view_batches(three, np.eye(3), 2, seed=0, epochs=augmented + 2)]
    assert [sorted(map(len, batches[i : i + 2])) for i in range(0, len(batches), 2)] == [[1, 2]] * (augmented + 2)
    seen = np.sort(np.reshape(np.concatenate(batches), (-1, 3)))
    views = [*range(1, augmented + 1), 0, 1 % (augmented + 1)]
    np.testing.assert_array_equal(seen, [[k, 4 + k, 12 + k] for k in views])


def drawn_features(n: int = 60) -> Features:
    rng, labels = np.random.default_rng(0), np.arange(n) % 3
    views = (np.eye(3)[labels][:, None] * 3 + rng.normal(size=(n, 2, 3))).astype(np.float32)
    coordinates = (np.eye(3)[labels] @ [[1, 9], [2, 3], [4, 5]] + rng.normal(size=(n, 2))).astype(np.float32)
    return Features(np.arange(n).astype(str), labels, views.mean(axis=1), views, coordinates)


def a_head(
    features: Features, watched: Features | None = None, *, head: dict | None = None, seed: int = 0, **training: object
) -> tuple[keras.Model, pd.DataFrame]:
    """Train a head of one layer without dropout, unless ``head`` says otherwise; ``training`` differs from the defaults."""
    options = {name: training.pop(name) for name in ("objective", "checkpoints", "phase") if name in training}
    repeatable(0)
    return train_head(
        features,
        watched,
        head=defaults("head", **({"units": [8], "dropout": 0.0} | (head or {}))),
        training=defaults("train_head", **training),
        seed=seed,
        **options,
    )


HOLDOUT = {"selection": "holdout", "holdout_fraction": 0.25}


def test_the_head_learns_what_is_there_and_repeats_itself_to_the_last_digit():
    features = drawn_features()
    learning, watched = training_members(features, None, Objective(), HOLDOUT, seed=0)
    assert {*learning.image_id, *watched.image_id} == {*features.image_id}
    assert len(learning.image_id) + len(watched.image_id) == 60
    histories, weights = [], []
    for _ in range(2):
        options = {"epochs": 30, "learning_rate": 0.01}
        head, history = a_head(learning, watched, head={"units": [8, 4], "dropout": 0.1}, **options)
        histories.append(history)
        weights.append(head.get_weights())
    assert histories[0]["val_accuracy"].iloc[-1] > 0.8
    assert histories[0].equals(histories[1])
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))


def test_the_head_says_how_every_epoch_went(caplog):
    features = drawn_features()
    learning, watched = training_members(features, None, Objective(), HOLDOUT, seed=0)
    with caplog.at_level("INFO", logger="rockspace"):
        _, history = a_head(learning, watched, epochs=3)
    lines = [message for message in caplog.messages if message.startswith("head epoch")]
    assert [line.split(":")[0] for line in lines] == [f"head epoch {epoch}/3" for epoch in (1, 2, 3)]
    assert f"val_accuracy {history['val_accuracy'].iloc[-1]:.4f}" in lines[-1]


def test_a_trained_head_takes_features_as_they_are_also_where_their_scales_differ():
    drawn, scale = drawn_features(), np.array([1, 100, 0.01], np.float32)
    features = replace(drawn, plain=7 + drawn.plain * scale, views=7 + drawn.views * scale)
    head, history = a_head(features, features, epochs=20, learning_rate=0.01)
    right = head.predict(features.plain, verbose=0).argmax(axis=1) == features.label
    assert right.mean() == pytest.approx(history["val_accuracy"].iloc[-1])
    assert right.mean() > 0.9


def test_with_selection_validation_the_head_trains_on_all_and_watches_the_validation_split():
    train, validation = drawn_features(30), drawn_features(12)
    learning, watched = training_members(train, validation, Objective(), {"selection": "validation"}, seed=0)
    assert learning is train
    assert watched.image_id.tolist() == validation.image_id.tolist()


def test_with_selection_none_the_head_trains_on_all_and_watches_nothing():
    train = drawn_features(30)
    assert training_members(train, None, Objective(), {"selection": "none"}, seed=0) == (train, None)


def test_features_of_views_are_those_of_the_network_on_the_pipelines_views(train_set):
    network = pooled_backbone(backbone())
    features = compute_features(network, train_set, FLIPS, views=2, batch_size=7)
    assert features.plain.shape == (24, 8)
    assert features.views.shape == (24, 2, 8)
    images = np.concatenate([x.numpy() for x in train_set.pixels(24, View(FLIPS, seed=0, number=1))])
    images = train_set.in_order(images)
    np.testing.assert_allclose(features.views[:, 1], network.predict(images, verbose=0), atol=1e-5)


def test_features_of_all_shards_are_read_back_in_the_catalogs_order(tmp_path):
    features = drawn_features(10)
    mixed = np.random.default_rng(0).permutation(10)
    for shard, part in enumerate((mixed[:6], mixed[6:])):
        features.subset(part).save(tmp_path / f"{shard}.npz")
    labels = np.array(["a", "b", "c"])[features.label]
    catalog = pd.DataFrame({"image_id": features.image_id, "split": "train", "label": labels})
    whole = Features.load([tmp_path / "0.npz", tmp_path / "1.npz"], catalog)
    assert whole.image_id.tolist() == features.image_id.tolist()
    np.testing.assert_array_equal(whole.label, features.label)
    np.testing.assert_array_equal(whole.views, features.views)
    assert whole.coordinates.shape == (10, 0)


@pytest.mark.parametrize("monitor", ["accuracy", "loss"])
def test_the_best_epoch_is_kept_and_marked(train_set, validation_set, monitor):
    repeatable(0)
    trained, history = train_with_early_stopping(
        classifier(),
        train_set,
        validation_set,
        recipe(early_stopping={"monitor": monitor, "patience": 5, "min_delta": 0}),
    )
    best = history.loc[history["best"]].iloc[0]
    assert best["val_loss"] == history["val_loss"].min() or monitor == "accuracy"
    assert best["val_accuracy"] == history["val_accuracy"].max() or monitor == "loss"
    trained.compile(loss="categorical_crossentropy", metrics=["accuracy"])
    loss, accuracy = trained.evaluate(validation_set.plain(8), verbose=0)
    assert loss == pytest.approx(best["val_loss"], rel=1e-5)
    assert accuracy == pytest.approx(best["val_accuracy"])


def test_the_network_is_trained_again_on_all_images_train_for_and_at_the_same_rates(train_set):
    repeatable(0)
    settings = recipe(holdout_fraction=0.25)
    trained, history = finetune(classifier(), classifier(1), train_set, None, settings)
    select, refit = (history[history["phase"] == phase] for phase in ("select", "refit"))
    assert len(refit) == select["epoch"][select["best"]].item()
    np.testing.assert_allclose(refit["learning_rate"], select["learning_rate"][: len(refit)])
    assert refit["val_loss"].isna().all()
    again, _ = finetune(classifier(), None, train_set, None, settings)
    assert not np.array_equal(trained.get_weights()[0], again.get_weights()[0])


def test_the_same_seed_gives_the_same_history_and_weights_to_the_last_digit(train_set, validation_set):
    runs = []
    for _ in range(2):
        repeatable(1)
        runs.append(train_with_early_stopping(classifier(), train_set, validation_set, recipe()))
    assert runs[0][1].equals(runs[1][1])
    assert all(np.array_equal(a, b) for a, b in zip(runs[0][0].get_weights(), runs[1][0].get_weights(), strict=True))


@pytest.mark.parametrize(
    ("batch_norm", "moving"), [("frozen", {"beta"}), ("train", {"gamma", "beta", "mean", "variance"})]
)
def test_statistics_and_factors_of_batch_norm_move_only_where_the_configuration_says_train(
    train_set, batch_norm, moving
):
    network = classifier()
    before = [np.array(w) for w in network.get_layer("norm").get_weights()]
    trained, _ = train_for(network, train_set, [0.01], recipe(batch_norm=batch_norm), "train")
    after = trained.get_layer("norm").get_weights()
    names = ("gamma", "beta", "mean", "variance")
    assert {n for n, a, b in zip(names, before, after, strict=True) if not np.array_equal(a, b)} == moving


def test_layers_before_from_layer_stay_and_the_head_always_trains():
    network = classifier()
    set_trainable(network, "norm")
    assert not network.get_layer("conv").trainable
    assert network.get_layer("norm").trainable
    assert all(layer.trainable for layer in network.layers if is_head_layer(layer))
    with pytest.raises(RockspaceError, match=r"finetune\.from_layer: classifier has no layer 'nothing'"):
        set_trainable(network, "nothing")


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_whole_numbers_may_be_written_without_a_point_and_train_the_same(optimizer):
    def trained(number: type) -> list[np.ndarray]:
        head = {"units": [4], "dropout": number(0), "logits": "cosine", "cosine_scale": number(4)}
        rates = {"learning_rate": number(1), "weight_decay": number(optimizer == "adamw"), "label_smoothing": number(0)}
        return a_head(drawn_features(), head=head, epochs=2, optimizer=optimizer, warmup_epochs=number(1), **rates)[
            0
        ].get_weights()

    for whole, with_point in zip(trained(int), trained(float), strict=True):
        np.testing.assert_array_equal(whole, with_point)


def test_a_loss_that_is_no_number_is_one_line_that_names_the_rate(train_set):
    network = classifier()
    network.set_weights([np.full_like(weights, np.nan) for weights in network.get_weights()])
    with pytest.raises(RockspaceError, match=r"finetune\.learning_rate"):
        train_for(network, train_set, [0.01], recipe(), "train")


@pytest.mark.parametrize("selection", ["holdout", "none", "validation"])
def test_a_training_that_runs_away_ends_with_one_line_in_every_way_of_training(train_set, selection):
    settings = recipe(selection=selection, optimizer="sgd", learning_rate=1e30, clipnorm=None)
    with pytest.raises(RockspaceError, match=r"finetune\.learning_rate: after epoch 1 of (select|train)") as error:
        finetune(classifier(), classifier(1), train_set, train_set, settings)
    assert "\n" not in str(error.value)


def test_a_refit_that_runs_away_ends_with_one_line(train_set):
    with pytest.raises(RockspaceError, match=r"finetune\.learning_rate: after epoch 2 of refit"):
        train_for(classifier(), train_set, [0.01, 1e30], recipe(optimizer="sgd", clipnorm=None), "refit")


def test_a_head_that_runs_away_ends_with_one_line_that_names_its_own_rate():
    with pytest.raises(RockspaceError, match=r"train_head\.learning_rate: after epoch 1 of head"):
        a_head(drawn_features(), optimizer="sgd", learning_rate=1e30)


@pytest.mark.parametrize("solver", ["gradient", "exact"])
@pytest.mark.parametrize("part", ["plain", "views"])
def test_a_feature_that_is_no_number_is_told_with_its_image(solver, part):
    drawn = drawn_features()
    getattr(drawn, part)[7] = np.nan
    with pytest.raises(RockspaceError, match=r"features of image '7' \(1 of 60 images\): not numbers"):
        a_head(drawn, head={"units": []}, solver=solver)


def test_the_second_training_of_the_head_is_called_refit_and_claims_no_score(caplog):
    with caplog.at_level("INFO", logger="rockspace"):
        a_head(drawn_features(), epochs=2, phase="head refit")
    lines = [message for message in caplog.messages if "epoch" in message]
    assert [line.split(":")[0] for line in lines] == ["head refit epoch 1/2", "head refit epoch 2/2"]
    assert not any("val_" in line for line in lines)


def test_penultimate_is_what_the_softmax_stands_on_with_and_without_dense_layers():
    assert find_layer(classifier(), "penultimate").name == "penultimate"
    bare = attach_head(pooled_backbone(backbone()), build_head(8, 3, defaults("head", units=[]), 0))
    assert find_layer(bare, "penultimate").name == "pooled"


def test_a_damaged_model_file_is_named(tmp_path):
    classifier().save(tmp_path / "model.keras")
    whole = (tmp_path / "model.keras").read_bytes()
    (tmp_path / "model.keras").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RockspaceError, match=r"model\.keras: cannot be loaded"):
        load_classifier(tmp_path / "model.keras")


def test_two_devices_share_the_batches_and_learn_what_one_does(train_set, tmp_path):
    """Run in a process of its own, since logical devices are made before TensorFlow starts."""
    script = f"""
import contextlib, json, sys
import tensorflow as tf
sys.path[:0] = {sys.path!r}
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from test_training import attach_head, backbone, build_head, defaults, pooled_backbone, recipe, repeatable, train_for
from rockspace.training.pipeline import ImageSet
from rockspace.data.catalog import read_catalog
from rockspace.data.tfrecords import Geometry
catalog = read_catalog({str(train_set.shards[0].with_name("catalog.csv"))!r})
images = ImageSet.open({[str(shard) for shard in train_set.shards]!r}, Geometry(32, 8, "pad", (255, 255, 255)), catalog)
learnt = []
for devices in (["CPU:0"], ["CPU:0", "CPU:1"]):
    repeatable(0)
    strategy = tf.distribute.MirroredStrategy(devices)
    with strategy.scope():
        network = attach_head(pooled_backbone(backbone()), build_head(8, 3, defaults("head", units=[16], dropout=0), 0))
        network, history = train_for(network, images, [0.01] * 3, recipe(optimizer="sgd", clipnorm=None), "train")
    weights = [weight.tolist() for weight in network.get_weights()]
    learnt.append([strategy.num_replicas_in_sync, history["loss"].tolist(), weights])
print(json.dumps(learnt))
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    (one, loss, weights), (two, shared_loss, shared_weights) = json.loads(result.stdout.splitlines()[-1])
    assert (one, two) == (1, 2)
    assert loss[-1] < 0.9 * loss[0]
    np.testing.assert_allclose(shared_loss, loss, rtol=1e-3)
    for a, b in zip(shared_weights, weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)


def test_nothing_but_the_one_device_is_used_where_there_is_no_gpu():
    from rockspace.networks.device import all_gpus

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has a GPU")
    with all_gpus():
        assert tf.distribute.get_strategy().num_replicas_in_sync == 1
