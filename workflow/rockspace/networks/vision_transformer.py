"""Vision transformers out of Keras' own layers: DINOv2, CLIP, SigLIP, ViT and their kin as one flat network.

Each block ends in a layer of its own name (``block_1`` .. ``block_N``), so that it can be embedded, and fine-tuning can begin
there; a saved network loads in plain Keras. Tokens are ``(n, tokens, width)``: the class token first, then registers, then the
patches row by row.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from rockspace.errors import RockspaceError
from rockspace.networks.precision import WIDE_ACTIVATION
from rockspace.networks.preprocessing import preprocess

PREFIX = "prefix_tokens"
"""The layer that puts the places of class token and registers before the patches."""
POSITIONS = "positions"
NORM = "norm"
CLASS_TOKEN, PATCH_MEAN, IMAGE_FEATURES = "class_token", "patch_mean", "image_features"


@dataclass(frozen=True)
class Architecture:
    """What decides the layers of a vision transformer, besides the size of its images.

    Attributes:
        patch: Side of a patch (pixels).
        width: Length of a token.
        depth: Number of blocks.
        heads: Number of attention heads of a block.
        mlp_width: Width of the hidden layer of a block's MLP.
        positions: Places along each side of the grid whose embeddings are in the weights; those of another grid are interpolated.
        activation: ``gelu``, ``gelu_approximate``, ``quick_gelu`` or ``swiglu``.
        epsilon: Of the layer normalizations.
        prefix: Number of tokens before the patches: class token, distillation token, registers.
        patch_bias: Whether patches are projected with a bias.
        attention_bias: Whether query, key and value have a bias.
        key_bias: Whether the key has one if the others do.
        mlp_bias: Whether the layers of the MLPs have a bias.
        first_norm: Whether there is a layer normalization before the first block (CLIP).
        layer_scale: First value of the factors that scale the branches of a block (DINOv2); None for none.
        antialias: Whether positions are interpolated with antialiasing (DINOv2 with registers).
        projection: Length of the projected class token (CLIP); None for none.
        attention_pooling: Whether a learnt query pools the patches (SigLIP).
        rotary_base: Base of the periods of rotary positions (DINOv3); None for learnt positions.
    """

    patch: int
    width: int
    depth: int
    heads: int
    mlp_width: int
    positions: int
    activation: str = "gelu"
    epsilon: float = 1e-6
    prefix: int = 1
    patch_bias: bool = True
    attention_bias: bool = True
    key_bias: bool = True
    mlp_bias: bool = True
    first_norm: bool = False
    layer_scale: float | None = None
    antialias: bool = False
    projection: int | None = None
    attention_pooling: bool = False
    rotary_base: float | None = None


def vision_transformer(
    architecture: Architecture, image_size: int, preprocessing: dict[str, Any], name: str
) -> keras.Model:
    """Build a vision transformer with random weights.

    Args:
        architecture: Its layers.
        image_size: Side of the images (pixels), a multiple of the patch.
        preprocessing: The arguments of `rockspace.networks.preprocessing.preprocess`.
        name: Name of the model.

    Returns:
        A flat functional model from RGB pixels 0 to 255 to the class token after the last normalization ``(n, width)``, to its
        projection (CLIP) or to the patches pooled by attention (SigLIP).

    Raises:
        RockspaceError: Where ``image_size`` is no multiple of the patch.
    """
    a = architecture
    grid, rest = divmod(image_size, a.patch)
    if rest or not grid:
        raise RockspaceError(
            f"config: image_size: {image_size} is no multiple of {a.patch}, the side of a patch of {name}; "
            f"the nearest is {max(round(image_size / a.patch), 1) * a.patch}"
        )
    pixels = keras.Input((image_size, image_size, 3), name="pixels")
    learnt = _Learnt(pixels)
    x = preprocess(pixels, **preprocessing)
    x = keras.layers.Conv2D(
        a.width, a.patch, a.patch, use_bias=a.patch_bias, kernel_initializer=_start(), name="patches"
    )(x)
    x = keras.layers.Reshape((-1, a.width), name="patch_tokens")(x)
    if a.prefix:
        x = keras.layers.ZeroPadding1D((a.prefix, 0), name=PREFIX)(x)
    rows = a.prefix if a.rotary_base else a.prefix + grid**2
    table = learnt((rows, a.width), _start(), POSITIONS)
    if a.rotary_base:
        table = keras.layers.ZeroPadding1D((0, grid**2), name="prefix_alone")(table)
    x = keras.layers.Add(name="embeddings")([x, table])
    turn = _Rotation(a, a.rotary_base, grid, learnt) if a.rotary_base else None
    if a.first_norm:
        x = _norm(a, "first_norm")(x)
    for number in range(1, a.depth + 1):
        x = _block(a, x, learnt, turn, f"block_{number}")
    x = _norm(a, NORM)(x)
    if a.attention_pooling:
        query = learnt((1, a.width), _start(), "pooling_query")
        pooled = _attention(a, "pooling_attention")(query, x)
        x = keras.layers.Add(name="pooling_add")([pooled, _mlp(a, _norm(a, "pooling_norm")(pooled), "pooling_mlp")])
        x = keras.layers.Reshape((a.width,), name=IMAGE_FEATURES)(x)
    elif a.prefix:
        x = keras.layers.Cropping1D((0, a.prefix + grid**2 - 1), name="first_token")(x)
        x = keras.layers.Reshape((a.width,), name=CLASS_TOKEN)(x)
    if a.projection:
        x = keras.layers.Dense(a.projection, use_bias=False, kernel_initializer=_start(), name=IMAGE_FEATURES)(x)
    return keras.Model(pixels, x, name=name)


def load_arrays(network: keras.Model, architecture: Architecture, arrays: dict[str, list[np.ndarray]]) -> None:
    """Set the weights of a network, with the positions interpolated to its grid.

    Args:
        network: From `vision_transformer`.
        architecture: Its architecture.
        arrays: The weights of each layer by its name, as Keras orders them.
    """
    for layer in network.layers:
        if layer.name == POSITIONS:
            tokens = network.get_layer("embeddings").output.shape[1]
            positions = resized_positions(arrays[POSITIONS][0][0], architecture, tokens)
            layer.set_weights([positions[None]])
        elif layer.weights:
            layer.set_weights(arrays[layer.name])


def resized_positions(positions: np.ndarray, architecture: Architecture, tokens: int) -> np.ndarray:
    """Interpolate the embeddings of positions to another grid of patches, as the published code of each family does.

    Args:
        positions: ``(prefix + positions**2, width)``.
        architecture: Of the network.
        tokens: How many there shall be; ``tokens - prefix`` is a square.

    Returns:
        ``(tokens, width)``; those of class token and registers as they were.
    """
    before, after = architecture.positions, round((tokens - architecture.prefix) ** 0.5)
    if before == after or architecture.rotary_base:
        return positions
    prefix, patches = np.split(positions, [architecture.prefix])
    matrix = cubic_interpolation(before, after, antialias=architecture.antialias)
    grid = np.einsum("ij,kl,jld->ikd", matrix, matrix, patches.reshape(before, before, -1).astype(np.float64))
    return np.concatenate([prefix, grid.reshape(-1, positions.shape[-1])]).astype(np.float32)


def cubic_interpolation(before: int, after: int, *, antialias: bool) -> np.ndarray:
    """Return the matrix ``(after, before)`` of cubic interpolation along one side, the corners not aligned.

    The same as PyTorch's ``interpolate(mode="bicubic", align_corners=False)``: at the edge the last value is repeated, or, with
    antialiasing, left out. TensorFlow's own has another slope (-0.5), which is Pillow's and PyTorch's with antialiasing.

    References:
        Keys, R. (1981). Cubic convolution interpolation for digital image processing. IEEE Transactions on Acoustics, Speech,
        and Signal Processing 29, 1153-1160.
    """
    ratio = before / after
    slope, stretch = (-0.5, max(ratio, 1.0)) if antialias else (-0.75, 1.0)
    centres = (np.arange(after) + 0.5) * ratio - 0.5
    reach = int(np.ceil(2 * stretch)) + 1
    matrix = np.zeros((after, before))
    for row, centre in enumerate(centres):
        places = np.arange(int(np.floor(centre)) - reach, int(np.floor(centre)) + reach + 1)
        weights = _cubic(np.abs(places - centre) / stretch, slope)
        if antialias:
            inside = (places >= 0) & (places < before)
            places, weights = places[inside], weights[inside] / weights[inside].sum()
        np.add.at(matrix[row], np.clip(places, 0, before - 1), weights)
    return matrix


def _cubic(distance: np.ndarray, slope: float) -> np.ndarray:
    near = (slope + 2) * distance**3 - (slope + 3) * distance**2 + 1
    far = slope * (distance**3 - 5 * distance**2 + 8 * distance - 4)
    return np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))


class _Learnt:
    """Makes tables of weights that no input decides: of positions, of factors.

    No layer of Keras holds just a variable, so each is the kernel of a dense layer that sees ones.
    """

    def __init__(self, pixels: keras.KerasTensor) -> None:
        height, width, _ = pixels.shape[1:]
        corner = keras.layers.Cropping2D(((0, height - 1), (0, width - 1)), name="corner", dtype="float32")(pixels)
        # Along this axis the one pixel is the only channel.
        value = keras.layers.GlobalAveragePooling2D("channels_first", name="corner_value", dtype="float32")(corner)
        self.one = keras.layers.Rescaling(0.0, 1.0, name="one", dtype="float32")(value)

    def __call__(self, shape: tuple[int, int], start: keras.initializers.Initializer, name: str) -> keras.KerasTensor:
        """Return a tensor ``(n, *shape)``, the same for all images."""
        return keras.layers.EinsumDense("no,otd->ntd", shape, kernel_initializer=start, name=name)(self.one)

    def constant(self, values: np.ndarray, name: str) -> keras.KerasTensor:
        """Return a tensor ``(n, tokens, 1, length)`` that is ``values`` for all images and never learnt."""
        tokens, length = values.shape
        ones = keras.layers.RepeatVector(tokens * length, name=f"{name}_ones", dtype="float32")(self.one)
        ones = keras.layers.Reshape((tokens, 1, length), name=f"{name}_shaped", dtype="float32")(ones)
        return keras.layers.Rescaling(values[:, None].round(7).tolist(), name=name)(ones)


class _Rotation:
    """Rotary embeddings of the places of patches; class token and registers have no place and are not turned.

    References:
        Simeoni, O. et al. (2025). DINOv3. arXiv:2508.10104, section 3.2.
    """

    def __init__(self, a: Architecture, base: float, grid: int, learnt: _Learnt) -> None:
        length = a.width // a.heads
        places = (np.arange(grid) + 0.5) / grid * 2 - 1
        rows_and_columns = np.stack(np.meshgrid(places, places, indexing="ij"), axis=-1).reshape(-1, 2, 1)
        periods = base ** np.arange(0, 1, 4 / length)
        angles = np.pad((2 * np.pi * rows_and_columns / periods).reshape(grid**2, -1), ((a.prefix, 0), (0, 0)))
        sines = np.concatenate([-np.sin(angles), np.sin(angles)], axis=1)
        self.half = length // 2
        self.cosines = learnt.constant(np.concatenate([np.cos(angles)] * 2, axis=1), "rotary_cosines")
        self.sines = learnt.constant(sines, "rotary_sines")

    def __call__(self, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        """Turn queries or keys ``(n, tokens, heads, length)``."""
        swapped = keras.ops.roll(x, self.half, axis=-1)
        kept = keras.layers.Multiply(name=f"{name}_cosines")([x, self.cosines])
        crossed = keras.layers.Multiply(name=f"{name}_sines")([swapped, self.sines])
        return keras.layers.Add(name=f"{name}_turned")([kept, crossed])


def _block(
    a: Architecture, x: keras.KerasTensor, learnt: _Learnt, turn: _Rotation | None, name: str
) -> keras.KerasTensor:
    def scaled(branch: keras.KerasTensor, number: int) -> keras.KerasTensor:
        if a.layer_scale is None:
            return branch
        factors = learnt((1, a.width), keras.initializers.Constant(a.layer_scale), f"{name}_scale_{number}")
        return keras.layers.Multiply(name=f"{name}_scaled_{number}")([branch, factors])

    normed = _norm(a, f"{name}_norm_1")(x)
    attention = f"{name}_attention"
    attended = _rotary(a, normed, turn, attention) if turn else _attention(a, attention)(normed, normed)
    x = keras.layers.Add(name=f"{name}_add")([x, scaled(attended, 1)])
    mlp = _mlp(a, _norm(a, f"{name}_norm_2")(x), f"{name}_mlp")
    return keras.layers.Add(name=name)([x, scaled(mlp, 2)])


def _attention(a: Architecture, name: str) -> keras.layers.MultiHeadAttention:
    return keras.layers.MultiHeadAttention(
        a.heads, a.width // a.heads, use_bias=a.attention_bias, kernel_initializer=_start(), name=name
    )


def _rotary(a: Architecture, x: keras.KerasTensor, turn: _Rotation, name: str) -> keras.KerasTensor:
    def projected(part: str, use_bias: bool) -> keras.KerasTensor:
        dense = keras.layers.Dense(a.width, use_bias=use_bias, kernel_initializer=_start(), name=f"{name}_{part}")
        return keras.layers.Reshape((-1, a.heads, a.width // a.heads), name=f"{name}_{part}_heads")(dense(x))

    query = turn(projected("query", a.attention_bias), f"{name}_query")
    key = turn(projected("key", a.attention_bias and a.key_bias), f"{name}_key")
    x = keras.ops.dot_product_attention(query, key, projected("value", a.attention_bias))
    x = keras.layers.Reshape((-1, a.width), name=f"{name}_joined")(x)
    return keras.layers.Dense(a.width, kernel_initializer=_start(), name=f"{name}_output")(x)


def _mlp(a: Architecture, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    def dense(width: int, activation: str | None, name: str) -> keras.layers.Dense:
        return keras.layers.Dense(width, activation, use_bias=a.mlp_bias, kernel_initializer=_start(), name=name)

    if a.activation == "swiglu":
        gate, value = dense(a.mlp_width, "silu", f"{name}_gate"), dense(a.mlp_width, None, f"{name}_1")
        x = keras.layers.Multiply(name=f"{name}_gated")([gate(x), value(x)])
    else:
        x = dense(a.mlp_width, None, f"{name}_1")(x)
        match a.activation:
            case "quick_gelu":
                gate = keras.layers.Rescaling(1.702, name=f"{name}_slope{WIDE_ACTIVATION}")(x)
                gate = keras.layers.Activation("sigmoid", name=f"{name}_gate{WIDE_ACTIVATION}")(gate)
                x = keras.layers.Multiply(name=f"{name}_gated")([x, gate])
            case "gelu_approximate":
                # Its type is that of what it gets.
                x = keras.layers.Identity(name=f"{name}{WIDE_ACTIVATION}")(x)
                x = keras.ops.gelu(x, approximate=True)
            case activation:
                x = keras.layers.Activation(activation, name=f"{name}{WIDE_ACTIVATION}")(x)
    return dense(a.width, None, f"{name}_2")(x)


def _norm(a: Architecture, name: str) -> keras.layers.LayerNormalization:
    return keras.layers.LayerNormalization(epsilon=a.epsilon, name=name)


def _start() -> keras.initializers.Initializer:
    return keras.initializers.TruncatedNormal(stddev=0.02)
