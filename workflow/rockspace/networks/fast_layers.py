"""Layers with the gradients that a CPU computes fastest in bfloat16, or in the least memory; the function is that of Keras.

Measured with TensorFlow 2.21 on AMX: oneDNN's weight gradient of a 1 x 1 convolution takes two to five times
as long as the matrix product that it is; a strided 1 x 1 convolution is faster as a subsampling and a dense
one; and the gradients of depthwise convolutions are several times slower in bfloat16 than in float32.
The layers exist while a model trains (see ``training_copy``). A saved model holds Keras' own.
"""

import math
from typing import Any

import keras
import tensorflow as tf


class PointwiseConv2D(keras.layers.Conv2D):
    """A 1 x 1 convolution."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        if max(self.strides) > 1:
            # A mean over one place is a strided slice with a fast gradient.
            inputs = tf.nn.avg_pool2d(inputs, 1, self.strides, "VALID")
        return _finish(self, _pointwise(inputs, tf.convert_to_tensor(self.kernel)))


class DepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """A depthwise convolution."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        kernel = tf.convert_to_tensor(self.kernel)
        return _finish(self, _depthwise(inputs, kernel, [1, *self.strides, 1], self.padding.upper()))


class Gelu(keras.layers.Activation):
    """GELU computed in float32, of which the gradient needs only the input.

    TensorFlow keeps five arrays of float32 for it, which are half of what a vision transformer keeps.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return _gelu(inputs)


class LayerNormalization(keras.layers.LayerNormalization):
    """A layer normalization over the last axis computed in float32, of which the gradient needs only the input."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        gamma, beta = (tf.cast(tf.convert_to_tensor(each), tf.float32) for each in (self.gamma, self.beta))
        return _normalize(inputs, gamma, beta, self.epsilon)


def fast_equivalent(layer: keras.layers.Layer) -> type[keras.layers.Layer] | None:
    """The class above that computes the same as ``layer``, or None."""
    if type(layer) is keras.layers.Conv2D:
        return PointwiseConv2D if layer.kernel_size == (1, 1) and layer.groups == 1 else None
    if type(layer) is keras.layers.Activation and layer.activation is keras.activations.gelu:
        return Gelu
    if type(layer) is keras.layers.LayerNormalization:
        last = layer.axis in (-1, [-1], len(layer.output.shape) - 1, [len(layer.output.shape) - 1])
        return LayerNormalization if last and layer.center and layer.scale else None
    if type(layer) is keras.layers.DepthwiseConv2D and layer.dilation_rate == (1, 1):
        return DepthwiseConv2D if layer.strides[0] == layer.strides[1] else None
    return None


def _finish(layer: Any, outputs: tf.Tensor) -> tf.Tensor:
    if layer.use_bias:
        outputs = _add_bias(outputs, tf.convert_to_tensor(layer.bias))
    return outputs if layer.activation is None else layer.activation(outputs)


@tf.custom_gradient
def _pointwise(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Any]:
    def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        n_in, n_out = kernel.shape[2:]
        of_x = tf.raw_ops.Conv2DBackpropInput(
            input_sizes=tf.shape(x),
            filter=kernel,
            out_backprop=upstream,
            strides=[1, 1, 1, 1],
            padding="VALID",
        )
        of_kernel = tf.matmul(tf.reshape(x, (-1, n_in)), tf.reshape(upstream, (-1, n_out)), transpose_a=True)
        return of_x, tf.reshape(of_kernel, kernel.shape)

    return tf.nn.conv2d(x, kernel, 1, "VALID"), gradients


@tf.custom_gradient
def _add_bias(x: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, Any]:
    def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        flat = tf.reshape(upstream, (-1, bias.shape[0]))
        # As a product it accumulates in float32, whatever the type, and in less time than a sum.
        ones = tf.ones((1, tf.shape(flat)[0]), flat.dtype)
        return upstream, tf.reshape(tf.matmul(ones, flat), bias.shape)

    return tf.nn.bias_add(x, bias), gradients


def _depthwise(x: tf.Tensor, kernel: tf.Tensor, strides: list[int], padding: str) -> tf.Tensor:
    @tf.custom_gradient
    def convolve(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Any]:
        def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            wide = tf.cast(upstream, tf.float32)
            shared = {"out_backprop": wide, "strides": strides, "padding": padding}
            of_x = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
                input_sizes=tf.shape(x), filter=tf.cast(kernel, tf.float32), **shared
            )
            of_kernel = tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
                input=tf.cast(x, tf.float32), filter_sizes=kernel.shape, **shared
            )
            return tf.cast(of_x, x.dtype), tf.cast(of_kernel, kernel.dtype)

        return tf.nn.depthwise_conv2d(x, kernel, strides, padding), gradients

    return convolve(x, kernel)


@tf.custom_gradient
def _gelu(x: tf.Tensor) -> tuple[tf.Tensor, Any]:
    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        wide = tf.cast(x, tf.float32)
        below = 0.5 * (1 + tf.math.erf(wide * 2**-0.5))
        density = tf.exp(-0.5 * wide * wide) * (2 * math.pi) ** -0.5
        return tf.cast(tf.cast(upstream, tf.float32) * (below + wide * density), x.dtype)

    return tf.cast(tf.nn.gelu(tf.cast(x, tf.float32), approximate=False), x.dtype), gradient


def _normalize(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float) -> tf.Tensor:
    def standardized(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        wide = tf.cast(x, tf.float32)
        mean, variance = tf.nn.moments(wide, [-1], keepdims=True)
        scale = tf.math.rsqrt(variance + epsilon)
        return (wide - mean) * scale, scale

    @tf.custom_gradient
    def normalize(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> tuple[tf.Tensor, Any]:
        def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            normal, scale = standardized(x)
            wide = tf.cast(upstream, tf.float32)
            of_normal = wide * gamma
            along = tf.reduce_mean(of_normal * normal, -1, keepdims=True)
            of_x = scale * (of_normal - tf.reduce_mean(of_normal, -1, keepdims=True) - normal * along)
            others = list(range(len(x.shape) - 1))
            return tf.cast(of_x, x.dtype), tf.reduce_sum(wide * normal, others), tf.reduce_sum(wide, others)

        return tf.cast(standardized(x)[0] * gamma + beta, x.dtype), gradients

    return normalize(x, gamma, beta)
