"""How long a search may take, when it is tried again, and when a server is left alone."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace

import pytest

from photo_search.errors import IndexUnavailable, PhotoIndexError
from photo_search.index.opensearch import OpenSearchIndex
from photo_search.index.opensearch_bulk import delete_action, write_chunk
from photo_search.index.opensearch_connection import OpenSearchConnection
from photo_search.index.protocol import HybridQuery, KnnQuery, TextQuery
from photo_search.settings import IndexAccess
from tests.core.index.samples import DIMENSION, FINGERPRINT, embedded, ids, unit_rows
from tests.core.index.stand_in_server import (
    Reply,
    Request,
    StandIn,
    error_reply,
    hits_reply,
    with_index,
)

QUERY = unit_rows(1)[0]
TEXT = TextQuery("cat", k=5)
LIMITS_S = (0.25, 0.5, 1.0, 2.0)


def opened(url: str) -> OpenSearchIndex:
    connection = OpenSearchConnection(url, IndexAccess("none"), sleep=lambda _: None)
    return OpenSearchIndex.open(connection, "photos", fingerprint=FINGERPRINT)


@pytest.mark.parametrize(
    "ask",
    [
        lambda index: index.match_text(replace(TEXT, timeout_s=0.6)),
        lambda index: index.knn(KnnQuery(QUERY, k=5, timeout_s=0.6)),
        lambda index: index.hybrid(HybridQuery(QUERY, "cat", k=5, timeout_s=0.6)),
        lambda index: index.hybrid(HybridQuery(QUERY, "cat", k=5, exact=True, timeout_s=0.6)),
    ],
    ids=["text", "knn", "hybrid", "hybrid in parts"],
)
def test_a_server_that_is_silent_is_given_up_at_the_deadline(ask) -> None:
    with StandIn(with_index(lambda _: replace(hits_reply(), after_s=30))) as s:
        index = opened(s.url)
        start_s = time.monotonic()
        with closing(index), pytest.raises(IndexUnavailable, match=r"in time|longer than"):
            ask(index)
        assert time.monotonic() - start_s < 2


def test_all_searches_of_a_hybrid_query_keep_one_deadline() -> None:
    def slow(_: Request) -> Reply:
        return replace(hits_reply("a"), after_s=0.45)

    with StandIn(with_index(slow)) as s:
        index = opened(s.url)
        with closing(index), pytest.raises(IndexUnavailable):
            index.hybrid(HybridQuery(QUERY, "cat", k=5, exact=True, timeout_s=0.8))


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_passing_failure_of_a_search_is_tried_once_more(status: int) -> None:
    replies = [error_reply(status), hits_reply("a")]

    with StandIn(with_index(lambda _: replies.pop(0))) as s:
        index = opened(s.url)
        with closing(index):
            assert ids(index.match_text(TEXT)) == ["a"]
            assert len(s.searches()) == 2


def test_a_failure_that_stays_is_tried_twice_and_no_more() -> None:
    with StandIn(with_index(lambda _: error_reply(503))) as s:
        index = opened(s.url)
        with closing(index), pytest.raises(IndexUnavailable, match="503"):
            index.match_text(TEXT)
        assert len(s.searches()) == 2


def test_near_the_deadline_no_other_try_is_made() -> None:
    with StandIn(with_index(lambda _: replace(error_reply(503), after_s=0.2))) as s:
        index = opened(s.url)
        with closing(index), pytest.raises(IndexUnavailable, match="503"):
            index.match_text(replace(TEXT, timeout_s=0.39))
        assert len(s.searches()) == 1


def test_what_a_server_refuses_is_not_tried_again() -> None:
    with StandIn(with_index(lambda _: error_reply(400, "parsing_exception", "bad"))) as s:
        index = opened(s.url)
        with closing(index), pytest.raises(PhotoIndexError, match=r"status 400.: bad"):
            index.match_text(TEXT)
        assert len(s.searches()) == 1


@pytest.mark.parametrize(
    "reply",
    [
        hits_reply("a", timed_out=True),
        hits_reply("a", _shards={"total": 2, "successful": 1, "failed": 1}),
    ],
    ids=["timed out", "a shard failed"],
)
def test_a_part_of_an_answer_is_none(reply: Reply) -> None:
    with StandIn(with_index(lambda _: reply)) as s:
        index = opened(s.url)
        with closing(index), pytest.raises(IndexUnavailable, match="only a part"):
            index.match_text(TEXT)


def test_a_search_asks_for_no_part_of_an_answer() -> None:
    with StandIn(with_index(lambda _: hits_reply("a"))) as s:
        index = opened(s.url)
        with closing(index):
            index.match_text(TEXT)
        assert s.requests[-1].query == "allow_partial_search_results=false"


def test_what_a_busy_server_takes_in_parts_is_sent_again_after_growing_waits() -> None:
    def takes_the_first(request: Request) -> Reply:
        others = request.body.count(b"\n") - 1
        busy = {"status": 429, "error": {"type": "rejected_execution_exception"}}
        items = [{"status": 200, "result": "deleted"}, *[busy] * others]
        return Reply(200, {"items": [{"delete": item} for item in items]})

    waits_s: list[float] = []
    with StandIn(takes_the_first) as s:
        connection = OpenSearchConnection(s.url, IndexAccess("none"), sleep=waits_s.append)
        with closing(connection):
            outcome = write_chunk(connection, "photos-write", [delete_action(p) for p in "abcde"])

    assert (outcome.deleted, outcome.rejected, len(s.requests)) == (5, {}, 5)
    assert all(0 < wait_s <= limit_s for wait_s, limit_s in zip(waits_s, LIMITS_S, strict=True))


# --- the circuit breaker


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_after_five_failures_a_server_is_left_alone_and_then_tried_once() -> None:
    replies = {"now": error_reply(503)}
    clock = Clock()
    with StandIn(with_index(lambda _: replies["now"])) as s:
        connection = OpenSearchConnection(
            s.url, IndexAccess("none"), sleep=lambda _: None, clock=clock
        )
        index = OpenSearchIndex.open(connection, "photos", fingerprint=FINGERPRINT)

        def fails(match: str) -> IndexUnavailable:
            with pytest.raises(IndexUnavailable, match=match) as raised:
                index.match_text(TEXT)
            return raised.value

        with closing(index):
            for _ in range(5):
                fails("503")
            asked = len(s.searches())

            clock.now_s += 3
            assert fails("left alone").retry_after_s == 7
            assert len(s.searches()) == asked

            clock.now_s += 7.01
            fails("503")  # one caller tries
            assert len(s.searches()) == asked + 2
            assert fails("left alone").retry_after_s == 10

            clock.now_s += 10.01
            replies["now"] = hits_reply("a")
            assert ids(index.match_text(TEXT)) == ["a"]
            replies["now"] = error_reply(503)
            fails("503")
            replies["now"] = hits_reply("a")
            assert ids(index.match_text(TEXT)) == ["a"]


def test_while_one_caller_tries_the_others_are_turned_away() -> None:
    turned_away: list[IndexUnavailable] = []
    clock = Clock()
    replies = {"now": error_reply(503)}

    def answer(_: Request) -> Reply:
        if replies["now"].status == 200 and not turned_away:
            with pytest.raises(IndexUnavailable, match="left alone") as raised:
                connection.search("photos", {})
            turned_away.append(raised.value)
        return replies["now"]

    with StandIn(answer) as s:
        connection = OpenSearchConnection(
            s.url, IndexAccess("none"), sleep=lambda _: None, clock=clock
        )
        for _ in range(5):
            with pytest.raises(IndexUnavailable):
                connection.search("photos", {})
        clock.now_s += 10.01
        replies["now"] = hits_reply()
        connection.search("photos", {})
        connection.search("photos", {})

    assert len(turned_away) == 1


def test_a_server_that_refuses_a_query_is_not_away() -> None:
    replies = {"now": error_reply(503)}
    clock = Clock()
    with StandIn(lambda _: replies["now"]) as s:
        connection = OpenSearchConnection(
            s.url, IndexAccess("none"), sleep=lambda _: None, clock=clock
        )
        for _ in range(5):
            with pytest.raises(IndexUnavailable):
                connection.search("photos", {})
        clock.now_s += 10.01
        replies["now"] = error_reply(400, "parsing_exception")
        for _ in range(2):
            with pytest.raises(PhotoIndexError, match="status 400"):
                connection.search("photos", {})


def test_a_server_that_is_left_alone_still_takes_writes() -> None:
    def answer(request: Request) -> Reply:
        if request.path.endswith("_bulk"):
            return Reply(200, {"items": [{"index": {"status": 201, "result": "created"}}]})
        if request.path.endswith("_refresh"):
            return Reply(200, {})
        return error_reply(503)

    with StandIn(with_index(answer)) as s:
        connection = OpenSearchConnection(s.url, IndexAccess("none"), sleep=lambda _: None)
        index = OpenSearchIndex.create(
            connection, "photos", fingerprint=FINGERPRINT, dimension=DIMENSION
        )
        with closing(index):
            for _ in range(5):
                with pytest.raises(IndexUnavailable):
                    index.match_text(TEXT)
            with pytest.raises(IndexUnavailable, match="left alone"):
                index.match_text(TEXT)

            index.upsert([embedded("a", QUERY)])

        assert sum(r.path.endswith("_bulk") for r in s.requests) == 1
