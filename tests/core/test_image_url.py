from __future__ import annotations

import gzip
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import trustme

from photo_search.errors import ImageDownloadFailed, ImageTooLarge, ImageUrlRefused
from photo_search.image_url import DownloadPolicy, ImageDownloader, download_image
from tests.core.loopback_download import URL, make_downloader
from tests.core.raw_server import (
    JPEG,
    RawServer,
    repeats,
    resets,
    response,
    says_nothing,
    sends,
)

REPOSITORY = Path(__file__).parents[2]


def _no_network(_host: str, _port: int) -> list[str]:
    msg = "a URL that is refused by its form must not be looked up"
    raise AssertionError(msg)


def test_a_picture_is_downloaded():
    with RawServer(sends(response())) as server:
        assert make_downloader(server).download(URL) == JPEG


def test_the_request_is_plain_and_asks_for_nothing_compressed():
    with RawServer(sends(response())) as server:
        make_downloader(server).download("http://photos.example/a%20b.jpg?w=1")

    line, *headers = server.requests[0].split("\r\n")
    assert line == "GET /a%20b.jpg?w=1 HTTP/1.1"
    assert "Host: photos.example" in headers
    assert "Accept-Encoding: identity" in headers
    assert not any(header.lower().startswith(("cookie", "authorization")) for header in headers)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.com/a.jpg",
        "gopher://example.com/",
        "http://example.com/a.jpg",
        "http://169.254.169.254/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://127.0.0.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://10.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://localhost/",
        "https://user:pw@example.com/",
    ],
)
def test_a_url_that_leads_inside_is_refused_without_a_look_up(url):
    with pytest.raises(ImageUrlRefused):
        ImageDownloader(DownloadPolicy(resolve=_no_network)).download(url)


@pytest.mark.parametrize("allow_http", [False, True])
def test_the_default_policy_refuses_the_metadata_address(allow_http):
    with pytest.raises(ImageUrlRefused):
        download_image("http://169.254.169.254/latest/meta-data/", allow_http=allow_http)


def test_http_is_refused_by_default_and_the_message_says_what_is_allowed():
    with pytest.raises(ImageUrlRefused, match=r"must begin with https://$"):
        download_image("http://127.0.0.1/")


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["93.184.215.14", "10.0.0.1"],
        ["10.0.0.1", "93.184.215.14"],
        ["2606:4700:4700::1111", "::1"],
        ["93.184.215.14", "169.254.169.254"],
    ],
)
def test_one_private_address_among_the_answers_refuses_the_host(addresses):
    policy = DownloadPolicy(resolve=lambda _host, _port: addresses)

    with pytest.raises(ImageUrlRefused, match="an address that is not public") as caught:
        ImageDownloader(policy).download("https://photos.example/")

    assert not any(address in str(caught.value) for address in addresses)


def test_the_connection_goes_to_the_address_that_was_checked():
    answers = [["127.0.0.1"], ["192.0.2.1"]]
    asked = []

    def resolve(host, _port):
        asked.append(host)
        return answers.pop(0)

    with RawServer(sends(response())) as server:
        body = make_downloader(server, resolve=resolve).download(URL)

    assert body == JPEG
    assert asked == ["photos.example"]


def test_another_address_is_tried_when_the_first_does_not_answer():
    with RawServer(sends(response())) as server:
        downloader = make_downloader(
            server, resolve=lambda _host, _port: ["127.0.0.9", "127.0.0.1"]
        )

        assert downloader.download(URL) == JPEG


def test_environment_proxies_are_ignored(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    with RawServer(sends(response())) as server:
        assert make_downloader(server).download(URL) == JPEG


def test_an_empty_answer_is_no_picture():
    with (
        RawServer(sends(response(b""))) as server,
        pytest.raises(ImageDownloadFailed, match="no bytes"),
    ):
        make_downloader(server).download(URL)


def test_the_default_policy_bounds_bytes_time_and_redirects():
    policy = DownloadPolicy()

    assert policy.size_bytes == 4 * 1024 * 1024
    assert policy.deadline_s <= 10
    assert policy.redirects == 3
    assert dict(policy.ports) == {"https": 443}


@pytest.mark.parametrize("status", ["404 Not Found", "500 Oops", "204 No Content", "302 Found"])
def test_an_answer_other_than_200_is_named(status):
    with (
        RawServer(sends(response(status=status))) as server,
        pytest.raises(ImageDownloadFailed, match=f"answered {status[:3]}"),
    ):
        make_downloader(server).download(URL)


@pytest.mark.parametrize("content_type", ["text/html", "application/octet-stream", "", "image"])
def test_content_that_claims_to_be_no_image_is_refused(content_type):
    with (
        RawServer(sends(response(content_type=content_type))) as server,
        pytest.raises(ImageDownloadFailed, match="not an image"),
    ):
        make_downloader(server).download(URL)


def test_a_compressed_answer_is_refused_and_never_unpacked():
    bomb = gzip.compress(bytes(10_000_000))

    with (
        RawServer(sends(response(bomb, extra="Content-Encoding: gzip\r\n"))) as server,
        pytest.raises(ImageDownloadFailed, match="compressed"),
    ):
        make_downloader(server).download(URL)


def test_a_picture_of_just_the_limit_is_downloaded():
    body = bytes(100_000)

    with RawServer(sends(response(body))) as server:
        assert make_downloader(server).download(URL) == body


@pytest.mark.parametrize(
    "answer", [response(length=100_001), response(bytes(100_001), length=None)]
)
def test_one_byte_more_than_the_limit_is_refused_declared_or_not(answer):
    with (
        RawServer(sends(answer)) as server,
        pytest.raises(ImageTooLarge, match="more than 100000 bytes"),
    ):
        make_downloader(server).download(URL)


CHUNKED = "Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    ("start", "part"),
    [
        (response(length=None), bytes(65536)),
        (response(b"", length=None, extra=CHUNKED), b"10000\r\n" + bytes(65536) + b"\r\n"),
        # http.client would read a chunk of this size until the server hangs up.
        (response(b"", length=None, extra=CHUNKED) + b"-1\r\n", bytes(65536)),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 60000 + b"\r\n", b"X: " + b"a" * 60000 + b"\r\n"),
    ],
    ids=["close", "chunked", "negative chunk", "headers"],
)
def test_an_endless_answer_is_cut_at_the_limit(start, part):
    with (
        RawServer(repeats(start, part)) as server,
        pytest.raises(ImageTooLarge, match="bytes"),
    ):
        make_downloader(server).download(URL)


@pytest.mark.parametrize(
    "behaviour",
    [
        says_nothing,
        repeats(b"HTTP/1.1 200 OK\r\n", b"X", every_s=0.05),
        repeats(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", every_s=0.05),
        repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n", every_s=0.01),
        repeats(response(length=1000), b"x", every_s=0.05),
        repeats(response(length=None), b"x", every_s=0.05),
        repeats(response(b"", length=None, extra=CHUNKED), b"1\r\nx\r\n", every_s=0.05),
    ],
    ids=["silence", "header", "headers", "continue", "body", "open body", "chunks"],
)
def test_a_slow_answer_ends_at_the_deadline(behaviour):
    start_s = time.monotonic()

    with (
        RawServer(behaviour) as server,
        pytest.raises(ImageDownloadFailed, match=r"within 0\.5 s"),
    ):
        make_downloader(server, deadline_s=0.5).download(URL)

    assert time.monotonic() - start_s < 10


def test_a_slow_look_up_ends_at_the_deadline():
    over = threading.Event()

    def resolve(_host, _port):
        over.wait(5)
        return ["127.0.0.1"]

    with pytest.raises(ImageDownloadFailed, match=r"within 0\.2 s"):
        ImageDownloader(DownloadPolicy(resolve=resolve, deadline_s=0.2)).download(
            "https://photos.example/"
        )

    over.set()


def test_a_name_that_does_not_resolve_is_named():
    def resolve(_host, _port):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(ImageDownloadFailed, match=r"photos\.example does not resolve"):
        ImageDownloader(DownloadPolicy(resolve=resolve)).download("https://photos.example/")


def test_a_name_without_addresses_does_not_resolve():
    with pytest.raises(ImageDownloadFailed, match="does not resolve"):
        ImageDownloader(DownloadPolicy(resolve=lambda _host, _port: [])).download(
            "https://photos.example/"
        )


def test_a_body_shorter_than_declared_is_a_failure():
    with (
        RawServer(sends(response(length=len(JPEG) + 7))) as server,
        pytest.raises(ImageDownloadFailed, match="7 bytes before its end"),
    ):
        make_downloader(server).download(URL)


def test_a_body_longer_than_declared_is_read_as_far_as_declared():
    with RawServer(sends(response(JPEG + b"more", length=len(JPEG)))) as server:
        assert make_downloader(server).download(URL) == JPEG


@pytest.mark.parametrize("size", [b"zz", b"-5", b"ffffffffffffffffffff", b""])
def test_nonsense_chunk_sizes_are_a_failure(size):
    start = response(b"", length=None, extra=CHUNKED)

    with (
        RawServer(sends(start + size + b"\r\nabc\r\n")) as server,
        pytest.raises(ImageDownloadFailed),
    ):
        make_downloader(server).download(URL)


@pytest.mark.parametrize(
    "behaviour",
    [
        resets,
        sends(),
        sends(b"SSH-2.0-OpenSSH_9.2\r\n"),
        sends(b"\x00\xff" * 500),
        sends(b"HTTP/1.1 OK\r\n\r\n"),
        sends(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n"),
        sends(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"),
        sends(b"HTTP/1.1 200 OK\r\n\r\n"),
    ],
    ids=["reset", "nothing", "ssh", "junk", "no status", "long header", "headers", "no type"],
)
def test_what_is_no_proper_answer_is_a_failure(behaviour):
    with RawServer(behaviour) as server, pytest.raises(ImageDownloadFailed):
        make_downloader(server).download(URL)


def test_a_closed_port_is_a_failure():
    with RawServer(says_nothing) as server:
        pass

    with pytest.raises(ImageDownloadFailed, match="ConnectionRefusedError"):
        make_downloader(server).download(URL)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def _server_tls(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def _client_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_https_asks_for_the_host_by_name_and_checks_its_certificate(authority):
    names = []
    tls = _server_tls(authority, "photos.example")
    tls.sni_callback = lambda _socket, name, _context: names.append(name)

    with RawServer(sends(response()), tls=tls) as server:
        downloader = make_downloader(
            server, scheme="https", tls_context=lambda: _client_tls(authority)
        )

        assert downloader.download("https://photos.example/a.jpg") == JPEG

    assert names == ["photos.example"]


def test_a_certificate_for_another_name_is_refused(authority):
    tls = _server_tls(authority, "other.example")

    with (
        RawServer(sends(response()), tls=tls) as server,
        pytest.raises(ImageDownloadFailed, match="certificate is not valid"),
    ):
        make_downloader(
            server, scheme="https", tls_context=lambda: _client_tls(authority)
        ).download("https://photos.example/")

    assert server.requests == []


def test_a_certificate_of_an_unknown_authority_is_refused(authority):
    tls = _server_tls(authority, "photos.example")

    with (
        RawServer(sends(response()), tls=tls) as server,
        pytest.raises(ImageDownloadFailed, match="certificate is not valid"),
    ):
        make_downloader(server, scheme="https").download("https://photos.example/")


def test_a_handshake_that_never_ends_stops_at_the_deadline():
    with (
        RawServer(says_nothing) as server,
        pytest.raises(ImageDownloadFailed, match=r"within 0\.3 s"),
    ):
        make_downloader(server, scheme="https", deadline_s=0.3).download("https://photos.example/")


def test_importing_the_search_does_not_import_the_download():
    program = (
        "import sys; import photo_search.search\n"
        "print([name for name in ('photo_search.image_url', 'ssl') if name in sys.modules])"
    )

    printed = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(REPOSITORY / "lambda_src"), "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert printed.strip() == "[]"
