"""Thumbnails of one's own photos: upright, at most 512 px, without what a camera wrote."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from ingest.atomic_file import replacing
from photo_search.photo import THUMBNAIL_SIDE_PX, thumbnail_name

_QUALITY = 80
# The fastest of libwebp's methods.
_METHOD = 0


def thumbnail_path(directory: Path, photo_id: str) -> Path:
    """Where a photo's thumbnail lies; a photo_id cannot lead out of the directory."""
    return directory / thumbnail_name(photo_id)


def write_thumbnail(image: Image.Image, path: Path) -> None:
    """Write a small WebP of an upright RGB image, whole or not at all.

    Raises:
        DiskFull: There is no room for it.
    """
    small = image.copy()
    small.thumbnail((THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX), Image.Resampling.BICUBIC)
    # A thumbnail can be made again, so it need not wait for the disk.
    with replacing(path, durable=False) as partial:
        # Empty values keep out what the decoder may have left in the image.
        small.save(
            partial,
            format="WEBP",
            quality=_QUALITY,
            method=_METHOD,
            exif=b"",
            xmp=b"",
            icc_profile=b"",
        )
