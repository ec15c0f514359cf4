"""A worker process as its asker sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

Question: TypeAlias = Mapping[str, str | Sequence[str]]

_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TQDM_DISABLE": "1",
}


class Worker:
    """One contender in a process of its own; a context manager that ends it."""

    def __init__(
        self,
        way: str,
        source: Path,
        *,
        threads: int,
        python: str = sys.executable,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it; it loads when it is asked.

        Args:
            way: Key of CONTENDERS.
            source: Its checkpoint or bundle.
            threads: Of one call.
            python: Whose packages it takes.
            environment: On top of this process's own.
        """
        arguments = [python, "-m", "benchmarks.models.worker", way, str(source), str(threads)]
        self._way = way
        self._process = subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,  # noqa: TID251 - for a process of its own
                **_QUIET,
                "OMP_NUM_THREADS": str(threads),
                **(environment or {}),
            },
        )

    def __enter__(self) -> Worker:
        """Give itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def ask(self, question: Question) -> float:
        """Give the milliseconds that the answer took inside the process."""
        answer = ""
        if self._process.stdin and self._process.stdout:
            print(json.dumps(question), file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
        if not answer:
            msg = f"{self._way} ended with {self._process.wait()} at {question}"
            raise RuntimeError(msg)
        return float(json.loads(answer)["ms"])

    def resident_mb(self) -> float:
        """Memory that is its own or that of mapped files, in megabytes."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024 / 1e6


def first_answer_s(
    way: str,
    source: Path,
    question: Question,
    *,
    threads: int,
    python: str = sys.executable,
    environment: Mapping[str, str] | None = None,
) -> float:
    """Seconds from the start of a process to its first answer."""
    start_s = time.perf_counter()
    with Worker(way, source, threads=threads, python=python, environment=environment) as worker:
        worker.ask(question)
        return time.perf_counter() - start_s
