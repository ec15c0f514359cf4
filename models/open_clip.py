"""Reads weights in open_clip's own layout as transformers' CLIP: another naming of the same layers.

Some of LAION's repositories hold nothing else.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file
from transformers import CLIPConfig, CLIPModel

from models.errors import CheckpointError
from models.layout import OPEN_CLIP_CONFIG, OPEN_CLIP_WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_INTERPOLATIONS = {"bilinear": 2, "bicubic": 3}
_KNOWN_KEYS = {
    "model_cfg": {"embed_dim", "quick_gelu", "vision_cfg", "text_cfg"},
    "vision_cfg": {"image_size", "layers", "width", "patch_size", "head_width", "mlp_ratio"},
    "text_cfg": {"context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio"},
}
# The longest first: "visual.transformer." begins with neither of the text tower's names.
_PREFIXES = {
    "visual.transformer.resblocks.": "vision_model.encoder.layers.",
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.conv1.": "vision_model.embeddings.patch_embedding.",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.ln_pre.": "vision_model.pre_layrnorm.",
    "visual.ln_post.": "vision_model.post_layernorm.",
    "visual.proj": "visual_projection.weight",
    "transformer.resblocks.": "text_model.encoder.layers.",
    "token_embedding.": "text_model.embeddings.token_embedding.",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.": "text_model.final_layer_norm.",
    "text_projection": "text_projection.weight",
    "logit_scale": "logit_scale",
}
_IN_A_LAYER = {
    ".ln_1.": ".layer_norm1.",
    ".ln_2.": ".layer_norm2.",
    ".attn.out_proj.": ".self_attn.out_proj.",
    ".mlp.c_fc.": ".mlp.fc1.",
    ".mlp.c_proj.": ".mlp.fc2.",
}
# Stored as what a row vector is multiplied with; a linear layer has it the other way round.
_TRANSPOSED = ("visual.proj", "text_projection")


def read_open_clip(directory: Path) -> tuple[CLIPModel, dict[str, Any]]:
    """Read model and preprocessing.

    Returns:
        The model, float32, in eval mode, with eager attention; and what preprocessor_config.json
        would say.

    Raises:
        CheckpointError: It is no plain CLIP with a vision transformer, or lacks weights.
        OSError, ValueError, LookupError, RuntimeError: A file is missing or malformed.
    """
    facts = json.loads((directory / OPEN_CLIP_CONFIG).read_bytes())
    config = _config(facts["model_cfg"])
    weights = _renamed(_weights(directory))
    model = CLIPModel._from_config(config, attn_implementation="eager", dtype=torch.float32)  # noqa: SLF001 - the documented from_config needs the Auto class
    missing, unknown = model.load_state_dict(weights, strict=False)
    if missing or unknown:
        message = f"the weights in {directory} lack {missing[:3]} or have too much: {unknown[:3]}"
        raise CheckpointError(message)
    pixels = facts["preprocess_cfg"]
    return model.eval(), {
        "size": config.vision_config.image_size,
        "do_center_crop": pixels.get("resize_mode", "shortest") == "shortest",
        "resample": _INTERPOLATIONS.get(pixels.get("interpolation", "bicubic")),
        "image_mean": pixels["mean"],
        "image_std": pixels["std"],
    }


def _config(facts: dict[str, Any]) -> CLIPConfig:
    vision, text = facts["vision_cfg"], facts["text_cfg"]
    for name, section in (("model_cfg", facts), ("vision_cfg", vision), ("text_cfg", text)):
        if unknown := sorted(set(section) - _KNOWN_KEYS[name]):
            message = f"{OPEN_CLIP_CONFIG} has {name}.{unknown[0]}; only plain CLIP is known"
            raise CheckpointError(message)
    act = {"hidden_act": "quick_gelu" if facts.get("quick_gelu") else "gelu"}
    return CLIPConfig(
        projection_dim=facts["embed_dim"],
        vision_config={
            "hidden_size": vision["width"],
            "intermediate_size": int(vision["width"] * vision.get("mlp_ratio", 4)),
            "num_hidden_layers": vision["layers"],
            "num_attention_heads": vision["width"] // vision.get("head_width", 64),
            "image_size": vision["image_size"],
            "patch_size": vision["patch_size"],
        }
        | act,
        text_config={
            "hidden_size": text["width"],
            "intermediate_size": int(text["width"] * text.get("mlp_ratio", 4)),
            "num_hidden_layers": text["layers"],
            "num_attention_heads": text["heads"],
            "max_position_embeddings": text["context_length"],
            "vocab_size": text["vocab_size"],
        }
        | act,
    )


def _weights(directory: Path) -> Mapping[str, torch.Tensor]:
    tensors, pickle = (directory / name for name in OPEN_CLIP_WEIGHTS)
    if tensors.exists():
        loaded: Mapping[str, torch.Tensor] = load_file(tensors)
    else:
        loaded = torch.load(pickle, map_location="cpu", weights_only=True)
    return loaded


def _renamed(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    renamed = {}
    for name, tensor in weights.items():
        if name == "attn_mask":  # the causal mask, which older files hold
            continue
        if ".attn.in_proj_" in name:
            layer, kind = _name(name).split(".attn.in_proj_")
            for letter, part in zip("qkv", tensor.chunk(3), strict=True):
                renamed[f"{layer}.self_attn.{letter}_proj.{kind}"] = part
        else:
            renamed[_name(name)] = tensor.T if name in _TRANSPOSED else tensor
    return renamed


def _name(name: str) -> str:
    for old, new in _PREFIXES.items():
        if name.startswith(old):
            name = new + name.removeprefix(old)
            break
    for old, new in _IN_A_LAYER.items():
        name = name.replace(old, new)
    return name
