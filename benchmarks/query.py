"""A warm text query through the Lambda handler, split into encode, search and the rest."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from dataclasses import replace
from urllib.parse import quote_plus

import numpy as np

import handler
from benchmarks.machine import Figure, report
from photo_search.encoder import Encoder
from photo_search.index import EmbeddedPhoto, create_index
from photo_search.model_bundle import ModelBundle, read_model_bundle
from photo_search.photo import Photo
from photo_search.search import PhotoSearch, open_photo_search
from photo_search.settings import Settings, read_settings

PHOTO_COUNTS = (2_000, 25_000)
QUERIES = ("red balloon", "snowy mountains at night", "a white sailboat", "two tents in the desert")
RUNS = 200
_BATCH = 1_000


def main() -> None:
    """Measure at each size of collection."""
    settings = read_settings()
    bundle = read_model_bundle(settings.model_dir)
    rows: list[dict[str, Figure]] = []
    for count in PHOTO_COUNTS:
        with tempfile.TemporaryDirectory() as directory:
            url = f"sqlite:///{directory}/photos.db"
            fill(url, bundle, count)
            encoder = Encoder(bundle, threads=settings.encoder_threads, cached_texts=0)
            search = open_photo_search(replace(settings, index_url=url), encoder=encoder)
            rows.append({"photos": count, "dimension": bundle.dimension} | _measure(search))
            search.index.close()
    report("query", rows)


def fill(url: str, bundle: ModelBundle, count: int) -> None:
    """Photos with vectors in the cone that the model's pictures lie in."""
    rng = np.random.default_rng(0)
    index = create_index(url, fingerprint=bundle.fingerprint, dimension=bundle.dimension)
    for start in range(0, count, _BATCH):
        noise = rng.standard_normal((min(_BATCH, count - start), bundle.dimension))
        vectors = bundle.image_mean + noise / np.sqrt(bundle.dimension)  # (B, D)
        vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        index.upsert(
            [
                EmbeddedPhoto(
                    Photo(f"photo-{start + row:06}", 480, 320, description="drawn"), vector
                )
                for row, vector in enumerate(vectors)
            ]
        )
    index.close()


def _measure(search: PhotoSearch) -> dict[str, Figure]:
    answer = handler.make_handler(lambda: search, read=Settings, report=False)
    total, encode, find = [], [], []
    for run in range(RUNS + len(QUERIES)):
        event = _event(QUERIES[run % len(QUERIES)])
        start_s = time.perf_counter()
        response = answer(event, _Context())
        elapsed_ms = (time.perf_counter() - start_s) * 1000
        if run < len(QUERIES):
            continue
        took_ms = json.loads(str(response["body"]))["took_ms"]
        total.append(elapsed_ms)
        encode.append(took_ms["encode"])
        find.append(took_ms["search"])
    medians = [statistics.median(times) for times in (total, encode, find)]
    return {
        "total_ms": medians[0],
        "encode_ms": medians[1],
        "search_ms": medians[2],
        "rest_ms": medians[0] - medians[1] - medians[2],
    }


class _Context:
    """What the Lambda runtime tells of an invocation."""

    function_name = "benchmark"
    memory_limit_in_mb = 1769
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:benchmark"
    aws_request_id = "benchmark"


def _event(query: str) -> dict[str, object]:
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/search",
        "rawQueryString": f"q={quote_plus(query)}",
        "headers": {"accept": "application/json"},
        "queryStringParameters": {"q": query},
        "requestContext": {
            "http": {"method": "GET", "path": "/search", "sourceIp": "127.0.0.1"},
            "requestId": "benchmark",
            "stage": "$default",
        },
        "isBase64Encoded": False,
    }


if __name__ == "__main__":
    main()
