"""What is asked of a search, and what makes no sense to ask."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from photo_search.errors import InvalidQuery
from photo_search.index import WINDOW, Facet, Filters

MAX_K = 100
DEFAULT_K = 20
MAX_TEXT_CHARACTERS = 1000
MAX_WEIGHT = 10.0


class Mode(StrEnum):
    """What ranks the photos."""

    SEMANTIC = "semantic"
    """Embeddings: what is in the picture."""
    HYBRID = "hybrid"
    """Both, fused by rank: a photo found either way is there, one found both ways is ahead."""
    KEYWORD = "keyword"
    """Words of description, keywords, place and photographer."""


class Part(StrEnum):
    """The parts a query may be made of."""

    TEXT = "text"
    IMAGE = "image"
    IMAGE_URL = "image_url"
    PHOTO_ID = "photo_id"


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What is asked: at least one of the four parts, alone or combined.

    Attributes:
        text: Words, at most MAX_TEXT_CHARACTERS.
        image: Bytes of a picture file.
        image_url: Where to download a picture from.
        photo_id: A photo of the index ("more like this"); it is left out of its own answer.
        weights: How much each part counts, 1 where left out; a negative one leads away.
        k: Hits on this page, 1 to MAX_K.
        offset: Rank of the first hit; ``offset + k`` may not pass WINDOW.
        mode: What ranks the photos. KEYWORD takes text alone. HYBRID takes text and any other
            parts: the words are looked for, and the embedding is that of all parts together.
        min_cosine: Hits below it are left out; for SEMANTIC alone.
        filters: Conditions on every hit.
        facets: What the photos found are counted by, each at most once.
    """

    text: str | None = None
    image: bytes | None = None
    image_url: str | None = None
    photo_id: str | None = None
    weights: dict[Part, float] = field(default_factory=dict)
    k: int = DEFAULT_K
    offset: int = 0
    mode: Mode = Mode.SEMANTIC
    min_cosine: float | None = None
    filters: Filters = field(default_factory=Filters)
    facets: tuple[Facet, ...] = ()


def check_request(request: SearchRequest) -> None:
    """Refuse a request that makes no sense.

    Raises:
        InvalidQuery: A field is missing, out of range or contradicts another.
    """
    if not 1 <= request.k <= MAX_K:
        msg = f"k is {request.k}; it must be from 1 to {MAX_K}"
        raise InvalidQuery(msg)
    if request.offset < 0 or request.offset + request.k > WINDOW:
        limit = WINDOW - request.k
        msg = f"offset is {request.offset}; with k {request.k} it must be from 0 to {limit}"
        raise InvalidQuery(msg)
    if request.min_cosine is not None and not -1 <= request.min_cosine <= 1:
        msg = f"min_cosine is {request.min_cosine}; it must be from -1 to 1"
        raise InvalidQuery(msg)
    parts = {part for part in Part if getattr(request, part) is not None}
    if not parts:
        msg = f"the query is empty; give at least one of {', '.join(Part)}"
        raise InvalidQuery(msg)
    _check_mode(request, parts)
    _check_facets(request.facets)
    if request.text is not None:
        _check_text(request.text)
    _check_weights(request.weights, parts)


def _check_mode(request: SearchRequest, parts: set[Part]) -> None:
    if request.mode is Mode.SEMANTIC:
        return
    if request.mode is Mode.KEYWORD and parts != {Part.TEXT}:
        msg = "mode keyword takes text alone"
        raise InvalidQuery(msg)
    if Part.TEXT not in parts:
        msg = "mode hybrid needs text, whose words it looks for"
        raise InvalidQuery(msg)
    if request.min_cosine is not None:
        msg = f"min_cosine means nothing in mode {request.mode}, which finds photos by words alone"
        raise InvalidQuery(msg)
    # Led away from by the embedding and looked for by the words, they would be both at once.
    if request.mode is Mode.HYBRID and request.weights.get(Part.TEXT, 1.0) < 0:
        msg = "weights.text is negative; mode hybrid looks for the words of text"
        raise InvalidQuery(msg)


def _check_facets(facets: tuple[Facet, ...]) -> None:
    for facet in facets:
        if facets.count(facet) > 1:
            msg = f"facets names {facet} {facets.count(facet)} times; once is enough"
            raise InvalidQuery(msg)


def _check_text(text: str) -> None:
    if len(text) > MAX_TEXT_CHARACTERS:
        msg = f"text has {len(text)} characters; the limit is {MAX_TEXT_CHARACTERS}"
        raise InvalidQuery(msg)
    if not text.strip():
        msg = "text is empty"
        raise InvalidQuery(msg)
    if any("\ud800" <= character <= "\udfff" for character in text):
        msg = "text holds half of a surrogate pair; it must be valid Unicode"
        raise InvalidQuery(msg)


def _check_weights(weights: dict[Part, float], parts: set[Part]) -> None:
    for part, weight in weights.items():
        if part not in parts:
            msg = f"weights names {part}, which the query does not have"
            raise InvalidQuery(msg)
        # NaN fails both comparisons.
        if not -MAX_WEIGHT <= weight <= MAX_WEIGHT or weight == 0:
            msg = (
                f"weights.{part} is {weight}; it must be from -{MAX_WEIGHT} to {MAX_WEIGHT}, not 0"
            )
            raise InvalidQuery(msg)
