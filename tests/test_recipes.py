"""Recipes: each does what it says, checked against Keras itself or plain arithmetic, and repeats itself."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from rockspace.networks.backbones import blocks_of
from rockspace.networks.device import repeatable
from rockspace.training.augmentation import CROP_DRAWS, DRAWS, Augmentation, _transforms
from rockspace.training.finetune import Recipe, finetune, for_as_long
from rockspace.training.head import ViewBatches
from rockspace.training.mixing import Mixing, mixed
from rockspace.training.optimizers import make_optimizer, rate_shares
from rockspace.training.schedules import MovingAverage, Schedule
from test_training import FLIPS, classifier, defaults, drawn_features, recipe

MIXED = Mixing(mixup=0.4, cutmix=1.0)


def seed(number: int = 0) -> tf.Tensor:
    return tf.constant([number, 7], tf.int64)


def factors(section: dict, steps: int, epochs: range) -> list[float]:
    schedule = Schedule(section, steps)
    return [schedule.factor(epoch, step) for epoch in epochs for step in range(steps)]


def test_the_cosine_is_that_of_keras():
    section = {"schedule": "cosine", "warmup_epochs": 2, "epochs": 6}
    keras_rates = keras.optimizers.schedules.CosineDecay(1.0, decay_steps=4 * 5)
    after = [float(keras_rates(step)) for step in range(20)]
    np.testing.assert_allclose(factors(section, 5, range(2, 6)), after, atol=1e-6)


def test_a_warm_up_rises_linearly_from_the_first_step_and_constant_stays_at_one():
    section = {"schedule": "constant", "warmup_epochs": 2, "epochs": 4}
    np.testing.assert_allclose(factors(section, 5, range(4)), [*np.arange(1, 11) / 10, *np.ones(10)])


def test_a_rate_depends_on_epoch_and_step_alone():
    section = {"schedule": "cosine", "warmup_epochs": 0.5, "epochs": 7}
    assert factors(section, 3, range(4, 7)) == factors(section, 3, range(7))[12:]


class Rates(keras.callbacks.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.seen.append(float(self.model.optimizer.learning_rate))


def small_model() -> keras.Model:
    repeatable(0)
    model = keras.Sequential(
        [keras.Input([3]), keras.layers.Dense(2, name="first"), keras.layers.Dense(1, name="last")]
    )
    model.build()
    return model


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(12, 3)).astype("f4"), rng.normal(size=(12, 1)).astype("f4")


def test_a_schedule_sets_the_rate_of_every_step_and_gives_it_back():
    model, rates = small_model(), Rates()
    schedule = Schedule({"schedule": "cosine", "warmup_epochs": 1, "epochs": 3}, steps=4, rates=[0.1, 0.1, 0.05])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(*data(), batch_size=3, epochs=3, callbacks=[schedule, rates], shuffle=False, verbose=0)
    expected = np.repeat([0.1, 0.1, 0.05], 4) * [
        schedule.factor(epoch, step) for epoch in range(3) for step in range(4)
    ]
    np.testing.assert_allclose(rates.seen, expected, rtol=1e-6)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.05)
    np.testing.assert_allclose(schedule.last_rates, expected[3::4], rtol=1e-6)


def test_the_moving_average_is_that_of_keras_and_is_what_is_tested_and_kept():
    def train(momentum: float | None, callbacks: list) -> tuple[keras.Model, list[float]]:
        model = small_model()
        average = {"use_ema": True, "ema_momentum": 0.7} if momentum is None else {}
        model.compile(keras.optimizers.SGD(0.1, **average), "mse")
        history = model.fit(
            *data(), batch_size=3, epochs=3, callbacks=callbacks, validation_data=data(), shuffle=False, verbose=0
        )
        return model, history.history["val_loss"]

    # Keras puts its average into the weights at the end of training, by itself.
    expected, _ = train(None, [])
    model, val_loss = train(0.7, [MovingAverage(0.7)])
    for one, other in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert model.evaluate(*data(), verbose=0) == pytest.approx(val_loss[-1], rel=1e-5)
    again, _ = train(0.7, [MovingAverage(0.7)])
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), again.get_weights(), strict=True))


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_every_layer_trains_at_its_share_of_the_rate(optimizer):
    section = defaults("finetune", optimizer=optimizer, learning_rate=0.1, weight_decay=0.5, clipnorm=None)
    model = small_model()
    shares = {v.path: 0.25 if "first" in v.path else 1.0 for v in model.variables}
    model.compile(make_optimizer(section, shares), "mse")
    model.fit(*data(), batch_size=12, epochs=3, shuffle=False, verbose=0)
    # The same steps with Keras' own optimizers, one for each rate.
    expected = small_model()
    groups = [[v for v in expected.trainable_variables if name in v.path] for name in ("first", "last")]
    optimizers = [make_optimizer(section | {"learning_rate": rate}) for rate in (0.025, 0.1)]
    x, y = data()
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((expected(x) - y) ** 2)
        gradients = tape.gradient(loss, [[v.value for v in group] for group in groups])
        for each, of_group, group in zip(optimizers, gradients, groups, strict=True):
            each.apply(of_group, group)
    for one, other in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_blocks_are_counted_from_the_stem_and_the_head_has_the_whole_rate():
    pixels = keras.Input([8, 8, 3])
    x = keras.layers.Conv2D(4, 1, name="stem_conv")(pixels)
    for name in ("block1a_conv", "block1a_more", "block2a_conv", "top_conv"):
        x = keras.layers.Conv2D(4, 1, name=name)(x)
    x = keras.layers.GlobalAveragePooling2D(name="pooled")(x)
    network = keras.Model(pixels, keras.layers.Dense(2, name="predictions")(x))
    assert blocks_of(network.layers[1:6]) == {
        "stem_conv": 0, "block1a_conv": 1, "block1a_more": 1, "block2a_conv": 2, "top_conv": 2
    }  # fmt: skip
    shares = rate_shares(network, defaults("finetune", layer_decay=0.5, backbone_rate=0.1))
    assert shares["predictions/kernel"] == 1
    expected = {"stem_conv": 0.0125, "block1a_more": 0.025, "block2a_conv": 0.05, "top_conv": 0.05}
    assert {name: shares[f"{name}/kernel"] for name in expected} == pytest.approx(expected)
    assert rate_shares(network, defaults("finetune")) is None


def test_mixup_blends_images_and_targets_by_the_same_share():
    images = tf.random.stateless_uniform([6, 4, 4, 3], [1, 2])
    targets = {"predictions": tf.eye(6), "coordinates": tf.reshape(tf.range(12.0), [6, 2])}
    blended, blends = mixed(images, targets, Mixing(mixup=1.0), seed())
    shares = np.asarray(blends["predictions"])
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(blended, np.tensordot(shares, images, 1), atol=1e-6)
    np.testing.assert_allclose(blends["coordinates"], shares @ np.asarray(targets["coordinates"]), rtol=1e-5)


def test_the_shares_are_drawn_from_a_beta_distribution():
    def share(number: int) -> float:
        _, target = mixed(tf.zeros([2, 1, 1, 1]), tf.constant([0.0, 1.0]), Mixing(mixup=0.4), seed(number))
        return float(target[0])

    drawn = np.array([share(number) for number in range(300)])
    # Mean and variance of Beta(0.4, 0.4): 1/2 and 1/7.2, and half of the pairs are of an image with itself.
    mixed_with_another = drawn[(drawn > 0) & (drawn < 1)]
    assert abs(mixed_with_another.mean() - 0.5) < 0.1
    assert abs(mixed_with_another.var() - 1 / 7.2) < 0.03


@pytest.mark.parametrize("number", range(6))
def test_cutmix_covers_a_rectangle_and_counts_its_pixels(number):
    images = tf.ones([4, 10, 10, 1]) * tf.reshape(tf.range(4.0), [4, 1, 1, 1])
    patched, targets = mixed(images, tf.eye(4), Mixing(cutmix=1.0), seed(number))
    patched, targets = np.asarray(patched)[..., 0], np.asarray(targets)
    for i in range(4):
        own = (patched[i] == i).mean()
        assert targets[i, i] == pytest.approx(own, abs=1e-6)
        rows, columns = np.nonzero(patched[i] != i)
        if len(rows):
            assert len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)


def test_mixing_depends_on_seed_epoch_and_batch_alone(train_set):
    def batches(first: int, epochs: int, **changes: object) -> list:
        options = {"seed": 3, "batch_size": 10, "mixing": MIXED} | changes
        found = train_set.augmented(FLIPS, first_epoch=first, epochs=epochs, **options)
        return [(images.numpy(), targets.numpy()) for images, targets in found]

    whole, second = batches(0, 2), batches(1, 1)
    for (images, targets), (again, targets_again) in zip(whole[3:], second, strict=True):
        np.testing.assert_array_equal(images, again)
        np.testing.assert_array_equal(targets, targets_again)
    assert not np.array_equal(whole[0][1], whole[1][1])
    np.testing.assert_allclose(whole[0][1].sum(1), 1, rtol=1e-6)
    plain = batches(0, 1, mixing=None)
    assert set(np.unique(plain[0][1])) == {0, 1}


def test_features_are_mixed_as_images_are():
    drawn = drawn_features(12)
    batch = [ViewBatches(drawn, np.eye(12, dtype=np.float32), 12, seed=1, mixup=1.0)[0] for _ in range(2)]
    np.testing.assert_array_equal(batch[0][0], batch[1][0])
    views, targets = batch[0]
    np.testing.assert_allclose(views, targets @ drawn.views[:, 0], atol=1e-5)
    assert 0 < targets.max(1).min() < 1


def test_a_crop_shows_its_share_of_the_picture_and_stays_inside(geometry):
    geometry = replace(geometry, image_size=32, margin=8)
    draws = np.zeros((200, DRAWS + CROP_DRAWS), np.float32)
    draws[:, DRAWS:] = np.random.default_rng(0).uniform(-1, 1, (200, CROP_DRAWS))
    maps = _transforms(tf.constant(draws), geometry, Augmentation(crop=(0.2, 0.6))).numpy()
    seen = geometry.image_size
    # The area that a seen pixel covers, over all of them.
    areas = maps[:, 0] * maps[:, 4] * seen**2 / geometry.stored_size**2
    np.testing.assert_allclose(np.sort(areas), np.sort(0.2 + 0.4 * (draws[:, DRAWS] + 1) / 2), rtol=1e-4)
    for x0, scale in ((maps[:, 2], maps[:, 0]), (maps[:, 5], maps[:, 4])):
        left, right = x0 - scale / 2, x0 + scale * (seen - 0.5)
        assert left.min() >= -0.5 - 1e-3
        assert right.max() <= geometry.stored_size - 0.5 + 1e-3


def test_a_crop_leaves_the_other_draws_as_they_are(train_set):
    def view(augmentation: Augmentation) -> np.ndarray:
        return next(iter(train_set.augmented(augmentation, seed=1, batch_size=24)))[0].numpy()

    np.testing.assert_array_equal(view(FLIPS), view(replace(FLIPS, crop=(1.0, 1.0))))
    assert np.abs(view(FLIPS) - view(replace(FLIPS, crop=(0.2, 0.5)))).mean() > 1


EVERYTHING = {
    "optimizer": "adamw", "weight_decay": 0.01, "mixup": 0.2, "cutmix": 1.0, "schedule": "cosine", "warmup_epochs": 1,
    "layer_decay": 0.8, "backbone_rate": 0.5, "ema": 0.9, "label_smoothing": 0.1, "holdout_fraction": 0.25,
}  # fmt: skip


def test_all_recipes_together_train_refit_on_the_same_schedule_and_repeat_to_the_last_digit(train_set):
    runs = []
    for _ in range(2):
        repeatable(1)
        settings = recipe(**EVERYTHING)
        settings = Recipe(settings.training, replace(FLIPS, crop=(0.3, 1.0)), "float32", seed=1)
        runs.append(finetune(classifier(), classifier(1), train_set, None, settings))
    history = runs[0][1]
    assert history.equals(runs[1][1])
    assert all(np.array_equal(a, b) for a, b in zip(runs[0][0].get_weights(), runs[1][0].get_weights(), strict=True))
    select, refit = (history[history["phase"] == phase] for phase in ("select", "refit"))
    assert np.isfinite(history["loss"]).all()
    # Steps an epoch differ (3 and 3 of other sizes); the course of the rate over the epochs does not.
    assert refit["last_learning_rate"].to_numpy() == pytest.approx(
        select["last_learning_rate"][: len(refit)].to_numpy()
    )


def test_the_averaged_weights_are_the_best_ones_and_the_last_ones(train_set):
    settings = recipe(ema=0.5, selection="validation", epochs=3)
    repeatable(0)
    trained, history = finetune(classifier(), None, train_set, train_set, settings)
    trained.compile(loss="categorical_crossentropy")
    best = history.loc[history["best"], "val_loss"].item()
    assert trained.evaluate(train_set.plain(8), verbose=0, return_dict=True)["loss"] == pytest.approx(best, rel=1e-5)
    repeatable(0)
    plain, _ = for_as_long(classifier(), train_set, [0.01] * 2, recipe())
    repeatable(0)
    averaged, _ = for_as_long(classifier(), train_set, [0.01] * 2, recipe(ema=0.5))
    assert not np.array_equal(plain.get_weights()[0], averaged.get_weights()[0])
