"""How photos are cut into requests, and what becomes of those that a server does not take."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest

from photo_search.errors import IndexUnavailable
from photo_search.index.opensearch_bulk import (
    MAX_ACTIONS,
    MAX_CHUNK_BYTES,
    Action,
    Outcome,
    chunks,
    store_action,
    write_chunk,
)
from photo_search.index.opensearch_connection import OpenSearchConnection
from photo_search.settings import IndexAccess
from tests.core.index.samples import collection
from tests.core.index.stand_in_server import Reply, Request, StandIn, error_reply

FEW = [store_action(photo) for photo in collection(7)]


def stored(request: Request) -> Reply:
    """A server that takes every photo of a request, each of two lines."""
    done = {"index": {"status": 201, "result": "created"}}
    return Reply(200, {"items": [done] * (request.body.count(b"\n") // 2)})


def written(answer: Callable[[Request], Reply], actions: list[Action]) -> tuple[Outcome, int]:
    """What becomes of actions, and how many requests it took."""
    with (
        StandIn(answer) as s,
        closing(OpenSearchConnection(s.url, IndexAccess("none"), sleep=lambda _: None)) as server,
    ):
        return write_chunk(server, "photos-write", actions), len(s.requests)


def test_a_request_has_no_more_photos_than_the_limit() -> None:
    actions = [Action(f"p{number}", b"{}\n{}\n") for number in range(2 * MAX_ACTIONS + 1)]

    cut = [*chunks(actions)]

    assert [len(chunk) for chunk in cut] == [MAX_ACTIONS, MAX_ACTIONS, 1]
    assert [action for chunk in cut for action in chunk] == actions


def test_a_request_has_no_more_bytes_than_the_limit_but_for_one_photo_alone() -> None:
    sizes = [MAX_CHUNK_BYTES // 2, MAX_CHUNK_BYTES // 2, 1, MAX_CHUNK_BYTES + 1, 1]
    actions = [Action(f"p{number}", b"x" * size) for number, size in enumerate(sizes)]

    cut = [[len(action.lines) for action in chunk] for chunk in chunks(actions)]

    assert cut == [sizes[:2], [1], [MAX_CHUNK_BYTES + 1], [1]]
    assert 2 * MAX_CHUNK_BYTES <= 10 * 1024 * 1024  # a t3 domain's limit


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_request_that_is_refused_for_now_is_sent_again_until_it_is_taken(status: int) -> None:
    refusals = [error_reply(status)] * 5

    outcome, requests = written(lambda r: refusals.pop() if refusals else stored(r), FEW)

    assert (outcome.stored, outcome.rejected, requests) == (7, {}, 6)


def test_an_answer_for_fewer_photos_than_were_sent_is_none() -> None:
    short = [Reply(200, {"items": []}), Reply(200, {"took": 3})]

    outcome, requests = written(lambda r: short.pop() if short else stored(r), FEW)

    assert (outcome.stored, outcome.rejected, requests) == (7, {}, 3)


def test_a_request_that_is_too_large_is_cut_until_it_fits_and_counted_once() -> None:
    away = [error_reply(503)]

    def takes_two(request: Request) -> Reply:
        photos = request.body.count(b"\n") // 2
        if photos > 2:
            return error_reply(413)
        # The last part is not taken at first, so that all are sent again.
        return away.pop() if b"p00006" in request.body and away else stored(request)

    outcome, _ = written(takes_two, FEW)

    assert (outcome.stored, outcome.rejected) == (7, {})


def test_a_photo_that_is_too_large_by_itself_is_listed_with_the_reason() -> None:
    def refuses_the_third(request: Request) -> Reply:
        return error_reply(413) if b"p00002" in request.body else stored(request)

    outcome, _ = written(refuses_the_third, FEW)

    assert outcome.stored == 6
    assert list(outcome.rejected) == ["p00002"]
    assert "takes no request as large as this one" in outcome.rejected["p00002"]


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with StandIn(stored) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        with (
            closing(OpenSearchConnection("http://127.0.0.1:1", IndexAccess("none"))) as nobody,
            pytest.raises(IndexUnavailable, match="cannot be reached"),
        ):
            nobody.request("GET", "photos", "_mapping")

    assert proxy.requests == []
