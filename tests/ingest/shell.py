"""The command line in a process, as a shell starts it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from photo_search.index import open_index
from photo_search.model_bundle import ModelBundle
from tests.conftest import REPOSITORY

PYTHON_PATH = f"{REPOSITORY}:{REPOSITORY / 'lambda_src'}"


class Shell:
    """Runs the command in a directory of its own with the tiny model."""

    def __init__(self, directory: Path, model: Path, bundle: ModelBundle) -> None:
        self.directory = directory
        self.photos = directory / "photos"
        self.bundle = bundle
        self.environment = {
            "PYTHONPATH": PYTHON_PATH,
            "MODEL_DIR": str(model),
            "INDEX_URL": f"sqlite:///{directory / 'photos.db'}",
        }

    def run(self, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ingest", *map(str, arguments)],
            cwd=self.directory,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def indexed(self) -> set[str]:
        url, fingerprint = self.environment["INDEX_URL"], self.bundle.fingerprint
        with closing(open_index(url, fingerprint=fingerprint)) as index:
            return set(index.photo_ids())
