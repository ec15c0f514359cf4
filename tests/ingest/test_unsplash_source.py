from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ingest.failure import Reason
from ingest.sources.unsplash import UnsplashSource
from photo_search.errors import SourceInvalid
from photo_search.photo import Colour, Photo, Source
from tests.ingest.pictures import write_pictures
from tests.ingest.unsplash_files import photo_row, table, write_directory, write_zip


def photos_of(path, **options) -> dict[str, Photo]:
    listing = UnsplashSource(path, **options).list_photos()
    return {photo.photo.photo_id: photo.photo for photo in listing.photos}


@pytest.mark.parametrize("name", ["photos.tsv000", "photos.csv000", "photos.tsv", "photos.csv"])
def test_every_release_s_file_names_are_understood(tmp_path, name):
    write_directory(tmp_path, {name: table([photo_row(1)]), "TERMS.md": b"terms"})

    photo = photos_of(tmp_path)["photo-00001"]

    assert photo.description == 'Picture\nnumber\t1, with a "quote"'
    assert photo.source is Source.UNSPLASH
    assert (photo.width, photo.height) == (3000, 2000)
    assert photo.taken_at == datetime(2019, 4, 5, 6, 7, 8, 123456, tzinfo=UTC)
    assert (photo.photographer, photo.photographer_username) == ("Anna O'Hara", "anna")
    assert photo.original_url == "https://images.invalid/photo-1"


@pytest.mark.parametrize("prefix", ["", "unsplash-lite/"])
def test_a_zip_is_read_as_it_is(tmp_path, prefix):
    files = {"photos.csv000": table([photo_row(1)]), "photos.csv001": table([photo_row(2)])}

    photos = photos_of(write_zip(tmp_path / "lite.zip", files, prefix=prefix))

    assert sorted(photos) == ["photo-00001", "photo-00002"]


def test_parts_are_joined_with_and_without_headers_of_their_own(tmp_path):
    rows = [photo_row(number) for number in range(6)]
    whole = table(rows[2:4], header=False)
    # One part has its header again, after a part without a last line break; one row is cut in two.
    write_directory(
        tmp_path,
        {
            "photos.tsv000": table(rows[:2])[:-1],
            "photos.tsv001": table(rows[2:3]) + whole[: len(whole) * 3 // 4],
            "photos.tsv002": whole[len(whole) * 3 // 4 :] + table(rows[4:], header=False),
        },
    )

    listing = UnsplashSource(tmp_path).list_photos()

    assert [photo.photo.photo_id for photo in listing.photos] == [row["photo_id"] for row in rows]
    assert {photo.photo.width for photo in listing.photos} == {3000}


def test_missing_and_unknown_columns_do_no_harm(tmp_path):
    row = {"new_column": "1", "photo_id": "a", "photo_image_url": "https://images.invalid/a"}
    write_directory(tmp_path, {"photos.csv": table([row])})

    assert photos_of(tmp_path)["a"] == Photo(
        "a",
        0,
        0,
        source=Source.UNSPLASH,
        original_url="https://images.invalid/a",
        licence="Unsplash",
    )


def test_rows_with_too_few_fields_or_a_wild_quote_are_left_out_and_counted(tmp_path):
    data = table([photo_row(1)]) + b"short\trow\n" + table([photo_row(2)], header=False)
    write_directory(tmp_path, {"photos.tsv": data})

    listing = UnsplashSource(tmp_path).list_photos()

    assert len(listing.photos) == 2
    assert listing.notes == ["1 malformed rows were left out"]


def test_a_very_long_description_is_read(tmp_path):
    write_directory(
        tmp_path, {"photos.tsv": table([photo_row(1, photo_description="x" * 200_000)])}
    )

    assert len(photos_of(tmp_path)["photo-00001"].description) == 200_000


def test_malformed_numbers_and_dates_are_left_out(tmp_path):
    row = photo_row(
        1,
        photo_width="wide",
        photo_submitted_at="long ago",
        photo_location_latitude="north",
        photo_location_longitude="inf",
    )
    write_directory(tmp_path, {"photos.tsv": table([row])})

    photo = photos_of(tmp_path)["photo-00001"]

    assert (photo.width, photo.taken_at) == (0, None)
    assert (photo.latitude, photo.longitude) == (None, None)


def test_places_swapped_by_an_old_release_are_put_right(tmp_path):
    rows = [
        photo_row(1, photo_location_latitude="151.2", photo_location_longitude="-33.9"),
        photo_row(2, photo_location_latitude="2.3", photo_location_longitude="48.9"),
    ]
    write_directory(tmp_path, {"photos.tsv000": table(rows)})

    listing = UnsplashSource(tmp_path).list_photos()

    assert [(one.photo.latitude, one.photo.longitude) for one in listing.photos] == [
        (-33.9, 151.2),
        (48.9, 2.3),
    ]
    assert "swapped" in listing.notes[0]


def test_keywords_come_surest_first_those_of_people_at_the_top(tmp_path):
    def keyword(word: str, first: str, second: str, by_user: str) -> dict[str, str]:
        return {
            "photo_id": "photo-00001",
            "keyword": word,
            "ai_service_1_confidence": first,
            "ai_service_2_confidence": second,
            "suggested_by_user": by_user,
        }

    rows = [
        keyword("boat", "55.5", "", "f"),
        keyword("sea", "", "91.0", "false"),
        keyword("mine", "", "", "t"),
        keyword("doubt", "12", "3", "0"),
        keyword("sea", "60", "", "f"),
    ]
    other = [keyword("x", "99", "", "f") | {"photo_id": "unknown"}]
    write_directory(
        tmp_path,
        {
            "photos.csv000": table([photo_row(1)]),
            "keywords.csv000": table(rows),
            "keywords.csv001": table(other),
        },
    )

    assert photos_of(tmp_path)["photo-00001"].keywords == ("mine", "sea", "boat")


@pytest.mark.parametrize("column", ["coverage", "ai_coverage"])
@pytest.mark.parametrize("whole", [1, 100])
def test_colours_are_read_by_either_name_as_share_or_percent(tmp_path, column, whole):
    rows = [
        {"photo_id": "photo-00001", "hex": digits, column: str(share * whole)}
        for digits, share in (("1E46D2", 0.2), ("DC281E", 0.3), ("2E8B3D", 0.02))
    ]
    write_directory(
        tmp_path, {"photos.csv000": table([photo_row(1)]), "colors.csv000": table(rows)}
    )

    assert photos_of(tmp_path)["photo-00001"].colours == (Colour.RED, Colour.BLUE)


def test_pictures_are_taken_from_a_directory_where_one_is_given(tmp_path):
    write_directory(tmp_path, {"photos.csv": table([photo_row(1), photo_row(2)])})
    (picture,) = write_pictures(tmp_path / "images", 1)
    picture.rename(tmp_path / "images" / "photo-00001.jpeg")

    listing = UnsplashSource(tmp_path, tmp_path / "images").list_photos()

    assert [photo.file for photo in listing.photos] == [tmp_path / "images" / "photo-00001.jpeg"]
    assert [(one.photo_id, one.reason) for one in listing.failures] == [
        ("photo-00002", Reason.NO_IMAGE_FILE)
    ]


def test_without_a_directory_the_url_gets_the_canonical_rendition(tmp_path):
    row = photo_row(1, photo_image_url="https://images.invalid/a?ixlib=1")
    write_directory(tmp_path, {"photos.csv": table([row])})

    (photo,) = UnsplashSource(tmp_path).list_photos().photos

    assert photo.url == "https://images.invalid/a?ixlib=1&w=640&q=80&fm=jpg"
    assert photo.photo.original_url == "https://images.invalid/a?ixlib=1"


@pytest.mark.parametrize("files", [{}, {"photos.tsv": b""}, {"photos.tsv": b"id\turl\n1\t2\n"}])
def test_a_directory_without_rows_is_refused(tmp_path, files):
    write_directory(tmp_path, files)

    with pytest.raises(SourceInvalid, match="no table photos"):
        UnsplashSource(tmp_path).list_photos()


def test_what_is_neither_directory_nor_zip_is_refused(tmp_path):
    (tmp_path / "lite.zip").write_bytes(b"PK? no")

    with pytest.raises(SourceInvalid, match="neither a directory nor a zip"):
        UnsplashSource(tmp_path / "lite.zip").list_photos()


def test_a_damaged_zip_is_refused(tmp_path):
    rows = [photo_row(number) for number in range(200)]
    path = write_zip(tmp_path / "lite.zip", {"photos.tsv": table(rows)})
    data = bytearray(path.read_bytes())
    data[100:400] = bytes(300)
    path.write_bytes(data)

    with pytest.raises(SourceInvalid, match="cannot be read"):
        UnsplashSource(path).list_photos()
