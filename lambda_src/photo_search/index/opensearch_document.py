"""Photos as OpenSearch documents. Fields that a photo does not have are left out."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photo_search.arrays import Float32Array
from photo_search.errors import IndexCorrupt, PhotoIndexError
from photo_search.index.protocol import EmbeddedPhoto
from photo_search.photo import Colour, Photo, Source, name_key

Json = dict[str, Any]

_TEXTS = (
    "path",
    "original_url",
    "description",
    "photographer",
    "photographer_username",
    "place",
    "city",
    "country",
    "camera",
    "licence",
    "blur_hash",
)


def document_line(embedded: EmbeddedPhoto) -> bytes:
    """A photo as one line of JSON in UTF-8, its embedding rounded to float16.

    Raises:
        PhotoIndexError: A field cannot be stored: a time without zone, half of a surrogate pair.
    """
    photo = embedded.photo
    try:
        facts = json.dumps(
            _facts(photo), ensure_ascii=False, separators=(",", ":"), allow_nan=False
        )
        return f'{facts[:-1]},"embedding":{_numbers(embedded.embedding)}}}'.encode()
    except ValueError as error:
        msg = f"photo {photo.photo_id!r} cannot be stored: {error}"
        raise PhotoIndexError(msg) from error


def photo_from_source(source: Json, *, index: str) -> Photo:
    """The photo in a document.

    Raises:
        IndexCorrupt: The document is none.
    """
    try:
        taken_at = source.get("taken_at")
        return Photo(
            photo_id=source["photo_id"],
            width=int(source["width"]),
            height=int(source["height"]),
            source=Source(source["source"]),
            keywords=tuple(str(keyword) for keyword in source.get("keywords", ())),
            taken_at=None if taken_at is None else datetime.fromisoformat(taken_at),
            latitude=source.get("latitude"),
            longitude=source.get("longitude"),
            colours=tuple(Colour(colour) for colour in source.get("colours", ())),
            **{name: str(source[name]) for name in _TEXTS if name in source},
        )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        msg = f"{index} holds a document that is no photo: {error!r}"
        raise IndexCorrupt(msg) from error


def _facts(photo: Photo) -> Json:
    if photo.taken_at is not None and photo.taken_at.tzinfo is None:
        msg = f"{photo.taken_at.isoformat()} has no time zone"
        raise ValueError(msg)
    has_location = photo.latitude is not None and photo.longitude is not None
    facts: Json = {
        **{name: getattr(photo, name) for name in _TEXTS},
        "keywords": photo.keywords,
        "colours": photo.colours,
        "photographer_key": name_key(photo.photographer),
        "username_key": name_key(photo.photographer_username),
        "country_key": name_key(photo.country),
        "camera_key": name_key(photo.camera),
        "taken_at": photo.taken_at.isoformat() if photo.taken_at else None,
        "latitude": photo.latitude,
        "longitude": photo.longitude,
        "location": {"lat": photo.latitude, "lon": photo.longitude} if has_location else None,
    }
    needed = {
        "photo_id": photo.photo_id,
        "width": photo.width,
        "height": photo.height,
        "source": photo.source,
        "orientation": photo.orientation,
    }
    return needed | {name: value for name, value in facts.items() if value not in ("", None, ())}


def _numbers(embedding: Float32Array) -> str:
    texts = _float16_texts()[embedding.astype(np.float16).view(np.uint16)]
    return f"[{','.join(texts.tolist())}]"


@cache
def _float16_texts() -> NDArray[np.str_]:
    """The shortest decimal that a reader of float32 takes for each of the 65,536 float16 values.

    One that were right for a reader of float16 alone would round each number a second time.
    Looking a number up takes a tenth of the time of formatting it, and a document of 512 numbers
    is mostly numbers.
    """
    values = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)
    return np.array([str(value) for value in values], dtype=object)
