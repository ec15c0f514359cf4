"""Exports the trained demo model to its bundle.

Owns what the manifest says of its origin, and the preprocessing facts that a checkpoint directory
carries beside the weights.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from models.checkpoint import read_checkpoint
from models.demo_clip.architecture import CLIP_MEAN, CLIP_STD, IMAGE_SIZE
from models.export import Origin, export_bundle
from models.world_sample import world_sample

if TYPE_CHECKING:
    from pathlib import Path

NAME = "photo-search/demo-clip"
LICENCE = "MIT"


def write_preprocessor(checkpoint: Path) -> None:
    """Write preprocessor_config.json, as transformers' CLIP checkpoints have it."""
    facts = {
        "image_processor_type": "CLIPImageProcessor",
        "do_resize": True,
        "size": {"shortest_edge": IMAGE_SIZE},
        "resample": 3,
        "do_center_crop": True,
        "crop_size": {"height": IMAGE_SIZE, "width": IMAGE_SIZE},
        "do_normalize": True,
        "image_mean": list(CLIP_MEAN),
        "image_std": list(CLIP_STD),
    }
    text = json.dumps(facts, indent=2) + "\n"
    (checkpoint / "preprocessor_config.json").write_text(text, encoding="utf-8")


def export_demo(
    directory: Path, bundle: Path, *, revision: str, precision: str = "int8"
) -> dict[str, Any]:
    """Export the newest checkpoint of a training run.

    Args:
        directory: The run's.
        bundle: Where to; a card that lies there stays.
        revision: Names the run in the manifest.
        precision: int8 or fp32.

    Returns:
        The manifest.
    """
    write_preprocessor(directory / "checkpoint")
    checkpoint = read_checkpoint(directory / "checkpoint")
    return export_bundle(
        checkpoint,
        bundle,
        origin=Origin(NAME, revision, LICENCE),
        sample=world_sample(checkpoint),
        precision=precision,
    )
