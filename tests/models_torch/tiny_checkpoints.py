"""Small checkpoints of the true layer structure with random weights, laid out as on the hub."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE, Unigram
from tokenizers.trainers import UnigramTrainer
from transformers import (
    CLIPConfig,
    CLIPModel,
    Siglip2Tokenizer,
    SiglipConfig,
    SiglipModel,
)

from models.demo_clip.tokenizer import train_tokenizer

SIZE = 32
CONTEXT = 12
SENTENCES = ["a red balloon", "a red kite", "two tents in the desert at night", "snowy hills"] * 3
_LAYERS = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
_VISION = _LAYERS | {"image_size": SIZE, "patch_size": 16}


def save_tiny_clip(
    path: Path,
    *,
    eos_token_id: int | None = None,
    context: int = CONTEXT,
    spare_words: int = 0,
    width: int = 32,
    heads: int = 2,
) -> Path:
    """Save a CLIP; one of 100,000 words that no text has weighs 13 MB."""
    path.mkdir(exist_ok=True)
    tokenizer = train_tokenizer(["a red balloon", "a red kite"] * 3)
    tokenizer.save(str(path / "tokenizer.json"))
    vocabulary = tokenizer.get_vocab_size()
    shape = {"hidden_size": width, "num_attention_heads": heads}
    vision = _VISION | shape
    text = _LAYERS | shape
    text |= {
        "vocab_size": vocabulary + spare_words,
        "max_position_embeddings": context,
        "bos_token_id": vocabulary - 2,
        "eos_token_id": vocabulary - 1 if eos_token_id is None else eos_token_id,
        "pad_token_id": 1,
    }
    torch.manual_seed(0)
    CLIPModel(
        CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)
    ).save_pretrained(path)
    facts = {
        "size": {"shortest_edge": SIZE},
        "crop_size": SIZE,
        "do_center_crop": True,
        "resample": 3,
        "image_mean": [0.5, 0.4, 0.3],
        "image_std": [0.2, 0.2, 0.2],
    }
    _write_json(path / "preprocessor_config.json", facts)
    return path


def save_tiny_siglip(path: Path) -> Path:
    """Save a SigLIP, with a tokenizer of the kind that google/siglip-base-patch16-224 has."""
    path.mkdir(exist_ok=True)
    tokenizer = siglip_tokenizer(Unigram())
    trainer = UnigramTrainer(
        vocab_size=60, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>"
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.save(str(path / "tokenizer.json"))
    _save_siglip(path, vocabulary=tokenizer.get_vocab_size(), resample=3)
    return path


def siglip_tokenizer(words: Unigram | BPE) -> Tokenizer:
    """Put words into a tokenizer of SigLIP's kind."""
    tokenizer = Tokenizer(words)
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Lowercase(),
            normalizers.Replace(Regex(r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]"), ""),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return tokenizer


def save_tiny_siglip2(path: Path) -> Path:
    """Save a SigLIP 2 of fixed resolution, with a tokenizer of Gemma's kind."""
    path.mkdir(exist_ok=True)
    tokens = [
        "<pad>",
        "<eos>",
        "<bos>",
        "<unk>",
        "<mask>",
        "▁",
        *"abcdefghijklmnopqrstuvwxyz",
        "▁a",
    ]
    tokens += [f"<0x{byte:02X}>" for byte in range(256)]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    Siglip2Tokenizer(vocab=vocabulary, merges=[("▁", "a")]).save_pretrained(path)
    _save_siglip(path, vocabulary=len(vocabulary), resample=2)
    return path


def _save_siglip(path: Path, *, vocabulary: int, resample: int) -> None:
    text = _LAYERS | {
        "vocab_size": vocabulary,
        "max_position_embeddings": 64,
        "projection_size": 32,
    }
    torch.manual_seed(0)
    SiglipModel(SiglipConfig(text_config=text, vision_config=_VISION)).save_pretrained(path)
    facts = {
        "size": {"height": SIZE, "width": SIZE},
        "resample": resample,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    _write_json(path / "preprocessor_config.json", facts)


def _write_json(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
