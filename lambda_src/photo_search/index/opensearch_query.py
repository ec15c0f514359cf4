"""Queries as search requests; opensearch_answer.py reads the answers. Knows no connection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from photo_search.arrays import Float32Array
from photo_search.index.checks import check_filters
from photo_search.index.fusion import RANK_CONSTANT
from photo_search.index.protocol import (
    MAX_FACET_VALUES,
    WINDOW,
    Facet,
    Filters,
    HybridQuery,
    KnnQuery,
    TextQuery,
    knn_part,
)
from photo_search.index.words import search_words
from photo_search.photo import name_key

Json = dict[str, Any]

_FIELD_OF_FACET = {
    Facet.ORIENTATION: "orientation",
    Facet.COLOUR: "colours",
    Facet.COUNTRY: "country",
    Facet.CAMERA: "camera",
    Facet.PHOTOGRAPHER: "photographer",
}
_BY_SCORE = [{"_score": "desc"}, {"photo_id": "asc"}]
_WITHOUT_EMBEDDING = {"excludes": ["embedding"]}
# Not even _id, which would be read from the disk for each of a thousand hits.
_SORT_VALUES_ALONE = {"_source": False, "stored_fields": "_none_"}
_NOTHING: Json = {"match_none": {}}


def knn_body(query: KnnQuery, *, rescores: bool) -> Json:
    """The search for a KnnQuery.

    The engine is asked for the same candidates whatever the page, so that pages fit together.
    Exact search counts no facets, for they are of the window; see ``knn_window_body``.

    Args:
        query: What to find.
        rescores: Whether candidates are to be scored by full precision.
    """
    body: Json = {
        "query": _knn(query, rescores=rescores),
        "from": query.offset,
        "size": query.k,
        "sort": _BY_SCORE,
        "track_total_hits": WINDOW,
        "_source": _WITHOUT_EMBEDDING,
        **_aggregations(() if query.exact else query.facets),
    }
    return body | _least_score(query)


def knn_window_body(query: KnnQuery) -> Json:
    """The whole window of an exact KnnQuery, as ids and scores alone; see ``ranks``."""
    return _ranks_body(_knn(query, rescores=False)) | _least_score(query)


def text_body(query: TextQuery) -> Json:
    """The search for a TextQuery."""
    return {
        "query": _matching(query.text, query.filters),
        "from": query.offset,
        "size": query.k,
        "sort": _BY_SCORE,
        "track_total_hits": WINDOW,
        "_source": _WITHOUT_EMBEDDING,
        **_aggregations(query.facets),
    }


def hybrid_body(query: HybridQuery, *, rescores: bool) -> Json:
    """The search for a HybridQuery on a server that fuses by itself (2.19, neural-search plugin).

    Ranks by score alone, for a hybrid query takes no second sort key; and counts no facets.
    """
    knn = _knn(knn_part(query), rescores=rescores)
    words = _matching(query.text, query.filters, excluded_photo_id=query.excluded_photo_id)
    fuse = {"combination": {"technique": "rrf", "rank_constant": RANK_CONSTANT}}
    return {
        "query": {"hybrid": {"queries": [knn, words], "pagination_depth": WINDOW}},
        "search_pipeline": {"phase_results_processors": [{"score-ranker-processor": fuse}]},
        "from": query.offset,
        "size": query.k,
        "track_total_hits": WINDOW,
        "_source": _WITHOUT_EMBEDDING,
    }


def knn_ranks_body(query: HybridQuery, *, rescores: bool) -> Json:
    """The window by embedding."""
    return _ranks_body(_knn(knn_part(query), rescores=rescores))


def text_ranks_body(query: HybridQuery) -> Json:
    """The window by words."""
    return _ranks_body(
        _matching(query.text, query.filters, excluded_photo_id=query.excluded_photo_id)
    )


def photos_body(
    photo_ids: Sequence[str], *, counted: Sequence[str] = (), facets: Sequence[Facet] = ()
) -> Json:
    """Photos by id, and facets counted over others.

    Args:
        photo_ids: Photos wanted.
        counted: Photos to count, at most WINDOW; must hold all of photo_ids where not empty.
        facets: What to count them by.
    """
    body: Json = {
        "query": {"terms": {"photo_id": list(counted or photo_ids)}},
        "size": len(photo_ids),
        "_source": _WITHOUT_EMBEDDING,
        **_aggregations(facets),
    }
    if counted:
        body["post_filter"] = {"terms": {"photo_id": list(photo_ids)}}
    return body


def photo_body(photo_id: str) -> Json:
    """One photo with its embedding."""
    return {"query": {"term": {"photo_id": _storable(photo_id)}}, "size": 1}


def ids_body(after: str | None, size: int) -> Json:
    """Ids in ascending order, after one of them."""
    body: Json = {
        "query": {"match_all": {}},
        "size": size,
        "sort": [{"photo_id": "asc"}],
        "track_total_hits": False,
        **_SORT_VALUES_ALONE,
    }
    return body if after is None else body | {"search_after": [after]}


def count_body() -> Json:
    """How many photos there are; one hit tells which index was counted."""
    return {
        "query": {"match_all": {}},
        "size": 1,
        "track_total_hits": True,
        **_SORT_VALUES_ALONE,
    }


def score_from_cosine(cosine: float) -> float:
    """What OpenSearch makes of an inner product: 1 + x, or 1 / (1 - x) below 0 (k-NN spaces)."""
    return 1 + cosine if cosine > 0 else 1 / (1 - cosine)


def _ranks_body(query: Json) -> Json:
    return {
        "query": query,
        "size": WINDOW,
        "sort": _BY_SCORE,
        "track_total_hits": False,
        **_SORT_VALUES_ALONE,
    }


def _least_score(query: KnnQuery) -> Json:
    least = query.min_cosine
    return {} if least is None else {"min_score": score_from_cosine(least)}


def _knn(query: KnnQuery, *, rescores: bool) -> Json:
    conditions = _conditions(query.filters, excluded_photo_id=query.excluded_photo_id)
    vector = _vector(query.embedding)
    if query.exact:
        # Every photo that meets the conditions, scored by its stored float32.
        source = {"field": "embedding", "query_value": vector, "space_type": "innerproduct"}
        return {
            "script_score": {
                "query": conditions or {"match_all": {}},
                "script": {"lang": "knn", "source": "knn_score", "params": source},
            }
        }
    clause: Json = {"vector": vector, "k": WINDOW}
    if conditions:
        clause["filter"] = conditions
    if rescores:
        clause["rescore"] = True
    return {"knn": {"embedding": clause}}


def _matching(text: str, filters: Filters, *, excluded_photo_id: str | None = None) -> Json:
    words = [_storable(word) for word in search_words(text)]
    if not words:
        return _NOTHING
    # A word that the analyzer splits, such as "north-east", is a phrase.
    phrases = [{"match_phrase": {"words": word}} for word in words]
    conditions = _conditions(filters, excluded_photo_id=excluded_photo_id)
    return {"bool": {"must": phrases, **({"filter": conditions} if conditions else {})}}


def _conditions(filters: Filters, *, excluded_photo_id: str | None = None) -> Json | None:
    check_filters(filters)
    musts = [
        *_terms("orientation", filters.orientation),
        *_terms("colours", filters.colour),
        *_terms("country_key", _key(filters.country)),
        *_terms("camera_key", _key(filters.camera)),
        # Moments are kept to the millisecond.
        *_range("gte", filters.taken_from),
        *_range("lt", filters.taken_before),
    ]
    if filters.photographer is not None:
        key = name_key(filters.photographer)
        either = [*_terms("photographer_key", key), *_terms("username_key", key)]
        musts.append({"bool": {"should": either, "minimum_should_match": 1}})
    clause: Json = {"filter": musts} if musts else {}
    if excluded_photo_id is not None:
        clause["must_not"] = _terms("photo_id", excluded_photo_id)
    return {"bool": clause} if clause else None


def _key(name: str | None) -> str | None:
    return None if name is None else name_key(name)


def _terms(field: str, value: str | None) -> list[Json]:
    return [] if value is None else [{"term": {field: _storable(value)}}]


def _range(comparison: str, moment: datetime | None) -> list[Json]:
    return [] if moment is None else [{"range": {"taken_at": {comparison: moment.isoformat()}}}]


def _aggregations(facets: Iterable[Facet]) -> Json:
    by_count = [{"_count": "desc"}, {"_key": "asc"}]
    aggregations = {
        facet.value: {
            "terms": {"field": _FIELD_OF_FACET[facet], "size": MAX_FACET_VALUES, "order": by_count}
        }
        for facet in facets
    }
    return {"aggs": aggregations} if aggregations else {}


def _vector(embedding: Float32Array) -> list[float]:
    vector: list[float] = embedding.tolist()
    return vector


def _storable(text: str) -> str:
    """The text with halves of surrogate pairs escaped: no document holds one."""
    return text.encode(errors="backslashreplace").decode()
