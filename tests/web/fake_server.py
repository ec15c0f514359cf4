"""Speaks the HTTP API without a model, and answers as slowly or as badly as a test asks."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import numpy as np
from PIL import Image

from ingest.blur_hash import encode_blur_hash

WEB_DIR = Path(__file__).parents[2] / "web"
SHAPES = ((900, 600), (600, 900), (800, 800), (960, 540))
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
FILTERS = ("orientation", "colour", "country", "photographer", "camera")
UNSPLASH_CREDIT = (
    'Photo by <a href="https://unsplash.com/@ada">Ada Moss</a> on '
    '<a href="https://unsplash.com/">Unsplash</a>'
)


@dataclass(frozen=True, slots=True)
class FakePhoto:
    """One photo of the pretended collection."""

    photo_id: str
    width: int
    height: int
    description: str
    jpeg: bytes
    credit: str = UNSPLASH_CREDIT
    path: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """One search that the page asked for; ``fields`` in the names of a JSON body."""

    method: str
    fields: dict[str, Any]
    body_bytes: int


def gradient_photo(number: int) -> FakePhoto:
    """Make a small picture of two colours that differ from photo to photo."""
    width, height = SHAPES[number % len(SHAPES)]
    top = Image.new("RGB", (width // 10, height // 10), f"hsl({number * 47 % 360}, 45%, 60%)")
    bottom = Image.new("RGB", top.size, f"hsl({number * 47 % 360 + 40}, 50%, 30%)")
    top.paste(bottom, mask=Image.linear_gradient("L").resize(top.size))
    out = BytesIO()
    top.save(out, "JPEG")
    return FakePhoto(
        f"photo-{number:03}", width, height, f"picture number {number}", out.getvalue()
    )


@dataclass(slots=True)
class FakeServer:
    """What tests set (how to behave) and read (what was asked)."""

    photos: list[FakePhoto]
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    held: dict[str, threading.Event] = field(default_factory=dict)
    """What an answer waits for, by the text of the query; see ``hold``."""
    facets: dict[str, dict[str, int]] = field(default_factory=dict)
    """Counts by facet and value; none at all is a server that knows no facets."""
    checkpoint: str = "photo-search/demo-clip"
    config: bytes | None = b'{"auth": "none"}'
    """How people sign in; None is a site without the file."""
    accepts: set[str] | None = None
    """Values of the Authorization header; None asks for none."""
    authorizations: list[str] = field(default_factory=list)
    """Those that came with each call of the API; empty where none did."""
    problems: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    """Answers to give instead of hits, each once; first come first."""

    @property
    def searches(self) -> list[Asked]:
        """The searches so far, without those of the start page's cards."""
        return [asked for asked in self.asked if asked.fields["k"] > 4]

    @property
    def texts(self) -> list[str]:
        """Texts of the searches so far."""
        return [asked.fields.get("text", "") for asked in self.searches]

    def hold(self, text: str) -> threading.Event:
        """Give no answer to a text before the event is set, or the server ends."""
        return self.held.setdefault(text, threading.Event())

    def search(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Rank the photos by a hash of the query: another query, another order."""
        text = fields.get("text", "") + fields.get("photo_id", "")
        filters = fields.get("filters", {})
        unwritten = fields.get("mode") == "keyword" and "unwritten" in text
        found = [
            photo
            for photo in self.photos
            if "nothing" not in text
            and not unwritten
            and filters.get("colour") != "pink"
            and photo.photo_id != fields.get("photo_id")
            and filters.get("orientation") in (None, _orientation(photo))
        ]
        names = [filters.get(name, "") for name in ("country", "photographer", "camera")]
        key = "".join([text, fields.get("mode", ""), *names])
        found.sort(key=lambda photo: zlib.crc32((key + photo.photo_id).encode()))
        end = fields["offset"] + fields["k"]
        return {
            "hits": [_hit(photo, rank) for rank, photo in enumerate(found[fields["offset"] : end])],
            "next": end if end < len(found) else None,
            "took_ms": {"encode": 2.1, "search": 0.9, "total": 3.0},
            "query": {"truncated": "very long" in text},
            **({"facets": self._counted(fields, found)} if self.facets else {}),
        }

    def _counted(self, fields: dict[str, Any], found: list[FakePhoto]) -> dict[str, Any]:
        """The counts asked for; of a facet that is filtered by, the chosen value's alone."""
        filters = fields.get("filters", {})
        return {
            name: [
                {"value": value, "count": count}
                for value, count in self.facets.get(name, {}).items()
                if found and filters.get(name, value) == value
            ]
            for name in fields.get("facets", [])
        }


class _Server(ThreadingHTTPServer):
    request_queue_size = 64  # a wall of photos comes at once


@contextmanager
def running_fake_server(photos: list[FakePhoto]) -> Iterator[FakeServer]:
    """Serve on a free port until the block ends."""
    fake = FakeServer(photos)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"fake": fake}))
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield fake
    finally:
        for event in fake.held.values():
            event.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    fake: FakeServer

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        routes: dict[str, Callable[[], None]] = {"search": lambda: self.search(parts.query)}
        head, _, rest = parts.path.removeprefix("/").partition("/")
        routes["healthz"] = lambda: self.send_json({"model": {"checkpoint": self.fake.checkpoint}})
        routes["photos"] = lambda: self.photo(unquote(rest))
        if head in routes and not self.is_let_in():
            return
        routes["config.json"] = self.config
        routes["thumbs"] = routes["originals"] = lambda: self.picture(unquote(rest))
        routes.get(head, lambda: self.page(parts.path))()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if not self.is_let_in():
            return
        self.answer(Asked("POST", json.loads(body), len(body)))

    def is_let_in(self) -> bool:
        """Whether the call may pass; otherwise it is answered as API Gateway's authorizer does."""
        authorization = self.headers.get("authorization", "")
        self.fake.authorizations.append(authorization)
        if self.fake.accepts is None or authorization in self.fake.accepts:
            return True
        self.send(401, "application/json", b'{"message": "Unauthorized"}')
        return False

    def config(self) -> None:
        if self.fake.config is None:
            self.send(404, "text/plain", b"not found")
        else:
            self.send(200, "application/json", self.fake.config)

    def search(self, query: str) -> None:
        words: dict[str, Any] = dict(parse_qsl(query))
        filters = {name: words.pop(name) for name in FILTERS if name in words}
        fields = words | {"k": int(words["k"]), "offset": int(words["offset"])}
        fields |= {"filters": filters}
        if "facets" in fields:
            fields["facets"] = fields["facets"].split(",")
        if "q" in fields:
            fields["text"] = fields.pop("q")
        self.answer(Asked("GET", fields, 0))

    def answer(self, asked: Asked) -> None:
        self.fake.asked.append(asked)
        held = self.fake.held.get(asked.fields.get("text", ""))
        if held is not None:
            held.wait()
        # The start page's cards must not use up what a test prepared.
        if self.fake.problems and asked.fields["k"] > 4:
            status, problem = self.fake.problems.pop(0)
            self.send(status, "application/problem+json", json.dumps(problem).encode())
        else:
            self.send_json(self.fake.search(asked.fields))

    def photo(self, photo_id: str) -> None:
        for photo in self.fake.photos:
            if photo.photo_id == photo_id:
                more = {"place": "Lofoten", "camera": "Pinhole", "colours": ["blue"]}
                self.send_json(_hit(photo, 0) | more)
                return
        self.send(404, "application/problem+json", b"{}")

    def picture(self, photo_id: str) -> None:
        jpeg = next(photo.jpeg for photo in self.fake.photos if photo.photo_id == photo_id)
        self.send(200, "image/jpeg", jpeg)

    def page(self, path: str) -> None:
        file = WEB_DIR / (path.removeprefix("/") or "index.html")
        if file.is_file():
            self.send(200, MEDIA_TYPES[file.suffix], file.read_bytes())
        else:
            self.send(404, "text/plain", b"not found")

    def send_json(self, value: object) -> None:
        self.send(200, "application/json", json.dumps(value).encode())

    def send(self, status: int, media_type: str, body: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("content-type", media_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:  # the page went away, or no longer wants the answer
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


def _orientation(photo: FakePhoto) -> str:
    if photo.width == photo.height:
        return "square"
    return "landscape" if photo.width > photo.height else "portrait"


def _hit(photo: FakePhoto, rank: int) -> dict[str, Any]:
    return {
        "photo_id": photo.photo_id,
        "score": 1 - rank / 100,
        "cosine": 0.42 - rank / 250,
        "width": photo.width,
        "height": photo.height,
        "blur_hash": _blur_hash(photo.jpeg),
        "description": photo.description,
        "path": photo.path,
        "image_url": f"/originals/{photo.photo_id}",
        "thumbnail_url": f"/thumbs/{photo.photo_id}",
        "page_url": "",
        "attribution": {
            "text": "Photo by Ada Moss on Unsplash" if photo.credit else "",
            "html": photo.credit,
        },
    }


@cache
def _blur_hash(jpeg: bytes) -> str:
    with Image.open(BytesIO(jpeg)) as image:
        return encode_blur_hash(np.asarray(image.convert("RGB").resize((32, 32))))
