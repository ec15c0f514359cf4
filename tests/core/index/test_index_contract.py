"""What every engine must do; a new one is added to ``make_index`` in conftest.py alone."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from photo_search.errors import PhotoIndexError
from photo_search.index.protocol import (
    WINDOW,
    EmbeddedPhoto,
    Filters,
    HitPage,
    KnnQuery,
    PhotoIndex,
    TextQuery,
)
from photo_search.photo import Colour, Orientation
from tests.core.index.samples import (
    DIMENSION,
    FINGERPRINT,
    FULL_PHOTO,
    collection,
    embedded,
    ids,
    unit_rows,
)

FLOAT16_TOLERANCE = 1e-3
PER_TEST = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def test_an_empty_index_answers_with_nothing(index: PhotoIndex) -> None:
    query = unit_rows(1)[0]

    assert index.knn(KnnQuery(query, k=5)) == HitPage((), has_more=False)
    assert index.match_text(TextQuery("cat", k=5)) == HitPage((), has_more=False)
    assert (index.count(), list(index.photo_ids()), index.get("x")) == (0, [], None)
    assert (index.fingerprint, index.dimension) == (FINGERPRINT, DIMENSION)


def test_every_field_of_a_photo_comes_back(index: PhotoIndex) -> None:
    row = unit_rows(1)[0]
    index.upsert([EmbeddedPhoto(FULL_PHOTO, row), embedded("bare", row)])

    found = index.get(FULL_PHOTO.photo_id)

    assert found is not None
    assert found.photo == FULL_PHOTO
    assert found.photo.taken_at is not None
    assert found.photo.taken_at.utcoffset() == timedelta(hours=5, minutes=45)
    assert found.embedding.dtype == np.float32
    np.testing.assert_allclose(found.embedding, row, atol=FLOAT16_TOLERANCE)
    assert np.linalg.norm(found.embedding) == pytest.approx(1, abs=1e-6)
    assert index.knn(KnnQuery(row, k=1)).hits[0].photo == FULL_PHOTO
    bare = index.get("bare")
    assert bare is not None
    assert bare.photo == embedded("bare", row).photo


def test_hits_come_by_falling_cosine_with_the_true_cosine_as_score(index: PhotoIndex) -> None:
    photos = collection(300)
    index.upsert(photos)
    query = unit_rows(1, seed=9)[0]

    page = index.knn(KnnQuery(query, k=20, exact=True))

    truth = {e.photo.photo_id: float(e.embedding @ query) for e in photos}
    assert [hit.cosine for hit in page.hits] == sorted((h.score for h in page.hits), reverse=True)
    for hit in page.hits:
        assert hit.cosine == pytest.approx(truth[hit.photo.photo_id], abs=FLOAT16_TOLERANCE)
    best = sorted(truth.values(), reverse=True)[:20]
    np.testing.assert_allclose([hit.score for hit in page.hits], best, atol=FLOAT16_TOLERANCE)
    assert page.has_more


def test_equal_cosines_rank_by_photo_id_on_every_page(index: PhotoIndex) -> None:
    row, other = unit_rows(2)
    names = [f"same{number:03}" for number in np.random.default_rng(1).permutation(90)]
    index.upsert([embedded(name, row) for name in names] + [embedded("other", other)])

    pages = [index.knn(KnnQuery(row, k=7, offset=at, exact=True)) for at in range(0, 91, 7)]

    assert [name for page in pages for name in ids(page)] == [*sorted(names), "other"]
    assert [page.has_more for page in pages] == [True] * 12 + [False]


def test_a_window_of_ties_holds_the_smallest_ids(index: PhotoIndex) -> None:
    row = unit_rows(1)[0]
    names = [f"same{number:04}" for number in np.random.default_rng(1).permutation(WINDOW + 200)]
    index.upsert([embedded(name, row) for name in names])

    last = index.knn(KnnQuery(row, k=50, offset=WINDOW - 50, exact=True))

    assert ids(last) == sorted(names)[WINDOW - 50 : WINDOW]
    assert not last.has_more


def test_pages_join_to_one_ranking_without_repeats_and_end_at_the_window(index: PhotoIndex) -> None:
    index.upsert(collection(WINDOW + 300))
    query = unit_rows(1, seed=5)[0]

    joined: list[str] = []
    for offset in range(0, WINDOW, 100):
        page = index.knn(KnnQuery(query, k=100, offset=offset))
        assert page.has_more == (offset + 100 < WINDOW)
        joined += ids(page)

    assert len(set(joined)) == WINDOW
    assert joined[:350] == ids(index.knn(KnnQuery(query, k=350)))


def test_the_page_after_the_last_hit_is_empty(index: PhotoIndex) -> None:
    index.upsert(collection(10))
    query = unit_rows(1)[0]

    assert index.knn(KnnQuery(query, k=10)).has_more is False
    assert index.knn(KnnQuery(query, k=9)).has_more is True
    assert index.knn(KnnQuery(query, k=5, offset=10)) == HitPage((), has_more=False)
    assert index.match_text(TextQuery("picture", k=5, offset=10)) == HitPage((), has_more=False)


def test_the_excluded_photo_takes_no_rank(index: PhotoIndex) -> None:
    photos = collection(30)
    index.upsert(photos)
    query = photos[3].embedding

    with_it = ids(index.knn(KnnQuery(query, k=30)))
    without = index.knn(KnnQuery(query, k=29, excluded_photo_id="p00003"))

    assert with_it[0] == "p00003"
    assert ids(without) == with_it[1:]
    assert not without.has_more
    unknown = index.knn(KnnQuery(query, k=30, excluded_photo_id="none"))
    assert ids(unknown) == with_it


def test_hits_below_the_least_cosine_are_left_out(index: PhotoIndex) -> None:
    index.upsert(collection(200))
    query = unit_rows(1, seed=4)[0]

    page = index.knn(KnnQuery(query, k=100, min_cosine=0.2))

    everything = index.knn(KnnQuery(query, k=200))
    assert page.hits == tuple(hit for hit in everything.hits if hit.score >= 0.2)
    assert page.hits
    assert not page.has_more


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        (Filters(orientation=Orientation.PORTRAIT), lambda n: n % 3 == 1),
        (Filters(orientation=Orientation.SQUARE), lambda n: n % 3 == 2),
        (Filters(photographer="CARL DÜRR"), lambda n: n % 2 == 1),
        (Filters(photographer="AnnB"), lambda n: n % 2 == 0),
        (Filters(photographer=" Carl Du\u0308rr "), lambda n: n % 2 == 1),
        (Filters(photographer="Ann"), lambda _: False),
        (Filters(country="norway"), lambda n: n % 3 == 0),
        (Filters(camera=" bÖX 1"), lambda n: n % 4 == 0),
        (Filters(camera="böx"), lambda _: False),
        (Filters(colour=Colour.BLACK), lambda n: n % 12 in {0, 7}),
        (Filters(taken_from=datetime(2020, 1, 11, tzinfo=UTC)), lambda n: n >= 10 and n % 5 != 4),
        (Filters(taken_before=datetime(2020, 1, 11, tzinfo=UTC)), lambda n: n < 10 and n % 5 != 4),
        (
            Filters(orientation=Orientation.LANDSCAPE, country="NORWAY", photographer="cd"),
            lambda n: n % 6 == 3,
        ),
    ],
)
def test_filters_bind_both_kinds_of_search(index: PhotoIndex, filters, wanted) -> None:
    index.upsert(collection(60))
    expected = {f"p{number:05}" for number in range(60) if wanted(number)}

    nearest = index.knn(KnnQuery(unit_rows(1, seed=2)[0], k=60, filters=filters))
    matching = index.match_text(TextQuery("picture", k=60, filters=filters))

    assert set(ids(nearest)) == expected
    assert set(ids(matching)) == expected


def test_words_are_found_in_every_text_field_without_case_or_accents(index: PhotoIndex) -> None:
    index.upsert([EmbeddedPhoto(FULL_PHOTO, unit_rows(1)[0]), *collection(5)])

    for text in ("BALLOON", "sao paulo", "sÃO", "東京", "Estaiada", "brazil", "angstrom zoe"):
        assert ids(index.match_text(TextQuery(text, k=9))) == [FULL_PHOTO.photo_id], text
    assert ids(index.match_text(TextQuery("balloon cat", k=9))) == []
    assert index.match_text(TextQuery("balloon", k=9)).hits[0].cosine is None


def test_a_photo_that_says_the_word_more_often_ranks_higher(index: PhotoIndex) -> None:
    row = unit_rows(1)[0]
    index.upsert(
        [
            embedded("a", row, description="a lake and a house and a road and a tree"),
            embedded("b", row, description="lake lake lake and a house and a road"),
            embedded("c", row, description="house"),
        ]
    )

    page = index.match_text(TextQuery("lake", k=9))

    assert ids(page) == ["b", "a"]
    assert page.hits[0].score > page.hits[1].score


def test_text_ties_rank_by_photo_id_across_pages(index: PhotoIndex) -> None:
    row = unit_rows(1)[0]
    names = [f"t{number:02}" for number in np.random.default_rng(3).permutation(50)]
    index.upsert([embedded(name, row, description="same words") for name in names])

    pages = [index.match_text(TextQuery("words", k=20, offset=at)) for at in (0, 20, 40)]

    assert [name for page in pages for name in ids(page)] == sorted(names)
    assert [page.has_more for page in pages] == [True, True, False]


@pytest.mark.parametrize(
    "text",
    [
        *[
            "",
            " ",
            "\0",
            "cat\0dog",
            '"',
            '""',
            '"cat',
            "cat*",
            "cat AND",
            "NOT",
            "cat NEAR(dog)",
            "🎈",
        ],
        *[
            "description:cat",
            "(",
            "^cat",
            "-cat",
            "cat + dog",
            "a" * 10_000,
            "' OR 1=1 --",
            "\ud800",
        ],
        *["!!!", "cat !!!", "{a b}: x", "%", "\\", "e\u0301", "\U00016e40", "١٢"],
    ],
)
def test_any_text_is_only_words(index: PhotoIndex, text: str) -> None:
    index.upsert(collection(3))

    assert len(index.match_text(TextQuery(text, k=5)).hits) <= 3


@PER_TEST
@given(text=st.text(max_size=40))
def test_no_text_raises(index: PhotoIndex, text: str) -> None:
    index.match_text(TextQuery(text, k=3))


def test_upsert_replaces_photo_words_and_embedding(index: PhotoIndex) -> None:
    first, second = unit_rows(2)
    index.upsert([embedded("a", first, description="cat", country="Norway")])
    index.upsert([embedded("a", second, description="dog", country="Chile")])

    assert index.count() == 1
    assert ids(index.match_text(TextQuery("cat", k=5))) == []
    assert ids(index.match_text(TextQuery("dog", k=5))) == ["a"]
    norway = index.knn(KnnQuery(second, k=5, filters=Filters(country="Norway")))
    assert norway.hits == ()
    assert index.knn(KnnQuery(second, k=5)).hits[0].score == pytest.approx(1, abs=1e-3)


def test_the_last_of_two_with_one_id_in_a_batch_counts(index: PhotoIndex) -> None:
    first, second = unit_rows(2)
    index.upsert([embedded("a", first, width=1), embedded("a", second, width=2)])

    found = index.get("a")

    assert index.count() == 1
    assert found is not None
    assert found.photo.width == 2
    np.testing.assert_allclose(found.embedding, second, atol=FLOAT16_TOLERANCE)


def test_delete_takes_photos_out_of_every_answer(index: PhotoIndex) -> None:
    photos = collection(20)
    index.upsert(photos)

    assert index.delete(["p00003", "p00004", "unknown", "p00003"]) == 2

    assert index.count() == 18
    assert index.get("p00003") is None
    assert "p00003" not in ids(index.knn(KnnQuery(photos[3].embedding, k=20)))
    assert ids(index.match_text(TextQuery("number3", k=5))) == []
    assert index.delete(["p00003"]) == 0
    index.upsert([photos[3]])
    assert ids(index.knn(KnnQuery(photos[3].embedding, k=1))) == ["p00003"]


def test_ids_come_ascending_by_code_point(index: PhotoIndex) -> None:
    names = ["b", "a", "B", "é", "🎈", "\uffff", "..", "aa", "a\0b", "a/b"]
    index.upsert([embedded(name, unit_rows(1)[0]) for name in names])

    assert list(index.photo_ids()) == sorted(names)
    for name in names:
        assert index.get(name) is not None


@pytest.mark.parametrize(
    "embedding",
    [unit_rows(1, 7)[0], unit_rows(1)[0] * 1.01, unit_rows(1)[0] * np.nan, np.zeros(DIMENSION)],
    ids=["wrong dimension", "not unit", "NaN", "zero"],
)
def test_a_bad_embedding_is_refused_and_nothing_of_its_batch_is_stored(
    index: PhotoIndex, embedding
) -> None:
    good = unit_rows(1)[0]

    with pytest.raises(PhotoIndexError, match="bad-one"):
        index.upsert([embedded("good", good), embedded("bad-one", embedding.astype(np.float32))])

    assert index.count() == 0
    with pytest.raises(PhotoIndexError):
        index.knn(KnnQuery(embedding.astype(np.float32), k=1))


def test_empty_batches_change_nothing(index: PhotoIndex) -> None:
    index.upsert([])

    assert index.delete([]) == 0
    assert index.count() == 0


def test_threads_read_at_once(index: PhotoIndex) -> None:
    photos = collection(400)
    index.upsert(photos)
    wrong: list[str] = []

    def read(first: int) -> None:
        wrong.extend(
            e.photo.photo_id
            for e in photos[first::8]
            if ids(index.knn(KnnQuery(e.embedding, k=1))) != [e.photo.photo_id]
        )

    threads = [threading.Thread(target=read, args=(first,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_a_photo_may_change_one_field(index: PhotoIndex) -> None:
    row = unit_rows(1)[0]
    index.upsert([EmbeddedPhoto(FULL_PHOTO, row)])
    changed = replace(FULL_PHOTO, keywords=(), taken_at=None, colours=(), latitude=None)

    index.upsert([EmbeddedPhoto(changed, row)])

    found = index.get(FULL_PHOTO.photo_id)
    assert found is not None
    assert found.photo == changed
