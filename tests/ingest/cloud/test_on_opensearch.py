"""A collection on AWS with its index on a real server: the job, the writer, a load, a rollback."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing

import pytest

from ingest.sources.folder import photo_id_of
from photo_search.index import open_index
from photo_search.index.opensearch_catalogue import Catalogue
from photo_search.index.opensearch_connection import OpenSearchConnection
from photo_search.settings import IndexAccess
from tests.ingest.cloud.cloud import Cloud
from tests.ingest.pictures import COLOURS, jpeg, picture

pytestmark = pytest.mark.opensearch


@pytest.fixture
def index_url(cloud: Cloud, opensearch_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    alias = f"cloud{os.getpid()}"
    url = f"{opensearch_url}/{alias}"
    cloud.environment["INDEX_URL"] = url
    monkeypatch.setenv("INDEX_URL", url)
    yield url
    with closing(OpenSearchConnection(opensearch_url, IndexAccess())) as connection:
        catalogue = Catalogue(connection, alias)
        for generation in catalogue.generations():
            catalogue.drop(generation.index)


def found(cloud: Cloud, url: str) -> list[str]:
    with closing(open_index(url, fingerprint=cloud.bundle.fingerprint)) as index:
        embedded = [index.get(photo_id) for photo_id in index.photo_ids()]
    return sorted(one.photo.path for one in embedded if one is not None)


def test_job_writer_load_and_rollback_on_a_server(cloud, index_url, capsys):
    for colour, name in zip(COLOURS, "abc", strict=True):
        cloud.put(f"{name}.jpg", jpeg(picture(COLOURS[colour])))
    assert cloud.ingest() == 0
    assert found(cloud, index_url) == ["a.jpg", "b.jpg", "c.jpg"]

    cloud.put("d.jpg", jpeg(picture()))
    cloud.delete("a.jpg")
    assert cloud.send("d.jpg", "a.jpg", "d.jpg") == []
    assert found(cloud, index_url) == ["b.jpg", "c.jpg", "d.jpg"]

    cloud.forget_mirror()
    assert cloud.run("load", cloud.work, "--quiet") == 0
    assert found(cloud, index_url) == ["b.jpg", "c.jpg", "d.jpg"]
    cloud.put("e.jpg", jpeg(picture(COLOURS["blue"], seed=3)))
    assert cloud.send("e.jpg") == []
    assert cloud.run("remove", photo_id_of("b.jpg"), "--thumbs", cloud.thumbs) == 0
    assert "2 taken out of 2 indexes" in capsys.readouterr().out
    assert found(cloud, index_url) == ["c.jpg", "d.jpg", "e.jpg"]

    cloud.forget_mirror()
    assert cloud.run("rollback") == 0

    assert found(cloud, index_url) == ["c.jpg", "d.jpg", "e.jpg"]
    assert "stored that came since it was filled" in capsys.readouterr().out
    cloud.forget_mirror()
    assert cloud.ingest() == 0
    assert "0 photos indexed, 3 unchanged, 0 removed, 1 kept out" in capsys.readouterr().out
