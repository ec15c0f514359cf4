"""An ingest in whose middle a load swaps another index in."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ingest.job import IngestOptions, run_ingest
from ingest.places import shards_directory
from ingest.reindex import LoadOptions, load
from ingest.sources.folder import FolderSource
from photo_search.encoder import Encoder
from photo_search.index import open_index
from photo_search.model_bundle import ModelBundle
from tests.ingest.opensearch.collection import Collection
from tests.ingest.pictures import write_pictures

pytestmark = pytest.mark.opensearch


class InterruptedSource(FolderSource):
    """Lets something happen when all photos are stored, before those that are gone are deleted."""

    @property
    def forgets_missing(self) -> bool:
        MEANWHILE.pop()()
        return True


MEANWHILE: list[Callable[[], object]] = []


def test_the_index_that_is_searched_afterwards_has_all_of_the_ingest(
    collection: Collection, tmp_path: Path, tiny_bundle: ModelBundle
):
    photos, work = tmp_path / "photos", tmp_path / "ingest"
    write_pictures(photos, 6)
    options = IngestOptions(collection.index_url, work, tmp_path / "thumbs", workers=1, quiet=True)
    encoder = Encoder(tiny_bundle, threads=1)
    run_ingest(FolderSource(photos), encoder, options)
    (photos / "001.jpg").unlink()
    write_pictures(photos / "more", 2)
    MEANWHILE.append(
        lambda: load(
            shards_directory(work),
            collection.connection,
            collection.alias,
            LoadOptions(quiet=True),
        )
    )

    report = run_ingest(InterruptedSource(photos), encoder, options)

    assert (report.indexed, report.removed) == (2, 1)
    assert len(collection.names()) == 2
    with closing(open_index(collection.index_url, fingerprint=tiny_bundle.fingerprint)) as index:
        paths = {
            found.photo.path
            for photo_id in index.photo_ids()
            if (found := index.get(photo_id)) is not None
        }
    assert paths == {"000.jpg", "002.jpg", "003.jpg", "004.jpg", "005.jpg"} | {
        "more/000.jpg",
        "more/001.jpg",
    }
    marks = json.loads((shards_directory(work) / "marks.json").read_text())
    assert marks[f"{collection.url}/{collection.current()}"] == 3
