"""Write preprocess.npz: what torchvision makes of synthetic pictures; see its provenance file.

Needs torch and torchvision, which of the project's environments only .venv-peers has.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

GOLDEN_PATH = Path(__file__).parent / "preprocess.npz"
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

# (width, height, S); d is the resized long side minus S.
CROP_CASES = (
    (3, 40, 32),  # enlarged
    (1, 1, 32),
    (320, 240, 32),
    (240, 320, 32),
    (60, 71, 32),  # d = 5: half of it is rounded to even
    (64, 78, 32),  # d = 7: d % 4 == 3, where flooring the offset is a pixel off
    (78, 64, 32),
    (32, 35, 32),  # d = 3, nothing resized
    (35, 32, 32),
    (97, 89, 32),
    (640, 41, 32),  # almost as long as is resized as a whole
    (32, 32, 32),
    (7, 5, 32),
    (500, 499, 64),
)
# Waves without hard edges: a large one, to keep the file small, and those past 16 x S, where the
# project resizes the crop's window only, and may overshoot black and white elsewhere.
SMOOTH_CROP_CASES = (
    (224, 251, 224),  # int(S * long / short) is 251, int((long / short) * S) is 250
    (3, 2000, 32),
    (2000, 3, 32),
    (40, 900, 32),
    (900, 40, 32),
)
SQUASH_CASES = ((320, 240, 32), (3, 200, 32), (1, 1, 32), (32, 32, 32))


def busy_picture(width: int, height: int) -> Image.Image:
    """Waves, a hard-edged block and noise; the same for a given size wherever it is drawn."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [(x * 7 + y * 3) % 256, (x * y) % 256, (x * 2 + y * 11) % 256]
    pixels = np.stack(waves, axis=-1)  # (H, W, 3)
    pixels[height // 3 : height // 2, width // 4 : width // 2] = (255, 0, 255)
    noise = np.random.default_rng(width * 100_003 + height).integers(0, 64, pixels.shape)
    return Image.fromarray(((pixels * 3) // 4 + noise).astype(np.uint8))


def smooth_picture(width: int, height: int) -> Image.Image:
    """Waves of 16 levels within 64..192, so that no filter overshoots black or white."""
    y, x = np.mgrid[0:height, 0:width]
    phase = np.stack([x / 9 + y / 13, x / 17 - y / 7, (x + y) / 23], axis=-1)  # (H, W, 3)
    return Image.fromarray((16 + 8 * np.sin(phase)).astype(np.uint8) * 8)


def main() -> None:
    """Ask torchvision for every case and store the answers."""
    from torchvision.transforms import (
        CenterCrop,
        Compose,
        InterpolationMode,
        Normalize,
        Resize,
        ToTensor,
    )

    bicubic = InterpolationMode.BICUBIC
    golden: dict[str, NDArray[np.generic]] = {}
    for cases, draw in ((CROP_CASES, busy_picture), (SMOOTH_CROP_CASES, smooth_picture)):
        for width, height, size in cases:
            crop = Compose([Resize(size, bicubic, antialias=True), CenterCrop(size)])
            golden[f"crop_{width}x{height}_{size}"] = np.asarray(crop(draw(width, height)))
    for width, height, size in SQUASH_CASES:
        squash = Resize((size, size), bicubic, antialias=True)
        golden[f"squash_{width}x{height}_{size}"] = np.asarray(squash(busy_picture(width, height)))
    whole = Compose(
        [Resize(32, bicubic), CenterCrop(32), ToTensor(), Normalize(CLIP_MEAN, CLIP_STD)]
    )
    golden["normalised_78x64_32"] = whole(busy_picture(78, 64)).numpy()
    np.savez_compressed(GOLDEN_PATH, allow_pickle=False, **golden)


if __name__ == "__main__":
    main()
