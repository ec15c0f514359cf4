"""``make bench-models``: a query through CLIP ViT-B/32, ours beside transformers and open_clip.

Every contender is a process of its own, and all are asked in turn, so that what else the machine
does falls on each alike; each is asked several times in a row, whose first is told apart: by
then the others have had the CPU's caches. Weights are random, of the true shape; the query cache is
off.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from json import loads
from pathlib import Path

import numpy as np

from benchmarks.machine import Figure, report
from benchmarks.models.checkpoint import write_bundles, write_checkpoint
from benchmarks.models.limits import Limits
from benchmarks.models.plot import draw
from benchmarks.models.process import Question, Worker, first_answer_s
from benchmarks.models.tables import limit_rows, ratio_rows
from benchmarks.query import fill
from models.world.render import render
from models.world.scene import sample_scene
from photo_search.model_bundle import read_model_bundle

HOME = Path("build/bench/models")
PLOT = Path("docs/models.png")
PRECISIONS = ("fp32", "fp16", "int8")
THREADS = (1, 2)
TEXTS = (  # eight tokens each, start and end token among them
    "a red balloon over the sea",
    "snowy mountains at night in winter",
    "two tents in the desert sun",
    "an old boat on the beach",
)
LONG_TEXT = "a red balloon over the sea " * 20  # cut to 77 tokens
PICTURE_SIZE = (1080, 1620)
BATCH = 16
PHOTOS = 2_000
ROUNDS = {"text_ms": (12, 6), "text_77_ms": (4, 3), "image_ms": (5, 4), "batch_ms": (2, 2)}
"""How often each is asked in turn, and how many times in a row then."""
STARTS = 5
PAUSE_S = 0.02  # the threads of the one asked before spin a little longer


@dataclass(frozen=True, slots=True)
class Entry:
    """A contender: its name in the tables, its way, what it loads, whose packages it takes."""

    name: str
    way: str
    source: Path
    python: str = sys.executable


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models", description=__doc__)
    parser.add_argument(
        "--open-clip", metavar="PYTHON", required=True, help="an interpreter that has open_clip"
    )
    options = parser.parse_args()
    shutil.rmtree(HOME, ignore_errors=True)
    checkpoint = HOME / "checkpoint"
    write_checkpoint(checkpoint)
    agreements = write_bundles(checkpoint, HOME, PRECISIONS)
    _write_open_clip(HOME / "open_clip", options.open_clip)
    entries = [
        Entry("transformers, padded to 77 (a1)", "a1", checkpoint),
        Entry("transformers, at its best (a2)", "a2", checkpoint),
        Entry("open_clip (b)", "b", HOME / "open_clip", options.open_clip),
        *(Entry(f"ours, {name}", "ours", HOME / name) for name in PRECISIONS),
    ]
    pictures = _pictures(HOME / "pictures")
    limits = {threads: _limits(threads) for threads in THREADS}
    warm = [row for threads in THREADS for row in _warm(entries, pictures, threads)]
    starts = _starts(entries)
    ratios = ratio_rows(warm, starts)
    report("models-warm", warm)
    report("models-start", starts)
    report("models-ratios", ratios)
    report("models-limits", limit_rows(limits, warm))
    report("models-agreement", agreements)
    # A Lambda of 1,769 MB has one CPU.
    draw(PLOT, warm, starts, limits[1], threads=1)


def _write_open_clip(directory: Path, python: str) -> None:
    """Write weights of the same shape in open_clip's own layout."""
    directory.mkdir()
    code = (
        "import sys, open_clip, torch\n"
        "torch.save(open_clip.create_model('ViT-B-32').state_dict(), sys.argv[1])\n"
    )
    subprocess.run([python, "-c", code, str(directory / "open_clip.pt")], check=True)


def _limits(threads: int) -> Limits:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.models.limits", str(threads)],
        check=True,
        capture_output=True,
        text=True,
    )
    return Limits(**loads(done.stdout))


def _pictures(directory: Path) -> list[str]:
    directory.mkdir()
    rng = np.random.default_rng(0)
    paths = [directory / f"{number}.jpg" for number in range(BATCH)]
    for path in paths:
        render(sample_scene(rng), *PICTURE_SIZE).save(path, quality=88)
    return [str(path) for path in paths]


def _warm(
    entries: Sequence[Entry], pictures: Sequence[str], threads: int
) -> list[dict[str, Figure]]:
    """Give medians of warm calls; all are asked in turn."""
    asked: dict[str, Sequence[Question]] = {
        "text_ms": [{"text": text} for text in TEXTS],
        "text_77_ms": [{"text": LONG_TEXT}],
        "image_ms": [{"images": [path]} for path in pictures[:4]],
        "batch_ms": [{"images": pictures}],
    }
    rows: list[dict[str, Figure]] = [{"contender": e.name, "threads": threads} for e in entries]
    with ExitStack() as stack:
        workers = [
            stack.enter_context(Worker(e.way, e.source, threads=threads, python=e.python))
            for e in entries
        ]
        for kind, questions in asked.items():
            all_times_ms = _ask_in_turn(workers, questions, *ROUNDS[kind])
            for row, times_ms, worker in zip(rows, all_times_ms, workers, strict=True):
                row[kind] = statistics.median(time for run in times_ms for time in run[1:])
                if kind == "text_ms":
                    row["text_after_pause_ms"] = statistics.median(run[0] for run in times_ms)
                    row["text_resident_mb"] = worker.resident_mb()  # no picture was asked yet
    for row in rows:
        row["images_per_s"] = BATCH * 1000 / float(row.pop("batch_ms"))
    return rows


def _ask_in_turn(
    workers: Sequence[Worker], questions: Sequence[Question], turns: int, in_a_row: int
) -> list[list[list[float]]]:
    """Give each worker's times in milliseconds, turn by turn."""
    times_ms: list[list[list[float]]] = [[] for _ in workers]
    for turn in range(-1, turns):  # the first warms up
        for worker, own_ms in zip(workers, times_ms, strict=True):
            time.sleep(PAUSE_S)
            numbers = range(turn * in_a_row, (turn + 1) * in_a_row)
            run_ms = [worker.ask(questions[number % len(questions)]) for number in numbers]
            if turn >= 0:
                own_ms.append(run_ms)
    return times_ms


def _starts(entries: Sequence[Entry]) -> list[dict[str, Figure]]:
    """Give medians of whole processes, and what lies on the disk; all are started in turn."""
    question = {"text": TEXTS[0]}
    threads = max(THREADS)
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{directory}/photos.db"
        bundle = HOME / "int8"
        fill(url, read_model_bundle(bundle), PHOTOS)
        whole = Entry(f"ours, int8: handler to hits, {PHOTOS} photos", "lambda", bundle)
        environment: Mapping[str, str] = {"INDEX_URL": url, "MODEL_DIR": str(bundle)}
        everyone = [*entries, whole]
        times_s: list[list[float]] = [[] for _ in everyone]
        for number in range(1 + STARTS):  # the first only fills the page cache
            for entry, times in zip(everyone, times_s, strict=True):
                time.sleep(PAUSE_S)
                elapsed_s = first_answer_s(
                    entry.way,
                    entry.source,
                    question,
                    threads=threads,
                    python=entry.python,
                    environment=environment,
                )
                if number:
                    times.append(elapsed_s)
    return [
        {
            "contender": entry.name,
            "first_text_s": statistics.median(times),
            "files_mb": sum(path.stat().st_size for path in entry.source.iterdir()) / 1e6,
        }
        for entry, times in zip(everyone, times_s, strict=True)
    ]


if __name__ == "__main__":
    main()
