"""The sha256 of a model bundle's files and of its manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from photo_search.errors import ModelError


def manifest_sha256(manifest: dict[str, Any]) -> str:
    """What ``manifest_sha256`` must say: the sha256 of all other members.

    They are hashed as JSON with sorted keys and no white space, so that the manifest may be
    indented in any way.
    """
    members = {name: value for name, value in manifest.items() if name != "manifest_sha256"}
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def check_files(directory: Path, checksums: Mapping[str, str]) -> None:
    """Compare files with the sha256 that each must have.

    Raises:
        ModelError: One is missing or altered; the message names it.
    """
    for name, expected in checksums.items():
        path = directory / name
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            msg = f"{path} cannot be read ({error.strerror}); the bundle is incomplete"
            raise ModelError(msg) from error
        if digest != expected:
            msg = f"{path} has sha256 {digest}, not {expected}; the bundle was altered"
            raise ModelError(msg)
