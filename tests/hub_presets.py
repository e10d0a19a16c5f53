"""Small random presets of each family of KerasHub, in the layout that its hub has."""

from pathlib import Path

import keras
import numpy as np

IMAGE_SIZE = 32
DEPTH = 2


def presets() -> dict[str, keras.Model]:
    """A backbone of each family by the name of a published preset, with weights drawn from a seed."""
    from keras_hub import models

    text = {"embedding_dim": 16, "hidden_dim": 16, "num_layers": 1, "num_heads": 2, "intermediate_dim": 32}
    sides = {"image_shape": (IMAGE_SIZE, IMAGE_SIZE, 3)}
    dinov2 = sides | {"position_embedding_shape": (IMAGE_SIZE, IMAGE_SIZE)}
    vision = (8, 32, DEPTH, 4, 64)
    clip_text = models.CLIPTextEncoder(vocabulary_size=100, max_sequence_length=16, **text)
    siglip_text = models.SigLIPTextEncoder(
        vocabulary_size=100, max_sequence_length=16, intermediate_activation="gelu_approximate", **text
    )
    metaclip_text = models.MetaCLIP2TextEncoder(vocabulary_size=100, max_sequence_length=16, **text)
    backbones = {
        "dinov2_base": models.DINOV2Backbone(8, DEPTH, 32, 4, 64, layer_scale_init_value=0.5, **dinov2),
        "dinov2_with_registers_small": models.DINOV2Backbone(
            8, DEPTH, 32, 4, 64, num_register_tokens=4, antialias_in_interpolation=True, **dinov2
        ),
        "dinov2_giant": models.DINOV2Backbone(8, DEPTH, 32, 4, 64, use_swiglu_ffn=True, **dinov2),
        "clip_vit_base_patch32": models.CLIPBackbone(models.CLIPVisionEncoder(*vision, **sides), clip_text, 24),
        "metaclip_2_vit_huge_patch14_224": models.MetaCLIP2Backbone(
            models.MetaCLIP2VisionEncoder(*vision, **sides), metaclip_text, 24
        ),
        "siglip_base_patch16_224": models.SigLIPBackbone(models.SigLIPVisionEncoder(*vision, **sides), siglip_text),
        "vit_base_patch16_224_imagenet": models.ViTBackbone(sides["image_shape"], 8, DEPTH, 4, 32, 64),
        "deit_tiny_distilled_patch16_224_imagenet": models.DeiTBackbone(sides["image_shape"], 8, DEPTH, 4, 32, 64),
    }
    for number, backbone in enumerate(backbones.values()):
        _draw(backbone, number)
    return backbones


def _draw(backbone: keras.Model, seed: int) -> None:
    """Weights as large as those of a trained network, so that a difference shows."""
    rng = np.random.default_rng(seed)
    for weight in backbone.weights:
        if "position_ids" in weight.path:
            weight.assign(np.arange(weight.shape[1])[None])
        elif weight.path.endswith("gamma"):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        else:
            weight.assign(rng.normal(0, 0.2, weight.shape))
    if hasattr(backbone, "position_embedding_shape"):
        # What positions of another size are interpolated from, and those of this one.
        embeddings = backbone.embeddings
        embeddings.interpolated_position_embeddings.assign(embeddings.position_embeddings)


def save(backbone: keras.Model, folder: Path) -> None:
    """Write a preset as KerasHub does, with a preprocessing of its own."""
    import keras_hub

    backbone.save_to_preset(str(folder))
    name = f"{type(backbone).__name__.removesuffix('Backbone')}ImageConverter"
    converter = getattr(keras_hub.layers, name)
    converter(
        image_size=(IMAGE_SIZE, IMAGE_SIZE), scale=[1 / 50, 1 / 60, 1 / 70], offset=[-1.9, -2.0, -2.1]
    ).save_to_preset(str(folder))
