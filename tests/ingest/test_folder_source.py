from __future__ import annotations

import inspect
import os
import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest

from ingest.failure import Reason
from ingest.sources.folder import FolderSource, photo_id_of
from photo_search.errors import SourceInvalid
from tests.ingest.pictures import write_pictures


def paths(listing) -> list[str]:
    return [photo.photo.path for photo in listing.photos]


def test_pictures_of_a_whole_tree_are_found_in_an_order_of_their_own(tmp_path):
    for name in ("b/2.JPG", "b/1.png", "a/z/3.heic", "c.webp"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    listing = FolderSource(tmp_path).list_photos()

    assert paths(listing) == ["a/z/3.heic", "b/1.png", "b/2.JPG", "c.webp"]
    assert listing.complete


def test_a_photo_keeps_its_id_when_its_file_changes_and_gets_another_version(tmp_path):
    (path,) = write_pictures(tmp_path, 1)
    before = FolderSource(tmp_path).list_photos().photos[0]
    path.write_bytes(b"edited")

    after = FolderSource(tmp_path).list_photos().photos[0]

    assert before.photo.photo_id == after.photo.photo_id == photo_id_of("000.jpg")
    assert before.version != after.version


def test_hidden_files_and_the_thumbnails_of_other_programs_are_skipped(tmp_path):
    for name in (".hidden.jpg", ".thumbnails/1.jpg", "@eaDir/2.jpg", "__MACOSX/3.jpg", "own/4.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    write_pictures(tmp_path, 1)

    listing = FolderSource(tmp_path, excluded=(tmp_path / "own",)).list_photos()

    assert paths(listing) == ["000.jpg"]


def test_other_files_are_counted_by_extension(tmp_path):
    write_pictures(tmp_path, 1)
    for name in ("a.txt", "b.txt", "c.MOV", "Makefile"):
        (tmp_path / name).touch()

    listing = FolderSource(tmp_path).list_photos()

    assert listing.other_files == {".txt": 2, ".mov": 1, "(none)": 1}
    assert listing.failures == []


def test_links_in_circles_and_links_to_nowhere_do_no_harm(tmp_path):
    write_pictures(tmp_path / "a", 1)
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "a" / "link.jpg").symlink_to(tmp_path / "a" / "000.jpg")
    (tmp_path / "a" / "nowhere.jpg").symlink_to(tmp_path / "missing.jpg")
    (tmp_path / "a" / "self.jpg").symlink_to(tmp_path / "a" / "self.jpg")

    listing = FolderSource(tmp_path).list_photos()

    assert paths(listing) == ["a/000.jpg", "a/link.jpg"]
    assert {failure.place for failure in listing.failures} == {"a/nowhere.jpg", "a/self.jpg"}
    assert {failure.reason for failure in listing.failures} == {Reason.UNREADABLE}
    assert listing.notes == ["1 linked directories not followed"]


def test_a_name_that_is_no_utf_8_is_a_failure(tmp_path):
    write_pictures(tmp_path, 1)
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).touch()

    listing = FolderSource(tmp_path).list_photos()

    assert paths(listing) == ["000.jpg"]
    assert [(one.place, one.reason) for one in listing.failures] == [
        (r"caf\xe9.jpg", Reason.UNREADABLE)
    ]


def test_a_directory_without_photos_is_refused_with_what_it_has(tmp_path):
    (tmp_path / "notes.txt").touch()

    with pytest.raises(SourceInvalid, match=r"a directory without photos; it has 1 \.txt"):
        FolderSource(tmp_path).list_photos()


@pytest.mark.parametrize("name", ["missing", "file"])
def test_what_is_no_directory_is_refused(tmp_path, name):
    (tmp_path / "file").touch()

    with pytest.raises(SourceInvalid, match="is no directory"):
        FolderSource(tmp_path / name).list_photos()


def test_a_deep_tree_needs_no_recursion(tmp_path):
    deep = "/".join(["d"] * 200)
    write_pictures(tmp_path / deep, 1)
    limit = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(len(inspect.stack()) + 100)
        listing = FolderSource(tmp_path).list_photos()
    finally:
        sys.setrecursionlimit(limit)

    assert paths(listing) == [f"{deep}/000.jpg"]


def test_captions_describe_their_photos_by_columns_in_any_order(tmp_path):
    write_pictures(tmp_path, 2)
    (tmp_path / "captions.csv").write_text(
        "Description,path,keywords,taken_at,latitude,longitude,photographer,place,city,country,"
        "licence,camera,photo_id,rating\n"
        '"A boat,\nat sea",000.jpg,sea; boat,2021-05-06T07:08:09+02:00,1.5,-2.5,A B,Bay,Town,Land,'
        "CC0,Leica,my-id,5\n",
        encoding="utf-8-sig",
    )

    listing = FolderSource(tmp_path).list_photos()

    photo = listing.photos[0].photo
    assert photo.photo_id == "my-id"
    assert photo.path == "000.jpg"
    assert photo.description == "A boat,\nat sea"
    assert photo.keywords == ("sea", "boat")
    assert photo.taken_at == datetime(2021, 5, 6, 7, 8, 9, tzinfo=timezone(timedelta(hours=2)))
    assert (photo.latitude, photo.longitude) == (1.5, -2.5)
    assert (photo.photographer, photo.place, photo.city) == ("A B", "Bay", "Town")
    assert (photo.country, photo.licence, photo.camera) == ("Land", "CC0", "Leica")
    assert listing.photos[1].photo.description == ""
    assert listing.notes == ["column 'rating' of captions.csv is ignored"]
    assert not listing.other_files


def test_malformed_values_are_ignored_and_counted(tmp_path):
    write_pictures(tmp_path, 1)
    (tmp_path / "c.csv").write_text(
        "path,taken_at,latitude,longitude,photo_id\n"
        f"./000.jpg,yesterday,91,nan,{'é' * 40}\n"
        "elsewhere.jpg,2020-01-01,,,\n"
    )

    listing = FolderSource(tmp_path, tmp_path / "c.csv").list_photos()

    photo = listing.photos[0].photo
    assert photo.photo_id == photo_id_of("000.jpg")
    assert (photo.taken_at, photo.latitude, photo.longitude) == (None, None, None)
    assert listing.notes == [
        "c.csv: 4 values are malformed and were ignored",
        "1 rows of c.csv name no picture here",
    ]


def test_a_date_without_an_offset_is_taken_for_utc(tmp_path):
    write_pictures(tmp_path, 1)
    (tmp_path / "captions.csv").write_text("path,taken_at\n000.jpg,2020-01-02\n")

    photo = FolderSource(tmp_path).list_photos().photos[0].photo

    assert photo.taken_at == datetime(2020, 1, 2, tzinfo=UTC)


def test_a_changed_caption_changes_the_version(tmp_path):
    write_pictures(tmp_path, 1)
    versions = []
    for text in ("one", "two"):
        (tmp_path / "captions.csv").write_text(f"path,description\n000.jpg,{text}\n")
        versions.append(FolderSource(tmp_path).list_photos().photos[0].version)

    assert versions[0] != versions[1]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_captions_may_be_separated_as_spreadsheets_do_it(tmp_path, separator):
    write_pictures(tmp_path, 1)
    lines = (["path", "description", "country"], ["000.jpg", "a boat", "Norway"])
    text = "\n".join(separator.join(line) for line in lines)
    (tmp_path / "captions.csv").write_text(text, encoding="utf-8-sig")

    photo = FolderSource(tmp_path).list_photos().photos[0].photo

    assert (photo.description, photo.country) == ("a boat", "Norway")


def test_rows_that_are_cut_or_repeated_are_noted(tmp_path):
    write_pictures(tmp_path, 1)
    (tmp_path / "captions.csv").write_text(
        "path,description\n000.jpg,a boat, at sea\n000.jpg,a ship\n"
    )

    listing = FolderSource(tmp_path).list_photos()

    assert listing.photos[0].photo.description == "a ship"
    assert listing.notes == [
        "captions.csv: 1 rows name a photo again; of two the last one counts",
        "captions.csv: 1 rows have more fields than the header; is a text with commas quoted?",
    ]


def test_a_path_matches_in_either_form_of_unicode(tmp_path):
    path = tmp_path / "cafe\u0301.jpg"
    write_pictures(tmp_path, 1)[0].rename(path)
    (tmp_path / "captions.csv").write_text("path,description\ncaf\u00e9.jpg,a table\n")

    assert FolderSource(tmp_path).list_photos().photos[0].photo.description == "a table"


def test_a_captions_csv_of_another_kind_is_noted_and_stops_nothing(tmp_path):
    write_pictures(tmp_path, 1)
    (tmp_path / "captions.csv").write_text("film,start,text\n1,2,hello\n")

    listing = FolderSource(tmp_path).list_photos()

    assert paths(listing) == ["000.jpg"]
    (note,) = listing.notes
    assert "not taken for captions" in note


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_whose_offset_leads_out_of_the_calendar_is_malformed(tmp_path, moment):
    write_pictures(tmp_path, 1)
    (tmp_path / "captions.csv").write_text(f"path,taken_at\n000.jpg,{moment}\n")

    listing = FolderSource(tmp_path).list_photos()

    assert listing.photos[0].photo.taken_at is None
    assert listing.notes == ["captions.csv: 1 values are malformed and were ignored"]


def test_of_two_photos_with_one_id_the_first_counts_and_the_other_is_listed(tmp_path):
    write_pictures(tmp_path, 2)
    (tmp_path / "captions.csv").write_text("path,photo_id\n000.jpg,x\n001.jpg,x\n")

    listing = FolderSource(tmp_path).list_photos()

    assert paths(listing) == ["000.jpg"]
    (failure,) = listing.failures
    assert (failure.place, failure.reason) == ("001.jpg", Reason.REPEATED_ID)
    assert failure.photo_id == photo_id_of("001.jpg")
    assert "000.jpg" in failure.detail


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"file,description\n", "has no column 'path'; it has file, description"),
        (b"", "has no column 'path'; it has none"),
        (b"path\n\xff\xfe\n", "cannot be read as CSV in UTF-8"),
    ],
)
def test_captions_that_cannot_be_understood_are_refused(tmp_path, content, message):
    write_pictures(tmp_path, 1)
    (tmp_path / "c.csv").write_bytes(content)

    with pytest.raises(SourceInvalid, match=message):
        FolderSource(tmp_path, tmp_path / "c.csv").list_photos()


def test_captions_that_are_named_but_missing_are_refused(tmp_path):
    write_pictures(tmp_path, 1)

    with pytest.raises(SourceInvalid, match="cannot be read"):
        FolderSource(tmp_path, tmp_path / "missing.csv").list_photos()
