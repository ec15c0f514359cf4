"""Draws the training pictures once, in parallel processes, into one file of raw pixels.

Owns which scenes there are (each a function of split and index, so none is stored) and the file.
A run that was cut off goes on where it stopped, and training may begin on the first chunks while
later ones are still being drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.world.scene import Scene, sample_scene

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UInt8Array: TypeAlias = NDArray[np.uint8]

TRAINING_SPLIT = "training"
SEEN_SPLIT = "seen"  # combinations of training, scenes that training never meets
HELD_OUT_SPLIT = "held-out"  # combinations that training never meets
_SPLIT_SEEDS = {TRAINING_SPLIT: 1, SEEN_SPLIT: 2, HELD_OUT_SPLIT: 3}

ASPECT = 1.5  # of the demo's pictures, 480x320
RENDER_HEIGHT = 150  # drawn larger and reduced, as the picture of a query is
STORED_HEIGHT = 100  # four pixels of play for a crop of 96
STORED_WIDTH = 104
CHUNK = 128
VALIDATION_COUNT = 512


def scene_of(split: str, index: int) -> Scene:
    """Give the scene with this index in a split; it never changes."""
    rng = np.random.default_rng([_SPLIT_SEEDS[split], index])
    return sample_scene(rng, held_out=split == HELD_OUT_SPLIT)


@dataclass(frozen=True, slots=True)
class PictureFile:
    """Pictures ``0 .. count-1`` of a split, and which chunks of them are drawn."""

    directory: Path
    split: str
    count: int

    def open(self, *, writable: bool = False) -> tuple[UInt8Array, UInt8Array]:
        """Map both arrays, made on first use.

        Args:
            writable: False maps read-only.

        Returns:
            Pixels ``(count, STORED_HEIGHT, STORED_WIDTH, 3)`` RGB, and one 0 or 1 per chunk.
        """
        shape = (self.count, STORED_HEIGHT, STORED_WIDTH, 3)
        return (
            self._map("pixels", shape, writable=writable),
            self._map("drawn", (-(-self.count // CHUNK),), writable=writable),
        )

    def drawn_count(self) -> int:
        """Count the pictures that are drawn without a gap from the first one on."""
        _, drawn = self.open()
        gaps = np.flatnonzero(drawn == 0)
        chunks = int(gaps[0]) if len(gaps) else len(drawn)
        return min(chunks * CHUNK, self.count)

    def _map(self, name: str, shape: tuple[int, ...], *, writable: bool) -> UInt8Array:
        path = self.directory / f"{self.split}-{self.count}.{name}"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.truncate(int(np.prod(shape)))
        return np.memmap(path, dtype=np.uint8, mode="r+" if writable else "r", shape=shape)


def draw_missing(pictures: PictureFile, *, processes: int) -> Iterator[int]:
    """Draw every chunk that is not drawn yet.

    Args:
        pictures: The file to fill.
        processes: How many chunks are drawn at a time.

    Yields:
        How many pictures are drawn so far, after each chunk.
    """
    _, drawn = pictures.open(writable=True)
    missing = [(pictures, int(chunk)) for chunk in np.flatnonzero(drawn == 0)]
    ready = pictures.count - len(missing) * CHUNK
    with get_context("spawn").Pool(processes) as pool:
        for size in pool.imap(_draw_chunk, missing):
            ready += size
            yield ready


def _draw_chunk(task: tuple[PictureFile, int]) -> int:
    pictures, chunk = task
    pixels, drawn = pictures.open(writable=True)
    first, last = chunk * CHUNK, min((chunk + 1) * CHUNK, pictures.count)
    for index in range(first, last):
        pixels[index] = stored_picture(scene_of(pictures.split, index))
    drawn[chunk] = 1
    return last - first


def stored_picture(scene: Scene) -> UInt8Array:
    """Draw one scene as training sees it: reduced, and cut to little more than the square.

    Returns:
        ``(STORED_HEIGHT, STORED_WIDTH, 3)`` RGB around the middle of the picture.
    """
    # Imported here: the spawned workers need it, the training process does not.
    from models.world.render import render

    picture = render(scene, round(RENDER_HEIGHT * ASPECT), RENDER_HEIGHT)
    wide = round(STORED_HEIGHT * ASPECT)
    picture = picture.resize((wide, STORED_HEIGHT), Image.Resampling.BICUBIC)
    left = (wide - STORED_WIDTH) // 2
    return np.asarray(picture.convert("RGB"))[:, left : left + STORED_WIDTH]
