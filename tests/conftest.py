from __future__ import annotations

from pathlib import Path

import pytest

from photo_search.model_bundle import ModelBundle, read_model_bundle
from tests.tiny_bundle import write_tiny_bundle

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def tiny_bundle_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("tiny-bundle"))


@pytest.fixture(scope="session")
def tiny_bundle(tiny_bundle_dir: Path) -> ModelBundle:
    return read_model_bundle(tiny_bundle_dir)


@pytest.fixture(scope="session")
def demo_bundle() -> ModelBundle:
    return read_model_bundle(REPOSITORY / "models" / "demo")
