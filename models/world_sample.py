"""Texts and pictures to try a checkpoint on, from the drawn world: nothing is downloaded.

Owns how the sample is drawn. Pictures go through the core's own preprocessing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer

from models.sample import Sample
from models.world.captions import describe
from models.world.render import render
from models.world.scene import sample_scene
from photo_search.model_bundle import ImageSpec, ResizeRule
from photo_search.preprocess import preprocess

if TYPE_CHECKING:
    from models.checkpoint import Checkpoint
    from models.sample import Int64Array

SEED = 4
COUNT = 400
PICTURE_SIZE = (480, 320)
_BATCH = 40


def world_sample(checkpoint: Checkpoint, *, count: int = COUNT) -> Sample:
    """Draw scenes and describe them.

    Args:
        checkpoint: Decides how texts and pictures are prepared.
        count: How many scenes; each gives one text and one picture, in the same order.
    """
    rng = np.random.default_rng(SEED)
    scenes = [sample_scene(rng) for _ in range(count)]
    texts = [describe(scene, rng).text for scene in scenes]
    facts = checkpoint.image
    red, green, blue = facts.mean
    red_std, green_std, blue_std = facts.std
    spec = ImageSpec(
        size=facts.size,
        resize=ResizeRule(facts.resize),
        mean=(red, green, blue),
        std=(red_std, green_std, blue_std),
    )
    parts = [slice(start, start + _BATCH) for start in range(0, count, _BATCH)]
    return Sample(
        token_ids=[_token_ids(checkpoint, texts[part]) for part in parts],
        pixel_values=[
            np.stack([preprocess(render(scene, *PICTURE_SIZE), spec) for scene in scenes[part]])
            for part in parts
        ],
    )


def _token_ids(checkpoint: Checkpoint, texts: list[str]) -> Int64Array:
    """Encode plain English as the core's tokenizer does; it needs a bundle, which is not yet."""
    tokenizer = Tokenizer.from_str(checkpoint.tokenizer_json.decode("utf-8"))
    facts = checkpoint.text
    most = facts.context_length - 2
    rows = [tokenizer.encode(text, add_special_tokens=False).ids[:most] for text in texts]
    token_ids = np.full((len(rows), max(map(len, rows)) + 2), facts.pad_token_id, dtype=np.int64)
    for ids, row in zip(token_ids, rows, strict=True):
        ids[: len(row) + 2] = [facts.start_token_id, *row, facts.end_token_id]
    return token_ids
