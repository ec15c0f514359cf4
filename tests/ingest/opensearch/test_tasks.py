"""The command's tasks on a real server: real processes, their output and their exit codes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.shards import ShardRow, ShardStore
from photo_search.index import EmbeddedPhoto
from photo_search.model_bundle import ModelBundle
from tests.ingest.opensearch.collection import Collection
from tests.ingest.pictures import write_pictures
from tests.ingest.shard_rows import row
from tests.ingest.shell import Shell

pytestmark = pytest.mark.opensearch


@pytest.fixture
def own(
    collection: Collection, tmp_path: Path, tiny_bundle_dir: Path, tiny_bundle: ModelBundle
) -> Shell:
    """A shell whose index lies on the server, with five pictures ingested into it."""
    shell = Shell(tmp_path, tiny_bundle_dir, tiny_bundle)
    shell.environment["INDEX_URL"] = collection.index_url
    write_pictures(shell.photos, 5)
    done = shell.run("folder", shell.photos)
    assert (done.returncode, done.stderr) == (0, "")
    return shell


def stored_so_far(collection: Collection) -> int:
    """Documents that were ever written to the indexes behind the alias."""
    stats = collection.connection.request("GET", f"{collection.alias}-*", "_stats/indexing")
    return int(stats["_all"]["primaries"]["indexing"]["index_total"])


@contextmanager
def refusing(collection: Collection, field: str) -> Iterator[None]:
    """Let the current index refuse every photo that has a value in a field."""
    pipeline = f"pipeline/{collection.alias}"
    fail = {"fail": {"if": f"ctx.{field} != null", "message": "no"}}
    collection.connection.request("PUT", "_ingest", pipeline, body={"processors": [fail]})
    default = {"index.default_pipeline": collection.alias}
    collection.connection.request("PUT", collection.current(), "_settings", body=default)
    yield
    collection.connection.request("DELETE", "_ingest", pipeline)


def test_a_load_says_what_it_made_and_a_rollback_where_it_leads(own, collection):
    first = collection.current()

    done = own.run("load", "build/ingest")

    assert (done.returncode, done.stderr) == (0, "")
    second = collection.current()
    assert re.fullmatch(
        rf"5 photos in {second}, 5 stored, \d+\.\d s\n"
        "  100% of a sample are found by their own embedding\n",
        done.stdout,
    )
    again = own.run("load", "build/ingest", "--keep", "1")
    assert f"  deleted {first}\n" in again.stdout

    third = collection.current()
    back = own.run("rollback")
    assert (back.returncode, back.stderr) == (0, "")
    assert back.stdout == (
        f"{collection.alias} leads to {second}, no longer to {third}\n"
        "  the next ingest or load brings what has come since it was filled\n"
    )
    refused = own.run("rollback")
    assert refused.returncode == 2
    assert f"no index older than {second}" in refused.stderr
    forward = own.run("rollback", "--to", third)
    assert forward.returncode == 0
    assert collection.current() == third
    assert len(own.indexed()) == 5


def test_an_ingest_after_a_load_or_a_second_one_stores_nothing_anew(own, collection):
    before = stored_so_far(collection)
    again = own.run("folder", own.photos)
    assert "0 photos indexed, 5 unchanged" in again.stdout
    assert stored_so_far(collection) == before

    assert own.run("load", "build/ingest", "--keep", "0").returncode == 0
    loaded = stored_so_far(collection)
    after_load = own.run("folder", own.photos)

    assert after_load.returncode == 0
    assert "0 photos indexed, 5 unchanged" in after_load.stdout
    assert stored_so_far(collection) == loaded


def test_what_is_gone_from_the_folder_leaves_the_index_and_what_is_new_comes(own):
    before = own.indexed()
    (own.photos / "001.jpg").unlink()
    write_pictures(own.photos / "more", 2)

    done = own.run("folder", own.photos)

    assert "2 photos indexed, 4 unchanged, 1 removed, 0 failed" in done.stdout
    assert len(own.indexed()) == 6
    assert len(own.indexed() & before) == 4


def test_removed_photos_do_not_come_back_by_a_rollback(own, collection):
    own.run("load", "build/ingest")
    photo_id, *others = sorted(own.indexed())

    removed = own.run("remove", photo_id)

    assert (removed.returncode, removed.stderr) == (0, "")
    assert removed.stdout == "1 photo to stay out from now on; 2 taken out of 2 indexes\n"
    assert own.indexed() == set(others)
    assert own.run("rollback").returncode == 0
    assert own.indexed() == set(others)
    assert own.run("load", "build/ingest").returncode == 0
    assert own.indexed() == set(others)


def test_a_photo_that_the_server_refuses_is_a_failure_with_its_reason(own, collection):
    (own.photos / "captions.csv").write_text("path,licence\n002.jpg,CC0\nnew.jpg,CC0\n")
    write_pictures(own.photos / "x", 1)
    (own.photos / "x" / "000.jpg").rename(own.photos / "new.jpg")
    with refusing(collection, "licence"):
        done = own.run("folder", own.photos)

        assert done.returncode == 1, done.stderr
        assert "2 refused_by_index" in done.stdout
        report = (own.directory / "build" / "ingest" / "report.json").read_text()
        assert '"reason": "refused_by_index"' in report
        assert len(own.indexed()) == 4
        # They are in the shards all the same, and are not encoded again.
        again = own.run("folder", own.photos)
        assert again.returncode == 1
        assert "0 photos indexed, 6 unchanged, 0 removed, 2 failed" in again.stdout

        # Another index may take them.
        assert own.run("load", "build/ingest", "--keep", "0").returncode == 0
    assert len(own.indexed()) == 6
    assert own.run("folder", own.photos).returncode == 0


def test_refused_photos_of_a_load_are_listed_with_exit_code_1(own, collection, tmp_path):
    (space,) = (tmp_path / "build" / "ingest" / "shards").iterdir()
    poison = row("poison").embedded
    photo = replace(poison.photo, latitude=float("nan"))
    ShardStore.open(space).add([ShardRow(EmbeddedPhoto(photo, poison.embedding), "1")])

    done = own.run("load", "build/ingest", "--dead-letters", "letters.jsonl")

    assert done.returncode == 1, done.stderr
    assert "  1 photo refused by the server, listed in letters.jsonl\n" in done.stdout
    assert '"photo_id": "poison"' in (tmp_path / "letters.jsonl").read_text()
    assert len(own.indexed()) == 5


def test_an_index_on_a_server_is_measured(own, collection):
    done = own.run("verify", "--queries", "3")

    assert (done.returncode, done.stderr) == (0, "")
    head, figures = done.stdout.splitlines()
    assert head.split()[-1] == "index"
    assert figures.split()[:3] == ["5", "3", "1.000"]
    assert figures.endswith(f"  {collection.url}/{collection.current()}")


def test_profiles_are_measured_and_leave_no_index_behind(own, collection, tmp_path):
    letters = tmp_path / "build" / "dead-letters.jsonl"
    letters.write_text("of the last load\n")

    done = own.run("verify", "--shards", "build/ingest", "--profiles", "float,byte4x")

    assert (done.returncode, done.stderr) == (0, "")
    _, by_float, by_byte = done.stdout.splitlines()
    assert by_float.endswith("  profile float")
    assert by_byte.endswith("  profile byte4x")
    assert by_float.split()[:3] == ["5", "5", "1.000"]
    left = collection.connection.request("GET", f"{collection.alias}-*", "_alias")
    assert list(left) == [collection.current()]
    assert letters.read_text() == "of the last load\n"


def test_an_unknown_profile_is_refused_before_anything_is_made(own, collection):
    for arguments in (
        ("load", "build/ingest", "--profile", "nonsense"),
        ("verify", "--shards", "build/ingest", "--profiles", "float,nonsense"),
    ):
        done = own.run(*arguments)

        assert done.returncode == 2
        assert "there is no profile 'nonsense'; there are float, byte4x" in done.stderr
    left = collection.connection.request("GET", f"{collection.alias}-*", "_alias")
    assert list(left) == [collection.current()]


def test_a_smaller_model_s_shards_are_loaded_beside_and_queried_by_it(own, collection):
    done = own.run("transform", "build/ingest", "--pca", "4", "--out", "small")
    assert done.returncode == 0, done.stderr

    assert own.run("load", "small/shards").returncode == 0

    found = own.run("search", "red", "--model", "small/model", "-k", "2")
    assert (found.returncode, len(found.stdout.splitlines())) == (0, 2)
    assert len(own.run("search", "red", "-k", "2").stdout.splitlines()) == 2
    back = own.run("rollback")
    assert "  note: it is of another model (tiny);" in back.stdout


def test_an_index_that_is_not_there_is_no_passing_fault(own):
    url = own.environment["INDEX_URL"] + "-none"

    assert own.run("verify", "--index", url).returncode == 2
    done = own.run("rollback", "--index", url)
    assert done.returncode == 2
    assert "leads to no index that a load made" in done.stderr
    assert "Traceback" not in done.stderr
