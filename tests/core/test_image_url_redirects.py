from __future__ import annotations

import socket
import threading

import pytest

from photo_search.errors import ImageDownloadFailed, ImageUrlRefused
from tests.core.loopback_download import URL, LoopbackOnce, make_downloader
from tests.core.raw_server import JPEG, RawServer, redirects_to, response


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 T", "308 P"])
def test_three_redirects_are_followed(status):
    hops = ("/1", "http://other.example/2", "//third.example/3")

    with RawServer(redirects_to(*hops, status=status)) as server:
        assert make_downloader(server).download(URL) == JPEG

    hosts = [request.split("Host: ")[1].split("\r\n")[0] for request in server.requests]
    assert hosts == ["photos.example", "photos.example", "other.example", "third.example"]


def test_a_fourth_redirect_is_not_followed():
    with (
        RawServer(redirects_to("/1", "/2", "/3", "/4")) as server,
        pytest.raises(ImageDownloadFailed, match="more than 3 times"),
    ):
        make_downloader(server).download(URL)

    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("location", "asked"),
    [
        ("/café.jpg", "/caf%C3%A9.jpg"),
        ("  /my picture.jpg", "/my%20picture.jpg"),
        ("/a%20b.jpg?x=%C3%A9", "/a%20b.jpg?x=%C3%A9"),
    ],
)
def test_a_redirect_is_quoted_as_browsers_do_it(location, asked):
    with RawServer(redirects_to(location)) as server:
        assert make_downloader(server).download(URL) == JPEG

    assert server.requests[1].split(" ")[1] == asked


def test_a_redirect_loop_ends():
    with (
        RawServer(redirects_to(*["/a.jpg"] * 50)) as server,
        pytest.raises(ImageDownloadFailed, match="more than 3 times"),
    ):
        make_downloader(server).download(URL)


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://inside.example/",
        "http://localhost/",
        "//2130706433/",
        "https://photos.example/",
        "file:///etc/passwd",
        "ftp://photos.example/a.jpg",
        "http://user:pw@photos.example/",
        "http://photos.example:22/",
        "http://[oops/",
        "http://photos.example/" + "a" * 3000,
    ],
)
def test_a_redirect_that_leads_inside_or_elsewhere_is_refused(location):
    with (
        RawServer(redirects_to(location)) as server,
        pytest.raises(ImageUrlRefused),
    ):
        make_downloader(server, is_allowed_address=LoopbackOnce()).download(URL)

    assert len(server.requests) == 1


def test_each_hop_is_resolved_and_checked_again():
    answers = [["127.0.0.1"], ["127.0.0.1"]]

    with (
        RawServer(redirects_to("/again")) as server,
        pytest.raises(ImageUrlRefused, match="not public"),
    ):
        make_downloader(
            server,
            resolve=lambda _host, _port: answers.pop(0),
            is_allowed_address=LoopbackOnce(),
        ).download(URL)

    assert answers == []
    assert len(server.requests) == 1


def test_redirects_share_one_deadline():
    def slow_redirect(connection: socket.socket, over: threading.Event) -> None:
        over.wait(0.3)
        connection.sendall(response(b"", status="302 Found", extra="Location: /next\r\n"))

    with (
        RawServer(slow_redirect) as server,
        pytest.raises(ImageDownloadFailed, match=r"within 0\.5 s"),
    ):
        make_downloader(server, deadline_s=0.5).download(URL)
