"""Guarded download of a URL that a user gave: no way into this machine or its network.

Every hop is checked anew: the URL's form, and every address that its host resolves to. The
connection then goes to a checked address, so a name that resolves differently a moment later (DNS
rebinding) gains nothing. Redirects are followed by hand, proxies of the environment are not used,
bytes and total time are capped. Whether the bytes are a picture is for ``images.py`` to say.
"""

from __future__ import annotations

import io
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPException, HTTPResponse
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, cast

from photo_search.errors import ImageDownloadFailed, ImageTooLarge, ImageUrlRefused
from photo_search.image_target import ImageTarget
from photo_search.public_address import IPAddress, is_public_address

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_REDIRECTS = (301, 302, 303, 307, 308)
_READ_BYTES = 1 << 16
# Room for headers and chunk sizes on top of the picture.
_OVERHEAD_BYTES = 1 << 18


def resolve_host(host: str, port: int) -> list[str]:
    """Addresses of a host by the system's resolver.

    Raises:
        OSError: The name does not resolve.
    """
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(socket_address[0]) for *_, socket_address in answers]


@cache
def default_tls_context() -> ssl.SSLContext:
    """The system's certificate authorities, read once per process: it takes milliseconds."""
    return ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class DownloadPolicy:
    """What may be downloaded, from where, and how much; the defaults are what users get.

    Attributes:
        ports: Allowed schemes, each with its only port.
        size_bytes: Most bytes of a picture.
        deadline_s: Most seconds from the first name look-up to the last byte, redirects included.
        redirects: Most hops after the first.
        resolve: Host and port to addresses. A look-up cannot be stopped: one that outlives the
            deadline is left behind in a thread of its own.
        is_allowed_address: Whether an address may be connected to.
        tls_context: Supplies the certificate authorities.
    """

    ports: Mapping[str, int] = field(default_factory=lambda: {"https": 443})
    size_bytes: int = 4 * 1024 * 1024
    deadline_s: float = 5.0
    redirects: int = 3
    resolve: Callable[[str, int], Sequence[str]] = resolve_host
    is_allowed_address: Callable[[IPAddress], bool] = is_public_address
    tls_context: Callable[[], ssl.SSLContext] = default_tls_context


def download_image(url: str, *, allow_http: bool = False) -> bytes:
    """Download a picture under the default policy.

    Args:
        url: An https URL; with ``allow_http`` also an http one.
        allow_http: Whether plain http on port 80 is allowed too.

    Returns:
        The file's bytes, at most ``DownloadPolicy.size_bytes``.

    Raises:
        ImageUrlRefused: The URL, or one it redirects to, is malformed or leads where none may.
        ImageDownloadFailed: No picture came from it in time.
        ImageTooLarge: It is larger than the limit.
    """
    ports = {"https": 443, "http": 80} if allow_http else {"https": 443}
    return ImageDownloader(DownloadPolicy(ports=ports)).download(url)


class ImageDownloader:
    """Downloads pictures under one policy. Safe in threads."""

    def __init__(self, policy: DownloadPolicy) -> None:
        """Set the rules."""
        self._policy = policy

    def download(self, url: str) -> bytes:
        """Download a picture; see ``download_image`` for what is returned and raised."""
        policy = self._policy
        deadline = _Deadline(policy.deadline_s)
        base = ""
        try:
            for _ in range(policy.redirects + 1):
                target = ImageTarget.parse(url, base=base, ports=policy.ports)
                found = self._fetch(target, deadline)
                if isinstance(found, bytes):
                    return found
                base, url = target.url, found
        except TimeoutError as error:
            msg = f"image_url: no picture came within {policy.deadline_s:g} s"
            raise ImageDownloadFailed(msg) from error
        except ssl.SSLCertVerificationError as error:
            msg = f"image_url: the certificate is not valid: {error.verify_message}"
            raise ImageDownloadFailed(msg) from error
        except socket.gaierror as error:
            msg = f"image_url: {target.host} does not resolve"
            raise ImageDownloadFailed(msg) from error
        # http.client lets a ValueError through where a chunk's size is nonsense.
        except (OSError, HTTPException, ValueError) as error:
            msg = f"image_url: the connection to {target.host} failed ({type(error).__name__})"
            raise ImageDownloadFailed(msg) from error
        msg = f"image_url: it redirects more than {policy.redirects} times"
        raise ImageDownloadFailed(msg)

    def _fetch(self, target: ImageTarget, deadline: _Deadline) -> bytes | str:
        """Ask one hop: a picture's bytes, or the URL that a redirect names."""
        addresses = self._checked_addresses(target, deadline)
        with self._connect(target, addresses, deadline) as sock:
            wire = _Wire(sock, deadline, limit_bytes=self._policy.size_bytes + _OVERHEAD_BYTES)
            wire.sendall(_request(target))
            with HTTPResponse(cast("socket.socket", wire), method="GET") as response:
                response.begin()
                location = response.getheader("Location")
                if response.status in _REDIRECTS and location:
                    return _quoted(location)
                _check_head(response, target.host)
                return self._read_body(response)

    def _checked_addresses(self, target: ImageTarget, deadline: _Deadline) -> list[IPAddress]:
        addresses = [target.address] if target.address else self._resolve(target, deadline)
        if not all(map(self._policy.is_allowed_address, addresses)):
            msg = f"image_url: {target.host} has an address that is not public"
            raise ImageUrlRefused(msg)
        return addresses

    def _resolve(self, target: ImageTarget, deadline: _Deadline) -> list[IPAddress]:
        answer: Future[Sequence[str]] = Future()

        def ask() -> None:
            try:
                answer.set_result(self._policy.resolve(target.host, target.port))
            except Exception as error:  # noqa: BLE001 - raised again by result()
                answer.set_exception(error)

        threading.Thread(target=ask, daemon=True).start()
        return [ip_address(address) for address in answer.result(deadline.remaining_s())]

    def _connect(
        self, target: ImageTarget, addresses: Sequence[IPAddress], deadline: _Deadline
    ) -> socket.socket:
        sock = _connect_to_any(addresses, target.port, deadline)
        if target.scheme != "https":
            return sock
        # The host's name goes into SNI and is what the certificate must be for.
        sock.settimeout(deadline.remaining_s())
        return self._policy.tls_context().wrap_socket(sock, server_hostname=target.host)

    def _read_body(self, response: HTTPResponse) -> bytes:
        limit = self._policy.size_bytes
        too_large = f"image_url: the picture has more than {limit} bytes, which is the limit"
        if response.length is not None and response.length > limit:
            raise ImageTooLarge(too_large)
        body = bytearray()
        while chunk := response.read(_READ_BYTES):
            body += chunk
            if len(body) > limit:
                raise ImageTooLarge(too_large)
        # After the end, length is what the server promised and did not send.
        if response.length:
            msg = f"image_url: the download broke off, {response.length} bytes before its end"
            raise ImageDownloadFailed(msg)
        if not body:
            msg = "image_url: the server sent no bytes"
            raise ImageDownloadFailed(msg)
        return bytes(body)


class _Deadline:
    def __init__(self, total_s: float) -> None:
        self._end_s = time.monotonic() + total_s

    def remaining_s(self) -> float:
        """Seconds left, more than 0; TimeoutError when there are none."""
        left_s = self._end_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        return left_s


class _Wire(io.RawIOBase):
    """What HTTPResponse needs of a socket. Each wait ends at the deadline, whatever drips in."""

    def __init__(self, sock: socket.socket, deadline: _Deadline, *, limit_bytes: int) -> None:
        self._sock = sock
        self._deadline = deadline
        self._left_bytes = limit_bytes

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(self._deadline.remaining_s())
        self._sock.sendall(data)

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._sock.settimeout(self._deadline.remaining_s())
        count = self._sock.recv_into(buffer)
        self._left_bytes -= count
        # Also ends endless headers, and a chunk of size -1, which http.client would read for ever.
        if self._left_bytes < 0:
            msg = "image_url: the server sends more bytes than a picture may have"
            raise ImageTooLarge(msg)
        return count


def _quoted(location: str) -> str:
    """A redirect's URL with what browsers quote quoted: bytes beyond ASCII, and spaces."""
    raw = location.strip().encode("latin-1")  # http.client decoded the header so
    return re.sub(rb"[\x80-\xff ]", lambda byte: b"%%%02X" % ord(byte[0]), raw).decode("ascii")


def _request(target: ImageTarget) -> bytes:
    """The request as sent: no cookies, nothing compressed, one answer per connection."""
    host = f"[{target.host}]" if isinstance(target.address, IPv6Address) else target.host
    lines = (
        f"GET {target.path} HTTP/1.1",
        f"Host: {host}",
        "User-Agent: photo-search",
        "Accept: image/*",
        "Accept-Encoding: identity",
        "Connection: close",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _connect_to_any(
    addresses: Sequence[IPAddress], port: int, deadline: _Deadline
) -> socket.socket:
    """Connect to the first address that answers; each one gets an equal share of the time left."""
    failure: OSError = socket.gaierror("no address")
    for position, address in enumerate(addresses):
        family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(deadline.remaining_s() / (len(addresses) - position))
            sock.connect((str(address), port))
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise failure


def _check_head(response: HTTPResponse, host: str) -> None:
    if response.status != 200:
        msg = f"image_url: {host} answered {response.status}, not 200"
        raise ImageDownloadFailed(msg)
    content_type = response.headers.get_content_type()
    if response.headers.get_content_maintype() != "image":
        msg = f"image_url: {host} sent {content_type[:80]}, not an image"
        raise ImageDownloadFailed(msg)
    encoding = response.getheader("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        msg = f"image_url: {host} sent the picture compressed, though it was asked not to"
        raise ImageDownloadFailed(msg)
