"""Writes vision.npz: what small vision transformers of ``transformers`` say, with weights drawn by vision_weights.py.

    python tests/reference/vision_numbers.py tests/reference/vision.npz

needs torch and transformers. Nothing of this project is imported. For each family and three sizes of images: the tokens after each
block, the tokens after the last normalization, and the features that the family pools or projects.
"""

import inspect
import sys

import numpy as np
import torch
import transformers as hf

from vision_weights import (
    DEPTH,
    HEADS,
    MLP_WIDTH,
    NATIVE,
    OTHERS,
    PATCH,
    PROJECTION,
    REGISTERS,
    WIDTH,
    drawn,
    images,
    rule_name,
)

SIZES = {
    "hidden_size": WIDTH,
    "num_hidden_layers": DEPTH,
    "num_attention_heads": HEADS,
    "intermediate_size": MLP_WIDTH,
    "image_size": NATIVE,
    "patch_size": PATCH,
}
RATIO = {"mlp_ratio": MLP_WIDTH // WIDTH}


def families():
    """A model of each family by its name."""
    dinov2 = hf.Dinov2Config(**SIZES, **RATIO)
    registers = hf.Dinov2WithRegistersConfig(**SIZES, **RATIO, num_register_tokens=REGISTERS)
    return {
        "dinov2": hf.Dinov2Model(dinov2),
        "dinov2_with_registers": hf.Dinov2WithRegistersModel(registers),
        "dinov3": hf.DINOv3ViTModel(hf.DINOv3ViTConfig(**SIZES, num_register_tokens=REGISTERS)),
        "clip": hf.CLIPVisionModelWithProjection(hf.CLIPVisionConfig(**SIZES, projection_dim=PROJECTION)),
        "siglip": hf.SiglipVisionModel(hf.SiglipVisionConfig(**SIZES)),
        "vit": hf.ViTModel(hf.ViTConfig(**SIZES), add_pooling_layer=False),
        "deit": hf.DeiTModel(hf.DeiTConfig(**SIZES), add_pooling_layer=False),
    }


def numbers():
    """What every family says, by ``family/size/what``."""
    found = {}
    for family, model in families().items():
        state = model.state_dict()
        with torch.no_grad():
            for name, tensor in state.items():
                if tensor.is_floating_point():
                    tensor.copy_(torch.from_numpy(drawn(family, rule_name(name), tuple(tensor.shape))))
        model.eval()
        for size in (NATIVE, *OTHERS):
            for what, values in said(model, size).items():
                found[f"{family}/{size}/{what}"] = values.numpy()
    return found


@torch.no_grad()
def said(model, size):
    """The outputs of a model for images of that size."""
    pixels = torch.from_numpy(images(size)).permute(0, 3, 1, 2).contiguous()
    takes = inspect.signature(model.forward).parameters
    options = {"interpolate_pos_encoding": True} if "interpolate_pos_encoding" in takes else {}
    output = model(pixels, output_hidden_states=True, **options)
    blocks = {f"block_{number}": state for number, state in enumerate(output.hidden_states) if number}
    inner = getattr(model, "vision_model", model)
    # Some families return the tokens without the last normalization.
    norms = [getattr(inner, name) for name in ("post_layernorm", "layernorm", "norm") if hasattr(inner, name)]
    tokens = norms[0](blocks[f"block_{DEPTH}"])
    pooled = output.image_embeds if hasattr(output, "image_embeds") else output.get("pooler_output")
    features = tokens[:, 0] if pooled is None else pooled
    return blocks | {"norm": tokens, "features": features}


if __name__ == "__main__":
    found = numbers()
    for name, values in found.items():
        print(name, values.shape, float(np.abs(values).max()))
    np.savez_compressed(sys.argv[1], **found)
