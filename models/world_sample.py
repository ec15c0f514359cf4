"""Texts and pictures to try a checkpoint on, from the drawn world: nothing is downloaded.

Owns how the sample is drawn. Both go through the core's own preparation.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from models.sample import Sample
from models.world.captions import describe
from models.world.render import render
from models.world.scene import sample_scene
from photo_search.preprocess import preprocess
from photo_search.tokenizer import Tokenizer

if TYPE_CHECKING:
    from models.checkpoint import Checkpoint

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
    parts = [slice(start, start + _BATCH) for start in range(0, count, _BATCH)]
    with TemporaryDirectory() as directory:
        path = Path(directory) / "tokenizer.json"
        path.write_bytes(checkpoint.tokenizer_json)
        tokenizer = Tokenizer(path, checkpoint.text)
    return Sample(
        token_ids=[tokenizer.tokenize(texts[part]).token_ids for part in parts],
        pixel_values=[
            np.stack(
                [
                    preprocess(render(scene, *PICTURE_SIZE), checkpoint.image)
                    for scene in scenes[part]
                ]
            )
            for part in parts
        ],
    )
