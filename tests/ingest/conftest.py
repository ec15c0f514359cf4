from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ingest.job import IngestOptions, run_ingest
from ingest.report import Report
from ingest.sources import PhotoSource
from photo_search.encoder import Encoder
from photo_search.index import EmbeddedPhoto, open_index
from photo_search.model_bundle import ModelBundle
from tests.ingest.fault_server import FaultServer, running_fault_server
from tests.ingest.shell import Shell


class Bench:
    """A work directory, an index and a tiny model: everything that a run needs."""

    def __init__(self, directory: Path, bundle: ModelBundle) -> None:
        self.photos = directory / "photos"
        self.work = directory / "work"
        self.thumbs = directory / "thumbs"
        self.index_path = directory / "index" / "photos.db"
        self.index_path.parent.mkdir()
        self.bundle = bundle
        self.encoder = Encoder(bundle, threads=1)

    @property
    def index_url(self) -> str:
        return f"sqlite:///{self.index_path}"

    def run(self, source: PhotoSource, **options: object) -> Report:
        chosen = {"workers": 1, "quiet": True} | options
        return run_ingest(
            source,
            self.encoder,
            IngestOptions(self.index_url, self.work, self.thumbs, **chosen),  # type: ignore[arg-type]
        )

    def indexed(self) -> dict[str, EmbeddedPhoto]:
        return indexed_photos(self.index_url, self.bundle)

    def paths(self) -> list[str]:
        return sorted(found.photo.path for found in self.indexed().values())


def indexed_photos(url: str, bundle: ModelBundle) -> dict[str, EmbeddedPhoto]:
    found: dict[str, EmbeddedPhoto] = {}
    with closing(open_index(url, fingerprint=bundle.fingerprint)) as index:
        for photo_id in index.photo_ids():
            embedded = index.get(photo_id)
            assert embedded is not None
            found[photo_id] = embedded
        assert index.count() == len(found)
    return found


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let SIGINT interrupt this process and its children, also where a shell had it ignored.

    A shell without job control starts what it puts into the background so, and Python keeps to it.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def bench(tmp_path: Path, tiny_bundle: ModelBundle) -> Bench:
    return Bench(tmp_path, tiny_bundle)


@pytest.fixture
def make_bench(
    tmp_path_factory: pytest.TempPathFactory, tiny_bundle: ModelBundle
) -> Callable[[], Bench]:
    return lambda: Bench(tmp_path_factory.mktemp("bench"), tiny_bundle)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with running_fault_server() as server:
        yield server


@pytest.fixture
def shell(tmp_path: Path, tiny_bundle_dir: Path, tiny_bundle: ModelBundle) -> Shell:
    return Shell(tmp_path, tiny_bundle_dir, tiny_bundle)
