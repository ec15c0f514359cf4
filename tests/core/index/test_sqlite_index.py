from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from benchmarks.knn import Cone
from photo_search.errors import (
    DiskFull,
    FingerprintMismatch,
    IndexCorrupt,
    IndexNotFound,
    IndexReadOnly,
    IndexUnavailable,
    PhotoIndexError,
    PhotoSearchError,
)
from photo_search.index import create_index, open_index
from photo_search.index.embedding_blocks import BLOCK_ROWS
from photo_search.index.protocol import KnnQuery, TextQuery
from photo_search.index.sqlite import SqliteIndex
from photo_search.index.sqlite_file import SqliteFile
from tests.core.index.file_checks import assert_file_is_whole
from tests.core.index.samples import (
    DIMENSION,
    FINGERPRINT,
    collection,
    cone_rows,
    embedded,
    unit_rows,
)


def opened(path: Path) -> closing[SqliteIndex]:
    return closing(SqliteIndex.open(path, fingerprint=FINGERPRINT))


def created(path: Path, **options: float) -> closing[SqliteIndex]:
    return closing(
        SqliteIndex.create(path, fingerprint=FINGERPRINT, dimension=DIMENSION, **options)
    )


def test_a_url_leads_to_the_file_and_its_folders_are_made(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a b/#c?d%41/photos.db"

    with closing(create_index(url, fingerprint=FINGERPRINT, dimension=DIMENSION)) as index:
        index.upsert(collection(3))

    assert (tmp_path / "a b" / "#c?d%41" / "photos.db").is_file()
    with closing(open_index(url, fingerprint=FINGERPRINT)) as index:
        assert index.count() == 3


def test_a_missing_or_empty_file_is_not_found(sqlite_path: Path) -> None:
    with pytest.raises(IndexNotFound, match=r"photos\.db"):
        SqliteIndex.open(sqlite_path, fingerprint=FINGERPRINT)
    assert not sqlite_path.exists()

    sqlite_path.touch()
    with pytest.raises(IndexNotFound, match="empty"):
        SqliteIndex.open(sqlite_path, fingerprint=FINGERPRINT)
    with created(sqlite_path) as index:
        assert index.count() == 0


def test_another_embedding_space_is_refused_and_both_are_named(sqlite_path: Path) -> None:
    with created(sqlite_path):
        pass

    for make in (
        lambda: SqliteIndex.open(sqlite_path, fingerprint="space-b"),
        lambda: SqliteIndex.create(sqlite_path, fingerprint="space-b", dimension=DIMENSION),
    ):
        with pytest.raises(FingerprintMismatch, match=r"space-a.*space-b"):
            make()
    with pytest.raises(PhotoIndexError, match=r"24 dimensions.* 25"):
        SqliteIndex.create(sqlite_path, fingerprint=FINGERPRINT, dimension=25)


def test_another_schema_version_is_refused_by_number(sqlite_path: Path) -> None:
    with created(sqlite_path):
        pass
    with closing(sqlite3.connect(sqlite_path)) as connection:
        connection.execute("PRAGMA user_version=99")

    with pytest.raises(PhotoIndexError, match=r"version 99.*reads 3"):
        SqliteIndex.open(sqlite_path, fingerprint=FINGERPRINT)


def test_files_that_are_no_index_are_corrupt(sqlite_path: Path) -> None:
    sqlite_path.write_bytes(b"not a database, but long enough to look like a file" * 100)
    with pytest.raises(IndexCorrupt):
        SqliteIndex.open(sqlite_path, fingerprint=FINGERPRINT)

    sqlite_path.unlink()
    with closing(sqlite3.connect(sqlite_path)) as connection:
        connection.execute("CREATE TABLE other(x)")
    with pytest.raises(IndexCorrupt, match="no photo index"):
        SqliteIndex.open(sqlite_path, fingerprint=FINGERPRINT)


def test_an_index_open_for_reading_takes_no_writes(
    sqlite_index: SqliteIndex, sqlite_path: Path
) -> None:
    with opened(sqlite_path) as reader:
        with pytest.raises(IndexReadOnly):
            reader.upsert(collection(1))
        with pytest.raises(IndexReadOnly):
            reader.delete(["x"])


def test_a_closed_index_says_so(sqlite_index: SqliteIndex) -> None:
    sqlite_index.close()

    with pytest.raises(PhotoIndexError, match="closed"):
        sqlite_index.count()


def test_a_reader_sees_every_stored_batch_at_once(
    sqlite_index: SqliteIndex, sqlite_path: Path
) -> None:
    photos = collection(60)
    sqlite_index.upsert(photos[:20])
    with opened(sqlite_path) as reader:
        for end in (40, 60):
            sqlite_index.upsert(photos[end - 20 : end])
            newest = photos[end - 1]
            hit = reader.knn(KnnQuery(newest.embedding, k=1)).hits[0]
            assert hit.photo == newest.photo
            assert reader.count() == end
        sqlite_index.delete([photos[0].photo.photo_id])
        assert reader.knn(KnnQuery(photos[0].embedding, k=1)).hits[0].photo != photos[0].photo


def test_a_reader_reads_again_only_what_changed(
    sqlite_index: SqliteIndex, sqlite_path: Path
) -> None:
    photos = collection(2 * BLOCK_ROWS + 10)
    sqlite_index.upsert(photos)
    with opened(sqlite_path) as reader:
        before = reader._blocks
        sqlite_index.upsert([photos[BLOCK_ROWS + 5]])
        reader.knn(KnnQuery(photos[0].embedding, k=1))
        after = reader._blocks

    assert before is not None
    assert after is not None
    kept = [old is new for old, new in zip(before.blocks, after.blocks, strict=True)]
    assert kept == [True, False, True]


def test_slots_are_used_again_so_that_updates_do_not_grow_the_file(
    sqlite_index: SqliteIndex, sqlite_path: Path
) -> None:
    photos = collection(BLOCK_ROWS)
    sqlite_index.upsert(photos)
    for _ in range(3):
        sqlite_index.upsert(photos[:100])
        sqlite_index.delete([e.photo.photo_id for e in photos[100:200]])
        sqlite_index.upsert(photos[100:200])

    with closing(sqlite3.connect(sqlite_path)) as connection:
        assert connection.execute("SELECT count(*) FROM blocks").fetchone() == (1,)
    assert_file_is_whole(sqlite_path)


def test_sign_bits_find_nearly_all_of_the_true_neighbours(tmp_path: Path) -> None:
    cone = Cone()
    stored = cone.images(25_000)
    path = tmp_path / "large.db"
    with closing(
        SqliteIndex.create(path, fingerprint=FINGERPRINT, dimension=cone.dimension)
    ) as index:
        for start in range(0, len(stored), 5000):
            batch = stored[start : start + 5000]
            index.upsert([embedded(f"{start + n:06}", row) for n, row in enumerate(batch)])
        for queries in (cone.images(100), cone.texts(100)):
            found = compared = 0
            for query in queries:
                quick = {h.photo.photo_id for h in index.knn(KnnQuery(query, k=10)).hits}
                exact = index.knn(KnnQuery(query, k=10, exact=True)).hits
                found += len(quick & {h.photo.photo_id for h in exact})
                assert index._blocks is not None
                compared += len(index._blocks.cosines(query)[0])
            assert found / (10 * len(queries)) >= 0.999
            assert compared / len(queries) < 0.08 * len(stored)
    assert_file_is_whole(path)


def test_signs_follow_a_collection_whose_photos_are_replaced(sqlite_index: SqliteIndex) -> None:
    photos = {
        seed: [embedded(f"{seed}-{n}", row) for n, row in enumerate(cone_rows(1500, 24, seed=seed))]
        for seed in (1, 2)
    }
    for seed in photos:
        sqlite_index.upsert(photos[seed])
    sqlite_index.delete([e.photo.photo_id for e in photos[1]])
    sqlite_index.upsert(photos[2][:1])

    sqlite_index.knn(KnnQuery(photos[2][0].embedding, k=1))

    assert sqlite_index._blocks is not None
    mean = np.mean([e.embedding for e in photos[2]], axis=0)
    np.testing.assert_allclose(sqlite_index._blocks.centre, mean, atol=0.01)


def test_a_published_copy_is_one_file_with_the_same_answers(
    sqlite_index: SqliteIndex, tmp_path: Path
) -> None:
    photos = collection(50)
    sqlite_index.upsert(photos)
    target = tmp_path / "published" / "photos.db"
    target.parent.mkdir()
    target.write_bytes(b"an older one")

    sqlite_index.publish(target)

    assert [path.name for path in target.parent.iterdir()] == ["photos.db"]
    query = KnnQuery(unit_rows(1, seed=8)[0], k=20)
    with opened(target) as copy:
        assert copy.knn(query) == sqlite_index.knn(query)
    assert [path.name for path in target.parent.iterdir()] == ["photos.db"]


def test_publishing_over_an_index_that_was_killed_leaves_nothing_of_its_log(
    sqlite_index: SqliteIndex, tmp_path: Path
) -> None:
    sqlite_index.upsert(collection(3))
    target, copied = tmp_path / "target.db", tmp_path / "killed.db"
    with created(target) as old:
        old.upsert(collection(40, seed=1, prefix="old"))
        # What a kill leaves: the file and the log as they are while it is open.
        shutil.copy(target, copied)
        shutil.copy(f"{target}-wal", f"{copied}-wal")

        with pytest.raises(IndexUnavailable, match="open in another process"):
            sqlite_index.publish(target)
        assert old.count() == 40

    sqlite_index.publish(copied)

    with opened(copied) as published:
        assert published.count() == 3
    assert_file_is_whole(copied)


def test_the_log_lets_readers_go_on_while_a_batch_is_written(
    sqlite_index: SqliteIndex, sqlite_path: Path
) -> None:
    sqlite_index.upsert(collection(3))

    with closing(sqlite3.connect(sqlite_path, isolation_level=None)) as writer:
        assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        writer.execute("BEGIN EXCLUSIVE")
        with opened(sqlite_path) as reader:
            assert reader.count() == 3


def test_two_writers_take_turns_and_neither_fails(sqlite_path: Path) -> None:
    rows, batches = unit_rows(2), 40

    def write(writer: int) -> None:
        with created(sqlite_path) as index:
            for number in range(batches):
                index.upsert([embedded(f"{writer}-{number}", rows[writer])])

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(write, writer) for writer in range(2)]:
            done.result()

    with opened(sqlite_path) as index:
        assert index.count() == 2 * batches


def test_a_writer_of_batch_after_batch_lets_another_in(sqlite_path: Path) -> None:
    file, done = SqliteFile(sqlite_path, writable=True), threading.Event()

    def write_without_pause() -> None:
        while not done.is_set():
            with file.writing():
                time.sleep(0.02)

    with ThreadPoolExecutor(1) as pool, closing(file):
        pool.submit(write_without_pause)
        try:
            with created(sqlite_path, busy_timeout_s=2.0) as index:
                index.upsert([embedded("a", unit_rows(1)[0])])
                assert index.count() == 1
        finally:
            done.set()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter, unlike tmp_path."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_an_index_in_a_folder_that_nobody_can_write_is_read(open_folder: Path) -> None:
    path = open_folder / "photos.db"
    with created(path) as index:
        index.upsert(collection(5))
    assert sorted(p.name for p in open_folder.iterdir()) == ["photos.db"]
    path.chmod(0o444)
    open_folder.chmod(0o555)

    child = os.fork()
    if child == 0:  # root may write anywhere: the child gives its rights up first
        status = 1
        try:
            if os.getuid() == 0:
                os.setuid(65534)
            with opened(path) as index:
                status = 0 if index.count() == 5 else 2
        finally:
            os._exit(status)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_full_disk_stores_nothing_of_the_batch(sqlite_path: Path) -> None:
    with created(sqlite_path) as index:
        index.upsert(collection(100))
        with index._file.reading() as connection:
            connection.execute("PRAGMA max_page_count=1")  # as many as there are: none to add

        with pytest.raises(DiskFull, match=r"photos\.db"):
            index.upsert(collection(BLOCK_ROWS, prefix="more"))

        assert index.count() == 100
    assert_file_is_whole(sqlite_path)


def test_a_locked_file_is_unavailable_and_worth_retrying(sqlite_path: Path) -> None:
    with created(sqlite_path, busy_timeout_s=0.05) as index:
        with closing(sqlite3.connect(sqlite_path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(IndexUnavailable) as caught:
                index.upsert(collection(1))
            assert index.count() == 0
        assert caught.value.retry_after_s > 0
        index.upsert(collection(1))


def test_a_photo_that_cannot_be_stored_is_named_and_its_batch_is_not(
    sqlite_index: SqliteIndex,
) -> None:
    row = unit_rows(1)[0]
    for field, value in (("path", "\udcff.jpg"), ("width", 1 << 70)):
        with pytest.raises(PhotoIndexError, match="bad-one"):
            sqlite_index.upsert([embedded("a", row), embedded("bad-one", row, **{field: value})])
    assert sqlite_index.count() == 0
    assert sqlite_index.get("\udcff") is None


def test_readers_in_threads_see_whole_batches_while_another_process_writes(
    sqlite_index: SqliteIndex, sqlite_path: Path
) -> None:
    batches, size = 30, 50
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.core.index.batch_writer", sqlite_path, str(batches)],
        cwd=Path(__file__).parents[3],
        env={"PYTHONPATH": "lambda_src:."},
    )
    wrong: list[object] = []

    def read(reader: SqliteIndex) -> None:
        query = unit_rows(1, seed=7)[0]
        last = 0
        while last < batches * size and not wrong:
            try:
                count = reader.count()
                page = reader.knn(KnnQuery(query, k=100))
                reader.match_text(TextQuery("cat", k=20))
            except PhotoSearchError as error:
                wrong.append(error)
                return
            if count % size or count < last or len(page.hits) < min(100, count):
                wrong.append((count, last, len(page.hits)))
            last = count

    with opened(sqlite_path) as reader:
        threads = [threading.Thread(target=read, args=(reader,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        assert writer.wait(240) == 0
        for thread in threads:
            thread.join(240)

    assert wrong == []


def flip_bits(path: Path, flips: int, seed: int) -> tuple[int, int]:
    """Open and question a copy with one bit changed, again and again: how many raised, and not."""
    whole = path.read_bytes()
    rng = np.random.default_rng(seed)
    damaged = path.with_name("damaged.db")
    raised = answered = 0
    for _ in range(flips):
        altered = bytearray(whole)
        # Half of them in the first pages: header, schema and indexes are a small part of the file.
        at = int(rng.integers(16 * 4096 if rng.random() < 0.5 else len(whole)))
        altered[at] ^= 1 << int(rng.integers(8))
        damaged.write_bytes(altered)
        try:
            with opened(damaged) as index:
                for hit in index.knn(KnnQuery(unit_rows(1)[0], k=50)).hits:
                    index.get(hit.photo.photo_id)
                index.match_text(TextQuery("cat", k=50))
                list(index.photo_ids())
            answered += 1
        except PhotoIndexError:
            raised += 1
    return raised, answered


@pytest.mark.parametrize("flips", [100, pytest.param(3000, marks=pytest.mark.slow)])
def test_a_flipped_bit_is_reported_or_harmless(tmp_path: Path, flips: int) -> None:
    path = tmp_path / "photos.db"
    with created(path) as index:
        index.upsert(collection(300))

    raised, answered = flip_bits(path, flips, seed=flips)

    assert raised
    assert answered


def test_a_truncated_file_is_corrupt(sqlite_path: Path) -> None:
    with created(sqlite_path) as index:
        index.upsert(collection(300))
    whole = sqlite_path.read_bytes()

    for size in (1000, len(whole) // 2, len(whole) - 4096):
        sqlite_path.write_bytes(whole[:size])
        with pytest.raises(PhotoIndexError), opened(sqlite_path) as index:
            index.knn(KnnQuery(unit_rows(1)[0], k=300))
