"""What a camera wrote into a picture: when, with what, and where it was taken."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from ingest.moment import parse_moment


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """Facts from EXIF; what is missing or malformed there is empty here."""

    taken_at: datetime | None = None
    camera: str = ""
    latitude: float | None = None
    longitude: float | None = None


def read_camera_facts(image: Image.Image) -> CameraFacts:
    """Read the EXIF that a picture still carries."""
    try:
        exif = image.getexif()
        shot = exif.get_ifd(IFD.Exif)
        gps = exif.get_ifd(IFD.GPSInfo)
    # EXIF is written by thousands of programs; Pillow's parser raises these on the wilder ones.
    except (OSError, ValueError, SyntaxError, KeyError, TypeError, OverflowError):
        return CameraFacts()
    return CameraFacts(
        taken_at=_moment(shot.get(Base.DateTimeOriginal), shot.get(Base.OffsetTimeOriginal)),
        camera=_camera(exif.get(Base.Make), exif.get(Base.Model)),
        latitude=_degrees(gps.get(GPS.GPSLatitude), gps.get(GPS.GPSLatitudeRef), "NS", limit=90),
        longitude=_degrees(
            gps.get(GPS.GPSLongitude), gps.get(GPS.GPSLongitudeRef), "EW", limit=180
        ),
    )


def _text(value: object) -> str:
    return value.replace("\0", " ").strip() if isinstance(value, str) else ""


def _moment(written: object, offset: object) -> datetime | None:
    """Read ``2024:05:01 18:30:00``; EXIF times without an offset are taken for UTC."""
    return parse_moment(_text(written).replace(":", "-", 2).replace(" ", "T", 1) + _text(offset))


def _camera(make: object, model: object) -> str:
    """Join make and model; many models begin with their make."""
    make, model = _text(make), _text(model)
    if model.lower().startswith(make.lower()):
        return model
    return f"{make} {model}".strip()


def _degrees(parts: object, direction: object, directions: str, *, limit: int) -> float | None:
    """Read degrees, minutes and seconds; ``directions`` is the positive and the negative one."""
    if not isinstance(parts, Sequence) or not isinstance(direction, str):
        return None
    try:
        degrees, minutes, seconds = (float(part) for part in parts)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    angle = degrees + minutes / 60 + seconds / 3600
    if not math.isfinite(angle) or angle > limit or not direction or direction[0] not in directions:
        return None
    return angle if direction[0] == directions[0] else -angle
