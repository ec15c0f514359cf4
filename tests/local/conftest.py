from __future__ import annotations

import http.client
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import uvicorn

from local.server import create_app
from photo_search.encoder import Encoder
from photo_search.index import EmbeddedPhoto, create_index
from photo_search.photo import Photo, Source
from photo_search.settings import Settings
from tests.api.pictures import plain

PHOTOS = [
    Photo("red", 32, 24, path="red.png"),
    Photo("a/b ü", 32, 24, path="deep/blue.JPG"),
    Photo("tiff", 32, 24, path="green.tif"),
    Photo("gone", 32, 24, path="gone.png"),
    Photo("above", 32, 24, path="../secret.png"),
    Photo("rooted", 32, 24, path="/etc/passwd"),
    Photo("linked", 32, 24, path="link.png"),
    Photo("directory", 32, 24, path="deep"),
    Photo("nul", 32, 24, path="a\0b.png"),
    Photo("unsplash", 32, 24, source=Source.UNSPLASH, original_url="https://images.example/1"),
]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    """Talks to a real server; paths are sent as they are, without normalising."""

    port: int

    def ask(self, method, path, *, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.putrequest(method, path, skip_host="host" in given)
        data = body or b""
        for name, value in ({"Content-Length": str(len(data))} | given).items():
            connection.putheader(name, value)
        connection.endheaders(data)
        response = connection.getresponse()
        answer = Answer(response.status, response.headers, response.read())
        connection.close()
        return answer

    def get(self, path, **headers):
        return self.ask("GET", path, **headers)


@contextmanager
def serving(app):
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield Client(server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def collection(tmp_path_factory):
    """``photos`` and ``thumbs``, with a secret beside them."""
    place = tmp_path_factory.mktemp("collection")
    (place / "photos" / "deep").mkdir(parents=True)
    (place / "thumbs").mkdir()
    (place / "secret.png").write_bytes(b"secret")
    (place / "photos" / "red.png").write_bytes(plain())
    (place / "photos" / "deep" / "blue.JPG").write_bytes(plain((0, 0, 255), file_format="JPEG"))
    (place / "photos" / "green.tif").write_bytes(plain((0, 255, 0), file_format="TIFF"))
    (place / "photos" / "link.png").symlink_to(place / "secret.png")
    for name in ("red", "a%2Fb%20%C3%BC", "tiff"):
        (place / "thumbs" / f"{name}.webp").write_bytes(plain(file_format="WEBP"))
    return place


@pytest.fixture(scope="session")
def settings(tiny_bundle, tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('index') / 'photos.db'}"
    embeddings = Encoder(tiny_bundle, threads=1).encode_text(["red"] * len(PHOTOS)).embedding
    index = create_index(url, fingerprint=tiny_bundle.fingerprint, dimension=tiny_bundle.dimension)
    index.upsert([EmbeddedPhoto(*pair) for pair in zip(PHOTOS, embeddings, strict=True)])
    index.close()
    return Settings(model_dir=tiny_bundle.directory, index_url=url, encoder_threads=1)


@pytest.fixture(scope="session")
def client(settings, collection):
    app = create_app(
        settings=settings, photos_root=collection / "photos", thumbs_dir=collection / "thumbs"
    )
    with serving(app) as client:
        yield client
