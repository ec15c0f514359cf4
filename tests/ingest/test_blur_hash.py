from __future__ import annotations

import numpy as np
import pytest

from ingest.blur_hash import encode_blur_hash

ROWS, COLUMNS = np.mgrid[0:20, 0:30]
GRADIENT = np.stack([COLUMNS * 8, ROWS * 12, 255 - COLUMNS * 8], -1).astype(np.uint8)
HALVES = np.where(COLUMNS[..., None] < 15, (220, 40, 30), (20, 60, 200)).astype(np.uint8)
NOISE = np.random.default_rng(7).integers(0, 256, (16, 24, 3)).astype(np.uint8)


# Made with the package blurhash 1.1.5 (PyPI): blurhash.encode(pixels.tolist(), 4, 3).
@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (GRADIENT, "L:F~ai77w%XAmIWYjuf8g0fjfQfj"),
        (HALVES, "L_In3y|Bs8J;oMn~jsa}fQfQfQfQ"),
        (NOISE, "LDIN~{=$-q^P}wbwr^v$Zqs;P7s:"),
    ],
)
def test_a_picture_gets_the_hash_of_the_reference_package(pixels, expected):
    assert encode_blur_hash(pixels) == expected


@pytest.mark.parametrize("value", [0, 255])
def test_a_plain_picture_and_a_single_pixel_have_hashes_too(value):
    plain = np.full((20, 30, 3), value, dtype=np.uint8)

    assert len(encode_blur_hash(plain)) == 28
    assert len(encode_blur_hash(plain[:1, :1])) == 28
