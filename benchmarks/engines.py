"""The two engines side by side on the same photos: load rate, query time, recall, size.

``python -m benchmarks.engines --photos 25000 200000``. Starts an OpenSearch of its own.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from benchmarks.knn import Cone
from benchmarks.machine import Figure, report
from ingest.load import Loader
from ingest.reindex import LoadOptions, load
from ingest.shard_reader import ShardReader
from ingest.shard_table import ShardFacts, ShardRow
from ingest.shards import ShardStore
from local.opensearch_server.node import running_node
from photo_search.arrays import Float32Array
from photo_search.index import EmbeddedPhoto, HybridQuery, KnnQuery, PhotoIndex, TextQuery
from photo_search.index.opensearch import OpenSearchIndex
from photo_search.index.opensearch_connection import OpenSearchConnection
from photo_search.index.sqlite import SqliteIndex
from photo_search.photo import Colour, Photo
from photo_search.settings import IndexAccess

Opened: TypeAlias = AbstractContextManager[tuple[PhotoIndex, float]]

DEFAULT_PHOTOS = (25_000, 200_000)
PROFILES = ("float", "byte4x")
FINGERPRINT = "benchmark"
K = 10
QUERIES = 100
_SHARD_PHOTOS = 5_000
_HEAP_MB = 2048
_WORDS = ("balloon", "mountain", "river", "city", "night", "forest", "boat", "tent", "dog", "snow")
_COUNTRIES = ("Norway", "Chile", "Japan", "Kenya", "")


def main(arguments: Sequence[str] = ()) -> None:
    """Measure each size with each engine."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engines", description=__doc__)
    parser.add_argument("--photos", type=int, nargs="+", default=DEFAULT_PHOTOS)
    parser.add_argument("--profiles", nargs="+", default=PROFILES)
    options = parser.parse_args(arguments)
    rows: list[dict[str, Figure]] = []
    with running_node(heap_mb=_HEAP_MB) as node:
        for count in options.photos:
            with tempfile.TemporaryDirectory() as directory:
                rows += _measure_size(Path(directory), count, node.url, options.profiles)
    report("engines", rows)


def _measure_size(
    work: Path, count: int, url: str, profiles: Sequence[str]
) -> Iterator[dict[str, Figure]]:
    cone = Cone()
    embeddings = cone.images(count)  # (N, D)
    queries = np.concatenate([cone.images(QUERIES // 2), cone.texts(QUERIES // 2)])  # (Q, D)
    truth = [np.argpartition(-(embeddings @ query), K)[:K] for query in queries]
    shards = work / "shards"
    _write_shards(shards, embeddings)
    del embeddings
    for name, opened in _engines(work, shards, url, profiles):
        with opened as (index, load_s):
            yield {
                "photos": count,
                "engine": name,
                "photos_per_s": count / load_s,
                "bytes_per_photo": index.size_bytes() / count,
                **_measure(index, queries, truth),
            }


def _engines(
    work: Path, shards: Path, url: str, profiles: Sequence[str]
) -> Iterator[tuple[str, Opened]]:
    yield "embedded", _embedded(work / "photos.db", shards)
    for profile in profiles:
        yield f"opensearch {profile}", _opensearch(url, shards, profile)


@contextmanager
def _embedded(path: Path, shards: Path) -> Iterator[tuple[PhotoIndex, float]]:
    start_s = time.perf_counter()
    with closing(
        SqliteIndex.create(path, fingerprint=FINGERPRINT, dimension=Cone.dimension)
    ) as made:
        Loader(ShardReader.open(shards), made, marks=None, name="").catch_up()
    load_s = time.perf_counter() - start_s
    with closing(SqliteIndex.open(path, fingerprint=FINGERPRINT)) as index:
        yield index, load_s


@contextmanager
def _opensearch(url: str, shards: Path, profile: str) -> Iterator[tuple[PhotoIndex, float]]:
    connection = OpenSearchConnection(url, IndexAccess())
    options = LoadOptions(profile=profile, keep=0, quiet=True, allow_smaller=True)
    start_s = time.perf_counter()
    load(shards, connection, "benchmark", options)
    load_s = time.perf_counter() - start_s
    with closing(OpenSearchIndex.open(connection, "benchmark", fingerprint=FINGERPRINT)) as index:
        yield index, load_s


def _measure(
    index: PhotoIndex, queries: Float32Array, truth: Sequence[np.ndarray]
) -> dict[str, Figure]:
    words = [
        f"{_WORDS[n % 10]} {_WORDS[n // 10 % 10]}" for n in np.random.default_rng(1).permutation(99)
    ]
    index.knn(KnnQuery(queries[0], k=K))  # what only the first one pays for
    near, recalls = [], []
    for query, nearest in zip(queries, truth, strict=True):
        start_s = time.perf_counter()
        page = index.knn(KnnQuery(query, k=K))
        near.append((time.perf_counter() - start_s) * 1000)
        found = {int(hit.photo.photo_id) for hit in page.hits}
        recalls.append(len(found & set(nearest.tolist())) / K)
    matched = [_timed_ms(partial(index.match_text, TextQuery(text, k=K))) for text in words]
    both = [
        _timed_ms(partial(index.hybrid, HybridQuery(query, text, k=K)))
        for text, query in zip(words, queries, strict=False)
    ]
    return {
        "recall@10": statistics.fmean(recalls),
        "p50_ms": statistics.median(near),
        "p90_ms": statistics.quantiles(near, n=10)[-1],
        "words_p50_ms": statistics.median(matched),
        "hybrid_p50_ms": statistics.median(both),
    }


def _timed_ms(call: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    call()
    return (time.perf_counter() - start_s) * 1000


def _write_shards(directory: Path, embeddings: Float32Array) -> None:
    store = ShardStore(directory, ShardFacts(FINGERPRINT, Cone.dimension, "none", "none"))
    draw = np.random.default_rng(2)
    colours = list(Colour)
    for start in range(0, len(embeddings), _SHARD_PHOTOS):
        rows = []
        for number in range(start, min(start + _SHARD_PHOTOS, len(embeddings))):
            photo = Photo(
                f"{number:07}",
                4000,
                3000 if number % 3 else 6000,
                description=" ".join(draw.choice(_WORDS, 4)),
                country=_COUNTRIES[number % 5],
                photographer=f"Person {number % 997}",
                colours=(colours[number % 12],),
            )
            rows.append(ShardRow(EmbeddedPhoto(photo, embeddings[number]), version="1"))
        store.add(rows)


if __name__ == "__main__":
    main(sys.argv[1:])
