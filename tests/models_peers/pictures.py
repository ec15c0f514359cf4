"""Pictures of many shapes: noise with hard edges, waves, the demo's, and photographs."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from models.world.render import render
from models.world.scene import sample_scene
from tests.core.golden.make_preprocess_golden import busy_picture, smooth_picture

# Of Debian's package mate-backgrounds; never committed.
PHOTOGRAPHS = Path("/usr/share/backgrounds/mate/nature")
SHAPES = (
    (1, 1),
    (7, 5),
    (3, 40),
    (40, 3),
    (1, 16),  # the longest that is resized as a whole
    (16, 1),
    (64, 48),
    (223, 225),
    (224, 224),
    (224, 251),  # where the long side is divided before it is multiplied, it is a row short
    (256, 256),
    (301, 227),
    (333, 500),
    (640, 427),
    (427, 640),
    (401, 641),
    (640, 640),
    (2000, 300),
    (1080, 1620),
)
# Over 16 times as long as wide.
EXTREME_SHAPES = ((1, 17), (17, 1), (1, 300), (300, 1), (3, 2000), (2000, 3), (40, 900), (900, 40))
_LEAST_DRAWN_PX = 16


@cache
def golden_pictures(width: int, height: int) -> tuple[Image.Image, ...]:
    """Three pictures of a size: hard edges and noise, waves, a drawn scene."""
    return (
        busy_picture(width, height),
        smooth_picture(width, height),
        drawn_picture(width, height, seed=width * 100_003 + height),
    )


def drawn_picture(width: int, height: int, *, seed: int) -> Image.Image:
    """Give one of the demo's; a narrow one is a strip of it."""
    scene = sample_scene(np.random.default_rng(seed))
    whole = render(scene, max(width, _LEAST_DRAWN_PX), max(height, _LEAST_DRAWN_PX))
    return whole.crop((0, 0, width, height))


def photographs(size: tuple[int, int] | None = None) -> list[Image.Image]:
    """Give every photograph whole, or the largest cut of a shape from its middle in that size."""
    paths = sorted(PHOTOGRAPHS.glob("*.jpg"))
    assert len(paths) >= 12, "install Debian's package mate-backgrounds"
    found = []
    for path in paths:
        with Image.open(path) as file:
            image = file.convert("RGB")
        found.append(image if size is None else _cut(image, *size))
    return found


def _cut(image: Image.Image, width: int, height: int) -> Image.Image:
    scale = min(image.width / width, image.height / height)
    left, top = (image.width - width * scale) / 2, (image.height - height * scale) / 2
    box = (left, top, left + width * scale, top + height * scale)
    return image.resize((width, height), Image.Resampling.LANCZOS, box=box)
