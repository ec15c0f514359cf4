"""`make bench`: every benchmark in turn."""

from __future__ import annotations

from benchmarks import ingest, knn, query, startup

for benchmark in (query, startup, ingest, knn):
    benchmark.main()
