"""Exact k-NN: the embedded engine against a plain numpy scan and usearch, on one thread.

``python -m benchmarks.knn --rows 25000 100000 1000000``. Rows are cone-shaped clusters like CLIP's:
pictures have a mean cosine of about 0.5, texts of about 0.1 to pictures; half of the queries are of
each kind.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from usearch.index import MetricKind, search

from benchmarks.machine import Figure, report
from photo_search.arrays import Float32Array, Int64Array
from photo_search.index.embedding_blocks import BLOCK_ROWS, Block, EmbeddingBlocks, shortlist_rows
from photo_search.index.ranking import ranked_page
from photo_search.index.sign_bits import as_words, pack_sign_bits

DIMENSION = 512
DEFAULT_ROWS = (25_000, 100_000)
K = 20
QUERIES = 200
RUNS = 40
_DRAWN_AT_ONCE = 50_000

Find = Callable[[Float32Array], Int64Array]


class Cone:
    """Draws unit rows ``(n, D)``: clusters of clusters in a narrow cone, and texts about them."""

    dimension = DIMENSION

    def __init__(self, seed: int = 1) -> None:
        """Choose axes and clusters."""
        self._rng = np.random.default_rng(seed)
        axes = np.linalg.qr(self._rng.normal(size=(DIMENSION, DIMENSION)))[0]
        spread = np.arange(1, DIMENSION + 1) ** -0.5
        self._basis = (axes * spread).T / np.sqrt((spread**2).sum())
        self._clusters = self._rng.normal(size=(400, 1, DIMENSION))
        self._parts = self._rng.normal(size=(400, 20, DIMENSION)) * 0.7
        axis = self._rng.normal(size=DIMENSION)
        axis[:3] *= 12  # CLIP's outlier dimensions
        self._image_axis = axis / np.linalg.norm(axis)
        other = self._rng.normal(size=DIMENSION)
        self._text_axis = 0.15 * self._image_axis + other / np.linalg.norm(other)

    def images(self, count: int) -> Float32Array:
        """Rows with a mean cosine of about 0.5 to each other."""
        parts = [self._images(n) for n in _portions(count)]
        return np.concatenate(parts)

    def texts(self, count: int) -> Float32Array:
        """Rows that lie apart from the images and point weakly to some cluster."""
        about = self._meaning(count)
        noise = self._rng.normal(size=(count, DIMENSION))
        return _unit(0.75 * self._text_axis + (0.3 * about + 0.6 * noise) @ self._basis)

    def _images(self, count: int) -> Float32Array:
        own = self._meaning(count) + 0.8 * self._rng.normal(size=(count, DIMENSION))
        return _unit(0.72 * self._image_axis + 0.69 / np.sqrt(2.13) * (own @ self._basis))

    def _meaning(self, count: int) -> np.ndarray:
        cluster = self._rng.integers(400, size=count)
        return (self._clusters + self._parts)[cluster, self._rng.integers(20, size=count)]


def main(arguments: Sequence[str] = ()) -> None:
    """Measure every size in a process of its own, with one thread for every library."""
    options = _options(arguments)
    rows: list[Mapping[str, Figure]] = []
    for size in options.rows:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.knn", "--measure", str(size)],
            check=True,
            stdout=subprocess.PIPE,
            env={
                "OPENBLAS_NUM_THREADS": "1",
                "OMP_NUM_THREADS": "1",
                "PYTHONPATH": os.pathsep.join(["lambda_src", *sys.path]),
            },
        )
        rows += json.loads(done.stdout)
    report("knn", rows)


def measure(size: int) -> list[dict[str, Figure]]:
    """Every method in turn for each query, so that a busy moment slows all of them."""
    cone = Cone()
    rows = cone.images(size)
    queries = np.concatenate([cone.images(QUERIES // 2), cone.texts(QUERIES // 2)])
    methods = _methods(rows)
    times_s: dict[str, list[float]] = {name: [] for name in methods}
    recalls: dict[str, list[tuple[float, float]]] = {name: [] for name in methods}
    order = np.random.default_rng(0).permutation(len(queries))
    for run, query in enumerate(queries[order]):
        truth = _numpy_scan(rows, query)
        for name, find in methods.items():
            if run >= RUNS and not name.startswith("photo-search"):
                continue  # recall of the exact methods needs no more queries
            start_s = time.perf_counter()
            found = find(query)
            if run < RUNS:
                times_s[name].append(time.perf_counter() - start_s)
            recalls[name].append((_share(truth[:10], found[:10]), _share(truth, found)))
    plain_s = statistics.median(times_s["numpy float32"])
    return [
        {
            "rows": size,
            "method": name,
            "threads": 1,
            "median_ms": statistics.median(times_s[name]) * 1000,
            "to_numpy": statistics.median(times_s[name]) / plain_s,
            "recall@10": float(np.mean([at_10 for at_10, _ in recalls[name]])),
            "recall@20": float(np.mean([at_20 for _, at_20 in recalls[name]])),
            "float_rows": shortlist_rows(size, DIMENSION) if name == "photo-search" else size,
        }
        for name in methods
    ]


def _methods(rows: Float32Array) -> dict[str, Find]:
    blocks = _blocks(rows)
    # usearch reads int8 as fractions of 127.
    coded = np.round(rows / np.abs(rows).max() * 127).astype(np.int8)
    scale = 127 / np.abs(rows).max()
    return {
        "numpy float32": lambda query: _numpy_scan(rows, query),
        "photo-search": lambda query: _ours(blocks, query, exact=False),
        "photo-search exact": lambda query: _ours(blocks, query, exact=True),
        "usearch float32": lambda query: search(
            rows, query, K, MetricKind.IP, exact=True, threads=1
        ).keys.astype(np.int64),
        "usearch int8": lambda query: search(
            coded,
            np.clip(np.round(query * scale), -127, 127).astype(np.int8),
            K,
            MetricKind.IP,
            exact=True,
            threads=1,
        ).keys.astype(np.int64),
    }


def _ours(blocks: EmbeddingBlocks, query: Float32Array, *, exact: bool) -> Int64Array:
    slots, cosines = blocks.cosines(query, exact=exact)
    page = ranked_page(
        slots, cosines, offset=0, k=K, photo_ids=lambda ids: {i: str(i) for i in ids}
    )
    return np.array(page.slots)


def _numpy_scan(rows: Float32Array, query: Float32Array) -> Int64Array:
    scores = rows @ query
    best = np.argpartition(scores, -K)[-K:]
    return best[np.argsort(-scores[best])]


def _blocks(rows: Float32Array) -> EmbeddingBlocks:
    """The rows as an index holds them."""
    centre = rows.mean(axis=0)
    blocks = []
    for start in range(0, len(rows), BLOCK_ROWS):
        part = rows[start : start + BLOCK_ROWS]
        embeddings = np.zeros((BLOCK_ROWS, DIMENSION), np.float16)
        embeddings[: len(part)] = part
        words = as_words(pack_sign_bits(embeddings, centre))
        blocks.append(Block(embeddings, words, np.arange(BLOCK_ROWS) < len(part)))
    return EmbeddingBlocks(tuple(blocks), centre, revision=0)


def _share(truth: Int64Array, found: Int64Array) -> float:
    return len(np.intersect1d(truth, found)) / len(truth)


def _portions(count: int) -> list[int]:
    return [min(_DRAWN_AT_ONCE, count - at) for at in range(0, count, _DRAWN_AT_ONCE)]


def _unit(values: np.ndarray) -> Float32Array:
    unit: Float32Array = (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.knn", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=DEFAULT_ROWS)
    parser.add_argument("--measure", type=int, help="measure one size here and print JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    if measured := _options(sys.argv[1:]).measure:
        print(json.dumps(measure(measured)))
    else:
        main(sys.argv[1:])
