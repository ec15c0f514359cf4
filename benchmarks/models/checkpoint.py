"""A checkpoint of CLIP ViT-B/32's true shape with random weights, and our bundles of it.

Times and sizes are those of the trained one; what it finds is noise.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import CLIPConfig, CLIPModel

from benchmarks.machine import Figure
from models.checkpoint import read_checkpoint
from models.export import Origin, export_bundle
from models.world_sample import world_sample

_TOKENIZER = Path("tests/core/golden/clip_tokenizer.json.gz")
_SAMPLE_COUNT = 40
_END = 49407
_TOKENIZER_CONFIG = {
    "tokenizer_class": "CLIPTokenizer",
    "model_max_length": 77,
    "bos_token": "<|startoftext|>",
    "eos_token": "<|endoftext|>",
    "pad_token": "<|endoftext|>",
    "unk_token": "<|endoftext|>",
}
_PREPROCESSOR = {
    "image_processor_type": "CLIPImageProcessor",
    "crop_size": {"height": 224, "width": 224},
    "do_center_crop": True,
    "do_convert_rgb": True,
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "resample": 3,
    "size": {"shortest_edge": 224},
}


def write_checkpoint(directory: Path) -> None:
    """Write what ``save_pretrained`` would of ``laion/CLIP-ViT-B-32-laion2B-s34B-b79K``."""
    directory.mkdir(parents=True)
    torch.manual_seed(0)
    towers = {"hidden_act": "gelu", "projection_dim": 512}
    text = towers | {"eos_token_id": _END, "bos_token_id": _END - 1, "pad_token_id": _END}
    config = CLIPConfig(text_config=text, vision_config=towers, projection_dim=512)
    CLIPModel(config).save_pretrained(directory)
    (directory / "tokenizer.json").write_bytes(gzip.decompress(_TOKENIZER.read_bytes()))
    for name, facts in (
        ("tokenizer_config.json", _TOKENIZER_CONFIG),
        ("preprocessor_config.json", _PREPROCESSOR),
    ):
        (directory / name).write_text(json.dumps(facts), encoding="utf-8")


def write_bundles(
    checkpoint_directory: Path, home: Path, precisions: Sequence[str]
) -> list[dict[str, Figure]]:
    """Export the checkpoint in each precision to ``home/<precision>``.

    Returns:
        How each agrees with the float graphs that were held to torch: cosines by tower, and
        top-10 overlap.
    """
    checkpoint = read_checkpoint(checkpoint_directory)
    sample = world_sample(checkpoint, count=_SAMPLE_COUNT)
    origin = Origin("benchmark/random-vit-base-patch32", "0", "MIT")
    rows: list[dict[str, Figure]] = []
    for precision in precisions:
        manifest = export_bundle(
            checkpoint, home / precision, origin=origin, sample=sample, precision=precision
        )
        agreement = manifest["agreement"]
        cosines = {
            f"{tower} {percentile}": float(agreement[percentile][tower])
            for tower in ("text", "image")
            for percentile in ("cosine_p1", "cosine_p50")
        }
        overlap = float(agreement["top10_overlap"])
        rows.append({"precision": precision, **cosines, "top10_overlap": overlap})
    return rows
