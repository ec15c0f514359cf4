from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from ingest.job import IngestOptions, run_ingest
from ingest.sources.folder import FolderSource
from models.world.collection import SEED, draw_collection
from photo_search.encoder import Encoder
from photo_search.index.sqlite import SqliteIndex
from photo_search.model_bundle import ModelBundle

PHOTO_COUNT = 24  # among them the one that sample events name


@dataclass(frozen=True)
class Collection:
    """The first photos of the demo's collection, indexed."""

    photos: Path
    work: Path
    index: Path

    @property
    def index_url(self) -> str:
        return f"sqlite:///{self.index}"


@pytest.fixture(scope="session")
def collection(demo_bundle: ModelBundle, tmp_path_factory: pytest.TempPathFactory) -> Collection:
    directory = tmp_path_factory.mktemp("collection")
    photos, work = directory / "photos", directory / "work"
    draw_collection(photos, count=PHOTO_COUNT, seed=SEED, processes=1)
    ingest(photos, work, f"sqlite:///{directory / 'filled.db'}", demo_bundle)
    index = SqliteIndex.open(directory / "filled.db", fingerprint=demo_bundle.fingerprint)
    with closing(index):
        index.publish(directory / "photos.db")
    return Collection(photos, work, directory / "photos.db")


def ingest(photos: Path, work: Path, index_url: str, bundle: ModelBundle) -> None:
    options = IngestOptions(index_url, work, work / "thumbs", workers=1, quiet=True)
    report = run_ingest(FolderSource(photos), Encoder(bundle, threads=1), options)
    assert not report.failures


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[str], None]]:
    """Print a figure where a run of the tests shows it."""

    def say(line: str) -> None:
        with capsys.disabled():
            print(f"\n    {line}", end="", flush=True)

    yield say
    say("")
