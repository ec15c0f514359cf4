"""MemoryIndex: a PhotoIndex of a dict and plain numpy, for tests that need an index and no file."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import snowballstemmer

from photo_search.index.checks import check_filters, checked_batch, checked_embedding
from photo_search.index.fusion import fuse
from photo_search.index.protocol import (
    MAX_FACET_VALUES,
    WINDOW,
    EmbeddedPhoto,
    Facet,
    FacetCount,
    Filters,
    Hit,
    HitPage,
    HybridQuery,
    KnnQuery,
    TextQuery,
    knn_part,
)
from photo_search.index.words import plain_letters, search_words
from photo_search.photo import Photo, name_key

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PORTER = snowballstemmer.stemmer("porter")


class MemoryIndex:
    """Passes the same contract as the real engines; keeps float32."""

    def __init__(self, fingerprint: str, dimension: int) -> None:
        self.fingerprint = fingerprint
        self.dimension = dimension
        self._photos: dict[str, EmbeddedPhoto] = {}

    @property
    def name(self) -> str:
        return f"memory-{id(self)}"

    def upsert(self, photos: Sequence[EmbeddedPhoto]) -> None:
        self._photos |= checked_batch(photos, self.dimension)

    def delete(self, photo_ids: Sequence[str]) -> int:
        return sum(self._photos.pop(photo_id, None) is not None for photo_id in photo_ids)

    def knn(self, query: KnnQuery) -> HitPage:
        ranked = self._nearest(query)
        return _page(ranked, query.offset, query.k, counted=ranked, facets=query.facets)

    def match_text(self, query: TextQuery) -> HitPage:
        found = self._matching(query.text, query.filters)
        return _page(found[:WINDOW], query.offset, query.k, counted=found, facets=query.facets)

    def hybrid(self, query: HybridQuery) -> HitPage:
        nearest = self._nearest(knn_part(query))
        matching = [
            hit
            for hit in self._matching(query.text, query.filters)
            if hit.photo.photo_id != query.excluded_photo_id
        ][:WINDOW]
        photos = {hit.photo.photo_id: hit.photo for hit in (*nearest, *matching)}
        fused = fuse(
            [(hit.photo.photo_id, hit.score) for hit in nearest],
            [hit.photo.photo_id for hit in matching],
        )
        ranked = [Hit(photos[rank.photo_id], rank.score, rank.cosine) for rank in fused]
        return _page(ranked, query.offset, query.k, counted=ranked, facets=query.facets)

    def get(self, photo_id: str) -> EmbeddedPhoto | None:
        return self._photos.get(photo_id)

    def photo_ids(self) -> Iterator[str]:
        return iter(sorted(self._photos))

    def count(self) -> int:
        return len(self._photos)

    def close(self) -> None:
        self._photos = {}

    def size_bytes(self) -> int:
        return len(self._photos) * self.dimension * 4

    def _nearest(self, query: KnnQuery) -> list[Hit]:
        checked_embedding(query.embedding, self.dimension, owner="the query")
        check_filters(query.filters)
        found = [
            Hit(embedded.photo, score=cosine, cosine=cosine)
            for embedded in self._photos.values()
            if _matches(embedded.photo, query.filters)
            and embedded.photo.photo_id != query.excluded_photo_id
            for cosine in [float(np.dot(embedded.embedding, query.embedding))]
            if query.min_cosine is None or cosine >= query.min_cosine
        ]
        return _ranked(found)[:WINDOW]

    def _matching(self, text: str, filters: Filters) -> list[Hit]:
        check_filters(filters)
        wanted = [_tokens(word) for word in search_words(text)]
        found = []
        for photo in (embedded.photo for embedded in self._photos.values()):
            fields = [_tokens(field) for field in _texts(photo)]
            counts = [sum(_phrases(field, phrase) for field in fields) for phrase in wanted]
            if wanted and all(counts) and _matches(photo, filters):
                share = sum(counts) / (5 + sum(map(len, fields)))
                found.append(Hit(photo, score=share, cosine=None))
        return _ranked(found)


def _ranked(found: list[Hit]) -> list[Hit]:
    return sorted(found, key=lambda hit: (-hit.score, hit.photo.photo_id))


def _page(
    ranked: list[Hit], offset: int, k: int, *, counted: list[Hit], facets: tuple[Facet, ...]
) -> HitPage:
    return HitPage(
        tuple(ranked[offset : offset + k]),
        has_more=len(ranked) > offset + k,
        facets={facet: _counts(counted, facet) for facet in facets},
    )


def _counts(hits: list[Hit], facet: Facet) -> tuple[FacetCount, ...]:
    values = {
        Facet.ORIENTATION: lambda photo: [photo.orientation],
        Facet.COLOUR: lambda photo: set(photo.colours),
        Facet.COUNTRY: lambda photo: [photo.country],
        Facet.CAMERA: lambda photo: [photo.camera],
        Facet.PHOTOGRAPHER: lambda photo: [photo.photographer],
    }[facet]
    counts = Counter(str(value) for hit in hits for value in values(hit.photo) if value)
    common = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return tuple(FacetCount(*one) for one in common[:MAX_FACET_VALUES])


def _matches(photo: Photo, filters: Filters) -> bool:
    if any(
        name == "" for name in map(_key, (filters.photographer, filters.country, filters.camera))
    ):
        return False
    names = (name_key(photo.photographer), name_key(photo.photographer_username))
    tests: list[tuple[object | None, Callable[[], bool]]] = [
        (filters.orientation, lambda: photo.orientation is filters.orientation),
        (filters.photographer, lambda: name_key(filters.photographer or "") in names),
        (filters.country, lambda: name_key(photo.country) == name_key(filters.country or "")),
        (filters.camera, lambda: name_key(photo.camera) == name_key(filters.camera or "")),
        (filters.colour, lambda: filters.colour in photo.colours),
        (filters.taken_from, lambda: _ms(photo.taken_at) >= _ms(filters.taken_from)),
        (filters.taken_before, lambda: _ms(photo.taken_at) < _ms(filters.taken_before)),
    ]
    return all(test() for value, test in tests if value is not None)


def _key(name: str | None) -> str | None:
    return None if name is None else name_key(name)


def _ms(moment: datetime | None) -> float:
    """Whole milliseconds since 1970; of no moment what is in no range."""
    return math.nan if moment is None else (moment - _EPOCH) // timedelta(milliseconds=1)


def _texts(photo: Photo) -> tuple[str, ...]:
    parts = (photo.description, *photo.keywords, photo.place, photo.city, photo.country)
    return (*parts, photo.photographer)


def _tokens(text: str) -> list[str]:
    """Words in lower case without accents and endings, as the engines' analyzers make them."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    words = re.findall(r"[^\W_]+", plain_letters(plain).lower())
    return [_PORTER.stemWord(word) if len(word) > 2 else word for word in words]


def _phrases(tokens: list[str], phrase: list[str]) -> int:
    """How often the tokens hold the phrase."""
    starts = range(len(tokens) - len(phrase) + 1) if phrase else ()
    return sum(tokens[at : at + len(phrase)] == phrase for at in starts)
