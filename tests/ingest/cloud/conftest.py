from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from ingest.cloud.new_photos import SERVICE
from photo_search.model_bundle import ModelBundle
from tests.ingest.cloud.cloud import Cloud


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def _log_to_this_test() -> None:
    """The Lambda's log goes to the output that there was when it was opened, in an earlier test."""
    for handler in logging.getLogger(SERVICE).handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(sys.stdout)


@pytest.fixture
def cloud(
    moto_url: str,
    tmp_path: Path,
    tiny_bundle_dir: Path,
    tiny_bundle: ModelBundle,
    monkeypatch: pytest.MonkeyPatch,
) -> Cloud:
    """Buckets of its own, and a directory of its own as the current one."""
    made = Cloud(moto_url, tmp_path, tiny_bundle_dir, tiny_bundle)
    monkeypatch.chdir(tmp_path)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made
