"""The command's tasks for indexes and shards, where no server is needed or none answers."""

from __future__ import annotations

import http.server
import json
import re
import shutil
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ingest.command import main
from ingest.shards import ShardStore
from photo_search.model_bundle import ModelBundle
from tests.ingest.pictures import write_pictures
from tests.ingest.shard_rows import row
from tests.ingest.shell import Shell

PASSWORD = "hunter2-of-the-test"


@pytest.fixture
def ingested(shell: Shell) -> Shell:
    """Four pictures in shards and in a file, for a test to change."""
    return with_pictures(shell)


@pytest.fixture(scope="module")
def unchanged(
    tmp_path_factory: pytest.TempPathFactory, tiny_bundle_dir: Path, tiny_bundle: ModelBundle
) -> Shell:
    """The same for all tests that only look at it."""
    directory = tmp_path_factory.mktemp("ingested")
    return with_pictures(Shell(directory, tiny_bundle_dir, tiny_bundle))


def with_pictures(shell: Shell) -> Shell:
    write_pictures(shell.photos, 4)
    assert shell.run("folder", shell.photos).returncode == 0
    return shell


class Server(http.server.BaseHTTPRequestHandler):
    """Answers every request with 401, and remembers who asked."""

    seen: list[str | None]

    def do_GET(self) -> None:
        self.seen.append(self.headers["Authorization"])
        body = json.dumps({"error": {"type": "security", "reason": "who are you?"}}).encode()
        self.send_response(401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def server_that_denies() -> Iterator[tuple[str, list[str | None]]]:
    handler = type("Handler", (Server,), {"seen": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler.seen  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


def test_shards_are_loaded_into_a_new_file(unchanged):
    done = unchanged.run("load", "build/ingest", "--index", "sqlite:///other.db")

    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"4 photos in \S*other\.db\S*, 4 stored\n", done.stdout)
    found = unchanged.run("search", "red", "--index", "sqlite:///other.db")
    assert len(found.stdout.splitlines()) == 4


def test_a_directory_of_shards_may_be_named_itself_and_nothing_be_said(unchanged):
    (space,) = (unchanged.directory / "build" / "ingest" / "shards").iterdir()

    done = unchanged.run("load", space, "--index", "sqlite:///other.db", "--quiet")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_index_on_the_disk_is_measured(unchanged):
    done = unchanged.run("verify")

    assert (done.returncode, done.stderr) == (0, "")
    head, figures = done.stdout.splitlines()
    assert head.split("  ")[:3] == ["photos", "queries", "recall@10"]
    assert figures.split()[:3] == ["4", "4", "1.000"]
    assert "photos.db" in figures


def test_shards_are_measured_in_every_way_of_storing_them(ingested):
    (space,) = (ingested.directory / "build" / "ingest" / "shards").iterdir()
    ShardStore.open(space).add([row(f"x{number}", seed=number) for number in range(400)])

    done = ingested.run("verify", "--shards", "build/ingest", "--queries", "2")

    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"  1\.000     32 bytes     32 read  p50 \d+\.\d ms  float32", done.stdout)
    assert "sign bits, 4-bit query" in done.stdout


def test_photos_are_removed_restored_and_compacted(ingested):
    photo_id, *others = sorted(ingested.indexed())

    removed = ingested.run("remove", photo_id, "unknown")
    assert (removed.returncode, removed.stderr) == (0, "")
    assert removed.stdout == (
        "2 photos to stay out from now on; 1 taken out of 1 index\n"
        "  unknown has never been in the collection; it stays out should it come\n"
    )
    assert ingested.indexed() == set(others)
    again = ingested.run("folder", ingested.photos)
    assert "0 photos indexed, 3 unchanged, 0 removed, 1 kept out, 0 failed" in again.stdout

    compacted = ingested.run("compact")
    assert compacted.returncode == 0
    assert re.search(r": 3 photos, 2 files of \d+ bytes are now 2 of \d+\n", compacted.stdout)

    restored = ingested.run("restore", photo_id, "never-removed")
    assert restored.stdout == (
        "1 photo may come back; the next ingest brings them\n  never-removed had not been removed\n"
    )
    assert ingested.run("folder", ingested.photos).returncode == 0
    assert ingested.indexed() == {photo_id, *others}


def test_shards_are_transformed_and_their_model_queries_them(ingested):
    done = ingested.run("transform", "build/ingest", "--pca", "4", "--out", "small")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("4 photos of 4 dimensions in small, 4 new, 0 taken out\n")
    index = ["--index", "sqlite:///small.db"]
    assert ingested.run("load", "small/shards", *index).returncode == 0
    found = ingested.run("search", "red", *index, "--model", "small/model", "-k", "2")
    assert found.returncode == 0
    assert {line.split()[-1] for line in found.stdout.splitlines()} == {"000.jpg", "003.jpg"}
    refused = ingested.run("search", "red", *index)
    assert refused.returncode == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("load", "nowhere"), "there are no shards in nowhere"),
        (("load",), "SHARDS"),
        (("load", "build/ingest", "--keep", "-1"), "--keep"),
        (("load", "build/ingest", "--profile", "float"), "profiles are a server's"),
        (("load", "build/ingest", "--index", "nowhere://x"), "nowhere://x"),
        (("load", "build/ingest", "--index", "http://h/UPPER"), "small letters"),
        (("load", "build/ingest", "--index", "http://u:secret@h/x"), "INDEX_USER"),
        (("rollback",), "only an index on a server has older ones beside it"),
        (("verify", "--profiles", "float"), "--profiles fills indexes from --shards"),
        (("verify", "--profiles", "float", "--shards", "build/ingest"), "those of a server"),
        (("verify", "--shards", "nowhere"), "there are no shards in nowhere"),
        (("verify", "--index", "sqlite:///none.db"), "none.db"),
        (("verify", "--queries", "1"), "no whole number of at least 2"),
        (("verify", "--shards", "build/ingest"), "4 photos are too few to measure recall"),
        (("remove", "p1", "--work", "nowhere"), "holds no collection"),
        (("remove", "x" * 600), "600 bytes, not 1 to 512"),
        (("remove",), "PHOTO_ID"),
        (("restore", "p1", "--work", "nowhere"), "holds no collection"),
        (("compact", "--work", "nowhere"), "holds no shards"),
        (("transform", "build/ingest", "--out", "o"), "nothing to transform"),
        (("transform", "build/ingest", "--pca", "8", "--out", "o"), "must be 1 to 7"),
    ],
)
def test_what_cannot_be_done_gives_exit_code_2_and_says_why(
    unchanged, monkeypatch, capsys, arguments, message
):
    monkeypatch.chdir(unchanged.directory)
    for name, value in unchanged.environment.items():
        monkeypatch.setenv(name, value)

    assert main(["ingest", *arguments]) == 2

    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert "secret" not in said


def test_shards_of_several_models_must_be_told_apart(ingested):
    (space,) = (ingested.directory / "build" / "ingest" / "shards").iterdir()
    for name in ("a", "b"):
        shutil.copytree(space, ingested.directory / "two" / "shards" / name)

    done = ingested.run("load", "two")

    assert done.returncode == 2
    assert done.stderr == (
        "photo-search: two holds shards of several models; name one: two/shards/a, two/shards/b\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("load", "build/ingest"),
        ("rollback",),
        ("verify",),
        ("verify", "--shards", "build/ingest", "--profiles", "float"),
        ("remove", "p1"),
        ("folder", "photos"),
        ("search", "red"),
    ],
)
def test_a_server_that_is_away_gives_exit_code_75_soon(unchanged, arguments):
    start_s = time.monotonic()

    done = unchanged.run(*arguments, "--index", "http://127.0.0.1:1/x")

    assert done.returncode == 75, done.stderr
    assert done.stderr.startswith("photo-search: http://127.0.0.1:1 cannot be reached: ")
    assert done.stderr.count("\n") == 1
    assert time.monotonic() - start_s < 15


def test_a_server_that_never_answers_gives_exit_code_75_after_seconds(unchanged):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start_s = time.monotonic()

        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        done = unchanged.run("load", "build/ingest", "--index", url)

    assert done.returncode == 75, done.stderr
    assert "did not answer in time" in done.stderr
    assert 9 < time.monotonic() - start_s < 20


def test_user_and_password_of_a_dotenv_file_are_sent_and_never_printed(ingested):
    with server_that_denies() as (url, seen):
        (ingested.directory / ".env").write_text(
            f"INDEX_AUTH=basic\nINDEX_USER=ann\nINDEX_PASSWORD={PASSWORD}\nOTHER=1\n"
        )
        for arguments in (("load", "build/ingest"), ("rollback",), ("verify",), ("remove", "p")):
            done = ingested.run(*arguments, "--index", f"{url}/x")

            assert done.returncode == 2, done.stderr
            assert "refuses access" in done.stderr
            assert "INDEX_AUTH" in done.stderr
            assert PASSWORD not in done.stdout + done.stderr

        wanted = b64encode(f"ann:{PASSWORD}".encode()).decode()
        assert set(seen) == {f"Basic {wanted}"}
        from_environment = ingested.run("rollback", "--index", f"{url}/x", INDEX_PASSWORD="another")
        assert from_environment.returncode == 2
        assert seen[-1] == f"Basic {b64encode(b'ann:another').decode()}"


def test_a_dotenv_file_that_cannot_be_read_gives_exit_code_2(shell):
    (shell.directory / ".env").write_bytes(b"INDEX_PASSWORD=\xff" + PASSWORD.encode())

    done = shell.run("rollback")

    assert done.returncode == 2
    assert done.stderr == "photo-search: .env cannot be read: it is no UTF-8\n"
