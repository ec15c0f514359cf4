from __future__ import annotations

import os
import struct
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zlib import compressobj, crc32

import numpy as np
import pillow_heif
import pytest
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from ingest.decode import DecodedPhoto, DecodeJob, DecodeSettings, decode
from ingest.failure import Failure, Reason
from ingest.sources import SourcePhoto
from photo_search.model_bundle import ImageSpec, ResizeRule
from photo_search.photo import Colour, Photo
from tests.ingest.pictures import COLOURS, jpeg, picture

SPEC = ImageSpec(16, ResizeRule.SHORTEST_EDGE_CROP, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def decode_bytes(data: bytes, *, photo: Photo | None = None, thumbs: Path | None = None):
    source = SourcePhoto(photo or Photo("p1", 0, 0), "v1")
    return decode(DecodeJob(source, data), DecodeSettings(SPEC, thumbs))


def decode_file(path: Path):
    source = SourcePhoto(Photo("p1", 0, 0, path=path.name), "v1", file=path)
    return decode(DecodeJob(source), DecodeSettings(SPEC))


def camera_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[Base.Make] = "Nikon"
    exif[Base.Model] = "Nikon Z6"
    exif[Base.Orientation] = 6
    exif.get_ifd(IFD.Exif).update(
        {Base.DateTimeOriginal: "2023:06:01 18:30:00", Base.OffsetTimeOriginal: "+02:00"}
    )
    exif.get_ifd(IFD.GPSInfo).update(
        {
            GPS.GPSLatitudeRef: "S",
            GPS.GPSLatitude: (33.0, 51.0, 36.0),
            GPS.GPSLongitudeRef: "E",
            GPS.GPSLongitude: (151.0, 12.0, 0.0),
        }
    )
    return exif


def test_a_picture_gives_pixel_values_size_colours_and_blur_hash():
    decoded = decode_bytes(jpeg(picture(COLOURS["blue"], (90, 60))))

    assert isinstance(decoded, DecodedPhoto)
    assert decoded.pixel_values.shape == (3, 16, 16)
    assert decoded.pixel_values.dtype == np.float32
    assert (decoded.photo.width, decoded.photo.height) == (90, 60)
    assert decoded.photo.colours[0] is Colour.BLUE
    assert len(decoded.photo.blur_hash) == 28
    assert decoded.version == "v1"


def test_exif_gives_the_moment_the_camera_and_the_place():
    photo = decode_bytes(jpeg(picture(), exif=camera_exif())).photo

    assert photo.taken_at == datetime(2023, 6, 1, 18, 30, tzinfo=timezone(timedelta(hours=2)))
    assert photo.camera == "Nikon Z6"
    assert photo.latitude == pytest.approx(-33.86)
    assert photo.longitude == pytest.approx(151.2)


def test_what_the_source_knows_comes_before_exif_and_pixels():
    known = Photo(
        "p1",
        300,
        200,
        camera="Leica",
        taken_at=datetime(2020, 1, 1, tzinfo=UTC),
        latitude=1.0,
        longitude=2.0,
        colours=(Colour.PINK,),
        blur_hash="known",
    )

    assert decode_bytes(jpeg(picture(), exif=camera_exif()), photo=known).photo == known


def test_malformed_exif_is_left_out_and_the_picture_kept():
    exif = Image.Exif()
    exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = "0000:00:00 00:00:00"
    exif.get_ifd(IFD.GPSInfo).update({GPS.GPSLatitudeRef: "N", GPS.GPSLatitude: (95.0, 0.0, 0.0)})

    photo = decode_bytes(jpeg(picture(), exif=exif)).photo

    assert photo.taken_at is None
    assert photo.latitude is None


def test_the_thumbnail_is_upright_small_and_tells_nothing_of_the_camera(tmp_path):
    data = jpeg(picture(size=(1200, 800)), exif=camera_exif())

    photo = decode_bytes(data, thumbs=tmp_path).photo

    assert (photo.width, photo.height) == (800, 1200)
    assert [path.name for path in tmp_path.iterdir()] == ["p1.webp"]
    written = (tmp_path / "p1.webp").read_bytes()
    assert b"EXIF" not in written
    assert b"Nikon" not in written
    with Image.open(tmp_path / "p1.webp") as thumbnail:
        assert thumbnail.size == (341, 512)
        assert not thumbnail.getexif()


def test_a_photo_id_cannot_lead_a_thumbnail_out_of_its_directory(tmp_path):
    thumbs = tmp_path / "thumbs"
    thumbs.mkdir()

    decode_bytes(jpeg(picture()), photo=Photo("../../x", 0, 0), thumbs=thumbs)

    assert [path.name for path in thumbs.iterdir()] == ["..%2F..%2Fx.webp"]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF"])
def test_every_promised_format_is_read(tmp_path, kind):
    pillow_heif.register_heif_opener()
    path = tmp_path / f"a.{kind.lower()}"
    picture(COLOURS["green"], (64, 48)).save(path, format=kind)

    decoded = decode_file(path)

    assert isinstance(decoded, DecodedPhoto)
    assert (decoded.photo.width, decoded.photo.height) == (64, 48)
    assert decoded.photo.colours[0] is Colour.GREEN


def test_a_heic_photo_is_not_turned_a_second_time_by_its_exif(tmp_path):
    pillow_heif.register_heif_opener()
    path = tmp_path / "a.heic"
    picture(size=(64, 48)).save(path, format="HEIF", exif=camera_exif())

    decoded = decode_file(path)

    # A HEIC is turned by its container; the tag in its EXIF only repeats what the camera knew.
    assert (decoded.photo.width, decoded.photo.height) == (64, 48)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (jpeg(Image.new("RGB", (64, 48), "grey")), Reason.BLANK),
        (jpeg(Image.new("RGB", (1, 1), "red")), Reason.BLANK),
        (b"just some text", Reason.UNSUPPORTED_IMAGE),
        (b"", Reason.UNSUPPORTED_IMAGE),
        (jpeg(picture())[:400], Reason.UNSUPPORTED_IMAGE),
    ],
    ids=["blank", "1x1", "text", "empty", "truncated"],
)
def test_what_is_no_picture_to_look_for_is_a_failure_with_its_reason(data, reason):
    failure = decode_bytes(data)

    assert isinstance(failure, Failure)
    assert failure.reason is reason
    assert failure.detail


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc32(kind + content))
    )


def test_a_decompression_bomb_is_refused_before_it_is_decoded():
    side = 40_000
    rows = compressobj(9)
    bomb = b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            png_chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)),
            png_chunk(b"IDAT", rows.compress(bytes(side * (side // 8 + 1))) + rows.flush()),
            png_chunk(b"IEND", b""),
        ]
    )

    assert len(bomb) < 1_000_000
    assert decode_bytes(bomb).reason is Reason.TOO_LARGE


def test_a_pipe_a_missing_file_and_a_directory_are_unreadable_and_do_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "dir.jpg").mkdir()

    for name in ("pipe.jpg", "missing.jpg", "dir.jpg"):
        failure = decode_file(tmp_path / name)
        assert isinstance(failure, Failure)
        assert failure.reason is Reason.UNREADABLE
        assert failure.place == name
