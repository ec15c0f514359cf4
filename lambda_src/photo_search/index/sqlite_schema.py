"""Tables of the SQLite index, its version, and the facts that are kept once for each file."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from photo_search.arrays import Float32Array
from photo_search.errors import FingerprintMismatch, IndexCorrupt, IndexNotFound, PhotoIndexError
from photo_search.index.photo_row import PHOTO_TABLE
from photo_search.index.words import LATIN_LETTERS

SCHEMA_VERSION = 3
_APPLICATION_ID = 0x70687378  # "phsx": tells the file from another program's

_TEXT_COLUMNS = ("description", "keywords", "place", "city", "country", "photographer")
_COLUMN_LIST = ", ".join(_TEXT_COLUMNS)


def _plain(prefix: str = "") -> str:
    """SQL for the text columns in plain letters; FTS5 itself takes accents off, and no more."""
    columns = []
    for column in (prefix + name for name in _TEXT_COLUMNS):
        plain = column
        for letter, letters in LATIN_LETTERS.items():
            plain = f"replace({plain}, '{letter}', '{letters}')"
        # Text of one byte a character, as most is, has nothing to replace, which takes 10 us.
        columns.append(f"iif(length({column}) = length(CAST({column} AS BLOB)), {column}, {plain})")
    return ", ".join(columns)


_STATEMENTS = (
    f"PRAGMA application_id={_APPLICATION_ID}",
    f"PRAGMA user_version={SCHEMA_VERSION}",
    # One row. `revision` grows with every batch; `centre` is taken anew when `centre_lasts` more
    # photos were stored, replaced or taken out.
    """
    CREATE TABLE facts(
        fingerprint TEXT NOT NULL,
        dimension INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        centre BLOB NOT NULL,
        centre_lasts INTEGER NOT NULL
    )
    """,
    PHOTO_TABLE,
    "CREATE INDEX photos_by_orientation ON photos(orientation)",
    "CREATE INDEX photos_by_photographer ON photos(photographer_key)",
    "CREATE INDEX photos_by_username ON photos(username_key)",
    "CREATE INDEX photos_by_country ON photos(country_key)",
    "CREATE INDEX photos_by_camera ON photos(camera_key)",
    "CREATE INDEX photos_by_time ON photos(taken_ms)",
    "CREATE TABLE photo_colours(slot, colour, PRIMARY KEY(slot, colour)) WITHOUT ROWID",
    "CREATE INDEX photo_colours_by_colour ON photo_colours(colour, slot)",
    # `live` has one bit for each slot; `revision` is that of the last batch that touched the block.
    """
    CREATE TABLE blocks(
        block_id INTEGER PRIMARY KEY,
        revision INTEGER NOT NULL,
        live BLOB NOT NULL
    )
    """,
    # Apart from `blocks`: an UPDATE there must not write these megabytes again.
    """
    CREATE TABLE block_data(
        block_id INTEGER PRIMARY KEY,
        embeddings BLOB NOT NULL,
        sign_bits BLOB NOT NULL
    )
    """,
    f"CREATE VIEW photo_words(slot, {_COLUMN_LIST}) AS SELECT slot, {_plain()} FROM photos",  # noqa: S608 - constants alone
    f"""
    CREATE VIRTUAL TABLE photo_text USING fts5(
        {_COLUMN_LIST},
        content='photo_words', content_rowid='slot', tokenize='porter unicode61 remove_diacritics 2'
    )
    """,
    f"""
    CREATE TRIGGER photos_inserted AFTER INSERT ON photos BEGIN
        INSERT INTO photo_text(rowid, {_COLUMN_LIST}) VALUES(new.slot, {_plain("new.")});
    END
    """,
    f"""
    CREATE TRIGGER photos_deleted AFTER DELETE ON photos BEGIN
        INSERT INTO photo_text(photo_text, rowid, {_COLUMN_LIST})
        VALUES('delete', old.slot, {_plain("old.")});
        DELETE FROM photo_colours WHERE slot = old.slot;
    END
    """,  # noqa: S608 - constants alone
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the file says of itself.

    Attributes:
        fingerprint: Embedding space.
        dimension: D.
    """

    fingerprint: str
    dimension: int


def create_tables(connection: sqlite3.Connection, facts: Facts) -> None:
    """Make the tables in the caller's transaction; leave those of an index of our version alone.

    An older version's index of the same embedding space is emptied: whoever fills an index can do
    it again.
    """
    if _is_outdated(connection, facts.fingerprint):
        _drop_tables(connection)
    if not _is_empty(connection):
        return
    for statement in _STATEMENTS:
        connection.execute(statement)
    centre = np.zeros(facts.dimension, "<f4").tobytes()
    connection.execute(
        "INSERT INTO facts VALUES(?, ?, 0, ?, 0)", (facts.fingerprint, facts.dimension, centre)
    )


def read_facts(connection: sqlite3.Connection, path: Path, *, fingerprint: str) -> Facts:
    """Check that the file is an index of our version and of the given embedding space.

    Raises:
        IndexNotFound: The file is empty: its maker has not come to the first table.
        IndexCorrupt: The file is no index.
        FingerprintMismatch: It holds another embedding space.
        PhotoIndexError: It has another schema version.
    """
    if _is_empty(connection):
        msg = f"there is no index in {path}: the file is empty"
        raise IndexNotFound(msg)
    if _pragma(connection, "application_id") != _APPLICATION_ID:
        msg = f"{path} is no photo index"
        raise IndexCorrupt(msg)
    version = _pragma(connection, "user_version")
    if version != SCHEMA_VERSION:
        msg = (
            f"the index {path} has schema version {version}, this program reads {SCHEMA_VERSION}: "
            "ingest again"
        )
        raise PhotoIndexError(msg)
    row = connection.execute("SELECT fingerprint, dimension FROM facts").fetchone()
    if row is None or not isinstance(row[1], int):
        msg = f"the index {path} is damaged: it does not say what it holds"
        raise IndexCorrupt(msg)
    if row[0] != fingerprint:
        msg = (
            f"the index {path} holds embeddings of {row[0]}, the model is {fingerprint}: "
            "ingest again with it"
        )
        raise FingerprintMismatch(msg)
    return Facts(fingerprint=row[0], dimension=row[1])


def read_revision(connection: sqlite3.Connection) -> int:
    """Number of batches stored so far."""
    return int(connection.execute("SELECT revision FROM facts").fetchone()[0])


def read_centre(connection: sqlite3.Connection) -> tuple[Float32Array, int]:
    """The centre ``(D,)`` that sign bits are packed with, and after how many changes it ages."""
    centre, lasts = connection.execute("SELECT centre, centre_lasts FROM facts").fetchone()
    return np.frombuffer(centre, "<f4"), int(lasts)


def _is_outdated(connection: sqlite3.Connection, fingerprint: str) -> bool:
    if _is_empty(connection) or _pragma(connection, "application_id") != _APPLICATION_ID:
        return False
    if _pragma(connection, "user_version") >= SCHEMA_VERSION:
        return False
    found: tuple[str] | None = connection.execute("SELECT fingerprint FROM facts").fetchone()
    return found == (fingerprint,)


def _drop_tables(connection: sqlite3.Connection) -> None:
    # The virtual table takes its own tables with it, so it goes first.
    for condition in ("sql LIKE 'CREATE VIRTUAL %'", "name NOT LIKE 'sqlite_%'"):
        kinds = "type IN ('table', 'view')"
        names = connection.execute(
            f"SELECT type, name FROM sqlite_schema WHERE {kinds} AND {condition}"  # noqa: S608 - constants alone
        ).fetchall()
        for kind, name in names:
            connection.execute(f'DROP {kind} "{name}"')


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is None


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
