"""What every index engine offers. The contract tests in tests/core run against each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from photo_search.arrays import Float32Array
from photo_search.photo import Colour, Orientation, Photo

WINDOW = 1000
"""Ranks that one query may page through: every page asks the engine for the same candidates."""

MAX_PHOTO_ID_BYTES = 512
"""OpenSearch's limit for ``_id``, in UTF-8; every engine keeps it, so that photos can move."""

MAX_FACET_VALUES = 20
"""Values of a facet that are told, the commonest first."""


class Facet(StrEnum):
    """What the photos of an answer are counted by."""

    ORIENTATION = "orientation"
    COLOUR = "colour"
    COUNTRY = "country"
    CAMERA = "camera"
    PHOTOGRAPHER = "photographer"


@dataclass(frozen=True, slots=True)
class FacetCount:
    """How many photos have a value."""

    value: str
    count: int


FacetCounts = Mapping[Facet, tuple[FacetCount, ...]]
"""By falling count, ties by value; at most MAX_FACET_VALUES of each."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions that every hit meets; those left out do not bind. Moments count in whole ms."""

    orientation: Orientation | None = None
    photographer: str | None = None
    """Name or user name, whole, in any case."""
    country: str | None = None
    """Whole, in any case."""
    camera: str | None = None
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
        facets: What to count over the ranked window.
        timeout_s: An engine behind a network gives up after it; None leaves that to the engine.
    """

    embedding: Float32Array
    k: int
    offset: int = 0
    filters: Filters = field(default_factory=Filters)
    excluded_photo_id: str | None = None
    min_cosine: float | None = None
    exact: bool = False
    facets: tuple[Facet, ...] = ()
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class TextQuery:
    """Photos whose description, keywords, place or photographer hold every word of ``text``.

    Case, accents, English endings and the commonest English words do not count (see words.py).

    Attributes:
        text: What to look for; never an operator.
        k: Hits on this page.
        offset: Rank of the page's first hit; ``offset + k <= WINDOW``.
        filters: Conditions on every hit.
        facets: What to count over everything that matches.
        timeout_s: An engine behind a network gives up after it; None leaves that to the engine.
    """

    text: str
    k: int
    offset: int = 0
    filters: Filters = field(default_factory=Filters)
    facets: tuple[Facet, ...] = ()
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class HybridQuery:
    """Photos that are near an embedding, hold the words, or both; see fusion.py.

    Attributes:
        embedding: ``(D,)``, unit norm.
        text: The words.
        k: Hits on this page.
        offset: Rank of the page's first hit; ``offset + k <= WINDOW``.
        filters: Conditions on every hit.
        excluded_photo_id: A photo to leave out; it takes no rank.
        facets: What to count over the fused window.
        exact: True asks for exact order; otherwise an engine may approximate.
        timeout_s: An engine behind a network gives up after it; None leaves that to the engine.
    """

    embedding: Float32Array
    text: str
    k: int
    offset: int = 0
    filters: Filters = field(default_factory=Filters)
    excluded_photo_id: str | None = None
    facets: tuple[Facet, ...] = ()
    exact: bool = False
    timeout_s: float | None = None


def whole_window(query: KnnQuery) -> KnnQuery:
    """The same query for every rank that it may page through."""
    return replace(query, k=WINDOW, offset=0)


def knn_part(query: HybridQuery) -> KnnQuery:
    """The whole window of a hybrid query's embedding."""
    return KnnQuery(
        embedding=query.embedding,
        k=WINDOW,
        filters=query.filters,
        excluded_photo_id=query.excluded_photo_id,
        exact=query.exact,
        timeout_s=query.timeout_s,
    )


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
    """Hits by falling score, ties by photo_id.

    Attributes:
        hits: This page.
        has_more: Whether the window goes on.
        facets: Counts of what the query asked for.
    """

    hits: tuple[Hit, ...]
    has_more: bool
    facets: FacetCounts = field(default_factory=dict)


class PhotoIndex(Protocol):
    """A collection of embedded photos that answers nearest-neighbour queries.

    Every method may raise IndexUnavailable where the engine is behind a network.
    """

    @property
    def name(self) -> str:
        """Which very index this is: what was filled under another name counts as empty."""

    @property
    def fingerprint(self) -> str:
        """Identity of the embedding space of everything stored here."""

    @property
    def dimension(self) -> int:
        """Length D of the embeddings."""

    def upsert(self, photos: Sequence[EmbeddedPhoto]) -> None:
        """Store photos, replacing those with the same photo_id; later searches see them.

        An engine with transactions stores all or none; another may be repeated after a failure.

        Raises:
            IndexReadOnly: The index was opened for reading, or takes no writes now.
            DiskFull: Nothing of the batch was stored.
            BulkRejected: The engine refuses some of the photos for good; the others are stored.
            PhotoIndexError: A photo_id or an embedding breaks a rule of checks.py; nothing of the
                batch was stored.
        """

    def delete(self, photo_ids: Sequence[str]) -> int:
        """Take photos out and return how many there were. Unknown ids are fine."""

    def knn(self, query: KnnQuery) -> HitPage:
        """Find the photos nearest to an embedding."""

    def match_text(self, query: TextQuery) -> HitPage:
        """Find the photos whose words match, best first (BM25)."""

    def hybrid(self, query: HybridQuery) -> HitPage:
        """Find photos by embedding and by words at once, fused by reciprocal rank."""

    def get(self, photo_id: str) -> EmbeddedPhoto | None:
        """Look one photo up; None when it is not there."""

    def photo_ids(self) -> Iterator[str]:
        """Every id, ascending."""

    def count(self) -> int:
        """Number of photos."""

    def size_bytes(self) -> int:
        """What the index takes on the disk."""

    def close(self) -> None:
        """Release what the index holds; it cannot be used afterwards."""
