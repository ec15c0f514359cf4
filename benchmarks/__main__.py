"""`make bench`: every benchmark in turn."""

from __future__ import annotations

import argparse

from benchmarks import coded_rows, engines, ingest, knn, published, query, startup

parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
parser.add_argument("--engine-photos", nargs="+", default=[str(n) for n in engines.DEFAULT_PHOTOS])
options = parser.parse_args()
for benchmark in (query, startup, ingest, knn, coded_rows):
    benchmark.main()
published.main([])
engines.main(["--photos", *options.engine_photos])
