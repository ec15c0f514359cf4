"""Embeddings of the drawn world, for benchmarks that need a real model's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.world.render import render
from models.world.scene import Scene
from photo_search.arrays import Float32Array
from photo_search.encoder import Encoder
from photo_search.preprocess import preprocess

_SIDE_PX = 120
_BATCH = 64


def embed_scenes(encoder: Encoder, scenes: Sequence[Scene]) -> Float32Array:
    """Draw scenes small and embed them: ``(N, D)``."""
    spec = encoder.bundle.image
    rows = []
    for start in range(0, len(scenes), _BATCH):
        batch = scenes[start : start + _BATCH]
        pictures = [preprocess(render(scene, _SIDE_PX, _SIDE_PX), spec) for scene in batch]
        rows.append(encoder.encode_image(np.stack(pictures)))  # (B, D)
    return np.concatenate(rows)
