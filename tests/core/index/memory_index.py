"""MemoryIndex: a PhotoIndex of a dict and plain numpy, for tests that need an index and no file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import numpy as np

from photo_search.arrays import Float32Array
from photo_search.errors import PhotoIndexError
from photo_search.index.protocol import (
    WINDOW,
    EmbeddedPhoto,
    Filters,
    Hit,
    HitPage,
    KnnQuery,
    TextQuery,
)
from photo_search.photo import Photo, name_key


class MemoryIndex:
    """Passes the same contract as the real engines; keeps float32."""

    def __init__(self, fingerprint: str, dimension: int) -> None:
        self.fingerprint = fingerprint
        self.dimension = dimension
        self._photos: dict[str, EmbeddedPhoto] = {}

    def upsert(self, photos: Sequence[EmbeddedPhoto]) -> None:
        for embedded in photos:
            self._check(embedded.embedding, embedded.photo.photo_id)
        self._photos |= {embedded.photo.photo_id: embedded for embedded in photos}

    def delete(self, photo_ids: Sequence[str]) -> int:
        return sum(self._photos.pop(photo_id, None) is not None for photo_id in photo_ids)

    def knn(self, query: KnnQuery) -> HitPage:
        self._check(query.embedding, "the query")
        found = [
            Hit(embedded.photo, score=cosine, cosine=cosine)
            for embedded in self._photos.values()
            if _matches(embedded.photo, query.filters)
            and embedded.photo.photo_id != query.excluded_photo_id
            for cosine in [float(np.dot(embedded.embedding, query.embedding))]
            if query.min_cosine is None or cosine >= query.min_cosine
        ]
        return _page(found, query.offset, query.k)

    def match_text(self, query: TextQuery) -> HitPage:
        wanted = _words(query.text)
        found = []
        for photo in (embedded.photo for embedded in self._photos.values()):
            words = _words(_text(photo))
            if wanted and set(wanted) <= set(words) and _matches(photo, query.filters):
                share = sum(words.count(word) for word in wanted) / (5 + len(words))
                found.append(Hit(photo, score=share, cosine=None))
        return _page(found, query.offset, query.k)

    def get(self, photo_id: str) -> EmbeddedPhoto | None:
        return self._photos.get(photo_id)

    def photo_ids(self) -> Iterator[str]:
        return iter(sorted(self._photos))

    def count(self) -> int:
        return len(self._photos)

    def close(self) -> None:
        self._photos = {}

    def _check(self, embedding: Float32Array, owner: str) -> None:
        if embedding.shape != (self.dimension,) or not abs(np.linalg.norm(embedding) - 1) < 1e-3:
            msg = f"{owner} has an embedding of shape {embedding.shape}, or its norm is not 1"
            raise PhotoIndexError(msg)


def _page(found: list[Hit], offset: int, k: int) -> HitPage:
    ranked = sorted(found, key=lambda hit: (-hit.score, hit.photo.photo_id))[:WINDOW]
    return HitPage(tuple(ranked[offset : offset + k]), has_more=len(ranked) > offset + k)


def _matches(photo: Photo, filters: Filters) -> bool:
    names = (name_key(photo.photographer), name_key(photo.photographer_username))
    tests: list[tuple[object | None, Callable[[], bool]]] = [
        (filters.orientation, lambda: photo.orientation is filters.orientation),
        (filters.photographer, lambda: name_key(filters.photographer or "") in names),
        (filters.country, lambda: name_key(photo.country) == name_key(filters.country or "")),
        (filters.colour, lambda: filters.colour in photo.colours),
        (filters.taken_from, lambda: _is_before(filters.taken_from, photo.taken_at, equal=True)),
        (filters.taken_before, lambda: _is_before(photo.taken_at, filters.taken_before)),
    ]
    return all(test() for value, test in tests if value is not None)


def _is_before(first: datetime | None, second: datetime | None, *, equal: bool = False) -> bool:
    if first is None or second is None:
        return False
    return first < second or (equal and first == second)


def _text(photo: Photo) -> str:
    parts = (photo.description, *photo.keywords, photo.place, photo.city, photo.country)
    return " ".join((*parts, photo.photographer))


def _words(text: str) -> list[str]:
    """Words in lower case without accents, as FTS5's unicode61 makes them."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+", plain.lower())
