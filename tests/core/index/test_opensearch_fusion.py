"""Hybrid search by the server itself, where it has the neural-search plugin, and without it.

No server here has the plugin, so that what it takes and gives is played by a stand-in.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from photo_search.errors import IndexUnavailable, PhotoIndexError
from photo_search.index.opensearch import OpenSearchIndex
from photo_search.index.opensearch_connection import OpenSearchConnection
from photo_search.index.protocol import WINDOW, Facet, Filters, HybridQuery
from photo_search.settings import IndexAccess
from tests.core.index.conftest import opensearch_index
from tests.core.index.samples import FINGERPRINT, collection, ids, unit_rows
from tests.core.index.stand_in_server import (
    Reply,
    Request,
    StandIn,
    error_reply,
    hits_reply,
    with_index,
)

QUERY = HybridQuery(
    unit_rows(1)[0],
    "red balloons",
    k=2,
    offset=4,
    filters=Filters(country="Norway"),
    excluded_photo_id="p7",
)
NORWAY = {"term": {"country_key": "norway"}}
NOT_THE_SEVENTH = [{"term": {"photo_id": "p7"}}]
# What OpenSearch 3.5.0 without the plugin says.
UNKNOWN_QUERY = error_reply(400, "parsing_exception", "unknown query [hybrid]")


def opened(url: str) -> OpenSearchIndex:
    connection = OpenSearchConnection(url, IndexAccess("none"), sleep=lambda _: None)
    return OpenSearchIndex.open(connection, "photos", fingerprint=FINGERPRINT)


def is_hybrid(request: Request) -> bool:
    return "hybrid" in request.json["query"]


def without_plugin(request: Request) -> Reply:
    return UNKNOWN_QUERY if is_hybrid(request) else hits_reply("a", "b", "c")


def test_a_server_that_fuses_is_asked_once_for_a_page() -> None:
    with StandIn(with_index(lambda _: hits_reply("b", "a", total=30))) as s:
        index = opened(s.url)
        with closing(index):
            page = index.hybrid(QUERY)

    assert ids(page) == ["b", "a"]
    assert [hit.score for hit in page.hits] == [2.0, 1.99]
    assert page.has_more
    (body,) = s.searches()
    knn, words = body["query"]["hybrid"]["queries"]
    assert body["query"]["hybrid"]["pagination_depth"] == WINDOW
    assert (body["from"], body["size"]) == (4, 2)
    clause = knn["knn"]["embedding"]
    assert clause["k"] == WINDOW
    assert clause["vector"] == pytest.approx(QUERY.embedding.tolist())
    assert clause["filter"]["bool"] == {"filter": [NORWAY], "must_not": NOT_THE_SEVENTH}
    assert words["bool"]["must"] == [
        {"match_phrase": {"words": "red"}},
        {"match_phrase": {"words": "balloons"}},
    ]
    assert words["bool"]["filter"]["bool"] == clause["filter"]["bool"]
    assert body["search_pipeline"] == {
        "phase_results_processors": [
            {
                "score-ranker-processor": {
                    "combination": {"technique": "rrf", "rank_constant": 60},
                }
            }
        ]
    }
    assert body["_source"] == {"excludes": ["embedding"]}
    assert "sort" not in body  # a hybrid query takes no second key


def test_what_only_the_core_can_do_is_not_asked_of_the_server() -> None:
    aggregations = {"orientation": {"buckets": [{"key": "landscape", "doc_count": 3}]}}
    with StandIn(with_index(lambda _: hits_reply("a", "b", aggregations=aggregations))) as s:
        index = opened(s.url)
        with closing(index):
            index.hybrid(replace(QUERY, offset=0, exact=True))
            counted = index.hybrid(replace(QUERY, offset=0, facets=(Facet.ORIENTATION,)))

    assert counted.facets[Facet.ORIENTATION][0].count == 3
    assert not any("hybrid" in body["query"] for body in s.searches())
    assert len(s.searches()) == 6


def test_a_server_without_the_plugin_is_asked_in_parts_once_and_for_all() -> None:
    with StandIn(with_index(without_plugin)) as s:
        index = opened(s.url)
        with closing(index):
            first = index.hybrid(replace(QUERY, offset=0))
            second = index.hybrid(replace(QUERY, offset=0))

    assert ids(first) == ids(second) == ["a", "b"]
    kinds = ["hybrid" in body["query"] for body in s.searches()]
    assert kinds == [True, *[False] * 6]
    assert all("search_pipeline" not in body for body in s.searches()[1:])


def test_a_query_that_is_refused_in_parts_too_is_at_fault_itself() -> None:
    replies = {"now": error_reply(400, "query_shard_exception", "bad")}

    with StandIn(with_index(lambda _: replies["now"])) as s:
        index = opened(s.url)
        with closing(index):
            with pytest.raises(PhotoIndexError, match="bad"):
                index.hybrid(QUERY)
            asked = len(s.searches())
            replies["now"] = hits_reply("a")

            assert ids(index.hybrid(replace(QUERY, offset=0))) == ["a"]

    (again,) = s.searches()[asked:]
    assert "hybrid" in again["query"]


def test_a_server_that_is_away_is_not_taken_for_one_without_the_plugin() -> None:
    replies = {"now": error_reply(503)}

    with StandIn(with_index(lambda _: replies["now"])) as s:
        index = opened(s.url)
        with closing(index):
            with pytest.raises(IndexUnavailable):
                index.hybrid(QUERY)
            replies["now"] = hits_reply("a")
            index.hybrid(QUERY)

    assert ["hybrid" in body["query"] for body in s.searches()] == [True, True, True]


@pytest.mark.opensearch
def test_the_real_server_without_the_plugin_is_asked_in_parts(opensearch_url: str) -> None:
    with opensearch_index(opensearch_url) as index:
        index.upsert(collection(30))
        query = HybridQuery(unit_rows(1)[0], "cat", k=10)

        first, second = index.hybrid(query), index.hybrid(query)

        assert ids(first) == ids(second) == ids(index.hybrid(replace(query, exact=True)))
        assert len(first.hits) == 10
        assert not index._server_fuses
