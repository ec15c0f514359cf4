"""Writes files in the format of Unsplash's data sets, with invented rows only."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

Row = dict[str, str]

PHOTO_COLUMNS = """
    photo_id photo_url photo_image_url photo_submitted_at photo_featured photo_width photo_height
    photo_aspect_ratio photo_description photographer_username photographer_first_name
    photographer_last_name exif_camera_make exif_camera_model exif_iso exif_aperture_value
    exif_focal_length exif_exposure_time photo_location_name photo_location_latitude
    photo_location_longitude photo_location_country photo_location_city stats_views
    stats_downloads ai_description ai_primary_landmark_name ai_primary_landmark_latitude
    ai_primary_landmark_longitude ai_primary_landmark_confidence blur_hash
""".split()  # noqa: SIM905 - a list would be six times as long


def photo_row(number: int, **facts: str) -> Row:
    row = dict.fromkeys(PHOTO_COLUMNS, "") | {
        "photo_id": f"photo-{number:05}",
        "photo_image_url": f"https://images.invalid/photo-{number}",
        "photo_submitted_at": "2019-04-05 06:07:08.123456",
        "photo_featured": "t",
        "photo_width": "3000",
        "photo_height": "2000",
        "photo_description": f'Picture\nnumber\t{number}, with a "quote"',
        "photographer_username": "anna",
        "photographer_first_name": "Anna",
        "photographer_last_name": "O'Hara",
    }
    return row | facts


def table(rows: list[Row], *, columns: list[str] | None = None, header: bool = True) -> bytes:
    file = io.StringIO(newline="")
    columns = columns or list(rows[0])
    writer = csv.DictWriter(
        file, columns, delimiter="\t", lineterminator="\n", extrasaction="ignore"
    )
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def write_directory(directory: Path, files: dict[str, bytes]) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (directory / name).write_bytes(data)
    return directory


def write_zip(path: Path, files: dict[str, bytes], *, prefix: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(prefix + name, data)
    return path
