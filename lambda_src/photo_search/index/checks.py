"""What every engine demands of what it is given: one rule, one wording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from math import isfinite

import numpy as np

from photo_search.arrays import Float32Array
from photo_search.errors import PhotoIndexError
from photo_search.index.protocol import MAX_PHOTO_ID_BYTES, EmbeddedPhoto, Filters
from photo_search.photo import Photo

NORM_TOLERANCE = 1e-3
"""What float16 leaves of a unit norm at 512 dimensions."""

_TEXTS = tuple(field.name for field in fields(Photo) if field.type == "str")


def checked_batch(photos: Sequence[EmbeddedPhoto], dimension: int) -> dict[str, EmbeddedPhoto]:
    """Photos by id, the last of two with the same one, after a look at each.

    Raises:
        PhotoIndexError: A photo_id or an embedding cannot be stored; the message names the photo.
    """
    for embedded in photos:
        photo_id = embedded.photo.photo_id
        if not is_photo_id(photo_id):
            msg = (
                f"photo {photo_id[:60]!r} has an id of {_size_bytes(photo_id)} bytes; "
                f"it must have 1 to {MAX_PHOTO_ID_BYTES}"
            )
            raise PhotoIndexError(msg)
        try:
            check_fields(embedded.photo)
        except ValueError as error:
            msg = f"photo {photo_id!r} cannot be stored: {error}"
            raise PhotoIndexError(msg) from error
        checked_embedding(embedded.embedding, dimension, owner=f"photo {photo_id!r}")
    return {embedded.photo.photo_id: embedded for embedded in photos}


def is_photo_id(text: str) -> bool:
    """Whether an id is of a length that a photo's may have."""
    return 1 <= _size_bytes(text) <= MAX_PHOTO_ID_BYTES


def check_fields(photo: Photo) -> None:
    """Refuse what some engine cannot store, so that no photo is stored by one alone.

    Raises:
        ValueError: A field holds half of a surrogate pair, a time without zone, or a place that is
            no number.
    """
    for value in (*(getattr(photo, name) for name in _TEXTS), *photo.keywords):
        value.encode()
    if photo.taken_at is not None and photo.taken_at.tzinfo is None:
        msg = f"{photo.taken_at.isoformat()} has no time zone"
        raise ValueError(msg)
    if not all(map(isfinite, (photo.latitude or 0, photo.longitude or 0))):
        msg = f"{photo.latitude}, {photo.longitude} is no place"
        raise ValueError(msg)


def check_filters(filters: Filters) -> None:
    """Refuse what would mean another moment on another machine.

    Raises:
        PhotoIndexError: A moment has no time zone.
    """
    for moment in (filters.taken_from, filters.taken_before):
        if moment is not None and moment.tzinfo is None:
            msg = f"the filters cannot be applied: {moment.isoformat()} has no time zone"
            raise PhotoIndexError(msg)


def checked_embedding(embedding: Float32Array, dimension: int, *, owner: str) -> Float32Array:
    """The embedding ``(D,)`` as float32.

    Raises:
        PhotoIndexError: It has another shape, or its norm is not 1; the message names the owner.
    """
    if embedding.shape != (dimension,):
        msg = f"{owner} has an embedding of shape {embedding.shape}; the index takes ({dimension},)"
        raise PhotoIndexError(msg)
    norm = float(np.linalg.norm(embedding))
    if not abs(norm - 1) <= NORM_TOLERANCE:  # also true for NaN
        msg = f"{owner} has an embedding of norm {norm}; it must be 1 within {NORM_TOLERANCE}"
        raise PhotoIndexError(msg)
    return embedding.astype(np.float32, copy=False)


def _size_bytes(photo_id: str) -> int:
    # Half of a surrogate pair is no Unicode; its length matters all the same.
    return len(photo_id.encode(errors="surrogatepass"))
