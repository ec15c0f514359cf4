"""What every engine stores, refuses to store, and finds again by id and by time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from photo_search.errors import PhotoIndexError
from photo_search.index.protocol import (
    MAX_PHOTO_ID_BYTES,
    EmbeddedPhoto,
    Filters,
    HybridQuery,
    KnnQuery,
    PhotoIndex,
    TextQuery,
)
from photo_search.photo import Photo
from tests.core.index.conftest import MakeIndex
from tests.core.index.samples import FULL_PHOTO, embedded, grid_rows, ids, unit_rows

ROW = unit_rows(1)[0]
ODD_IDS = [
    *["..", ".", "a/b", "/", "%2e", "%2E%2e", "é", "e\u0301", "a\0b", "\0", " ", "_", "_doc", "*"],
    *["_search", "a,b", "?q=1", "#", '"', "\\", "\n", "+", "🎈", "\uffff", "-1", "0", "null"],
    *["x" * MAX_PHOTO_ID_BYTES, "é" * (MAX_PHOTO_ID_BYTES // 2), "A", "a"],
]


def test_odd_ids_are_told_apart_found_and_taken_out(index: PhotoIndex) -> None:
    photos = [
        embedded(name, row, width=number + 1)
        for number, (name, row) in enumerate(zip(ODD_IDS, unit_rows(len(ODD_IDS)), strict=True))
    ]
    index.upsert(photos)

    assert list(index.photo_ids()) == sorted(ODD_IDS)
    for photo in photos:
        found = index.get(photo.photo.photo_id)
        assert found is not None
        assert found.photo == photo.photo
        assert ids(index.knn(KnnQuery(photo.embedding, k=1))) == [photo.photo.photo_id]
    for left, name in enumerate(reversed(ODD_IDS[1:]), start=1):
        assert index.delete([name]) == 1
        assert index.get(name) is None
        assert index.count() == len(ODD_IDS) - left
    assert list(index.photo_ids()) == [".."]


@pytest.mark.parametrize(
    "photo_id", ["", "x" * (MAX_PHOTO_ID_BYTES + 1), "é" * (MAX_PHOTO_ID_BYTES // 2) + "x"]
)
def test_an_id_of_no_or_too_many_bytes_is_refused(index: PhotoIndex, photo_id: str) -> None:
    with pytest.raises(PhotoIndexError, match=f"{MAX_PHOTO_ID_BYTES}"):
        index.upsert([embedded("good", ROW), embedded(photo_id, ROW)])

    assert index.count() == 0
    assert index.get(photo_id) is None
    assert index.delete(["good", photo_id]) == 0


@pytest.mark.parametrize(
    "field",
    [
        *["photo_id", "path", "original_url", "description", "photographer", "place", "city"],
        *["photographer_username", "country", "camera", "licence", "blur_hash"],
    ],
)
def test_half_a_surrogate_pair_is_refused_in_every_field(index: PhotoIndex, field: str) -> None:
    altered: dict[str, Any] = {field: "half \ud83c"}
    photo = replace(FULL_PHOTO, **altered)

    with pytest.raises(PhotoIndexError, match="cannot be stored"):
        index.upsert([embedded("good", ROW), EmbeddedPhoto(photo, ROW)])

    assert index.count() == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"keywords": ("fine", "half \udf88")},
        {"taken_at": datetime(2020, 1, 1)},  # noqa: DTZ001 - without a zone on purpose
        {"latitude": float("nan"), "longitude": 1.0},
        {"longitude": float("inf")},
    ],
    ids=["keyword", "time without zone", "no number", "infinite"],
)
def test_what_some_engine_cannot_store_is_refused_by_all(index: PhotoIndex, fields) -> None:
    with pytest.raises(PhotoIndexError, match="'odd' cannot be stored"):
        index.upsert([embedded("good", ROW), embedded("odd", ROW, **fields)])

    assert index.count() == 0


def test_half_a_surrogate_pair_finds_nothing(index: PhotoIndex) -> None:
    index.upsert([EmbeddedPhoto(FULL_PHOTO, ROW)])
    half = "\ud83c"

    assert index.get(half) is None
    assert index.delete([half]) == 0
    assert ids(index.match_text(TextQuery(half, k=5))) == []
    for filters in (Filters(country=half), Filters(camera=half), Filters(photographer=half)):
        assert ids(index.knn(KnnQuery(ROW, k=5, filters=filters))) == []
    every = index.knn(KnnQuery(ROW, k=5, excluded_photo_id=half))
    assert ids(every) == [FULL_PHOTO.photo_id]
    assert ids(index.hybrid(HybridQuery(ROW, half, k=5))) == [FULL_PHOTO.photo_id]


@pytest.mark.parametrize("name", ["", " ", "x" * 200, "*", "nor*", "NORWAY\0"])
def test_a_name_is_compared_whole(index: PhotoIndex, name: str) -> None:
    index.upsert([embedded("a", ROW, country="Norway", camera="C", photographer="P")])

    for filters in (Filters(country=name), Filters(camera=name), Filters(photographer=name)):
        assert ids(index.knn(KnnQuery(ROW, k=5, filters=filters))) == []


def test_fields_of_great_length_come_back(index: PhotoIndex) -> None:
    photo = Photo(
        "long",
        width=2**31 - 1,
        height=1,
        description="word " * 20_000,
        photographer="n" * 3000,
        country="c" * 3000,
        camera="k" * 3000,
        keywords=tuple(f"keyword{number}" for number in range(2000)),
        original_url="https://example/" + "u" * 40_000,
        licence="l" * 40_000,
    )
    index.upsert([EmbeddedPhoto(photo, ROW)])

    found = index.get("long")

    assert found is not None
    assert found.photo == photo
    assert ids(index.match_text(TextQuery("keyword1999 words", k=5))) == ["long"]


MOMENT = datetime(2020, 2, 29, 12, 0, 0, 5_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("taken_at", "filters", "is_found"),
    [
        (MOMENT, Filters(taken_from=MOMENT), True),
        (MOMENT, Filters(taken_before=MOMENT), False),
        (MOMENT, Filters(taken_from=MOMENT + timedelta(milliseconds=1)), False),
        (MOMENT, Filters(taken_before=MOMENT + timedelta(milliseconds=1)), True),
        (MOMENT + timedelta(microseconds=999), Filters(taken_from=MOMENT), True),
        (MOMENT + timedelta(microseconds=999), Filters(taken_before=MOMENT), False),
        (MOMENT, Filters(taken_from=MOMENT + timedelta(microseconds=999)), True),
        (MOMENT, Filters(taken_before=MOMENT + timedelta(microseconds=999)), False),
        (MOMENT, Filters(taken_from=MOMENT.astimezone(timezone(timedelta(hours=-9)))), True),
        (
            datetime(1912, 6, 23, 1, 2, 3, 999, tzinfo=UTC),
            Filters(taken_before=datetime(1912, 6, 23, 1, 2, 3, tzinfo=UTC)),
            False,
        ),
        (datetime(1, 1, 1, tzinfo=UTC), Filters(taken_before=MOMENT), True),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), Filters(taken_from=MOMENT), True),
        (None, Filters(taken_from=datetime(1, 1, 1, tzinfo=UTC)), False),
        (None, Filters(taken_before=MOMENT), False),
    ],
)
def test_moments_count_to_the_millisecond(
    index: PhotoIndex, taken_at: datetime | None, filters: Filters, is_found: bool
) -> None:
    index.upsert([embedded("a", ROW, taken_at=taken_at)])

    assert ids(index.knn(KnnQuery(ROW, k=5, filters=filters))) == ["a"] * is_found
    found = index.get("a")
    assert found is not None
    assert found.photo.taken_at == taken_at


def test_a_filter_by_a_time_without_zone_is_refused(index: PhotoIndex) -> None:
    filters = Filters(taken_from=datetime(2020, 1, 1))  # noqa: DTZ001 - on purpose

    with pytest.raises(PhotoIndexError, match="time zone"):
        index.knn(KnnQuery(ROW, k=5, filters=filters))


def test_an_embedding_comes_back_as_the_nearest_float16(index: PhotoIndex) -> None:
    exact, rounded = grid_rows(1)[0], unit_rows(1, seed=4)[0]
    index.upsert([embedded("exact", exact), embedded("rounded", rounded)])

    first, second = index.get("exact"), index.get("rounded")

    assert first is not None
    assert second is not None
    np.testing.assert_allclose(first.embedding, exact, atol=1e-7)
    np.testing.assert_allclose(second.embedding, rounded, atol=2.0**-11)


def test_a_name_belongs_to_one_index(make_index: MakeIndex) -> None:
    first, second = make_index(), make_index()
    name = first.name
    first.upsert([embedded("a", ROW)])

    assert name == first.name != second.name
    assert second.count() == 0


def test_an_index_with_photos_has_a_size(index: PhotoIndex) -> None:
    index.upsert([embedded(f"p{n}", row) for n, row in enumerate(unit_rows(200))])

    assert index.size_bytes() > 0
