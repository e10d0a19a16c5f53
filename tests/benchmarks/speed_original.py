"""The original recipe as its author would write it today: Keras' defaults, images read by ImageDataGenerator."""

import os
from pathlib import Path
from typing import Any

import keras
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from speed_rounds import Round, serve

BATCH, SIZE, STEPS = 32, (224, 224), int(os.environ.get("BENCH_STEPS", "3"))


def images(folder: Path, split: str, **augmentation: Any) -> Any:
    generator = ImageDataGenerator(rescale=1 / 255, **augmentation)
    return generator.flow_from_directory(
        str(folder / "images" / split), target_size=SIZE, batch_size=BATCH, shuffle=bool(augmentation)
    )


def augmented(folder: Path) -> Any:
    return images(
        folder, "train", rotation_range=20, shear_range=10, zoom_range=0.2, horizontal_flip=True, fill_mode="nearest"
    )


def classifier(n_labels: int, *, frozen: bool) -> keras.Model:
    base = keras.applications.ResNet50(include_top=False, weights=None, input_shape=(*SIZE, 3))
    base.trainable = not frozen
    x = keras.layers.GlobalAveragePooling2D()(base.output)
    x = keras.layers.Dense(512, activation="relu")(x)
    x = keras.layers.Dense(128, activation="relu", name="penultimate")(x)
    x = keras.layers.Dropout(0.5)(x)
    model = keras.Model(base.input, keras.layers.Dense(n_labels, activation="softmax")(x))
    optimizer = keras.optimizers.Adam() if frozen else keras.optimizers.SGD(1e-4, momentum=0.9)
    model.compile(optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def finetune(folder: Path) -> Round:
    batches = augmented(folder)
    model = classifier(batches.num_classes, frozen=False)

    def work() -> int:
        batches.reset()  # Full batches only: a smaller last one would be compiled for.
        model.fit(batches, steps_per_epoch=STEPS, epochs=1, verbose=0)
        return STEPS * BATCH

    return work


def embed(folder: Path) -> Round:
    batches = images(folder, "train")
    model = classifier(batches.num_classes, frozen=False)
    embedding = keras.Model(model.input, model.get_layer("penultimate").output)

    def work() -> int:
        batches.reset()
        return len(embedding.predict(batches, steps=STEPS, verbose=0))

    return work


def frozen_head(folder: Path) -> Round:
    """One epoch, which is the same work as each of the ten."""
    batches, watched = augmented(folder), images(folder, "validation")
    model = classifier(batches.num_classes, frozen=True)

    def work() -> int:
        model.fit(batches, validation_data=watched, epochs=1, verbose=0)
        return batches.samples

    return work


if __name__ == "__main__":
    serve({"finetune": finetune, "embed": embed, "frozen_head": frozen_head})
