"""From process start to the handler's first answer, and what each import costs."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping

from benchmarks.machine import Figure, report
from benchmarks.query import fill
from photo_search.model_bundle import read_model_bundle
from photo_search.settings import read_settings

RUNS = 15
PHOTO_COUNT = 2_000
_FIRST_ANSWER = (
    "import types, handler\n"
    "context = types.SimpleNamespace(aws_request_id='1', function_name='benchmark')\n"
    "answer = handler.handler({'input_type': 'text', 'query': 'red balloon'}, context)\n"
    "assert answer['hits'], answer\n"
)
_PARTS = (
    "handler",
    "aws_lambda_powertools",
    "numpy",
    "onnxruntime",
    "tokenizers",
    "sqlite3",
    "photo_search",
)
_IMPORT_LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| (\s*)(\S+)")


def main() -> None:
    """Measure whole processes, then one run's imports."""
    bundle = read_model_bundle(read_settings().model_dir)
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{directory}/photos.db"
        fill(url, bundle, PHOTO_COUNT)
        environment = os.environ | {"INDEX_URL": url}  # noqa: TID251 - for a process of its own
        bare = _median_process_ms("pass", environment)
        whole = _median_process_ms(_FIRST_ANSWER, environment)
        rows: list[Mapping[str, Figure]] = [
            {"what": "python, nothing else", "ms": bare, "share": bare / whole},
            {"what": "process start to first answer", "ms": whole, "share": 1.0},
        ]
        report("startup", rows)
        report("startup-imports", _imports(environment))


def _median_process_ms(code: str, environment: Mapping[str, str]) -> float:
    times_s = []
    for _ in range(RUNS):
        start_s = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", code], env=environment, check=True, capture_output=True
        )
        times_s.append(time.perf_counter() - start_s)
    return statistics.median(times_s) * 1000


def _imports(environment: Mapping[str, str]) -> list[Mapping[str, Figure]]:
    """Cost of each part with everything that it alone brings in, as `-X importtime` tells it."""
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", _FIRST_ANSWER],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    own_us: dict[str, int] = {}
    for _, cumulative, _, module in _IMPORT_LINE.findall(run.stderr):
        own_us.setdefault(module, int(cumulative))
    return [{"import": part, "cumulative_ms": own_us.get(part, 0) / 1000} for part in _PARTS]


if __name__ == "__main__":
    main()
