from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ingest.opensearch.collection import Collection


@pytest.fixture
def collection(opensearch_url: str, tmp_path: Path) -> Iterator[Collection]:
    """An empty one; what a test leaves on the server is dropped afterwards."""
    made = Collection(opensearch_url, tmp_path / "work")
    yield made
    made.drop()
