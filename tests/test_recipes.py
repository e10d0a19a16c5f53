"""Recipes: each does what it says, checked against Keras itself or plain arithmetic, and repeats itself."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from rockspace.networks.device import repeatable
from rockspace.networks.training_copy import trained, training_copy
from rockspace.training.augmentation import CROP_DRAWS, DRAWS, Augmentation, _transforms
from rockspace.training.finetune import Recipe, finetune, train_for
from rockspace.training.schedules import Schedule
from test_training import FLIPS, classifier, recipe


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
    "optimizer": "adamw", "weight_decay": 0.01, "schedule": "cosine", "warmup_epochs": 1,
    "ema": 0.9, "label_smoothing": 0.1, "holdout_fraction": 0.25,
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
    network, history = finetune(classifier(), None, train_set, train_set, settings)
    network.compile(loss="categorical_crossentropy")
    best = history.loc[history["best"], "val_loss"].item()
    assert network.evaluate(train_set.plain(8), verbose=0, return_dict=True)["loss"] == pytest.approx(best, rel=1e-5)
    repeatable(0)


def test_the_average_is_what_keras_keeps_over_the_same_steps(train_set):
    """With nothing watched, no callback of Keras' touches the average before the end."""
    repeatable(0)
    averaged, _ = train_for(classifier(), train_set, [0.01] * 2, recipe(ema=0.5), "train")
    repeatable(0)
    settings, network = recipe(), classifier()
    model = training_copy(network, "float32", freeze_norms=True)
    model.compile(
        keras.optimizers.Adam(0.01, global_clipnorm=1.0, use_ema=True, ema_momentum=0.5), "categorical_crossentropy"
    )
    batches = train_set.augmented(settings.augmentation, seed=1, batch_size=8, epochs=2)
    model.fit(batches, epochs=2, steps_per_epoch=train_set.steps(8), verbose=0)
    for one, other in zip(averaged.get_weights(), trained(network, model).get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
