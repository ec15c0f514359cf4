"""`make bench`: every benchmark in turn."""

from __future__ import annotations

import argparse
import subprocess
import sys

parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
parser.add_argument("--engine-photos", nargs="+", metavar="N", help="sizes of the two engines")
options = parser.parse_args()
engine_sizes = ["--photos", *options.engine_photos] if options.engine_photos else []
# A process each: usearch, imported before ONNX Runtime, makes that crash at its import on some
# machines; and what one benchmark leaves in memory is none of the next one's.
for name, arguments in {
    "query": [],
    "startup": [],
    "ingest": [],
    "knn": [],
    "coded_rows": [],
    "published": [],
    "engines": engine_sizes,
}.items():
    done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *arguments], check=False)
    if done.returncode != 0:
        sys.exit(f"benchmarks.{name} ended with {done.returncode}")
