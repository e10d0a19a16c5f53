"""Accuracy, loss and embeddings are what independent implementations say."""

import keras
import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from rockspace.errors import RockspaceError
from rockspace.inference.embeddings import Embeddings
from rockspace.inference.evaluation import Outputs, metrics, predictions
from rockspace.inference.one_pass import load_layer, load_outputs, save_pass
from rockspace.inference.prediction import one_pass_model, predict
from rockspace.networks.classifier import named_outputs


def drawn(seed: int, n: int = 40, n_labels: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(n_labels, 0.5), n), rng.integers(0, n_labels, n)


@given(st.integers(0, 10_000))
def test_accuracies_and_loss_are_those_of_scikit_learn(seed):
    probabilities, labels = drawn(seed)
    scores, every = metrics(probabilities, labels), np.arange(6)
    assert scores["n"] == 40
    for k in (1, 3):
        expected = sklearn.metrics.top_k_accuracy_score(labels, probabilities, k=k, labels=every)
        assert scores[f"top{k}"] == pytest.approx(expected)
    assert scores["loss"] == pytest.approx(sklearn.metrics.log_loss(labels, probabilities, labels=every), rel=1e-6)


def test_the_interval_is_wilsons():
    probabilities = np.eye(2)[np.r_[np.zeros(65, int), np.ones(55, int)]]
    # 65 of 120, 95 %: (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n) with z = 1.959964
    low, high = metrics(probabilities, np.zeros(120, int))["top1_ci"]
    p, n, z = 65 / 120, 120, 1.959963985
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    np.testing.assert_allclose([low, high], (p + z**2 / (2 * n) + np.array([-half, half])) / (1 + z**2 / n), rtol=1e-8)


def test_chance_is_that_of_a_guess_and_of_the_most_common_label():
    labels = np.repeat([0, 1, 2], [71, 19, 10])
    assert metrics(np.eye(3)[labels], labels)["chance"] == {"uniform": pytest.approx(1 / 3), "largest_label": 0.71}


def test_the_interval_over_labels_is_wider_where_labels_are_right_or_wrong_as_a_whole():
    labels = np.repeat(np.arange(20), 6)
    together, apart = labels < 12, np.arange(120) % 5 < 3
    widths = []
    for hits in (together, apart):
        guessed = np.where(hits, labels, (labels + 1) % 20)
        scores = metrics(np.eye(20)[guessed], labels)
        low, high = scores["top1_ci_subtypes"]
        assert low < scores["top1"] < high
        widths.append(high - low)
    assert widths[0] > 1.8 * widths[1]


def test_a_network_that_gives_every_label_the_same_is_not_called_right():
    assert metrics(np.full((10, 5), 0.2), np.zeros(10, int))["top1"] == 0


def test_predictions_name_the_best_three_guesses_in_order():
    probabilities = np.array([[0.1, 0.2, 0.3, 0.4]])
    outputs = Outputs(np.array(["a"]), np.array(["train"]), np.array(["y"]), np.array(list("wxyz")), probabilities)
    row = predictions(outputs).iloc[0]
    assert (row["predicted"], row["predicted_2"], row["predicted_3"]) == ("z", "y", "x")
    assert (row["label"], row["correct"], row["probability_of_label"]) == ("y", False, 0.3)


def network() -> keras.Model:
    pixels = keras.Input([32, 32, 3])
    x = keras.layers.Conv2D(4, 3, activation="relu", name="conv")(pixels)
    pooled = keras.layers.GlobalAveragePooling2D(name="pooled")(x)
    return keras.Model(pixels, keras.layers.Dense(3, activation="softmax", name="predictions")(pooled))


def test_predictions_come_for_every_image_in_order(validation_set):
    model = network()
    images = validation_set.in_order(np.concatenate([images.numpy() for images, _ in validation_set.plain(9)]))
    said = predict(named_outputs(model), validation_set, batch_size=4)
    np.testing.assert_allclose(said["predictions"], model.predict(images, verbose=0), atol=1e-6)


def test_embeddings_of_several_layers_come_from_one_pass_pooled_as_asked(validation_set):
    model = network()
    images = validation_set.in_order(np.concatenate([images.numpy() for images, _ in validation_set.plain(9)]))
    maps = keras.Model(model.input, model.get_layer("conv").output).predict(images, verbose=0)
    both = predict(one_pass_model(model, ["conv", "penultimate"], "mean_std"), validation_set, batch_size=4)
    np.testing.assert_allclose(both["layer/conv"][:, :4], maps.mean(axis=(1, 2)), rtol=1e-4)
    np.testing.assert_allclose(both["layer/conv"][:, 4:], maps.std(axis=(1, 2)), rtol=1e-3)
    np.testing.assert_allclose(both["layer/penultimate"], maps.mean(axis=(1, 2)), rtol=1e-4)
    assert both["layer/conv"].dtype == np.float32


def test_a_layer_that_is_not_there_is_one_line_with_the_key_and_the_layers():
    with pytest.raises(RockspaceError, match=r"embeddings\.layers: .* has no layer 'deep'; similar ones: .*conv"):
        one_pass_model(network(), ["deep"], "mean")


def test_embeddings_are_read_back_as_they_were_written(tmp_path):
    whole = Embeddings(np.array(["a", "b"]), np.array(["train"] * 2), np.array(["x", "y"]), np.eye(2, dtype=np.float32))
    whole.save(tmp_path / "layer.npz")
    again = Embeddings.load(tmp_path / "layer.npz")
    assert all(np.array_equal(getattr(whole, name), getattr(again, name)) for name in vars(whole))


def test_the_table_of_an_embedding_has_its_numbers_to_the_last_digit(tmp_path):
    numbers = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32) * [1e-30, 1, 1e30]
    whole = Embeddings(np.array(["a", "NA"]), np.array(["train"] * 2), np.array(["x", "y"]), numbers.astype(np.float32))
    whole.table().to_csv(tmp_path / "layer.csv", index=False)
    again = pd.read_csv(tmp_path / "layer.csv", keep_default_na=False)
    assert again.columns.tolist() == ["image_id", "split", "label", "feature 1", "feature 2", "feature 3"]
    assert again["image_id"].tolist() == ["a", "NA"]
    np.testing.assert_array_equal(again.filter(like="feature").to_numpy(np.float32), whole.embedding)


def test_shards_are_joined_in_the_catalogs_order_and_a_missing_image_is_named(tmp_path):
    first = {
        "layer/conv": np.full((1, 2), 3.0),
        "layer/other": np.zeros((1, 5)),
        "output/predictions": np.full((1, 1), 3),
    }
    others = {
        "layer/conv": np.arange(3)[:, None] + np.zeros(2),
        "layer/other": np.zeros((3, 5)),
        "output/predictions": np.arange(3)[:, None],
    }
    save_pass(tmp_path / "0.npz", ["d"], first, "bfloat16")
    save_pass(
        tmp_path / "1.npz", ["c", "a", "b"], {name: np.roll(a, 1, axis=0) for name, a in others.items()}, "bfloat16"
    )
    paths = [tmp_path / "0.npz", tmp_path / "1.npz"]
    outputs, precision = load_outputs(paths, list("abcd"))
    np.testing.assert_array_equal(load_layer(paths, list("abcd"), "conv")[:, 0], [0, 1, 2, 3])
    np.testing.assert_array_equal(outputs["predictions"][:, 0], [0, 1, 2, 3])
    assert (list(outputs), precision) == (["predictions"], "bfloat16")
    with pytest.raises(RockspaceError, match=r"0\.npz: no image 'a'"):
        load_layer([tmp_path / "0.npz"], list("abcd"), "conv")
