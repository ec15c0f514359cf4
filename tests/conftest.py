from __future__ import annotations

from collections.abc import Iterator
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


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--opensearch",
        metavar="URL",
        help="a running OpenSearch with k-NN to use instead of one of our own",
    )


@pytest.fixture(scope="session")
def opensearch_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A real server; the tests that use it carry the marker opensearch."""
    if given := request.config.getoption("--opensearch"):
        yield given
        return
    from local.opensearch_server.node import running_node

    with running_node() as node:
        yield node.url
