"""Docker's command line as the tests and the Makefile call it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

# A distribution's own client builds with BuildKit; one before it on the path may lack the plugin.
DOCKER = "/usr/bin/docker" if Path("/usr/bin/docker").exists() else "docker"


def docker(*arguments: str) -> str:
    """Run a command that has to succeed; gives what it printed."""
    done = subprocess.run(
        [DOCKER, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DOCKER_BUILDKIT": "1"},  # noqa: TID251 - handed on
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def python(image: str, code: str, *options: str) -> str:
    """Run Python code in an image; gives what it printed."""
    return docker("run", "--rm", *options, "--entrypoint", "python3", image, "-c", code)


def configuration(image: str) -> dict[str, Any]:
    """What an image says about how it is started."""
    inspected: dict[str, Any] = json.loads(docker("image", "inspect", image))[0]["Config"]
    return inspected


def sizes_mb(image: str) -> tuple[float, float]:
    """Size of an image, and of what our Dockerfile put on top of its base."""
    form = ("--human=false", "--no-trunc", "--format", "{{.Size}} {{.CreatedBy}}")
    layers = [line.split(" ", 1) for line in docker("history", *form, image).splitlines()]
    own = sum(int(size) for size, step in layers if "COPY /image/" in step)
    return sum(int(size) for size, _ in layers) / 1e6, own / 1e6
