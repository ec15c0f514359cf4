"""A downloader that may reach the tests' own server, and the URL that it is given."""

from __future__ import annotations

from photo_search.image_url import DownloadPolicy, ImageDownloader
from photo_search.public_address import is_public_address

URL = "http://photos.example/a.jpg"


class LoopbackOnce:
    """Lets the first connection reach the test's server; from then on the real rule holds."""

    def __init__(self) -> None:
        self._left = 1

    def __call__(self, address):
        self._left -= 1
        return self._left >= 0 or is_public_address(address)


def make_downloader(server, *, scheme="http", **changes) -> ImageDownloader:
    policy = {
        "ports": {scheme: server.port},
        "deadline_s": 20.0,
        "size_bytes": 100_000,
        "resolve": lambda _host, _port: ["127.0.0.1"],
        "is_allowed_address": lambda address: address.is_loopback,
    }
    return ImageDownloader(DownloadPolicy(**{**policy, **changes}))
