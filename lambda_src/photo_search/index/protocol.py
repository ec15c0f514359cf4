"""What every index engine offers. The contract tests in tests/core run against each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from photo_search.arrays import Float32Array
from photo_search.photo import Colour, Orientation, Photo

WINDOW = 1000
"""Ranks that one query may page through: every page asks the engine for the same candidates."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions that every hit meets; those left out do not bind."""

    orientation: Orientation | None = None
    photographer: str | None = None
    """Name or user name, whole, in any case."""
    country: str | None = None
    """Whole, in any case."""
    colour: Colour | None = None
    """One of the photo's main colours."""
    taken_from: datetime | None = None
    """Earliest moment, included."""
    taken_before: datetime | None = None
    """Latest moment, excluded."""


@dataclass(frozen=True, slots=True)
class EmbeddedPhoto:
    """A photo and its embedding, ``(D,)`` of unit norm: what an index stores."""

    photo: Photo
    embedding: Float32Array


@dataclass(frozen=True, slots=True)
class KnnQuery:
    """Nearest neighbours of an embedding.

    Attributes:
        embedding: ``(D,)``, unit norm.
        k: Hits on this page.
        offset: Rank of the page's first hit; ``offset + k <= WINDOW``.
        filters: Conditions on every hit.
        excluded_photo_id: A photo to leave out, for "more like this"; it takes no rank.
        min_cosine: Hits below it are left out.
        exact: True asks for exact order; otherwise an engine may approximate.
    """

    embedding: Float32Array
    k: int
    offset: int = 0
    filters: Filters = field(default_factory=Filters)
    excluded_photo_id: str | None = None
    min_cosine: float | None = None
    exact: bool = False


@dataclass(frozen=True, slots=True)
class TextQuery:
    """Photos whose description, keywords, place or photographer hold every word of ``text``."""

    text: str
    k: int
    offset: int = 0
    filters: Filters = field(default_factory=Filters)


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer.

    Attributes:
        photo: The photo found.
        score: What ranked it; comparable within one answer only.
        cosine: Cosine similarity to the query in [-1, 1]; None where no vector took part.
    """

    photo: Photo
    score: float
    cosine: float | None


@dataclass(frozen=True, slots=True)
class HitPage:
    """Hits by falling score, ties by photo_id; ``has_more`` tells whether the window goes on."""

    hits: tuple[Hit, ...]
    has_more: bool


class PhotoIndex(Protocol):
    """A collection of embedded photos that answers nearest-neighbour queries."""

    @property
    def fingerprint(self) -> str:
        """Identity of the embedding space of everything stored here."""

    @property
    def dimension(self) -> int:
        """Length D of the embeddings."""

    def upsert(self, photos: Sequence[EmbeddedPhoto]) -> None:
        """Store photos in one transaction, replacing those with the same photo_id.

        Raises:
            IndexReadOnly: The index was opened for reading.
            DiskFull: Nothing of the batch was stored.
            PhotoIndexError: An embedding has another dimension or is not of unit norm.
        """

    def delete(self, photo_ids: Sequence[str]) -> int:
        """Take photos out in one transaction; return how many there were. Unknown ids are fine."""

    def knn(self, query: KnnQuery) -> HitPage:
        """Find the photos nearest to an embedding."""

    def match_text(self, query: TextQuery) -> HitPage:
        """Find the photos whose words match, best first (BM25)."""

    def get(self, photo_id: str) -> EmbeddedPhoto | None:
        """Look one photo up; None when it is not there."""

    def photo_ids(self) -> Iterator[str]:
        """Every id, ascending."""

    def count(self) -> int:
        """Number of photos."""

    def close(self) -> None:
        """Release what the index holds; it cannot be used afterwards."""
