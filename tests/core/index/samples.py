"""Photos and embeddings for the tests of the index."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np

from photo_search.arrays import Float32Array
from photo_search.index.protocol import EmbeddedPhoto, HitPage
from photo_search.photo import Colour, Photo, Source

FINGERPRINT = "space-a"
DIMENSION = 24

FULL_PHOTO = Photo(
    photo_id="Aé/1 '\"%",
    width=4000,
    height=3000,
    source=Source.UNSPLASH,
    path="a/ü b.jpg",
    original_url="https://images.example/x?ixid=1&q=2",
    description='A "red" balloon\nover São Paulo\0 🎈',
    keywords=("red balloon", 'quo"te', "", "東京"),
    photographer="Zoë Ångström",
    photographer_username="zoe_a",
    taken_at=datetime(2019, 7, 14, 23, 59, 59, 123456, timezone(timedelta(hours=5, minutes=45))),
    place="Ponte Estaiada",
    city="São Paulo",
    country="Brazil",
    latitude=-23.6126,
    longitude=-46.6996,
    camera="Böx 1",
    licence="CC BY 4.0",
    colours=(Colour.RED, Colour.BLUE),
    blur_hash="LEHV6nWB2yk8pyo0adR*.7kCMdnj",
)


def unit_rows(rows: int, dimension: int = DIMENSION, *, seed: int = 0) -> Float32Array:
    values = np.random.default_rng(seed).normal(size=(rows, dimension))
    unit: Float32Array = (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)
    return unit


def grid_rows(rows: int, dimension: int = DIMENSION, *, seed: int = 0) -> Float32Array:
    """Unit rows of whole 64ths: every engine gets the same cosines, many of them equal.

    They are exact in float16, and so are their products in whatever order they are added up.
    """
    rng = np.random.default_rng(seed)
    found = np.empty((0, dimension))
    while len(found) < rows:
        values = rng.normal(size=(20 * rows, dimension))
        values = np.round(64 * values / np.linalg.norm(values, axis=1, keepdims=True))
        found = np.concatenate([found, values[(values**2).sum(axis=1) == 64**2]])
    unit: Float32Array = (found[:rows] / 64).astype(np.float32)
    return unit


def cone_rows(rows: int, dimension: int, *, seed: int = 0) -> Float32Array:
    """Rows with a mean cosine of about one half to each other, in clusters, as CLIP's are."""
    rng = np.random.default_rng(seed)
    spread = rng.normal(size=(dimension, dimension)) * np.arange(1, dimension + 1) ** -0.5
    clusters = rng.normal(size=(50, dimension))
    own = clusters[rng.integers(50, size=rows)] + rng.normal(size=(rows, dimension))
    own = own @ spread.T
    own /= np.linalg.norm(own, axis=1).mean()
    axis = rng.normal(size=dimension)
    values = own + axis / np.linalg.norm(axis)
    unit: Float32Array = (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)
    return unit


def embedded(photo_id: str, embedding: Float32Array, **fields: object) -> EmbeddedPhoto:
    defaults: dict[str, object] = {"width": 30, "height": 20}
    return EmbeddedPhoto(Photo(photo_id, **(defaults | fields)), embedding)  # type: ignore[arg-type]


def collection(rows: int, *, seed: int = 0, prefix: str = "p") -> list[EmbeddedPhoto]:
    """Photos that differ in what filters and words look at."""
    colours = list(Colour)
    return [
        embedded(
            f"{prefix}{number:05}",
            row,
            width=(30, 20, 20)[number % 3],
            height=(20, 30, 20)[number % 3],
            description=f"picture number{number} of a {'cat' if number % 2 else 'dog'}",
            photographer=("Ann Bell", "Carl Dürr")[number % 2],
            photographer_username=("annb", "cd")[number % 2],
            country=("Norway", "Chile", "")[number % 3],
            camera=("Böx 1", "", "Pinhole", "Pinhole")[number % 4],
            colours=(colours[number % 12], colours[(number + 5) % 12]),
            taken_at=None
            if number % 5 == 4
            else datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=number),
        )
        for number, row in enumerate(unit_rows(rows, seed=seed))
    ]


def ids(page: HitPage) -> list[str]:
    return [hit.photo.photo_id for hit in page.hits]
