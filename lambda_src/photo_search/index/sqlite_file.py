"""SqliteFile: connections to one SQLite file, its transactions, and SQLite's errors in our words.

Knows nothing of tables.
"""

from __future__ import annotations

import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from photo_search.errors import (
    DiskFull,
    IndexCorrupt,
    IndexReadOnly,
    IndexUnavailable,
    PhotoIndexError,
    PhotoSearchError,
)

BUSY_TIMEOUT_S = 10.0
"""How long a writer waits for another before it gives up; readers never wait."""

# https://www.sqlite.org/rescode.html; the low byte of an extended code is the primary one.
_PRIMARY_MASK = 0xFF
_BUSY_CODES = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_CORRUPT_CODES = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
# A full disk shows as SQLITE_FULL, or as this where the shared-memory file cannot grow.
_FULL_EXTENDED_CODES = {sqlite3.SQLITE_IOERR_SHMSIZE}
_TRUNCATED_EXTENDED_CODES = {sqlite3.SQLITE_IOERR_SHORT_READ}
_NEEDS_WRITABLE_DIRECTORY = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
_WAL_LIMIT_BYTES = 64 << 20
_IMMUTABLE = "mode=ro&immutable=1"
# SQLite waits 1 and 2 ms, later 100 ms, before it asks again (sqliteDefaultBusyCallback), and the
# next batch of a writer would follow in microseconds: all others would be shut out. So a writer
# that waits never gets to the long waits, and one that has written leaves longer than the short.
_ASK_FOR_MS = 3
_LET_OTHERS_IN_S = 0.004


class Damaged(Exception):
    """What was read makes no sense; leaves a transaction as IndexCorrupt, with the file's name."""


class SqliteFile:
    """Connections to one file, lent to one thread at a time."""

    def __init__(
        self,
        path: Path,
        *,
        writable: bool,
        immutable: bool = False,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> None:
        """Describe the file; the first transaction opens it.

        Args:
            path: The file.
            writable: False opens an existing file for reading; True makes one where there is none.
            immutable: Nobody will write it, so that it is read without locks.
            busy_timeout_s: How long a writer waits for another.
        """
        self.path = path
        self.writable = writable
        self._busy_timeout_s = busy_timeout_s
        self._parameters = "mode=rwc" if writable else _IMMUTABLE if immutable else "mode=ro"
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._closed = False
        self._wrote_at_s = -math.inf

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One unchanging view of the file for the length of the block.

        Raises:
            PhotoIndexError: What SQLite said, by kind; see the error tree.
        """
        with self._transaction(lambda connection: connection.execute("BEGIN")) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of the block or, whatever happens, nothing of it is stored.

        Raises:
            IndexReadOnly: The file is open for reading.
            DiskFull: There is no room.
            IndexUnavailable: Another writer took longer than the busy timeout.
            PhotoIndexError: What else SQLite said, by kind.
        """
        if not self.writable:
            msg = f"the index {self.path} is open for reading"
            raise IndexReadOnly(msg)
        with self._transaction(self._begin_writing) as connection:
            yield connection
        self._wrote_at_s = time.monotonic()

    def copy_to(self, path: Path) -> None:
        """Write a compact copy to a path where nothing lies: one file that needs no log beside it.

        Raises:
            DiskFull: There is no room.
            PhotoIndexError: What else SQLite said, by kind.
        """
        with translated_errors(path):
            connection = self._take()
            try:
                connection.execute("VACUUM INTO ?", (str(path),))
            finally:
                connection.close()
            with closing(sqlite3.connect(path, isolation_level=None)) as copy:
                copy.execute("PRAGMA journal_mode=DELETE")

    def close(self) -> None:
        """Close every connection; those lent out close when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _transaction(
        self, begin: Callable[[sqlite3.Connection], object]
    ) -> Iterator[sqlite3.Connection]:
        with translated_errors(self.path):
            connection = self._take()
            try:
                begin(connection)
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # Closing rolls back, even where ROLLBACK would fail.
                connection.close()
                raise
            self._give(connection)

    def _begin_writing(self, connection: sqlite3.Connection) -> None:
        time.sleep(max(0.0, self._wrote_at_s + _LET_OTHERS_IN_S - time.monotonic()))
        deadline = time.monotonic() + self._busy_timeout_s
        connection.execute(f"PRAGMA busy_timeout={_ASK_FOR_MS}")
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                break
            except sqlite3.OperationalError as error:
                if _primary(error) not in _BUSY_CODES or time.monotonic() >= deadline:
                    raise
        connection.execute(f"PRAGMA busy_timeout={round(self._busy_timeout_s * 1000)}")

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                msg = f"the index {self.path} is closed"
                raise PhotoIndexError(msg)
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _give(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def _connect(self) -> sqlite3.Connection:
        try:
            return self._connect_with(self._parameters)
        except sqlite3.OperationalError as error:
            # A file in WAL mode needs two files beside it, which a read-only directory (a Lambda
            # image) cannot take. Nobody can write there: without a log the file is whole and stays.
            log = Path(f"{self.path}-wal")
            if self.writable or _primary(error) not in _NEEDS_WRITABLE_DIRECTORY or log.exists():
                raise
            self._parameters = _IMMUTABLE
            return self._connect_with(self._parameters)

    def _connect_with(self, parameters: str) -> sqlite3.Connection:
        uri = f"file:{quote(os.fsencode(self.path.absolute()))}?{parameters}"
        connection = sqlite3.connect(
            uri,
            uri=True,
            timeout=self._busy_timeout_s,
            isolation_level=None,  # transactions begin where we say so
            check_same_thread=False,  # one thread at a time, not always the same
        )
        try:
            if self.writable:
                connection.execute("PRAGMA journal_mode=WAL")
                # A batch reported as stored outlives a power cut, for one fsync a batch.
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute(f"PRAGMA journal_size_limit={_WAL_LIMIT_BYTES}")
            else:
                connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
        except BaseException:
            connection.close()
            raise
        return connection


def settle_log(path: Path) -> None:
    """Fold the log beside a file into it, so that it does not fall to a file put in its place.

    Raises:
        IndexUnavailable: Another process has the file open, so that the log stays.
        PhotoIndexError: What else SQLite said, by kind.
    """
    log = Path(f"{path}-wal")
    if not log.exists():
        return
    with translated_errors(path), closing(sqlite3.connect(path, isolation_level=None)) as last:
        last.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if log.exists():
        msg = f"the index {path} is open in another process and cannot be replaced"
        raise IndexUnavailable(msg)


@contextmanager
def translated_errors(path: Path) -> Iterator[None]:
    """Raise SQLite's errors, and Damaged, as PhotoIndexErrors that name the file."""
    try:
        yield
    # The sqlite3 module decodes SQLite's own messages, and a damaged schema is quoted in them.
    except (Damaged, UnicodeDecodeError) as error:
        raise IndexCorrupt(_damaged_message(path, error)) from error
    except sqlite3.Error as error:
        raise _translated(error, path) from error


def _primary(error: sqlite3.Error) -> int:
    # The sqlite3 module's own errors carry no code.
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY_MASK


def _translated(error: sqlite3.Error, path: Path) -> PhotoSearchError:
    code, primary = getattr(error, "sqlite_errorcode", 0), _primary(error)
    if primary == sqlite3.SQLITE_FULL or code in _FULL_EXTENDED_CODES:
        return DiskFull(f"no room left to write {path}: {error}")
    if primary in _BUSY_CODES:
        return IndexUnavailable(f"the index {path} is in use by another writer: {error}")
    if primary == sqlite3.SQLITE_READONLY:
        return IndexReadOnly(f"the index {path} may not be written: {error}")
    # "Could not decode to UTF-8" is the module's own error: it has no code.
    damaged_text = code == 0 and "UTF-8" in str(error)
    if primary in _CORRUPT_CODES or code in _TRUNCATED_EXTENDED_CODES or damaged_text:
        return IndexCorrupt(_damaged_message(path, error))
    return PhotoIndexError(f"the index {path} failed: {error}")


def _damaged_message(path: Path, error: Exception) -> str:
    return f"the index {path} is damaged; make it again: {error}"
