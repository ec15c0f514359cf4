"""Composes training batches: which scenes, seen how, with which words.

Owns augmentation and the choice of pictures. Pictures of a batch share few backgrounds, so that
words and pictures must be matched by what stands in front.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from models.demo_clip.architecture import CLIP_MEAN, CLIP_STD, CONTEXT_LENGTH, IMAGE_SIZE
from models.demo_clip.pictures import STORED_HEIGHT, STORED_WIDTH, PictureFile, UInt8Array, scene_of
from models.demo_clip.truth import is_true, mirrored, rows
from models.world.captions import Caption, describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokenizers import Tokenizer

    from models.world.scene import Scene

BACKGROUNDS_PER_BATCH = 12
CAPTIONS_PER_PICTURE = 2
LOOK_EVERY = 20  # batches between looks for newly drawn pictures


@dataclass(frozen=True, slots=True)
class Batch:
    """B pictures, C captions, and the truth between them."""

    pixel_values: Tensor  # (B, 3, 96, 96)
    scenes: Tensor  # (B, 11), of the pictures as shown
    token_ids: list[Tensor]  # parts (c, L) of like length; C rows in all
    true: Tensor  # (C, B) bool, rows in the order of token_ids


def to_pixel_values(pixels: UInt8Array) -> Tensor:
    """Turn ``(B, H, W, 3)`` RGB bytes into ``(B, 3, H, W)`` as the vision tower takes them."""
    values = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float()
    mean = torch.tensor(CLIP_MEAN).view(3, 1, 1) * 255
    std = torch.tensor(CLIP_STD).view(3, 1, 1) * 255
    return ((values - mean) / std).contiguous()


def to_token_ids(texts: Sequence[str], tokenizer: Tokenizer) -> Tensor:
    """Encode texts, padded with the end token to the longest of them only."""
    encodings = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
    longest = max(len(ids) for ids in encodings)
    if longest > CONTEXT_LENGTH:
        message = f"a caption has {longest} tokens; limit {CONTEXT_LENGTH}"
        raise ValueError(message)
    end = encodings[0][-1]
    return torch.tensor([ids + [end] * (longest - len(ids)) for ids in encodings])


class BatchMaker:
    """Draws batches from the pictures that are there so far."""

    def __init__(
        self, pictures: PictureFile, tokenizer: Tokenizer, *, seed: int, size: int
    ) -> None:
        """Prepare an endless supply.

        Args:
            pictures: The training pictures; may still be growing.
            tokenizer: The model's own.
            seed: Decides every draw.
            size: Pictures in a batch.
        """
        self._file = pictures
        self._pixels, _ = pictures.open()
        self._tokenizer = tokenizer
        self._rng = np.random.default_rng(seed)
        self._size = size
        self._drawn_batches = 0
        self._scenes: list[Scene] = []
        self._by_background: dict[tuple[str, str, str], list[int]] = defaultdict(list)

    @property
    def picture_count(self) -> int:
        """How many pictures batches are drawn from by now."""
        return len(self._scenes)

    def _find_new_pictures(self) -> None:
        """Take in what has been drawn since the last call."""
        for index in range(len(self._scenes), self._file.drawn_count()):
            scene = scene_of(self._file.split, index)
            self._scenes.append(scene)
            background = (scene.landscape, scene.time_of_day, scene.weather)
            self._by_background[background].append(index)

    def next_batch(self) -> Batch:
        """Draw a batch."""
        if self._drawn_batches % LOOK_EVERY == 0:
            self._find_new_pictures()
        self._drawn_batches += 1
        indices = self._choose()
        flips = self._rng.random(len(indices)) < 0.5
        scenes = [
            mirrored(self._scenes[i]) if flip else self._scenes[i]
            for i, flip in zip(indices, flips, strict=True)
        ]
        pixels = np.stack([self._crop(i, flip=f) for i, f in zip(indices, flips, strict=True)])
        captions = [describe(s, self._rng) for s in scenes for _ in range(CAPTIONS_PER_PICTURE)]
        token_ids, captions = self._by_length(captions)
        scene_rows = rows(scenes)
        return Batch(
            pixel_values=to_pixel_values(pixels),
            scenes=torch.from_numpy(scene_rows),
            token_ids=token_ids,
            true=torch.from_numpy(is_true(rows(captions), scene_rows)),
        )

    def _choose(self) -> list[int]:
        backgrounds = list(self._by_background)
        few = self._rng.choice(
            len(backgrounds), size=min(BACKGROUNDS_PER_BATCH, len(backgrounds)), replace=False
        )
        pool = np.concatenate([self._by_background[backgrounds[b]] for b in few])
        chosen = self._rng.choice(pool, size=self._size, replace=len(pool) < self._size)
        return [int(i) for i in chosen]

    def _crop(self, index: int, *, flip: bool) -> UInt8Array:
        top = self._rng.integers(STORED_HEIGHT - IMAGE_SIZE + 1)
        left = self._rng.integers(STORED_WIDTH - IMAGE_SIZE + 1)
        crop = self._pixels[index, top : top + IMAGE_SIZE, left : left + IMAGE_SIZE]
        return crop[:, ::-1] if flip else crop

    def _by_length(self, captions: list[Caption]) -> tuple[list[Tensor], list[Caption]]:
        """Sort captions by length and encode them in parts: padding costs as much as words."""
        ordered = sorted(captions, key=lambda caption: len(caption.text))
        bounds = [0, len(ordered) // 3, 2 * len(ordered) // 3, len(ordered)]
        parts = [
            to_token_ids([c.text for c in ordered[a:b]], self._tokenizer)
            for a, b in pairwise(bounds)
        ]
        return parts, ordered
