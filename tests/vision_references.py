"""KerasHub's vision transformers with the weights of tests/reference/vision_weights.py."""

from typing import Any

import keras
import numpy as np

from vision_weights import (
    DEPTH,
    HEADS,
    MLP_WIDTH,
    NATIVE,
    PATCH,
    PROJECTION,
    REGISTERS,
    WIDTH,
    drawn,
)

FAMILIES = ("dinov2", "dinov2_with_registers", "dinov3", "clip", "siglip", "vit", "deit")
SIDES = {"image_shape": (NATIVE, NATIVE, 3)}
POSITIONS = {"position_embedding_shape": (NATIVE, NATIVE)}
TEXT = {
    "vocabulary_size": 50,
    "embedding_dim": 16,
    "hidden_dim": 16,
    "num_layers": 1,
    "num_heads": 2,
    "intermediate_dim": 32,
}


def backbone(family: str) -> keras.Model:
    """A backbone of KerasHub whose vision tower has the weights of the reference."""
    from keras_hub import models

    vision = (PATCH, WIDTH, DEPTH, HEADS, MLP_WIDTH)
    dinov2 = (PATCH, DEPTH, WIDTH, HEADS, MLP_WIDTH)
    vit = (SIDES["image_shape"], PATCH, DEPTH, HEADS, WIDTH, MLP_WIDTH)
    weights = _Weights(family)
    match family:
        case "dinov2":
            network = models.DINOV2Backbone(*dinov2, **SIDES, **POSITIONS)
            weights.dinov2(network)
        case "dinov2_with_registers":
            network = models.DINOV2Backbone(
                *dinov2, num_register_tokens=REGISTERS, antialias_in_interpolation=True, **SIDES, **POSITIONS
            )
            weights.dinov2(network)
        case "dinov3":
            network = models.DINOV3Backbone(*dinov2, num_register_tokens=REGISTERS, use_key_bias=False, **SIDES)
            weights.dinov3(network)
        case "clip":
            text = models.CLIPTextEncoder(**TEXT, max_sequence_length=8)
            network = models.CLIPBackbone(models.CLIPVisionEncoder(*vision, **SIDES), text, PROJECTION)
            weights.clip(network)
        case "siglip":
            text = models.SigLIPTextEncoder(**TEXT, max_sequence_length=8, intermediate_activation="gelu_approximate")
            network = models.SigLIPBackbone(models.SigLIPVisionEncoder(*vision, **SIDES), text)
            weights.siglip(network)
        case "vit":
            network = models.ViTBackbone(*vit, layer_norm_epsilon=1e-12)
            weights.vit(network)
        case "deit":
            network = models.DeiTBackbone(*vit, layer_norm_epsilon=1e-12)
            weights.deit(network)
    return network


class _Weights:
    """Draws the weights of a family and puts them where KerasHub has them."""

    def __init__(self, family: str) -> None:
        self.family = family

    def draw(self, name: str, *shape: int) -> np.ndarray:
        return drawn(self.family, name, shape)

    def dense(self, layer: Any, name: str) -> None:
        inputs, outputs = layer.kernel.shape
        layer.kernel.assign(self.draw(f"{name}.weight", outputs, inputs).T)
        if layer.use_bias:
            layer.bias.assign(self.draw(f"{name}.bias", outputs))

    def norm(self, layer: Any, name: str) -> None:
        layer.gamma.assign(self.draw(f"{name}.weight", WIDTH))
        layer.beta.assign(self.draw(f"{name}.bias", WIDTH))

    def patches(self, layer: Any) -> None:
        layer.kernel.assign(self.draw("patches.weight", WIDTH, 3, PATCH, PATCH).transpose(2, 3, 1, 0))
        if layer.use_bias:
            layer.bias.assign(self.draw("patches.bias", WIDTH))

    def attention(self, layer: Any, name: str) -> None:
        for part in ("query", "key", "value"):
            weights = self.draw(f"{name}.{part[0]}.weight", WIDTH, WIDTH), self.draw(f"{name}.{part[0]}.bias", WIDTH)
            self.part(getattr(layer, f"{part}_dense"), *weights)
        self.part(layer.output_dense, self.draw(f"{name}.o.weight", WIDTH, WIDTH), self.draw(f"{name}.o.bias", WIDTH))

    def part(self, layer: Any, weight: np.ndarray, bias: np.ndarray) -> None:
        layer.kernel.assign(weight.T.reshape(layer.kernel.shape))
        layer.bias.assign(bias.reshape(layer.bias.shape))

    def block(self, name: str, norm_1: Any, attention: Any, norm_2: Any, mlp_1: Any, mlp_2: Any) -> None:
        self.norm(norm_1, f"{name}.norm_1")
        self.norm(norm_2, f"{name}.norm_2")
        self.attention(attention, name)
        self.dense(mlp_1, f"{name}.mlp_1")
        self.dense(mlp_2, f"{name}.mlp_2")

    def dinov2(self, network: Any) -> None:
        embeddings = network.embeddings
        self.dino_tokens(embeddings)
        positions = self.draw("positions", *embeddings.position_embeddings.shape)
        embeddings.position_embeddings.assign(positions)
        embeddings.interpolated_position_embeddings.assign(positions)
        for number, layer in enumerate(network.encoder.layers, 1):
            name = f"block_{number}"
            self.block(name, layer.norm1, layer.attention.attention, layer.norm2, layer.mlp.fc1, layer.mlp.fc2)
            self.scales(layer, name)
        self.norm(network.layernorm, "norm")

    def dinov3(self, network: Any) -> None:
        self.dino_tokens(network.embeddings)
        for number, layer in enumerate(network.encoder.layers, 1):
            name, attention = f"block_{number}", layer.attention
            self.norm(layer.norm1, f"{name}.norm_1")
            self.norm(layer.norm2, f"{name}.norm_2")
            for part, dense in zip(
                "qkvo",
                (attention.query_dense, attention.key_dense, attention.value_dense, attention.output_dense),
                strict=True,
            ):
                self.dense(dense, f"{name}.{part}")
            self.dense(layer.mlp.up_proj, f"{name}.mlp_1")
            self.dense(layer.mlp.down_proj, f"{name}.mlp_2")
            self.scales(layer, name)
        self.norm(network.layernorm, "norm")

    def dino_tokens(self, embeddings: Any) -> None:
        self.patches(embeddings.patch_embeddings.projection)
        embeddings.cls_token.assign(self.draw("class_token", 1, 1, WIDTH))
        if embeddings.num_register_tokens:
            embeddings.register_tokens.assign(self.draw("register_tokens", 1, REGISTERS, WIDTH))

    def scales(self, layer: Any, name: str) -> None:
        for scale in ("layer_scale1", "layer_scale2"):
            getattr(layer, scale).lambda1.assign(self.draw(f"{name}.{scale}.lambda1", WIDTH))

    def clip(self, network: Any) -> None:
        encoder = network.vision_encoder
        self.patches(encoder.embedding.patch_embedding)
        encoder.embedding.class_embedding.assign(self.draw("class_token", WIDTH))
        self.positions(encoder.embedding)
        self.norm(encoder.pre_layer_norm, "first_norm")
        for number, layer in enumerate(encoder.encoder_layers, 1):
            parts = layer.layer_norm_1, layer.attention, layer.layer_norm_2, layer.dense_1, layer.dense_2
            self.block(f"block_{number}", *parts)
        self.norm(encoder.layer_norm, "norm")
        self.dense(network.vision_projection, "visual_projection")

    def siglip(self, network: Any) -> None:
        encoder = network.vision_encoder
        self.patches(encoder.embedding.patch_embedding)
        self.positions(encoder.embedding)
        for number, layer in enumerate(encoder.encoder_layers, 1):
            parts = layer.layer_norm1, layer.self_attn, layer.layer_norm2, layer.mlp.fc1, layer.mlp.fc2
            self.block(f"block_{number}", *parts)
        self.norm(encoder.post_layer_norm, "norm")
        head = encoder.head
        head.probe.assign(self.draw("head.probe", 1, 1, WIDTH))
        weights = np.split(self.draw("head.attention.in_proj_weight", 3 * WIDTH, WIDTH), 3)
        biases = np.split(self.draw("head.attention.in_proj_bias", 3 * WIDTH), 3)
        attention = head.attention
        for part, weight, bias in zip(
            (attention.query_dense, attention.key_dense, attention.value_dense), weights, biases, strict=True
        ):
            self.part(part, weight, bias)
        self.part(attention.output_dense, self.draw("head.o.weight", WIDTH, WIDTH), self.draw("head.o.bias", WIDTH))
        self.norm(head.layer_norm, "head.layernorm")
        self.dense(head.mlp.fc1, "head.mlp_1")
        self.dense(head.mlp.fc2, "head.mlp_2")

    def positions(self, embedding: Any) -> None:
        embedding.position_ids.assign(np.arange(embedding.num_positions)[None])
        table = embedding.position_embedding.embeddings
        table.assign(self.draw("positions", *table.shape))

    def vit(self, network: Any) -> None:
        embedding, encoder = network.get_layer("vit_patching_and_embedding"), network.get_layer("vit_encoder")
        self.patches(embedding.patch_embedding)
        embedding.class_token.assign(self.draw("class_token", 1, 1, WIDTH))
        table = embedding.position_embedding.embeddings
        table.assign(self.draw("positions", 1, *table.shape)[0])
        for number, layer in enumerate(encoder.encoder_layers, 1):
            parts = layer.layer_norm_1, layer.mha, layer.layer_norm_2, layer.mlp.dense_1, layer.mlp.dense_2
            self.block(f"block_{number}", *parts)
        self.norm(encoder.layer_norm, "norm")

    def deit(self, network: Any) -> None:
        embedding, encoder = network.get_layer("deit_patching_and_embedding"), network.get_layer("deit_encoder")
        self.patches(embedding.patch_embedding)
        embedding.class_token.assign(self.draw("class_token", 1, 1, WIDTH))
        embedding.distillation_token.assign(self.draw("distillation_token", 1, 1, WIDTH))
        embedding.position_embedding.assign(self.draw("positions", *embedding.position_embedding.shape))
        for number, layer in enumerate(encoder.encoder_layers, 1):
            parts = layer.layer_norm_1, layer.mha, layer.layer_norm_2, layer.mlp.dense, layer.output_layer.dense
            self.block(f"block_{number}", *parts)
        self.norm(encoder.layer_norm, "norm")
