"""Weights in open_clip's own layout."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import CLIPModel

from models.checkpoint import read_checkpoint
from models.errors import CheckpointError
from models.hub import _needed
from tests.models_torch.tiny_checkpoints import CONTEXT, SIZE, save_tiny_clip

WIDTH = 64  # open_clip's heads are 64 wide unless told otherwise


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The weights of a tiny CLIP twice: as transformers has them, and as open_clip has."""
    path = save_tiny_clip(tmp_path / "clip", width=WIDTH, heads=1)
    model = CLIPModel.from_pretrained(path)
    other = tmp_path / "open_clip"
    other.mkdir()
    shutil.copy(path / "tokenizer.json", other)
    save_file(as_open_clip(model), other / "open_clip_model.safetensors")
    vision = {"image_size": SIZE, "layers": 2, "width": WIDTH, "patch_size": 16, "mlp_ratio": 1}
    text = {"context_length": CONTEXT, "vocab_size": model.config.text_config.vocab_size}
    text |= {"width": WIDTH, "heads": 1, "layers": 2, "mlp_ratio": 1}
    model_cfg = {"embed_dim": 16, "quick_gelu": True, "vision_cfg": vision, "text_cfg": text}
    pixels = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.2], "interpolation": "bicubic"}
    write_config(other, model_cfg, pixels | {"resize_mode": "shortest"})
    return other


def write_config(directory: Path, model: object, pixels: object) -> None:
    facts = {"model_cfg": model, "preprocess_cfg": pixels}
    (directory / "open_clip_config.json").write_text(json.dumps(facts), encoding="utf-8")


def as_open_clip(model: CLIPModel) -> dict[str, torch.Tensor]:
    """Name the layers as open_clip's source does."""
    text, vision = model.text_model, model.vision_model
    weights = {
        "logit_scale": model.logit_scale,
        "token_embedding.weight": text.embeddings.token_embedding.weight,
        "positional_embedding": text.embeddings.position_embedding.weight,
        "text_projection": model.text_projection.weight.T,
        "visual.proj": model.visual_projection.weight.T,
        "visual.class_embedding": vision.embeddings.class_embedding,
        "visual.conv1.weight": vision.embeddings.patch_embedding.weight,
        "visual.positional_embedding": vision.embeddings.position_embedding.weight,
    }
    norms = {
        "ln_final": text.final_layer_norm,
        "visual.ln_pre": vision.pre_layrnorm,
        "visual.ln_post": vision.post_layernorm,
    }
    for tower, prefix in ((text, ""), (vision, "visual.")):
        for number, layer in enumerate(tower.encoder.layers):
            block = f"{prefix}transformer.resblocks.{number}"
            attention = layer.self_attn
            three = (attention.q_proj, attention.k_proj, attention.v_proj)
            for kind in ("weight", "bias"):
                together = torch.cat([getattr(one, kind) for one in three])
                weights[f"{block}.attn.in_proj_{kind}"] = together
            norms |= {
                f"{block}.ln_1": layer.layer_norm1,
                f"{block}.ln_2": layer.layer_norm2,
                f"{block}.attn.out_proj": attention.out_proj,
                f"{block}.mlp.c_fc": layer.mlp.fc1,
                f"{block}.mlp.c_proj": layer.mlp.fc2,
            }
    for name, module in norms.items():
        weights |= {f"{name}.weight": module.weight, f"{name}.bias": module.bias}
    return {name: tensor.detach().contiguous() for name, tensor in weights.items()}


def test_both_layouts_are_one_embedding_space(directory: Path):
    as_transformers = read_checkpoint(directory.parent / "clip")
    as_open_clip = read_checkpoint(directory)

    assert as_open_clip.fingerprint() == as_transformers.fingerprint()
    configs = [one.model.config.vision_config for one in (as_open_clip, as_transformers)]
    assert [one.hidden_act for one in configs] == ["quick_gelu", "quick_gelu"]


def test_a_tower_that_is_no_plain_clip_is_refused(directory: Path):
    facts = json.loads((directory / "open_clip_config.json").read_text())
    facts["model_cfg"]["text_cfg"]["hf_model_name"] = "xlm-roberta-base"
    write_config(directory, facts["model_cfg"], facts["preprocess_cfg"])

    with pytest.raises(CheckpointError, match=r"text_cfg\.hf_model_name; only plain CLIP"):
        read_checkpoint(directory)


def test_a_lacking_layer_is_refused(directory: Path):
    facts = json.loads((directory / "open_clip_config.json").read_text())
    facts["model_cfg"]["vision_cfg"]["layers"] = 3
    write_config(directory, facts["model_cfg"], facts["preprocess_cfg"])

    with pytest.raises(CheckpointError, match=r"lack \['vision_model.encoder.layers.2"):
        read_checkpoint(directory)


def test_transformers_layout_comes_before_open_clips_and_tensors_before_pickles():
    beside = {"tokenizer.json", "README.md"}
    own = {"open_clip_config.json", "open_clip_pytorch_model.bin"}
    theirs = {"config.json", "pytorch_model.bin"}

    assert _needed(frozenset(beside | own)) == own | {"tokenizer.json"}
    assert _needed(frozenset(beside | own | theirs)) == theirs | {"tokenizer.json"}
    safe = theirs | {"model.safetensors"}
    assert _needed(frozenset(safe)) == {"config.json", "model.safetensors"}
    parts = {"model.safetensors.index.json", "model-1-of-2.safetensors", "model-2-of-2.safetensors"}
    assert _needed(frozenset({"config.json", *parts})) == {"config.json", *parts}
    assert _needed(frozenset({"config.json", *beside})) == frozenset()
