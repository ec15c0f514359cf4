"""An index in S3: what fetching, opening and replacing it takes in time, disk and memory.

The server is on this machine, so that the time of the fetch is that of hashing and writing, without
a network's. Each size is measured in a process of its own, which holds no model.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from benchmarks.knn import Cone
from benchmarks.machine import Figure, median_ms, report

DEFAULT_PHOTOS = (25_000, 100_000)
FINGERPRINT = "benchmark"
QUERIES = 50
_BATCH = 5_000
_WORDS = ("balloon", "mountain", "river", "city", "night", "forest", "boat", "tent", "dog", "snow")
_PROC = Path("/proc/self")
_REFRESHED_WITHIN_S = 60.0


def main(arguments: Sequence[str] = ()) -> None:
    """Measure each size; with ``--measure``, one that is served already."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.published", description=__doc__)
    parser.add_argument("--photos", type=int, nargs="+", default=DEFAULT_PHOTOS)
    parser.add_argument("--measure", metavar="ENDPOINT")
    options = parser.parse_args(arguments)
    if options.measure:
        print(json.dumps(_measure(options.measure)))
        return
    report("published", [_in_a_process(count) for count in options.photos])


def _in_a_process(count: int) -> dict[str, Figure]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "photos.db"
        _publish(path, count)
        with _served(path) as endpoint:
            run = subprocess.run(
                [sys.executable, "-m", "benchmarks.published", "--measure", endpoint],
                env=os.environ  # noqa: TID251 - for a process of its own
                | {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"},
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
    figures: dict[str, Figure] = json.loads(run.stdout.splitlines()[-1])
    return {"photos": count} | figures


def _publish(path: Path, count: int) -> None:
    """Photos with a sentence, ten keywords, a place and a photographer each, as Unsplash's have."""
    from photo_search.index import EmbeddedPhoto
    from photo_search.index.sqlite import SqliteIndex
    from photo_search.photo import Colour, Photo, Source

    draw, cone, colours = np.random.default_rng(2), Cone(), list(Colour)
    scratch = path.with_name("writable.db")
    with closing(
        SqliteIndex.create(scratch, fingerprint=FINGERPRINT, dimension=Cone.dimension)
    ) as index:
        for start in range(0, count, _BATCH):
            rows = cone.images(min(_BATCH, count - start))  # (B, D)
            index.upsert(
                [
                    EmbeddedPhoto(
                        Photo(
                            f"{number:011}",
                            4000,
                            3000,
                            source=Source.UNSPLASH,
                            original_url=f"https://images.unsplash.com/photo-{number:024}",
                            description=" ".join(draw.choice(_WORDS, 12)),
                            keywords=tuple(f"{word} {number % 997}" for word in _WORDS),
                            photographer=f"Person {number % 997}",
                            photographer_username=f"person{number % 997}",
                            city="Longyearbyen",
                            country="Norway",
                            camera="Pinhole Mk II",
                            colours=(colours[number % 12],),
                            blur_hash="LEHV6nWB2yk8pyo0adR*.7kCMdnj",
                        ),
                        row,
                    )
                    for number, row in enumerate(rows, start)
                ]
            )
        index.publish(path)
    scratch.unlink()


@contextmanager
def _served(path: Path) -> Iterator[str]:
    """Serve one file as S3 does, under an ETag that a PUT anywhere changes."""
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    etags = [f'"{digest}"']

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            unchanged = self.headers.get("if-none-match") == etags[-1]
            self.send_response(304 if unchanged else 200)
            self.send_header("ETag", etags[-1])
            self.send_header("Content-Length", "0" if unchanged else str(path.stat().st_size))
            self.end_headers()
            if not unchanged:
                with path.open("rb") as file:
                    shutil.copyfileobj(file, self.wfile)

        def do_PUT(self) -> None:
            etags.append(f'"{digest}-{len(etags)}"')  # of parts, so that it is no MD5
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def _measure(endpoint: str) -> dict[str, Figure]:
    import requests

    from photo_search.index import KnnQuery
    from photo_search.index.published import CHECK_EVERY_S, PublishedIndex
    from photo_search.index.s3_object import S3Object
    from photo_search.index.scratch_directory import ScratchDirectory
    from photo_search.s3_url import S3Url
    from photo_search.settings import IndexAccess

    queries = Cone(seed=3).texts(QUERIES)  # (Q, D)
    s3 = S3Object(
        S3Url("our-index", "photos.db"), IndexAccess(region="eu-central-1", s3_endpoint=endpoint)
    )
    scratch, now_s = ScratchDirectory(), time.time()
    fetch_s = _seconds(lambda: s3.fetch(scratch.path / "alone.db", within_s=_REFRESHED_WITHIN_S))
    (scratch.path / "alone.db").unlink()
    before_mb = _reset_peak_mb()
    start_s = time.perf_counter()
    index = PublishedIndex(s3, scratch, fingerprint=FINGERPRINT, now=lambda: now_s)
    open_s = time.perf_counter() - start_s
    opened_mb = _resident_mb()
    each = iter(queries.repeat(2, axis=0))
    search_ms = median_ms(lambda: index.knn(KnnQuery(next(each), k=20)), runs=QUERIES)
    requests.put(endpoint, timeout=10)
    _reset_peak_mb()
    now_s += CHECK_EVERY_S
    refresh_s = _seconds(index.count)
    now_s += CHECK_EVERY_S
    check_s = _seconds(index.count)
    figures: dict[str, Figure] = {
        "fetch_s": fetch_s,
        "fetch_and_open_s": open_s,
        "disk_mb": index.size_bytes() / 1e6,
        "bytes_per_photo": index.size_bytes() / index.count(),
        "memory_mb": opened_mb - before_mb,
        "search_ms": search_ms,
        "unchanged_check_ms": check_s * 1000,
        "replace_s": refresh_s,
        "peak_memory_mb_while_replaced": _peak_mb() - before_mb,
    }
    index.close()
    return figures


def _seconds(call: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    call()
    return time.perf_counter() - start_s


def _reset_peak_mb() -> float:
    """Let the peak start from now; gives what is resident, in MB. See proc(5), clear_refs."""
    (_PROC / "clear_refs").write_text("5")
    return _resident_mb()


def _resident_mb() -> float:
    return _status_mb("VmRSS")


def _peak_mb() -> float:
    return _status_mb("VmHWM")


def _status_mb(name: str) -> float:
    found = re.search(rf"{name}:\s+(\d+) kB", (_PROC / "status").read_text())
    if found is None:
        msg = f"/proc/self/status has no {name}"
        raise OSError(msg)
    return int(found[1]) * 1024 / 1e6


if __name__ == "__main__":
    main(sys.argv[1:])
