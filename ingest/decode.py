"""From a picture's bytes to everything the index wants of it. Runs in worker processes.

Imports neither ONNX Runtime nor pyarrow, so that a worker is small and quick to start.
"""

from __future__ import annotations

import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, features

from ingest.blur_hash import encode_blur_hash
from ingest.colours import main_colours
from ingest.exif import CameraFacts, read_camera_facts
from ingest.failure import Failure, Reason
from ingest.sources import SourcePhoto
from ingest.thumbnail import thumbnail_path, write_thumbnail
from photo_search.arrays import Float32Array, UInt8Array
from photo_search.errors import ImageTooLarge, UnsupportedImage
from photo_search.image_limits import INGEST_LIMITS
from photo_search.images import QUERY_FORMATS, decode_image
from photo_search.model_bundle import ImageSpec
from photo_search.photo import THUMBNAIL_SIDE_PX, Photo
from photo_search.preprocess import preprocess

_SMALL_SIDE_PX = 64
_SAMPLE = 8
_BLANK_DEVIATION = 2.0
"""Standard deviation, of 255, up to which a picture counts as blank: scanner noise stays below it,
a foggy night above."""


@dataclass(frozen=True, slots=True)
class DecodeJob:
    """One photo to decode; ``data`` holds its bytes where the source gives no file."""

    source: SourcePhoto
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """The same for every job: how pixels are prepared, and where thumbnails go, if anywhere."""

    spec: ImageSpec
    thumbnails_dir: Path | None = None


@dataclass(frozen=True, slots=True)
class DecodedPhoto:
    """A photo with what its pixels told, and ``(3, H, W)`` pixel values for the encoder."""

    photo: Photo
    version: str
    pixel_values: Float32Array


@cache
def readable_formats() -> tuple[str, ...]:
    """Pillow's names of the formats that ingest reads; the first call teaches Pillow HEIC."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    avif = ("AVIF",) if features.check_module("avif") else ()
    return (*QUERY_FORMATS, "HEIF", *avif)


def decode(job: DecodeJob, settings: DecodeSettings) -> DecodedPhoto | Failure:
    """Decode one photo, look at it, and write its thumbnail.

    Raises:
        DiskFull: There is no room for the thumbnail; every other trouble is a Failure.
    """
    source = job.source

    def failure(reason: Reason, detail: object) -> Failure:
        return source.failure(reason, str(detail))

    try:
        data = job.data if source.file is None else _read(source.file)
        photo, pixel_values = _decode(source.photo, data, settings)
        return DecodedPhoto(photo, source.version, pixel_values)
    except OSError as error:
        return failure(Reason.UNREADABLE, error.strerror or error)
    except ImageTooLarge as error:
        return failure(Reason.TOO_LARGE, error)
    except UnsupportedImage as error:
        return failure(Reason.UNSUPPORTED_IMAGE, error)
    except BlankImage as error:
        return failure(Reason.BLANK, error)


def decoding_cpu_s(photos: Sequence[SourcePhoto], settings: DecodeSettings) -> float:
    """Seconds of CPU that decoding takes, a photo, of some that are spread over all of them.

    0 where photos are no files: what downloads take is not for the CPU to shorten.

    Raises:
        DiskFull: There is no room for a thumbnail.
    """
    sample = [
        photo for photo in photos[:: max(1, len(photos) // _SAMPLE)] if photo.file is not None
    ]
    start_s = time.process_time()
    for photo in sample:
        decode(DecodeJob(photo), settings)
    return (time.process_time() - start_s) / len(sample) if sample else 0.0


class BlankImage(Exception):
    """Every pixel is nearly the same: in an embedding index such a picture is near every query."""


def _read(file: Path) -> bytes:
    facts = file.stat()
    # Opening a pipe would wait for ever for its other end.
    if not stat.S_ISREG(facts.st_mode):
        msg = "not a regular file"
        raise OSError(msg)
    if facts.st_size > INGEST_LIMITS.size_bytes:
        msg = f"the file has {facts.st_size} bytes; the limit is {INGEST_LIMITS.size_bytes}"
        raise ImageTooLarge(msg)
    return file.read_bytes()


def _decode(photo: Photo, data: bytes, settings: DecodeSettings) -> tuple[Photo, Float32Array]:
    spec, thumbnails_dir = settings.spec, settings.thumbnails_dir
    # A decoder that scales while it decodes leaves at least twice this side: a thumbnail's worth.
    side_px = spec.size if thumbnails_dir is None else max(spec.size, THUMBNAIL_SIDE_PX // 2)
    decoded = decode_image(
        data, target_side_px=side_px, limits=INGEST_LIMITS, formats=readable_formats()
    )
    small = _shrink(decoded.image)  # (h, w, 3)
    deviation = float(small.std(axis=(0, 1)).max())
    if deviation <= _BLANK_DEVIATION:
        msg = f"its pixels deviate by {deviation:.2f} of 255; above {_BLANK_DEVIATION} is a picture"
        raise BlankImage(msg)
    pixel_values = preprocess(decoded.image, spec)  # (3, H, W)
    if thumbnails_dir is not None:
        write_thumbnail(decoded.image, thumbnail_path(thumbnails_dir, photo.photo_id))
    camera = read_camera_facts(decoded.image)
    return _with_facts(photo, decoded.width, decoded.height, small, camera), pixel_values


def _shrink(image: Image.Image) -> UInt8Array:
    """Shrink to a few thousand pixels, ``(h, w, 3)``, for all that needs no detail."""
    size = (min(image.width, _SMALL_SIDE_PX), min(image.height, _SMALL_SIDE_PX))
    return np.asarray(image.resize(size, Image.Resampling.BOX))


def _with_facts(
    photo: Photo, width: int, height: int, small: UInt8Array, camera: CameraFacts
) -> Photo:
    """Add what the picture tells to what the source knew; the source's word comes first."""
    size_known = photo.width > 0 and photo.height > 0
    place_known = photo.latitude is not None and photo.longitude is not None
    return replace(
        photo,
        width=photo.width if size_known else width,
        height=photo.height if size_known else height,
        taken_at=photo.taken_at or camera.taken_at,
        camera=photo.camera or camera.camera,
        latitude=photo.latitude if place_known else camera.latitude,
        longitude=photo.longitude if place_known else camera.longitude,
        colours=photo.colours or main_colours(small),
        blur_hash=photo.blur_hash or encode_blur_hash(small),
    )
