"""The command line as a shell sees it: real processes, their output and their exit codes."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import termios

import pyarrow.parquet as pq
import pytest
from tqdm import tqdm

from ingest import command
from ingest.command import exit_code, main
from ingest.exit_codes import OUR_ERROR
from ingest.progress import progress_bar
from ingest.writer_lock import writer_lock
from photo_search import errors
from photo_search.cpus import usable_cpus
from tests.ingest.conftest import indexed_photos
from tests.ingest.fault_server import FaultServer
from tests.ingest.pictures import write_pictures
from tests.ingest.unsplash_files import photo_row, table, write_directory, write_zip


def test_a_folder_is_ingested_and_searched_with_exit_code_0(shell):
    write_pictures(shell.photos, 4)

    done = shell.run("folder", shell.photos)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("4 photos indexed, 0 unchanged, 0 removed, 0 failed, in ")

    found = shell.run("search", "red", "-k", "2")
    assert found.returncode == 0
    scores, ids, paths = zip(*(line.split("  ") for line in found.stdout.splitlines()), strict=True)
    assert set(paths) == {"000.jpg", "003.jpg"}
    assert set(ids) <= shell.indexed()
    assert [float(score) for score in scores] == sorted(map(float, scores), reverse=True)

    alike = shell.run("search", "--image", shell.photos / "001.jpg", "--json", "-k", "1")
    (hit,) = json.loads(alike.stdout)
    assert hit["path"] == "001.jpg"
    assert hit["cosine"] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "batch", "threads"),
    [
        ((), 32, 3),
        (("--batch", "7", "--threads", "2"), 7, 2),
        (("--batch", "auto", "--threads", "auto"), 32, usable_cpus()),
    ],
)
def test_what_a_run_works_with_may_be_said_or_left_to_it(shell, arguments, batch, threads):
    write_pictures(shell.photos, 1)

    done = shell.run("folder", shell.photos, *arguments, ENCODER_THREADS="3")

    assert done.returncode == 0, done.stderr
    pace = json.loads((shell.directory / "build/ingest/report.json").read_text())["pace"]
    assert (pace["batch"], pace["threads"], pace["timing"]) == (batch, threads, "")


def test_the_device_that_was_chosen_is_said_on_one_line(shell):
    write_pictures(shell.photos, 1)

    done = shell.run("folder", shell.photos, "--device", "auto")

    assert (done.returncode, done.stderr) == (0, "")
    first, second, *_ = done.stdout.splitlines()
    assert first == "encoding on cpu: this ONNX Runtime has no CUDAExecutionProvider"
    assert second.startswith("1 photos indexed")
    assert shell.run("folder", shell.photos, "--device", "auto", "--quiet").stdout == ""


def test_the_verb_may_be_said_and_places_may_be_given(shell, tmp_path):
    write_pictures(shell.photos, 2)
    places = ["--work", tmp_path / "w", "--thumbs", tmp_path / "t", "--index", "sqlite:///own.db"]

    assert shell.run("ingest", "folder", shell.photos, *places, "--quiet").stdout == ""

    assert (tmp_path / "own.db").exists()
    assert len(list((tmp_path / "t").iterdir())) == 2
    assert not (tmp_path / "build").exists()


def test_a_terminal_shows_progress_with_rate_and_time_left(shell):
    write_pictures(shell.photos, 3)
    terminal, end = pty.openpty()
    termios.tcsetwinsize(end, (24, 100))

    subprocess.run(
        [sys.executable, "-m", "ingest", "folder", shell.photos],
        cwd=shell.directory,
        env=shell.environment,
        stderr=end,
        check=True,
        timeout=120,
    )

    shown = os.read(terminal, 10_000).decode()
    os.close(end)
    os.close(terminal)
    assert "3/3 [" in shown
    assert "photo/s" in shown


def test_photos_that_were_done_before_do_not_count_for_the_rate(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    with progress_bar(1000, done=940, quiet=False) as bar:
        assert isinstance(bar, tqdm)
        assert (bar.n, bar.initial, bar.total) == (940, 940, 1000)


def test_skipped_photos_give_exit_code_1_and_a_summary_by_reason(shell):
    write_pictures(shell.photos, 2)
    (shell.photos / "text.jpg").write_text("text")

    done = shell.run("folder", shell.photos)

    assert done.returncode == 1
    assert "1 unsupported_image" in done.stdout
    assert "report.json" in done.stdout
    assert len(shell.indexed()) == 2


def test_a_directory_without_photos_gives_exit_code_2_and_no_index(shell):
    shell.photos.mkdir()

    done = shell.run("folder", shell.photos)

    assert done.returncode == 2
    assert done.stderr.endswith("is a directory without photos\n")
    assert not (shell.directory / "photos.db").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["folder", "missing"], "missing is no directory"),
        (["unsplash", "missing.zip"], "missing.zip is neither a directory nor a zip"),
        (["search", "red"], "photos.db"),
        (["folder", ".", "--model", "missing"], "MODEL_DIR must be a model bundle"),
        (["folder", ".", "--workers", "0"], "--workers"),
        (["folder"], "DIR"),
        ([], "TASK"),
        (["search", "--image", "missing.jpg"], "missing.jpg cannot be read"),
        (["search", "red", "--index", "nowhere://x"], "nowhere://x"),
        (
            ["folder", ".", "--device", "cuda"],
            "is to run on cuda, and this ONNX Runtime has no CUDA",
        ),
        (["folder", ".", "--precision", "fp16"], "of precision fp32; fp16 is asked for"),
        (["verify", "--precision", "fp16"], "of precision fp32; fp16 is asked for"),
    ],
)
def test_wrong_settings_and_input_give_exit_code_2_and_say_what(shell, arguments, message):
    done = shell.run(*arguments)

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("serve", "--port", "70000"), "argument --port: '70000' is no whole number from 0 to"),
        (("folder", "photos", "--workers", "0"), "'0' is no whole number of at least 1"),
        (("folder", "photos", "--batch", "two"), "'two' is no whole number of at least 1"),
        (("folder", "photos", "--threads", "0"), "'0' is no whole number of at least 1"),
        (("serve", "--photos", "nowhere"), "--photos nowhere is no directory"),
        (("folder", "photos", "--work", "photos/000.jpg/w"), "cannot be used as a directory"),
        (("folder", "photos", "--thumbs", "photos/000.jpg"), "cannot be used as a directory"),
    ],
)
def test_places_that_cannot_be_used_give_exit_code_2(shell, arguments, message):
    write_pictures(shell.photos, 1)

    done = shell.run(*arguments)

    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_an_index_that_cannot_be_made_gives_exit_code_2(shell):
    write_pictures(shell.photos, 1)

    done = shell.run("folder", shell.photos, "--index", f"sqlite:///{shell.photos}/000.jpg/p.db")

    assert done.returncode == 2, done.stderr
    assert "cannot be made" in done.stderr


def test_an_error_of_ours_is_printed_whole_and_is_not_taken_for_skipped_photos(monkeypatch, capsys):
    def fail(*_: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setitem(command.VERBS, "search", fail)

    assert main(["search", "red"]) == OUR_ERROR == 70
    assert "Traceback" in capsys.readouterr().err


def test_a_malformed_setting_gives_exit_code_2(shell):
    done = shell.run("search", "red", ENCODER_THREADS="many")

    assert done.returncode == 2
    assert "ENCODER_THREADS is 'many'" in done.stderr


def test_most_photos_failing_gives_exit_code_2(shell):
    shell.photos.mkdir()
    for number in range(25):
        (shell.photos / f"{number}.jpg").write_text("text")

    done = shell.run("folder", shell.photos)

    assert done.returncode == 2
    assert "20 of 25 photos failed" in done.stderr


def test_a_second_writer_gives_exit_code_75(shell):
    write_pictures(shell.photos, 1)
    work = shell.directory / "build" / "ingest"
    work.mkdir(parents=True)

    with writer_lock(work):
        done = shell.run("folder", shell.photos)

    assert done.returncode == 75
    assert "another ingest is writing" in done.stderr


def test_a_full_disk_gives_exit_code_75_and_a_run_with_room_goes_on(shell):
    write_pictures(shell.photos, 40)
    disk = shell.directory / "disk"
    disk.mkdir()
    # A file system of 384 kB of its own, seen by this one process tree.
    script = (
        f"mount -t tmpfs -o size=384k tmpfs {disk} && {sys.executable} -m ingest folder"
        f" {shell.photos} --work {disk}/work --thumbs {disk}/thumbs --index sqlite:///{disk}/p.db"
        f"; code=$?; cp -r {disk}/. {shell.directory}/rescued; exit $code"
    )
    (shell.directory / "rescued").mkdir()
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script],
        env=shell.environment | {"PATH": os.defpath},
        cwd=shell.directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 75, done.stderr
    assert "no room" in done.stderr

    rescued = shell.directory / "rescued"
    assert list(rescued.rglob("*.partial")) == []
    url = f"sqlite:///{rescued / 'p.db'}"
    if (rescued / "p.db").exists():
        indexed_photos(url, shell.bundle)
    done = shell.run(
        *("folder", shell.photos, "--work", rescued / "work", "--thumbs", rescued / "thumbs"),
        *("--index", url),
    )
    assert done.returncode == 0, done.stderr
    assert len(indexed_photos(url, shell.bundle)) == 40


def test_unsplash_pictures_are_downloaded_and_each_loss_has_its_cause(shell, server: FaultServer):
    kinds = ["ok"] * 12 + ["missing", "gone", "recovers", "busy", "html", "truncated"]
    server.retry_after = "0"
    rows = [
        photo_row(number, photo_image_url=f"{server.url}/{kind}/{number}")
        for number, kind in enumerate(kinds)
    ]
    rows.append(photo_row(90, photo_image_url="corrupted"))
    lite = write_zip(shell.directory / "lite.zip", {"photos.csv000": table(rows)})

    done = shell.run("unsplash", lite)

    assert done.returncode == 1, done.stderr
    report = json.loads((shell.directory / "build" / "ingest" / "report.json").read_text())
    assert report["failed_by_reason"] == {"not_found": 2, "not_an_image": 1, "bad_url": 1}
    assert report["indexed"] == 15
    assert {one["photo_id"] for one in report["failures"]} == {
        *("photo-00012", "photo-00013", "photo-00016", "photo-00090")
    }
    assert set(server.queries) == {"w=640&q=80&fm=jpg"}
    (shard,) = (shell.directory / "build" / "ingest").glob("shards/*/*.parquet")
    assert pq.read_schema(shard).metadata[b"rendition"] == b"w=640&q=80&fm=jpg"
    assert not (shell.directory / "build" / "thumbs").exists()
    photo = indexed_photos(shell.environment["INDEX_URL"], shell.bundle)["photo-00003"].photo
    assert photo.original_url == f"{server.url}/ok/3"
    assert photo.attribution.text == "Photo by Anna O'Hara on Unsplash"

    asked = server.asked["/ok/3"]
    again = shell.run("unsplash", lite)
    assert "0 photos indexed, 15 unchanged, 0 removed, 4 failed" in again.stdout
    assert server.asked["/ok/3"] == asked


def test_unsplash_pictures_may_lie_in_a_directory(shell):
    write_pictures(shell.directory / "images", 3)
    rows = [photo_row(number, photo_id=f"{number:03}") for number in range(3)]
    write_directory(shell.directory / "lite", {"photos.tsv000": table(rows)})

    done = shell.run("unsplash", shell.directory / "lite", "--images", shell.directory / "images")

    assert done.returncode == 0, done.stderr
    assert shell.indexed() == {"000", "001", "002"}


def test_every_error_has_an_exit_code_and_only_passing_ones_are_worth_a_retry():
    assert exit_code(errors.DiskFull("")) == 75
    assert exit_code(errors.IndexUnavailable("")) == 75
    assert exit_code(errors.TooManyFailures("", transient=True)) == 75
    assert exit_code(errors.TooManyFailures("")) == 2
    for leaf in (errors.SettingsError, errors.SourceInvalid, errors.ModelError):
        assert exit_code(leaf("")) == 2


def test_help_is_no_error(capsys):
    assert main(["--help"]) == 0
    assert "ingest" in capsys.readouterr().out


def test_a_search_imports_nothing_of_the_job(shell):
    write_pictures(shell.photos, 1)
    shell.run("folder", shell.photos)

    code = (
        "import sys; from ingest.command import main; main(['search', 'red']);"
        "sys.exit(sum(name in sys.modules for name in ('pyarrow', 'tqdm', 'pillow_heif')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=shell.directory, env=shell.environment, check=False
    )

    assert done.returncode == 0
