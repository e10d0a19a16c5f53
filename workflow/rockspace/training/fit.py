"""The training loop: that of Keras' ``fit``, but it can begin at any step of any epoch."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from rockspace.training.checkpoint import Checkpoint


def fit(
    model: keras.Model,
    batches: tf.data.Dataset,
    watched: tf.data.Dataset | None,
    *,
    steps: int,
    epochs: int,
    callbacks: Sequence[keras.callbacks.Callback],
    checkpoint: Checkpoint,
) -> None:
    """Train a compiled model from where a checkpoint stands.

    Args:
        model: What to train, compiled; the targets of each output have its shape.
        batches: Inputs and targets of all steps to come, from ``checkpoint.epoch`` and ``checkpoint.step`` on.
        watched: What is scored after each epoch; None for nothing.
        steps: Steps an epoch.
        epochs: Epochs in all.
        callbacks: What to call beside the checkpoint, in this order.
        checkpoint: Where to begin, and what saves the training.

    Raises:
        RockspaceError: Where a signal ended the training.
    """
    events = keras.callbacks.CallbackList([*callbacks, checkpoint], model=model, epochs=epochs, steps=steps)
    _build(model)
    model.make_train_function()
    model.stop_training = False
    iterator = iter(tf.distribute.get_strategy().experimental_distribute_dataset(batches))
    with checkpoint.interruptible():
        events.on_train_begin()
        for epoch in range(checkpoint.epoch, epochs):
            if model.stop_training:
                break
            if checkpoint.step == 0:
                model.reset_metrics()
                events.on_epoch_begin(epoch)
            for step in range(checkpoint.step, steps):
                events.on_train_batch_begin(step)
                events.on_train_batch_end(step, model.train_function(iterator))
            scores = model.get_metrics_result()
            if watched is not None:
                seen = model.evaluate(watched, callbacks=events, return_dict=True, verbose=0)
                scores |= {f"val_{name}": value for name, value in seen.items()}
            events.on_epoch_end(epoch, scores)
    model.optimizer.finalize_variable_values(model.trainable_variables)
    events.on_train_end()


def _build(model: keras.Model) -> None:
    """Create the variables of optimizer and metrics, which Keras leaves to the first step."""
    model.optimizer.build(model.trainable_variables)
    outputs = model.compute_output_spec(model.input)
    nothing = keras.tree.map_structure(lambda output: keras.ops.zeros((1, *output.shape[1:])), outputs)
    model.compute_loss(y=nothing, y_pred=nothing)
    model.compute_metrics(None, nothing, nothing)
