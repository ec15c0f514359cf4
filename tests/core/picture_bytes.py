"""Picture files for tests: good ones, and ones forged byte by byte that no library would write."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image, TiffImagePlugin

ORIENTATION_TAG = 0x0112
SAVE_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP")


def encode(image: Image.Image, image_format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def corners(width: int = 40, height: int = 24) -> Image.Image:
    """Red, green, blue and white quarters."""
    image = Image.new("RGB", (width, height), "white")
    image.paste("red", (0, 0, width // 2, height // 2))
    image.paste("lime", (width // 2, 0, width, height // 2))
    image.paste("blue", (0, height // 2, width // 2, height))
    return image


def assert_shows_corners(image: Image.Image) -> None:
    width, height = image.size
    points = [(x, y) for y in (height // 4, height * 3 // 4) for x in (width // 4, width * 3 // 4)]
    found = np.array([image.getpixel(point) for point in points])
    expected = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]
    np.testing.assert_allclose(found, expected, atol=12)


def with_orientation(image: Image.Image, orientation: object) -> Image.Exif:
    exif = image.getexif()
    exif[ORIENTATION_TAG] = orientation
    return exif


def png_chunk(kind: bytes, payload: bytes) -> bytes:
    checksum = zlib.crc32(kind + payload)
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", checksum)


def png_with_header(width: int, height: int, *chunks: bytes) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = png_chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + pixels + png_chunk(b"IEND", b"")


def tiff_with_tags(*tags: tuple[int, int, int, int], payload: bytes = b"") -> bytes:
    """A little-endian file of one directory; each tag is (tag, type, count, value or offset)."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + payload


def grey_tiff_tags(width: int, height: int) -> list[tuple[int, int, int, int]]:
    return [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]


def gif_with_screen(width: int, height: int) -> bytes:
    data = bytearray(encode(Image.new("L", (4, 4)), "GIF"))
    data[6:10] = struct.pack("<HH", width, height)
    return bytes(data)


def gif_with_frame(width: int, height: int) -> bytes:
    data = bytearray(encode(Image.new("L", (4, 4)), "GIF"))
    frame = data.index(b",", 13 + 3 * 2 ** ((data[10] & 7) + 1))
    data[frame + 5 : frame + 9] = struct.pack("<HH", width, height)
    return bytes(data)


def jpeg_with_size(width: int, height: int) -> bytes:
    data = bytearray(encode(Image.new("L", (16, 16)), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def webp_with_canvas(width: int, height: int) -> bytes:
    frames = [Image.new("RGBA", (4, 4), colour) for colour in ("red", "blue")]
    data = bytearray(encode(frames[0], "WEBP", save_all=True, append_images=frames[1:]))
    data[24:30] = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    return bytes(data)


def bmp_with_size(width: int, height: int) -> bytes:
    data = bytearray(encode(Image.new("L", (4, 4)), "BMP"))
    data[18:26] = struct.pack("<ii", width, height)
    return bytes(data)


def odd_tiff() -> bytes:
    """A good picture with a tag whose data would lie past the end of the file."""
    image = corners()
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270] = "description " * 5
    data = bytearray(encode(image, "TIFF", tiffinfo=tags))
    entry = data.index(struct.pack("<HH", 270, 2))
    data[entry + 4 : entry + 8] = struct.pack("<I", 1_000_000)
    return bytes(data)
