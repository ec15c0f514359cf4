from __future__ import annotations

import socket
from collections.abc import Iterator
from email.utils import formatdate
from time import time

import pytest

from ingest.download import DownloadFailed, DownloadLimits, download, rendition_url
from ingest.failure import Reason
from tests.ingest.fault_server import FaultServer, running_fault_server

QUICK = DownloadLimits(timeout_s=0.4, deadline_s=0.8, tries=3, first_pause_s=1.0)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with running_fault_server() as server:
        yield server


def fetch(url: str, limits: DownloadLimits = QUICK) -> tuple[bytes, list[float]]:
    pauses: list[float] = []
    return download(url, limits, sleep=pauses.append, jitter=lambda: 1.0), pauses


def failure_of(url: str, limits: DownloadLimits = QUICK) -> Reason:
    with pytest.raises(DownloadFailed) as caught:
        fetch(url, limits)
    return caught.value.reason


def test_a_picture_is_downloaded(server):
    data, pauses = fetch(f"{server.url}/ok/1")

    assert data.startswith(b"\xff\xd8")
    assert pauses == []


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing", Reason.NOT_FOUND),
        ("gone", Reason.NOT_FOUND),
        ("forbidden", Reason.REFUSED),
        ("html", Reason.NOT_AN_IMAGE),
        ("loop", Reason.REFUSED),
    ],
)
def test_what_will_not_change_is_not_asked_for_again(server, path, reason):
    assert failure_of(f"{server.url}/{path}/1") is reason
    assert path == "loop" or server.asked[f"/{path}/1"] == 1


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("broken", Reason.SERVER_ERROR),
        ("hangup", Reason.CONNECTION_LOST),
        ("silent", Reason.TIMED_OUT),
        ("trickle", Reason.TIMED_OUT),
    ],
)
def test_what_may_pass_is_tried_as_often_as_allowed(server, path, reason):
    assert failure_of(f"{server.url}/{path}/1") is reason
    assert server.asked[f"/{path}/1"] == 3


@pytest.mark.parametrize("path", ["recovers", "truncated"])
def test_a_passing_fault_is_got_over(server, path):
    data, pauses = fetch(f"{server.url}/{path}/1")

    assert data.endswith(b"\xff\xd9")
    assert pauses == [1.0]


def test_a_busy_server_is_given_the_time_it_asks_for(server):
    server.retry_after = "7"

    _, pauses = fetch(f"{server.url}/busy/1")

    assert pauses == [7.0, 7.0]


def test_retry_after_may_be_a_date_and_is_capped(server):
    server.retry_after = formatdate(time() + 3600, usegmt=True)

    _, pauses = fetch(f"{server.url}/busy/1")

    assert pauses == [QUICK.longest_pause_s] * 2


def test_nonsense_in_retry_after_falls_back_on_doubling_pauses(server):
    server.retry_after = "soon"

    _, pauses = fetch(f"{server.url}/busy/1")

    assert pauses == [1.0, 2.0]


def test_an_endless_body_is_cut_off_at_the_limit(server):
    limits = DownloadLimits(size_bytes=200_000, tries=1)

    assert failure_of(f"{server.url}/endless/1", limits) is Reason.TOO_LARGE


def test_a_refused_connection_and_an_unknown_host_count_as_connection_lost():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    assert failure_of(f"http://127.0.0.1:{port}/") is Reason.CONNECTION_LOST
    assert failure_of("http://photos.invalid/") is Reason.CONNECTION_LOST


@pytest.mark.parametrize(
    "url", ["", "photo", "file:///etc/passwd", "ftp://x/y", "http://[", "http://a b/", "http:///x"]
)
def test_what_is_no_web_address_is_a_bad_url(url):
    assert failure_of(url) is Reason.BAD_URL


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://images.example/a", "https://images.example/a?w=640&q=80&fm=jpg"),
        (
            "https://images.example/a?ixid=1&w=9",
            "https://images.example/a?ixid=1&w=640&q=80&fm=jpg",
        ),
        ("https://images.example/a?x=#top", "https://images.example/a?x=&w=640&q=80&fm=jpg#top"),
    ],
)
def test_the_rendition_is_set_whatever_the_url_has_already(url, expected):
    assert rendition_url(url) == expected


def test_a_download_is_given_up_when_the_job_has_ended(server):
    def refuse_to_sleep(_: float) -> None:
        raise AssertionError

    with pytest.raises(DownloadFailed):
        download(f"{server.url}/broken/1", QUICK, sleep=refuse_to_sleep, is_stopped=lambda: True)

    assert server.asked["/broken/1"] == 1
