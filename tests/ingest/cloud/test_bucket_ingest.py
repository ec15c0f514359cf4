"""An ingest of photos in a bucket, with shards, thumbnails and index in buckets."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from ingest.sources.folder import FolderSource
from photo_search.s3_url import S3Url
from tests.ingest.cloud.cloud import check_alike
from tests.ingest.pictures import COLOURS, jpeg, picture, write_pictures
from tests.ingest.shard_rows import check_same

CAPTIONS = """path;photo_id;description;keywords;taken_at
000.jpg;;Sea;sea, boat;2020-02-03
sub/ä +b%20c.jpg;own-id;Bay;;
missing.jpg;;nowhere;;
"""


def red(seed: int = 0) -> bytes:
    return jpeg(picture(COLOURS["red"], seed=seed))


def test_a_bucket_is_ingested_into_a_published_index_as_a_folder_into_a_file(cloud, bench):
    write_pictures(bench.photos, 5)
    (bench.photos / "sub").mkdir()
    (bench.photos / "sub" / "ä +b%20c.jpg").write_bytes(red(9))
    (bench.photos / "captions.csv").write_text(CAPTIONS)
    (bench.photos / "notes.txt").write_text("no picture")
    cloud.put_folder(bench.photos)
    bench.run(FolderSource(bench.photos))

    assert cloud.ingest() == 0

    check_same(cloud.indexed(), bench.indexed())
    check_alike(cloud.in_shards(), bench.indexed())
    assert sorted(key.removeprefix("thumbs/") for key in cloud.keys(cloud.thumbs)) == sorted(
        path.name for path in bench.thumbs.iterdir()
    )
    report = json.loads(cloud.s3.get(cloud.work.object("reports/report.json")).data)
    assert (report["indexed"], report["failed"], report["finished"]) == (6, 0, True)
    assert report["index_url"] == str(cloud.index)
    assert report["other_files"] == {".txt": 1}
    assert report["notes"] == ["1 rows of captions.csv name no picture here"]
    owner = json.loads(cloud.s3.get(cloud.work.object("collection.json")).data)
    assert owner == {"source": f"bucket:{cloud.photos}"}


def test_a_second_run_on_a_fresh_machine_embeds_nothing_and_puts_no_index(cloud, capsys):
    cloud.put("a.jpg", red(1))
    cloud.put("b.jpg", red(2))
    assert cloud.ingest() == 0
    before = cloud.s3.head(cloud.index)
    cloud.forget_mirror()
    capsys.readouterr()

    assert cloud.ingest() == 0

    assert "0 photos indexed, 2 unchanged, 0 removed, 0 failed" in capsys.readouterr().out
    assert cloud.s3.head(cloud.index) == before
    assert cloud.numbers() == [1]


def test_what_is_deleted_or_replaced_leaves_or_changes_with_the_next_run(cloud):
    for name in ("a", "b", "c"):
        cloud.put(f"{name}.jpg", red(ord(name)))
    cloud.ingest()
    before = cloud.indexed()
    cloud.delete("a.jpg")
    cloud.put("b.jpg", jpeg(picture(COLOURS["blue"])))
    cloud.forget_mirror()

    assert cloud.ingest() == 0

    assert cloud.paths() == ["b.jpg", "c.jpg"]
    check_alike(cloud.indexed(), cloud.in_shards())
    changed = {
        one.photo.path
        for photo_id, one in cloud.indexed().items()
        if not np.array_equal(one.embedding, before[photo_id].embedding)
    }
    assert changed == {"b.jpg"}
    assert len(cloud.keys(cloud.thumbs)) == 2


def test_a_lost_thumbnail_is_made_again(cloud):
    cloud.put("a.jpg", red(1))
    cloud.ingest()
    (key,) = cloud.keys(cloud.thumbs)
    cloud.client.put_object(Bucket=cloud.thumbs.bucket, Key=key, Body=b"")

    assert cloud.ingest() == 0

    assert cloud.s3.head(S3Url(cloud.thumbs.bucket, key)).size_bytes > 0


def test_an_index_and_shards_on_this_machine_can_be_filled_from_a_bucket(cloud, tmp_path, capsys):
    cloud.put("deep/a.jpg", red(1), ContentType="binary/octet-stream")
    cloud.put("deep/b.jpg", red(2), ContentType="text/html")
    from ingest.command import main

    places = ["--work", "w", "--thumbs", "t", "--index", "sqlite:///own.db"]
    assert main(["ingest", "bucket", f"{cloud.photos}/deep/", *places]) == 0

    assert main(["search", "red", "--index", "sqlite:///own.db"]) == 0
    assert {line.split()[-1] for line in capsys.readouterr().out.splitlines()[1:]} == {
        "a.jpg",
        "b.jpg",
    }
    assert len(list((tmp_path / "t").iterdir())) == 2
    assert cloud.keys(cloud.work) == []
    assert not (tmp_path / "build").exists()


def test_photos_of_a_folder_go_to_shards_and_index_in_buckets(cloud, tmp_path):
    write_pictures(tmp_path / "photos", 3)

    assert cloud.run("folder", tmp_path / "photos", "--thumbs", cloud.thumbs) == 0

    assert cloud.paths() == ["000.jpg", "001.jpg", "002.jpg"]
    assert len(cloud.keys(cloud.thumbs)) == 3


def test_thumbnails_and_shards_in_the_photos_bucket_are_no_photos(cloud):
    cloud.thumbs, cloud.work = (replace(cloud.photos, key=key) for key in ("thumbs", "work"))
    cloud.put("a.jpg", red(1))
    cloud.put("thumbs/old.jpg", red(2))

    cloud.ingest()
    assert cloud.ingest() == 0

    assert cloud.paths() == ["a.jpg"]


def test_hidden_and_foreign_objects_are_no_photos(cloud):
    for path in ("a.JPG", ".hidden.jpg", ".dir/b.jpg", "@eaDir/c.jpg", "d.txt", "dir/", "e"):
        cloud.put(path, red(1))

    assert cloud.ingest() == 0

    assert cloud.paths() == ["a.JPG"]


def test_bad_objects_are_skipped_with_exit_code_1_and_no_link_is_told(cloud, capsys):
    cloud.put("a.jpg", red(1))
    cloud.put("b.jpg", red(2))
    cloud.put("text.jpg", b"no picture")

    assert cloud.ingest() == 1

    out = capsys.readouterr().out
    assert "1 unsupported_image" in out
    assert f"{cloud.work}/reports/report.json" in out
    assert cloud.paths() == ["a.jpg", "b.jpg"]
    report = cloud.s3.get(cloud.work.object("reports/report.json")).data
    assert b"X-Amz" not in report


def test_another_collection_is_refused_the_same_shards(cloud, capsys):
    cloud.put("a.jpg", red(1))
    cloud.put("sub/b.jpg", red(1))
    cloud.ingest()

    assert cloud.run("bucket", f"{cloud.photos}/sub", "--thumbs", cloud.thumbs) == 2

    assert f"bucket:{cloud.photos}/sub another --work" in capsys.readouterr().err
    assert cloud.paths() == ["a.jpg", "sub/b.jpg"]


def test_an_empty_bucket_gives_exit_code_2_and_leaves_no_trace(cloud, capsys):
    cloud.put("notes.txt", b"text")

    assert cloud.ingest() == 2

    assert f"{cloud.photos} holds no photos; it has 1 .txt" in capsys.readouterr().err
    assert cloud.keys(cloud.work) == cloud.keys(cloud.index) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bucket", "photos"], "it may be s3://BUCKET or s3://BUCKET/KEY"),
        (["bucket", "s3://"], "it may be s3://BUCKET"),
        (["bucket", "s3://photos", "--work", "s3://X"], "it may be s3://BUCKET"),
        (["bucket", "s3://photos", "--part", "0"], "give both or neither"),
        (["bucket", "s3://photos", "--parts", "2"], "give both or neither"),
        (["bucket", "s3://photos", "--part", "2", "--parts", "2"], "it may be 0 to 1"),
        (["bucket", "s3://photos", "--part", "auto", "--parts", "2"], "AWS_BATCH_JOB_ARRAY_INDEX"),
    ],
)
def test_wrong_places_and_parts_give_exit_code_2_and_say_what(cloud, capsys, arguments, message):
    from ingest.command import main

    assert main(["ingest", *arguments]) == 2

    assert message in capsys.readouterr().err
