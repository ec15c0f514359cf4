"""`make bench`: every benchmark in turn."""

from __future__ import annotations

from benchmarks import engines, ingest, knn, query, startup

for benchmark in (query, startup, ingest, knn, engines):
    benchmark.main()
