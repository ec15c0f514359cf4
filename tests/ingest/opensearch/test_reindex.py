"""A load into a real server: a new index beside the old one, verified and swapped in."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ingest.generations import roll_back
from ingest.shards import ShardRow
from photo_search.errors import FingerprintMismatch, IndexNotFound, PhotoIndexError
from photo_search.index import EmbeddedPhoto, KnnQuery
from photo_search.index.opensearch import OpenSearchIndex
from tests.ingest.opensearch.collection import (
    NEW,
    OLD,
    photo_id,
    rows,
    versions,
)

pytestmark = pytest.mark.opensearch


def add_poison(collection, number: int, *, version: str = "1") -> None:
    """A photo that parquet can hold and no document can."""
    (row,) = rows([number], version=version)
    photo = replace(row.embedded.photo, latitude=float("nan"))
    collection.store().add([ShardRow(EmbeddedPhoto(photo, row.embedded.embedding), version)])


def newest(collection) -> OpenSearchIndex:
    """The index that is being filled, as an operator's hand reaches it."""
    index = collection.catalogue.generations()[-1].index
    return OpenSearchIndex.of(collection.catalogue._connection, collection.catalogue, index)


def stop_before_the_merge(request: str) -> None:
    if request.endswith("_forcemerge"):
        raise KeyboardInterrupt


def test_the_first_load_makes_an_index_with_both_aliases(collection):
    collection.add(range(30))

    report = collection.load()

    assert (report.photos, report.stored, report.filled_to) == (30, 30, 1)
    assert (report.rejected, report.dropped, report.notes) == ({}, [], [])
    assert report.found_share == 1
    assert report.full_name == f"{collection.url}/{report.index}"
    assert set(report.seconds) == {"create", "fill", "finish", "verify", "swap"}
    (generation,) = collection.catalogue.generations()
    assert generation.index.name == report.index
    assert generation.index.facts.is_ready
    assert generation.aliases == {
        collection.alias,
        collection.catalogue.space_alias(OLD.fingerprint),
        f"{report.index}-write",
    }
    assert collection.held() == versions(range(30))


def test_searches_are_tuned_for_searching_again_after_the_load(collection):
    collection.add(range(5))

    name = collection.load().index

    (facts,) = collection.connection.request(
        "GET", name, "_settings", parameters={"flat_settings": "true"}
    ).values()
    assert facts["settings"]["index.refresh_interval"] == "10s"
    assert facts["settings"]["index.auto_expand_replicas"] == "0-2"
    segments = collection.connection.request("GET", name, "_segments")
    (copies,) = segments["indices"][name]["shards"].values()
    assert [copy["num_search_segments"] for copy in copies] == [1]


@pytest.mark.parametrize("keep", [0, 1, 2])
def test_so_many_older_indexes_stay_as_were_asked_for(collection, keep):
    collection.add(range(10))

    reports = [collection.load(keep=keep) for _ in range(4)]

    made = [report.index for report in reports]
    assert collection.names() == made[3 - keep :]
    assert collection.current() == made[-1]
    assert [name for report in reports for name in report.dropped] == made[: 3 - keep]
    assert collection.held() == versions(range(10))


def test_a_reader_that_is_open_follows_the_swap(collection):
    collection.add(range(10))
    collection.load()
    with collection.reader() as reader:
        collection.add(range(10, 20), version="2")
        collection.load(keep=0)

        assert reader.count() == 20
        (row,) = rows([15], version="2")
        hits = reader.knn(KnnQuery(row.embedded.embedding, k=1)).hits
        assert [hit.photo.photo_id for hit in hits] == [photo_id(15)]


def test_a_rollback_leads_back_and_a_name_leads_forward_again(collection):
    collection.add(range(10))
    first = collection.load(keep=2).index
    collection.add(range(10), version="2")
    second = collection.load(keep=2).index
    third = collection.load(keep=2).index

    before, now = roll_back(collection.connection, collection.alias)
    assert (before.name, now.name) == (third, second)
    roll_back(collection.connection, collection.alias)
    assert collection.current() == first
    assert collection.held() == versions(range(10))
    with pytest.raises(PhotoIndexError, match=f"no index older than {first}"):
        roll_back(collection.connection, collection.alias)

    roll_back(collection.connection, collection.alias, to=third)
    assert collection.current() == third
    assert collection.held() == versions(range(10), "2")
    assert collection.names() == [first, second, third]


def test_a_rollback_with_nothing_older_or_to_an_unknown_index_says_what_there_is(collection):
    with pytest.raises(PhotoIndexError, match="leads to no index that a load made"):
        roll_back(collection.connection, collection.alias)
    collection.add(range(3))
    first, second = collection.load().index, collection.load().index

    with pytest.raises(PhotoIndexError, match=f"no finished index x-1 .*; there are {first}"):
        roll_back(collection.connection, collection.alias, to="x-1")

    assert collection.current() == second


def test_a_load_after_a_rollback_drops_what_people_went_back_from(collection):
    collection.add(range(5))
    good, bad = collection.load().index, collection.load().index
    roll_back(collection.connection, collection.alias)

    report = collection.load(keep=1)

    assert report.dropped == [bad]
    assert collection.names() == [good, report.index]
    roll_back(collection.connection, collection.alias)
    assert collection.current() == good


def test_a_new_model_moves_in_beside_the_old_one(collection):
    collection.add(range(10))
    old = collection.load().index
    with collection.reader() as old_program:
        collection.add(range(20), version="2", space=NEW)
        new = collection.load(NEW).index

        assert collection.current() == new
        assert old_program.count() == 10
        (row,) = rows([3])
        hits = old_program.knn(KnnQuery(row.embedded.embedding, k=10)).hits
        assert {hit.photo.description for hit in hits} == {"old-model 1"}
    assert collection.names() == [old, new]
    assert collection.held(OLD) == versions(range(10))
    assert collection.held(NEW) == versions(range(20), "2")

    roll_back(collection.connection, collection.alias)
    assert collection.current() == old
    assert collection.held(NEW) == versions(range(20), "2")


def test_a_model_without_an_index_is_refused(collection):
    collection.add(range(3))
    with pytest.raises(IndexNotFound), collection.reader():
        pass
    collection.load()

    with pytest.raises(FingerprintMismatch), collection.reader(NEW):
        pass


def test_less_than_half_of_the_photos_is_refused_until_it_is_allowed(collection):
    collection.add(range(20))
    before = collection.load().index
    collection.store().remove([photo_id(number) for number in range(11)])

    with pytest.raises(PhotoIndexError, match=r"has 9 photos.* has 20; --allow-smaller lets it be"):
        collection.load()
    assert collection.current() == before

    report = collection.load(allow_smaller=True)
    assert report.notes == [f"went on with {report.index}"]
    assert collection.held() == versions(range(11, 20))


def test_photos_that_cannot_be_stored_are_listed_and_the_others_are_loaded(collection, tmp_path):
    letters = tmp_path / "deep" / "dead.jsonl"
    collection.add(range(10))
    add_poison(collection, 3)
    add_poison(collection, 77)

    report = collection.load(dead_letters=letters)

    told = [json.loads(line) for line in letters.read_text().splitlines()]
    assert [one["photo_id"] for one in told] == [photo_id(3), photo_id(77)]
    assert "nan" in told[0]["reason"].lower()
    assert report.rejected.keys() == {photo_id(3), photo_id(77)}
    assert report.photos == 9
    assert collection.held() == versions(set(range(10)) - {3})

    collection.add([3, 77], version="2")
    assert collection.load(dead_letters=letters).rejected == {}
    assert not letters.exists()
    assert collection.held() == versions(set(range(10)) - {3}) | versions([3, 77], "2")


def test_a_profile_of_fewer_bytes_finds_the_same_photos(collection):
    collection.add(range(300))

    report = collection.load(profile="byte4x")

    assert report.found_share == 1
    (generation,) = collection.catalogue.generations()
    assert generation.index.facts.profile == "byte4x"
    with collection.reader() as index:
        for row in rows(range(0, 300, 30)):
            query = KnnQuery(row.embedded.embedding, k=10)
            found = {hit.photo.photo_id for hit in index.knn(query).hits}
            true = {hit.photo.photo_id for hit in index.knn(replace(query, exact=True)).hits}
            assert len(found & true) >= 9


def test_an_unknown_profile_is_refused_and_nothing_is_made(collection):
    collection.add(range(3))

    with pytest.raises(PhotoIndexError, match="no profile 'nonsense'; there are float, byte4x"):
        collection.load(profile="nonsense")

    assert collection.names() == []


def test_an_index_that_lacks_photos_is_not_swapped_in_and_is_mended_by_the_next_load(collection):
    collection.add(range(10))
    before = collection.load().index
    collection.add(range(10, 20))

    def lose_photos(request: str) -> None:
        if request.endswith("_forcemerge"):
            newest(collection).delete([photo_id(4), photo_id(14)])

    collection.connection.before = lose_photos
    with pytest.raises(PhotoIndexError, match=r"has 18 photos, the shards 20; it was not swapped"):
        collection.load()
    assert collection.current() == before
    assert collection.held() == versions(range(10))

    del collection.connection.before
    report = collection.load()
    assert report.stored == 2
    assert collection.held() == versions(range(20))


def test_an_index_with_other_embeddings_is_not_swapped_in_and_does_not_stay(collection):
    collection.add(range(10))
    before = collection.load().index
    collection.add(range(10, 60))

    def overwrite(request: str) -> None:
        if request.endswith("_forcemerge"):
            newest(collection).upsert([row.embedded for row in rows(range(60), version="2")])

    collection.connection.before = overwrite
    with pytest.raises(
        PhotoIndexError, match=r"not find \d+ of 50 photos .* \(0 of them it finds by exact"
    ):
        collection.load()

    assert collection.names() == [before]
    del collection.connection.before
    collection.load()
    assert collection.held() == versions(range(60))


def test_what_loads_of_other_profiles_left_unfinished_goes_with_the_next_finished_one(collection):
    collection.add(range(10))

    collection.connection.before = stop_before_the_merge
    for profile in ("float", "byte4x"):
        with pytest.raises(KeyboardInterrupt):
            collection.load(profile=profile)
    collection.add(range(10), space=NEW)
    with pytest.raises(KeyboardInterrupt):
        collection.load(NEW)
    half_float, half_byte, half_new = collection.names()

    del collection.connection.before
    report = collection.load(profile="byte4x")

    assert report.index == half_byte
    assert report.dropped == [half_float]
    assert collection.names() == [half_byte, half_new]  # another model's load may be at work


def test_an_unfinished_index_of_newer_shards_than_there_are_is_not_gone_on_with(collection):
    collection.add(range(5), version="1")
    collection.add(range(5), version="2")
    collection.connection.before = stop_before_the_merge
    with pytest.raises(KeyboardInterrupt):
        collection.load()
    (left,) = collection.names()
    for file in collection.shards().glob("*.parquet"):
        file.unlink()
    collection.add(range(5), version="3")  # numbered from 1 again

    del collection.connection.before
    report = collection.load()

    assert report.dropped == [left]
    assert collection.held() == versions(range(5), "3")


def test_a_swap_takes_the_alias_off_an_index_that_somebody_named_by_hand(collection):
    connection = collection.catalogue._connection
    by_hand = f"{collection.alias}-by-hand"
    connection.request("PUT", by_hand, "", body={"aliases": {collection.alias: {}}})
    collection.add(range(5))
    try:
        report = collection.load(allow_smaller=True)

        assert list(connection.request("GET", "_alias", collection.alias)) == [report.index]
    finally:
        connection.request("DELETE", by_hand, "")
