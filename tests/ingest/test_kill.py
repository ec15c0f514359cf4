"""Promise 1: an ingest that is killed at any point goes on where it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from photo_search.index import EmbeddedPhoto
from photo_search.model_bundle import ModelBundle
from tests.conftest import REPOSITORY
from tests.ingest.conftest import indexed_photos
from tests.ingest.pictures import jpeg, picture, write_pictures

PHOTOS = 60
LARGE_PHOTOS = 40
LARGE_PHOTO = jpeg(picture(size=(2000, 1500)))
PATIENCE_S = 60.0
ENVIRONMENT = {"PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'lambda_src'}"}


def start(photos: Path, directory: Path, model: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.ingest.small_shards_job", photos, directory, model],
        cwd=REPOSITORY,
        env=ENVIRONMENT,
        start_new_session=True,
    )


def wait_for_work(process: subprocess.Popen[bytes], directory: Path) -> None:
    """Let the interpreter start and import, which is not what the test is about."""
    deadline_s = time.monotonic() + PATIENCE_S
    while process.poll() is None and not (directory / "work" / "shards").exists():
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        assert time.monotonic() < deadline_s, "workers outlive the job that was killed"
        time.sleep(0.01)


def run_with_kills(photos: Path, model: Path, directory: Path, *, kills: int, seed: int) -> int:
    """Kill runs at random points, then let one finish; returns how many were still at work."""
    chance = np.random.default_rng(seed)
    landed = 0
    for _ in range(kills):
        process = start(photos, directory, model)
        wait_for_work(process, directory)
        try:
            process.wait(timeout=chance.uniform(0.0, 1.5))
        except subprocess.TimeoutExpired:
            landed += 1
        kill(process)
    assert start(photos, directory, model).wait(timeout=PATIENCE_S) == 0
    return landed


def check(directory: Path, bundle: ModelBundle, undisturbed: dict[str, EmbeddedPhoto]) -> None:
    found = indexed_photos(f"sqlite:///{directory / 'photos.db'}", bundle)
    assert found.keys() == undisturbed.keys()
    for photo_id, embedded in undisturbed.items():
        assert found[photo_id].photo == embedded.photo
        # Batches fall differently after a kill, which may change a sum's last bit.
        np.testing.assert_allclose(found[photo_id].embedding, embedded.embedding, atol=1e-3)
    assert {path.stem for path in (directory / "thumbs").iterdir()} == undisturbed.keys()
    assert list(directory.rglob("*.partial")) == []
    report = json.loads((directory / "work" / "report.json").read_text())
    assert report["indexed"] + report["unchanged"] == report["found"] == PHOTOS


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("photos")
    write_pictures(directory, PHOTOS)
    return directory


@pytest.fixture(scope="module")
def undisturbed(
    photos: Path,
    tiny_bundle_dir: Path,
    tiny_bundle: ModelBundle,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, EmbeddedPhoto]:
    directory = tmp_path_factory.mktemp("undisturbed")
    assert start(photos, directory, tiny_bundle_dir).wait(timeout=PATIENCE_S) == 0
    return indexed_photos(f"sqlite:///{directory / 'photos.db'}", tiny_bundle)


def test_a_killed_ingest_resumes_and_nothing_is_lost_or_twice(
    photos, undisturbed, tiny_bundle_dir, tiny_bundle, tmp_path
):
    run_with_kills(photos, tiny_bundle_dir, tmp_path, kills=3, seed=int(time.time()))

    check(tmp_path, tiny_bundle, undisturbed)


@pytest.mark.proof
def test_fifty_kills_lose_nothing(
    photos, undisturbed, tiny_bundle_dir, tiny_bundle, tmp_path_factory, capsys
):
    seed = int(time.time())
    landed = 0
    for round_number in range(10):
        directory = tmp_path_factory.mktemp("killed")
        landed += run_with_kills(
            photos, tiny_bundle_dir, directory, kills=5, seed=seed + round_number
        )
        check(directory, tiny_bundle, undisturbed)
    with capsys.disabled():
        print(f"\nseed {seed}: {landed} of 50 runs killed before their end; lost 0, twice 0")


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_stops_quietly_with_75_and_the_next_run_goes_on(
    tiny_bundle_dir, tiny_bundle, tmp_path
):
    # Big enough that a busy machine does not finish them before it lets this process interrupt.
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(LARGE_PHOTOS):
        (photos / f"{number}.jpg").write_bytes(LARGE_PHOTO)
    command = [
        *(sys.executable, "-m", "ingest", "folder", photos, "--workers", "2", "--batch", "2"),
        *("--work", tmp_path / "work", "--thumbs", tmp_path / "thumbs"),
        *("--index", f"sqlite:///{tmp_path / 'photos.db'}", "--model", tiny_bundle_dir),
    ]
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline_s = time.monotonic() + PATIENCE_S
    while not list((tmp_path / "thumbs").glob("*.webp")):
        assert time.monotonic() < deadline_s
        time.sleep(0.005)

    # As a terminal does it: to the job and to its workers.
    os.killpg(process.pid, signal.SIGINT)
    _, complaint = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 75
    assert complaint == "photo-search: stopped; run the same command again to go on\n"
    assert subprocess.run(command, cwd=REPOSITORY, env=ENVIRONMENT, check=False).returncode == 0
    indexed = indexed_photos(f"sqlite:///{tmp_path / 'photos.db'}", tiny_bundle)
    assert len(indexed) == LARGE_PHOTOS
    assert {path.stem for path in (tmp_path / "thumbs").iterdir()} == indexed.keys()
    assert list(tmp_path.rglob("*.partial")) == []
