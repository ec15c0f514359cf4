"""Picture files, good and bad."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image


def encoded(image, file_format="PNG", **options):
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def plain(rgb=(255, 0, 0), size=(32, 24), file_format="PNG"):
    return encoded(Image.new("RGB", size, rgb), file_format)


def noise(size_px):
    """A JPEG of noise, which no compression makes small."""
    pixels = np.random.default_rng(0).integers(0, 256, (size_px, size_px, 3), dtype=np.uint8)
    return encoded(Image.fromarray(pixels), "JPEG", quality=95)


def animated_gif():
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue")]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])


def exif_rotated():
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(Image.new("RGB", (40, 20), "red"), "JPEG", exif=exif)


def png_bomb(side_px=40_000):
    """A PNG of some 200 bytes that claims, and would unpack to, ``side_px`` squared pixels."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", side_px, side_px, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(100_000)))
        + chunk(b"IEND", b"")
    )
