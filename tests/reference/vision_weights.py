"""The weights and images of the vision transformers in vision.npz, drawn by a rule from names alone.

Shared by what records the reference (vision_numbers.py) and by the test, so that no weights have to be stored.
"""

import re
import zlib

import numpy as np

WIDTH, DEPTH, HEADS, MLP_WIDTH, PATCH, PROJECTION, REGISTERS = 32, 2, 4, 64, 8, 24, 4
NATIVE, OTHERS = 32, (24, 48)
"""Sides of the images (pixels): the one that positions are for, and those to which they are interpolated."""

_RULES = (
    (r"^(vision_model|model|encoder|vit)\.", ""),
    (r"^(encoder\.)?(layer|layers|blocks)\.(\d+)\.", lambda match: f"block_{int(match[3]) + 1}."),
    (r"(self_attn|attention(\.attention)?)\.(q|k|v|query|key|value)(_proj)?\.", lambda match: f"{match[3][0]}."),
    (r"(self_attn|attention(\.output)?)\.(out_proj|o_proj|dense)\.", "o."),
    (r"(norm1|layer_norm1|layernorm_before)\.", "norm_1."),
    (r"(norm2|layer_norm2|layernorm_after)\.", "norm_2."),
    (r"(mlp\.fc1|mlp\.up_proj|intermediate\.dense)\.", "mlp_1."),
    (r"(mlp\.fc2|mlp\.down_proj|output\.dense)\.", "mlp_2."),
    (r"^embeddings\.", ""),
    (r"^(class_embedding|cls_token)$", "class_token"),
    (r"^position_embeddings?(\.weight)?$", "positions"),
    (r"^patch_embeddings?(\.projection)?\.", "patches."),
    (r"^(post_layernorm|layernorm|norm)\.", "norm."),
    (r"^pre_layrnorm\.", "first_norm."),
)


def rule_name(name: str) -> str:
    """The name that a tensor of ``transformers`` has in the rule, whatever the release calls it."""
    for pattern, replacement in _RULES:
        name = re.sub(pattern, replacement, name)
    return name


def drawn(family: str, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The tensor of that name, in PyTorch's layout."""
    rng = np.random.default_rng(zlib.crc32(f"{family} {name}".encode()))
    if re.search(r"norm\w*\.weight$|lambda1$", name):
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    return rng.normal(0, 0.2, shape).astype(np.float32)


def images(size: int) -> np.ndarray:
    """A preprocessed image ``(1, size, size, 3)``."""
    return np.random.default_rng(size).normal(0, 1, (1, size, size, 3)).astype(np.float32)
