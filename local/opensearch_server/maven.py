"""Fetches files by Maven, which keeps them in its own cache."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from local.opensearch_server.checksums import check_file
from photo_search.errors import SettingsError

_SHOWN_LINES = 5


def fetch(coordinates: str, directory: Path, *, search_path: str | None = None) -> Path:
    """Copy one artifact into a directory.

    Args:
        coordinates: ``group:artifact:version:type``, one of ``checksums.SHA256``.
        directory: Where to; it must exist, without the artifact.
        search_path: Directories to look for ``mvn`` in; PATH when left out.

    Returns:
        The file.

    Raises:
        SettingsError: Maven is not installed, could not get the artifact or got another file.
    """
    maven = shutil.which("mvn", path=search_path)
    if maven is None:
        msg = (
            f"Maven (mvn) is needed to fetch {coordinates} and is not on the PATH; install it "
            "(Debian: apt-get install maven; macOS: brew install maven)"
        )
        raise SettingsError(msg)
    before = set(directory.iterdir())
    command = [
        maven,
        "--batch-mode",
        "--quiet",
        "--lax-checksums",  # ours are stronger, and always there
        "dependency:copy",
        f"-Dartifact={coordinates}",
        f"-DoutputDirectory={directory}",
    ]
    # Not in the caller's directory, whose pom.xml, if any, Maven would obey.
    told = subprocess.run(  # noqa: S603 - a fixed command, no shell
        command, cwd=directory, check=False, capture_output=True, text=True, errors="replace"
    )
    files = list(set(directory.iterdir()) - before)
    if told.returncode != 0 or len(files) != 1:
        lines = [line for line in (told.stdout + told.stderr).splitlines() if line.strip()]
        why = "\n".join(lines[:_SHOWN_LINES]) or f"it left {len(files)} files"
        msg = f"Maven could not fetch {coordinates} (exit code {told.returncode}):\n{why}"
        raise SettingsError(msg)
    check_file(files[0], coordinates)
    return files[0]
