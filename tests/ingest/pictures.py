from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"red": (220, 40, 30), "green": (40, 170, 60), "blue": (30, 70, 210)}


def picture(
    colour: tuple[int, int, int] = COLOURS["red"], size: tuple[int, int] = (96, 64), seed: int = 0
) -> Image.Image:
    """A picture of one colour, lighter to the right, with grain that differs by seed."""
    rng = np.random.default_rng(seed)
    grain = rng.integers(-30, 31, (size[1], size[0], 1)) + rng.integers(-20, 21, 3)
    light = np.linspace(-20, 20, size[0])[None, :, None]
    return Image.fromarray(np.clip(np.array(colour) + light + grain, 0, 255).astype(np.uint8))


def jpeg(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format="JPEG", quality=90, **options)
    return file.getvalue()


def write_pictures(directory: Path, count: int, *, first: int = 0) -> list[Path]:
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(first, first + count):
        colour = list(COLOURS.values())[number % 3]
        path = directory / f"{number:03}.jpg"
        path.write_bytes(jpeg(picture(colour, seed=number)))
        paths.append(path)
    return paths
