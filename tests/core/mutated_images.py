"""Decodes damaged picture files in a process of its own and prints what became of them as JSON.

A process of its own, because a decoder's crash or endless loop would take the test run with it, and
because memory is measured by its highest mark.
"""

from __future__ import annotations

import faulthandler
import json
import random
import struct
import sys
import time
import zlib
from collections import Counter

import numpy as np
from PIL import Image

from photo_search.errors import ImageTooLarge, UnsupportedImage
from photo_search.images import decode_image
from tests.core.picture_bytes import encode, with_orientation
from tests.memory import peak_bytes

TIME_LIMIT_S = 5.0
_PNG_SIGNATURE_BYTES = 8
_EXTREME_BYTES = (0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF)


def seed_files() -> list[bytes]:
    """Small good files of every format, in the modes and compressions that differ most."""
    noise = np.random.default_rng(7).integers(0, 256, (32, 48, 4), dtype=np.uint8)
    rgba = Image.fromarray(noise)
    rgb, grey, palette = rgba.convert("RGB"), rgba.convert("L"), rgba.convert("RGB").quantize(16)
    deep = Image.fromarray(noise[:, :, 0].astype(np.uint16) * 257)
    real = Image.fromarray(noise[:, :, 0].astype(np.float32) / 255)
    more = [rgb.rotate(90), rgb.rotate(180)]
    return [
        encode(rgb, "JPEG", exif=with_orientation(rgb, 6)),
        encode(rgb, "JPEG", progressive=True, quality=40),
        encode(grey, "JPEG", restart_marker_rows=1),
        encode(rgb.convert("CMYK"), "JPEG"),
        encode(rgb, "MPO", save_all=True, append_images=more),
        encode(rgba, "PNG"),
        encode(palette, "PNG", transparency=bytes(range(16))),
        encode(deep, "PNG"),
        encode(rgb, "PNG", save_all=True, append_images=more, exif=with_orientation(rgb, 5)),
        encode(rgb, "WEBP", exif=with_orientation(rgb, 8)),
        encode(rgba, "WEBP", lossless=True),
        encode(rgba, "WEBP", save_all=True, append_images=more),
        encode(rgb, "GIF", save_all=True, append_images=more),
        encode(palette, "GIF", transparency=3),
        encode(rgb, "TIFF"),
        encode(rgba, "TIFF", compression="tiff_lzw", exif=with_orientation(rgba, 7)),
        encode(palette, "TIFF", compression="tiff_adobe_deflate"),
        encode(rgb, "TIFF", compression="jpeg"),
        encode(grey.convert("1"), "TIFF", compression="group4"),
        encode(deep, "TIFF", compression="packbits"),
        encode(real, "TIFF"),
        encode(rgb.convert("CMYK"), "TIFF", save_all=True, append_images=[rgba]),
        encode(rgb, "TIFF", big_tiff=True),
        encode(rgb, "BMP"),
        encode(palette, "BMP"),
        encode(grey.convert("1"), "BMP"),
    ]


def mutate(files: list[bytes], rng: random.Random) -> bytes:
    """One of the files after one to three changes; half of the PNGs get true checksums again."""
    data = bytearray(rng.choice(files))
    for _ in range(rng.randint(1, 3)):
        change = rng.choice((_flip, _edit_header, _edit_header, _truncate, _splice, _repeat, _cut))
        change(data, files, rng)
    if data.startswith(b"\x89PNG") and rng.random() < 0.5:
        _mend_png_checksums(data)
    return bytes(data)


def _flip(data: bytearray, _files: list[bytes], rng: random.Random) -> None:
    for _ in range(rng.randint(1, 16)):
        if data:
            data[rng.randrange(len(data))] ^= rng.randint(1, 255)


def _edit_header(data: bytearray, _files: list[bytes], rng: random.Random) -> None:
    """Sizes, counts and offsets lie in the first bytes, and in TIFF also in the last."""
    start = rng.randrange(8, 200) if rng.random() < 0.8 else max(0, len(data) - rng.randint(1, 200))
    for position in range(start, min(start + rng.choice((1, 2, 4)), len(data))):
        data[position] = rng.choice(_EXTREME_BYTES)


def _truncate(data: bytearray, _files: list[bytes], rng: random.Random) -> None:
    del data[rng.randint(0, len(data)) :]


def _splice(data: bytearray, files: list[bytes], rng: random.Random) -> None:
    other = rng.choice(files)
    start = rng.randrange(len(other))
    piece = other[start : start + rng.randint(1, 400)]
    position = rng.randint(0, len(data))
    data[position : position + rng.choice((0, len(piece)))] = piece


def _repeat(data: bytearray, _files: list[bytes], rng: random.Random) -> None:
    start = rng.randint(0, len(data))
    piece = bytes(data[start : start + rng.randint(1, 64)])
    data[start:start] = piece * rng.choice((1, 2, 100, 2000))


def _cut(data: bytearray, _files: list[bytes], rng: random.Random) -> None:
    start = rng.randint(0, len(data))
    del data[start : start + rng.randint(1, 64)]


def _mend_png_checksums(data: bytearray) -> None:
    position = _PNG_SIGNATURE_BYTES
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            return
        struct.pack_into(">I", data, end, zlib.crc32(data[position + 4 : end]))
        position = end + 4


def main(count: int, seed: int) -> None:
    """Decode ``count`` mutated files; any other outcome than the three ends the process."""
    files = seed_files()
    rng = random.Random(seed)  # noqa: S311 - to be repeatable, not secret
    outcomes: Counter[str] = Counter()
    slowest_s = 0.0
    for number in range(count):
        data = mutate(files, rng)
        # Ends the process, with the place, if this picture takes longer.
        faulthandler.dump_traceback_later(TIME_LIMIT_S, exit=True)
        start_s = time.perf_counter()
        try:
            decoded = decode_image(data, target_side_px=rng.choice((None, 16)))
        except (ImageTooLarge, UnsupportedImage) as error:
            outcomes[type(error).__name__] += 1
        except BaseException:
            sys.stderr.write(f"picture {number} of seed {seed}\n")
            raise
        else:
            outcomes["DecodedImage" if decoded.image.mode == "RGB" else decoded.image.mode] += 1
        slowest_s = max(slowest_s, time.perf_counter() - start_s)
    faulthandler.cancel_dump_traceback_later()
    peak_mb = peak_bytes() / 2**20
    print(json.dumps({"outcomes": outcomes, "slowest_s": slowest_s, "peak_mb": peak_mb}))
