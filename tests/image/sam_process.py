"""SAM's commands as processes of a test."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.lambda_image.__main__ import QUIET
from local.lambda_image.sam import Sam
from tests.conftest import REPOSITORY
from tests.image.docker_command import docker

SAM = REPOSITORY / ".venv-sam" / "bin" / "sam"
_REPORT = re.compile(r"Duration: ([0-9.]+) ms\tBilled")
STARTS_WITHIN_S = 120


def invoke(sam: Sam, event: Path) -> tuple[dict[str, Any], float]:
    """One call by ``sam local invoke``.

    Returns:
        The answer, and the milliseconds that the emulator reports, the start included.
    """
    done = subprocess.run(
        sam.invoke_command(event), env=_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    reported = _REPORT.search(done.stderr)
    assert reported, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[0])
    return answer, float(reported[1])


@contextmanager
def serving(sam: Sam, log: Path) -> Iterator[str]:
    """``sam local start-api`` until the block ends; gives the API's address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with log.open("w") as output:
        process = subprocess.Popen(
            sam.api_command(port), env=_environment(), stdout=output, stderr=output
        )
        try:
            _wait_for(process, port, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)


def memory_mib(sam: Sam) -> float:
    """What the function's running container takes, the page cache left out."""
    containers = docker("ps", "-q", "--filter", f"ancestor={sam.rapid_image}").split()
    used = docker("stats", "--no-stream", "--format", "{{.MemUsage}}", containers[0])
    return float(re.match(r"([0-9.]+)MiB", used)[1])  # type: ignore[index]


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end_s = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < end_s and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text())


def _environment() -> dict[str, str]:
    return {**os.environ, **QUIET}  # noqa: TID251 - handed on
