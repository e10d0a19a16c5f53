"""The copy of a network that trains: frozen batch normalization is computed as part of the preceding layer.

With fixed statistics and scale, ``gamma * (w x + b - mean) / sqrt(variance + epsilon) + beta`` is a convolution with the
kernel ``s * w``, where ``s = gamma / sqrt(variance + epsilon)``. Computing with this kernel saves a dozen passes over the
feature map. The optimizer updates ``w``, not ``s * w``: otherwise the step of each channel would be ``1 / s`` times that of
the published network (50 times in ResNet50's first convolution), because Adam's steps do not scale with the weights.

So training a copy equals training the original network with frozen statistics, step by step, with any optimizer. Copies
exist only during training; what is saved are the original Keras layers with the weights learnt.
"""

from typing import Any

import keras
import numpy as np

from rockspace.networks.fast_layers import Gelu, fast_equivalent
from rockspace.networks.folding import factors_of, foldable_pairs, scale_and_shift
from rockspace.networks.precision import WIDE_ACTIVATION, dtype_policies, has_gpu, policy_of
from rockspace.networks.rewiring import Replacement, copy_of, rebuild


class NormalizedLayer(keras.layers.Layer):
    """A convolution or dense layer and the batch normalisation after it, whose statistics and scale are frozen.

    Its variables are those of the two layers: the kernels, and the bias of the first or, without one, the beta of
    the batch normalisation.

    Args:
        layer: A new layer with a bias and a linear activation, which computes the result.
        original: The layer that it copies, built.
        norm: The batch normalisation after it.
    """

    def __init__(
        self, layer: keras.layers.Layer, original: keras.layers.Layer, norm: keras.layers.BatchNormalization
    ) -> None:
        # The inner layer casts to its precision; the products of variables here stay in float32.
        super().__init__(name=layer.name, dtype="float32", autocast=False)
        self.layer, self.norm_name = layer, norm.name
        scale, shift = scale_and_shift(norm)
        self.factors = factors_of(original, scale).astype("float32")
        self.bias_factors: np.ndarray | float
        self.start: list[np.ndarray]
        if original.use_bias:
            self.bias_factors, self.shift = scale.astype("float32"), shift.astype("float32")
            self.start = original.get_weights()
        else:
            beta = keras.ops.convert_to_numpy(norm.beta)
            self.bias_factors, self.shift = 1.0, (shift - beta).astype("float32")
            self.start = [*original.get_weights(), beta]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the variables."""
        self.layer.build(input_shape)

    def call(self, x: Any) -> Any:
        """Compute what the two layers compute."""
        *_, kernel, bias = self.layer.weights
        folded = [(kernel, kernel * self.factors), (bias, bias * self.bias_factors + self.shift)]
        with keras.StatelessScope(folded, initialize_variables=False):
            return self.layer(x)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the layer's output."""
        return self.layer.compute_output_shape(input_shape)


class FrozenNormalization(keras.layers.Layer):
    """A batch normalisation without a preceding layer to merge with; statistics and scale are frozen, beta is trained."""

    def __init__(self, norm: keras.layers.BatchNormalization, dtype: Any) -> None:
        super().__init__(name=norm.name, dtype=dtype)
        scale, shift = scale_and_shift(norm)
        self.start = [keras.ops.convert_to_numpy(norm.beta)] if norm.center else []
        self.scale, self.shift = scale.astype("float32"), (shift - sum(self.start)).astype("float32")
        if norm.center:
            self.beta = self.add_weight(shape=scale.shape, initializer="zeros", name="beta", autocast=False)

    def call(self, x: Any) -> Any:
        """Compute what the batch normalisation computes at inference."""
        shift = self.beta + self.shift if self.start else self.shift
        return x * keras.ops.cast(self.scale, x.dtype) + keras.ops.cast(shift, x.dtype)


def training_copy(network: keras.Model, precision: str, *, freeze_norms: bool) -> keras.Model:
    """Return a copy of ``network`` for training, whose backbone computes in ``precision``.

    Variables, the preprocessing, the head (all layers after the last feature map) and all outputs are float32.

    Args:
        network: a flat functional model of Keras layers.
        precision: ``float32`` or ``bfloat16``.
        freeze_norms: whether the statistics and scale of batch normalisation are frozen.
    """
    policies = dtype_policies(network, precision)
    pairs = foldable_pairs(network) if freeze_norms else {}
    # A layer with a bias would have a variable too many for a layer and batch normalisation without bias and beta.
    pairs = {name: norm for name, norm in pairs.items() if norm.center or network.get_layer(name).use_bias}
    merged = {norm.name for norm in pairs.values()}

    def copied(layer: keras.layers.Layer, **changes: Any) -> keras.layers.Layer:
        policy = policies[layer.name]
        if policy != "mixed_bfloat16" and not layer.name.endswith(WIDE_ACTIVATION):
            return copy_of(layer, dtype=policy, **changes)
        fast = None if has_gpu() else fast_equivalent(layer)
        # Gelu computes in float32 itself, and neither takes nor gives that.
        return copy_of(layer, fast, dtype=policy_of(precision) if fast is Gelu else policy, **changes)

    def replace(layer: keras.layers.Layer) -> Replacement:
        if layer.name in pairs:
            normalized = NormalizedLayer(copied(layer, use_bias=True), layer, pairs[layer.name])
            return Replacement(normalized, normalized.start)
        if layer.name in merged:
            return Replacement(keras.layers.Activation("linear", name=layer.name, dtype=policies[layer.name]), [])
        if freeze_norms and isinstance(layer, keras.layers.BatchNormalization):
            norm = FrozenNormalization(layer, policies[layer.name])
            return Replacement(norm, norm.start)
        return Replacement(copied(layer))

    return rebuild(network, replace)


def trained(network: keras.Model, copy: keras.Model) -> keras.Model:
    """Return a new model like ``network`` with the weights learnt by its training copy."""
    result = rebuild(network)
    for layer in copy.layers:
        original = result.get_layer(layer.name)
        weights = layer.get_weights()
        if isinstance(layer, NormalizedLayer) and not original.use_bias:
            result.get_layer(layer.norm_name).beta.assign(weights.pop())
        if isinstance(layer, FrozenNormalization):
            if weights:
                original.beta.assign(weights[0])
        elif weights:
            original.set_weights(weights)
    return result
