from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from handler import make_handler
from photo_search.encoder import Encoder
from photo_search.errors import ImageDownloadFailed
from photo_search.images import decode_image
from photo_search.index import EmbeddedPhoto, create_index, open_index
from photo_search.photo import Colour, Photo, Source
from photo_search.preprocess import preprocess
from photo_search.search import PhotoSearch
from photo_search.settings import Settings
from tests.api.events import Context
from tests.api.pictures import plain

RGB = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "purple": (255, 0, 255)}


def photo(photo_id):
    return Photo(
        photo_id,
        width=30 if photo_id == "blue" else 20,
        height=20 if photo_id == "blue" else 30,
        source=Source.UNSPLASH if photo_id == "green" else Source.OWN,
        path="" if photo_id == "green" else f"{photo_id}.png",
        original_url="https://images.unsplash.com/photo-1" if photo_id == "green" else "",
        description=f"a {photo_id} wall",
        keywords=("wall", photo_id),
        photographer="Ada L.",
        photographer_username="ada",
        taken_at=datetime(2024, 5, 31, 8, tzinfo=UTC),
        country="Norway",
        camera="Pinhole Mk II" if photo_id == "blue" else "",
        licence="CC0",
        colours=(Colour(photo_id),),
        blur_hash="LKO2?U%2Tw=w]~RBVZRi};RPxuwH",
    )


def download(url):
    """Stands for the network: a picture for each colour's URL, and nothing elsewhere."""
    name = url.rpartition("/")[2]
    if name not in RGB:
        message = f"{url} answered 404"
        raise ImageDownloadFailed(message)
    return plain(RGB[name])


@pytest.fixture(scope="session")
def settings(tiny_bundle, tmp_path_factory):
    """Settings of a deployment with four plain photos in its index."""
    url = f"sqlite:///{tmp_path_factory.mktemp('index') / 'photos.db'}"
    encoder = Encoder(tiny_bundle, threads=1)
    pixel_values = np.stack(
        [
            preprocess(
                decode_image(plain(rgb), target_side_px=tiny_bundle.image.size).image,
                tiny_bundle.image,
            )
            for rgb in RGB.values()
        ]
    )
    embeddings = encoder.encode_image(pixel_values)
    index = create_index(url, fingerprint=tiny_bundle.fingerprint, dimension=tiny_bundle.dimension)
    index.upsert(
        [
            EmbeddedPhoto(photo(name), embedding)
            for name, embedding in zip(RGB, embeddings, strict=True)
        ]
    )
    index.close()
    return Settings(model_dir=tiny_bundle.directory, index_url=url, encoder_threads=1)


@pytest.fixture(scope="session")
def photo_search(tiny_bundle, settings):
    index = open_index(settings.index_url, fingerprint=tiny_bundle.fingerprint)
    yield PhotoSearch(Encoder(tiny_bundle, threads=1), index, download_image=download)
    index.close()


@pytest.fixture(scope="session")
def handle(photo_search):
    """The handler as Lambda calls it."""
    handler = make_handler(lambda: photo_search, read=Settings)
    return lambda event: handler(event, Context())


@pytest.fixture(scope="session")
def call(handle):
    """Send one event over HTTP; gives the status and the parsed body."""

    def send(event):
        response = handle(event)
        return response["statusCode"], json.loads(response["body"])

    return send
