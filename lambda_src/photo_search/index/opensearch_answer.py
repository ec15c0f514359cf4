"""Answers of ``_search`` as hits, ranks and counts; opensearch_query.py makes the requests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from photo_search.index.opensearch_document import photo_from_source
from photo_search.index.protocol import WINDOW, Facet, FacetCount, FacetCounts, Hit, HitPage

Json = dict[str, Any]


def knn_hits(answer: Json) -> tuple[Hit, ...]:
    """Hits whose score tells the cosine."""
    found = ((hit, cosine_from_score(score_of(hit))) for hit in hits_of(answer))
    return tuple(
        Hit(photo_from_source(hit["_source"], index=hit["_index"]), score=cosine, cosine=cosine)
        for hit, cosine in found
    )


def scored_hits(answer: Json) -> tuple[Hit, ...]:
    """Hits whose score is no cosine."""
    return tuple(
        Hit(
            photo_from_source(hit["_source"], index=hit["_index"]),
            score=score_of(hit),
            cosine=None,
        )
        for hit in hits_of(answer)
    )


def ranks(answer: Json) -> list[tuple[str, float]]:
    """Ids and cosines of ``knn_ranks_body``; of words the ids alone mean something."""
    return [(hit["sort"][1], cosine_from_score(float(hit["sort"][0]))) for hit in hits_of(answer)]


def hits_of(answer: Json) -> Sequence[Json]:
    """The raw hits."""
    hits: Sequence[Json] = answer["hits"]["hits"]
    return hits


def total_of(answer: Json) -> int:
    """How many photos matched, counted up to WINDOW at least."""
    return int(answer["hits"]["total"]["value"])


def facets_of(answer: Json, facets: Iterable[Facet]) -> FacetCounts:
    """The counts that were asked for."""
    return {
        facet: tuple(
            FacetCount(str(bucket["key"]), int(bucket["doc_count"]))
            for bucket in answer["aggregations"][facet.value]["buckets"]
        )
        for facet in facets
    }


def score_of(hit: Json) -> float:
    """What ranked a hit."""
    score = hit.get("_score")
    return float(hit["sort"][0] if score is None else score)


def cosine_from_score(score: float) -> float:
    """The inner product behind a score; rounding can lift a cosine a little over 1."""
    cosine = score - 1 if score >= 1 else 1 - 1 / score
    return min(1.0, max(-1.0, cosine))


def page_of(answer: Json, hits: tuple[Hit, ...], offset: int, facets: FacetCounts) -> HitPage:
    """The page that a search was asked for."""
    more = bool(hits) and min(total_of(answer), WINDOW) > offset + len(hits)
    return HitPage(hits, has_more=more, facets=facets)
