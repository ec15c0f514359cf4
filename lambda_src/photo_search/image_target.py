"""Reads a URL that a user gave and refuses every form that no public picture has; no sockets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import quote, urljoin, urlsplit

from photo_search.errors import ImageUrlRefused
from photo_search.public_address import IPAddress

MAX_URL_CHARACTERS = 2048
_CONTROLS_OR_SPACE = re.compile(r"[\x00-\x20\x7f-\xa0\\]")
# At least two labels, the last one no number: refuses localhost, 2130706433, 0x7f.1 and the like.
_HOST_NAME = re.compile(r"(?:[a-z0-9_-]{1,63}\.)+[a-z][a-z0-9-]{0,62}")
# What may stand in a path or query as it is (RFC 3986); "%" because quoting was done before.
_PATH_CHARACTERS = "%/:@!$&'()*+,;=~?"


@dataclass(frozen=True, slots=True)
class ImageTarget:
    """A URL whose form is allowed; where its host leads is still to be checked.

    Attributes:
        url: The URL, complete.
        scheme: ``https`` or ``http``.
        host: Lower-case ASCII, without a final dot.
        address: The host, where it is an IP address itself.
        port: The scheme's only allowed port.
        path: Percent-encoded path and query, free of control characters.
    """

    url: str
    scheme: str
    host: str
    address: IPAddress | None
    port: int
    path: str

    @classmethod
    def parse(cls, url: str, *, base: str, ports: Mapping[str, int]) -> ImageTarget:
        """Read a user's URL or a redirect's.

        Args:
            url: What was given; may be relative to ``base``.
            base: URL of the hop that redirected here, or empty.
            ports: Allowed schemes, each with its only port.

        Raises:
            ImageUrlRefused: It is malformed or of a kind that is not downloaded from.
        """
        url = url.strip()
        if len(url) > MAX_URL_CHARACTERS:
            msg = f"image_url has {len(url)} characters; the limit is {MAX_URL_CHARACTERS}"
            raise ImageUrlRefused(msg)
        if _CONTROLS_OR_SPACE.search(url):
            msg = "image_url holds a space, a control character or a backslash"
            raise ImageUrlRefused(msg)
        try:
            parts = urlsplit(urljoin(base, url))
            # IDNA also makes full-width digits and dots ASCII, hence before any check of the host.
            host = (parts.hostname or "").encode("idna").decode("ascii").removesuffix(".")
            path = quote(parts.path or "/", safe=_PATH_CHARACTERS)
            query = quote(parts.query, safe=_PATH_CHARACTERS)
            port = parts.port
        except ValueError as error:
            msg = "image_url is no valid URL"
            raise ImageUrlRefused(msg) from error
        if parts.scheme not in ports:
            msg = f"image_url must begin with {' or '.join(f'{name}://' for name in ports)}"
            raise ImageUrlRefused(msg)
        allowed_port = ports[parts.scheme]
        if port not in (None, allowed_port):
            msg = f"image_url names port {port}; for {parts.scheme} only {allowed_port} is allowed"
            raise ImageUrlRefused(msg)
        if "@" in parts.netloc:
            msg = "image_url holds a user name or password"
            raise ImageUrlRefused(msg)
        address = _address(host)
        if address is None and not _HOST_NAME.fullmatch(host):
            msg = "image_url names no host on the public internet"
            raise ImageUrlRefused(msg)
        full_path = f"{path}?{query}" if query else path
        return cls(parts.geturl(), parts.scheme, host, address, allowed_port, full_path)


def _address(host: str) -> IPAddress | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
