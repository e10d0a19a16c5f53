"""The vision tower of each family of KerasHub's presets: its architecture, its weights by our layers, and how it is run there."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import keras
import numpy as np

from rockspace.errors import RockspaceError
from rockspace.networks.preprocessing import MODES, standardizing
from rockspace.networks.vision_transformer import IMAGE_FEATURES, NORM, POSITIONS, Architecture

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)

Arrays = dict[str, list[np.ndarray]]


class Tower(NamedTuple):
    """The vision tower of a preset.

    Attributes:
        architecture: Its layers.
        arrays: Returns the weights of each layer, by its name.
        features: From preprocessed images ``(n, size, size, 3)`` to what KerasHub itself gives for them ``(n, width)``.
        image_size: Side of the images that KerasHub builds the preset for (pixels).
        preprocessing: What the family was trained with, for a preset that does not say.
    """

    architecture: Architecture
    arrays: Callable[[], Arrays]
    features: Callable[[np.ndarray], Any]
    image_size: int
    preprocessing: dict[str, Any]


def tower_of(backbone: keras.Model, name: str) -> Tower:
    """Return the vision tower of a backbone of KerasHub.

    Args:
        backbone: What ``keras_hub.models.Backbone.from_preset`` gives.
        name: Name of the preset, for the error.

    Raises:
        RockspaceError: Where its family is not among `families`.
    """
    for family, convert in families().items():
        if isinstance(backbone, family):
            return convert(backbone)
    known = ", ".join(sorted(family.__name__ for family in families()))
    raise RockspaceError(f"{name}: a {type(backbone).__name__} cannot be used as a backbone; what can: {known}")


def families() -> dict[Any, Callable[[Any], Tower]]:
    """Return how to convert each class of backbones."""
    import keras_hub

    models = keras_hub.models
    return {
        models.DINOV2Backbone: _dinov2,
        models.DINOV3Backbone: _dinov3,
        models.CLIPBackbone: _clip,
        models.MetaCLIP2Backbone: _metaclip,
        models.SigLIPBackbone: _siglip,
        models.ViTBackbone: _vit,
        models.DeiTBackbone: _deit,
    }


def _dinov2(backbone: Any) -> Tower:
    embeddings, swiglu = backbone.embeddings, backbone.use_swiglu_ffn
    architecture = Architecture(
        patch=backbone.patch_size,
        width=backbone.hidden_dim,
        depth=backbone.num_layers,
        heads=backbone.num_heads,
        mlp_width=backbone.encoder.layers[0].mlp.actual_intermediate_dim if swiglu else backbone.intermediate_dim,
        positions=_side(embeddings.position_embeddings.shape[1] - 1),
        activation="swiglu" if swiglu else "gelu",
        prefix=1 + backbone.num_register_tokens,
        layer_scale=backbone.layer_scale_init_value,
        antialias=backbone.antialias_in_interpolation,
    )

    def arrays() -> Arrays:
        table = _numpy(embeddings.position_embeddings)[0]
        first = [_numpy(embeddings.cls_token)[0] + table[:1]]
        if backbone.num_register_tokens:
            first.append(_numpy(embeddings.register_tokens)[0])
        blocks = []
        for layer in backbone.encoder.layers:
            mlp = _split_gate(layer.mlp.weights_in) | {"mlp_2": layer.mlp.weights_out} if swiglu else _two(layer.mlp)
            attention = {"norm_1": layer.norm1, "attention": layer.attention.attention, "norm_2": layer.norm2}
            blocks.append(attention | mlp | _scales(layer))
        parts = {
            "patches": embeddings.patch_embeddings.projection,
            POSITIONS: _table(np.concatenate([*first, table[1:]])),
            NORM: backbone.layernorm,
        }
        return _arrays(parts, blocks)

    def features(images: np.ndarray) -> Any:
        return backbone({"images": images})[:, 0]

    return Tower(architecture, arrays, features, backbone.image_shape[0], MODES["torch"])


def _dinov3(backbone: Any) -> Tower:
    embeddings, gated, size = backbone.embeddings, backbone.use_gated_mlp, backbone.image_shape[0]
    architecture = Architecture(
        patch=backbone.patch_size,
        width=backbone.hidden_dim,
        depth=backbone.num_layers,
        heads=backbone.num_heads,
        mlp_width=backbone.intermediate_dim,
        positions=size // backbone.patch_size,
        activation="swiglu" if gated else backbone.hidden_activation,
        epsilon=backbone.layer_norm_eps,
        prefix=1 + backbone.num_register_tokens,
        attention_bias=backbone.use_query_bias,
        key_bias=backbone.use_key_bias,
        mlp_bias=backbone.use_mlp_bias,
        layer_scale=backbone.layer_scale_init_value,
        rotary_base=backbone.rope_theta,
    )

    def arrays() -> Arrays:
        prefix = [_numpy(embeddings.cls_token)[0]]
        if backbone.num_register_tokens:
            prefix.append(_numpy(embeddings.register_tokens)[0])
        blocks = []
        for layer in backbone.encoder.layers:
            attention = {
                f"attention_{part}": getattr(layer.attention, f"{part}_dense")
                for part in ("query", "key", "value", "output")
            }
            mlp = {"mlp_1": layer.mlp.up_proj, "mlp_2": layer.mlp.down_proj}
            gate = {"mlp_gate": layer.mlp.gate_proj} if gated else {}
            norms = {"norm_1": layer.norm1, "norm_2": layer.norm2}
            blocks.append(norms | attention | mlp | gate | _scales(layer))
        parts = {
            "patches": embeddings.patch_embeddings.projection,
            POSITIONS: _table(np.concatenate(prefix)),
            NORM: backbone.layernorm,
        }
        return _arrays(parts, blocks)

    def features(images: np.ndarray) -> Any:
        return backbone({"pixel_values": images})[:, 0]

    return Tower(architecture, arrays, features, size, MODES["torch"])


def _clip(backbone: Any) -> Tower:
    return _clip_like(backbone, backbone.vision_encoder.layer_norm)


def _metaclip(backbone: Any) -> Tower:
    return _clip_like(backbone, backbone.vision_post_layer_norm)


def _clip_like(backbone: Any, last_norm: keras.layers.Layer) -> Tower:
    encoder = backbone.vision_encoder
    places = encoder.embedding.position_embedding.embeddings
    architecture = Architecture(
        patch=encoder.patch_size,
        width=encoder.hidden_dim,
        depth=encoder.num_layers,
        heads=encoder.num_heads,
        mlp_width=encoder.intermediate_dim,
        positions=_side(places.shape[0] - 1),
        activation=encoder.intermediate_activation,
        epsilon=1e-5,
        patch_bias=False,
        first_norm=True,
        projection=backbone.projection_dim,
    )

    def arrays() -> Arrays:
        table = _numpy(places)
        table[0] += _numpy(encoder.embedding.class_embedding)
        blocks = [
            {
                "norm_1": layer.layer_norm_1,
                "attention": layer.attention,
                "norm_2": layer.layer_norm_2,
                "mlp_1": layer.dense_1,
                "mlp_2": layer.dense_2,
            }
            for layer in encoder.encoder_layers
        ]
        parts = {
            "patches": encoder.embedding.patch_embedding,
            POSITIONS: _table(table),
            "first_norm": encoder.pre_layer_norm,
            NORM: last_norm,
            IMAGE_FEATURES: backbone.vision_projection,
        }
        return _arrays(parts, blocks)

    preprocessing, size = standardizing(CLIP_MEAN, CLIP_STD), encoder.image_shape[0]
    return Tower(architecture, arrays, backbone.get_vision_embeddings, size, preprocessing)


def _siglip(backbone: Any) -> Tower:
    encoder = backbone.vision_encoder
    places = encoder.embedding.position_embedding.embeddings
    architecture = Architecture(
        patch=encoder.patch_size,
        width=encoder.hidden_dim,
        depth=encoder.num_layers,
        heads=encoder.num_heads,
        mlp_width=encoder.intermediate_dim,
        positions=_side(places.shape[0]),
        activation=encoder.intermediate_activation,
        epsilon=encoder.layer_norm_epsilon,
        prefix=0,
        attention_pooling=True,
    )

    def arrays() -> Arrays:
        blocks = [
            {"norm_1": layer.layer_norm1, "attention": layer.self_attn, "norm_2": layer.layer_norm2} | _two(layer.mlp)
            for layer in encoder.encoder_layers
        ]
        parts = {
            "patches": encoder.embedding.patch_embedding,
            POSITIONS: _table(places),
            NORM: encoder.post_layer_norm,
            "pooling_query": _table(_numpy(encoder.head.probe)[0]),
            "pooling_attention": encoder.head.attention,
            "pooling_norm": encoder.head.layer_norm,
        }
        return _arrays(parts | {f"pooling_{name}": layer for name, layer in _two(encoder.head.mlp).items()}, blocks)

    return Tower(architecture, arrays, backbone.get_vision_embeddings, encoder.image_shape[0], MODES["tf"])


def _vit(backbone: Any) -> Tower:
    embedding = backbone.get_layer("vit_patching_and_embedding")
    return _vit_like(
        backbone,
        embedding,
        backbone.get_layer("vit_encoder"),
        positions=embedding.position_embedding.embeddings,
        tokens=[embedding.class_token] if backbone.use_class_token else [],
        mlp_of=lambda layer: (layer.mlp.dense_1, layer.mlp.dense_2),
        preprocessing=MODES["tf"],
        mlp_width=backbone.mlp_dim,
        patch_bias=backbone.use_patch_bias,
        mlp_bias=backbone.use_mlp_bias,
    )


def _deit(backbone: Any) -> Tower:
    embedding = backbone.get_layer("deit_patching_and_embedding")
    return _vit_like(
        backbone,
        embedding,
        backbone.get_layer("deit_encoder"),
        positions=embedding.position_embedding,
        tokens=[embedding.class_token, embedding.distillation_token],
        mlp_of=lambda layer: (layer.mlp.dense, layer.output_layer.dense),
        preprocessing=MODES["torch"],
        mlp_width=backbone.intermediate_dim,
    )


def _vit_like(
    backbone: Any,
    embedding: Any,
    encoder: Any,
    *,
    positions: Any,
    tokens: list[Any],
    mlp_of: Callable[[Any], tuple[Any, Any]],
    preprocessing: dict[str, Any],
    **options: Any,
) -> Tower:
    """The tower of a backbone whose position embeddings are of ``tokens`` and then of patches; ``options`` are of `Architecture`."""
    architecture = Architecture(
        patch=_one(backbone.patch_size),
        width=backbone.hidden_dim,
        depth=backbone.num_layers,
        heads=backbone.num_heads,
        positions=_side(positions.shape[-2] - len(tokens)),
        epsilon=backbone.layer_norm_epsilon,
        prefix=len(tokens),
        attention_bias=backbone.use_mha_bias,
        **options,
    )

    def arrays() -> Arrays:
        table = _numpy(positions).reshape(-1, architecture.width)
        for row, token in zip(table, tokens, strict=False):
            row += _numpy(token).ravel()
        blocks = []
        for layer in encoder.encoder_layers:
            attention = {"norm_1": layer.layer_norm_1, "attention": layer.mha, "norm_2": layer.layer_norm_2}
            blocks.append(attention | dict(zip(("mlp_1", "mlp_2"), mlp_of(layer), strict=True)))
        parts = {"patches": embedding.patch_embedding, POSITIONS: _table(table), NORM: encoder.layer_norm}
        return _arrays(parts, blocks)

    def features(images: np.ndarray) -> Any:
        found = backbone(images)
        return found[:, 0] if tokens else found

    return Tower(architecture, arrays, features, _one(backbone.image_shape[:2]), preprocessing)


def _arrays(layers: dict[str, Any], blocks: Iterable[dict[str, Any]]) -> Arrays:
    """The weights of layers by name: of Keras layers, or lists of arrays as they are."""
    named = layers | {
        f"block_{number}_{name}": layer for number, block in enumerate(blocks, 1) for name, layer in block.items()
    }
    return {
        name: [np.asarray(w, np.float32) for w in (part if isinstance(part, list) else part.get_weights())]
        for name, part in named.items()
    }


def _table(values: Any) -> list[np.ndarray]:
    """A table of weights ``(rows, width)`` or ``(width,)`` as the kernel of the layer that holds it."""
    values = _numpy(values)
    return [values.reshape(1, -1, values.shape[-1])]


def _two(mlp: Any) -> dict[str, keras.layers.Layer]:
    return {"mlp_1": mlp.fc1, "mlp_2": mlp.fc2}


def _scales(layer: Any) -> dict[str, list[np.ndarray]]:
    return {"scale_1": _table(layer.layer_scale1.lambda1), "scale_2": _table(layer.layer_scale2.lambda1)}


def _split_gate(dense: keras.layers.Dense) -> dict[str, list[np.ndarray]]:
    """The two halves of SwiGLU's first layer: the gate comes first."""
    gates, values = zip(*(np.split(weights, 2, axis=-1) for weights in dense.get_weights()), strict=True)
    return {"mlp_gate": list(gates), "mlp_1": list(values)}


def _numpy(variable: Any) -> np.ndarray:
    return np.array(keras.ops.convert_to_numpy(variable), np.float32)


def _side(places: int) -> int:
    """The side of a square grid of so many places."""
    return round(places**0.5)


def _one(sides: Any) -> int:
    """The side of what is square: a number, or two that are the same."""
    sides = {sides} if isinstance(sides, int) else set(sides)
    if len(sides) > 1:
        raise RockspaceError(
            f"a preset for patches or images of {' x '.join(map(str, sides))} cannot be used: not square"
        )
    return int(sides.pop())
