"""Where figures come from and where they go: the machine, the commit, one JSON file a benchmark."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from photo_search.cpus import usable_cpus

OUT_DIR = Path("build/bench")
_TELLING_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8")

Figure = float | int | str


def median_ms(call: Callable[[], object], *, runs: int, warm_up: int = 3) -> float:
    """Median time of one call in milliseconds, over ``runs`` after ``warm_up`` uncounted ones."""
    for _ in range(warm_up):
        call()
    times_s = []
    for _ in range(runs):
        start_s = time.perf_counter()
        call()
        times_s.append(time.perf_counter() - start_s)
    return statistics.median(times_s) * 1000


def report(name: str, rows: Sequence[Mapping[str, Figure]]) -> None:
    """Print rows as a table; keep them with machine and commit in ``build/bench/<name>.json``."""
    print(f"\n{name}")
    columns = list(rows[0])
    cells = [columns] + [[_cell(row[column]) for column in columns] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    for row in cells:
        print("  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))
    OUT_DIR.mkdir(parents=True, exist_ok=True)
    kept = {"machine": machine(), "commit": _commit(), "rows": rows}
    (OUT_DIR / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n")


def _cell(value: Figure) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def machine() -> dict[str, Figure]:
    """What figures were measured on."""
    cpu, flags = platform.processor() or platform.machine(), set[str]()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                cpu = value.strip()
            elif key.strip() == "flags":
                flags = set(value.split())
    return {
        "cpu": cpu,
        "flags": " ".join(flag for flag in _TELLING_FLAGS if flag in flags),
        "cpus": usable_cpus(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
    }


def _commit() -> str:
    answer = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() or "unknown"
